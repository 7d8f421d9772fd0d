"""Cut at any moment, `bash` ends every process the command has started and returns what it had printed.

A command runs in a session of its own without a terminal, with nothing to read and without our keys
(`process.py`, `child_env.py`). It is over when its shell has ended; what it leaves in the background goes on as a job
(`jobs.py`), but is not listened to any more. Where the user wants running commands to survive a steer, the command itself
becomes a job.
"""

from __future__ import annotations

import asyncio
import os
import shutil
import signal
import time
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any, Final

from pydantic import Field

from h2a_agent.safe_text import one_line
from h2a_agent.sandbox.refused import explain
from h2a_agent.sandbox.sandbox import Level, Needs
from h2a_agent.tools.base import Effect, Preview, ToolContext, ToolOutcome, WhenSteered
from h2a_agent.tools.command_output import CommandOutput
from h2a_agent.tools.finish import finish
from h2a_agent.tools.jobs import GRACE_S, Job
from h2a_agent.tools.params import Text, ToolParams, manual
from h2a_agent.tools.process import Child
from h2a_agent.tools.truncate import count_text

__all__ = ["BashParams", "BashTool"]

TIMEOUT_S: Final = 120
MAX_TIMEOUT_S: Final = 3600
_FIRST_LOOK_S: Final = 0.5  # a background command that fails at once is told at once


class BashParams(ToolParams):
    """What to run."""

    command: Text = Field(min_length=1, description="The command line.")
    timeout_s: float = Field(
        default=TIMEOUT_S,
        gt=0,
        le=MAX_TIMEOUT_S,
        description=f"Seconds after which the command is ended; {TIMEOUT_S} by default, at most {MAX_TIMEOUT_S}.",
    )
    background: bool = Field(
        default=False,
        description="Run it as a background job without a time limit: read it with job_output, end it with job_stop.",
    )
    needs: Needs = Field(
        default="nothing",
        description="What the command needs beyond the sandbox: the network, or to run without the sandbox. "
        "The user is asked.",
    )


class BashTool:
    """Runs a command in the working directory."""

    name = "bash"
    params: type[Any] = BashParams
    effect = Effect.EXECUTE
    when_steered = WhenSteered.CANCEL

    def __init__(self) -> None:
        self.description = manual("bash")

    def title(self, params: BashParams) -> str:
        """The command on one line."""
        return one_line(params.command, 200)

    def paths(self, params: BashParams, ctx: ToolContext) -> tuple[Path, ...]:
        """Where it runs. What a command touches cannot be told from outside."""
        return (ctx.workspace,)

    async def preview(self, params: BashParams, ctx: ToolContext) -> Preview:
        """The whole command."""
        return Preview(params.command, "command")

    async def run(self, params: BashParams, ctx: ToolContext) -> ToolOutcome:
        """Run it. Cancelled, it returns what there is with `stopped` set, after the processes are gone."""
        if "\0" in params.command:
            return ToolOutcome("A command cannot hold a NUL character.", "NUL in command", is_error=True)
        argv = [_shell(), "-c", params.command]
        if params.needs != "no_sandbox":
            network = params.needs == "network"
            argv = await asyncio.to_thread(ctx.sandbox.wrap, argv, workspace=ctx.workspace, network=network)
        try:
            child = await Child.start(argv, ctx.workspace, ctx.env)
        except OSError as error:
            return _not_started(error, ctx.workspace)
        output = CommandOutput(ctx.spill_dir, ctx.emit)
        if params.background:
            return await _in_background(ctx.jobs.adopt(params.command, child, output), output)
        return await _in_foreground(params, ctx, child, output)


async def _in_foreground(
    params: BashParams, ctx: ToolContext, child: Child, output: CommandOutput
) -> ToolOutcome:
    """To its end, to its time limit, or until it is cut."""
    started = time.monotonic()
    timed_out = stopped = False
    async with AsyncExitStack() as stack:
        await stack.enter_async_context(child)
        try:
            async with asyncio.timeout(params.timeout_s):
                await output.follow(child)
        except TimeoutError:
            timed_out = True
        except asyncio.CancelledError:
            stopped = True
            if child.exit_code is None and ctx.goes_on():
                stack.pop_all()
                return _gone_on(ctx.jobs.adopt(params.command, child, output), output)
        code = child.exit_code
        survivors = 0
        try:
            survivors = await finish(_close(child, output, cut=timed_out or stopped))
        except asyncio.CancelledError:
            pass  # in its last moment, or once more (an abort on top of a steer): the result is the same
        if stopped and not child.keeper.by_itself:  # what had ended before the cut keeps its real result
            return _stopped(output, time.monotonic() - started, survivors)
        if timed_out:
            return _timed_out(output, params.timeout_s, code, survivors)
        left = await _leave(params, ctx, child)
    return _ended(output, child, left, explain(ctx.sandbox, params.needs, output.text()))


