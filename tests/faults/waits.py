#!/usr/bin/env python3
"""Events for a daemon that is killed meanwhile, and what must come of those that it acknowledged, counted without it. Used
by waits.sh; the folder WORK holds project/, the ledgers, and acknowledged.ndjson: what was answered with 2xx, and when."""
import base64, datetime as dt, http.client, json, random, sys, threading, time
import world

UTC = dt.timezone.utc
KEY = "write-key-of-the-test"
PEOPLE = 120          # known from the start, all silver
DEAR = 50             # an order of more than that gets a receipt
LAPSES = 20           # seconds until a visitor lapses
AROUND = 6            # seconds around a reminder in which nobody is given its date
PUPILS = 60           # who began a course yesterday
AHEAD = 45            # seconds from then, a day later, until it goes on for the first of them
STOP = 240            # seconds after which the sender gives up
SCHEMA = """customer: {tier: string, trial_ends_on: date}
events:
  Order Completed: {order_id: string, revenue: number}
  Visited: {page: string}
  Course Begun: {course: string}
"""
SEGMENTS = """gold: {when: 'customer.tier == "gold"'}
lapsed: {when: 'since(last_at("Visited")) > hours(1)'}
"""
LETTER, CALL = "letter", "crm"
# By rule: trigger, condition, steps, steps that wait for longer than the test takes.
RULES = {
    "thanks": ("{event: Order Completed}", "everyone", [CALL], []),
    "receipt": ("{event: Order Completed, delay: 2s, once_per: order_id}", f"event.revenue > {DEAR}", [LETTER, CALL], ["day: 1"]),
    "promoted": ("{enters: gold}", "everyone", [LETTER, CALL], []),
    "demoted": ("{leaves: gold}", "everyone", [CALL], []),
    "lapsed": ("{enters: lapsed}", "everyone", [LETTER, CALL], ["day: 2"]),
    "returned": ("{leaves: lapsed}", "everyone", [CALL], []),
    "course": ("{event: Course Begun}", "everyone", [LETTER], ["day: 1", "day: 2"]),
}
SUBJECTS = {"course": "course {{ event.course or '?' }}"}
# Of those who began yesterday, what falls due today.
NEXT_DAY = [f"{LETTER}-1", f"{CALL}-1"]
REMINDER = ("everyone", [LETTER, CALL], ["day: 1", "day: 7"])


def plan(work):
    return json.loads((work / "plan.json").read_text())


def reminders(work):
    """Instants of the rules of dates, by name; all on one day."""
    return {f"reminder-{i}": at for i, at in enumerate(plan(work)["reminders"])}


def clock(at, form):
    return dt.datetime.fromtimestamp(at, UTC).strftime(form)


def rule_file(name, trigger, when, steps, later):
    lines = [f"rule: {name}", "class: service", f"trigger: {trigger}", f"when: {when}", "again_after: 1s", "steps:"]
    if "event: " in trigger or "date: " in trigger:
        lines.remove("again_after: 1s")
    call = "webhook: {to: crm, type: it.happened, data: {id: \"{{ customer.id }}\"}}"
    lines += [f"  - {{id: {LETTER}, email: {name}}}"] if LETTER in steps else []
    lines += [f"  - {{id: {CALL}, {call}}}"] if CALL in steps else []
    for n, day in enumerate(later, 1):
        lines += [f"  - {{id: {LETTER}-{n}, {day}, email: {name}}}"] if LETTER in steps else []
        lines += [f"  - {{id: {CALL}-{n}, {day}, {call}}}"]
    return "\n".join(lines) + "\n"


