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
count=$here/expect.py
# shellcheck source=world.sh
. "$here/world.sh"
read_options "$@"
make_room

# The customers: real ones, their purchases moved so that the last is yesterday's, or made-up ones.
if [ -n "$log" ] && [ -f "$tools/cdnow.py" ]; then
  python3 "$tools/cdnow.py" "$log" "$work" --end "$(date -u -d yesterday +%F)"
else
  expect customers "$work"
fi
start_sinks

# The project. The rules get their ticks only after the import, so that none lies in the past.
expect project "$work" --mail-port "$mail_port" --hook-port "$hook_port" --kills "$kills" --between "$min_ms" "$max_ms"
retaind check
retaind import customers "$work/customers.csv"
retaind import events "$work/events.ndjson"
expect rules "$work" --kills "$kills" --between "$min_ms" "$max_ms"
retaind check

# A rule begins with the first start that knows it; this start comes before the first tick, and the kills come with it.
start_once true
expect tick "$work"
kill_and_settle
judge
