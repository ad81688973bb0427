#!/usr/bin/env python3
"""Orders for a daemon that is backed up meanwhile, lost and restored, and what must be so then, counted without it. Used by
backup.sh; the folder WORK holds project/, the ledgers, and acknowledged.ndjson: what was answered with 2xx, in that order."""
import base64, collections, http.client, json, subprocess, sys, threading, time
import world

KEY = "write-key-of-the-test"
PEOPLE = 2000
THREADS = 8
GONE = range(0, 50)         # who withdraws after the backup
BOUNCED = range(50, 100)    # whose address is suppressed after it
SETTINGS = """business: {{name: Shop, address: "1 Main Street", timezone: UTC}}
email: {{from: Shop <hello@shop.test>, transport: "smtp://127.0.0.1:{mail}", tls: none}}
http: {{public: "127.0.0.1:{public}", write_keys: [{{file: write.key}}], rate: 100000/s}}
frequency_caps: {{marketing: []}}
quiet_hours: {{from: "00:00", to: "00:00"}}
"""
RULE = """rule: {name}
class: {kind}
trigger: {{event: Order Completed, once_per: order_id}}
when: event.revenue > {least}
steps: [{{email: {name}}}]
"""
DEAR = 90                   # orders of more than that are answered by mail: one in ten


def cmd_project(args):
    files = {
        "retaind.yaml": SETTINGS.format(mail=args.mail_port, public=args.public_port),
        "write.key": KEY,
        "schema.yaml": "events: {Order Completed: {order_id: string, revenue: number}}\n",
        "rules/receipt.yaml": RULE.format(name="receipt", kind="service", least=DEAR),
        "rules/offer.yaml": RULE.format(name="offer", kind="marketing", least=DEAR),
    } | {f"templates/{name}/en.md": f"---\nsubject: \"{name} {{{{ event.order_id }}}}\"\n---\nHello.\n" for name in ("receipt", "offer")}
    for name, text in files.items():
        path = args.work / "project" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    (args.work / "public-port").write_text(str(args.public_port))


class Line:
    """One connection; every call must be answered with 2xx."""

    def __init__(self, work):
        port = int((work / "public-port").read_text())
        self.connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
        key = base64.b64encode(f"{KEY}:".encode()).decode()
        self.head = {"content-type": "application/json", "authorization": f"Basic {key}"}

    def send(self, kind, message):
        self.connection.request("POST", f"/v1/{kind}", json.dumps(message), self.head)
        answer = self.connection.getresponse()
        text = answer.read()
        if answer.status // 100 != 2:
            sys.exit(f"{answer.status} {text} to {message}")


def known(n, consents=True):
    return dict(userId=f"c{n}", traits=dict(email=f"c{n}@customers.test", consent=dict(marketing=consents)))


def order(n, name, revenue):
    return dict(userId=f"c{n}", event="Order Completed", messageId=f"m-{name}", properties=dict(order_id=name, revenue=revenue))


def cmd_send(args):
    """Everybody is made known, then orders come at the rate, by several connections."""
    line = Line(args.work)
    for at in range(0, PEOPLE, 100):
        line.send("batch", dict(batch=[dict(known(n), type="identify") for n in range(at, at + 100)]))
    begin, late, lock = time.monotonic(), [], threading.Lock()
    out = open(args.work / "acknowledged.ndjson", "w", buffering=1)

    def work(thread):
        line = Line(args.work)
        for turn in range(thread, int(args.rate * args.seconds), THREADS):
            due = begin + turn / args.rate
            time.sleep(max(0.0, due - time.monotonic()))
            message = order(turn % PEOPLE, f"o{turn}", turn * 7 % 100)
            line.send("track", message)
            with lock:
                out.write(json.dumps(message) + "\n")
                late.append(time.monotonic() - due)

    threads = [threading.Thread(target=work, args=(n,)) for n in range(THREADS)]
    [one.start() for one in threads]
    [one.join() for one in threads]
    took = time.monotonic() - begin
    late.sort()
    print(json.dumps(dict(orders=len(late), per_second=round(len(late) / took), p99_ms=round(late[int(len(late) * .99)] * 1000))))


def acknowledged(work):
    return [json.loads(line) for line in open(work / "acknowledged.ndjson") if line.endswith("\n")]


