#!/bin/bash
# Kill an older version without warning while it has mail and calls under way, start this one on its store, kill it and start it
# again, then try the older one: the store is migrated once, what was under way goes on and nothing is sent twice, and the
# older version refuses the store in clear words and leaves it as it is.
#
# usage: upgrade.sh --old FILE [--binary FILE]; --old names a program that writes format 1 of the store
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
new=${CARGO_TARGET_DIR:-$here/../../target}/debug/retaind old=
while [ $# -gt 0 ]; do
  case $1 in
    --old) old=$2 ;;
    --binary) new=$2 ;;
    *) echo "upgrade.sh: unknown argument $1" >&2; exit 2 ;;
  esac
  shift 2
done
if [ ! -x "$old" ]; then echo "skipped: upgrade.sh: no older program; name it with --old" >&2; exit 0; fi
[ -x "$new" ] || { echo "upgrade.sh: $new is not there; run cargo build" >&2; exit 2; }
old=$(realpath "$old") new=$(realpath "$new")

work=$(mktemp -d "${TMPDIR:-/tmp}/retaind-upgrade.XXXXXX")
running=
finish() {
  code=$?
  if [ -n "$running" ]; then kill -KILL "$running" 2>/dev/null || true; fi
  if [ "$code" = 0 ]; then rm -rf "$work"; else echo "upgrade.sh: failed ($code); see $work" >&2; fi
}
trap finish EXIT
fail() { echo "upgrade.sh: $1" >&2; exit 1; }

# The project that the kept stores were made with; whom it calls is not there.
cp -r "$here/../stores/project/." "$work"
cd "$work"
sed -i 's/SILENT/9/' retaind.yaml

# Commands would open the store themselves as long as the daemon does not answer, so its log is asked.
runs=0
start() {
  runs=$((runs + 1))
  log=run-$runs.log
  "$1" run 2>"$log" &
  running=$!
  for _ in $(seq 600); do if grep -qs " ready " "$log"; then return; fi; sleep 0.1; done
  fail "$1 is not ready; see $work/$log"
}
migrations() { cat run-*.log | grep -c 'the store has its new format' || true; }
stop() { kill "-$1" "$running"; wait "$running" 2>/dev/null || true; running=; }
buy() { "$1" emit --customer "$2" --message-id "$3" 'Order Completed' "order_id=$3" revenue=5 quantity=1 >/dev/null; }
ids() { "$1" deliveries list --format json | python3 -c 'import json, sys; print(*sorted(d["id"] for d in json.load(sys.stdin)))'; }
sent() { find sent -name '*.eml' -exec grep -hi '^message-id:' {} + 2>/dev/null | tr -d '\r' | sort; }
# Until so many mails are there.
until_sent() {
  for _ in $(seq 150); do if [ "$(sent | wc -l)" -ge "$1" ]; then return; fi; sleep 0.1; done
  fail "$(sent | wc -l) mails instead of $1"
}

"$old" import customers customers.csv >/dev/null
start "$old"
for n in 1 2 3; do buy "$old" ana "a-$n"; buy "$old" bo "b-$n"; done
before=$(ids "$old")
stop KILL

start "$new"
[ "$(migrations)" = 1 ] || fail "nothing is said of the new format"
[ "$(ids "$new" | tr ' ' '\n' | grep -cxF -f <(tr ' ' '\n' <<<"$before"))" = "$(wc -w <<<"$before")" ] || fail "deliveries are gone"
until_sent 6
buy "$new" ana a-4
buy "$new" ana a-1
stop KILL
start "$new"
[ "$(migrations)" = 1 ] || fail "it was migrated again"
until_sent 7
stop TERM

for command in run "customers list" "deliveries list"; do
  code=0
  # shellcheck disable=SC2086
  "$old" $command >refused.out 2>refused.log || code=$?
  [ "$code" = 74 ] || fail "the older version exits with $code of $command"
  grep -q 'format 2, this version reads up to 1: use the newer retaind' refused.log || fail "$(cat refused.log)"
done

after=$(ids "$new")
start "$new"
buy "$new" bo b-4
until_sent 8
[ "$(sent | uniq -d)" = "" ] || fail "a mail was sent twice"
[ "$(sent | wc -l)" = 8 ] || fail "$(sent | wc -l) mails instead of 8"
stop TERM
[ "$(migrations)" = 1 ] || fail "it was migrated again"
echo "upgrade.sh: $(wc -w <<<"$before") deliveries of the older version, $(wc -w <<<"$after") in the end, 8 mails, none twice; migrated once, refused 3 times"
