#!/usr/bin/env python3
"""What every program promises: one line when it listens, a clean end, clear refusals.

usage: contract.py PROGRAM [OPTION...]     the options that a start needs, without --port
"""

import pathlib
import re
import signal
import socket
import subprocess
import sys
import tempfile
import urllib.request

failures = 0


def check(what, right, seen=""):
    global failures
    if not right:
        failures += 1
        print(f"{what}: {seen}")


def start(words, folder):
    process = subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                               cwd=folder)
    line = process.stdout.readline()
    found = re.fullmatch(r"listening on (http://127\.0\.0\.1:\d+)\n", line)
    check("the line", found, line + ("" if found else process.stderr.read()))
    return process, found and found.group(1)


def refused(words, folder, status):
    done = subprocess.run(words, capture_output=True, text=True, timeout=30, cwd=folder)
    check(f"the status of {words[1:]}", done.returncode == status, done.returncode)
    check("a refusal is told on standard error", done.stderr and not done.stdout, done)
    return done.stderr


def main():
    program = str(pathlib.Path(sys.argv[1]).resolve())
    options = sys.argv[2:]
    with tempfile.TemporaryDirectory() as folder:
        for end in (signal.SIGTERM, signal.SIGINT):
            process, url = start([program, "--port", "0", *options], folder)
            if url:
                urllib.request.urlopen(url + "/openapi.json" if "conduit" in program else url)
                process.send_signal(end)
            check("a clean end", process.wait(30) == 0, process.returncode)

        with socket.socket() as taken:
            taken.bind(("127.0.0.1", 0))
            taken.listen()
            port = taken.getsockname()[1]
            said = refused([program, "--port", str(port), *options], folder, 1)
            check("a port in use is one sentence",
                  said == f"port {port} of 127.0.0.1 is in use; choose another port\n", said)
        for wrong in (["--port"], ["--port", "x"], ["--port", "70000"], ["--nonsense", "1"]):
            refused([program, *wrong], folder, 2)
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
