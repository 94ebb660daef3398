#!/usr/bin/env python3
"""The log-in storm works: a small one, in which every log-in and every other request is answered.

usage: login_storm_smoke.py BUILD ENGINE
"""

import json
import pathlib
import subprocess
import sys
import tempfile

HERE = pathlib.Path(__file__).resolve().parent
LOG_INS = 40
RATE, SECONDS = 20, 2


def main():
    build, engine = sys.argv[1:]
    with tempfile.TemporaryDirectory() as folder:
        figures = pathlib.Path(folder, "figures")
        done = subprocess.run(
            [sys.executable, HERE / "login_storm", "--build", build, "--engine", engine,
             "--log-ins", str(LOG_INS), "--rate", str(RATE), "--seconds", str(SECONDS),
             "--lead", "0.5", "--rounds", "1", "--json", figures],
            check=False, capture_output=True, text=True)
        print(done.stdout, done.stderr)
        if done.returncode:
            return done.returncode
        turns = {turn["kind"]: turn for turn in json.loads(figures.read_text())["turns"]}
    ends = turns["storm"]["ends"]
    is_sound = (list(turns) == ["calm", "hashing", "storm"] and
                all(turn["answers"] == RATE * SECONDS for turn in turns.values()) and
                sum(ends.values()) == LOG_INS and ends.get("200", 0) > 0 and
                ends.get("401", 0) > 0 and
                not turns["calm"]["ends"] and not turns["hashing"]["ends"])
    return 0 if is_sound else 1


if __name__ == "__main__":
    sys.exit(main())
