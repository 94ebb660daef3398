#!/usr/bin/env python3
"""Turns the headers' plain comments into those that Doxygen reads.

usage: doxygen_filter.py FILE

Namespaces of details are left out. A comment above a declaration describes it, one behind it too. What is indented by three spaces or
more within a comment is code. In Markdown, links to files of the tree are left as their text.
"""

import re
import sys

WHOLE = re.compile(r"^(\s*)//(?: (.*))?$")
BEHIND = re.compile(r"^(.*\S)\s{2,}// (.*)$")
SPECIAL = re.compile(r"([\\@<>#&%$])")


def text_of(words):
    return SPECIAL.sub(r"\\\1", words)


def filtered(lines):
    in_code = False
    end_of_detail = None  # the line that ends what is left out
    after_behind = None  # the column of a comment that goes on in the next line
    for number, line in enumerate(lines):
        if end_of_detail or begins_detail(lines, number):
            end_of_detail = end_of_detail or begins_detail(lines, number)
            if line == end_of_detail:
                end_of_detail = None
            yield ""
            continue
        whole = WHOLE.match(line)
        if in_code and not (whole and is_code(whole)):
            yield "/// @endcode"
            in_code = False
        if whole:
            column = len(whole.group(1))
            words = whole.group(2) or ""
            if after_behind is not None and column >= after_behind:
                yield f"{whole.group(1)}///< {text_of(words)}"
                continue
            after_behind = None
            if is_code(whole):
                if not in_code:
                    yield "/// @code{.cpp}"
                    in_code = True
                yield f"/// {words}"
            elif number == 1 or (number and is_of_file(lines, number)):
                yield f"// {words}"
            else:
                yield f"{whole.group(1)}/// {text_of(words)}"
            continue
        behind = BEHIND.match(line)
        is_member = behind and re.search(r"[;,]$", behind.group(1))
        if is_member:
            after_behind = line.index(" // ") + 1
            yield f"{behind.group(1)}  ///< {text_of(behind.group(2))}"
        else:
            after_behind = None
            yield line


def begins_detail(lines, number):
    """The line that ends a namespace of details, or the body of one of its functions; else None."""
    if lines[number] == "namespace detail {":
        return "}  // namespace detail"
    below = lines[number + 1] if number + 1 < len(lines) else ""
    is_body = lines[number].startswith("template <") and below.startswith("void detail::")
    return "}" if is_body else None


def is_code(whole):
    return (whole.group(2) or "").startswith("  ")


def is_of_file(lines, number):
    """Whether it belongs to the comment at the top of the file."""
    while number and WHOLE.match(lines[number]):
        number -= 1
    return lines[number].startswith("#pragma once")


def main():
    with open(sys.argv[1], encoding="utf-8") as file:
        text = file.read()
    if sys.argv[1].endswith(".md"):
        print(re.sub(r"\[([^\]]*)\]\((?!https?:)[^)]*\)", r"\1", text), end="")
        return
    print("\n".join(filtered(text.splitlines())))


if __name__ == "__main__":
    main()
