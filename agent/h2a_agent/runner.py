"""The agent's runs, one at a time: when one begins, how a person reaches into it, and how it ends.

A run begins when something is due and none is active, in a task of its own. What came in while one settled begins the
next, in the same task, so nothing slips between two.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from typing import Final

from h2a_agent.bus import EventBus
from h2a_agent.events import Error, Phase, QueueChanged, Settled, Status
from h2a_agent.inbox import Boundary
from h2a_agent.loop import run_until_settled
from h2a_agent.redact import redact
from h2a_agent.run import Run
from h2a_agent.safe_text import one_line
from h2a_agent.session import Session

__all__ = ["Runner"]

CLOSE_DEADLINE_S: Final = 5.0
_log: Final = logging.getLogger("h2a_agent")


class Runner:
    """Runs on one session. `ended` is called when no run is active any more; it may begin the next."""

    def __init__(
        self, session: Session, bus: EventBus, new_run: Callable[[], Run], ended: Callable[[], None]
    ) -> None:
        self._session = session
        self._bus = bus
        self._new_run = new_run
        self._ended = ended
        self._task: asyncio.Task[None] | None = None
        self._last = Settled("completed")
        self._closing = False
        self.run: Run | None = None

    def start(self) -> None:
        """Begin a run if something is due and none is active."""
        if self._task is None and not self._closing and self._session.inbox.due(Boundary.RUN_END):
            self.run = self._new_run()
            self._task = asyncio.get_running_loop().create_task(self._work(self.run), name="h2a run")

    @property
    def busy(self) -> bool:
        """Is a run active, so that a steer interrupts instead of sending?"""
        return self.run is not None and self.run.phase is not Phase.SETTLING

    @property
    def under_way(self) -> bool:
        """Has the run begun its first step? Before that there is nothing to steer, and the prompt goes first."""
        return self.run is not None and self.run.step is not None and self.run.phase is not Phase.SETTLING

    def steer(self) -> None:
        """Cut the run short for a message that waits."""
        if self.run is not None and self.under_way:
            self.run.interrupt("steer")

    def abort(self) -> None:
        """End the run."""
        if self.run is not None and self.run.ending == "completed":
            self.run.interrupt("abort")

    def pause(self) -> None:
        """Hold the run before its next step."""
        if self.run is not None:
            self.run.pause()

    def resume(self) -> None:
        """Let a paused run go on."""
        if self.run is not None:
            self.run.resume()

    async def settled(self) -> Settled:
        """Wait until no run is active and nothing is due; returns how the last run ended."""
        while self._task is not None:
            await asyncio.wait([self._task])
        return self._last

    async def aclose(self) -> None:
        """End the run as by an abort, within `CLOSE_DEADLINE_S`; no other begins, and what waits stays in the session."""
        self._closing = True
        if self.run is not None:
            self.run.closing = True
            self.abort()
        if self._task is not None:
            await asyncio.wait([self._task], timeout=CLOSE_DEADLINE_S)
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait([self._task])

    # ---------------------------------------------------------------- private

    async def _work(self, run: Run) -> None:
        try:
            while True:
                self._last = await run_until_settled(run)
                if run.closing or not self._session.inbox.due(Boundary.RUN_END):
                    return
                self.run = run = self._new_run()
        except Exception as error:  # noqa: BLE001  a bug of ours: the session stays usable, the person hears of it
            _log.exception("the run failed")
            self._fail(run, error)
        finally:
            self.run = self._task = None
            self._ended()

    def _fail(self, run: Run, error: Exception) -> None:
        inbox = self._session.inbox
        inbox.give_back(item.id for item in inbox.waiting())
        inbox.hold()
        self._bus.publish(QueueChanged(inbox.snapshot(), inbox.paused))
        words, advice = one_line(redact(f"{error!r}"), 300), "The session is safe; send again to go on."
        self._bus.publish(Error("internal", words, advice, fatal=True))
        self._bus.publish(Status(Phase.IDLE))
        self._last = Settled("failed", run.steps)
        self._bus.publish(self._last)
