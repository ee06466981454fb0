# SPDX-License-Identifier: Apache-2.0
"""The part of start-figures that runs in the rig.

usage: start_costs.py PROGRAMS ROUNDS
"""
import os
import statistics
import subprocess
import sys

programs, rounds = sys.argv[1], int(sys.argv[2])
UNITS = "/run/systemd/system"


def run(*command):
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


def make_unit(name, program, sandboxed):
    """The shipped unit with another program, or without what stands below "Hardening"."""
    with open("/usr/lib/systemd/system/chand.service", encoding="utf-8") as file:
        head, hardening = file.read().split("\n# Hardening", 1)
    text = head + ("\n# Hardening" + hardening if sandboxed else "")
    text = text.replace("/usr/libexec/chand", program)
    with open(f"{UNITS}/{name}.service", "w", encoding="utf-8") as file:
        file.write(text)


def start(name):
    """Milliseconds from the job to READY, and those that the process was on a processor, its sandbox included."""
    run("systemctl", "start", name)
    shown = run("systemctl", "show", name, "--property=InactiveExitTimestampMonotonic",
                "--property=ActiveEnterTimestampMonotonic", "--property=MainPID")
    found = {key: int(value) for key, value in (line.split("=") for line in shown.split())}
    tasks = f"/proc/{found['MainPID']}/task"
    used = 0
    for task in os.listdir(tasks):
        with open(f"{tasks}/{task}/schedstat", encoding="ascii") as file:
            used += int(file.read().split()[0])
    run("systemctl", "stop", name)
    return (found["ActiveEnterTimestampMonotonic"] - found["InactiveExitTimestampMonotonic"]) / 1e3, used / 1e6


os.environ.update(PROGRAMS=programs)
run("make", "--no-print-directory", "-s", "install", "PREFIX=/usr")
run("systemd-sysusers", "chand.conf")
run("systemd-tmpfiles", "--create", "chand.conf")
run("install", "-m", "755", "/mnt/toy", "/usr/libexec/chand-toy")
names = {}
for program in "chand", "toy":
    for sandboxed in True, False:
        path = "/usr/libexec/chand" + ("" if program == "chand" else "-toy")
        name = f"start-{program}{'' if sandboxed else '-bare'}"
        make_unit(name, path, sandboxed)
        names[name] = f"{program} {'as shipped' if sandboxed else 'without the sandbox'}"
run("systemctl", "daemon-reload")
run("systemctl", "start", "chand.socket", "chand-admin.socket")
results = {name: [] for name in names}
# In turn, so that the machine's moods are the same for all.
for _ in range(rounds):
    for name in names:
        results[name].append(start(name))
print(run("systemctl", "--version").split("\n")[0])
for name, title in names.items():
    times, used = zip(*results[name])
    print(f"{title + ':':28} to READY {statistics.median(times):5.1f} ms median, {min(times):5.1f} best;"
          f" on a processor {statistics.median(used):5.1f} ms, {min(used):5.1f} best")
