#!/usr/bin/env python3
"""Gives jws_check the tokens of the vectors, line by line, with single keys and with sets.

usage: jws_check.py PROGRAM VECTORS
"""

import json
import pathlib
import subprocess
import sys

OURS = {"HS256", "RS256", "ES256", "EdDSA"}
FREE = {372, 373}


def main():
    program, vectors = sys.argv[1], pathlib.Path(sys.argv[2])
    file = vectors / "jose" / "json_web_signature_test.json"
    if not file.exists():
        print(f"SKIPPED: there are no test vectors at {file}")
        return 77
    lines, expected = [], []
    for group in json.loads(file.read_text())["testGroups"]:
        key = group.get("public") or group["private"]
        valid = {json.dumps(t["jws"]) for t in group["tests"] if t["result"] == "valid"}
        for test in group["tests"]:
            # Some that are called invalid are, byte for byte, a valid one of the same key.
            free = test["tcId"] in FREE or test["result"] == "acceptable"
            free |= test["result"] == "invalid" and json.dumps(test["jws"]) in valid
            free |= test["result"] == "valid" and key.get("alg") not in OURS
            want = None if free else "invalid"
            if test["result"] == "valid" and not free:
                want = test["jws"].split(".")[1]
            for jwk in (key, {"keys": [key]}):
                lines.append(json.dumps({"jwk": jwk, "jws": test["jws"]}))
                expected.append((test["tcId"], want))
    lines += ["", "{}", "not json", '{"jwk":1,"jws":"a.b.c"}']
    expected += [("line", "invalid")] * 4
    done = subprocess.run([program], input="\n".join(lines) + "\n", capture_output=True, text=True,
                          timeout=120, check=True)
    answers = done.stdout.split("\n")[:-1]
    wrong = [f"{number}: {answer}, not {want}"
             for (number, want), answer in zip(expected, answers) if want not in (None, answer)]
    if len(answers) != len(expected):
        wrong.append(f"{len(answers)} answers to {len(expected)} lines")
    print("\n".join(wrong + [f"{len(answers)} answers, {len(wrong)} wrong"]))
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
