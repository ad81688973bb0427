#!/bin/bash
# A daemon answers as its own /openapi.json says, whatever it is sent: schemathesis makes calls up from the document,
# such as are right by it and such as are not, and holds each answer against it.
#
#   tests/clients/schema.sh [--examples N] [--seed N]
#
#   --examples   how many an operation (default 200)
#   --seed       of what is made up (default 1): the same seed makes up the same calls
#
# Wants `schemathesis` 4 on the path; where it is not installed this is skipped, and said. Wants python3. The program
# is $RETAIND_BIN, or the one that cargo built last.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
examples=200 seed=1
while [ $# -gt 0 ]; do
  case $1 in
    --examples) examples=$2 ;;
    --seed) seed=$2 ;;
    *) echo "schema.sh: unknown argument $1" >&2; exit 2 ;;
  esac
  shift 2
done
command -v schemathesis >/dev/null || { echo "skipped: schemathesis is not installed" >&2; exit 0; }
bin=$(realpath "${RETAIND_BIN:-${CARGO_TARGET_DIR:-$here/../../target}/debug/retaind}")
[ -x "$bin" ] || { echo "there is no program at $bin; run cargo build" >&2; exit 2; }

shop=$(mktemp -d)
daemon=
# shellcheck disable=SC2317  # the trap calls it, whatever older versions think
finish() {
  [ -z "$daemon" ] || { kill -KILL "$daemon" && wait "$daemon"; } 2>/dev/null || true
  rm -rf "$shop"
}
trap finish EXIT
mkdir "$shop/rules"
# Always the same one, because schemathesis makes ids of it, too.
echo schemathesis-writes >"$shop/write.key"
# So that whatever arrives is looked at, as in a shop with rules. Nothing is declared: what a shop declares is not in the
# document, and would be refused where it is of another type.
echo 'regular: {when: orders.count >= 10}' >"$shop/rules/segments.yaml"
port=$(python3 -c 'import socket; print(socket.create_server(("127.0.0.1", 0)).getsockname()[1])')
cat >"$shop/retaind.yaml" <<YAML
business: {name: Shop, address: "1 Main Street", timezone: Africa/Nairobi}
http: {public: "127.0.0.1:$port", write_keys: [{file: write.key}], rate: 100000/s}
YAML
cd "$shop"
"$bin" run 2>log &
daemon=$!
url=http://127.0.0.1:$port
fetch() { python3 -c 'import sys, urllib.request as r; print(r.urlopen(sys.argv[1], timeout=5).read().decode())' "$url$1"; }
for _ in $(seq 600); do
  if ready=$(fetch /livez 2>/dev/null); then break; fi
  kill -0 "$daemon" 2>/dev/null || break
  sleep 0.05
done
[ -n "${ready:-}" ] || { cat log >&2; echo "the daemon does not answer" >&2; exit 1; }

# What the document says in words only.
export SCHEMATHESIS_HOOKS=$here/schema_hooks.py PYTHONDONTWRITEBYTECODE=1
# The document is read from a file, because the one that schemathesis fetches itself is not among the operations it tries.
# Nothing that is answered leads to another call, so the phase `stateful` finds nothing to do, and says so.
fetch /openapi.json >openapi.json
found=0
schemathesis --config-file "$here/schemathesis.toml" run openapi.json --url "$url" --auth "$(cat write.key):" \
  --checks all --mode all --phases examples,coverage,fuzzing,stateful --max-examples "$examples" --seed "$seed" \
  --generation-database none --continue-on-failure --request-timeout 60 --no-color || found=$?

# It still answers, and ends well: what was sent broke nothing.
fetch /livez >/dev/null || { cat log >&2; echo "the daemon does not answer any more" >&2; exit 1; }
kill "$daemon"
wait "$daemon" || { cat log >&2; echo "the daemon did not end well" >&2; exit 1; }
daemon=
exit "$found"
