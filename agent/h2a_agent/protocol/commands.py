"""What a program may ask of an agent: the one vocabulary of commands.

Each is a verb of `Agent`. `id` is the caller's own mark, which its `ack` carries back. Grouped as in `Agent`: saying
things, what still waits, the run, looking and changing.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

from h2a_agent.content import TextBlock, UserBlock
from h2a_agent.events import Decision, Kind
from h2a_agent.run_settings import Mode, ThinkingLevel

__all__ = [
    "Abort",
    "Answer",
    "AnyCommand",
    "Command",
    "Edit",
    "FollowUp",
    "GetState",
    "Message",
    "Nudge",
    "Pause",
    "Promote",
    "Prompt",
    "Redo",
    "Reorder",
    "Resume",
    "SetMode",
    "SetModel",
    "SetThinking",
    "Steer",
    "StopJob",
    "Undo",
    "Withdraw",
    "Words",
]


@dataclass(frozen=True, slots=True, kw_only=True)
class Command:
    """What all commands share."""

    id: str | int | None = None


# ---------------------------------------------------------- saying things


@dataclass(frozen=True, slots=True, kw_only=True)
class Words(Command):
    """Something said: `text`, then `content`."""

    text: str = ""
    content: tuple[UserBlock, ...] = ()

    @property
    def blocks(self) -> tuple[UserBlock, ...]:
        """Text and content together."""
        return (TextBlock(self.text), *self.content) if self.text else self.content


@dataclass(frozen=True, slots=True, kw_only=True)
class Message(Words):
    """Something to be delivered. An `item_id` that was accepted before is not delivered again."""

    item_id: str = ""


@dataclass(frozen=True, slots=True)
class Prompt(Message):
    """Send a message. While a run is active it goes out before the next request, interrupting nothing."""


@dataclass(frozen=True, slots=True)
class Steer(Message):
    """Deliver a message now: the answer is cut, pending calls are cleared, running ones end by policy."""


@dataclass(frozen=True, slots=True)
class Nudge(Message):
    """Deliver a message at the next step, after the tools of the present one."""


@dataclass(frozen=True, slots=True)
class FollowUp(Message):
    """Deliver a message when the run would otherwise end."""


# ------------------------------------------------------- what still waits


@dataclass(frozen=True, slots=True)
class Withdraw(Command):
    """Take a waiting item out; `input_restored` gives back what it said."""

    item_id: str


@dataclass(frozen=True, slots=True)
class Edit(Words):
    """Change what a waiting item says to `text`, then `content`."""

    item_id: str


@dataclass(frozen=True, slots=True)
class Reorder(Command):
    """Move a waiting item `offset` places later among its kind; earlier when negative."""

    item_id: str
    offset: int


@dataclass(frozen=True, slots=True)
class Promote(Command):
    """Make a waiting item another kind; as a steer it is delivered now."""

    item_id: str
    kind: Kind


# ---------------------------------------------------------------- the run


@dataclass(frozen=True, slots=True)
class Answer(Command):
    """Answer an `approval_requested`. `note` tells the model why.

    Whatever allows needs the question's `digest`; `changed` is its `editable` text as it was changed.
    """

    call_id: str
    decision: Decision
    note: str = ""
    digest: str = ""
    changed: str | None = None


@dataclass(frozen=True, slots=True)
class Abort(Command):
    """Stop the run; waiting items follow the `on_abort` setting."""


@dataclass(frozen=True, slots=True)
class Pause(Command):
    """Stop before the next step."""


@dataclass(frozen=True, slots=True)
class Resume(Command):
    """Go on after a pause, and let held items be delivered."""


@dataclass(frozen=True, slots=True)
class Undo(Command):
    """Take back the agent's last edit of a file; `file_restored` tells how it went."""


@dataclass(frozen=True, slots=True)
class Redo(Command):
    """Make that edit again; `file_restored` tells how it went."""


@dataclass(frozen=True, slots=True)
class StopJob(Command):
    """End the background command `number`."""

    number: int


# ----------------------------------------------------- looking and changing


@dataclass(frozen=True, slots=True)
class GetState(Command):
    """Ask what is true right now; the answer is `state_reply`."""


@dataclass(frozen=True, slots=True)
class SetModel(Command):
    """Let another model answer from the next step on: PROVIDER/NAME, or NAME of the present provider."""

    model: str


@dataclass(frozen=True, slots=True)
class SetThinking(Command):
    """How hard the model thinks from the next step on."""

    level: ThinkingLevel


@dataclass(frozen=True, slots=True)
class SetMode(Command):
    """What may run without asking, from the next call on."""

    mode: Mode


AnyCommand: TypeAlias = (
    Prompt
    | Steer
    | Nudge
    | FollowUp
    | Withdraw
    | Edit
    | Reorder
    | Promote
    | Answer
    | Abort
    | Pause
    | Resume
    | Undo
    | Redo
    | StopJob
    | GetState
    | SetModel
    | SetThinking
    | SetMode
)
