"""Cut at any moment, `bash` ends every process the command has started and returns what it had printed.

A command runs in a session of its own without a terminal, with nothing to read and without our keys
(`process.py`, `child_env.py`). It is over when its shell has ended; what it left in the background goes on,
but is not listened to any more.
"""

from __future__ import annotations

import asyncio
import codecs
import os
import re
import shutil
import signal
import time
from pathlib import Path
from typing import Any, Final, Literal

from pydantic import Field

from h2a_agent.safe_text import AnsiStripper, one_line
from h2a_agent.tools.base import Effect, Preview, ToolContext, ToolOutcome, WhenSteered
from h2a_agent.tools.finish import finish
from h2a_agent.tools.live import LiveOutput
from h2a_agent.tools.params import Text, ToolParams, manual
from h2a_agent.tools.process import Child
from h2a_agent.tools.spill import Spill
from h2a_agent.tools.truncate import MAX_BYTES, Cut, Tail, count_text, size_text

__all__ = ["BashParams", "BashTool"]

TIMEOUT_S: Final = 120
MAX_TIMEOUT_S: Final = 3600
GRACE_S: Final = 0.3  # between SIGTERM and SIGKILL: a person is waiting for their message to arrive
# A flood may not take the machine from the screen: so much work per period, then the pipe holds it back.
_WORK_S: Final = 0.02
_PERIOD_S: Final = 0.1
# Bytes worked on in one go. Where that is slow (random bytes cost some 30 times as much as text), others get a turn.
_SLICE: Final = 16384
_SLOW_S: Final = 0.001
# One-character forms of OSC, DCS and the like. In UTF-8 no terminal program writes them; unpaired, they are costly to search.
_C1: Final = re.compile("[\x80-\x9f]")


