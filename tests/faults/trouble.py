#!/usr/bin/env python3
"""Trouble for a running daemon, one sort after the other: servers that refuse, stall or are gone, names that cannot be
resolved, endpoints that misbehave, a full disk, a clock that jumps, floods, limits of the machine. Each prints what was seen
in one line, and fails where something that must hold did not. docs/RELIABILITY.md says what each is for.

usage: trouble.py [--binary FILE] [--tools DIR] [--size N] [SORT ...]      without SORT: all of them"""
import argparse, contextlib, datetime, json, os, pathlib, re, signal, socket, socketserver, struct, subprocess, sys, threading, time
import world
import disks, lasting  # noqa: F401 which have sorts of their own
from shop import CALL, HERE, LETTER, SORTS, Failed, Shop, Skipped, connections, group, must, sort

HOUR, DAY = 3600, 86400
SOON = 15  # what must not wait for somebody else is out within so many seconds, on a machine with much else to do; who waits does so for minutes


@sort
def refusals(options):
    """A mail server that puts off, hangs up and refuses, by a clock that goes 120 times as fast (D5)."""
    with Shop(options, LETTER, clock=True) as shop:
        shop.take_mail("rcpt450:0.2", "data451:0.1", "data421:0.1", "dot554:0.02", "550:bad", "max:40")
        shop.run()
        shop.orders(150)
        shop.orders(10, "bad{n}@customers.test")
        shop.clock.set(shop.clock.now(), 120)
        shop.settled(160, 300, ("sent", "failed"))
        deliveries = shop.deliveries()
        bad = [d for d in deliveries if d["customer"] in {f"c{n}" for n in range(150, 160)}]
        must(all(d["state"] == "failed" and d["attempts"] == 1 for d in bad), "a 550 was tried again")
        refused = [d for d in deliveries if d["state"] == "failed" and d not in bad]
        must(all("554" in (d["last_error"] or "") for d in refused), f"a transient refusal was taken for final: {refused[:1]}")
        late = [d["attempts"] for d in deliveries if d["state"] == "sent"]
        must(max(late) > 1 and len(late) > 120, f"{len(late)} sent, at most {max(late)} attempts")
        result = shop.judge(finals=("sent", "failed"))
        return f"{len(late)} sent with up to {max(late)} attempts, {len(bad)} refused by 550 and {len(refused)} by 554 after one; doubled {result['dup']}"


@sort
def cut_lines(options):
    """A mail server behind a line that is refused, cut, slow or silent; calls go on meanwhile (D6)."""
    seen, faults = [], ["refuse=1", "reset_after=600", "halfclose_after=300", "latency=400", "rate=200", "blackhole=1"]
    with Shop(options, clock=True) as shop:
        proxied = shop.spare[0]
        shop.replace("retaind.yaml", f"smtp://127.0.0.1:{shop.mail_port}", f"smtp://127.0.0.1:{proxied}")
        shop.take_mail()
        shop.take_calls()
        line = shop.proxy(proxied, shop.mail_port)
        shop.run()
        for fault in faults:
            line(fault + "\n")
            before, began = len(shop.calls()), time.time()
            shop.orders(20)
            world.wait_until(lambda: len(shop.calls()) >= before + 20, f"20 calls under {fault}", 60)
            slowest = max(call["t"] for call in shop.calls()[before:]) - began
            must(slowest < SOON, f"calls waited {slowest:.1f} s for the mail server under {fault}")
            world.wait_until(lambda: shop.tried(began), f"what mails come to under {fault}", 150)
            seen.append(f"{fault} {slowest:.1f} s")
        line("")
        shop.settled_by_hand(2 * 20 * len(faults))
        result = shop.judge("allowed")
        return f"the last of 20 calls went out after: {', '.join(seen)}; no mail lost, {result['dup']} twice under one id"


