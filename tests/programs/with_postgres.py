#!/usr/bin/env python3
"""Runs a program with a PostgreSQL server of its own, in a temporary folder behind a Unix socket.

usage: with_postgres.py PROGRAM [WORD...]

"@url@" in a word becomes the URL of the server's database. Ends with the program's status, and with
77, a skip, where there is no PostgreSQL.
"""

import contextlib
import glob
import os
import pathlib
import pwd
import shutil
import signal
import subprocess
import sys
import tempfile
import time

SKIPPED = 77
PATIENCE = 60.0  # seconds


@contextlib.contextmanager
def server():
    """Yields its URL; None where there is no PostgreSQL."""
    found = sorted(glob.glob("/usr/lib/postgresql/*/bin/initdb"))
    initdb = shutil.which("initdb") or (found[-1] if found else None)
    if not initdb:
        yield None
        return
    programs = pathlib.Path(initdb).resolve().parent
    as_whom = {}
    with tempfile.TemporaryDirectory() as folder:
        if os.geteuid() == 0:  # which PostgreSQL refuses to run as
            owner = pwd.getpwnam("postgres")
            os.chown(folder, owner.pw_uid, owner.pw_gid)
            as_whom = {"user": owner.pw_uid, "group": owner.pw_gid, "extra_groups": []}
        data = f"{folder}/data"
        subprocess.run([initdb, "-D", data, "-U", "aft", "-A", "trust", "-E", "UTF8", "--no-sync",
                        "--locale=C"], check=True, stdout=subprocess.DEVNULL, cwd=folder, **as_whom)
        process = subprocess.Popen([programs / "postgres", "-D", data, "-k", folder, "-h", "",
                                    "-F"], stderr=subprocess.DEVNULL, cwd=folder, **as_whom)
        try:
            socket = pathlib.Path(folder, ".s.PGSQL.5432")
            until = time.monotonic() + PATIENCE
            ready = [programs / "pg_isready", "-q", "-h", folder]
            while subprocess.run(ready, check=False).returncode != 0:
                if process.poll() is not None or time.monotonic() > until:
                    raise RuntimeError(f"PostgreSQL does not start: no {socket}")
                time.sleep(0.05)
            yield f"postgresql://aft@/postgres?host={folder}"
        finally:
            process.send_signal(signal.SIGINT)
            process.wait(PATIENCE)


def main():
    with server() as url:
        if not url:
            print("SKIPPED: there is no PostgreSQL")
            return SKIPPED
        words = [word.replace("@url@", url) for word in sys.argv[1:]]
        return subprocess.run(words, check=False).returncode


if __name__ == "__main__":
    sys.exit(main())
