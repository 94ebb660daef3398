"""What was measured, and on what."""

import os
import platform
import re
import subprocess

from comparing import programs


def describe(root, build, find, servers):
    return {
        "cpu": _cpu_model(),
        "cores": os.cpu_count(),
        "kernel": platform.release(),
        "system": _system(),
        "load_before": os.getloadavg()[0],
        "pinned": programs.can_pin(),
        "compiler": _compiler(build),
        "build_type": _cached(build, "CMAKE_BUILD_TYPE") or "unknown",
        "aft": _aft_version(root),
        "peers": {name: _say_version(find(command[0])) for name, command in servers.items()},
    }


def print_head(about):
    print(f"{about['cpu']}, {about['cores']} cores, Linux {about['kernel']}, {about['system']}")
    print(f"{about['compiler']}, {about['build_type']}; aft {about['aft']}; "
          + "; ".join(about["peers"].values()))
    print("server on core 0, loader on core 1" if about["pinned"] else
          "server and loader are not pinned to cores of their own: the figures are unsteady")
    if about["load_before"] > 0.5:
        print(f"The machine has other work to do (load {about['load_before']:.1f}): "
              "believe ratios only, and those with care.")


def _cpu_model():
    with open("/proc/cpuinfo", encoding="utf-8") as info:
        found = re.search(r"^model name\s*:\s*(.+)$", info.read(), re.MULTILINE)
    return found.group(1) if found else platform.machine()


def _system():
    try:
        return platform.freedesktop_os_release()["PRETTY_NAME"]
    except OSError:
        return platform.system()


def _first_line(command, **how):
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=10, **how)
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return done.stdout.partition("\n")[0].strip() if done.returncode == 0 else ""


def _say_version(program):
    return _first_line([program, "--version"]) or "unknown"


def _cached(build, name):
    try:
        cache = (build / "CMakeCache.txt").read_text(encoding="utf-8")
    except OSError:
        return ""
    found = re.search(rf"^{name}:[A-Z]+=(.*)$", cache, re.MULTILINE)
    return found.group(1) if found else ""


def _compiler(build):
    compiler = _cached(build, "CMAKE_CXX_COMPILER")
    return (compiler and _first_line([compiler, "--version"])) or "unknown compiler"


def _aft_version(root):
    lists = (root / "CMakeLists.txt").read_text(encoding="utf-8")
    version = re.search(r"project\(aft VERSION ([0-9.]+)", lists)
    commit = _first_line(["git", "describe", "--always", "--dirty"], cwd=root)
    return " ".join(filter(None, [version.group(1) if version else "", commit and f"({commit})"]))
