#!/bin/bash
# The Debian package on a clean Debian 12 in which systemd runs: installed, started, reloaded with a bad and a good rule,
# frozen, killed, upgraded, removed, purged. Needs root, debootstrap, systemd-nspawn (systemd-container) and python3.
#
# usage: nspawn.sh DEB DIR
#   DEB   the package, as packaging/deb.sh makes it
#   DIR   the folder for the system: DIR/base is made once, from where this machine's apt gets its packages, and kept;
#         DIR/root is a fresh copy of it each time
# Ends with 77 where it cannot be done.
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
deb=$(realpath "$1")
mkdir -p "$2"
dir=$(realpath "$2")
root=$dir/root
passed=0
failed=0
nspawn=
leader=
helpers=()

for need in debootstrap systemd-nspawn nsenter python3; do
  command -v "$need" >/dev/null || missing="${missing:-} $need"
done
[ "$(id -u)" -eq 0 ] || missing="${missing:-} root"
if [ -n "${missing:-}" ]; then
  echo "skipped: the package is not tried on a Debian of its own, for lack of:$missing" >&2
  exit 77
fi

# --- the system ---------------------------------------------------------------------------------------------------

make_base() {
  [ -f "$dir/base.done" ] && return
  rm -rf "$dir/base"
  local mirror
  # shellcheck disable=SC2016
  mirror=$(apt-get indextargets --format '$(REPO_URI)' 'Created-By: Packages' 'Codename: bookworm' 'Component: main' \
    'Origin: Debian' | head -1)
  # Without a mirror it takes its own.
  debootstrap --variant=minbase --include=systemd,systemd-sysv,dbus bookworm "$dir/base" ${mirror:+"$mirror"} \
    >"$dir/debootstrap.log" 2>&1 || {
    tail -5 "$dir/debootstrap.log"
    echo "skipped: no Debian of its own can be made here" >&2
    exit 77
  }
  touch "$dir/base.done"
}

boot() {
  # A network of its own with nothing in it but loopback: what is received and sent stays inside.
  systemd-nspawn --quiet --register=no --keep-unit --private-network --link-journal=no --boot -D "$root" \
    >"$dir/console.log" 2>&1 </dev/null &
  nspawn=$!
  if ! leader=$(until_true 30 first_process) || ! until_true 60 reached_its_target; then
    echo "the system does not start:" >&2
    tail -20 "$dir/console.log" >&2
    exit 1
  fi
  echo "   systemd $(inside systemctl --version | sed -n '1s/systemd \([0-9]*\).*/\1/p'): $(inside systemctl is-system-running)"
}

# The child that is number 1 inside; for a moment there is another, which prepares it.
first_process() {
  local child
  for child in $(ps -o pid= --ppid "$nspawn"); do
    grep -q $'^NSpid:.*\t1$' "/proc/$child/status" 2>/dev/null && echo "$child" && return
  done
  return 1
}

reached_its_target() { inside systemctl is-active --quiet multi-user.target 2>/dev/null; }

inside() {
  nsenter --target "$leader" --all --root --wd -- env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/root LC_ALL=C.UTF-8 \
    DEBIAN_FRONTEND=noninteractive "$@"
}

outside() { nsenter --target "$leader" --net -- python3 "$here/outside.py" "$@"; }

# Ends what this started, and nothing else. The system is asked to stop, then ended with its first process.
clean_up() {
  local process
  for process in "${helpers[@]}"; do kill "$process" 2>/dev/null || true; done
  if [ -n "$leader" ] && kill -0 "$nspawn" 2>/dev/null; then
    inside systemctl poweroff --force >/dev/null 2>&1 || true
    until_true 15 gone "$nspawn" || kill -9 "$leader" 2>/dev/null || true
  fi
  [ -z "$nspawn" ] || wait "$nspawn" 2>/dev/null || true
}

gone() { ! kill -0 "$1" 2>/dev/null; }

