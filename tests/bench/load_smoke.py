#!/usr/bin/env python3
"""The load test works: two seconds at a low rate, all kinds answered, events told, a plot drawn.

usage: load_smoke.py BUILD ENGINE
"""

import json
import pathlib
import subprocess
import sys
import tempfile
import xml.dom.minidom

HERE = pathlib.Path(__file__).resolve().parent


def main():
    build, engine = sys.argv[1:]
    with tempfile.TemporaryDirectory() as folder:
        figures, plot = pathlib.Path(folder, "figures"), pathlib.Path(folder, "plot.svg")
        done = subprocess.run(
            [sys.executable, HERE / "load", "--build", build, "--engine", engine, "--rates", "20,40",
             "--seconds", "2", "--articles", "40", "--listeners", "2", "--most-ms", "100000", "--json", figures, "--svg",
             plot], check=False, capture_output=True, text=True)
        print(done.stdout, done.stderr)
        if done.returncode:
            return done.returncode
        steps = json.loads(figures.read_text())[0]["steps"]
        lines = xml.dom.minidom.parse(str(plot)).getElementsByTagName("polyline")
    asked = [step["asked"] for step in steps]
    answers = sum(step["answers"] for step in steps)
    events = sum(step["events"] for step in steps)
    is_sound = (asked == [40, 80] and answers == 120 and len(lines) == 4 and
                all(step["p50_ms"] <= step["p999_ms"] for step in steps))
    print(f"{answers} answers, {events} events")
    return 0 if is_sound else 1


if __name__ == "__main__":
    sys.exit(main())
