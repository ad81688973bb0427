#!/bin/bash
# Kill the daemon at random points while rules tick and messages go out; then every message that an independent count
# expects must have arrived, under one id, and nothing else.
#
# usage: crash.sh [--kills N] [--signal KILL|TERM] [--min-ms N] [--max-ms N] [--mail-fault F] [--hook-fault F]
#                 [--binary FILE] [--tools DIR] [--log FILE]
#   --kills       how often it is killed before it may run to its end (default 10); 0: once through, no duplicate at all
#   --signal      KILL (default): duplicates are allowed where a kill explains them, and carry their first id
#                 TERM: no duplicate at all
#   --mail-fault  a fault of the mail sink, such as lostack:0.05; may be given again
#   --hook-fault  a fault of the webhook sink, such as reset:0.05; may be given again
#   --binary      the built daemon (default target/debug/retaind, or under CARGO_TARGET_DIR)
#   --tools       the folder of killloop.sh, ledger_check.py and the sinks (default RETAIND_TOOLS)
#   --log         a purchase log for cdnow.py (default RETAIND_CDNOW_LOG; without it customers are made up)
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
kills=10 signal=KILL min_ms=400 max_ms=2500 mail_faults=() hook_faults=()
binary=${CARGO_TARGET_DIR:-$here/../../target}/debug/retaind
tools=${RETAIND_TOOLS:-} log=${RETAIND_CDNOW_LOG:-}

while [ $# -gt 0 ]; do
  case $1 in
    --kills) kills=$2 ;;
    --signal) signal=$2 ;;
    --min-ms) min_ms=$2 ;;
    --max-ms) max_ms=$2 ;;
    --mail-fault) mail_faults+=("$2") ;;
    --hook-fault) hook_faults+=("$2") ;;
    --binary) binary=$2 ;;
    --tools) tools=$2 ;;
    --log) log=$2 ;;
    *) echo "crash.sh: unknown argument $1" >&2; exit 2 ;;
  esac
  shift 2
done

skip() { echo "skipped: crash test: $1" >&2; exit 0; }
for tool in killloop.sh ledger_check.py smtp_sink.py webhook_sink.py; do
  if [ ! -f "${tools:-.}/$tool" ]; then skip "no $tool; name its folder with --tools"; fi
done
python3 -c 'import aiosmtpd' 2>/dev/null || skip "python3 with aiosmtpd is not installed"
[ -x "$binary" ] || { echo "crash.sh: $binary is not there; run cargo build" >&2; exit 2; }
binary=$(realpath "$binary")
tools=$(realpath "$tools")

work=$(mktemp -d "${TMPDIR:-/tmp}/retaind-crash.XXXXXX")
project=$work/project
started=()
finish() {
  code=$?
  for pid in "${started[@]}"; do { kill -KILL "$pid" && wait "$pid"; } 2>/dev/null || true; done
  # The daemon lives in a session of its own; its id was written before it became the daemon.
  if [ -f "$work/pid" ] && [ "$(readlink "/proc/$(cat "$work/pid")/exe" 2>/dev/null)" = "$binary" ]; then
    kill -KILL "$(cat "$work/pid")" 2>/dev/null || true
  fi
  if [ "$code" = 0 ]; then rm -rf "$work"; else echo "crash.sh: failed ($code); see $work" >&2; fi
}
trap finish EXIT

expect() { python3 "$here/expect.py" "$@"; }
retaind() { (cd "$project" && "$binary" "$@"); }

# The customers: real ones, their purchases moved so that the last is yesterday's, or made-up ones.
mkdir -p "$project"
if [ -n "$log" ] && [ -f "$tools/cdnow.py" ]; then
  python3 "$tools/cdnow.py" "$log" "$work" --end "$(date -u -d yesterday +%F)"
else
  expect customers "$work"
fi

# The world.
read -r mail_port hook_port <<<"$(expect ports 2)"
secret=$(expect secret)
python3 "$tools/smtp_sink.py" "$mail_port" "$work/mail.ledger" "${mail_faults[@]}" >"$work/mail.log" 2>&1 &
started+=($!)
WHSEC=$secret python3 "$tools/webhook_sink.py" "$hook_port" "$work/hook.ledger" "${hook_faults[@]}" >"$work/hook.log" 2>&1 &
started+=($!)
expect listening "$mail_port" "$hook_port"
touch "$work/mail.ledger" "$work/hook.ledger"

# The project. The rules get their ticks only after the import, so that none lies in the past.
printf '%s\n' "$secret" >"$project/crm.secret"
expect project "$work" --mail-port "$mail_port" --hook-port "$hook_port" --kills "$kills" --between "$min_ms" "$max_ms"
retaind check
retaind import customers "$work/customers.csv"
retaind import events "$work/events.ndjson"
expect rules "$work" --kills "$kills" --between "$min_ms" "$max_ms"
retaind check

daemon=$work/daemon.sh
cat >"$daemon" <<END
#!/bin/bash
cd '$project' || exit 2
echo \$\$ >'$work/pid'
exec '$binary' run >>'$work/daemon.log' 2>&1
END
chmod +x "$daemon"

# A rule begins with the first start that knows it; this start comes before the first tick, and the kills come with it.
"$daemon" &
first=$!
started+=("$first")
expect ready "$project"
kill -TERM "$first"
wait "$first"
expect tick "$work"

settled="python3 '$here/expect.py' settled '$work' --binary '$binary'"
SIGNAL=$signal STOP_WHEN=$settled bash "$tools/killloop.sh" "$kills" "$min_ms" "$max_ms" "$work/kills" -- "$daemon" \
  >"$work/killloop.log" 2>&1
grep 'last run rc=' "$work/killloop.log"
grep -q 'last run rc=0' "$work/killloop.log" || { tail -5 "$work/daemon.log" >&2; exit 1; }

# Uncertain mail waits for its own time; give it that, while the daemon runs undisturbed.
if ! expect settled "$work" --binary "$binary" --no-daemon; then
  "$daemon" &
  last=$!
  started+=("$last")
  for _ in $(seq 900); do expect settled "$work" --binary "$binary" && break; sleep 2; done
  kill -TERM "$last"
  wait "$last"
fi

retaind deliveries list --format json >"$work/deliveries.json"
faults=$((${#mail_faults[@]} + ${#hook_faults[@]}))
expect compare "$work" --faults "$faults"
KILLS=$work/kills WINDOW=${WINDOW:-2} python3 "$tools/ledger_check.py" \
  "$work/expected" "$work/mail.ledger" "$work/hook.ledger" | tee "$work/result.json"
expect judge "$work" --signal "$signal" --kills "$kills" --faults "$faults"
