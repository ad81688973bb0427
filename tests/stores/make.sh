#!/bin/bash
# Makes the files of a small store with a given program, as they lie there after it was killed, and what that program says
# of it: what a later format is tested with. Run once for each format, by the last program that wrote it.
#
# usage: make.sh BINARY FOLDER
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
binary=$(realpath "$1")
mkdir -p "$2"
to=$(realpath "$2")
work=$(mktemp -d)
trap 'kill -KILL "${running:-}" "${sink:-}" 2>/dev/null || true; rm -rf "$work"' EXIT
cp -r "$here/project" "$work/project"
cd "$work/project"

# Takes calls, and never answers.
python3 - "$work/port" <<'PYTHON' &
import socket, sys, time
listener = socket.create_server(("127.0.0.1", 0))
open(sys.argv[1], "w").write(str(listener.getsockname()[1]))
kept = []
while True:
    kept.append(listener.accept())
PYTHON
sink=$!
until [ -s "$work/port" ]; do sleep 0.1; done
sed -i "s/SILENT/$(cat "$work/port")/" retaind.yaml

# Until what a command prints matches.
await() {
  local pattern=$1
  shift
  for _ in $(seq 60); do if "$binary" "$@" 2>/dev/null | grep -q "$pattern"; then return; fi; sleep 0.2; done
  echo "not seen: $pattern in $*" >&2
  "$binary" deliveries list >&2; tail -5 "$work/log" >&2
  exit 1
}
start() {
  "$binary" run 2>>"$work/log" &
  running=$!
  await . status
}
buy() { "$binary" emit --customer "$1" --message-id "$2" 'Order Completed' "order_id=$2" "revenue=$3" quantity=1 >/dev/null; }

"$binary" import customers customers.csv >/dev/null
"$binary" suppressions add blocked@shop.example >/dev/null
start
buy ana a-1 120.50
buy bo b-1 19.99
buy ana a-2 0.1
# Sent by mail; under way to who never answers; waiting for who is not there.
await '"sent"' deliveries list --rule thanks --format json
await '"sending"' deliveries list --rule silent --format json
await '"attempts":1' deliveries list --rule gone --format json
kill -KILL "$running"; wait "$running" 2>/dev/null || true
# What was under way is held; then another one is, and it is killed for good.
start
await '"held"' deliveries list --format json
buy cy c-1 7
await '"sending"' deliveries list --format json
for what in customers deliveries suppressions rules; do
  "$binary" "$what" list --format json >"$to/$what.json"
done
"$binary" customers show ana --format json >"$to/ana.json"
kill -KILL "$running"; wait "$running" 2>/dev/null || true

store=$work/project/data
for file in "$store"/db "$store"/conf "$store"/store.mark "$store"/snap.*; do
  if [ -f "$file" ]; then zstd -19 -q -f "$file" -o "$to/$(basename "$file").zst"; fi
done
ls -l "$to"
