"""What a run has at hand: its parts, its one phase, its current step, and how it can be interrupted.

The loop (`loop.py`) and the tool runner (`tool_runner.py`) are functions over a `Run`; this file only holds
what they share. A `Run` lives from the first message to `Settled`.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, Literal, TypeAlias

from h2a_agent.approval import Question
from h2a_agent.bus import EventBus
from h2a_agent.compaction import Room
from h2a_agent.events import Interrupt, Phase, Status
from h2a_agent.history import OmitEntry, UserEntry
from h2a_agent.inbox import Boundary
from h2a_agent.permission import Permission
from h2a_agent.providers.base import Failed, Provider, ProviderEvent, Request, ToolSpec
from h2a_agent.request import RequestBuilder
from h2a_agent.retry import RetryPolicy, now_s
from h2a_agent.run_settings import RunSettings
from h2a_agent.run_state import check
from h2a_agent.sandbox.trial import SessionSandbox
from h2a_agent.scope import InterruptScope
from h2a_agent.session import Session
from h2a_agent.spending import Spending
from h2a_agent.tools.base import Files, Tool
from h2a_agent.tools.jobs import Jobs

__all__ = ["Backoff", "Cause", "Ending", "Limit", "Refused", "Run", "Step", "Toolbox"]

# How soon a wait for an hour of the day notices that the machine was asleep.
_LOOK_AGAIN_S: Final = 15.0

Cause: TypeAlias = Literal["steer", "abort"]
Ending: TypeAlias = Literal["completed", "aborted", "failed"]


@dataclass(frozen=True, slots=True)
class Toolbox:
    """The tools and what their calls share, for as long as the agent lives.

    `save_rule` keeps a rule the user has made for good; without it none is proposed.
    """

    tools: Mapping[str, Tool[Any]]
    permission: Permission
    workspace: Path
    spill_dir: Path
    specs: tuple[ToolSpec, ...]
    sandbox: SessionSandbox
    files: Files = field(default_factory=Files)
    jobs: Jobs = field(default_factory=Jobs)
    save_rule: Callable[[str], None] | None = None
    questions: dict[str, Question] = field(default_factory=dict)
    given_up: set[asyncio.Task[None]] = field(default_factory=set)  # calls that did not end when stopped


@dataclass(frozen=True, slots=True)
class Backoff:
    """A wait before the next request. A steer ends it down to `server_until`, the server's own wish.

    Times are of `retry.now_s`, in seconds.
    """

    until: float
    server_until: float
    attempt: int
    limit: int
    reason: str


@dataclass(frozen=True, slots=True)
class Limit:
    """What was bought is used up: nothing is sent until the user says so, or until `until` (None: unknown)."""

    until: float | None
    note: str


@dataclass(frozen=True, slots=True)
class Refused:
    """A request a server did not take, and why."""

    failure: Failed
    request: Request


class Step:
    """One request and what follows from it. Its scope is what an interrupt ends."""

    def __init__(self, number: int) -> None:
        self.number = number
        self.scope: InterruptScope[Cause] = InterruptScope()
        self._interrupted_again = asyncio.Event()

    @property
    def cause(self) -> Cause | None:
        """Why the step was interrupted; None while it was not."""
        return self.scope.cause

    def interrupt(self, cause: Cause) -> None:
        """End what the step waits for. An abort after a steer makes it an abort."""
        if self.scope.cause is None:
            self.scope.interrupt(cause)
        elif cause == "abort":
            self.scope.escalate(cause)
            self._interrupted_again.set()

    async def interrupted_again(self) -> None:
        """Wait until an abort strengthens the interrupt."""
        await self._interrupted_again.wait()


class Run:
    """One run, from a message to `Settled`."""

    def __init__(
        self,
        session: Session,
        provider: Callable[[], Provider],
        toolbox: Toolbox,
        bus: EventBus,
        settings: Callable[[], RunSettings],
        base_request: Callable[[], Request],
        refresh: Callable[[], Awaitable[None]],
        spending: Spending,
        retry: RetryPolicy,
        requests: RequestBuilder,
    ) -> None:
        self.session = session
        self._provider = provider
        self.toolbox = toolbox
        self.bus = bus
        self.retry = retry
        self.base_request = base_request  # what a request says besides the conversation, as it is set now
        self.refresh = refresh  # looks at what that is made of
        self.spending = spending
        self.requests = requests
        self._settings = settings
        self.phase = Phase.IDLE
        self.step: Step | None = None
        self.steps = 0
        self.number = session.last_step
        self.failures = 0
        self.room = Room()
        self.backoff: Backoff | Limit | None = None
        self.refused: Refused | None = None  # a request that did not fit the model
        self.omit: OmitEntry | None = None  # what the next request leaves out, until a server has taken it
        self.unfinished = 0  # answers in a row that ended in mid-turn
        self.ending: Ending = "completed"
        self.end_mark = 0  # what was accepted later is not concerned by how the run ended
        self.kept_by_abort = False  # it ended a compaction, so what waits stays where it is
        self.closing = False  # the program ends: what waits stays in the session
        self.cut_answer = False  # the next message delivered is the one that cut the answer before it
        self.unanswered: list[UserEntry] = []  # delivered, and nothing has been shown in answer yet
        self._open_gate = asyncio.Event()
        self._open_gate.set()
        self._go_on = asyncio.Event()

    @property
    def settings(self) -> RunSettings:
        """The settings as they are now."""
        return self._settings()

    def stream(self, request: Request) -> AsyncGenerator[ProviderEvent, None]:
        """The answer to `request` by the provider as it is now: one may have changed it since the last step."""
        return self._provider().stream(request)

    def enter(self, phase: Phase, note: str = "") -> None:
        """Go on to `phase` and say so; staying where one is says nothing.

        Raises:
            IllegalPhase: a run does not go there from here.
        """
        if phase is self.phase and not note:
            return
        if phase is not self.phase:
            check(self.phase, phase)
        self.phase = phase
        self.say(note)

    def say(self, note: str = "") -> None:
        """Tell where the run is."""
        pausing = self.paused and self.phase not in (Phase.PAUSED, Phase.IDLE)
        self.bus.publish(Status(self.phase, self.number, note, pausing))

    def new_step(self) -> Step:
        """The next step: a new number and a scope that nothing has cancelled."""
        self.session.last_step += 1
        self.number = self.session.last_step
        self.step = Step(self.number)
        return self.step

    def request(self, omit: OmitEntry | None = None) -> Request:
        """The request that continues the history, without what `omit` leaves out."""
        entries = self.session.history.entries
        return self.requests.build((*entries, omit) if omit else entries, self.base_request()).request

    def has_work(self) -> bool:
        """Is a request due: an answer is owed, or an item is to be delivered?"""
        if self.ending != "completed":
            return False
        return self.room.overflowed or self.owes_answer() or self.session.inbox.due(Boundary.RUN_END)

    def owes_answer(self) -> bool:
        """Does the model owe an answer in this run? What an earlier run left open waits for the user's next word."""
        return self.steps > 0 and self.session.history.owes_answer()

    def boundary(self) -> Boundary:
        """Which items are due before the next request: all of them where the run begins or would end."""
        goes_on = self.owes_answer() or (self.steps > 0 and self.session.inbox.due(Boundary.STEP))
        return Boundary.STEP if goes_on else Boundary.RUN_END

    def end(self, ending: Ending) -> None:
        """Nothing more is begun; what waits now is dealt with by `ending`, what comes later is the next run's."""
        self.ending = ending
        self.end_mark = self.session.inbox.mark()

    # ------------------------------------------------------- from the outside

    def interrupt(self, cause: Cause) -> None:
        """A person steers or aborts: end what the run waits for, in this tick."""
        if self.phase is Phase.COMPACTING:
            if cause == "steer":
                return  # what is being summarised is finished first, and the steer goes out right after
            self.kept_by_abort = True
        if cause == "abort":
            self.end("aborted")
        self.bus.publish(Interrupt(cause, self.phase))
        if self.step is not None:
            self.step.interrupt(cause)
        self.resume()

    def end_compaction(self) -> None:
        """The order to compact was taken back: end what is being made of it. The run goes on."""
        if self.step is not None and self.phase is Phase.COMPACTING:
            self.step.interrupt("steer")

    def pause(self) -> None:
        """Hold before the next step."""
        self._open_gate.clear()
        self.say("pauses before the next step")

    def resume(self) -> None:
        """Go on, or take back a pause that has not begun."""
        self._go_on.set()
        if self.paused:
            self._open_gate.set()
            if self.phase is not Phase.PAUSED:
                self.say()

    @property
    def paused(self) -> bool:
        """Will the run hold at the next gate, or does it already?"""
        return not self._open_gate.is_set()

    async def gate(self) -> None:
        """Where a pause holds: before a step, and once more before tools start."""
        if self.paused:
            self.enter(Phase.PAUSED)
            await self._open_gate.wait()

    async def told_to_go_on(self, until: float | None) -> None:
        """Wait until the user says so, at longest until `until` (of `now_s`)."""
        self._go_on.clear()
        while not self._go_on.is_set() and (until is None or now_s() < until):
            try:
                async with asyncio.timeout(None if until is None else min(until - now_s(), _LOOK_AGAIN_S)):
                    await self._go_on.wait()
            except TimeoutError:
                pass

    @staticmethod
    def now() -> float:
        """Seconds since the epoch, for what is written down."""
        return time.time()
