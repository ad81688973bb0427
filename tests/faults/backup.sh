#!/bin/bash
# Back the daemon up while 500 events a second come in and mail goes out, kill it without warning, lose its store, restore the
# backup into a new folder: everything that was answered before the backup was asked for is there, no order is answered twice, and what
# was withdrawn or suppressed after the backup holds.
#
# usage: backup.sh, with --binary and --tools of crash.sh; RATE=500 events a second for LASTING=40 seconds
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
count=$here/backup.py
# shellcheck source=world.sh
. "$here/world.sh"
read_options "$@"
rate=${RATE:-500} lasting=${LASTING:-40}
make_room
start_sinks

expect project "$work" --mail-port "$mail_port" --public-port "$public_port"
retaind check
run_daemon() {
  (cd "$project" && exec "$binary" run >>"$work/daemon.log" 2>&1) &
  running=$!
  started+=("$running")
  expect ready "$project"
}
run_daemon

expect send "$work" --rate "$rate" --seconds "$lasting" &
sending=$!
started+=("$sending")
sleep $((lasting / 2))
expect note "$work" before
retaind backup "$work/shop.backup" --format json | tee "$work/backup.json"
expect note "$work" after
wait "$sending"
expect withdraw "$work" --binary "$binary"
kill -KILL "$running"
wait "$running" || true

# What has been accepted is in the ledger; the store and its socket are lost.
cp "$work/mail.ledger" "$work/mail.before"
rm -rf "$project/data"
printf 'store: {path: elsewhere/data}\n' >>"$project/retaind.yaml"
mkdir "$project/elsewhere"
retaind restore "$work/shop.backup" --journal data.journal --format json | tee "$work/restore.json"
retaind customers list --format json >"$work/customers.json"
expect restored "$work"

# It goes on; senders repeat what they had sent last.
export DAEMON_STORE=elsewhere/data
run_daemon
expect again "$work"
retaind resume
expect news "$work"
expect once "$work"
kill -TERM "$running"
wait "$running"