def cmd_project(args):
    low, high = args.between
    total = args.kills * (low + high) / 2000
    # The first reminders fall due while it is killed, if that goes on for so long.
    first = (int(time.time() + 60) // 60 + 1) * 60
    due = [first + 60 * n for n in range(1 + round(total / 60)) if clock(first + 60 * n, "%F") == clock(first, "%F")]
    (args.work / "plan.json").write_text(json.dumps(dict(reminders=due)))
    files = {
        "retaind.yaml": f"""business: {{name: Records, address: "1 Main Street", timezone: UTC}}
email: {{from: Records <hello@shop.test>, transport: "smtp://127.0.0.1:{args.mail_port}", tls: none, rate: 20/s}}
endpoints:
  crm: {{url: "http://127.0.0.1:{args.hook_port}/hook", secret: {{file: crm.secret}}, allow_http: true, allow_addresses: [127.0.0.0/8]}}
http: {{public: "127.0.0.1:{args.public_port}", write_keys: [{{file: write.key}}]}}
""",
        "write.key": KEY,
        "schema.yaml": SCHEMA,
        "rules/segments.yaml": SEGMENTS,
    }
    rules = RULES | {
        name: (f"{{date: trial_ends_on, at: \"{clock(at, '%H:%M')}\"}}", *REMINDER) for name, at in reminders(args.work).items()}
    for name, rule in rules.items():
        files[f"rules/{name}.yaml"] = rule_file(name, *rule)
        if LETTER in rule[2]:
            files[f"templates/{name}/en.md"] = f"---\nsubject: \"{SUBJECTS.get(name, name)}\"\n---\nHello.\n"
    for name, text in files.items():
        path = args.work / "project" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    (args.work / "public-port").write_text(str(args.public_port))


class Sender:
    """Sends until it is answered with 2xx, whatever happens to the daemon, and writes down what was acknowledged. Each
    thread has its own."""

    writing = threading.Lock()

    def __init__(self, work, name):
        self.work, self.name, self.number, self.connection = work, name, 0, None
        self.port = int((work / "public-port").read_text())
        self.until = time.monotonic() + STOP

    def send(self, kind, customer, **fields):
        self.number += 1
        message = dict(type=kind, userId=customer, messageId=f"{self.name}-{self.number}", **fields)
        while not self.is_taken(kind, message):
            if time.monotonic() > self.until:
                sys.exit(f"nothing takes {message}")
            time.sleep(0.05)
        with self.writing, open(self.work / "acknowledged.ndjson", "a") as out:
            out.write(json.dumps(dict(message, acknowledged=time.time())) + "\n")

    def is_taken(self, kind, message):
        try:
            if self.connection is None:
                self.connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=10)
            key = base64.b64encode(f"{KEY}:".encode()).decode()
            head = {"content-type": "application/json", "authorization": f"Basic {key}"}
            self.connection.request("POST", f"/v1/{kind}", json.dumps(message), head)
            answer = self.connection.getresponse()
            text = answer.read()
        except (OSError, http.client.HTTPException):
            self.connection = None
            return False
        if answer.status in (400, 401, 413, 415):
            sys.exit(f"{answer.status} {text} to {message}")
        return 200 <= answer.status < 300

    def order(self, customer, order, revenue):
        self.send("track", customer, event="Order Completed", properties=dict(order_id=order, revenue=revenue))

    def profile(self, customer, **traits):
        self.send("identify", customer, traits=dict(email=f"{customer}@customers.test", **traits))


def mailed(work, rule):
    """Who has got the rule's letter, by the ledger of the sink."""
    mails = (json.loads(line) for line in open(work / "mail.ledger") if line.endswith("\n"))
    return {mail["rcpt"][0].split("@")[0] for mail in mails if mail["subject"] == rule}


def calls(work):
    return len({json.loads(line)["id"] for line in open(work / "hook.ledger") if line.endswith("\n")})


def cmd_offset(_):
    print(AHEAD - 86400)


def cmd_yesterday(args):
    """Pupils begin, one after the other; mails only, for a call's time of yesterday would not be taken for good."""
    sender = Sender(args.work, "yesterday")
    (args.work / "began").write_text(str(time.time()))
    for n in range(PUPILS):
        sender.profile(f"s{n}")
        sender.send("track", f"s{n}", event="Course Begun", properties=dict(course=f"c{n}"))
        time.sleep(0.25)
    letters = lambda: sum(1 for line in open(args.work / "mail.ledger") if line.endswith("\n"))
    world.wait_until(lambda: letters() >= PUPILS, "the letters of all courses")


