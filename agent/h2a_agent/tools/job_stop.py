"""Once begun, `job_stop` ends all of a job's processes, whatever happens to the call."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from pydantic import Field

from h2a_agent.tools.base import Effect, Preview, ToolContext, ToolOutcome, WhenSteered
from h2a_agent.tools.job_output import no_such_job
from h2a_agent.tools.params import ToolParams, manual
from h2a_agent.tools.truncate import count_text

__all__ = ["JobStopParams", "JobStopTool"]


class JobStopParams(ToolParams):
    """Which job to end."""

    job: int = Field(ge=1, description="The job's number.")


class JobStopTool:
    """Ends a background job. It needs no approval: the job is the agent's own, and starting it was approved."""

    name = "job_stop"
    params: type[Any] = JobStopParams
    effect = Effect.READ
    when_steered = WhenSteered.FINISH

    def __init__(self) -> None:
        self.description = manual("job_stop")

    def title(self, params: JobStopParams) -> str:
        """The job."""
        return f"job {params.job}"

    def paths(self, params: JobStopParams, ctx: ToolContext) -> tuple[Path, ...]:
        """Where long outputs are."""
        return (ctx.spill_dir,)

    async def preview(self, params: JobStopParams, ctx: ToolContext) -> Preview:
        """The job's command."""
        job = ctx.jobs.get(params.job)
        return Preview(job.command if job else f"job {params.job}", "command")

    async def run(self, params: JobStopParams, ctx: ToolContext) -> ToolOutcome:
        """End it, and give its last words."""
        job = ctx.jobs.get(params.job)
        if job is None:
            return no_such_job(params.job, ctx.jobs)
        if job.over.is_set():
            return ToolOutcome(f"Job {job.number} had ended already.", "had ended already")
        survivors = await ctx.jobs.stop(job)
        left = f" {count_text(survivors, 'process')} could not be ended." if survivors else ""
        note = f"[Job {job.number} was ended.{left}]"
        text = note if job.output is None else job.output.fresh_text(note)
        return ToolOutcome(text, "ended", is_error=bool(survivors))
