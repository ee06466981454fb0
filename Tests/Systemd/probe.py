# SPDX-License-Identifier: Apache-2.0
"""Tries what a sandbox should deny, and prints each directive that denied it, with the reason.

usage: probe.py SEEN, a file in /tmp
"""
import ctypes
import errno
import mmap
import os
import socket
import sys

libc = ctypes.CDLL(None, use_errno=True)


def call(name, *arguments):
    if getattr(libc, name)(*arguments) < 0:
        raise OSError(ctypes.get_errno(), name)


def set_user_id_bit():
    with open("/tmp/probe", "w", encoding="ascii"):
        os.chmod("/tmp/probe", 0o4755)


def secure_bits():
    if libc.prctl(27, 0, 0, 0, 0) & 3 == 3:
        raise PermissionError(errno.EPERM, "PR_GET_SECUREBITS")


def hidden_trees():
    # Succeeds where any of them is to be seen.
    denied = None
    for tree in "/sys", "/dev":
        try:
            os.listdir(tree)
            return
        except PermissionError as error:
            denied = error
    raise denied


PROBES = {
    "RestrictAddressFamilies": lambda: socket.socket(socket.AF_INET),
    "RestrictNamespaces": lambda: call("unshare", 0x10000000),
    "RestrictSUIDSGID": set_user_id_bit,
    "LockPersonality": lambda: call("personality", 0x0400000),
    "MemoryDenyWriteExecute": lambda: mmap.mmap(
        -1, 4096, mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS, mmap.PROT_READ | mmap.PROT_WRITE | mmap.PROT_EXEC),
    "SystemCallFilter": lambda: call("ptrace", 0, 0, 0, 0),
    "SecureBits": secure_bits,
    "NoExecPaths": lambda: os.execv("/bin/true", ["true"]),
    "PrivateTmp": lambda: os.stat(sys.argv[1]),
    "ProtectHome": lambda: os.listdir("/home"),
    "InaccessiblePaths": hidden_trees,
}
for directive, probe in PROBES.items():
    # Each in a process of its own: what is not denied must not change the others.
    if os.fork() == 0:
        try:
            probe()
        except OSError as error:
            print(directive, errno.errorcode[error.errno], flush=True)
        os._exit(0)
    os.wait()