@sort
def stalls(options):
    """A mail server that is silent after the final dot, for longer than anybody waits, and late with its greeting (D6)."""
    with Shop(options, clock=True) as shop:
        shop.take_mail("stall:0.1:200", "banner:3")
        shop.take_calls()
        shop.run()
        began = time.time()
        shop.orders(60)
        world.wait_until(lambda: len(shop.calls()) >= 60, "60 calls", 60)
        slowest = max(call["t"] for call in shop.calls()) - began
        must(slowest < SOON, f"calls waited {slowest:.1f} s for the mail server")
        world.wait_until(lambda: not shop.states().get("sending") and not shop.states().get("queued"), "the stalled to be let go", 240)
        freed = time.time() - began
        uncertain = shop.states().get("uncertain", 0)
        shop.clock.turn(601)
        # Of the repeats some stall, too; after two of them a person decides.
        for _ in range(2):
            world.wait_until(lambda: not shop.states().get("sending") and not shop.overdue(), "the repeats", 400)
            shop.clock.turn(601)
        shop.settled(120, 400, ("sent", "held"))
        result = shop.judge("allowed", ("sent", "held"))
        return (f"{uncertain} of 60 mails uncertain, their connections free again after {freed:.0f} s; calls out within {slowest:.1f} s; "
                f"in the end {shop.states()}, lost {result['lost']}, {result['dup']} twice under one id")


@sort
def outage(options):
    """The mail server is gone for two hours, by a clock that goes 60 times as fast, with a queue of mails; then it is back (D7)."""
    with Shop(options, LETTER, clock=True) as shop:
        shop.run()
        count = options.size or 5000
        shop.orders(count)
        used = shop.processor()
        shop.clock.set(shop.clock.now(), 60)
        time.sleep(2 * HOUR / 60)
        shop.clock.set(shop.clock.now(), 1)
        used = shop.processor() - used
        share, resident = used / (2 * HOUR), shop.resident()
        must(share < 0.02, f"{used:.1f} s of processor time in two hours")
        sink, most = shop.take_mail(), 0
        shop.clock.set(shop.clock.now(), 60)
        end = time.monotonic() + 1200
        while shop.states().get("sent", 0) < count:
            must(time.monotonic() < end, f"not all mails were taken: {shop.states()}")
            most = max(most, connections(sink.port))
            time.sleep(0.1)
        must(most <= 8, f"{most} connections at once")
        result = shop.judge()
        return (f"{count} mails waited for two hours with {used:.1f} s of processor time ({100 * share:.2f} % of a core), {resident} MB "
                f"resident; then all taken, over at most {most} connections, lost {result['lost']}, doubled {result['dup']}")


class Names(socketserver.BaseRequestHandler):
    """A name server that answers as it is told: `nowhere` (NXDOMAIN), `failing` (SERVFAIL), `silent`, or an address."""
    says = "127.0.0.1"

    def handle(self):
        data, connection = self.request
        question = data[12:data.index(b"\0", 12) + 5]
        kind = struct.unpack(">H", question[-4:-2])[0]
        code = {"nowhere": 3, "failing": 2}.get(Names.says, 0)
        if Names.says == "silent":
            return
        answers = int(code == 0 and kind == 1)
        head = data[:2] + struct.pack(">HHHHH", 0x8180 | code, 1, answers, 0, 0)
        record = struct.pack(">HHHIH", 0xC00C, 1, 1, 0, 4) + socket.inet_aton("127.0.0.1")
        connection.sendto(head + question + (record if answers else b""), self.client_address)


@sort
def names(options):
    """A name server that says no, fails, is silent, and then answers (D8). It has a network of its own, and so has the daemon."""
    if os.geteuid() or subprocess.run(["unshare", "-m", "true"], capture_output=True).returncode:
        raise Skipped("only root may have /etc/resolv.conf look different")
    with Shop(options) as shop:
        server = socketserver.ThreadingUDPServer(("127.0.0.53", 53), Names)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        (shop.work / "resolv.conf").write_text("nameserver 127.0.0.53\noptions timeout:2 attempts:2\n")
        shop.replace("retaind.yaml", "smtp://127.0.0.1:", "smtp://mail.shop.test:")
        shop.take_mail()
        shop.take_calls()
        command = f"mount --bind {shop.work}/resolv.conf /etc/resolv.conf && exec \"$@\""
        seen = []
        Names.says = "silent"
        shop.run(before=["unshare", "-m", "sh", "-c", command, "sh"])
        for says in ("silent", "failing", "nowhere"):
            Names.says = says
            before, began = len(shop.calls()), time.time()
            shop.orders(10)
            world.wait_until(lambda: len(shop.calls()) >= before + 10, f"10 calls with a name server that is {says}", 30)
            slowest = max(call["t"] for call in shop.calls()[before:]) - began
            must(slowest < SOON, f"calls waited {slowest:.1f} s with a name server that is {says}")
            time.sleep(20)
            seen.append(f"{says}: calls out within {slowest:.1f} s, {shop.states()}")
        must(not shop.states().get("failed"), f"a name that could not be resolved is no final answer: {shop.states()}")
        Names.says = "127.0.0.1"
        shop.settled_by_hand(60)
        result = shop.judge()
        server.shutdown()
        return f"{'; '.join(seen)}; when it answers all are taken, lost {result['lost']}, doubled {result['dup']}"


