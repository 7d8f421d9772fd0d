"""What a person does with the commands in the background: read what they print, end them.

`Agent.jobs` is this. Which there are is told by `JobsChanged` and stands in the state.
"""

from __future__ import annotations

from h2a_agent.bus import EventBus
from h2a_agent.events import JobItem, JobsChanged
from h2a_agent.safe_text import one_line, safe_text
from h2a_agent.tools.jobs import Job, Jobs

__all__ = ["JobVerbs"]

_SHOWN = 200  # characters of a command
_ELSEWHERE = "Where it prints to is for its command to know."


class JobVerbs:
    """The verbs on `jobs`; `bus` is told of each that begins or ends."""

    def __init__(self, jobs: Jobs, bus: EventBus) -> None:
        self._jobs = jobs
        self._bus = bus
        jobs.changed = self._changed

    def read(self, number: int) -> tuple[JobItem, str] | None:
        """The background command `number` and the last lines it has printed; None when there is none.

        What the model is told of it stays as it is.
        """
        job = self._jobs.get(number)
        if job is None:
            return None
        return self._item(job), safe_text(job.output.text()) if job.output else _ELSEWHERE

    async def stop(self, number: int) -> bool:
        """End the background command `number`; False when it has ended already, or there is none."""
        job = self._jobs.get(number)
        if job is None or job.over.is_set():
            return False
        await self._jobs.stop(job)
        return True

    def _changed(self) -> None:
        self._bus.publish(JobsChanged(tuple(map(self._item, self._jobs.all))))

    def _item(self, job: Job) -> JobItem:
        command = one_line(job.command, _SHOWN)
        return JobItem(job.number, command, job.started_at, not job.over.is_set(), job.exit_code)
