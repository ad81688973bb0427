#!/bin/bash
# Two unmodified Segment clients send to a daemon at once, which must have stored what they sent, once.
#
#   tests/clients/run.sh [--events N] [--customers N] [--kills N] [--between MIN_MS MAX_MS]
#
#   --events     how many each client sends (default 500)
#   --customers  of how many customers each (default 1)
#   --kills      how often the daemon is killed with -9 and started again while they send (default 0); if they are done
#                before the last one, the test fails: send more, or kill sooner
#   --between    how long after a start it is killed (default 500 2500)
#
# Wants python3 with `segment-analytics-python`, and node with `@segment/analytics-node` (looked for from the folder in
# RETAIND_NODE_CLIENT, or from here). What is not installed is skipped, and said. The program is $RETAIND_BIN, or the one
# that cargo built last.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
events=500 customers=1 kills=0 min_ms=500 max_ms=2500
while [ $# -gt 0 ]; do
  case $1 in
    --events) events=$2 ;;
    --customers) customers=$2 ;;
    --kills) kills=$2 ;;
    --between) min_ms=$2 max_ms=$3; shift ;;
    *) echo "run.sh: unknown argument $1" >&2; exit 2 ;;
  esac
  shift 2
done
bin=${RETAIND_BIN:-${CARGO_TARGET_DIR:-$here/../../target}/debug/retaind}
[ -x "$bin" ] || { echo "there is no program at $bin; run cargo build" >&2; exit 2; }

shop=$(mktemp -d)
daemon=
clients=()
finish() {
  for pid in ${daemon:+"$daemon"} "${clients[@]}"; do { kill -KILL "$pid" && wait "$pid"; } 2>/dev/null || true; done
  rm -rf "$shop"
}
trap finish EXIT
mkdir "$shop/rules"
head -c 18 /dev/urandom | base64 >"$shop/write.key"
echo 'customer: {joined: timestamp}' >"$shop/schema.yaml"
# So that whatever arrives is looked at, as in a shop with rules.
echo 'regular: {when: orders.count >= 10}' >"$shop/rules/segments.yaml"
# The clients go on with the same address after a kill.
port=$(python3 -c 'import socket; print(socket.create_server(("127.0.0.1", 0)).getsockname()[1])')
cat >"$shop/retaind.yaml" <<YAML
business: {name: Shop, address: "1 Main Street", timezone: Africa/Nairobi}
http: {public: "127.0.0.1:$port", write_keys: [{file: write.key}]}
YAML
cd "$shop"
RETAIND_URL=http://127.0.0.1:$port
RETAIND_KEY=$(cat write.key)
export RETAIND_URL RETAIND_KEY

start() {
  : >log
  "$bin" run 2>>log &
  daemon=$!
  for _ in $(seq 600); do
    ! grep -q 'taking events in' log || return 0
    sleep 0.05
  done
  cat log >&2
  echo "the daemon does not take events" >&2
  exit 1
}

are_sending() {
  local pid
  for pid in "${clients[@]}"; do
    ! kill -0 "$pid" 2>/dev/null || return 0
  done
  return 1
}

tried=()
start
if python3 -c 'import segment.analytics' 2>/dev/null; then
  python3 "$here/send.py" "$events" "$customers" &
  clients+=($!)
  tried+=(python)
else
  echo "skipped: segment-analytics-python is not installed" >&2
fi
modules=$here
[ ! -d "${RETAIND_NODE_CLIENT:-}" ] || modules=$RETAIND_NODE_CLIENT
if command -v node >/dev/null && (cd "$modules" && node -e 'require.resolve("@segment/analytics-node")' 2>/dev/null); then
  (cd "$modules" && exec node "$here/send.cjs" "$events" "$customers") &
  clients+=($!)
  tried+=(node)
else
  echo "skipped: @segment/analytics-node is not installed" >&2
fi

killed=0
while [ "$killed" -lt "$kills" ] && [ "${#tried[@]}" -gt 0 ]; do
  sleep "$(python3 -c "import random; print(random.uniform($min_ms, $max_ms) / 1000)")"
  are_sending || { echo "all was sent after $killed kills" >&2; exit 1; }
  kill -KILL "$daemon"
  { wait "$daemon" || true; } 2>/dev/null
  killed=$((killed + 1))
  start
done
for pid in "${clients[@]}"; do wait "$pid" || { echo "a client gave up" >&2; exit 1; }; done
clients=()

# Each customer of a client has as many purchases as were sent, each of 1.50; the first has the profile too, under each of
# the three ids that it had.
for client in "${tried[@]}"; do
  python3 "$here/verify.py" "$bin" "$client" "$events" "$customers"
done

kill "$daemon"
wait "$daemon" || { cat log >&2; echo "the daemon did not end well" >&2; exit 1; }
daemon=
echo "${#tried[@]} of 2 clients tried, $events events of $customers customers each, $killed kills"
