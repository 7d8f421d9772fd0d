"""Cut at any moment, `job_output` has changed nothing: what it would have returned is there for the next call."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path
from typing import Any, Final

from pydantic import Field

from h2a_agent.tools.base import Effect, Preview, ToolContext, ToolOutcome, WhenSteered
from h2a_agent.tools.jobs import Job, Jobs
from h2a_agent.tools.params import ToolParams, manual

__all__ = ["JobOutputParams", "JobOutputTool", "no_such_job"]

_MOST_S: Final = 300


class JobOutputParams(ToolParams):
    """Which job to look at."""

    job: int = Field(ge=1, description="The job's number.")
    wait_s: float = Field(
        default=0, ge=0, le=_MOST_S, description=f"Wait so long for the job's end first, at most {_MOST_S} s."
    )


class JobOutputTool:
    """Reads what a background job has printed since it was last read."""

    name = "job_output"
    params: type[Any] = JobOutputParams
    effect = Effect.READ
    when_steered = WhenSteered.CANCEL

    def __init__(self) -> None:
        self.description = manual("job_output")

    def title(self, params: JobOutputParams) -> str:
        """The job."""
        return f"job {params.job}"

    def paths(self, params: JobOutputParams, ctx: ToolContext) -> tuple[Path, ...]:
        """Where long outputs are."""
        return (ctx.spill_dir,)

    async def preview(self, params: JobOutputParams, ctx: ToolContext) -> Preview:
        """The job's command."""
        job = ctx.jobs.get(params.job)
        return Preview(job.command if job else f"job {params.job}", "command")

    async def run(self, params: JobOutputParams, ctx: ToolContext) -> ToolOutcome:
        """Read it."""
        job = ctx.jobs.get(params.job)
        if job is None:
            return no_such_job(params.job, ctx.jobs)
        if params.wait_s:
            try:
                async with asyncio.timeout(params.wait_s):
                    await job.over.wait()
            except TimeoutError:
                pass
        state = await _state(job)
        if job.output is None:
            return ToolOutcome(f"[{state} Where it prints to is for its command to know.]", state.rstrip("."))
        return ToolOutcome(job.output.fresh_text(f"[{state}]"), state.rstrip("."))


async def _state(job: Job) -> str:
    if job.over.is_set():
        code = "" if job.exit_code is None else f" with exit code {job.exit_code}"
        return f"Job {job.number} has ended{code}."
    running = ", ".join(f"{line} ({pid})" for pid, line in await job.processes())
    return f"Job {job.number} has run for {time.time() - job.started_at:.0f} s: {running}."


def no_such_job(number: int, jobs: Jobs) -> ToolOutcome:
    """There is no job of this number."""
    known = ", ".join(str(job.number) for job in jobs.all)
    return ToolOutcome(
        f"There is no job {number}. {f'The jobs are: {known}.' if known else 'There are no jobs.'}",
        "no such job",
        is_error=True,
    )
