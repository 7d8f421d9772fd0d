"""Commands that run in the background: listed, readable, stoppable, and over with the session.

A job comes about in three ways: the model starts a command as one; the user steers while a command runs and wants it to go on
(`running_tools = "background"`); a command has ended and left processes behind (`npm start &`). The last kind has no
output to read, since nobody knows where it writes.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

from h2a_agent.tools.command_output import CommandOutput
from h2a_agent.tools.finish import finish
from h2a_agent.tools.keeper import Keeper, KeptProcess
from h2a_agent.tools.process import Child

__all__ = ["Job", "Jobs"]

GRACE_S: Final = 0.3


@dataclass(slots=True, eq=False)
class Job:
    """One command in the background. `exit_code` is None while it runs; `output` is None for what a command left behind."""

    number: int
    command: str
    keeper: Keeper
    output: CommandOutput | None
    started_at: float = field(default_factory=time.time)  # seconds since the epoch
    exit_code: int | None = None
    over: asyncio.Event = field(default_factory=asyncio.Event)

    async def processes(self) -> list[KeptProcess]:
        """What of it lives."""
        return await self.keeper.processes()


class Jobs:
    """The jobs of one agent. `changed` is called when one begins or ends."""

    def __init__(self, changed: Callable[[], None] = lambda: None) -> None:
        self.changed = changed
        self._jobs: dict[int, Job] = {}
        self._tasks: set[asyncio.Task[None]] = set()

    @property
    def all(self) -> tuple[Job, ...]:
        """Every job there was, in the order they began."""
        return tuple(self._jobs.values())

    @property
    def running(self) -> tuple[Job, ...]:
        """Those that run."""
        return tuple(job for job in self._jobs.values() if not job.over.is_set())

    def get(self, number: int) -> Job | None:
        """The job of this number."""
        return self._jobs.get(number)

    def adopt(self, command: str, child: Child, output: CommandOutput) -> Job:
        """Go on with a command in the background: its output is read on, to its end."""
        output.to_background()
        job = self._add(command, child.keeper, output)
        task = asyncio.create_task(self._follow(job, child, output), name=f"job {job.number}")
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return job

    def keep(self, command: str, keeper: Keeper) -> Job:
        """Keep what a command has left behind."""
        job = self._add(command, keeper, None)
        job.exit_code = keeper.exit_code
        keeper.on_gone = lambda: self._is_over(job)
        if keeper.gone.is_set():
            self._is_over(job)
        return job

    async def stop(self, job: Job) -> int:
        """End `job`; returns how many of its processes would not die."""
        survivors = await finish(job.keeper.end(GRACE_S))
        await job.over.wait()
        return survivors

    async def end(self) -> None:
        """End all of them; for the end of the session."""
        await asyncio.gather(*(self.stop(job) for job in self.running))

    # ---------------------------------------------------------------- private

    def _add(self, command: str, keeper: Keeper, output: CommandOutput | None) -> Job:
        job = Job(len(self._jobs) + 1, command, keeper, output)
        self._jobs[job.number] = job
        self.changed()
        return job

    async def _follow(self, job: Job, child: Child, output: CommandOutput) -> None:
        async with child:
            await output.follow(child)
            job.exit_code = child.exit_code
            if not job.keeper.gone.is_set():
                await child.end(GRACE_S)  # what it has left behind, in turn, ends with it
            await output.take(child.drain())
            await output.close()
        self._is_over(job)

    def _is_over(self, job: Job) -> None:
        job.keeper.close()
        job.over.set()
        self.changed()
