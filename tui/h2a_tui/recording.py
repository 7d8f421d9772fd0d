"""A trace as something to look at: it has the face of an agent, and says what the agent said.

It can be shown by whatever shows an agent. What is typed into it goes nowhere, which is said, and the words come back.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterable, Sequence
from pathlib import Path
from typing import Any, Final, NamedTuple, TypeAlias

from h2a_agent.bus import EventBus, Subscription
from h2a_agent.content import ImageBlock, TextBlock, UserBlock, plain_text
from h2a_agent.context.breakdown import Breakdown
from h2a_agent.events import AnyEvent, Decision, Error, InputRestored, JobItem, Kind, PathChanged
from h2a_agent.protocol.replies import Hello, Missed
from h2a_agent.protocol.trace import Damaged, read_trace
from h2a_agent.run_settings import RunSettings
from h2a_agent.sandbox.sandbox import Sandbox
from h2a_agent.session import Session
from h2a_agent.session_verbs import SessionVerbs
from h2a_agent.state import State, reduce

__all__ = ["Entry", "Recording", "Tape", "missed_words", "played", "read_tape"]

Entry: TypeAlias = AnyEvent | Hello | Missed

_LONGEST_GAP_S: Final = 60.0
"""A longer pause (somebody was at lunch, or a time is damaged) is played as this."""
_AT_ONCE: Final = 32  # events between two turns for others, where nothing waits


class Tape(NamedTuple):
    """What a trace holds: its first line, everything in order, and the lines that could not be read."""

    hello: Hello | None
    entries: tuple[Entry, ...]
    damaged: tuple[Damaged, ...]


def read_tape(path: Path) -> Tape:
    """The trace in `path`.

    Raises:
        OSError: it cannot be read.
    """
    with path.open("rb") as file:
        found = tuple(read_trace(file))
    entries = tuple(entry for entry in found if not isinstance(entry, Damaged))
    hello = next((entry for entry in entries if isinstance(entry, Hello)), None)
    return Tape(hello, entries, tuple(entry for entry in found if isinstance(entry, Damaged)))


async def played(entries: Iterable[Entry], speed: float) -> AsyncIterator[Entry]:
    """`entries` with the pauses there were between them, `speed` times as fast; 0 is without pauses."""
    loop = asyncio.get_running_loop()
    due, last = loop.time(), 0.0
    for number, entry in enumerate(entries):
        time = 0.0 if isinstance(entry, Hello | Missed) else entry.time
        if speed and last and time:
            due += min(max(time - last, 0.0), _LONGEST_GAP_S) / speed
            await asyncio.sleep(due - loop.time())
        elif number % _AT_ONCE == 0:
            await asyncio.sleep(0)
        last = time or last
        yield entry


class Recording:
    """Plays a tape to whoever subscribes, as a `Client`."""

    session_path: Path | None = None

    def __init__(self, tape: Tape) -> None:
        hello = tape.hello
        self._tape = tape
        self._bus = EventBus()
        self._bus.tap(self._fold)
        self._state = State()
        self.sandbox: Sandbox | None = None
        self.session_id = hello.session_id if hello else ""
        self.workspace = Path(hello.workspace if hello else ".")
        self.sessions = SessionVerbs(Session.unsaved(self.workspace))  # a recording has no tree
        self.jobs = _NoJobs()
        self.model = hello.model if hello else "unknown"
        self.provider_name = hello.provider if hello else "recording"
        self.mode = hello.mode if hello else "ask"
        self.settings = RunSettings(self.model)

    async def play(self, speed: float) -> None:
        """Say everything; see `played`."""
        async for entry in played(self._tape.entries, speed):
            if isinstance(entry, Missed):
                self._bus.publish(Error("recording", missed_words(entry)))
            elif not isinstance(entry, Hello):
                self._bus.publish(entry)
            elif entry is not self._tape.hello:  # another session was gone on with
                self._bus.publish(PathChanged("", ()))

    @property
    def state(self) -> State:
        """What was true at this point of the recording."""
        return self._state

    def subscribe(self) -> Subscription:
        """Hear it."""
        return self._bus.subscribe()

    def replay(self) -> list[AnyEvent]:
        """Nothing was before the recording."""
        return []

    async def warm_up(self) -> None:
        """Nothing has to be loaded."""

    async def settled(self) -> None:
        """Nothing runs."""

    async def aclose(self) -> None:
        """End it."""
        self._bus.close()

    def pictures(self, source: str) -> Sequence[ImageBlock]:
        """A recording has none."""
        return ()

    # ------------------------------------------------ what cannot be done to it

    def prompt(self, content: str | Sequence[UserBlock], *, item_id: str | None = None) -> str:
        """Give the words back."""
        return self._refuse(content)

    def steer(self, content: str | Sequence[UserBlock]) -> str:
        """Give the words back."""
        return self._refuse(content)

    def nudge(self, content: str | Sequence[UserBlock]) -> str:
        """Give the words back."""
        return self._refuse(content)

    def follow_up(self, content: str | Sequence[UserBlock]) -> str:
        """Give the words back."""
        return self._refuse(content)

    def withdraw(self, item_id: str) -> bool:
        """Nothing waits here any more."""
        return False

    def edit(self, item_id: str, content: str) -> bool:
        """Nothing waits here any more."""
        return False

    def reorder(self, item_id: str, offset: int) -> bool:
        """Nothing waits here any more."""
        return False

    def promote(self, item_id: str, kind: Kind) -> bool:
        """Nothing waits here any more."""
        return False

    def answer(
        self,
        call_id: str,
        decision: Decision,
        note: str = "",
        *,
        digest: str = "",
        changed: str | None = None,
    ) -> bool:
        """It was answered then."""
        return False

    def compact(self, instructions: str = "", *, preview: bool = False) -> str:
        """Nothing is said to it, so there is nothing to summarise."""
        self._say_what_this_is()
        return ""

    def accept_summary(self) -> bool:
        """There is none."""
        return False

    def drop_summary(self) -> bool:
        """There is none."""
        return False

    async def context(self) -> Breakdown:
        """There is no next request."""
        return Breakdown((), 0, counted=False)

    def branch(self, entry_id: str) -> None:
        """Say that it has one end."""
        self._say_what_this_is()

    def shell(self, command: str, *, private: bool = False) -> str:
        """Nothing is run beside a recording."""
        self._say_what_this_is()
        return ""

    def stop_shell(self) -> None:
        """Nothing runs."""

    def configure(self, **_changes: Any) -> None:
        """Say that it stays as it was."""
        self._say_what_this_is()

    def abort(self) -> None:
        """Say that nothing runs."""
        self._say_what_this_is()

    pause = resume = undo = redo = abort

    def _refuse(self, content: str | Sequence[UserBlock]) -> str:
        blocks = (TextBlock(content),) if isinstance(content, str) else tuple(content)
        self._bus.publish(InputRestored((plain_text(blocks),), (), (blocks,)))
        self._say_what_this_is()
        return ""

    def _say_what_this_is(self) -> None:
        self._bus.publish(Error("recording", "This is a recording; nothing is sent.", "Ctrl+D leaves."))

    def _fold(self, event: AnyEvent) -> None:
        self._state = reduce(self._state, event)


class _NoJobs:
    """They have long ended."""

    def read(self, number: int) -> tuple[JobItem, str] | None:
        """None is there."""
        return None

    async def stop(self, number: int) -> bool:
        """None runs."""
        return False


def missed_words(missed: Missed) -> str:
    """What is said where events are missing."""
    return f"{missed.count} event{'' if missed.count == 1 else 's'} of the recording are missing here."
