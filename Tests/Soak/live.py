# SPDX-License-Identifier: Apache-2.0
"""A chand of one's own and clients by hand, for the scripts beside this file and for Tests/Guard/check."""
import os
import resource
import shutil
import socket
import struct
import subprocess
import sys
import tempfile
import time

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
HELLO, LEAVE, OPEN, SEND, RECEIVE, SETTLE, REMOVE, PING, DAEMON_STATUS = 0x01, 0x02, 0x03, 0x05, 0x06, 0x09, 0x0C, 0x11, 0x21
WELCOME, GOODBYE, OPENED, DONE, SENT, RECEIVED, FAILED, PONG = 0x81, 0x82, 0x83, 0x84, 0x85, 0x86, 0x88, 0x91
DAEMON_STATE = 0xA1
NEVER = -1
#: Somebody else, who needs no account.
OTHER_USER = 54321


def frame(kind, request, body, flags=0):
    return struct.pack("<IBBHQ", len(body), kind, flags, 0, request) + body


HELLO_FRAME = frame(HELLO, 0, b"CHND" + struct.pack("<HHQH", 1, 1, 0, 4) + b"soak")


def open_body(name, capacity):
    """Both roles; the capacity is stated."""
    name = name.encode()
    return struct.pack("<BBHHHIIqH", 3, 0, 1, 0, 0, 0, 0, capacity, len(name)) + name + struct.pack("<H", 0)


class Ended(Exception):
    """The daemon ended the session."""


class Client:
    """A session whose every wait blocks, at most for a while."""

    def __init__(self, path, patience=30):
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.settimeout(patience)
        self.socket.connect(path)
        self.stream = self.socket.makefile("rb", 1 << 16)
        self.request = 0
        self.socket.sendall(HELLO_FRAME)
        self.expect(WELCOME)

    def next(self):
        """Kind, request and body of the next frame."""
        header = self.stream.read(16)
        if len(header) < 16:
            raise Ended("chand closed the connection")
        length, kind, _, field, request = struct.unpack("<IBBHQ", header)
        body = self.stream.read(length)
        if kind == GOODBYE:
            raise Ended(f"goodbye {field}: {body[2:].decode()}")
        return kind, request, body

    def expect(self, wanted):
        kind, _, body = self.next()
        if kind != wanted:
            sys.exit(f"a frame of type {kind:#x} instead of {wanted:#x}: {body[:200]}")
        return body

    def ask(self, kind, body, answer):
        self.request += 1
        self.socket.sendall(frame(kind, self.request, body))
        return self.expect(answer)

    def open(self, name, capacity):
        return struct.unpack_from("<I", self.ask(OPEN, open_body(name, capacity), OPENED))[0]

    def remove(self, name):
        name = name.encode()
        self.ask(REMOVE, struct.pack("<H", len(name)) + name, DONE)

    def ping(self):
        self.ask(PING, b"", PONG)

    def sessions_and_channels(self):
        """What the daemon says it has."""
        return struct.unpack_from("<IQ", self.ask(DAEMON_STATUS, b"", DAEMON_STATE), 4)

    def close(self):
        self.stream.close()
        self.socket.close()


def listens(path):
    """Whether somebody listens on a Unix socket; its file is there a moment earlier."""
    with open("/proc/net/unix", encoding="utf-8", errors="replace") as sockets:
        return any(words[3] == "00010000" and words[-1] == path for words in map(str.split, sockets))


class Daemon:
    """A chand on a socket that every user of the machine may open, which ends with the block."""

    def __init__(self, chand, settings=(), nofile=None):
        self.directory = tempfile.mkdtemp(prefix="chand-soak.")
        # Other users' clients have to get there.
        os.chmod(self.directory, 0o755)
        self.path = os.path.join(self.directory, "s")
        command = [chand, "--private", "--stop-with-stdin", "--socket", self.path]
        for setting in ("daemon.socket_mode=0666", *settings):
            command += ["--set", setting]
        if nofile:
            command = ["prlimit", f"--nofile={nofile}", "--"] + command
        self.log = open(os.path.join(self.directory, "log"), "w+", encoding="utf-8", errors="replace")
        self.process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=self.log,
            env=dict(os.environ, SWIFT_BACKTRACE="enable=no"))
        self.pid = self.process.pid
        while not listens(self.path):
            if self.process.poll() is not None:
                sys.exit(f"chand does not start: {self.text()}")
            time.sleep(0.01)

    def text(self):
        self.log.seek(0)
        return self.log.read()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        status = self.process.poll()
        self.process.kill()
        self.process.wait()
        text = self.text()
        shutil.rmtree(self.directory)
        if status is not None:
            sys.exit(f"chand ended with {status}: {text[-2000:]}")

    def descriptors(self):
        return len(os.listdir(f"/proc/{self.pid}/fd"))

    def status(self, key):
        """A number of /proc/PID/status."""
        with open(f"/proc/{self.pid}/status", encoding="ascii") as lines:
            return next(int(line.split()[1]) for line in lines if line.startswith(key))

    def seconds(self):
        """What it has used of the processor."""
        with open(f"/proc/{self.pid}/stat", encoding="ascii") as stat:
            fields = stat.read().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def chand(arguments):
    """The program to try: the first argument, or a release build."""
    return os.path.abspath(arguments[0]) if arguments else os.path.join(ROOT, ".build-rel/release/chand")


def as_user(user, command):
    """The command as another user, where we may make it one; else as it is."""
    if os.getuid() != 0:
        return command
    return ["setpriv", f"--reuid={user}", f"--regid={user}", "--clear-groups", *command]


def helper(user, *arguments):
    """This very script again, as another user and with other arguments, until its input ends."""
    # Where we are given real-time priority, they get no more than a start before the machine's other work.
    normal = ["chrt", "--other", "0", "nice", "-n", "-15"] if os.sched_getscheduler(0) != os.SCHED_OTHER else []
    # It may lie where that user may not look: its text goes in by a descriptor instead of its path.
    return subprocess.Popen(
        normal + as_user(user, [sys.executable, "-c", HELPER_START, *map(str, arguments)]), stdin=subprocess.PIPE,
        stdout=subprocess.PIPE, text=True, env=dict(os.environ, SOAK_LIVE=_text(__file__), SOAK_MAIN=_text(sys.argv[0])))


#: Runs a script whose text is in the environment.
HELPER_START = """
import os, sys, types
live = sys.modules["live"] = types.ModuleType("live")
live.__file__ = "live.py"
exec(os.environ.pop("SOAK_LIVE"), live.__dict__)
exec(os.environ.pop("SOAK_MAIN"), {"__name__": "__main__", "__file__": "helper"})
"""


def _text(path):
    with open(path, encoding="utf-8") as file:
        return file.read()


def allow_descriptors():
    """Lets this process and its children have as many descriptors as they may; how many these are."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    return hard


def wait_until(what, patience, probe):
    """Asks until the probe agrees, or exits."""
    end = time.monotonic() + patience
    while not probe():
        if time.monotonic() > end:
            sys.exit(f"{os.path.basename(sys.argv[0])}: {what} did not come within {patience} s")
        time.sleep(0.01)
