#!/usr/bin/env python3
"""Damage to a store, a seed at a time: a byte of one of its files is flipped, a file is cut, or is gone. What is asked of the store
then, and a daemon that is started on it, must refuse it in clear words or give what the undamaged store gives: never other
data, a panic that comes back, a wait without end, or a mail that had gone out before. Where it was refused, a backup must make
it whole.

usage: damage.py [--binary FILE] [--tools DIR] [--seeds N] [--from K] [-v]"""
import argparse, collections, contextlib, http.client, json, os, pathlib, random, re, shutil, signal, socket, subprocess, sys, time
import world
from shop import HERE, Failed, Shop, must

LISTS = {"customers": ["customers", "list"], "deliveries": ["deliveries", "list"], "suppressions": ["suppressions", "list"]}
REFUSED = 74
PEOPLE = 300
WITHDRAWN, SUPPRESSED = "c8", "c7@customers.test"  # after the backup, so that only the journal tells a restore of them


def make(shop):
    """Two stores with the same in them: one that was stopped, one that was killed without warning. And a backup, and the lists."""
    shop.take_mail()
    shop.take_calls()
    shop.run()
    shop.orders(PEOPLE)
    shop.settled(2 * PEOPLE)
    # More than one of sled's segments, so that there is something in the middle.
    for _ in range(4):
        shop.post([{"type": "track", "userId": f"c{n}", "event": "Visited", "messageId": f"v{n}-{time.time()}", "timestamp": shop.stamp(),
                    "properties": {"page": "".join(random.choices("abcdef", k=600))}} for n in range(PEOPLE)])
    shop.command("backup", str(shop.work / "shop.backup"))
    shop.command("suppressions", "add", SUPPRESSED)
    must(shop.post([{"type": "identify", "userId": WITHDRAWN, "messageId": "no", "timestamp": shop.stamp(),
                     "traits": {"consent": {"marketing": False}}}]) == 200, "a withdrawal was not taken")
    lists = {name: shop.command(*words, "--format", "json") for name, words in LISTS.items()}
    shop.end(signal.SIGKILL)
    shutil.copytree(shop.project, shop.work / "killed", ignore=shutil.ignore_patterns("admin.sock"))
    shop.run()
    shop.end()
    shutil.copytree(shop.project, shop.work / "stopped", ignore=shutil.ignore_patterns("admin.sock"))
    return lists


def files(folder):
    """What a store consists of: its own files, and the journal beside it."""
    found = [path for part in ("data", "data.journal") for path in sorted((folder / part).rglob("*")) if path.is_file()]
    return [path for path in found if path.suffix != ".lock" and path.name != "lock"]


