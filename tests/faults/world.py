"""What the tests under kills share: ports, waiting, and the judgement of what a daemon lists and the sinks wrote down. The
folder WORK holds project/ and the ledgers. Who must hear of what is counted by expect.py and waits.py."""
import argparse, base64, collections, json, os, pathlib, secrets, socket, subprocess, sys, time

FINAL = {"sent", "held"}


def connects(address, family):
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        try:
            probe.connect(address)
        except OSError:
            return False
    return True


def wait_until(test, what, seconds=60):
    end = time.monotonic() + seconds
    while not test():
        if time.monotonic() > end:
            sys.exit(f"{what} did not happen within {seconds} s")
        time.sleep(0.05)


def daemon_listens(project):
    return connects(str(project / os.environ.get("DAEMON_STORE", "data") / "admin.sock"), socket.AF_UNIX)


def settled(args, expected, key):
    """Whether every expected delivery is there and has come to its end. Without a listening daemon the answer is no:
    the command would take the store from a daemon that is about to open it."""
    if not args.no_daemon and not daemon_listens(args.work / "project"):
        return False
    command = [args.binary, "deliveries", "list", "--format", "json"]
    ran = subprocess.run(command, cwd=args.work / "project", capture_output=True, text=True)
    if ran.returncode:
        return False
    return expected <= {key(d) for d in json.loads(ran.stdout) if d["state"] in FINAL}


def compare(args, expected, key):
    """The daemon's list against the count; writes the ids that the sinks must have seen."""
    deliveries = json.loads((args.work / "deliveries.json").read_text())
    keys = collections.Counter(key(d) for d in deliveries)
    missing, extra = sorted(expected - keys.keys()), sorted(keys.keys() - expected)
    twice = [one for one, n in keys.items() if n > 1]
    states = collections.Counter(d["state"] for d in deliveries)
    rules = collections.Counter(d["rule"] for d in deliveries)
    print(json.dumps(dict(expected=len(expected), listed=len(deliveries), states=states, rules=rules)))
    with open(args.work / "expected", "w") as out:
        for d in deliveries:
            out.write(f"<{d['id']}@shop.test>\n" if d["channel"] == "email" else f"{d['id']}\n")
    allowed = FINAL if args.faults else {"sent"}
    if missing or extra or twice or set(states) - allowed:
        sys.exit(f"missing {missing[:5]} extra {extra[:5]} twice {twice[:5]} states {dict(states)}")


def cmd_judge(args):
    """What ledger_check.py does not judge: signatures, and no duplicate at all where nothing was killed hard."""
    hooks = [json.loads(line) for line in open(args.work / "hook.ledger")]
    unsigned = [hook["id"] for hook in hooks if hook["sig_ok"] is not True]
    if unsigned:
        sys.exit(f"{len(unsigned)} calls without a good signature, such as {unsigned[0]}")
    result = json.loads((args.work / "result.json").read_text())
    if (args.signal == "TERM" or args.kills == 0) and not args.faults and result["dup"]:
        sys.exit(f"{result['dup']} duplicates, and nothing that explains one")
    print(f"signatures good: {len(hooks)} calls; duplicates under their first id: {result['dup']}")


def cmd_ports(args):
    held = [socket.create_server(("127.0.0.1", 0)) for _ in range(args.number)]
    print(*(server.getsockname()[1] for server in held))


def cmd_secret(_):
    print("whsec_" + base64.b64encode(secrets.token_bytes(32)).decode())


def cmd_listening(args):
    for port in args.ports:
        wait_until(lambda p=port: connects(("127.0.0.1", p), socket.AF_INET), f"listening on {port}")


def cmd_ready(args):
    wait_until(lambda: daemon_listens(args.project), "the daemon's start")


SHARED = dict(judge=cmd_judge, ports=cmd_ports, secret=cmd_secret, listening=cmd_listening, ready=cmd_ready)


class Commands:
    """The sub-commands of a script: those of this file, and its own."""

    def __init__(self, description):
        self.parser = argparse.ArgumentParser(description=description)
        self.commands = self.parser.add_subparsers(dest="command", required=True)
        self("secret")
        self("ready", "project")
        self("ports").add_argument("number", type=int)
        self("listening").add_argument("ports", type=int, nargs="+")
        waits = self("settled", "work")
        waits.add_argument("--binary", required=True)
        waits.add_argument("--no-daemon", action="store_true", help="none runs; the command opens the store itself")
        for name in ("compare", "judge"):
            one = self(name, "work")
            one.add_argument("--faults", type=int, default=0)
            one.add_argument("--signal", default="KILL")
            one.add_argument("--kills", type=int, default=1)

    def __call__(self, name, *positional):
        one = self.commands.add_parser(name)
        for argument in positional:
            one.add_argument(argument, type=pathlib.Path)
        return one

    def run(self, own, expected, key):
        """Runs the command that was given. `expected(work)` is the set of deliveries there must be, `key` says which of
        them a listed one is."""
        args = self.parser.parse_args()
        if args.command == "settled":
            sys.exit(0 if settled(args, expected(args.work), key) else 1)
        if args.command == "compare":
            return compare(args, expected(args.work), key)
        return (SHARED | own)[args.command](args)