# --- checks -------------------------------------------------------------------------------------------------------

expect() {
  local what=$1
  shift
  if "$@" >"$dir/check.log" 2>&1; then
    passed=$((passed + 1))
    echo "   ok    $what"
  else
    failed=$((failed + 1))
    echo "   FAIL  $what: $*"
    sed 's/^/         | /' "$dir/check.log" | tail -15
  fi
}

expect_not() {
  local what=$1
  shift
  expect "$what" fails "$@"
}

fails() { ! "$@"; }
exits() {
  local code=$1 got=0
  shift
  "$@" || got=$?
  is "$got" "$code"
}
is() { [ "$1" = "$2" ] || { echo "it is '$1', not '$2'" && false; }; }

# Whatever it comes to, it says this.
says() {
  local said
  said=$("${@:2}" 2>&1) || true
  echo "$said"
  grep -q -- "$1" <<<"$said"
}

# Tries until it is so, for at most that many seconds.
until_true() {
  local until=$((SECONDS + $1))
  shift
  until "$@"; do
    [ "$SECONDS" -lt "$until" ] || return 1
    sleep 0.3
  done
}

shows() { inside systemctl show --property="$1" --value retaind; }
active() { [ "$(shows ActiveState)/$(shows SubState)" = active/running ]; }
journal() { inside journalctl --unit=retaind --boot --no-pager "$@"; }
cursor() { journal --lines=0 --show-cursor | sed -n 's/^-- cursor: //p'; }
journal_has() { says "$1" journal "${@:2}"; }

# --- what is done -------------------------------------------------------------------------------------------------

# Names of everything that a package could leave behind; what dpkg, apt, the log and systemd keep of any package is not.
names() {
  (cd "$root" && find . -xdev \( -path ./proc -o -path ./sys -o -path ./run -o -path ./dev -o -path ./tmp \
    -o -path ./var/log -o -path ./var/cache -o -path ./var/tmp -o -path ./var/lib/dpkg -o -path ./var/lib/apt \) -prune \
    -o -print | sort)
}

installed() {
  echo "== installed"
  cp "$deb" "$root/root/retaind.deb"
  expect "apt installs it" inside apt-get install -y --no-install-recommends /root/retaind.deb
  expect "the unit is enabled" says '^enabled$' inside systemctl is-enabled retaind
  expect "it is not started with the example's settings" is "$(shows ActiveState)" inactive
  expect "nothing has failed" is "$(inside systemctl list-units --failed --no-legend --plain)" ""
  expect "the example's settings are without a fault" inside retaind check --strict
  expect "the version tells its build" says '^target: ' inside retaind --version
  expect "the manual is there" test -f "$root/usr/share/man/man1/retaind-customers-list.1.gz"
  expect "bash takes the completions" inside bash -n /usr/share/bash-completion/completions/retaind
  expect "secrets are for root alone" is "$(stat -c '%a %U' "$root/etc/retaind/secrets")" "700 root"
}

write_key=$(head -c 18 /dev/urandom | base64 | tr '+/' 'ab')
hook_secret=whsec_$(head -c 32 /dev/urandom | base64)

