#!/bin/bash
# Two unmodified Segment clients send to a daemon, which must have stored what they sent, once.
#
#   tests/clients/run.sh [--events N]
#
# Wants python3 with `segment-analytics-python`, and node with `@segment/analytics-node` (looked for from the folder in
# RETAIND_NODE_CLIENT, or from here). What is not installed is skipped, and said. The program is $RETAIND_BIN, or the one
# that cargo built last.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
events=500
[ "${1:-}" = --events ] && events=$2
bin=${RETAIND_BIN:-${CARGO_TARGET_DIR:-$here/../../target}/debug/retaind}
[ -x "$bin" ] || { echo "there is no program at $bin; run cargo build" >&2; exit 2; }

shop=$(mktemp -d)
daemon=
finish() {
  [ -z "$daemon" ] || kill "$daemon" 2>/dev/null || true
  rm -rf "$shop"
}
trap finish EXIT
mkdir "$shop/rules"
head -c 18 /dev/urandom | base64 >"$shop/write.key"
echo 'customer: {joined: timestamp}' >"$shop/schema.yaml"
cat >"$shop/retaind.yaml" <<'YAML'
business: {name: Shop, address: "1 Main Street", timezone: Africa/Nairobi}
http: {public: "127.0.0.1:0", write_keys: [{file: write.key}]}
YAML
cd "$shop"
"$bin" run 2>log &
daemon=$!
url=
for _ in $(seq 300); do
  url=$(sed -n 's/.*taking events in.*address=\([0-9.:]*\).*/http:\/\/\1/p' log)
  [ -n "$url" ] && break
  sleep 0.1
done
[ -n "$url" ] || { cat log >&2; echo "the daemon does not take events" >&2; exit 1; }

tried=0
# The customer of that client has so many purchases, each of 1.50, and the profile, under each of the three ids that it had.
verify() {
  local id
  for id in "$1-customer" "$1-old" "anonymous:$1-device"; do
    "$bin" customers show "$id" --format json | python3 "$here/verify.py" "$1-customer" "$events"
  done
  tried=$((tried + 1))
}

if python3 -c 'import segment.analytics' 2>/dev/null; then
  RETAIND_URL=$url RETAIND_KEY=$(cat write.key) python3 "$here/send.py" "$events"
  verify python
else
  echo "skipped: segment-analytics-python is not installed" >&2
fi
modules=$here
[ ! -d "${RETAIND_NODE_CLIENT:-}" ] || modules=$RETAIND_NODE_CLIENT
if command -v node >/dev/null && (cd "$modules" && node -e 'require.resolve("@segment/analytics-node")' 2>/dev/null); then
  (cd "$modules" && RETAIND_URL=$url RETAIND_KEY=$(cat "$shop/write.key") node "$here/send.cjs" "$events")
  verify node
else
  echo "skipped: @segment/analytics-node is not installed" >&2
fi

kill "$daemon"
wait "$daemon" || { cat log >&2; echo "the daemon did not end well" >&2; exit 1; }
daemon=
echo "$tried of 2 clients tried, $events events each"