def cmd_wait(args):
    """Lets pass what is left until their courses go on."""
    left = float((args.work / "began").read_text()) + AHEAD - time.time()
    print(f"the first course goes on in {left:.0f} s")
    time.sleep(max(left - 2, 0))


def cmd_later(args):
    """What the steps of the next day came to: each when it was due, in part while the daemon was killed, and with what the
    event of yesterday said."""
    listed = json.loads((args.work / "deliveries.json").read_text())
    due = [dt.datetime.fromisoformat(d["due_at"]).timestamp() for d in listed if d["step"] in NEXT_DAY]
    kills = [float(line) for line in open(args.work / "kills")]
    among = sum(1 for at in due if kills and kills[0] < at < kills[-1])
    mails = [json.loads(line) for line in open(args.work / "mail.ledger")]
    wrong = [mail for mail in mails if mail["subject"].startswith("course")
             and mail["subject"] != "course c" + mail["rcpt"][0].split("@")[0].lstrip("s")]
    print(json.dumps(dict(next_day=len(due), among_kills=among, wrong_subjects=len(wrong))))
    if wrong or args.kills > 1 and not among:
        sys.exit(f"none fell due while it was killed, or such as {wrong[:1]} say something else")


def cmd_prepare(args):
    """Makes the people known; the thanks for a small order says that the rules have looked at each."""
    sender = Sender(args.work, "prepare")
    for n in range(PEOPLE):
        sender.profile(f"p{n}", tier="silver")
        sender.order(f"p{n}", f"first-{n}", 1)
    world.wait_until(lambda: calls(args.work) >= PEOPLE, "the thanks for all first orders")


def buys(sender, going_on):
    """Orders, and now and then the same one again in another message."""
    chance, number = random.Random(sender.name), 0
    while going_on():
        number += 1
        order = (f"p{chance.randrange(PEOPLE)}", f"{sender.name}-o{number}", chance.choice([10, 49.99, 50, 50.01, 200]))
        for _ in range(1 + (number % 8 == 0)):
            sender.order(*order)
        time.sleep(0.1)


def changes_tier(sender, going_on):
    """Makes people gold, and silver again once they have had the letter."""
    golden, silver = [], set()
    while going_on() or len(silver) < len(golden):
        if going_on() and len(golden) < PEOPLE:
            golden.append(f"p{len(golden)}")
            sender.profile(golden[-1], tier="gold")
        for customer in sorted(mailed(sender.work, "promoted") - silver):
            silver.add(customer)
            sender.profile(customer, tier="silver")
        time.sleep(0.3)


def visits(sender, going_on):
    """New visitors whose last visit is so long ago that they lapse in a while; once they have, they come again."""
    known, back = [], set()
    while going_on() or len(back) < len(known):
        if going_on():
            known.append(f"v{len(known)}")
            sender.profile(known[-1])
            last = time.time() - 3600 + LAPSES
            sender.send("track", known[-1], event="Visited", timestamp=clock(last, "%FT%T.%fZ"))
            if time.time() > last + 3600 - AROUND:
                sys.exit(f"{known[-1]} could not be made known in time")
        for customer in sorted(mailed(sender.work, "lapsed") - back):
            back.add(customer)
            sender.send("track", customer, event="Visited")
        time.sleep(0.3)


def tries(sender, going_on):
    """New customers with a date of today; every fifth gets another date at once."""
    number, due = 0, reminders(sender.work).values()
    today = clock(min(due), "%F")
    while going_on() or time.time() < min(due):
        if not any(abs(time.time() - at) < AROUND for at in due):
            number += 1
            sender.profile(f"t{number}", trial_ends_on=today)
            if number % 5 == 0:
                sender.profile(f"t{number}", trial_ends_on="2031-05-05")
        time.sleep(0.25)


