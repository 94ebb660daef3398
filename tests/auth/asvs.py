#!/usr/bin/env python3
"""Checks tests/auth/asvs.md: every requirement has a row, and every test that is named exists.

usage: asvs.py ROOT
"""

import pathlib
import re
import sys

# How many requirements each section of the chapters has.
SECTIONS = {
    "6.1": 3, "6.2": 12, "6.3": 8, "6.4": 6, "6.5": 8, "6.6": 4, "6.7": 2, "6.8": 4,
    "7.1": 3, "7.2": 4, "7.3": 2, "7.4": 5, "7.5": 3, "7.6": 2,
    "8.1": 4, "8.2": 4, "8.3": 3, "8.4": 2,
    "9.1": 3, "9.2": 4,
    "11.1": 4, "11.2": 5, "11.3": 5, "11.4": 4, "11.5": 2, "11.6": 2, "11.7": 2,
}
TEST_CASE = re.compile(r'TEST_CASE(?:_FIXTURE)?\(\s*(?:\w+,\s*)?((?:"(?:[^"\\]|\\.)*"\s*)+)\)')


def names_of_tests(root):
    names = set()
    for path in (root / "tests").rglob("*_test.cpp"):
        for found in TEST_CASE.finditer(path.read_text()):
            names.add("".join(re.findall(r'"((?:[^"\\]|\\.)*)"', found.group(1))))
    return names


def main():
    root = pathlib.Path(sys.argv[1])
    known = names_of_tests(root)
    wrong, seen, open_rows = [], set(), 0
    for line in (root / "tests" / "auth" / "asvs.md").read_text().splitlines():
        cells = [cell.strip() for cell in line.strip("|").split("|")]
        if not re.match(r"\| *\d", line):
            continue
        if len(cells) != 4 or not all(cells):
            wrong.append(f"not four cells: {line}")
            continue
        number, _, kind, shown = cells
        if number in seen:
            wrong.append(f"{number} stands twice")
        seen.add(number)
        if kind not in ("test", "host", "none", "open"):
            wrong.append(f"{number}: \"{kind}\" is none of test, host, none and open")
        open_rows += kind == "open"
        for name in shown.split(" / ") if kind == "test" else []:
            if name not in known:
                wrong.append(f"{number}: there is no test \"{name}\"")
    wanted = {f"{s}.{i}" for s, count in SECTIONS.items() for i in range(1, count + 1)}
    wrong += [f"{number} has no row" for number in sorted(wanted - seen)]
    wrong += [f"{number} is no requirement" for number in sorted(seen - wanted)]
    print("\n".join(wrong + [f"{len(seen)} requirements, {open_rows} open"]))
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
