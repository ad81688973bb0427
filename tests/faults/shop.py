"""A shop under trouble: a project, its daemon, sinks for mail and calls that write down what they took, and a wall clock that
can be set. Used by trouble.py. Every mail and call is started by an event over HTTP, so that a scenario knows what must come."""
import base64, contextlib, ctypes, http.client, json, mmap, os, pathlib, re, signal, socket, struct, subprocess, sys, tempfile, time
import world

HERE = pathlib.Path(__file__).parent
KEY = "write-key-of-the-test"
MAIL_AND_CALL = """rule: thanks
class: service
trigger: {event: Order Completed}
when: everyone
steps:
  - {id: letter, email: thanks}
  - {id: crm, webhook: {to: crm, type: order.thanks, data: {id: "{{ customer.id }}", order: "{{ event.order_id }}"}}}
"""
CALL = "\n".join(line for line in MAIL_AND_CALL.splitlines() if "letter" not in line) + "\n"
LETTER = "\n".join(line for line in MAIL_AND_CALL.splitlines() if "crm" not in line) + "\n"


SORTS = {}


def sort(function):
    """A sort of trouble, under its function's name."""
    SORTS[function.__name__] = function
    return function


class Skipped(Exception):
    """What the machine lacks."""


class Failed(Exception):
    """What must hold did not."""


def must(holds, what):
    if not holds:
        raise Failed(what)


def percentile(values, share):
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(len(ordered) * share))]


def connections(port):
    """Established connections to a port of this machine."""
    wanted = f":{port:04X}"
    lines = [line.split() for line in pathlib.Path("/proc/net/tcp").read_text().splitlines()[1:]]
    return sum(1 for fields in lines if fields[2].endswith(wanted) and fields[3] == "01")


@contextlib.contextmanager
def group(controller, **limits):
    """A control group of version 1 with these limits: a command before another one that puts it there, and its folder."""
    folder = pathlib.Path(f"/sys/fs/cgroup/{controller}/retaind-trouble-{os.getpid()}")
    try:
        folder.mkdir()
    except OSError as why:
        raise Skipped(f"no control group for {controller} can be made: {why}")
    try:
        for name, value in limits.items():
            (folder / f"{controller}.{name}").write_text(str(value))
        yield ["sh", "-c", f"echo $$ >{folder}/cgroup.procs && exec \"$@\"", "sh"], folder
    finally:
        for _ in range(100):
            with contextlib.suppress(OSError):
                folder.rmdir()
                break
            time.sleep(0.1)


class Clock:
    """The wall clock of a daemon, as clock.c shows it: it can be set, and made to go faster, while the daemon runs."""

    def __init__(self, work):
        self.path = work / "clock"
        self.path.write_bytes(bytes(8 + 2 * 24))
        file = open(self.path, "r+b")
        self.map = mmap.mmap(file.fileno(), 0)
        self.library = work / "clock.so"
        subprocess.run(["cc", "-shared", "-fPIC", "-O1", "-o", self.library, HERE / "clock.c", "-ldl"], check=True)
        self.current = 0
        self.set(time.time(), 1)

    def now(self):
        """What it shows, in seconds since 1970."""
        return self.shown + (time.time() - self.real) * self.rate

    def set(self, shown, rate=None):
        self.shown, self.real, self.rate = shown, time.time(), self.rate if rate is None else rate
        other = 1 - self.current
        struct.pack_into("qqd", self.map, 8 + 24 * other, int(self.real * 1e9), int(self.shown * 1e9), self.rate)
        struct.pack_into("q", self.map, 0, other)
        self.current = other

    def turn(self, seconds):
        self.set(self.now() + seconds)

    def environment(self):
        return {"LD_PRELOAD": str(self.library), "CLOCK_FILE": str(self.path)}


class Sink:
    """One of the sinks, and what it has taken."""

    def __init__(self, shop, script, port, ledger, faults, environment):
        self.ledger, self.port = ledger, port
        ledger.touch()
        self.process = shop.start([sys.executable, shop.tools / script, port, ledger, *faults], environment)
        world.wait_until(lambda: world.connects(("127.0.0.1", port), socket.AF_INET), f"listening on {port}")

    def taken(self):
        # The last line may be on its way.
        whole, _, _ = self.ledger.read_text().rpartition("\n")
        return [json.loads(line) for line in whole.splitlines()]

    def stop(self):
        self.process.kill()
        self.process.wait()


