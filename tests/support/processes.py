"""Which processes live, told by a number that stands in the command lines of one test only; and how commands try to get away."""

from __future__ import annotations

import itertools
import os
import signal
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final

__all__ = [
    "ESCAPES",
    "children",
    "command_line",
    "environments",
    "kill_all",
    "living",
    "new_tag",
    "program_of",
    "wait_until",
]

_numbers = itertools.count(os.getpid() * 1000)

_IGNORES = "import signal, time\nfor s in (15, 2, 1): signal.signal(s, signal.SIG_IGN)\nprint('ready', flush=True)\ntime.sleep(60) #"
_DAEMON = (
    "import os, time\nif os.fork(): os._exit(0)\nos.setsid()\nif os.fork(): os._exit(0)\n"
    "print('ready', flush=True)\ntime.sleep(60) #"
)
# Each says "ready" once it has got away. `{tag}` is the seconds it sleeps, and its mark.
ESCAPES: Final = {
    "foreground": "echo ready; sleep {tag}",
    "background": "sleep {tag} & echo ready; wait",
    "shell exits": "sleep {tag} & echo ready",
    "ignores TERM, INT and HUP": f'"{sys.executable}" -c "{_IGNORES} {{tag}}"',
    "own session": "setsid bash -c 'echo ready; sleep {tag}; echo' & wait",
    "own session, disowned": "nohup setsid bash -c 'echo ready; sleep {tag}; echo' 2>/dev/null & disown; sleep {tag}",
    "double fork daemon": f'"{sys.executable}" -c "{_DAEMON} {{tag}}"; sleep {{tag}}',
    "cleared environment": "(env -i sleep {tag} &); echo ready; sleep {tag}",
    "everything at once": "(env -i setsid nohup sleep {tag} >/dev/null 2>&1 & env -i setsid sleep {tag} &); echo ready",
    "pipes": "echo ready; sleep {tag} | cat | cat",
    "stopped": "sleep {tag} & kill -STOP $!; echo ready; wait",
    "kills its keeper": "sleep {tag} & echo ready; sleep 0.1; kill -9 $PPID; sleep {tag}",
}


def new_tag() -> str:
    """A number no other test of this run, nor of a run beside it, has."""
    return f"8{next(_numbers)}"


def living(tag: str) -> list[int]:
    """The processes, zombies excepted, whose command line holds `tag`."""
    found = []
    for entry in Path("/proc").iterdir():
        if not entry.name.isdecimal() or int(entry.name) == os.getpid():
            continue
        try:
            line = (entry / "cmdline").read_bytes()
            state = (entry / "stat").read_text().rpartition(")")[2].split()[0]
        except OSError:
            continue
        if tag.encode() in line and state != "Z":
            found.append(int(entry.name))
    return found


def environments() -> dict[int, bytes]:
    """What the kernel shows of everybody's environment."""
    found = {}
    for entry in Path("/proc").iterdir():
        try:
            found[int(entry.name)] = (entry / "environ").read_bytes()
        except (OSError, ValueError):
            pass
    return found


def children(parent: int) -> list[int]:
    """The living children of `parent`."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdecimal():
            try:
                fields = (entry / "stat").read_text().rpartition(")")[2].split()
            except OSError:
                continue
            if fields[0] not in "ZX" and int(fields[1]) == parent:
                found.append(int(entry.name))
    return found


def program_of(guardian: int) -> int:
    """The program that `guardian` guards: unlike its keepers, which are forks of it, it has another command line."""
    own = command_line(guardian)
    (program,) = (pid for pid in children(guardian) if command_line(pid) not in (own, ""))
    return program


def command_line(pid: int) -> str:
    """The words `pid` was started with, each followed by NUL; "" when it is gone."""
    try:
        return Path(f"/proc/{pid}/cmdline").read_text()
    except OSError:
        return ""


def kill_all(tag: str) -> None:
    """Kill what still carries `tag`."""
    for pid in living(tag):
        try:
            os.kill(pid, signal.SIGKILL)
        except ProcessLookupError:
            pass


def wait_until(condition: Callable[[], object], timeout_s: float = 10.0) -> None:
    """Wait for something that only another process knows.

    Raises:
        AssertionError: it did not come about.
    """
    deadline = time.monotonic() + timeout_s
    while not condition():
        assert time.monotonic() < deadline, "it did not come about"
        time.sleep(0.01)
