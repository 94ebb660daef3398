#!/usr/bin/env python3
"""Starts outside_server and lets one foreign client talk to it.

usage: run_clients.py SERVER CLIENT...

CLIENT gets as its last words the server's address and a directory whose files it serves at /static;
the test is what it exits with. 77 means skipped.
"""

import re
import shutil
import signal
import subprocess
import sys
import tempfile


def main():
    server_program, *client = sys.argv[1:]
    if not shutil.which(client[0]):
        print(f"SKIPPED: there is no {client[0]}")
        return 77
    folder = tempfile.TemporaryDirectory()
    server = subprocess.Popen([server_program, "--port", "0", "--static", folder.name],
                              stdout=subprocess.PIPE, text=True)
    try:
        line = server.stdout.readline()
        found = re.fullmatch(r"listening on (http://\S+)\n", line)
        if not found:
            print(f"the server said {line!r}")
            return 1
        result = subprocess.run([*client, found.group(1), folder.name], timeout=120).returncode
    finally:
        server.send_signal(signal.SIGTERM)
        status = server.wait(30)
    if status != 0:
        print(f"the server ended with {status}")
        return 1
    return result


if __name__ == "__main__":
    sys.exit(main())
