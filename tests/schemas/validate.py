"""Every file that ships is what its schema says, and every broken one is refused.

validate.py ROOT SCRATCH: ROOT is the project; SCRATCH has the plain schemas in plain/, and in every other folder a
project that `retaind init` made, with schemas of its own.
"""

import json
import pathlib
import re
import sys

import jsonschema
import yaml


class Core(yaml.SafeLoader):
    """YAML as retaind and editors read it (1.2, core schema): `20:00` and `2026-01-05` are texts."""


Core.yaml_implicit_resolvers = {}
for tag, pattern, first in [
    ("bool", r"^(?:true|True|TRUE|false|False|FALSE)$", "tTfF"),
    ("null", r"^(?:~|null|Null|NULL|)$", ["~", "n", "N", ""]),
    ("int", r"^[-+]?[0-9]+$", "-+0123456789"),
    ("float", r"^[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?$", "-+0123456789."),
]:
    Core.add_implicit_resolver("tag:yaml.org,2002:" + tag, re.compile(pattern), list(first))

KINDS = ["rule", "segments", "settings", "schema", "test"]


def kind_by_name(name):
    name = pathlib.PurePath(name).name
    if name == "retaind.yaml":
        return "settings"
    if name == "schema.yaml":
        return "schema"
    if name == "segments.yaml":
        return "segments"
    return "test" if name.endswith(".test.yaml") else "rule"


def kind_by_keys(document):
    """Of an example that names no file."""
    keys = set(document or {})
    if "tests" in keys:
        return "test"
    if "rule" in keys:
        return "rule"
    if keys <= {"customer", "events"}:
        return "schema"
    return "settings"


def validators(folder):
    made = {}
    for kind in KINDS:
        schema = json.loads((folder / f"{kind}.json").read_text())
        jsonschema.Draft7Validator.check_schema(schema)
        made[kind] = jsonschema.Draft7Validator(schema)
    return made


def load(text):
    return yaml.load(text, Core)


def examples(document):
    """The YAML blocks of a document that are whole files: the name, if a line before it gives one, and the text."""
    lines = iter(document.read_text().splitlines())
    name = None
    for line in lines:
        if line.startswith("```yaml"):
            block = []
            for inner in lines:
                if inner.startswith("```"):
                    break
                block.append(inner)
            # What is another program's is none of ours.
            if not (name or "").endswith(".yml"):
                yield name, "\n".join(block)
            name = None
        elif line.strip():
            found = re.match(r"`([^`]+\.ya?ml)`", line)
            name = found.group(1) if found else None


def samples(file):
    """The documents of a file, each with the words of its first line."""
    for text in re.split(r"^---\n", file.read_text(), flags=re.M):
        yield text.splitlines()[0].lstrip("# "), text


failures = []
counts = {}


def must_fit(where, validator, document, what):
    counts[what] = counts.get(what, 0) + 1
    for error in validator.iter_errors(document):
        path = "/".join(map(str, error.absolute_path))
        failures.append(f"{where}: {path}: {error.message[:200]}")


def project(folder, made, what):
    files = [folder / "retaind.yaml", folder / "schema.yaml", *sorted(folder.glob("rules/*.yaml"))]
    for file in files:
        if file.exists():
            must_fit(file, made[kind_by_name(file)], load(file.read_text()), what)


def main():
    root, scratch = map(pathlib.Path, sys.argv[1:])
    plain = validators(scratch / "plain")
    project(root, plain, "files that ship")
    project(root / "packaging", plain, "files that ship")
    for document in [root / "README.md", *sorted((root / "docs").glob("*.md"))]:
        for name, text in examples(document):
            parsed = load(text)
            if not isinstance(parsed, dict):
                continue
            kind = kind_by_name(name) if name else kind_by_keys(parsed)
            must_fit(f"{document} ({name or kind})", plain[kind], parsed, "examples of the documents")
    for folder in sorted(scratch.iterdir()):
        if (folder / "retaind.yaml").exists():
            project(folder, validators(folder / "schema"), "files of new projects")
            project(folder, plain, "files of new projects")
    for file in sorted((root / "tests/schemas/sound").glob("*.yaml")):
        for title, text in samples(file):
            must_fit(f"{file}: {title}", plain[file.stem], load(text), "sound samples")
    for file in sorted((root / "tests/schemas/broken").glob("*.yaml")):
        for title, text in samples(file):
            counts["broken files refused"] = counts.get("broken files refused", 0) + 1
            if plain[file.stem].is_valid(load(text)):
                failures.append(f"{file}: `{title}` is taken")
    for failure in failures:
        print(failure, file=sys.stderr)
    print(", ".join(f"{count} {what}" for what, count in counts.items()) + f": {len(failures)} wrong")
    sys.exit(1 if failures or min(counts.values()) == 0 else 0)


main()
