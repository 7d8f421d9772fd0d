"""An agent that does nothing but remember what it was asked and say what it is told to say.

It has the face of `h2a_agent.Agent` as `h2a_tui.client.Client` describes it, a real inbox and a real event
bus, and no run: a test plays the run with `say`. `calls` holds every verb with its arguments, in order.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from h2a_agent.bus import EventBus, Subscription
from h2a_agent.compaction import Order
from h2a_agent.content import ImageBlock, TextBlock, UserBlock
from h2a_agent.context.breakdown import Breakdown
from h2a_agent.events import (
    AnyEvent,
    ApprovalAnswered,
    Decision,
    InputRestored,
    JobItem,
    Kind,
    ModelChanged,
    Outcome,
    QueueChanged,
    ShellStarted,
    ToolResult,
)
from h2a_agent.inbox import Inbox
from h2a_agent.providers.base import Provider
from h2a_agent.run_settings import RunSettings
from h2a_agent.safe_text import safe_text
from h2a_agent.sandbox.sandbox import Sandbox
from h2a_agent.session import Session
from h2a_agent.session_verbs import SessionVerbs
from h2a_agent.state import State, reduce

__all__ = ["ScriptedAgent"]


class ScriptedAgent:
    """Records commands; `say` publishes events as a run would."""

    session_id = "01SCRIPTED"
    sandbox: Sandbox | None = None

    def __init__(
        self,
        workspace: Path = Path("/home/space"),
        *,
        past: Sequence[AnyEvent] = (),
        on_call: Callable[[ScriptedAgent, tuple[Any, ...]], None] | None = None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self.workspace = workspace
        self.session_path: Path | None = None
        self.provider_name = "scripted"
        self.settings = RunSettings("scripted-1")
        self.calls: list[tuple[Any, ...]] = []
        self.has_summary = False
        self.fills = Breakdown((), 0, counted=False)
        self.warm_ups = 0
        self.album: dict[str, Sequence[ImageBlock]] = {}
        self.sessions = SessionVerbs(Session.unsaved(workspace))
        self.jobs = ScriptedJobs(self)
        self._past = list(past)
        self._on_call = on_call
        self._state = State()
        self._bus = EventBus(clock=clock)
        self._inbox = Inbox(changed=lambda _item: self._queue_changed(), clock=clock)
        self._open: set[str] = set()

    # ------------------------------------------------------- what a test plays

    def say(self, *events: AnyEvent) -> None:
        """Publish `events`."""
        for event in events:
            self._state = reduce(self._state, self._bus.publish(event))

    def deliver(self, item_id: str) -> None:
        """An item leaves the inbox."""
        self._inbox.withdraw(item_id)

    def deliver_all(self) -> None:
        """Everything that waits leaves the inbox."""
        for item in self._inbox.waiting():
            self._inbox.withdraw(item.id)

    def hold(self) -> None:
        """What waits is held back until resumed."""
        self._inbox.hold()
        self._queue_changed()

    # ---------------------------------------------------------------- the face

    @property
    def state(self) -> State:
        return self._state

    @property
    def model(self) -> str:
        return self.settings.model

    @property
    def mode(self) -> str:
        return self.settings.mode

    def configure(self, **changes: Any) -> None:
        self.settings = replace(self.settings, **changes)
        self._say_model()
        self.record("configure", *changes.values())

    def use(self, provider: Provider, model: str) -> None:
        self.provider_name = provider.name
        self.settings = replace(self.settings, model=model)
        self._say_model()
        self.record("use", provider.name, model)

    def prompt(self, content: str | Sequence[UserBlock], *, item_id: str | None = None) -> str:
        return self._put(Kind.PROMPT, content)

    def steer(self, content: str | Sequence[UserBlock]) -> str:
        return self._put(Kind.STEER, content)

    def nudge(self, content: str | Sequence[UserBlock]) -> str:
        return self._put(Kind.NUDGE, content)

    def follow_up(self, content: str | Sequence[UserBlock]) -> str:
        return self._put(Kind.FOLLOW_UP, content)

    def compact(self, instructions: str = "", *, preview: bool = False) -> str:
        return self._put(Kind.COMPACT, Order("", instructions, preview).words)

    def accept_summary(self) -> bool:
        self.record("accept_summary")
        return self.has_summary

    def drop_summary(self) -> bool:
        self.record("drop_summary")
        return self.has_summary

    async def context(self) -> Breakdown:
        return self.fills

    def pictures(self, source: str) -> Sequence[ImageBlock]:
        return self.album.get(source, ())

    def withdraw(self, item_id: str) -> bool:
        item = self._inbox.withdraw(item_id)
        if item is not None:
            self.say(InputRestored((safe_text(item.text),), (), (item.content,)))
        self.record("withdraw", item_id)
        return item is not None

    def edit(self, item_id: str, content: str) -> bool:
        done = self._inbox.edit(item_id, (TextBlock(content),))
        self.record("edit", item_id, content)
        return done

    def reorder(self, item_id: str, offset: int) -> bool:
        done = self._inbox.reorder(item_id, offset)
        self.record("reorder", item_id, offset)
        return done

    def promote(self, item_id: str, kind: Kind) -> bool:
        done = self._inbox.convert(item_id, kind)
        self.record("promote", item_id, kind)
        return done

    def abort(self) -> None:
        self.record("abort")

    def branch(self, entry_id: str) -> None:
        self.record("branch", entry_id)

    def pause(self) -> None:
        self.record("pause")

    def resume(self) -> None:
        self._inbox.release()
        self._queue_changed()
        self.record("resume")

    def undo(self) -> None:
        self.record("undo")

    def redo(self) -> None:
        self.record("redo")

    def shell(self, command: str, *, private: bool = False) -> str:
        shell_id = f"shell-{len(self.calls)}"
        self.say(ShellStarted(shell_id, command, private))
        self.record("shell", command, private)
        return shell_id

    def stop_shell(self) -> None:
        for shell_id in self._state.shells:
            self.say(ToolResult(shell_id, Outcome.STOPPED, "", "stopped after 0.1 s"))
        self.record("stop_shell")

    def answer(
        self,
        call_id: str,
        decision: Decision,
        note: str = "",
        *,
        digest: str = "",
        changed: str | None = None,
    ) -> bool:
        was_open = any(a.call_id == call_id and a.digest == digest for a in self._state.approvals)
        if changed is not None and not changed.strip():
            raise ValueError("command: it is empty")
        if was_open:
            self.say(ApprovalAnswered(call_id, decision, note))
        self.record("answer", call_id, decision, note, *([] if changed is None else [changed]))
        return was_open

    def subscribe(self) -> Subscription:
        return self._bus.subscribe()

    def replay(self) -> list[AnyEvent]:
        return list(self._past)

    async def warm_up(self) -> None:
        self.warm_ups += 1

    async def settled(self) -> None:
        return None

    async def aclose(self) -> None:
        self._bus.close()

    # ----------------------------------------------------------------- private

    def _put(self, kind: Kind, content: str | Sequence[UserBlock]) -> str:
        blocks = (TextBlock(content),) if isinstance(content, str) else tuple(content)
        delivered_as = kind if self._state.busy else Kind.PROMPT
        if not self._state.busy:
            self.record(str(delivered_as), content)
            return "delivered"
        item = self._inbox.put(delivered_as, blocks)
        assert item is not None
        self.record(str(delivered_as), content)
        return item.id

    def record(self, *call: Any) -> None:
        self.calls.append(call)
        if self._on_call is not None:
            self._on_call(self, call)

    def _say_model(self) -> None:
        self.say(ModelChanged(self.provider_name, self.settings.model, self.settings.thinking, self.mode))

    def _queue_changed(self) -> None:
        self.say(QueueChanged(self._inbox.snapshot(), self._inbox.paused))


class ScriptedJobs:
    """The jobs of a scripted agent: those it was told to say."""

    def __init__(self, agent: ScriptedAgent) -> None:
        self._agent = agent

    def read(self, number: int) -> tuple[JobItem, str] | None:
        return next(((job, "output") for job in self._agent.state.jobs if job.number == number), None)

    async def stop(self, number: int) -> bool:
        self._agent.record("stop_job", number)
        return any(job.number == number and job.running for job in self._agent.state.jobs)
