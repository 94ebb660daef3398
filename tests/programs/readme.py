#!/usr/bin/env python3
"""The README's programs are cut from the examples, and what it points to is there.

usage: readme.py ROOT
"""

import pathlib
import re
import sys


def main():
    root = pathlib.Path(sys.argv[1])
    text = (root / "README.md").read_text()
    sources = [p.read_text() for p in sorted((root / "examples").rglob("*.[ch]pp"))]
    wrong = []
    blocks = re.findall(r"```cpp\n(.*?)```", text, re.S)
    for block in blocks:
        if not any(block.strip() in source for source in sources):
            wrong.append("stands in no example:\n" + block)
    if not blocks or text[:text.index("```cpp")].count("\n") >= 20:
        wrong.append("no whole program before line 20")
    prose = re.sub(r"```.*?```", "", text, flags=re.S)
    for target in re.findall(r"\]\((?!https?:|#)([^)]+)\)", prose):
        if not (root / target).exists():
            wrong.append(f"points to {target}, which is not there")
    for command in re.findall(r"^(cmake/\S+|tests/\S+)", text, re.M):
        if not (root / command).exists():
            wrong.append(f"names the command {command}, which is not there")
    print("\n".join(wrong), end="\n" if wrong else "")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
