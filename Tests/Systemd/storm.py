# SPDX-License-Identifier: Apache-2.0
"""Connects as fast as it can, from several threads, until a file is there; then says how it went.

usage: storm.py SOCKET FILE

Each connection greets the daemon and waits for its answer, or for the end that a restart brings. Prints
"started" when the first was answered. Exits with 1 if a connect failed, or hardly any was answered.
"""
import collections
import os
import socket
import struct
import sys
import threading

path, end = sys.argv[1:]
# HELLO as docs/protocol.md has it: versions 1 to 1, no features, a name.
hello = b"CHND" + struct.pack("<HHQ", 1, 1, 0) + struct.pack("<H", 5) + b"storm"
hello = struct.pack("<IBBHQ", len(hello), 0x01, 0, 0, 0) + hello
lock = threading.Lock()
counts = collections.Counter()


def attempt():
    with socket.socket(socket.AF_UNIX) as connection:
        connection.settimeout(20)
        try:
            connection.connect(path)
        except OSError as error:
            return f"not connected: {error}"
        try:
            connection.sendall(hello)
            answer = connection.recv(16)
        except (ConnectionResetError, BrokenPipeError):
            return "ended"
        except OSError as error:
            return f"not answered: {error}"
        return "answered" if len(answer) > 4 and answer[4] == 0x81 else "ended"


def storm():
    while not os.path.exists(end):
        outcome = attempt()
        with lock:
            counts[outcome] += 1
            if outcome == "answered" and counts[outcome] == 1:
                print("started", flush=True)


threads = [threading.Thread(target=storm) for _ in range(2)]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
print("systemd: " + ", ".join(f"{count} connects {outcome}" for outcome, count in sorted(counts.items())))
bad = set(counts) - {"answered", "ended"}
sys.exit(1 if bad or counts["answered"] < 100 else 0)
