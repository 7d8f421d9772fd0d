"""Tries to get out: what a command in the sandbox does at the start of a session, to see what truly holds.

    python -I -S probes.py ROOT PORT PID STARTED

A program of its own that imports nothing of ours and little else, since a start waits for it. ROOT is a folder
made for the occasion: `work` is the workspace, `secret` is hidden, `outside` is neither. On PORT of this machine
somebody listens; PID, which started at STARTED, is a process outside. What was held back goes, a name a line,
to `work/held`.
"""

from __future__ import annotations

import os
import socket
import sys

__all__ = ["PROBES"]


def _write(path: str) -> None:
    with open(path, "w") as file:
        file.write("out")


def _write_outside(root: str) -> None:
    _write(f"{root}/outside/made")


def _write_through_link(root: str) -> None:
    os.symlink(f"{root}/outside/linked", f"{root}/work/link")
    _write(f"{root}/work/link")


def _read_secret(root: str) -> None:
    with open(f"{root}/secret/key") as file:
        if not file.read():
            raise PermissionError


def _connect(_root: str) -> None:
    socket.create_connection(("127.0.0.1", int(sys.argv[2])), 1).close()


def _signal(_root: str) -> None:
    pid = int(sys.argv[3])
    os.kill(pid, 0)
    with open(f"/proc/{pid}/stat") as file:
        started = file.read().rpartition(")")[2].split()[19]
    if started != sys.argv[4]:  # in here the number belongs to somebody else
        raise ProcessLookupError


def _change_hooks(root: str) -> None:
    try:
        _write(f"{root}/work/.git/hooks/pre-commit")
    except OSError:
        os.rename(f"{root}/work/.git", f"{root}/work/moved")


# What each tries, in words for a line that says "not held back: ...".
PROBES = {
    "writing elsewhere": _write_outside,
    "writing through links": _write_through_link,
    "reading secrets": _read_secret,
    "the network": _connect,
    "signals to other programs": _signal,
    "changing git's hooks": _change_hooks,
}


def main() -> None:
    """Try everything; whatever ends in an error was held back."""
    root = sys.argv[1]
    held = []
    for name, probe in PROBES.items():
        try:
            probe(root)
        except OSError:
            held.append(name)
    with open(f"{root}/work/held", "w") as file:
        file.write("\n".join(held))


if __name__ == "__main__":
    main()
