#!/usr/bin/env python3
"""Every mutant that cargo-mutants lists, built into one program and chosen when it runs.

To build again for each of some thousand mutants takes a day. So each function that has mutants becomes a choice of bodies,
its own and those with one change each; which one runs says the environment (MUTANT=NUMBER). What does not compile is taken
out, and the tests are run once for each of the others.

  mutate.py FOLDER ROOM [--only TEXT] [--from REPORT] [--sample N/M]

FOLDER is what run.sh made. Of ROOM (engine or condition) the mutants whose names hold TEXT, or all; or those that an earlier
REPORT says came through; or every Mth of them from the Nth on. Prints those that came through, and writes what became of
each into FOLDER/ROOM.json.
"""

import argparse
import collections
import json
import os
import re
import resource
import signal
import subprocess
import sys

# The tests of a room, and of what stands on it; those that take longest are run last, and only if nothing else noticed.
TESTS = {
    "engine": [("pure-engine", "lib"), ("pure-stories", "projects"), ("pure-stories", "lib")],
    "condition": [("pure-condition", "lib"), ("pure-stories", "projects"), ("pure-rules", "lib"), ("pure-engine", "lib"),
                  ("pure-stories", "lib")],
}
SLOW = ["many_wait", "more_events", "looking_only", "several_lines_change", "very_many_alternatives", "the_same_until_it_is",
        "never_too_late_with_segments", "what_the_reference_interpreter_says"]
# The most that one run of the tests may take, in seconds of a processor: of those that are quick, and of the slow ones.
QUICK, LONG = 20, 120
CHOICE = "crate::mutant()"


def offsets(text):
    """Where each line begins."""
    starts = [0]
    for line in text.splitlines(keepends=True):
        starts.append(starts[-1] + len(line))
    return starts


def place(starts, at):
    return starts[at["line"] - 1] + at["column"] - 1


def body_of(text, name):
    """The inside of a function's body."""
    begin = re.search(r"\bfn\s+" + re.escape(name.split("::")[-1].split("<")[0].strip()) + r"\b", text)
    depth = 0
    for at in range(begin.end(), len(text)):
        depth += (text[at] in "([") - (text[at] in ")]")
        if text[at] == "{" and depth == 0:
            return at + 1, text.rindex("}")
    raise ValueError(name)


def outermost(functions):
    """Each function's span, or that of the one around it."""
    found = {}
    for span in sorted(functions, key=lambda span: (span[0], -span[1])):
        around = next((other for other in found.values() if other[0] <= span[0] and span[1] <= other[1]), span)
        found[span] = around
    return found


def chosen(text, mutants):
    """The text of a file with all its mutants, and for each the lines of its body."""
    starts = offsets(text)
    span_of = lambda mutant: tuple(place(starts, mutant["function"]["span"][end]) for end in ("start", "end"))
    around = outermost({span_of(mutant) for mutant in mutants})
    functions = collections.defaultdict(list)
    for mutant in mutants:
        functions[around[span_of(mutant)]].append(mutant)
    out, done, lines = [], 0, {}
    count = lambda: sum(part.count("\n") for part in out)
    for span in sorted(functions):
        own = functions[span]
        name = next(mutant["function"]["function_name"] for mutant in own if span_of(mutant) == span)
        begin, end = (span[0] + at for at in body_of(text[span[0]:span[1]], name))
        head = re.sub(r"\bconst (fn\b)", r"\1", text[span[0]:begin])
        out += [text[done:span[0]], head, f"\nmatch {CHOICE} {{\n"]
        for mutant in own:
            first, last = (place(starts, mutant["span"][end]) for end in ("start", "end"))
            above = count() + 1
            out.append(f"{mutant['number']} => {{\n{text[begin:first]} {mutant['replacement']} {text[last:end]}\n}}\n")
            lines[mutant["number"]] = (above, count())
        out.append(f"_ => {{\n{text[begin:end]}\n}}\n}}\n")
        done = end
    out.append(text[done:])
    return "".join(out), lines