class Shop:
    """All of it, in a folder that goes with it."""

    def __init__(self, options, rules=MAIL_AND_CALL, settings="", store="data", clock=False, mail_to=None, hook_to=None):
        self.tools, self.binary = options.tools, options.binary
        self.work = pathlib.Path(tempfile.mkdtemp(prefix="retaind-trouble."))
        self.project, self.processes, self.sinks = self.work / "project", [], {}
        held = [socket.create_server(("127.0.0.1", 0)) for _ in range(5)]
        self.mail_port, self.hook_port, self.public, *self.spare = (server.getsockname()[1] for server in held)
        for server in held:
            server.close()
        self.secret = "whsec_" + base64.b64encode(os.urandom(32)).decode()
        self.clock = Clock(self.work) if clock else None
        self.daemon, self.store, self.sent, self.rules = None, store, 0, rules or ""
        self.acknowledged = set()
        self.write("retaind.yaml", f"""business: {{name: Records, address: "1 Main Street", timezone: UTC}}
store: {{path: "{store}"}}
email: {{from: Records <hello@shop.test>, transport: "smtp://{mail_to or f'127.0.0.1:{self.mail_port}'}", tls: none}}
endpoints:
  crm: {{url: "http://{hook_to or f'127.0.0.1:{self.hook_port}'}/hook", secret: {{file: crm.secret}}, allow_http: true, allow_addresses: [127.0.0.0/8]}}
http: {{public: "127.0.0.1:{self.public}", admin: admin.sock, write_keys: [{{file: write.key}}], rate: 100000/s}}
frequency_caps: {{marketing: []}}
quiet_hours: []
{settings}""")
        self.write("schema.yaml", "events:\n  Order Completed: {order_id: string, revenue: number}\n  Visited: {page: string}\n")
        self.write("crm.secret", self.secret + "\n")
        self.write("write.key", KEY + "\n")
        self.write("templates/thanks/en.md", "---\nsubject: Thank you\n---\nThank you for {{ event.order_id or 'it' }}.\n")
        if rules:
            self.write("rules/thanks.yaml", rules)

    def __enter__(self):
        return self

    def __exit__(self, kind, *_):
        for process in self.processes:
            if process.poll() is None:
                process.kill()
                process.wait()
        if kind is None:
            subprocess.run(["rm", "-rf", self.work], check=False)
        else:
            print(f"see {self.work}", file=sys.stderr)

    def write(self, name, text):
        path = self.project / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)

    def replace(self, name, old, new):
        text = (self.project / name).read_text()
        assert old in text
        self.write(name, text.replace(old, new))

    def start(self, command, environment=None, name=None, **options):
        log = open(self.work / f"{name or pathlib.Path(str(command[1])).stem}.log", "ab")
        options = {"stdout": log, "stderr": log, "env": os.environ | (environment or {})} | options
        process = subprocess.Popen([str(part) for part in command], **options)
        self.processes.append(process)
        return process

    def end_all_but_sinks(self):
        """Daemons that a failure has left."""
        sinks = [sink.process for sink in self.sinks.values()]
        for process in self.processes:
            if process not in sinks and process.poll() is None:
                process.kill()
                process.wait()

    # The world outside.

    def take_mail(self, *faults):
        self.sinks["mail"] = Sink(self, "smtp_sink.py", self.mail_port, self.work / "mail.ledger", faults, {})
        return self.sinks["mail"]

    def take_calls(self, *faults, port=None, name="hook"):
        ledger = self.work / f"{name}.ledger"
        self.sinks[name] = Sink(self, "webhook_sink.py", port or self.hook_port, ledger, faults, {"WHSEC": self.secret})
        return self.sinks[name]

    def proxy(self, port, target):
        """A proxy that does to connections what the text given to the answer says."""
        control = self.work / f"proxy-{port}"
        control.write_text("")
        self.start([sys.executable, self.tools / "chaosproxy.py", port, target, control])
        world.wait_until(lambda: world.connects(("127.0.0.1", port), socket.AF_INET), f"listening on {port}")
        return lambda text: control.write_text(text)

    # The daemon.

    def run(self, before=(), environment=None, status=200, **options):
        environment = {"RETAIND_CONFIG": str(self.project / "retaind.yaml")} | (self.clock.environment() if self.clock else {}) | (environment or {})
        self.daemon = self.start([*before, self.binary, "run"], environment, "daemon", cwd=self.project, **options)
        self.wait_ready(status=status)

    def wait_ready(self, seconds=60, status=200):
        def ready():
            must(self.daemon.poll() is None, f"the daemon ended with {self.daemon.returncode}: {self.log()[-600:]}")
            with contextlib.suppress(OSError, http.client.HTTPException):
                return self.ask("/readyz")[0] == status
        world.wait_until(ready, "readiness", seconds)

    def pid(self):
        """The daemon's own process, also where another program started it."""
        pids = [self.daemon.pid]
        for pid in pids:
            with contextlib.suppress(OSError):
                if os.readlink(f"/proc/{pid}/exe") == str(self.binary):
                    return pid
                pids += [int(child) for child in pathlib.Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
        raise Failed("the daemon is not there")

    def end(self, how=signal.SIGTERM, seconds=70):
        """Ends it; its exit code, and how long that took."""
        began = time.monotonic()
        os.kill(self.pid(), how)
        code = self.daemon.wait(seconds)
        return code, time.monotonic() - began

    def log(self):
        return re.sub(r"\x1b\[[0-9;]*m", "", (self.work / "daemon.log").read_text(errors="replace"))

    def ask(self, path, method="GET", body=None, seconds=30):
        """An answer of the admin listener: status and text."""
        connection = http.client.HTTPConnection("localhost", timeout=seconds)
        connection.sock = socket.socket(socket.AF_UNIX)
        connection.sock.settimeout(seconds)
        connection.sock.connect(str(self.project / "admin.sock"))
        connection.request(method, path, body, {"content-type": "application/json"} if body else {})
        answer = connection.getresponse()
        return answer.status, answer.read().decode()

    def metric(self, name, **labels):
        """The sum of a metric's values, of those with these labels."""
        found = 0.0
        for line in self.ask("/metrics")[1].splitlines():
            named = re.match(rf"{name}(?:{{(.*)}})? (\S+)$", line)
            if named and all(f'{key}="{value}"' in (named[1] or "") for key, value in labels.items()):
                found += float(named[2])
        return found

    def command(self, *words, code=0, seconds=60, before=()):
        """What a command prints to standard output."""
        environment = os.environ | (self.clock.environment() if self.clock else {})
        ran = subprocess.run([*before, self.binary, *words], cwd=self.project, capture_output=True, text=True,
                             timeout=seconds, env=environment)
        must(ran.returncode == code, f"{words} ended with {ran.returncode} and not {code}: {ran.stderr}")
        return ran.stdout if code == 0 else ran.stdout + ran.stderr

    def deliveries(self):
        return json.loads(self.command("deliveries", "list", "--format", "json"))

    def states(self):
        """How many deliveries there are in each state that has any."""
        status = json.loads(self.ask("/v1/status")[1])
        return {state: count for state, count in status["deliveries"].items() if count}

    def settled(self, count, seconds=120, finals=("sent",)):
        """Waits until so many deliveries have come to an end of these."""
        world.wait_until(lambda: sum(self.states().get(state, 0) for state in finals) >= count,
                         f"{count} deliveries {' or '.join(finals)}", seconds)

    def overdue(self):
        """How many deliveries are due, or being sent, by the daemon's clock."""
        now = self.stamp()  # which sorts as the instants of the list do
        waiting = {"queued", "deferred", "uncertain", "sending"}
        return sum(1 for d in self.deliveries() if d["state"] in waiting and (d["state"] == "sending" or d["due_at"] <= now))

    def tried(self, since):
        """Whether mail was tried since then, be it that a server was not reached, and nothing is being sent."""
        if time.time() < since + 5 or self.states().get("sending"):
            return False
        lanes = json.loads(self.ask("/v1/status")[1])["lanes"]
        return not lanes or any(lane.get("trouble") for lane in lanes) or not self.overdue()

    def settled_by_hand(self, count, seconds=600):
        """As a person does who need not wait for the next attempt: what is put off is tried now. What is uncertain nobody can
        hurry, but the clock, where there is one, is turned on."""
        def done():
            states = self.states()
            if states.get("deferred"):
                self.command("deliveries", "retry", "--state", "deferred")
            elif self.clock and states.get("uncertain") and not states.get("queued") and not states.get("sending"):
                self.clock.turn(601)
                time.sleep(1)
            return states.get("sent", 0) >= count
        world.wait_until(done, f"{count} deliveries sent", seconds)

    def calls(self, name="hook"):
        return self.sinks[name].taken()

    def mails(self):
        return self.sinks["mail"].taken()

    def customers(self):
        return json.loads(self.ask("/v1/status")[1])["store"]["customers"]

    def until_refused(self):
        """The answers to batches of events, up to the first that is not taken."""
        answers = []
        for n in range(1000):
            batch = [{"type": "track", "userId": f"v{n}", "event": "Visited", "messageId": f"v{n}-{m}", "timestamp": self.stamp(),
                      "properties": {"page": "x" * 2000}} for m in range(100)]
            answers.append(self.post(batch))
            if answers[-1] != 200:
                break
        return answers

    # What customers do.

    def post(self, items, seconds=60):
        """Sends a batch; the answer's status."""
        connection = http.client.HTTPConnection("127.0.0.1", self.public, timeout=seconds)
        credentials = base64.b64encode(f"{KEY}:".encode()).decode()
        headers = {"authorization": f"Basic {credentials}", "content-type": "application/json"}
        connection.request("POST", "/v1/batch", json.dumps({"batch": items}), headers)
        answer = connection.getresponse()
        answer.read()
        connection.close()
        self.answered = answer.status
        return answer.status

    def stamp(self):
        now = self.clock.now() if self.clock else time.time()
        return time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(now)) + f".{int(now * 1000) % 1000:03d}Z"

    def orders(self, count, address="c{n}@customers.test"):
        """So many new customers with an order each, which starts their mail and their call; their numbers."""
        first, self.sent = self.sent, self.sent + count
        for start in range(first, first + count, 100):
            numbers = range(start, min(start + 100, first + count))
            people = [{"type": "identify", "userId": f"c{n}", "messageId": f"i{n}", "timestamp": self.stamp(),
                       "traits": {"email": address.format(n=n), "consent": {"marketing": True}}} for n in numbers]
            must(self.post(people) == 200, "customers were not taken")
            bought = [{"type": "track", "userId": f"c{n}", "event": "Order Completed", "messageId": f"o{n}",
                       "timestamp": self.stamp(), "properties": {"order_id": f"o{n}", "revenue": 5}} for n in numbers]
            must(self.post(bought) == 200, "orders were not taken")
            self.acknowledged.update(numbers)
        return range(first, first + count)

    # What it takes of the machine.

    def resident(self):
        """Megabytes."""
        status = pathlib.Path(f"/proc/{self.pid()}/status").read_text()
        return int(re.search(r"VmRSS:\s+(\d+)", status)[1]) // 1024

    def processor(self):
        """Seconds of processor time so far."""
        fields = pathlib.Path(f"/proc/{self.pid()}/stat").read_text().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def size(self):
        """Megabytes that its store takes on disk."""
        files = (self.project / self.store).rglob("*")
        return sum(path.lstat().st_blocks * 512 for path in files) >> 20

    def threads(self):
        return len(os.listdir(f"/proc/{self.pid()}/task"))

    def descriptors(self):
        return len(os.listdir(f"/proc/{self.pid()}/fd"))

    # The judgement.

    def judge(self, doubled="none", finals=("sent",), kills=()):
        """Each delivery that was decided has arrived under its id, none of anybody else's; how often one came twice.
        `doubled`: `none`; `explained` by what the sinks did, or by one of the `kills`; `allowed` where a line is cut behind
        the sinks' backs."""
        listed = self.deliveries()
        wrong = {d["state"] for d in listed} - set(finals)
        must(not wrong, f"deliveries are {wrong}, and should be {finals}")
        channels = [channel for channel in ("email", "webhook") if f"{channel}:" in self.rules and "event: Order" in self.rules]
        decided = {(d["customer"], d["channel"]) for d in listed}
        never = [(f"c{n}", channel) for n in self.acknowledged for channel in channels if (f"c{n}", channel) not in decided]
        must(not never, f"{len(never)} orders that were taken led to nothing, such as {never[:3]}")
        # What was given up, or is held, may have arrived by an attempt of which nobody knows.
        accepted = {line.get("mid") or line["id"] for sink in self.sinks.values() for line in sink.taken()
                    if line["kind"] == "mail" or line["code"] // 100 == 2}
        keys = {d["id"]: f"<{d['id']}@shop.test>" if d["channel"] == "email" else d["id"] for d in listed}
        expected = self.work / "expected"
        expected.write_text("".join(f"{keys[d['id']]}\n" for d in listed if d["state"] == "sent" or keys[d["id"]] in accepted))
        (self.work / "kills").write_text("".join(f"{at}\n" for at in kills))
        ledgers = [sink.ledger for sink in self.sinks.values()]
        ran = subprocess.run([sys.executable, self.tools / "ledger_check.py", expected, *ledgers], capture_output=True, text=True,
                             env=os.environ | {"KILLS": str(self.work / "kills")})
        result = json.loads(ran.stdout)
        unexplained = {"none": result["dup"], "explained": result["dup_unexplained"], "allowed": 0}[doubled]
        must(not (result["lost"] or result["alien"] or unexplained), f"the ledgers say {ran.stdout}")
        return result