def cmd_send(args):
    """Sends until the last kill, and then what is still owed."""
    kills = args.work / "kills"
    end = time.monotonic() + 10
    def going_on():
        if args.kills == 0:
            return time.monotonic() < end
        return not kills.exists() or kills.read_text().count("\n") < args.kills
    parts = [buys, buys, buys, changes_tier, visits, tries]
    senders = [Sender(args.work, f"{part.__name__}-{n}") for n, part in enumerate(parts)]
    broken = []
    def work(part, sender):
        try:
            part(sender, going_on)
        except BaseException as error:
            broken.append(f"{sender.name}: {error!r}")
    threads = [threading.Thread(target=work, args=both) for both in zip(parts, senders)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    print(f"acknowledged: {sum(1 for _ in open(args.work / 'acknowledged.ndjson'))} messages", flush=True)
    if broken:
        (args.work / "broken").write_text("\n".join(broken))
    (args.work / "all-sent").touch()


def expected(work):
    """Every (rule, step, customer, occurrence) that must be there in the end."""
    said = [json.loads(line) for line in open(work / "acknowledged.ndjson")]
    passages = set()
    ends = {}
    for message in sorted(said, key=lambda one: one["acknowledged"]):
        customer, traits = message["userId"], message.get("traits", {})
        if message.get("event") == "Order Completed":
            order = message["properties"]
            passages.add(("thanks", customer, message["messageId"]))
            if order["revenue"] > DEAR:
                passages.add(("receipt", customer, order["order_id"]))
        elif message.get("event") == "Course Begun":
            passages.add(("course", customer, message["messageId"]))
        elif message.get("event") == "Visited":
            passages.add(("returned", customer, "2") if "timestamp" not in message else ("lapsed", customer, "1"))
        elif traits.get("tier") == "gold":
            passages.add(("promoted", customer, "1"))
        elif traits.get("tier") == "silver" and ("promoted", customer, "1") in passages:
            passages.add(("demoted", customer, "2"))
        elif "trial_ends_on" in traits:
            ends[customer] = (message["acknowledged"], traits["trial_ends_on"])
    for name, at in reminders(work).items():
        day = clock(at, "%F")
        passages |= {(name, customer, day) for customer, (known, ends_on) in ends.items() if ends_on == day and known < at}
    steps = {name: rule[2] for name, rule in RULES.items()} | {name: REMINDER[1] for name in reminders(work)}
    steps["course"] = [LETTER, *NEXT_DAY]
    return {(rule, step, customer, occurrence) for rule, customer, occurrence in passages for step in steps[rule]}


def expected_once_all_is_sent(work):
    """As long as something is still sent, nothing is settled; if the sender broke, there is nothing to wait for."""
    if (work / "broken").exists():
        sys.exit((work / "broken").read_text())
    unsent = set() if (work / "all-sent").exists() else {("nothing", "is", "settled", "yet")}
    return expected(work) | unsent


def main():
    command = world.Commands(__doc__)
    project = command("project", "work")
    project.add_argument("--kills", type=int, required=True)
    project.add_argument("--between", type=int, nargs=2, required=True, metavar=("MIN_MS", "MAX_MS"))
    for port in ("mail", "hook", "public"):
        project.add_argument(f"--{port}-port", type=int, required=True)
    command("offset")
    command("yesterday", "work")
    command("prepare", "work")
    command("wait", "work")
    command("later", "work").add_argument("--kills", type=int, required=True)
    command("send", "work").add_argument("--kills", type=int, required=True)
    own = dict(
        project=cmd_project, offset=cmd_offset, yesterday=cmd_yesterday, prepare=cmd_prepare, wait=cmd_wait,
        send=cmd_send, later=cmd_later)
    command.run(own, expected_once_all_is_sent, lambda d: (d["rule"], d["step"], d["customer"], d["occurrence"]))


main()
