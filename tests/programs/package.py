#!/usr/bin/env python3
"""Packs conduit for Debian, looks at what is in the package, and runs the program that is in it.

usage: package.py BUILD-TREE CPACK      of a build whose program conduit is there
"""

import pathlib
import shutil
import subprocess
import sys
import tempfile

FILES = ["./usr/bin/conduit", "./etc/conduit.toml", "./lib/systemd/system/conduit.service",
         "./lib/systemd/system/conduit.socket", "./usr/share/doc/conduit/copyright"]


def output(*words):
    return subprocess.run(words, check=True, capture_output=True, text=True).stdout


def main():
    for needed in ("dpkg-deb", "dpkg-shlibdeps"):
        if not shutil.which(needed):
            print(f"skipped: {needed} is not there")
            return 77
    build, cpack = sys.argv[1:3]
    problems = []
    with tempfile.TemporaryDirectory() as folder:
        subprocess.run([cpack, "-G", "DEB", "--config", f"{build}/CPackConfig.cmake", "-B", folder],
                       check=True, capture_output=True, cwd=build)
        [package] = pathlib.Path(folder).glob("conduit_*.deb")
        listed = [line.split()[-1].replace("./usr/lib/systemd", "./lib/systemd")
                  for line in output("dpkg-deb", "-c", str(package)).splitlines()]
        problems += [f"{file} is not in the package" for file in FILES if file not in listed]
        problems += [f"{file} is in the package" for file in listed if "/include/" in file]
        depends = output("dpkg-deb", "-f", str(package), "Depends")
        problems += [f"it does not depend on {name}" for name in ("libsqlite3-0", "libpq5", "tzdata")
                     if name not in depends]
        subprocess.run(["dpkg-deb", "-x", str(package), f"{folder}/root"], check=True)
        program = f"{folder}/root/usr/bin/conduit"
        settings = output(program, "--config", f"{folder}/root/etc/conduit.toml", "--settings")
        if '"/var/lib/conduit/conduit.db"' not in settings:
            problems.append(f"its settings are {settings}")
        if shutil.which("systemd-analyze"):
            units = [str(u) for u in pathlib.Path(f"{folder}/root").rglob("conduit.s*")]
            done = subprocess.run(["systemd-analyze", "verify", *units],
                                  capture_output=True, text=True)
            about = [line for line in done.stderr.splitlines() if "conduit" in line]
            problems += [line for line in about if "not executable" not in line]
            service = next(u for u in units if u.endswith(".service"))
            looked = subprocess.run(["systemd-analyze", "security", "--offline=true",
                                     "--threshold=20", service], capture_output=True, text=True)
            if looked.returncode:
                problems.append(f"the service may do more than it should:\n{looked.stdout}")
    for problem in problems:
        print(problem)
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