def cmd_note(args):
    (args.work / f"count-{args.word}").write_text(str(len(acknowledged(args.work))))


def cmd_withdraw(args):
    """After the backup; then all that is to be sent of what was acknowledged is waited for, so that a kill leaves nothing open."""
    wanted = {f"{rule} {m['properties']['order_id']}" for m in acknowledged(args.work) for rule in ("receipt", "offer")
              if m["properties"]["revenue"] > DEAR}
    world.wait_until(lambda: wanted <= set(subjects(args.work / "mail.ledger")), "all mails", 300)
    line = Line(args.work)
    for n in GONE:
        line.send("identify", known(n, False))
    for n in BOUNCED:
        subprocess.run([args.binary, "suppressions", "add", f"c{n}@customers.test"], cwd=args.work / "project", check=True, capture_output=True)


def subjects(ledger):
    return collections.Counter(json.loads(line)["subject"] for line in open(ledger) if line.endswith("\n"))


def cmd_restored(args):
    before = acknowledged(args.work)[:int((args.work / "count-before").read_text())]
    least = collections.Counter(m["userId"] for m in before)
    most = collections.Counter(m["userId"] for m in acknowledged(args.work))
    found = {c["id"]: c["orders"]["count"] for c in json.loads((args.work / "customers.json").read_text())}
    lost = [c for c in least if found.get(c, 0) < least[c]]
    more = [c for c in found if found[c] > most[c]]
    report = json.loads((args.work / "restore.json").read_text())
    print(json.dumps(dict(acknowledged_before=len(before), orders=sum(found.values()), customers=len(found), **{k: report[k] for k in ("held", "withdrawn", "suppressed")})))
    if lost or more or len(found) != PEOPLE:
        sys.exit(f"lost {lost[:5]}, too many {more[:5]}, {len(found)} customers")
    if report["withdrawn"] != len(GONE) or report["suppressed"] != len(BOUNCED):
        sys.exit(f"what was withdrawn does not hold: {report}")


def cmd_again(args):
    """What was in the backup for certain is sent once more."""
    line = Line(args.work)
    before = acknowledged(args.work)[:int((args.work / "count-before").read_text())]
    for at in range(0, len(before), 200):
        line.send("batch", dict(batch=[dict(m, type="track") for m in before[at:at + 200]]))


def cmd_news(args):
    """A new order of everybody: the receipt is for all but those whose address is suppressed, the offer for who has not withdrawn either."""
    line = Line(args.work)
    for n in range(200):
        line.send("track", order(n, f"new{n}", 99))
    no_mail, no_offer = set(BOUNCED), set(BOUNCED) | set(GONE)
    wanted = {f"receipt new{n}" for n in range(200) if n not in no_mail} | {f"offer new{n}" for n in range(200) if n not in no_offer}
    new = lambda: {s for s in subjects(args.work / "mail.ledger") if " new" in s}
    world.wait_until(lambda: wanted <= new(), "the mails of the new orders", 120)
    time.sleep(5)
    if new() != wanted:
        sys.exit(f"not to be sent: {sorted(new() - wanted)[:5]}")
    print(json.dumps(dict(new_mails=len(wanted))))


def cmd_once(args):
    old, now = subjects(args.work / "mail.before"), subjects(args.work / "mail.ledger")
    twice = [s for s, n in now.items() if n > 1]
    since = [s for s in now if s not in old and " new" not in s]
    print(json.dumps(dict(mails=sum(now.values()), twice=len(twice), of_before=len(since))))
    if twice or since:
        sys.exit(f"twice {twice[:5]}, made up for {since[:5]}")


def main():
    commands = world.Commands(__doc__)
    project = commands("project", "work")
    for port in ("--mail-port", "--public-port"):
        project.add_argument(port, type=int, required=True)
    send = commands("send", "work")
    send.add_argument("--rate", type=float, default=500)
    send.add_argument("--seconds", type=float, default=40)
    commands("note", "work").add_argument("word")
    commands("withdraw", "work").add_argument("--binary", required=True)
    for name in ("restored", "again", "news", "once"):
        commands(name, "work")
    own = dict(project=cmd_project, send=cmd_send, note=cmd_note, withdraw=cmd_withdraw, restored=cmd_restored, again=cmd_again, news=cmd_news, once=cmd_once)
    commands.run(own, lambda work: set(), lambda delivery: None)


main()
