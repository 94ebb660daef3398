"""Requests per second of each server, in turns."""

import contextlib
import statistics
import sys

from comparing import programs

PIPELINED = ["--pipeline", 16]
SCENARIOS = {
    "plaintext": ["--target", "/plaintext"],
    "plaintext, browser's headers": ["--target", "/plaintext", "--browser"],
    "plaintext, pipelined 16": ["--target", "/plaintext", *PIPELINED],
    "plaintext, browser's headers, pipelined 16":
        ["--target", "/plaintext", "--browser", *PIPELINED],
    "json": ["--target", "/json"],
    "users/{id}": ["--target", "/users/12345"],
}

LIMIT = "limit"
SERVERS = {  # name: its program, and the flags that make it one thread
    LIMIT: ["limit_server"],
    "aft": ["bench_server", "--threads", 1],
    "RESTinio": ["restinio_server"],
    "Beast": ["beast_server"],
    "cpp-httplib": ["httplib_server"],
}


def measure(find, built, rounds, seconds, connections):
    """{scenario: {server: {figure: value}}}; {"failed": why} for a server that cannot do it."""
    loader = find("loader")
    runs = {s: {name: [] for name in built} for s in SCENARIOS}
    failed = {s: {} for s in SCENARIOS}
    for i in range(rounds):
        order = built[i % len(built):] + built[:i % len(built)]
        with contextlib.ExitStack() as stack:
            started = [stack.enter_context(_server(find, name)) for name in order]
            for server in started:
                programs.load(loader, server, 0.2, ["--connections", connections])
            for scenario, flags in SCENARIOS.items():
                print(f"round {i + 1} of {rounds}: {scenario}", file=sys.stderr)
                for server in started:
                    if server.name in failed[scenario]:
                        continue
                    programs.settle()
                    run = programs.load(loader, server, seconds,
                                        ["--connections", connections, *flags])
                    why = programs.what_is_wrong(run)
                    if why:
                        failed[scenario][server.name] = why
                    else:
                        runs[scenario][server.name].append(run)
    return {s: _sum_up(runs[s], failed[s]) for s in SCENARIOS}


def _server(find, name):
    program, *flags = SERVERS[name]
    return programs.Server(name, [find(program), *flags])


def _per_second(run):
    return run["requests"] / run["seconds"]


def _per_cpu_second(run):
    return run["requests"] / max(run["server_cpu_seconds"], 0.01)


def _sum_up(runs, failed):
    """Medians; the ratios are of the same round, so that a slow minute takes from both."""
    table = {}
    for name, of_rounds in runs.items():
        if name in failed:
            table[name] = {"failed": failed[name]}
            continue

        def ratio(rate):
            pairs = zip(of_rounds, runs[LIMIT])
            return statistics.median(rate(run) / rate(limit) for run, limit in pairs)

        table[name] = {
            "per_s": statistics.median(map(_per_second, of_rounds)),
            "per_cpu_s": statistics.median(map(_per_cpu_second, of_rounds)),
            "p50_us": statistics.median(run["p50_us"] for run in of_rounds),
            "p99_us": statistics.median(run["p99_us"] for run in of_rounds),
            "rounds": of_rounds,
        }
        if LIMIT not in failed:
            table[name]["per_s_of_limit"] = ratio(_per_second)
            table[name]["per_cpu_s_of_limit"] = ratio(_per_cpu_second)
    return table


def print_table(figures):
    print("\nHTTP: one thread, medians of the rounds. 'of limit' is the ratio to the limit server\n"
          "(a bare epoll loop with canned answers) in the same round; other machines have others.\n"
          "p50 and p99 are the time to the last answer of what was sent at once.")
    head = (f"{'':14}{'requests/s':>12}{'of limit':>10}{'per CPU s':>12}{'of limit':>10}"
            f"{'p50 us':>9}{'p99 us':>9}")
    notes = []
    for scenario, servers in figures.items():
        print(f"\n{scenario}\n{head}")
        for name, f in servers.items():
            if "failed" in f:
                print(f"  {name:12}{'-':>12}")
                notes.append(f"{name}, {scenario}: {f['failed']}")
                continue
            print(f"  {name:12}{f['per_s']:12,.0f}{f.get('per_s_of_limit', 0):10.2f}"
                  f"{f['per_cpu_s']:12,.0f}{f.get('per_cpu_s_of_limit', 0):10.2f}"
                  f"{f['p50_us']:9.0f}{f['p99_us']:9.0f}")
    for note in notes:
        print(f"\n{note}", end="")
    print()
