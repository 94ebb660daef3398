#!/usr/bin/env python3
"""Exchanges a program under load, as systemd does with a socket of its own, and loses no request.

usage: restart.py PROGRAM [OPTION...]

The socket stays here. The program gets it (LISTEN_FDS), is asked to end while clients call it, and
the next one gets the same socket, again and again. Some clients connect for each request; others keep
their connections, and ask once more on a new one where an old one was closed before any byte of an
answer came, as RFC 9112 section 9.3.1 lets them.
"""

import http.client
import pathlib
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time

RESTARTS = 5
CLIENTS = 8
STALE = (http.client.RemoteDisconnected, ConnectionResetError, BrokenPipeError)


def start(words, listening, folder):
    # The number of its process is known to itself alone.
    shell = 'exec 3<&%d; LISTEN_FDS=1 LISTEN_PID=$$ exec "$@"' % listening.fileno()
    return subprocess.Popen(["sh", "-c", shell, "sh", *words], stdout=subprocess.PIPE, text=True,
                            cwd=folder, pass_fds=[listening.fileno()])


class Client(threading.Thread):
    def __init__(self, port, keeps, ended):
        super().__init__()
        self.port, self.keeps, self.ended = port, keeps, ended
        self.answers, self.again, self.failures = 0, 0, []

    def run(self):
        connection = None
        while not self.ended.is_set():
            is_new = connection is None
            connection = connection or http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
            try:
                connection.request("GET", "/api/tags")
                answer = connection.getresponse()
                answer.read()
                if answer.status != 200:
                    self.failures.append(f"status {answer.status}")
                self.answers += 1
                if not self.keeps or answer.will_close:
                    connection.close()
                    connection = None
            except STALE as e:
                connection.close()
                connection = None
                if is_new:
                    self.failures.append(repr(e))
                self.again += not is_new
            except Exception as e:  # whatever else: it is lost
                self.failures.append(repr(e))
                connection.close()
                connection = None


def main():
    words = [str(pathlib.Path(sys.argv[1]).resolve()), "--address", "inherited", *sys.argv[2:]]
    with tempfile.TemporaryDirectory() as folder, socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        listening.listen(4096)
        port = listening.getsockname()[1]
        process = start(words, listening, folder)
        process.stdout.readline()
        ended = threading.Event()
        clients = [Client(port, n % 2 == 0, ended) for n in range(CLIENTS)]
        for c in clients:
            c.start()
        statuses = []
        for _ in range(RESTARTS):
            goal = sum(c.answers for c in clients) + 200
            until = time.monotonic() + 60
            while sum(c.answers for c in clients) < goal and time.monotonic() < until:
                time.sleep(0.01)
            process.send_signal(signal.SIGTERM)
            statuses.append(process.wait(60))
            process = start(words, listening, folder)
            process.stdout.readline()
        goal = sum(c.answers for c in clients) + 200
        until = time.monotonic() + 60
        while sum(c.answers for c in clients) < goal and time.monotonic() < until:
            time.sleep(0.01)
        ended.set()
        for c in clients:
            c.join()
        process.send_signal(signal.SIGTERM)
        statuses.append(process.wait(60))
    failures = [f for c in clients for f in c.failures]
    answers = sum(c.answers for c in clients)
    print(f"{answers} answers over {RESTARTS} restarts, {len(failures)} requests lost, "
          f"{sum(c.again for c in clients)} asked again")
    for f in failures[:5]:
        print(f)
    return 1 if failures or any(statuses) or answers < 200 * (RESTARTS + 1) else 0


if __name__ == "__main__":
    sys.exit(main())
