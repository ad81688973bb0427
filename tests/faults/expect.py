#!/usr/bin/env python3
"""What the crash test expects, counted without the daemon: its project, its rules, who must hear of what, and whether
all of it happened. Used by crash.sh; the folder WORK holds customers.csv, events.ndjson, project/ and the ledgers."""
import csv, datetime as dt, json, math, random, sys, time
import world

UTC = dt.timezone.utc
SCHEMA = """events:
  Order Completed: {order_id: string, revenue: number, currency: string, quantity: number}
"""
TEMPLATE = """---
subject: "{{ customer.first_name or 'Hello' }}, we miss you"
---
Hello {{ customer.first_name or 'there' }}, you bought {{ orders.count }} times.
"""


class Customer:
    """One row of customers.csv with its purchases from events.ndjson."""

    def __init__(self, row):
        self.id, self.consent = row["id"], row["consent.marketing"] == "true"
        self.count, self.cents, self.last = 0, 0, None

    def buy(self, event):
        when = dt.datetime.strptime(event["timestamp"], "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=UTC)
        self.count += 1
        self.cents += round(event["properties"]["revenue"] * 100)
        self.last = max(self.last or when, when)


def customers(work):
    with open(work / "customers.csv", newline="") as rows:
        found = {row["id"]: Customer(row) for row in csv.DictReader(rows)}
    for line in open(work / "events.ndjson"):
        event = json.loads(line)
        found[event["userId"]].buy(event)
    return found.values()


def quiet_hours_of_a_purchase(now):
    """How long a customer must be quiet: 90 days, or six hours less when one of them would pass that line just now.
    Purchases lie between 12:00 and 13:00 UTC."""
    return 90 * 24 - (6 if 11 <= now.hour <= 13 else 0)


def kinds(plan):
    """The two kinds of rule: condition, class, steps, and the same condition over a Customer."""
    hours, asked = plan["quiet"], dt.datetime.fromtimestamp(plan["made"], UTC)
    line = asked - dt.timedelta(hours=hours)
    win_back = dict(
        name="win-back", when=f"orders.count >= 2 && since(orders.last_at) > hours({hours})", kind="marketing",
        steps=["letter", "crm"], holds=lambda c: c.count >= 2 and c.last < line and c.consent)
    spender = dict(
        name="spender", when="orders.revenue > 150", kind="service", steps=["crm"], holds=lambda c: c.cents > 15000)
    return [win_back, spender]


def rules(work):
    """(file name, kind, tick) of each rule."""
    plan = json.loads((work / "plan.json").read_text())
    both = kinds(plan)
    return [(f"{both[i % 2]['name']}-{i}", both[i % 2], tick) for i, tick in enumerate(plan["ticks"])]


def expected(work):
    """Every (rule, step, customer) that must be there in the end."""
    everyone = list(customers(work))
    return {(name, step, c.id) for name, kind, _ in rules(work) for c in everyone if kind["holds"](c) for step in kind["steps"]}


def span(args):
    """Seconds that the killing will take, and of them the seconds that the daemon is up and at work."""
    low, high = args.between
    mean = (low + high) / 2000
    if args.kills == 0:
        return 6, 6
    return args.kills * (mean + 0.1), args.kills * max(mean - 0.4, 0.2)


def write_plan(args, lead):
    total, _ = span(args)
    number = min(max(3, args.kills // 3), 12)
    made = math.ceil(time.time())
    ticks = [made + lead + round(i * total * 0.8 / number) for i in range(number)]
    plan = dict(made=made, ticks=ticks, quiet=quiet_hours_of_a_purchase(dt.datetime.now(UTC)))
    (args.work / "plan.json").write_text(json.dumps(plan))


def write_rules(args, cron):
    folder = args.work / "project" / "rules"
    folder.mkdir(parents=True, exist_ok=True)
    for name, kind, tick in rules(args.work):
        steps = "  - {id: letter, email: miss-you}\n" if "letter" in kind["steps"] else ""
        # Nobody buys while it runs, so nobody reaches it.
        goal = "goal: {event: Order Completed, within: 1d, value: revenue}\n" if kind["kind"] == "marketing" else ""
        (folder / f"{name}.yaml").write_text(
            f"rule: {name}\nclass: {kind['kind']}\ntrigger: {{schedule: \"{cron(tick)}\"}}\n"
            f"when: {kind['when']}\nagain_after: never\npause_if: {{more_than: 1000000, per: 1d}}\nsteps:\n{steps}"
            "  - {id: crm, webhook: {to: crm, type: customer.at_risk, data: {id: \"{{ customer.id }}\"}}}\n" + goal)


def at_its_second(tick):
    t = dt.datetime.fromtimestamp(tick, UTC)
    return f"{t.second} {t.minute} {t.hour} * * *"


def cmd_project(args):
    write_plan(args, 3600)
    project = args.work / "project"
    write_rules(args, lambda _: "0 0 0 29 2 *")
    letters = sum(1 for _, step, _ in expected(args.work) if step == "letter")
    rate = max(5, math.ceil(letters / span(args)[1]))
    (project / "retaind.yaml").write_text(f"""business: {{name: Records, address: "1 Main Street", timezone: UTC}}
email: {{from: Records <hello@shop.test>, transport: "smtp://127.0.0.1:{args.mail_port}", tls: none, rate: {rate}/s}}
endpoints:
  crm:
    url: http://127.0.0.1:{args.hook_port}/hook
    secret: {{file: crm.secret}}
    allow_http: true
    allow_addresses: [127.0.0.0/8]
frequency_caps: {{marketing: []}}
quiet_hours: {{from: "00:00", to: "00:00"}}
""")
    (project / "schema.yaml").write_text(SCHEMA)
    template = project / "templates" / "miss-you"
    template.mkdir(parents=True)
    (template / "en.md").write_text(TEMPLATE)


def cmd_rules(args):
    write_plan(args, args.lead)
    write_rules(args, at_its_second)
    print(f"{len(rules(args.work))} rules, {len(expected(args.work))} deliveries expected", flush=True)


def cmd_customers(args):
    """Made-up customers and purchases in the form of cdnow.py, the last purchases yesterday."""
    chance, yesterday = random.Random(7), dt.datetime.now(UTC).date() - dt.timedelta(days=1)
    with open(args.work / "customers.csv", "w", newline="") as people, open(args.work / "events.ndjson", "w") as events:
        rows = csv.writer(people)
        rows.writerow(["id", "email", "first_name", "consent.marketing"])
        for n in range(600):
            rows.writerow([f"m{n}", f"m{n}@customers.test", "Ana", "true" if n % 20 else "false"])
            for order in range(1 + n % 4):
                day = yesterday - dt.timedelta(days=chance.randrange(400))
                when = dt.datetime.combine(day, dt.time(12, n % 60, order), UTC)
                events.write(json.dumps({
                    "type": "track", "userId": f"m{n}", "event": "Order Completed", "messageId": f"m{n}-{order}",
                    "timestamp": when.strftime("%Y-%m-%dT%H:%M:%SZ"),
                    "properties": {"order_id": f"m{n}-{order}", "revenue": chance.randrange(500, 12000) / 100,
                                   "currency": "EUR", "quantity": 1 + n % 3}}) + "\n")


def cmd_tick(args):
    """Waits for the first tick; it must not have passed."""
    left = json.loads((args.work / "plan.json").read_text())["ticks"][0] - time.time()
    if left < 0:
        sys.exit(f"the first start took {-left:.1f} s longer than there was before the first tick; give --lead more")
    time.sleep(max(0, left - 0.5))


def main():
    command = world.Commands(__doc__)
    command("customers", "work")
    command("tick", "work")
    for name in ("project", "rules"):
        one = command(name, "work")
        one.add_argument("--kills", type=int, required=True)
        one.add_argument("--between", type=int, nargs=2, required=True, metavar=("MIN_MS", "MAX_MS"))
        one.add_argument("--lead", type=int, default=15, help="seconds before the first tick")
        one.add_argument("--mail-port", type=int)
        one.add_argument("--hook-port", type=int)
    own = dict(customers=cmd_customers, tick=cmd_tick, project=cmd_project, rules=cmd_rules)
    command.run(own, expected, lambda d: (d["rule"], d["step"], d["customer"]))


main()