def damage(folder, chance):
    """Does it, and says what was done."""
    every = files(folder)
    log = folder / "data/db"
    path = log if chance.random() < 0.6 else chance.choice(every)
    name, size = path.relative_to(folder), path.stat().st_size
    sort = chance.choices(["flip", "cut", "gone"], [6, 2, 2] if path != log else [8, 3, 1])[0]
    if sort == "gone" or size == 0:
        path.unlink()
        return f"{name} gone"
    if sort == "cut":
        to = chance.randrange(size)
        os.truncate(path, to)
        return f"{name} cut from {size} to {to}"
    content = bytearray(path.read_bytes())
    # Most of a log may never have been written; every second flip is where something stands.
    written = [at for at in range(0, size, max(1, size // 20000)) if content[at]]
    at = chance.choice(written) if written and chance.random() < 0.7 else chance.randrange(size)
    content[at] ^= 1 << chance.randrange(8)
    path.write_bytes(content)
    return f"{name} byte {at} of {size}"


class Seed:
    """One damaged copy of a project, and what came of it."""

    def __init__(self, shop, number, lists, name="copy"):
        self.shop, self.lists = shop, lists
        self.chance = random.Random(number)
        self.folder = shop.work / name
        self.what = ""

    def ask(self, words, seconds=120):
        """Exit code, standard output, standard error."""
        try:
            ran = subprocess.run([self.shop.binary, *words], cwd=self.folder, capture_output=True, text=True, errors="replace", timeout=seconds)
        except subprocess.TimeoutExpired:
            raise Failed(f"{' '.join(words)} did not end within {seconds} s")
        must(ran.stderr.count("panicked at") <= 1, f"{' '.join(words)} panicked again and again: {ran.stderr[-600:]}")
        return ran.returncode, ran.stdout, ran.stderr

    def refusal(self, said, who):
        must(re.search(r"damaged|set aside|journal", said) and "restore" in said, f"{who} refuses, but not in clear words: {said[-600:]}")

    def refused_lists(self, who):
        """The names of the lists that were refused; each that was given is right."""
        refused = []
        for name, words in LISTS.items():
            code, out, said = self.ask([*words, "--format", "json"])
            must(code in (0, REFUSED), f"{who}: the list of {name} ended with {code}: {said[-600:]}")
            if code:
                self.refusal(said, f"{who}: the list of {name}")
                refused.append(name)
            else:
                must(json.loads(out) == json.loads(self.lists[name]), f"{who}: other {name} than there were")
        return refused

    def daemon(self, test):
        """Starts one; what the test says while it is up, or None where it did not come up but refused."""
        log = self.folder / "daemon.log"
        with open(log, "wb") as out:
            started = subprocess.Popen([self.shop.binary, "run"], cwd=self.folder, stdout=out, stderr=out)
        self.shop.processes.append(started)
        end = time.monotonic() + 120
        while started.poll() is None and not world.connects(str(self.folder / "admin.sock"), socket.AF_UNIX):
            must(time.monotonic() < end, "a daemon neither came up nor ended")
            time.sleep(0.01)
        up, result = started.poll() is None, None
        if up:
            result = test()
            started.send_signal(signal.SIGTERM)
            try:
                started.wait(90)
            except subprocess.TimeoutExpired:
                raise Failed("a daemon did not end")
        said = re.sub(r"\x1b\[[0-9;]*m", "", log.read_text(errors="replace"))
        must(said.count("panicked at") <= 1, f"a daemon panicked {said.count('panicked at')} times: {said[-600:]}")
        if not up or started.returncode:
            must(started.returncode == REFUSED, f"a daemon ended with {started.returncode}: {said[-600:]}")
            self.refusal(said, "a daemon")
        return result

    def asked(self):
        """Of a daemon: the lists it refuses; where there are any, what it answers to an event of everybody; whether its status says so."""
        refused = self.refused_lists("a daemon")
        if not refused:
            return refused, {}, False
        answers = collections.Counter()
        for n in range(PEOPLE):
            with contextlib.suppress(OSError, http.client.HTTPException):
                answers[self.shop.post([{"type": "track", "userId": f"c{n}", "event": "Visited", "messageId": f"after-{n}", "timestamp": self.shop.stamp(),
                                         "properties": {"page": "x"}}])] += 1
        must(set(answers) <= {200, 503}, f"events are answered with {dict(answers)}")
        code, _, said = self.ask(["backup", str(self.folder / "of-damage")])
        must(code and not (self.folder / "of-damage").exists(), f"a backup was made of what cannot be read: {said[-600:]}")
        return refused, dict(answers), self.told()

    def told(self):
        """Whether a daemon that is up says of itself that something is wrong."""
        code, out, _ = self.ask(["status", "--format", "json"])
        return code == 0 and bool(json.loads(out)["attention"])

    def look(self):
        """What a daemon comes to on this store, in a word, and whether it needs the backup."""
        refused = self.refused_lists("a command")
        heard = self.daemon(self.asked)
        if heard is None:
            return "refused", True
        if heard[0]:
            self.what += f" ({', '.join(heard[0])} refused; events then answered with {heard[1]})"
            return f"started, refused what is damaged, {'and said so in its status' if heard[2] else 'its status said nothing'}", True
        return "whole to a daemon, refused to a command before" if refused else "the same data", False

    def restore(self, journal_is_whole):
        """As a person does who was told to; what is still in the way is moved away."""
        backup = str(self.shop.work / "shop.backup")
        if (self.folder / "data/db").exists():
            (self.folder / "data").rename(self.folder / "data-away")
        code, _, said = self.ask(["restore", backup])
        must(code == 0, f"the backup could not be restored: {said[-600:]}")
        consent, suppressed = self.daemon(self.afterwards) or (None, None)
        must(consent is not None, "the restored store is refused")
        if consent or not suppressed:
            must(not journal_is_whole, f"a withdrawal was forgotten: consent {consent}, suppressed {suppressed}")
            return "restored, and it said what of the journal is lost" if "journal" in said else "restored, and it did not say that the journal is lost"
        return "restored"

    def afterwards(self):
        """All that was there, and whether what was withdrawn after the backup holds."""
        for name, keep in (("customers", ("id", "email", "orders")), ("deliveries", ("id", "state", "customer", "sent_at"))):
            code, out, said = self.ask([*LISTS[name], "--format", "json"])
            must(code == 0, f"after the restore: the list of {name} ended with {code}: {said[-600:]}")
            then, now = ([{key: row[key] for key in keep} for row in json.loads(text)] for text in (self.lists[name], out))
            must(then == now, f"after the restore: other {name} than there were")
        shown = json.loads(self.ask(["customers", "show", WITHDRAWN, "--format", "json"])[1])
        suppressions = self.ask(["suppressions", "list", "--format", "json"])[1]
        return shown["consent"]["marketing"]["granted"], SUPPRESSED in suppressions

    def begin(self):
        made = self.chance.choice(["stopped", "killed"])
        shutil.rmtree(self.folder, ignore_errors=True)
        shutil.copytree(self.shop.work / made, self.folder)
        self.what = f"{made}: {damage(self.folder, self.chance)}"

    def run(self):
        self.begin()
        journal = "data.journal" in self.what
        came, lost = self.look()
        if lost or journal:
            came += "; " + self.restore(not journal)
        return came


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    target = pathlib.Path(os.environ.get("CARGO_TARGET_DIR", HERE / "../../target"))
    parser.add_argument("--binary", type=pathlib.Path, default=target / "debug/retaind")
    parser.add_argument("--tools", type=pathlib.Path, default=os.environ.get("RETAIND_TOOLS"))
    parser.add_argument("--seeds", type=int, default=200, help="how many (default 200)")
    parser.add_argument("--from", type=int, default=0, dest="first", help="the first seed (default 0)")
    parser.add_argument("-v", "--verbose", action="store_true", help="a line for each seed, and not only for those that failed")
    options = parser.parse_args()
    if not options.tools or not (options.tools / "smtp_sink.py").is_file():
        return print("skipped: damage.py: no sinks; name their folder with --tools", file=sys.stderr)
    # Asked to end, it ends what it has started.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    options.binary = options.binary.resolve(strict=True)
    began, failed, came, slowest = time.monotonic(), [], collections.Counter(), 0
    with Shop(options) as shop:
        lists = make(shop)
        taken = lambda: (len(shop.mails()), len(shop.calls()))
        for number in range(options.first, options.first + options.seeds):
            seed, since, before = Seed(shop, number, lists), time.monotonic(), taken()
            try:
                result = seed.run()
                must(taken() == before, "something went out a second time")
            except Failed as why:
                result = f"FAILED: {why}"
                failed.append(number)
                shop.end_all_but_sinks()
                Seed(shop, number, lists, f"failed-{number}").begin()
            took = time.monotonic() - since
            slowest = max(slowest, took)
            came[result.split(":")[0]] += 1
            if options.verbose or number in failed:
                print(f"seed {number}: {seed.what}: {result} ({took:.1f} s)", flush=True)
        print(f"seeds {options.first} to {options.first + options.seeds - 1} in {time.monotonic() - began:.0f} s, the slowest {slowest:.1f} s")
        for result, count in came.most_common():
            print(f"{count:5}  {result}")
        if failed:
            sys.exit(1)  # which leaves the folder


main()
