# shellcheck shell=bash
# The world of a test under kills, to be sourced: options, a folder, sinks, a daemon, the killing and the judgement.
# The script that sources it has set `here`, and `count`, the script that counts what must be there.

# Options, with what they are without being given.
clock=
kills=10 signal=KILL min_ms=400 max_ms=2500 mail_faults=() hook_faults=()
binary=${CARGO_TARGET_DIR:-$here/../../target}/debug/retaind
tools=${RETAIND_TOOLS:-} log=${RETAIND_CDNOW_LOG:-}

read_options() {
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
      *) echo "$(basename "$0"): unknown argument $1" >&2; exit 2 ;;
    esac
    shift 2
  done
}

skip() { echo "skipped: $(basename "$0"): $1" >&2; exit 0; }

# Everything that was started is ended with it; the folder is kept only of a failure.
finish() {
  code=$?
  for pid in "${started[@]}"; do { kill -KILL "$pid" && wait "$pid"; } 2>/dev/null || true; done
  # The daemon lives in a session of its own; its id was written before it became the daemon.
  if [ -f "$work/pid" ] && [ "$(readlink "/proc/$(cat "$work/pid")/exe" 2>/dev/null)" = "$binary" ]; then
    kill -KILL "$(cat "$work/pid")" 2>/dev/null || true
  fi
  if [ "$code" = 0 ]; then rm -rf "$work"; else echo "$(basename "$0"): failed ($code); see $work" >&2; fi
}

# What is needed is there, or the test is skipped; then a folder for all of it.
make_room() {
  for tool in killloop.sh ledger_check.py smtp_sink.py webhook_sink.py; do
    if [ ! -f "${tools:-.}/$tool" ]; then skip "no $tool; name its folder with --tools"; fi
  done
  python3 -c 'import aiosmtpd' 2>/dev/null || skip "python3 with aiosmtpd is not installed"
  [ -x "$binary" ] || { echo "$(basename "$0"): $binary is not there; run cargo build" >&2; exit 2; }
  binary=$(realpath "$binary")
  tools=$(realpath "$tools")
  work=$(mktemp -d "${TMPDIR:-/tmp}/retaind-kills.XXXXXX")
  project=$work/project
  daemon=$work/daemon.sh
  started=()
  trap finish EXIT
  trap 'exit 143' INT TERM
  mkdir -p "$project"
}

expect() { python3 "$count" "$@"; }
retaind() { (cd "$project" && "$binary" "$@"); }

# Sinks on ports of their own, a port for events, and the secret of the calls.
start_sinks() {
  read -r mail_port hook_port public_port <<<"$(expect ports 3)"
  export public_port
  secret=$(expect secret)
  python3 "$tools/smtp_sink.py" "$mail_port" "$work/mail.ledger" "${mail_faults[@]}" >"$work/mail.log" 2>&1 &
  started+=($!)
  WHSEC=$secret python3 "$tools/webhook_sink.py" "$hook_port" "$work/hook.ledger" "${hook_faults[@]}" \
    >"$work/hook.log" 2>&1 &
  started+=($!)
  expect listening "$mail_port" "$hook_port"
  touch "$work/mail.ledger" "$work/hook.ledger"
  printf '%s\n' "$secret" >"$project/crm.secret"
}

# A first start, which a command may make use of; rules begin with it. `clock` is a command before the daemon's, if it is
# to run by another clock.
start_once() {
  cat >"$daemon" <<END
#!/bin/bash
cd '$project' || exit 2
echo \$\$ >'$work/pid'
exec $clock '$binary' run >>'$work/daemon.log' 2>&1
END
  chmod +x "$daemon"
  "$daemon" &
  local first=$!
  started+=("$first")
  expect ready "$project"
  "$@"
  kill -TERM "$first"
  wait "$first"
}

# Kills, then lets it run until all that is expected is there.
kill_and_settle() {
  local settled="[ -f $work/broken ] || python3 '$count' settled '$work' --binary '$binary'"
  SIGNAL=$signal STOP_WHEN=$settled bash "$tools/killloop.sh" "$kills" "$min_ms" "$max_ms" "$work/kills" -- "$daemon" \
    >"$work/killloop.log" 2>&1
  grep 'last run rc=' "$work/killloop.log"
  grep -q 'last run rc=0' "$work/killloop.log" || { tail -5 "$work/daemon.log" >&2; exit 1; }

  # What two kills in a row left uncertain, or a fault, is repeated ten minutes later only; give it that, while the daemon
  # runs undisturbed. Kills at least a second apart (--min-ms 1000) hardly ever come to it.
  if [ ! -f "$work/broken" ] && ! expect settled "$work" --binary "$binary" --no-daemon; then
    "$daemon" &
    local last=$!
    started+=("$last")
    for _ in $(seq 900); do expect settled "$work" --binary "$binary" && break; sleep 2; done
    kill -TERM "$last"
    wait "$last"
  fi
}

# What is listed, and what the sinks wrote down, against the count.
judge() {
  retaind deliveries list --format json >"$work/deliveries.json"
  local faults=$((${#mail_faults[@]} + ${#hook_faults[@]}))
  expect compare "$work" --faults "$faults"
  KILLS=$work/kills WINDOW=${WINDOW:-2} python3 "$tools/ledger_check.py" \
    "$work/expected" "$work/mail.ledger" "$work/hook.ledger" | tee "$work/result.json"
  expect judge "$work" --signal "$signal" --kills "$kills" --faults "$faults"
}
