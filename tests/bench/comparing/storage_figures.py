"""Point reads and durable inserts, beneath HTTP and through it."""

import os
import statistics
import sys
import tempfile

from comparing import programs

CONNECTIONS = 64
POST = ["--target", "/rows", "--post", '{"name":"a name of about the usual length"}',
        "--expect", 201, "--connections", CONNECTIONS]
GROUPED, ALONE = "group commit", "one commit for each request"


def measure(find, directory, rounds, seconds):
    with tempfile.TemporaryDirectory(prefix="bench-", dir=directory) as place:
        print("bench_storage", file=sys.stderr)
        storage = programs.run_for_json(
            [find("bench_storage"), "--database", f"{place}/storage.db"])
        rows = _measure_rows(find, place, rounds, seconds)
        return {"directory": str(directory), "filesystem": filesystem_of(place),
                "beneath_http": storage, "post_rows": rows}


def _measure_rows(find, place, rounds, seconds):
    server = [find("bench_server"), "--threads", 1, "--database"]
    commands = {GROUPED: [*server, f"{place}/grouped.db"],
                ALONE: [*server, f"{place}/alone.db", "--commit-per-request"]}
    runs = {mode: [] for mode in commands}
    for i in range(rounds):
        for mode, command in commands.items():  # one at a time: they share a core and a disk
            print(f"round {i + 1} of {rounds}: POST /rows, {mode}", file=sys.stderr)
            with programs.Server(mode, command) as running:
                programs.load(find("loader"), running, 0.2, POST)
                run = programs.load(find("loader"), running, seconds, POST)
            why = programs.what_is_wrong(run)
            if why:
                raise programs.Failed(f"POST /rows with {mode}: {why}")
            runs[mode].append(run)
    table = {mode: {"per_s": statistics.median(r["requests"] / r["seconds"] for r in of_mode),
                    "p50_us": statistics.median(r["p50_us"] for r in of_mode),
                    "p99_us": statistics.median(r["p99_us"] for r in of_mode),
                    "rounds": of_mode}
             for mode, of_mode in runs.items()}
    table["ratio"] = table[GROUPED]["per_s"] / table[ALONE]["per_s"]
    return table


def filesystem_of(path):
    """The kind of file system, because a commit on one in memory is no commit to a disk."""
    best, kind = "", "unknown"
    try:
        with open("/proc/mounts", encoding="utf-8") as mounts:
            for line in mounts:
                _, where, what, *_ = line.split()
                inside = os.path.realpath(path).startswith(where.rstrip("/") + "/")
                if inside and len(where) >= len(best):
                    best, kind = where, what
    except OSError:
        pass
    return kind


def print_table(figures):
    f = figures["beneath_http"]
    print(f"\nStorage: SQLite {f['sqlite']}, WAL, synchronous FULL, on {figures['filesystem']} "
          f"({figures['directory']})")
    if figures["filesystem"] in ("tmpfs", "ramfs"):
        print("This is memory: nothing below says what a durable commit costs. Give --directory.")
    read, auto, inside = (f["point_read_ns"], f["raw_autocommit_read_ns"],
                          f["raw_transaction_read_ns"])
    print("\npoint read by primary key                            ns")
    print(f"  aft, as a handler reads                       {read:9,.0f}")
    print(f"  C API, cached statement, autocommit           {auto:9,.0f}   "
          f"aft is {auto / read:.2f} times as fast")
    print(f"  C API, cached statement, one transaction      {inside:9,.0f}   "
          f"aft is {inside / read:.2f} times as fast")
    busy, busy_auto = f["point_read_1000_commits_ns"], f["raw_autocommit_read_1000_commits_ns"]
    print(f"  aft, while 1,000 transactions a second commit {busy:9,.0f}")
    print(f"  C API, autocommit, the same                   {busy_auto:9,.0f}   "
          f"aft is {busy_auto / busy:.2f} times as fast")
    loaded = f["point_read_full_load_ns"]
    print(f"  aft, while the writer has all it can do       {loaded:9,.0f}   "
          f"{read / loaded:.2f} of the reads without it")
    elsewhere = f["point_read_load_elsewhere_ns"]
    print(f"  aft, while the writer of another file has     {elsewhere:9,.0f}   "
          f"{read / elsewhere:.2f} of the reads without it")
    loaded_auto = f["raw_autocommit_read_full_load_ns"]
    print(f"  C API, autocommit, beside batches of 64       {loaded_auto:9,.0f}   "
          f"{auto / loaded_auto:.2f} of the reads without them")
    loaded_inside = f["raw_transaction_read_full_load_ns"]
    print(f"  C API, transaction anew after each commit     {loaded_inside:9,.0f}   "
          f"{inside / loaded_inside:.2f} of the reads without them")
    wide, raw_wide = f["wide_row_ns"], f["raw_wide_row_ns"]
    print("\none row of 20 columns, of a thousand                 ns")
    print(f"  aft, into structs                             {wide:9,.0f}")
    print(f"  C API, into the same structs                  {raw_wide:9,.0f}   "
          f"aft takes {wide / raw_wide:.2f} of its time")
    group, alone, batch = (f["group_commit_64_per_s"], f["commit_per_request_per_s"],
                           f["raw_batch_64_per_s"])
    print("\ndurable inserts                              per second")
    print(f"  aft, 64 transactions in flight                {group:9,.0f}   "
          f"p50 {f['group_commit_64_p50_us']:,.0f} us, p99 {f['group_commit_64_p99_us']:,.0f} us")
    one = f["one_in_flight_per_s"]
    print(f"  aft, one transaction in flight                {one:9,.0f}   "
          f"{one / alone:.2f} of the C API's")
    print(f"  C API, one commit each                        {alone:9,.0f}   "
          f"aft is {group / alone:.1f} times as fast")
    print(f"  C API, 64 in one transaction                  {batch:9,.0f}   "
          f"aft is {group / batch:.2f} times as fast")
    rows = figures["post_rows"]
    print(f"\nPOST /rows, {CONNECTIONS} connections                 requests/s")
    for mode in (GROUPED, ALONE):
        print(f"  {mode:44}  {rows[mode]['per_s']:9,.0f}   p50 {rows[mode]['p50_us']:,.0f} us, "
              f"p99 {rows[mode]['p99_us']:,.0f} us")
    print(f"  group commit is {rows['ratio']:.1f} times as fast")
