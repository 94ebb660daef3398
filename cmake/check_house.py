#!/usr/bin/env python3
"""Checks that the house stands as the README draws it.

- An include points to a lower floor, or stays in its room; two rooms of one floor do not know each
  other.
- A public header includes only aft's own and light headers of the standard library.
- Each public header has a test of its own name, which includes it first, and stands in aft.hpp.
- No line of C++ is longer than 100 columns, tests/refused and raw texts aside.

Prints each violation as FILE:LINE: what is wrong, and exits with 1 if there is any.
"""

import pathlib
import re
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent

FLOORS = {
    "ground": 0,
    "http": 1, "storage": 1,
    "auth": 2, "jobs": 2, "client": 2,
    "server": 3, "meeting": 3, "outbox": 3, "guard": 3, "dashboard": 3,
    "app": 4,
    "roof": 5,
}
# The headers of the roof, and the one door to Asio.
ROOF = {"aft.hpp", "src.hpp"}

LIGHT = {
    "array", "atomic", "bit", "compare", "concepts", "cstddef", "cstdint", "cstring", "exception",
    "initializer_list", "limits", "map", "new", "optional", "span", "stdexcept", "string",
    "string_view", "tuple", "type_traits", "utility", "variant", "vector",
}
INCLUDE = re.compile(r'^\s*#\s*include\s*([<"])([^>"]+)[>"]')

problems = []


def report(path, line, text):
    problems.append(f"{path.relative_to(ROOT)}:{line}: {text}")


def room_of(path):
    """The room of a file of include/aft or src."""
    parts = path.relative_to(ROOT).parts
    inside = parts[2:] if parts[0] == "include" else parts[1:]
    if len(inside) == 1:
        return "roof" if inside[0] in ROOF else "app"
    return inside[0]


def target_of(path, quote, name):
    """The file of the project that an include names, or None."""
    if quote == "<":
        return ROOT / "include" / name if name.startswith("aft/") else None
    return (path.parent / name).resolve()


def check_includes(path, public):
    room = room_of(path)
    if room not in FLOORS:
        report(path, 1, f"the room {room} is on no floor")
        return
    for number, line in enumerate(path.read_text().splitlines(), 1):
        found = INCLUDE.match(line)
        if not found:
            continue
        quote, name = found.groups()
        target = target_of(path, quote, name)
        if target is None:
            if public and name not in LIGHT and path.name != "asio.hpp":
                report(path, number, f"<{name}> is too heavy for a public header")
            continue
        if not target.is_file():
            report(path, number, f"{name} does not exist")
            continue
        there = room_of(target)
        if public and target.is_relative_to(ROOT / "src") and room != "roof":
            report(path, number, "a public header includes a private one")
        if there != room and FLOORS[there] >= FLOORS[room]:
            way = "up" if FLOORS[there] > FLOORS[room] else "sideways"
            report(path, number, f"points {way}: {room} includes {there}")


def first_include(path):
    for line in path.read_text().splitlines():
        found = INCLUDE.match(line)
        if found:
            return found.group(2)
    return None


def check_test(path):
    inside = path.relative_to(ROOT / "include" / "aft")
    if inside.name in ROOF:
        return
    room = inside.parts[0] if len(inside.parts) > 1 else "app"
    test = ROOT / "tests" / room / f"{inside.stem}_test.cpp"
    header = f"aft/{inside.as_posix()}"
    if not test.is_file():
        report(path, 1, f"has no test: {test.relative_to(ROOT)}")
    elif first_include(test) != header:
        report(test, 1, f"<{header}> must come first, to prove that it stands alone")


def check_roof(public):
    """aft.hpp is all of aft, but for the list of sources and the door to Asio."""
    roof = (ROOT / "include" / "aft" / "aft.hpp").read_text()
    for path in public:
        header = path.relative_to(ROOT / "include").as_posix()
        if path.name in ROOF | {"asio.hpp", "fields.hpp"}:
            continue
        if f"#include <{header}>" not in roof:
            report(path, 1, "is missing from aft.hpp")


def check_columns(path):
    end_of_raw = None
    for number, line in enumerate(path.read_text().splitlines(), 1):
        begins = re.search(r'R"(\w*)\(', line)
        if begins and not end_of_raw:
            end_of_raw = f'){begins.group(1)}"'
            rest = line[begins.end():]
        else:
            rest = line
        if len(line) > 100 and not end_of_raw and "AFT_BIND(" not in line:
            report(path, number, f"{len(line)} columns")
        if end_of_raw and end_of_raw in rest:
            end_of_raw = None


def main():
    public = sorted((ROOT / "include").rglob("*.hpp"))
    private = sorted(p for p in (ROOT / "src").rglob("*") if p.suffix in (".hpp", ".cpp"))
    for path in public:
        check_includes(path, True)
        check_test(path)
    check_roof(public)
    for path in private:
        check_includes(path, False)
    for folder in ("include", "src", "tests", "examples"):
        for path in sorted((ROOT / folder).rglob("*")):
            if path.suffix in (".hpp", ".cpp") and "refused" not in path.parts:
                check_columns(path)
    for problem in problems:
        print(problem)
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
