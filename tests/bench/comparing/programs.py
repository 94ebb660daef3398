"""Starts the programs that are measured, each on a core of its own, and ends them in any case."""

import ctypes
import json
import os
import select
import signal
import subprocess
import sys
import time

SERVER_CORE, LOADER_CORE = 0, 1
START_TIMEOUT = 10.0  # seconds
STOP_TIMEOUT = 5.0


class Failed(Exception):
    """A program did not do what it is for; the message says which and why."""


def can_pin():
    if not hasattr(os, "sched_setaffinity"):
        return False
    return {SERVER_CORE, LOADER_CORE} <= os.sched_getaffinity(0)


def _before_exec(core):
    """What the child does before it becomes the program."""

    def prepare():
        if sys.platform == "linux":  # it dies with us even if we are killed outright
            pr_set_pdeathsig = 1
            ctypes.CDLL(None).prctl(pr_set_pdeathsig, signal.SIGKILL)
        if core is not None and can_pin():
            os.sched_setaffinity(0, {core})

    return prepare


def start(command, core):
    # In a session of its own, so that Ctrl-C reaches us alone and we end it in order.
    return subprocess.Popen(
        [str(c) for c in command], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        start_new_session=True, preexec_fn=_before_exec(core))


def end(process):
    if process.poll() is None:
        process.terminate()
        try:
            process.wait(STOP_TIMEOUT)
        except subprocess.TimeoutExpired:
            process.kill()
    process.communicate()
    return process.returncode


def run_for_json(command, core=None, timeout=600.0):
    """Runs a program to its end; the JSON object it prints."""
    process = start(command, core)
    try:
        out, err = process.communicate(timeout=timeout)
    except subprocess.TimeoutExpired:
        raise Failed(f"{command[0]} did not end within {timeout:.0f} s") from None
    finally:
        end(process)
    if process.returncode != 0:
        raise Failed(f"{' '.join(map(str, command))}: status {process.returncode}: {err.strip()}")
    return json.loads(out)


class Server:
    """A server that listens on a port of its choice, from `with` to its end."""

    def __init__(self, name, command):
        self.name = name
        self.command = [*command, "--port", "0"]

    def __enter__(self):
        self.process = start(self.command, SERVER_CORE)
        try:
            self.port = self._read_port()
        except BaseException:
            end(self.process)
            raise
        return self

    def __exit__(self, *_):
        status = end(self.process)
        if status not in (0, -signal.SIGKILL):
            print(f"{self.name} ended with status {status}", file=sys.stderr)

    def _read_port(self):
        readable, _, _ = select.select([self.process.stdout], [], [], START_TIMEOUT)
        line = self.process.stdout.readline() if readable else ""
        if not line.startswith("listening on "):
            end(self.process)
            raise Failed(f"{self.name} does not listen: {' '.join(map(str, self.command))}")
        return int(line.rsplit(":", 1)[1])

    def cpu_seconds(self):
        """User and system time of all its threads so far."""
        with open(f"/proc/{self.process.pid}/stat", encoding="ascii") as stat:
            fields = stat.read().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def load(loader, server, seconds, flags):
    """One run of the loader: what it printed, and what it took of the server's CPU."""
    command = [loader, "--port", server.port, "--milliseconds", round(seconds * 1000), *flags]
    before = server.cpu_seconds()
    figures = run_for_json(command, LOADER_CORE, timeout=seconds + 30)
    figures["server_cpu_seconds"] = server.cpu_seconds() - before
    return figures


def what_is_wrong(run):
    """Why a run of the loader does not count; empty if it does."""
    if run["errors"]:
        return f"{run['errors']} errors beside {run['requests']} answers"
    if run["silent"]:
        return f"{run['silent']} connections got no whole answer"
    return ""


def settle():
    """Lets what a run has left behind (closing connections) end."""
    time.sleep(0.05)
