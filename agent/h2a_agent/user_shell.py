"""The user's own commands (`!ls`): they run at once beside whatever the agent does, and asked or steered by nobody.

One is a call of the `bash` tool that the user makes: same guarded processes, same bounded output, no keys; but outside
the sandbox, which holds in what the model wants run. Its result becomes a `ShellEntry`, so the model reads it with the
next request; a private one's is only shown.
"""

from __future__ import annotations

import asyncio
import time
from functools import partial
from typing import Final

from h2a_agent.bus import EventBus
from h2a_agent.events import Outcome, ShellStarted, ToolOutput
from h2a_agent.history import ShellEntry
from h2a_agent.inbox import new_item_id
from h2a_agent.replay import shell_result
from h2a_agent.run import Toolbox
from h2a_agent.safe_text import one_line, safe_text
from h2a_agent.session import ReadOnlySession, Session
from h2a_agent.tools.base import ToolContext, ToolOutcome
from h2a_agent.tools.bash import MAX_TIMEOUT_S, BashParams, BashTool

__all__ = ["UserShell"]

_SHOWN: Final = 200  # characters of a command in a title


class UserShell:
    """Runs them, where `toolbox` says, for `session`."""

    def __init__(self, toolbox: Toolbox, session: Session, bus: EventBus) -> None:
        self._toolbox = toolbox
        self._session = session
        self._bus = bus
        self._running: dict[str, asyncio.Task[None]] = {}
        self._begun: dict[str, ShellStarted] = {}

    def start(self, command: str, *, private: bool) -> str:
        """Run `command` now; returns its id. An hour later it is ended.

        Raises:
            ValueError: it is empty.
            ReadOnlySession: the session is only looked at, and what came of the command could not be kept.
        """
        if not command.strip():
            raise ValueError("an empty command was not run")
        if self._session.read_only and not private:
            raise ReadOnlySession(self._session.id)
        shell_id = f"shell-{new_item_id()}"
        begun = ShellStarted(shell_id, one_line(command, _SHOWN), private)
        self._begun[shell_id] = begun
        self._bus.publish(begun)
        task = asyncio.get_running_loop().create_task(self._run(shell_id, command, private), name="h2a shell")
        self._running[shell_id] = task
        task.add_done_callback(lambda _task: self._running.pop(shell_id))
        return shell_id

    @property
    def running(self) -> tuple[ShellStarted, ...]:
        """How those that run began, for a front end that shows another past than it did then."""
        return tuple(self._begun.values())

    def stop(self) -> None:
        """End all that run; their results say so."""
        for task in self._running.values():
            task.cancel()

    async def aclose(self) -> None:
        """End all that run, and wait until they are gone."""
        self.stop()
        if self._running:
            await asyncio.wait(list(self._running.values()))

    async def _run(self, shell_id: str, command: str, private: bool) -> None:
        toolbox, emit = self._toolbox, partial(self._say, shell_id)
        ctx = ToolContext(toolbox.workspace, toolbox.spill_dir, emit=emit, jobs=toolbox.jobs)
        began = time.monotonic()
        try:
            outcome = await BashTool().run(BashParams(command=command, timeout_s=MAX_TIMEOUT_S), ctx)
        except asyncio.CancelledError:  # before it could start
            outcome = ToolOutcome("", "stopped before it began", stopped=True)
        entry = _entry(shell_id, command, outcome, time.monotonic() - began)
        if not private:
            self._session.append(entry)
        del self._begun[shell_id]
        self._bus.publish(shell_result(entry))

    def _say(self, shell_id: str, text: str) -> None:
        self._bus.publish(ToolOutput(shell_id, safe_text(text)))


def _entry(shell_id: str, command: str, outcome: ToolOutcome, elapsed_s: float) -> ShellEntry:
    how = Outcome.STOPPED if outcome.stopped else Outcome.FAILED if outcome.is_error else Outcome.OK
    return ShellEntry(shell_id, command, how, outcome.text, outcome.brief, elapsed_s, time.time())
