#!/usr/bin/env python3
"""Prometheus's own tool finds nothing wrong with conduit's metrics, and reads them all.

usage: promtool.py PROMTOOL CONDUIT
"""

import json
import pathlib
import signal
import subprocess
import sys
import tempfile
import urllib.request


def ask(base, path, body=None, token=None):
    headers = {"Content-Type": "application/json"} if body else {}
    if token:
        headers["Authorization"] = f"Token {token}"
    request = urllib.request.Request(base + path, json.dumps(body).encode() if body else None, headers)
    return urllib.request.urlopen(request, timeout=60).read()


def main():
    promtool, conduit = (str(pathlib.Path(word).resolve()) for word in sys.argv[1:])
    with tempfile.TemporaryDirectory() as folder:
        process = subprocess.Popen([conduit, "--port", "0", "--traces", "http://127.0.0.1:9/",
                                    "--database", f"{folder}/conduit.db"],
                                   stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True,
                                   cwd=folder)
        base = process.stdout.readline().split()[-1]
        user = {"username": "ada", "email": "ada@example.org", "password": "analytical engine"}
        token = json.loads(ask(base, "/api/users", {"user": user}))["user"]["token"]
        article = {"title": "One", "description": "d", "body": "b", "tagList": ["a"]}
        ask(base, "/api/articles", {"article": article}, token)
        text = ask(base, "/metrics")
        process.send_signal(signal.SIGTERM)
        process.wait(60)
    done = subprocess.run([promtool, "check", "metrics"], input=text, check=False,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    print(done.stdout.decode(), f"{text.count(b'# TYPE')} metrics")
    return done.returncode


if __name__ == "__main__":
    sys.exit(main())