@sort
def endpoints(options):
    """A receiver of calls that fails in each way there is, by a clock that goes 900 times as fast, beside one that works (D9)."""
    faults = ["500:0.2", "429:0.1:2", "503ra:0.1:3", f"301:0.05:http://127.0.0.1:1/", "hugebody:0.03:512", "slowbody:0.03:10", "early:0.05"]
    with Shop(options, CALL, clock=True) as shop:
        shop.write("rules/other.yaml", CALL.replace("rule: thanks", "rule: other").replace("to: crm", "to: other"))
        shop.replace("retaind.yaml", "endpoints:\n", "endpoints:\n  other: {url: \"http://127.0.0.1:%d/hook\", secret: {file: crm.secret}, "
                     "allow_http: true, allow_addresses: [127.0.0.0/8]}\n" % shop.spare[0])
        shop.take_calls(*faults)
        shop.take_calls(port=shop.spare[0], name="other")
        shop.run()
        resident, began = shop.resident(), time.time()
        shop.orders(200)
        world.wait_until(lambda: len(shop.calls("other")) >= 200, "200 calls of the receiver that works", 60)
        slowest = max(call["t"] for call in shop.calls("other")) - began
        must(slowest < SOON, f"calls of the receiver that works waited {slowest:.1f} s for the other")
        world.wait_until(lambda: not shop.overdue(), "a first attempt at each", 240)
        shop.clock.set(shop.clock.now(), 900)
        shop.settled(400, 600, ("sent", "failed"))
        grown = shop.resident() - resident
        must(grown < 60, f"{grown} MB more than before")
        result = shop.judge("allowed", ("sent", "failed"))
        attempts, failed = max(d["attempts"] for d in shop.deliveries()), shop.states().get("failed", 0)
        must(failed < 10, f"{failed} calls were given up")
        bodies = {}
        for call in shop.calls():
            bodies.setdefault(call["id"], set()).add((call["sha"], call["idem"]))
        must(all(len(one) == 1 for one in bodies.values()), "a body changed between attempts")
        return (f"{200 - failed} calls taken after up to {attempts} attempts, {failed} given up after three days, each with one id and one body; {grown} MB more over answers of 512 MiB; "
                f"the other receiver's 200 out within {slowest:.1f} s; lost {result['lost']}, {result['dup']} twice under one id")


@sort
def clock_jumps(options):
    """The clock jumps while the daemon runs: a day, half a minute, to 1970 and 2038, and back (D13)."""
    schedule = 'rule: daily\nclass: service\ntrigger: {schedule: "0 * * * *"}\nwhen: everyone\nagain_after: never\nsteps:\n  - {id: crm, webhook: {to: crm, type: it.ticked, data: {id: "{{ customer.id }}"}}}\n'
    with Shop(options, clock=True) as shop:
        shop.write("rules/daily.yaml", schedule)
        shop.take_mail()
        shop.take_calls()
        shop.run()
        start, seen = shop.clock.now(), []
        expected = 0
        for name, to in [("a day on", DAY), ("a day back", 0), ("30 s on", 30), ("30 s back", 0), ("to 1970", 1000 - start),
                         ("back", 60), ("to 2038", 2147483600 - start), ("back", 120)]:
            used = shop.processor()
            shop.clock.set(start + to)
            time.sleep(3)
            busy = shop.processor() - used
            must(shop.daemon.poll() is None, f"the daemon ended at the jump {name}")
            must(busy < 1.5, f"{busy:.1f} s of processor time in 3 s after the jump {name}")
            if abs(to) <= DAY:
                shop.orders(5)
                expected += 5
                world.wait_until(lambda: len({c["id"] for c in shop.calls()}) >= expected and len(shop.mails()) >= expected, f"what is started after the jump {name}", 60)
            seen.append(name)
        calls, mails = shop.calls(), shop.mails()
        must(len({c["id"] for c in calls}) == len(calls) and len({m["mid"] for m in mails}) == len(mails), "something was sent twice")
        warned = sorted(set(re.findall(r"WARN\S*\s+.*the clock jumped.*", shop.log())))
        must(len(warned) >= len(seen), f"the log tells of {len(warned)} jumps of {len(seen)}")
        # A start by a clock that cannot be right.
        shop.end()
        shop.clock.set(1000)
        shop.run()
        must("the clock cannot be right" in shop.log(), "a start in 1970 is not told")
        return f"{', '.join(seen)}: {len(mails)} mails and {len(calls)} calls, none twice; the log says of it {len(warned)} lines, such as {(warned or ['nothing'])[0][:120]!r}"


