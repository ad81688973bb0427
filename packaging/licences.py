#!/usr/bin/env python3
"""Prints the licences of the libraries that are compiled into the program, each text once, with what it is for.

Asks cargo which libraries these are for this target, and reads their licence files where cargo keeps their sources.
"""

import json
import pathlib
import re
import subprocess

# What a library's licence files are called; in a folder, too, where its author has one for them.
NAMES = re.compile(r"(licen[cs]e|copying|notice|copyright|unlicense)", re.IGNORECASE)


def metadata():
    """What cargo knows, for the target that it builds for by itself."""
    rustc = subprocess.run(["rustc", "-vV"], check=True, capture_output=True, text=True).stdout
    host = re.search(r"^host: (.*)$", rustc, re.MULTILINE).group(1)
    command = ["cargo", "metadata", "--format-version", "1", "--locked", "--filter-platform", host]
    return json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)


def compiled_in(known):
    """The ids of all that the program is linked with: neither tests' nor build scripts' libraries."""
    nodes = {node["id"]: node for node in known["resolve"]["nodes"]}
    found, to_see = set(), [known["resolve"]["root"]]
    while to_see:
        node = nodes[to_see.pop()]
        for dependency in node["deps"]:
            normal = any(kind["kind"] is None for kind in dependency["dep_kinds"])
            if normal and dependency["pkg"] not in found:
                found.add(dependency["pkg"])
                to_see.append(dependency["pkg"])
    return found


def texts(package):
    """The licence texts of a library."""
    folder = pathlib.Path(package["manifest_path"]).parent
    files = [file for file in sorted(folder.glob("*")) if NAMES.search(file.name)]
    files += [file for place in files if place.is_dir() for file in sorted(place.glob("*"))]
    for file in files:
        if file.is_file() and file.suffix not in (".rs", ".toml"):
            yield file.read_text(encoding="utf-8", errors="replace").strip()


def main():
    known = metadata()
    wanted = compiled_in(known)
    packages = sorted((p for p in known["packages"] if p["id"] in wanted), key=lambda p: (p["name"], p["version"]))
    used_by = {}
    print("The libraries that are compiled in, and the licence of each:\n")
    for package in packages:
        name = f"{package['name']} {package['version']}"
        print(f"  {name}: {package['license'] or 'see below'}")
        for text in texts(package):
            # Texts that differ in their line breaks alone are one.
            used_by.setdefault(" ".join(text.split()), (text, []))[1].append(name)
    for text, names in used_by.values():
        print(f"\n{'-' * 79}\nOf {', '.join(dict.fromkeys(names))}:\n\n{text}")


if __name__ == "__main__":
    main()
