"""The processes below one: who they are, and a signal to all of them.

Read from /proc; where there is none, from `ps`. A signal goes through a pidfd after a second look at the start time, so a process
id that was given to somebody else meanwhile is never hit.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from typing import Final, NamedTuple

__all__ = ["Process", "command_line", "deliver", "descendants"]

_HAS_PROC: Final = os.path.exists("/proc/self/stat")


class Process(NamedTuple):
    """A living process. `started` is in clock ticks since boot: with the pid, what tells one from another.

    `name` is its program's, "" where that is not known.
    """

    pid: int
    parent: int
    started: int
    name: bytes = b""


def descendants(root: int) -> list[Process]:
    """Everything alive below `root`, the oldest first, so that a shell is told before its children are."""
    children: dict[int, list[Process]] = {}
    for process in _processes():
        children.setdefault(process.parent, []).append(process)
    found: list[Process] = []
    waiting = [root]
    while waiting:
        below = children.pop(waiting.pop(), [])
        found += below
        waiting += [process.pid for process in below]
    return sorted(found, key=lambda process: (process.started, process.pid))


def deliver(process: Process, number: signal.Signals) -> None:
    """Send `number` to `process` if it is still that process."""
    if not hasattr(os, "pidfd_open"):
        try:
            os.kill(process.pid, number)
        except OSError:
            pass  # gone
        return
    try:
        pidfd = os.pidfd_open(process.pid)
    except OSError:
        return  # gone
    try:
        now = _look_at(process.pid)
        if now is not None and now.started == process.started:
            signal.pidfd_send_signal(pidfd, number)
    except OSError:
        pass  # gone, or not ours any more
    finally:
        os.close(pidfd)


def command_line(pid: int) -> str:
    """What `pid` was started as, "" where that cannot be told."""
    return _slurp(f"/proc/{pid}/cmdline").replace(b"\0", b" ").decode("utf-8", "replace").strip()


def _processes() -> Iterator[Process]:
    """All processes but zombies, which are dead and only wait for their parent."""
    if not _HAS_PROC:
        yield from _from_ps()
        return
    for name in os.listdir("/proc"):
        if name.isdecimal() and (process := _look_at(int(name))):
            yield process


def _look_at(pid: int) -> Process | None:
    stat = _slurp(f"/proc/{pid}/stat")
    # The name, in parentheses, may hold anything, also parentheses; the fields after it are plain.
    end = stat.rfind(b")")
    state, parent, *rest = stat[end + 2 :].split() or (b"Z", 0)
    if state in (b"Z", b"X") or len(rest) < 18:
        return None
    return Process(pid, int(parent), int(rest[17]), stat[stat.find(b"(") + 1 : end])


def _from_ps() -> Iterator[Process]:
    read_end, write_end = os.pipe()
    pid = os.posix_spawn(
        "/bin/ps",
        ["ps", "-axo", "pid=,ppid=,stat="],
        {},
        file_actions=[(os.POSIX_SPAWN_DUP2, write_end, 1)],
    )
    os.close(write_end)
    with open(read_end, "rb") as output:
        lines = output.read().splitlines()
    os.waitpid(pid, 0)
    for line in lines:
        child, parent, state = line.split()[:3]
        if int(child) != pid and not state.startswith(b"Z"):
            yield Process(int(child), int(parent), 0)


def _slurp(path: str) -> bytes:
    try:
        with open(path, "rb", buffering=0) as file:
            return file.read()
    except OSError:
        return b""  # gone, or somebody else's