@sort
def daylight(options):
    """The days on which clocks change, in several zones: what is due at 02:30 goes out once (D14)."""
    days = [("Europe/Berlin", "2026-03-29T00:59:30+00:00"), ("Europe/Berlin", "2026-10-25T00:25:00+00:00"),
            ("America/New_York", "2026-03-08T06:59:30+00:00"), ("America/New_York", "2026-11-01T05:25:00+00:00"),
            ("Australia/Lord_Howe", "2026-10-03T15:25:00+00:00"), ("Australia/Lord_Howe", "2026-04-04T14:25:00+00:00"),
            ("Pacific/Apia", "2011-12-30T09:55:00+00:00")]
    seen = []
    for zone, instant in days:
        # A day that a zone leaves out has a turn at its end, and the next day its own.
        minute, hour, least, most = ("30", "2", 1, 1) if "Apia" not in zone else ("30", "0", 1, 2)
        rule = CALL.replace("trigger: {event: Order Completed}", f'trigger: {{schedule: "{minute} {hour} * * *", timezone: {zone}}}').replace(
            "when: everyone", "when: everyone\nagain_after: 1h").replace(', order: "{{ event.order_id }}"', "")
        with Shop(options, rule, clock=True) as shop:
            at = datetime.datetime.fromisoformat(instant).timestamp()
            shop.clock.set(at - DAY)
            shop.take_calls()
            shop.run()
            shop.post([{"type": "identify", "userId": "ana", "messageId": "1", "timestamp": shop.stamp(), "traits": {"firstName": "Ana"}}])
            shop.clock.set(at)
            before = len(shop.calls())
            # Three hours, in steps of ten minutes; a step that the daemon has not seen when the next one comes does no harm.
            for _ in range(18):
                shop.clock.turn(600)
                time.sleep(1)
            world.wait_until(lambda: len(shop.calls()) - before >= least, f"the call of {zone} on {instant[:10]}", 60)
            world.wait_until(lambda: not shop.overdue(), "the end of it", 60)
            sent = len(shop.calls()) - before
            must(least <= sent <= most, f"{zone} on {instant}: {sent} sent")
            seen.append(f"{zone} {instant[:10]} {sent}")
    return "; ".join(seen)


@sort
def burst(options):
    """Batches of nearly 480 kB from eight senders, as fast as they are taken (D17)."""
    with Shop(options, None) as shop:
        shop.run()
        count = options.size or 100_000
        answers, slowest, lock = {}, [0.0], threading.Lock()
        todo = iter(range(0, count, 1000))

        def sender():
            while set(answers) <= {200, 429, 503}:
                with lock:
                    start = next(todo, None)
                if start is None:
                    return
                batch = [{"type": "track", "userId": f"c{n % 5000}", "event": "Visited", "messageId": f"b{n}", "timestamp": shop.stamp(),
                          "properties": {"page": "x" * 310}} for n in range(start, start + 1000)]
                status = 0
                while status != 200 and set(answers) <= {200, 429, 503}:
                    since = time.monotonic()
                    status = shop.post(batch, 300)
                    with lock:
                        answers[status] = answers.get(status, 0) + 1
                        slowest[0] = max(slowest[0], time.monotonic() - since)
                    if status != 200:
                        time.sleep(0.2)

        began, most = time.monotonic(), 0
        senders = [threading.Thread(target=sender, daemon=True) for _ in range(8)]
        for one in senders:
            one.start()
        while any(one.is_alive() for one in senders):
            most = max(most, shop.resident())
            time.sleep(0.5)
        took = time.monotonic() - began
        must(set(answers) <= {200, 429, 503}, f"answers were {answers}")
        stored = shop.metric("retaind_arrivals_total", result="stored")
        must(stored == count, f"{stored} stored of {count}")
        must(shop.customers() == min(count, 5000), f"{shop.customers()} customers")
        cap = 700
        must(most <= cap, f"{most} MB resident")
        return (f"{count} events in {took:.0f} s ({count / took:.0f}/s), answers {answers}, the slowest after {slowest[0]:.1f} s, {stored:.0f} stored, "
                f"at most {most} MB resident, {shop.size()} MB of store")


