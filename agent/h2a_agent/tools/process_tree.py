"""Everything a command has started, and how to end it.

A command runs in a session of its own, which is also its process group. That finds most of its processes;
three things leave it: `setsid`, a double fork, `nohup ... & disown`. So a command also carries a mark in
its environment, which its children inherit, and the tree is the fixed point of

    in its session, or carrying its mark, or a child of one of these

read from /proc. Signals go through a pidfd after a second look at the start time, so a process id that was
given to somebody else meanwhile is never hit. What escapes: a process that has left the session, lost
its parent *and* cleared its environment. Without /proc (macOS) only the process group is known.
"""

from __future__ import annotations

import os
import secrets
import signal
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Final

__all__ = ["MARK", "ProcessTree", "end_leftovers", "new_mark"]

MARK: Final = "H2A_CALL_ID"  # the environment variable that carries the mark

_PROC: Final = Path("/proc")
_WRAPPER: Final = b"bwrap"  # ends by itself with what it wraps, and takes that along when it is ended first


@cache
def _owner() -> str:
    """What all marks of this agent begin with."""
    return f"{os.getpid()}-{secrets.token_hex(8)}:"


def new_mark() -> str:
    """A mark for one command, unlike any other."""
    return _owner() + secrets.token_hex(4)


@dataclass(frozen=True, slots=True)
class _Process:
    pid: int
    parent: int
    session: int
    started: int  # clock ticks since boot: with the pid, what tells one process from another
    name: bytes = b""


@dataclass(slots=True)
class ProcessTree:
    """The processes of one command: its first process `root`, the leader of its session, and its `mark`.

    `root` 0 means that only the mark counts. All methods read /proc and belong in a thread.
    """

    root: int
    mark: str
    _since: int = 0
    _told: set[tuple[int, int]] = field(default_factory=set)

    def __post_init__(self) -> None:
        if self.root and (root := _look_at(self.root)):
            self._since = root.started

    def send(self, number: signal.Signals) -> int:
        """Send `number` to every living process of the tree and return how many there are.

        SIGKILL goes to all each time; another signal goes once to each process, since a program may take
        the second one as an order to hurry, and never to a sandbox, whose end would be its command's at once.
        """
        if not _PROC.joinpath("self/stat").exists():
            return self._signal_group(number)
        living = self._living()
        for process in living:
            key = (process.pid, process.started)
            if number is signal.SIGKILL or (key not in self._told and process.name != _WRAPPER):
                self._told.add(key)
                _deliver(process, number)
        return len(living)

    def _signal_group(self, number: signal.Signals) -> int:
        try:
            os.killpg(self.root, number)
        except (ProcessLookupError, PermissionError):
            return 0  # macOS answers EPERM for a group of zombies
        return 1

    def _living(self) -> list[_Process]:
        everyone = {process.pid: process for process in _processes() if process.started >= self._since}
        mark = f"{MARK}={self.mark}".encode()
        tree = {
            process.pid
            for process in everyone.values()
            if (self.root and self.root in (process.pid, process.session))
            or mark in _environment(process.pid)
        }
        tree.discard(os.getpid())
        grown = True
        while grown:
            more = {p.pid for p in everyone.values() if p.parent in tree and p.pid not in tree}
            tree |= more
            grown = bool(more)
        # Parents first, so that a shell does not go on to its next command, nor report its child's death.
        return sorted((everyone[pid] for pid in tree), key=lambda process: (process.started, process.pid))


def end_leftovers() -> int:
    """Kill what commands of this agent left running in the background; for the end of a session.

    Returns how many processes there were. Reads /proc, so it belongs in a thread.
    """
    leftovers = ProcessTree(0, _owner())
    found = 0
    for _ in range(100):  # a fork storm may outrun a sweep, but not for ever
        living = leftovers.send(signal.SIGKILL)
        if not living:
            break
        found = max(found, living)
    return found


def _processes() -> Iterator[_Process]:
    """All processes but zombies, which are dead and only wait for their parent."""
    try:
        names = os.listdir(_PROC)  # noqa: PTH208  a Path for each would double the cost of a sweep
    except OSError:
        return
    for name in names:
        if name.isdecimal() and (process := _look_at(int(name))):
            yield process


def _look_at(pid: int) -> _Process | None:
    stat = _slurp(f"/proc/{pid}/stat")
    # The name, in parentheses, may hold anything, also parentheses; the fields after it are plain.
    end = stat.rfind(b")")
    state, parent, _group, session, *rest = stat[end + 2 :].split() or (b"Z", 0, 0, 0)
    if state in (b"Z", b"X") or len(rest) < 16:
        return None
    return _Process(pid, int(parent), int(session), int(rest[15]), stat[stat.find(b"(") + 1 : end])


def _environment(pid: int) -> bytes:
    return _slurp(f"/proc/{pid}/environ")


def _slurp(path: str) -> bytes:
    try:
        with open(path, "rb", buffering=0) as file:  # noqa: PTH123  as above
            return file.read()
    except OSError:
        return b""  # gone, or somebody else's


def _deliver(process: _Process, number: signal.Signals) -> None:
    try:
        pidfd = os.pidfd_open(process.pid)
    except OSError:
        return  # gone
    try:
        now = _look_at(process.pid)
        if now is not None and now.started == process.started:
            signal.pidfd_send_signal(pidfd, number)
    except OSError:
        pass  # gone, or not ours to signal (a setuid program)
    finally:
        os.close(pidfd)