async def _in_background(job: Job, output: CommandOutput) -> ToolOutcome:
    """The answer to a background call: its number, or its result if it was quick."""
    try:
        async with asyncio.timeout(_FIRST_LOOK_S):
            await job.over.wait()
    except (TimeoutError, asyncio.CancelledError):  # cut or not, it runs, because that was asked for
        text = output.fresh_text(f"[Runs in the background as job {job.number}.]")
        return ToolOutcome(text, f"job {job.number} runs")
    note = (
        f"[Job {job.number} has ended already: exit code {job.exit_code}{_signal_name(job.exit_code or 0)}.]"
    )
    return ToolOutcome(output.fresh_text(note), f"exit {job.exit_code}", is_error=bool(job.exit_code))


def _gone_on(job: Job, output: CommandOutput) -> ToolOutcome:
    note = (
        f"[The user steered. The command goes on in the background as job {job.number}: read it with job_output, "
        "end it with job_stop.]"
    )
    return ToolOutcome(output.fresh_text(note), f"goes on as job {job.number}")


async def _close(child: Child, output: CommandOutput, *, cut: bool) -> int:
    survivors = await child.end(GRACE_S) if cut else 0
    await output.take(child.drain())
    await output.close()
    return survivors


async def _leave(params: BashParams, ctx: ToolContext, child: Child) -> Job | None:
    """Keep what the command has left running, as a job."""
    if ctx.sandbox.level is Level.BUBBLEWRAP and params.needs != "no_sandbox":
        return None  # nothing outlives it in there, though some of it may still be dying
    if not await child.keeper.processes():
        return None
    return ctx.jobs.keep(params.command, child.detach())


# --------------------------------------------------------------------- its outcomes


def _ended(output: CommandOutput, child: Child, left: Job | None, hint: str) -> ToolOutcome:
    """The command has ended by itself. `hint` says what the sandbox may have to do with a failure."""
    code = child.exit_code
    notes = []
    if left is not None:
        lost = "; what it prints from now on is lost" if child.left_pipe_open else ""
        notes.append(f"[What it started in the background goes on as job {left.number}{lost}.]")
    if code:
        notes.append(f"[exit code {code}{_signal_name(code)}]")
        notes += [hint] if hint else []
    brief = f"exit {code}, {count_text(output.lines, 'line')}"
    return ToolOutcome(output.text(*notes), brief, is_error=bool(code))


def _timed_out(output: CommandOutput, timeout_s: float, code: int | None, survivors: int) -> ToolOutcome:
    """The command took too long. `code`: its shell had ended, but not what it printed."""
    first = f"[Ended after {timeout_s:g} s: the time was up."
    shell = "" if code is None else f" Its shell had ended before with exit code {code}."
    advice = " Give a larger timeout_s if it needs longer, or run it in the background."
    text = output.text(f"{first}{shell}{advice}]", *_not_gone(survivors))
    return ToolOutcome(text, f"timed out after {timeout_s:g} s", is_error=True)


def _stopped(output: CommandOutput, elapsed_s: float, survivors: int) -> ToolOutcome:
    """The command was cut; who did it is for the runner to say."""
    text = output.text(*_not_gone(survivors), empty="")
    return ToolOutcome(text, f"stopped after {elapsed_s:.1f} s", stopped=True)


def _not_gone(survivors: int) -> list[str]:
    """What to say of processes that did not even end when they were killed."""
    return [f"[{count_text(survivors, 'process')} could not be ended.]"] if survivors else []


def _not_started(error: OSError, workspace: Path) -> ToolOutcome:
    if not workspace.is_dir():
        text = f"The working directory {workspace} does not exist any more, so nothing can run in it. Tell the user."
        return ToolOutcome(text, "no working directory", is_error=True)
    return ToolOutcome(f"The command could not be started: {error}.", "did not start", is_error=True)


def _shell() -> str:
    if os.access("/bin/bash", os.X_OK):
        return "/bin/bash"
    return shutil.which("bash") or "/bin/sh"


def _signal_name(code: int) -> str:
    try:
        return f", killed by {signal.Signals(code - 128).name}" if code > 128 else ""
    except ValueError:
        return ""