@sort
def descriptors(options):
    """Few file descriptors and many connections (D19)."""
    with Shop(options) as shop:
        shop.take_mail()
        shop.take_calls()
        shop.run(before=["prlimit", "--nofile=64"])
        shop.orders(20)
        shop.settled(40)
        idle = []
        with contextlib.suppress(OSError):
            for _ in range(300):
                idle.append(socket.create_connection(("127.0.0.1", shop.public), 2))
        used = shop.processor()
        time.sleep(5)
        busy = (shop.processor() - used) / 5
        held = shop.descriptors()
        must(busy < 0.2, f"{100 * busy:.0f} % of a core for connections that send nothing")
        for one in idle:
            one.close()
        world.wait_until(lambda: shop.ask("/readyz")[0] == 200, "readiness", 30)
        shop.orders(20)
        shop.settled(80)
        result = shop.judge()
        return f"{len(idle)} idle connections, {held} of 64 descriptors in use, {100 * busy:.1f} % of a core; afterwards all goes on, lost {result['lost']}, doubled {result['dup']}"


@sort
def threads(options):
    """Hardly more threads than it has, as TasksMax= makes it (D19)."""
    with Shop(options) as shop, group("pids", max=1000) as (inside, folder):
        shop.take_mail()
        shop.take_calls()
        shop.run(before=inside)
        began = shop.threads()
        (folder / "pids.max").write_text(str(began + 2))
        shop.orders(200)
        for _ in range(5):
            shop.ask("/v1/status")
            shop.command("customers", "list", "--format", "json")
            shop.orders(20)
        shop.settled(600, 300)
        most = shop.threads()
        must(most <= began + 2, f"{most} threads")
        (folder / "pids.max").write_text("1000")
        result = shop.judge()
        return f"{began} threads at first, at most {began + 2} allowed, {most} at the end: all goes on, lost {result['lost']}, doubled {result['dup']}"


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    target = pathlib.Path(os.environ.get("CARGO_TARGET_DIR", HERE / "../../target"))
    parser.add_argument("--binary", type=pathlib.Path, default=target / "debug/retaind")
    parser.add_argument("--tools", type=pathlib.Path, default=os.environ.get("RETAIND_TOOLS"))
    parser.add_argument("--size", type=int, help="how many mails, events or customers, where a sort of trouble has many")
    parser.add_argument("--seconds", type=int, default=1800, help="how long the soak takes")
    parser.add_argument("--seed", type=int, help="the soak's chances")
    parser.add_argument("sorts", nargs="*", metavar="SORT", help=", ".join(SORTS))
    options = parser.parse_args()
    if not options.tools or not (options.tools / "smtp_sink.py").is_file():
        return print("skipped: trouble.py: no sinks; name their folder with --tools", file=sys.stderr)
    if subprocess.run([sys.executable, "-c", "import aiosmtpd"], capture_output=True).returncode:
        return print("skipped: trouble.py: python3 with aiosmtpd is not installed", file=sys.stderr)
    # Asked to end, it ends what it has started.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    options.binary, failed = options.binary.resolve(strict=True), []
    for name in options.sorts or SORTS:
        began = time.monotonic()
        try:
            print(f"{name}: {SORTS[name](options)} ({time.monotonic() - began:.0f} s)", flush=True)
        except Skipped as why:
            print(f"skipped: {name}: {why}", file=sys.stderr, flush=True)
        except (Failed, SystemExit) as why:
            if getattr(why, "code", None) == 143:
                raise
            failed.append(name)
            print(f"{name}: FAILED: {why}", file=sys.stderr, flush=True)
    sys.exit(1 if failed else 0)


main()