class Build:
    def __init__(self, folder, room, mutants):
        self.folder, self.room, self.mutants = folder, room, mutants
        self.own = {name: open(os.path.join(folder, name)).read() for name in {one["file"] for one in mutants}}
        self.unviable, self.lines = set(), {}

    def write(self):
        for name, text in self.own.items():
            viable = [one for one in self.mutants if one["file"] == name and one["number"] not in self.unviable]
            changed, self.lines[name] = chosen(text, viable)
            with open(os.path.join(self.folder, name), "w") as file:
                file.write(changed)

    def restore(self):
        for name, text in self.own.items():
            with open(os.path.join(self.folder, name), "w") as file:
                file.write(text)

    def broken(self, message):
        """The mutants at which an error of the compiler points."""
        found = set()
        for span in message["spans"]:
            for number, (first, last) in self.lines.get(span["file_name"], {}).items():
                if first <= span["line_start"] <= last:
                    found.add(number)
        return found

    def run(self, *arguments):
        cargo = ["cargo", "test", "--no-run", "--message-format", "json"] + list(arguments)
        ran = subprocess.run(cargo, cwd=self.folder, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
        return ran.returncode, [json.loads(line) for line in ran.stdout.splitlines() if line.startswith("{")]

    def build(self):
        """Takes out what does not compile until the rest does; the programs of the tests."""
        tests = TESTS[self.room]
        targets = [part for package in {test[0] for test in tests} for part in ("--package", package)]
        while True:
            self.write()
            code, said = self.run(*targets)
            if code == 0:
                made = [one for one in said if one.get("executable")]
                kind = lambda one: "lib" if "lib" in one["target"]["kind"] else one["target"]["name"]
                package = lambda one: re.search(r"pure-\w+", one["package_id"]).group()
                programs = {(package(one), kind(one)): one["executable"] for one in made}
                return [(os.path.join(self.folder, test[0].removeprefix("pure-")), programs[test]) for test in tests]
            errors = [one["message"] for one in said if one.get("reason") == "compiler-message" and one["message"]["level"] == "error"]
            broken = set().union(*map(self.broken, errors)) - self.unviable
            if not broken:
                sys.exit("mutate.py: this does not compile, and no mutant is at fault:\n" + "\n".join(one["rendered"] for one in errors[:5]))
            print(f"{len(broken)} do not compile", file=sys.stderr, flush=True)
            self.unviable |= broken


def limit(seconds):
    resource.setrlimit(resource.RLIMIT_CPU, (seconds, seconds))
    resource.setrlimit(resource.RLIMIT_AS, (6 << 30, 6 << 30))


def fails(program, number, seconds, *arguments):
    """How the tests fail under a mutant; `None` if they pass."""
    folder, path = program
    environment = {**os.environ, "MUTANT": str(number), "INSTA_UPDATE": "no", "RUST_BACKTRACE": "0"}
    ran = subprocess.run([path, "-q", *arguments], cwd=folder, env=environment, stdout=subprocess.DEVNULL,
                         stderr=subprocess.DEVNULL, preexec_fn=lambda: limit(seconds))
    return "timeout" if ran.returncode in (-9, -24) else "caught" if ran.returncode else None


def fate(programs, number):
    skipped = [part for name in SLOW for part in ("--skip", name)]
    for seconds, arguments in ((QUICK, skipped), (LONG, SLOW)):
        for program in programs:
            if found := fails(program, number, seconds, *arguments):
                return found
    return "missed"


def main():
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("folder")
    arguments.add_argument("room", choices=TESTS)
    arguments.add_argument("--only", default="")
    arguments.add_argument("--from", dest="report")
    arguments.add_argument("--sample", default="1/1")
    asked = arguments.parse_args()
    folder = os.path.abspath(asked.folder)
    listed = subprocess.run(["cargo", "mutants", "--list", "--json", "--package", f"pure-{asked.room}"], cwd=folder,
                            check=True, stdout=subprocess.PIPE, text=True)
    mutants = [one for one in json.loads(listed.stdout) if asked.only in one["name"]]
    if asked.report:
        came_through = {one["name"] for one in json.load(open(asked.report)) if one["fate"] == "missed"}
        mutants = [one for one in mutants if one["name"] in came_through]
    first, every = map(int, asked.sample.split("/"))
    mutants = mutants[first - 1::every]
    # What stands outside a function, and what answers an unnamed type, cannot be chosen when it runs.
    fixed = [one for one in mutants if not one["function"] or "impl " in one["function"]["return_type"]]
    mutants = [one for one in mutants if one not in fixed]
    for number, one in enumerate(mutants, 1):
        one["number"] = number
    build = Build(folder, asked.room, mutants)
    library = os.path.join(folder, asked.room, "src/lib.rs")
    if "fn mutant()" not in open(library).read():
        open(library, "a").write("\n#[doc(hidden)]\npub fn mutant() -> u32 {\n    static CHOSEN: std::sync::LazyLock<u32> =\n"
                   "        std::sync::LazyLock::new(|| std::env::var(\"MUTANT\").ok().and_then(|text| text.parse().ok()).unwrap_or(0));\n"
                   "    *CHOSEN\n}\n")
    # Who ends it in between finds the sources as they were, too.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    try:
        programs = build.build()
    finally:
        build.restore()
    if any(fails(program, 0, LONG) for program in programs):
        sys.exit("mutate.py: the tests do not pass without any change")
    report = [{"name": one["name"], "fate": "not built in"} for one in fixed]
    for one in mutants:
        found = "unviable" if one["number"] in build.unviable else fate(programs, one["number"])
        report.append({"name": one["name"], "fate": found})
        if found in ("missed", "timeout"):
            print(f"{found} {one['name']}", flush=True)
        with open(os.path.join(folder, f"{asked.room}.json"), "w") as file:
            json.dump(report, file, indent=0)
    print(dict(collections.Counter(one["fate"] for one in report)))


if __name__ == "__main__":
    main()
