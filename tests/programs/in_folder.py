#!/usr/bin/env python3
"""Runs a program with a fresh folder as its argument.

usage: in_folder.py PROGRAM
"""

import subprocess
import sys
import tempfile

with tempfile.TemporaryDirectory() as folder:
    sys.exit(subprocess.run([sys.argv[1], folder], check=False, timeout=100).returncode)
