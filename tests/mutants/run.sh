#!/bin/bash
# Changes one line of what decides at a time, and asks whether a test notices: the mutants of cargo-mutants on `engine` and
# `condition`.
#
#   tests/mutants/run.sh FOLDER [ROOM [ARGUMENT OF mutate.py]...]
#
#   FOLDER  is made, outside the sources: a copy of the pure rooms as crates of their own, with their tests, the stories
#           (rules/*.test.yaml, tests/stories) and the broken projects (tests/bad)
#   ROOM    is changed: engine or condition; what becomes of each mutant stands in FOLDER/ROOM.json afterwards. Without it,
#           the copy is made and its tests are run as they are. With `five`, each patch of tests/mutants/five, which changes
#           one line, must fail the story that its first line names.
#
# Such as `run.sh /tmp/pure engine`, `run.sh /tmp/pure engine --only gate.rs`, `run.sh /tmp/pure condition --sample 1/4`.
# Wants python3 and cargo-mutants (cargo install cargo-mutants --locked). A quick linker, mold, is taken if it is there.
set -euo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
usage() { sed -n '2,15s/^# \{0,1\}//p' "${BASH_SOURCE[0]}" >&2; exit 2; }
[ $# -gt 0 ] || usage
folder=$1 room=${2:-}
shift $(( $# > 1 ? 2 : 1 ))
case $room in engine|condition|five|"") ;; *) usage ;; esac
mkdir -p "$folder"
folder=$(cd "$folder" && pwd)
case $folder/ in "$root"/*) echo "run.sh: $folder is among the sources, which stay as they are" >&2; exit 2 ;; esac

# What the pure rooms are made with.
outside=(cel compact_str croner foldhash hmac idna ipnet jiff minicbor minijinja pulldown-cmark saphyr-parser secrecy serde
  serde_json serde_yaml sha2 strsim thiserror url annotate-snippets insta proptest tempfile)

# A crate of some rooms. Their text is that of the sources; other rooms are found in it where they always are.
crate() {
  local name=$1 rooms=$2 before=$3 at=$folder/$1 of
  rm -rf "$at/src" "$at/tests"
  mkdir -p "$at/src"
  {
    printf '[package]\nname = "pure-%s"\nversion = "0.0.0"\nedition = "2024"\n\n' "$name"
    printf '[lib]\nname = "pure_%s"\ndoctest = false\n\n[dependencies]\n' "$name"
    for of in $before; do printf 'pure-%s = { path = "../%s" }\n' "$of" "$of"; done
    for of in "${outside[@]}"; do printf '%s = { workspace = true }\n' "$of"; done
  } >"$at/Cargo.toml"
  for of in $before; do printf 'pub use pure_%s::*;\n' "$of"; done >"$at/src/lib.rs"
  for of in $rooms; do
    printf 'pub mod %s;\n' "$of" >>"$at/src/lib.rs"
    cp -r "$root/src/$of" "$at/src/"
  done
  # Snapshots are found by the name of their crate.
  find "$at/src" -name 'retaind__*.snap' | while read -r of; do mv "$of" "${of/retaind__/pure_${name}__}"; done
}

crate base "domain calendar yaml config templates" ""
crate condition condition base
crate rules rules "base condition"
crate engine engine "base condition rules"
crate stories stories "base condition rules engine"
mkdir -p "$folder/stories/tests" "$folder/src/cli"
cp "$root/tests/mutants/projects.rs" "$folder/stories/tests/"
cp "$root/src/cli/diagnostics.rs" "$folder/src/cli/"
for of in rules stories; do
  rm -rf "${folder:?}/$of"/{rules,templates,retaind.yaml,schema.yaml}
  cp -r "$root"/{rules,templates,retaind.yaml,schema.yaml} "$folder/$of/"
done
cp -r "$root"/tests/{bad,stories} "$folder/stories/tests/"
cp "$root/Cargo.lock" "$folder/"
{
  printf '[workspace]\nresolver = "3"\nmembers = ["base", "condition", "rules", "engine", "stories"]\n\n'
  printf '[workspace.dependencies]\n'
  for of in "${outside[@]}"; do grep -E "^$of = " "$root/Cargo.toml"; done
  printf '\n[profile.dev]\ndebug = false\n[profile.dev.package."*"]\nopt-level = 1\n'
  printf '[profile.dev.package.pure-base]\nopt-level = 1\n'
} >"$folder/Cargo.toml"

cd "$folder"
export CARGO_TARGET_DIR=$folder/target CARGO_INCREMENTAL=1 INSTA_UPDATE=no INSTA_WORKSPACE_ROOT=$folder
! command -v mold >/dev/null || export RUSTFLAGS="${RUSTFLAGS:-} -C link-arg=-fuse-ld=mold"
# Each patch, alone, and what the stories say of it.
five() {
  local of story said
  for of in "$root"/tests/mutants/five/*.patch; do
    story=$(sed -n '1s/^Fails: //p' "$of")
    patch --quiet --directory engine --strip 1 --input "$of"
    if said=$(cargo test --quiet --package pure-stories --test projects stories 2>&1); then
      echo "run.sh: no story fails under $(basename "$of")" >&2; exit 1
    fi
    patch --quiet --directory engine --strip 1 --reverse --input "$of"
    said=$(grep -oE '[a-z-]+\.test\.yaml: .* (None|Some\(".*"\)): \[$' <<<"$said" || true)
    [ -n "$said" ] || { echo "run.sh: $(basename "$of") does not compile" >&2; exit 1; }
    grep -qF ": $story " <<<"$said" || { echo "run.sh: under $(basename "$of") not \"$story\" fails but: $said" >&2; exit 1; }
    echo "$(basename "$of" .patch): \"$story\" fails, with $(($(wc -l <<<"$said") - 1)) others"
  done
}

case $room in
  "") cargo test --package pure-condition --package pure-rules --package pure-engine --package pure-stories ;;
  five) five ;;
  *) nice "$root/tests/mutants/mutate.py" "$folder" "$room" "$@" ;;
esac
