#!/usr/bin/env python3
"""Runs an example and the commands in its comments, and compares what they print.

usage: tour.py PROGRAM SOURCE

A command is a comment line "//   $ ...", and what it prints are the comment lines below it; one that
begins with "//   first$ ..." makes what the program needs at its start. The program's folder is in
PATH. The last lines may be the work of a job, so a command is tried for a while. Ends with 77, a skip,
where the example's port is in use.
"""

import os
import pathlib
import re
import signal
import subprocess
import sys
import tempfile
import time

SKIPPED = 77
PATIENCE = 10.0  # seconds


def commands_of(source):
    commands = []
    inside = False
    for line in source.read_text().splitlines():
        if line.startswith("//   $ "):
            commands.append((line[7:], []))
            inside = True
        elif inside and line.startswith("//"):
            commands[-1][1].append(line[5:])
        else:
            inside = False
    return commands


def preparations_of(source):
    return re.findall(r"^//   first\$ (.*)$", source.read_text(), re.M)


def printed_by(command, folder):
    done = subprocess.run(command, shell=True, cwd=folder, capture_output=True, text=True, timeout=30)
    return done.stdout.splitlines()


def main():
    program = pathlib.Path(sys.argv[1]).resolve()
    commands = commands_of(pathlib.Path(sys.argv[2]))
    if not commands:
        print("no command in the comments")
        return 1
    failures = 0
    os.environ["PATH"] = f"{program.parent}:{os.environ['PATH']}"
    with tempfile.TemporaryDirectory() as folder:
        os.environ["XDG_RUNTIME_DIR"] = folder
        for command in preparations_of(pathlib.Path(sys.argv[2])):
            printed_by(command, folder)
        server = subprocess.Popen([program], cwd=folder, stdout=subprocess.PIPE,
                                  stderr=subprocess.PIPE, text=True)
        if not server.stdout.readline().startswith("listening on "):
            said = server.stderr.read()
            print("skipped:" if "is in use" in said else "did not start:", said)
            return SKIPPED if "is in use" in said else 1
        for command, wanted in commands:
            deadline = time.monotonic() + PATIENCE
            while (seen := printed_by(command, folder)) != wanted:
                if time.monotonic() > deadline:
                    failures += 1
                    print(f"$ {command}\n  wanted {wanted}\n  seen   {seen}")
                    break
                time.sleep(0.05)
        server.send_signal(signal.SIGTERM)
        failures += server.wait(30) != 0
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