fill_in() {
  echo "== filled in: a rule, a template, two credentials"
  cp -r "$here/project/." "$root/etc/retaind/"
  printf '%s' "$write_key" >"$root/etc/retaind/secrets/write-key"
  printf '%s' "$hook_secret" >"$root/etc/retaind/secrets/crm-secret"
  chmod 600 "$root"/etc/retaind/secrets/*
  mkdir -p "$root/etc/systemd/system/retaind.service.d"
  printf '[Service]\nLoadCredential=%s\nLoadCredential=%s\n' write-key:/etc/retaind/secrets/write-key \
    crm-secret:/etc/retaind/secrets/crm-secret >"$root/etc/systemd/system/retaind.service.d/override.conf"
  inside systemctl daemon-reload
  printf 'id,email,first_name\nc1,ana@customers.example,Ana\n' >"$root/root/customers.csv"
}

first_start() {
  echo "== started"
  expect "check finds no fault" inside retaind check --strict
  expect "customers are imported before the first start" inside retaind import customers /root/customers.csv
  expect "systemctl start waits for READY" inside systemctl start retaind
  expect "it runs" active
  expect "it was ready before systemctl went on" journal_has ' ready$'
  local pid user
  pid=$(shows MainPID)
  user=$(inside stat -c %u "/proc/$pid" || echo 0)
  expect "its user is systemd's for the time ($user)" test "$user" -ge 61184 -a "$user" -le 65519
  expect "nobody of that number is in passwd" fails grep -q ":$user:" "$root/etc/passwd"
  expect "the store is its own" is "$(stat -c '%a %u' "$root/var/lib/private/retaind")" "700 $user"
  expect "so is every file in it" is "$(find "$root/var/lib/private/retaind" ! -uid "$user")" ""
  expect "the socket is its own" is "$(inside stat -c '%a %u' /run/retaind/admin.sock)" "600 $user"
  expect "the credentials are not for others" is "$(inside stat -c %a /run/credentials/retaind.service/write-key)" 400
  expect "root asks it how it is" says running inside retaind status
  expect_not "nobody does not" inside setpriv --reuid=65534 --regid=65534 --clear-groups retaind status
  expect "what was imported before is there" says c1 inside retaind customers list
}

work() {
  echo "== an event in, a mail and a webhook out"
  rm -f "$dir/hooks.log"
  # Not by the function: what is to be ended is the process itself, not a shell before it.
  nsenter --target "$leader" --net -- python3 "$here/outside.py" receive 8026 "$hook_secret" "$dir/hooks.log" &
  helpers+=($!)
  expect "an event with the key of the credential is taken" is "$(outside send 8025 "$write_key" 'Order Completed' o1)" 200
  expect "one with another key is not" is "$(outside send 8025 wrong 'Order Completed' o2)" 401
  expect "the webhook comes, signed with the secret of the credential" until_true 30 \
    grep -q '"signature": true, "type": "order.thanks"' "$dir/hooks.log"
  expect "an address that wants no mail is kept" inside retaind suppressions add zoe@customers.example --reason asked
  expect "the mail is written" until_true 30 \
    grep -qr '^Subject: Thank you, Ana' "$root/var/lib/private/retaind/outbox"
}

# The names of the rules in use.
rules() { inside retaind rules list --format json | sed -n 's/^.*"rule": "\(.*\)",*$/\1/p' | sort | paste -sd ' '; }

# One record of the journal must have all of these fields.
record_has() {
  local message=$1
  shift
  journal --output=json | python3 -c '
import json, sys
message, *fields = sys.argv[1:]
records = [json.loads(line) for line in sys.stdin]
found = [record for record in records if message in str(record.get("MESSAGE", ""))]
wanted = dict(field.split("=", 1) for field in fields)
print(json.dumps(found[-1:], indent=1))
sys.exit(not any(all(str(record.get(k)) == v or v == "*" and k in record for k, v in wanted.items()) for record in found))
' "$message" "$@"
}

fields() {
  echo "== fields in the journal"
  expect "the start" record_has ready SYSLOG_IDENTIFIER=retaind PRIORITY=6 "VERSION=$(inside retaind -V | cut -d ' ' -f 2)"
  expect "the refused reload, as an error" record_has 'reload refused' PRIORITY=3 BY=signal ERRORS=1
  expect "a taken one" record_has reloaded PRIORITY=6 BY=command RULES=2
  expect "a delivery" record_has sent PRIORITY=6 CHANNEL=email RULE=thanks 'DELIVERY=*'
  expect_not "no address and no secret" journal_has "ana@customers.example\|$write_key\|${hook_secret#whsec_}"
}

reloads() {
  echo "== reloaded"
  local pid since
  pid=$(shows MainPID)
  since=$(cursor)
  printf 'rule: bad\nclass: service\ntrigger: {event: Order Completed}\nwhen: orders.cuont > 1\nsteps: [email: thanks]\n' \
    >"$root/etc/retaind/rules/bad.yaml"
  expect_not "systemctl reload with a bad rule fails" inside systemctl reload retaind
  expect "the journal has its place" until_true 10 journal_has 'rules/bad.yaml:4:14' --after-cursor="$since"
  expect "it runs on, ready" until_true 10 active
  expect "the old rule is live" is "$(rules)" thanks
  expect "status tells it" says 'refused, 1 error.*bad.yaml:4:14' inside retaind status
  expect "retaind reload exits 65" exits 65 inside retaind reload
  since=$(cursor)
  inside systemctl kill --signal=HUP --kill-whom=main retaind
  expect "by SIGHUP it is refused, too" until_true 10 journal_has 'reload refused' --after-cursor="$since"
  expect "it runs on, ready" until_true 10 active
  since=$(cursor)
  sed -e 's/^rule: bad/rule: good/' -e 's/cuont/count/' "$root/etc/retaind/rules/bad.yaml" >"$root/etc/retaind/rules/good.yaml"
  rm "$root/etc/retaind/rules/bad.yaml"
  expect "systemctl reload with a good rule" inside systemctl reload retaind
  expect "the journal tells it" until_true 20 journal_has 'reloaded' --after-cursor="$since"
  expect "both rules are live" is "$(rules)" "good thanks"
  expect "it is ready again" until_true 10 active
  expect "it is the same process" is "$(shows MainPID)" "$pid"
}

# Frozen in some way, it must be ended by the watchdog and be back with all that it had.
comes_back() {
  local what=$1 since=$2 pid=$3 restarts=$4
  expect "$what: the watchdog bites" until_true 75 journal_has 'Watchdog timeout' --after-cursor="$since"
  expect "$what: it is started again" until_true 45 restarted "$pid"
  expect "$what: once" is "$(shows NRestarts)" $((restarts + 1))
  expect "$what: it has what it had" says order inside retaind deliveries list --format json
}

restarted() { active && [ "$(shows MainPID)" != "$1" ]; }

frozen() {
  echo "== frozen"
  local pid since restarts
  pid=$(shows MainPID) since=$(cursor) restarts=$(shows NRestarts)
  inside systemctl kill --signal=STOP --kill-whom=main retaind
  comes_back "the whole process" "$since" "$pid" "$restarts"

  pid=$(shows MainPID) since=$(cursor) restarts=$(shows NRestarts)
  # The number of the process outside of the container.
  python3 "$here/outside.py" freeze "$(pgrep --ns "$leader" --nslist pid --exact retaind)" >"$dir/freeze.log" &
  helpers+=($!)
  comes_back "one of its threads" "$since" "$pid" "$restarts"
}

killed() {
  echo "== killed, stopped"
  local pid
  pid=$(shows MainPID)
  inside systemctl kill --signal=KILL --kill-whom=main retaind
  expect "killed, it is started again" until_true 45 restarted "$pid"
  inside systemctl stop retaind
  expect "stopped, it ends well" is "$(shows Result)/$(shows ExecMainStatus)" success/0
  expect "and says so" journal_has 'stopped; nothing was in hand'
  expect "root does not spoil its store with files of root's" \
    says 'belongs to another user' inside retaind deliveries list
  expect "as its user, a command opens the store itself" says thanks as_service retaind deliveries list
  printf 'nonsense: 1\n' >>"$root/etc/retaind/retaind.yaml"
  expect_not "with bad settings it does not start" inside systemctl start retaind
  expect "exit 78" is "$(shows ExecMainStatus)" 78
  sleep 6
  expect "and does not try again and again" is "$(shows ActiveState)" failed
  sed -i '/^nonsense/d' "$root/etc/retaind/retaind.yaml"
  inside systemctl start retaind
}

# As docs/OPERATION.md says it.
as_service() {
  inside systemd-run --quiet --pipe --wait --collect --property=DynamicUser=yes --property=User=retaind \
    '--property=StateDirectory=retaind retaind.journal' --property=StateDirectoryMode=0700 "$@"
}

upgraded() {
  echo "== upgraded"
  local pid settings
  pid=$(shows MainPID)
  settings=$(sha256sum <"$root/etc/retaind/retaind.yaml")
  expect "apt puts it over itself" inside apt-get install -y --reinstall -o Dpkg::Options::=--force-confold /root/retaind.deb
  expect "it was restarted" until_true 30 restarted "$pid"
  expect "the settings are as they were" is "$(sha256sum <"$root/etc/retaind/retaind.yaml")" "$settings"
  expect "so is what it had" says order inside retaind deliveries list --format json
  expect "the rules are as they were" is "$(rules)" "good thanks"
  printf 'rule: bad\n' >"$root/etc/retaind/rules/bad.yaml"
  expect "an upgrade over a bad rule does not fail" \
    inside apt-get install -y --reinstall -o Dpkg::Options::=--force-confold /root/retaind.deb
  rm "$root/etc/retaind/rules/bad.yaml"
  inside systemctl stop retaind
  inside systemctl reset-failed retaind || true
  expect "what is stopped stays stopped over an upgrade" stays_stopped
  inside systemctl start retaind
}

stays_stopped() {
  inside apt-get install -y --reinstall -o Dpkg::Options::=--force-confold /root/retaind.deb
  [ "$(shows ActiveState)" = inactive ]
}

# As docs/OPERATION.md says it: the folders of the old machine under /var/lib of the new one, root's as they were copied.
moved() {
  echo "== moved"
  local name
  inside systemctl stop retaind
  for name in retaind retaind.journal; do
    rm "$root/var/lib/$name"
    mv "$root/var/lib/private/$name" "$root/var/lib/$name"
    chown -R root: "$root/var/lib/$name"
  done
  expect "it starts with a store that was copied" inside systemctl start retaind
  expect "and has what it had" says order inside retaind deliveries list --format json
}

removed() {
  echo "== removed"
  expect "apt removes it" inside apt-get remove -y retaind
  expect_not "it runs no more" inside pgrep -x retaind
  expect "settings and rules are still there" test -f "$root/etc/retaind/retaind.yaml" -a -f "$root/etc/retaind/rules/good.yaml"
  expect "so is the store" test -d "$root/var/lib/private/retaind"
  echo "== purged"
  # What `systemctl edit` made is the owner's, and goes in the owner's way; so does what this brought along.
  rm -r "$root/etc/systemd/system/retaind.service.d" "$root/root/customers.csv" "$root/root/retaind.deb"
  expect "apt purges it" inside apt-get purge -y retaind
  inside systemctl daemon-reload
  names >"$dir/after"
  expect "nothing is left but the data folder" is \
    "$(comm -13 "$dir/before" "$dir/after" | grep -v '^\./var/lib/private/retaind[a-z.]*/')" \
    "$(printf './var/lib/%s\n' private private/retaind private/retaind.journal retaind retaind.journal | comm -13 "$dir/before" -)"
  expect "nothing that was there is gone" is "$(comm -23 "$dir/before" "$dir/after")" ""
  expect_not "systemd knows it no more" inside systemctl cat retaind
  expect_not "/run has nothing of it" inside test -e /run/retaind
  expect "nothing has failed" is "$(inside systemctl list-units --failed --no-legend --plain)" ""
}

trap clean_up EXIT
trap 'exit 1' INT TERM
echo "== the system"
make_base
rm -rf "$root"
cp -a "$dir/base" "$root"
boot
names >"$dir/before"
installed
fill_in
first_start
work
reloads
fields
frozen
killed
upgraded
moved
removed
echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ]
