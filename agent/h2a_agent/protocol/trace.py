"""A trace: every event of an agent as lines in a file, beside whatever front end there is.

The writer listens through a h2A queue of its own and is never waited for. When the disk is slower than the agent for
longer than that queue reaches, the oldest events go and a `missed` line says how many; the session, not the trace, is what
nothing may be lost of. What goes into the file has had its keys taken out.

A trace begins with `hello`, like the output of a program that speaks the protocol, and can be played again (`read_trace`).
"""

from __future__ import annotations

import asyncio
import os
import select
import stat
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, Final

from h2a_agent.bus import Subscription
from h2a_agent.events import AnyEvent, Event
from h2a_agent.protocol.lines import AnyOutput, line_of, output_of
from h2a_agent.protocol.replies import PROTOCOL, Hello, Missed
from h2a_agent.redact import redact
from h2a_queue import Backpressure

if TYPE_CHECKING:
    from h2a_agent.agent import Agent

__all__ = ["Damaged", "Trace", "TraceExists", "hello", "read_trace"]

_AHEAD: Final = 10_000  # events the disk may be behind
_LAST_LINES_S: Final = 2.0  # how long the end waits for what is not written yet
_LOOK_UP_S: Final = 0.1
_LINE_LIMIT: Final = 64 * 1024 * 1024  # bytes of a line that is read


class TraceExists(OSError):
    """There is a file of this name already, and it is left alone."""


def hello(agent: Agent) -> Hello:
    """The first line of whatever tells of `agent`."""
    from h2a_agent import __version__

    return Hello(
        PROTOCOL,
        __version__,
        agent.session_id,
        os.fspath(agent.workspace),
        agent.provider_name,
        agent.model,
        agent.mode,
    )


class Trace:
    """A trace in a new file that only its owner can read, or to a pipe or device that is there already.

    `problem` says why it is not complete, "" while it is. A file that cannot be written any more ends the trace, not
    the agent.
    """

    def __init__(self, path: Path) -> None:
        """Open `path`.

        Raises:
            TraceExists: it is an ordinary file with something in it.
            OSError: it cannot be opened, or is a pipe that nobody reads.
        """
        self.problem = ""
        self._abandoned = False
        self._tasks: list[asyncio.Task[None]] = []
        try:
            self._fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
        except FileExistsError:
            self._fd = os.open(path, os.O_WRONLY | os.O_NONBLOCK)
            found = os.fstat(self._fd)
            if stat.S_ISREG(found.st_mode) and found.st_size:
                os.close(self._fd)
                raise TraceExists(f"{path} exists already; give the trace another name") from None
            if stat.S_ISREG(found.st_mode):
                os.fchmod(self._fd, 0o600)

    def listen(self, agent: Agent) -> None:
        """Write down what `agent` says from now until it is closed."""
        events = agent.subscribe(policy=Backpressure.DROP_OLDEST, max_size=_AHEAD)
        work = self._follow(hello(agent), events)
        self._tasks.append(asyncio.get_running_loop().create_task(work, name="h2a trace"))

    async def finish(self) -> None:
        """Wait a little for the last lines, then let go of the file. The agent is closed before."""
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=_LAST_LINES_S)
            self._abandoned = True
            await asyncio.wait(self._tasks)
        os.close(self._fd)

    async def _follow(self, first: Hello, events: Subscription) -> None:
        missed = 0
        batch: list[AnyOutput] = [first]
        try:
            while batch:
                await asyncio.to_thread(self._write, batch)
                batch = list(await events.batch())
                dropped = events.stats.dropped_messages
                if batch and dropped > missed:
                    batch.insert(0, Missed(dropped - missed))
                    missed = dropped
        except BlockingIOError:
            self.problem = "nobody reads it"
        except OSError as error:
            self.problem = error.strerror or str(error)
        finally:
            events.close()

    def _write(self, batch: Iterable[AnyOutput]) -> None:
        """Write `batch`; in a thread, because it takes as long as the disk or the reader does.

        Raises:
            OSError: it cannot be written, or not before the end.
        """
        data = redact("".join(map(line_of, batch))).encode()
        while data:
            try:
                data = data[os.write(self._fd, data) :]
            except BlockingIOError:  # a pipe that is full
                if self._abandoned:
                    raise
                _ = select.select([], [self._fd], [], _LOOK_UP_S)


# -------------------------------------------------------------------- reading


class Damaged:
    """A line of a trace that cannot be read, and why."""

    def __init__(self, line: int, reason: str) -> None:
        self.line = line
        self.reason = reason


def read_trace(file: BinaryIO) -> Iterator[AnyEvent | Hello | Missed | Damaged]:
    """What stands in a trace, in order; replies to a program's commands are passed over."""
    number = 0
    while data := file.readline(_LINE_LIMIT):
        number += 1
        if not data.strip():
            continue
        try:
            found = output_of(data.decode())
        except (ValueError, RecursionError) as wrong:
            yield Damaged(number, str(wrong))
            continue
        if isinstance(found, Event | Hello | Missed):
            yield found