class BashParams(ToolParams):
    """What to run."""

    command: Text = Field(min_length=1, description="The command line.")
    timeout_s: float = Field(
        default=TIMEOUT_S,
        gt=0,
        le=MAX_TIMEOUT_S,
        description=f"Seconds after which the command is ended; {TIMEOUT_S} by default, at most {MAX_TIMEOUT_S}.",
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
        started = time.monotonic()
        try:
            child = Child.start([_shell(), "-c", params.command], ctx.workspace, ctx.env)
        except OSError as error:
            return _not_started(error, ctx.workspace)
        output = _Output(ctx)
        cut: Literal["", "timeout", "stopped"] = ""
        async with child:
            try:
                async with asyncio.timeout(params.timeout_s):
                    await output.follow(child)
            except TimeoutError:
                cut = "timeout"
            except asyncio.CancelledError:
                # What had ended before the cut keeps its real result.
                cut = "stopped" if child.exit_code is None else ""
            shell_had_ended = child.exit_code is not None
            try:
                await finish(_close(child, output, cut=bool(cut)))
            except asyncio.CancelledError:
                pass  # in its last moment, or once more (an abort on top of a steer): the result is the same
        if cut == "stopped":
            return output.stopped(time.monotonic() - started)
        if cut == "timeout":
            return output.timed_out(params.timeout_s, child.exit_code if shell_had_ended else None)
        return output.ended(child)


async def _close(child: Child, output: _Output, cut: bool) -> None:
    if cut:
        output.survivors = await child.end(GRACE_S)
    await output.take(child.drain())
    await output.close()


class _Output:
    """What a command prints, and the outcome made of it."""

    def __init__(self, ctx: ToolContext) -> None:
        self.survivors = 0
        self._decode = codecs.getincrementaldecoder("utf-8")("replace").decode
        self._stripper = AnsiStripper()
        self._tail = Tail()
        self._early: list[str] | None = []  # all that came, until it is too much and goes to a file
        self._spill = Spill(ctx.spill_dir)
        self._live = LiveOutput(ctx.emit)

    async def follow(self, child: Child) -> None:
        """Take the output to its end, at a pace that leaves the event loop to others."""
        period_ends, worked_s = time.monotonic() + _PERIOD_S, 0.0
        while chunk := await child.read():
            began = time.monotonic()
            await self.take(chunk)
            now = time.monotonic()
            worked_s += now - began
            if worked_s >= _WORK_S and now < period_ends:
                await asyncio.sleep(period_ends - now)
                now = period_ends
            if now >= period_ends:
                period_ends, worked_s = now + _PERIOD_S, 0.0

    async def take(self, chunk: bytes, final: bool = False) -> None:
        """Take a piece."""
        for start in range(0, max(len(chunk), 1), _SLICE):
            began = time.monotonic()
            text = self._decode(chunk[start : start + _SLICE], final)
            if not text.isascii():
                text = _C1.sub("\ufffd", text)
            await self._take_text(self._stripper.feed(text))
            if time.monotonic() - began > _SLOW_S:
                await asyncio.sleep(0)

    async def close(self) -> None:
        """Take what was held back, and let go of the file."""
        await self.take(b"", final=True)
        await self._take_text(self._stripper.flush())
        self._live.close()
        await self._spill.close()

    async def _take_text(self, text: str) -> None:
        if not text:
            return
        self._tail.feed(text)
        self._live.feed(text)
        if self._early is None:
            await self._spill.feed(text)
            return
        self._early.append(text)
        if self._tail.overflowing:
            early, self._early = self._early, None
            await self._spill.feed("".join(early))

    # ------------------------------------------------------------- its outcomes

    def ended(self, child: Child) -> ToolOutcome:
        """The command has ended by itself."""
        code = child.exit_code
        notes = []
        if child.left_pipe_open:
            notes.append("[A background process goes on; what it prints from now on is lost.]")
        if code:
            notes.append(f"[exit code {code}{_signal_name(code)}]")
        lines = count_text(self._tail.lines, "line")
        return ToolOutcome(self._text(*notes), f"exit {code}, {lines}", is_error=bool(code))

    def timed_out(self, timeout_s: float, code: int | None) -> ToolOutcome:
        """The command took too long. `code`: its shell had ended, but not what it printed."""
        first = f"[Ended after {timeout_s:g} s: the time was up."
        shell = "" if code is None else f" Its shell had ended before with exit code {code}."
        advice = " Give a larger timeout_s if it needs longer."
        return ToolOutcome(
            self._text(f"{first}{shell}{advice}]", *self._not_gone()),
            f"timed out after {timeout_s:g} s",
            is_error=True,
        )

    def stopped(self, elapsed_s: float) -> ToolOutcome:
        """The command was cut; who did it is for the runner to say."""
        text = self._text(*self._not_gone(), empty="")
        return ToolOutcome(text, f"stopped after {elapsed_s:.1f} s", stopped=True)

    def _not_gone(self) -> list[str]:
        """What to say of processes that did not even end when they were killed."""
        return [f"[{count_text(self.survivors, 'process')} could not be ended.]"] if self.survivors else []

    def _text(self, *notes: str, empty: str = "(no output)") -> str:
        cut = self._tail.cut()
        text = cut.text.replace("\0", "␀").strip("\n")
        parts = [self._left_out(cut)] if not cut.complete else []
        parts.append(text if text.strip() else ("" if notes else empty))
        return "\n\n".join(part for part in (*parts, *notes) if part)

    def _left_out(self, cut: Cut) -> str:
        total = self._tail.lines
        if cut.broken_line:
            what = f"The last {size_text(MAX_BYTES)} of line {total}"
        else:
            what = f"Lines {total - cut.lines + 1}-{total} of {total}"
        return f"[{what}; {self._spill.notice}]"


def _shell() -> str:
    if os.access("/bin/bash", os.X_OK):
        return "/bin/bash"
    return shutil.which("bash") or "/bin/sh"


def _not_started(error: OSError, workspace: Path) -> ToolOutcome:
    if not workspace.is_dir():
        text = f"The working directory {workspace} does not exist any more, so nothing can run in it. Tell the user."
        return ToolOutcome(text, "no working directory", is_error=True)
    return ToolOutcome(f"The command could not be started: {error}.", "did not start", is_error=True)


def _signal_name(code: int) -> str:
    try:
        return f", killed by {signal.Signals(code - 128).name}" if code > 128 else ""
    except ValueError:
        return ""
