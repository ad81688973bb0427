#!/bin/bash
# Kill the daemon at random points while events come in over HTTP and rules wait and act on them: at once, after a delay,
# a day later, on a date, when a segment is entered or left, be it by what arrives or by time alone. Whatever was answered
# with 2xx must have led to exactly what an independent count expects, each message under one id, and to nothing else.
#
# usage: waits.sh, with the options of crash.sh but --log
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
count=$here/waits.py
# shellcheck source=world.sh
. "$here/world.sh"
read_options "$@"
command -v cc >/dev/null || skip "no C compiler"
make_room
start_sinks

expect project "$work" --mail-port "$mail_port" --hook-port "$hook_port" --public-port "$public_port" \
  --kills "$kills" --between "$min_ms" "$max_ms"
retaind check

# A daemon whose clock is a day less some seconds late enrolls people; their step of the next day falls due so many seconds
# from now, by the right clock.
cc -shared -fPIC -O1 -o "$work/clock.so" "$here/clock.c" -ldl
clock="env LD_PRELOAD='$work/clock.so' CLOCK_OFFSET=$(expect offset)"
start_once expect yesterday "$work"
clock=

# Everybody who is to cross a border must have been seen on this side of it.
start_once expect prepare "$work"
expect wait "$work"
expect send "$work" --kills "$kills" >"$work/send.log" 2>&1 &
started+=("$!")
kill_and_settle
cat "$work/send.log"
judge
expect later "$work" --kills "$kills"
