#!/bin/bash
# Makes the Debian package: the program, its manual and completions (written by the program itself), the unit, the
# settings, the documents and the licences of what is compiled in. Needs cargo-deb 3 (`cargo install cargo-deb`),
# dpkg-dev and python3. The same commit makes the same package.
#
# usage: deb.sh [--binary FILE] OUT
#   --binary  a program that is built already, to try the package; without it the program is built as it ships
#   OUT       the folder that gets the package
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

binary=
if [ "${1:-}" = --binary ]; then
  binary=$(realpath "$2")
  shift 2
fi
out=${1:?a folder for the package is needed}
mkdir -p "$out"
out=$(realpath "$out")

# The date of all that is made. Without git, say it in the environment.
SOURCE_DATE_EPOCH=${SOURCE_DATE_EPOCH:-$(git log -1 --format=%ct)}
export SOURCE_DATE_EPOCH

how=(--no-build --profile dist)
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
if [ -n "$binary" ]; then
  export CARGO_TARGET_DIR=$scratch
  mkdir "$scratch/dist"
  strip -o "$scratch/dist/retaind" "$binary"
  how+=(--fast)
else
  export CARGO_TARGET_DIR=${CARGO_TARGET_DIR:-$PWD/target}
  # Where things lie on the machine that builds is nobody's business and differs between machines.
  export RUSTFLAGS="${RUSTFLAGS:-} --remap-path-prefix=$PWD=. --remap-path-prefix=${CARGO_HOME:-$HOME/.cargo}=/cargo"
  cargo build --locked --profile dist --bin retaind
fi
stage=$CARGO_TARGET_DIR/dist
papers=$stage/papers
rm -rf "$papers"
mkdir -p "$papers"

"$stage/retaind" man --out "$papers/man"
gzip -9n "$papers/man"/*
for shell in bash zsh fish; do
  "$stage/retaind" completions "$shell" >"$papers/retaind.$shell"
done
python3 packaging/licences.py >"$papers/licences"

# The licences stand in the same file as the copyright, where Debian looks for both.
{
  printf 'retaind is licensed under the Apache License, version 2.0: /usr/share/common-licenses/Apache-2.0\n\n'
  cat "$papers/licences"
} >"$papers/copyright"
{
  printf 'retaind (%s-1) bookworm; urgency=medium\n\n' "$("$stage/retaind" -V | cut -d ' ' -f 2)"
  printf '  * See changelog.gz.\n\n'
  printf ' -- retaind developers <maintainers@retaind.example>  %s\n' "$(date -u -R -d "@$SOURCE_DATE_EPOCH")"
} | gzip -9n >"$papers/changelog.Debian.gz"
gzip -9nc CHANGELOG.md >"$papers/changelog.gz"

cargo deb "${how[@]}" --output "$out/"
