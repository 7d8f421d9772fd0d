"""What a program may ask of an agent: the one vocabulary of commands.

Each is a verb of `Agent`. `id` is the caller's own mark, which its reply carries back. Grouped as in `Agent`: saying
things, what still waits, making room, the run, the user's own commands and jobs, looking and changing. Those about the
session stand in `session_commands.py`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

from h2a_agent.content import TextBlock, UserBlock
from h2a_agent.events import Decision, Kind
from h2a_agent.protocol.command import Command
from h2a_agent.protocol.session_commands import SessionCommand
from h2a_agent.run_settings import Mode, ThinkingLevel

__all__ = [
    "Abort",
    "AcceptSummary",
    "Answer",
    "AnyCommand",
    "Branch",
    "Compact",
    "DropSummary",
    "Edit",
    "FollowUp",
    "GetContext",
    "GetState",
    "Message",
    "Nudge",
    "Pause",
    "Promote",
    "Prompt",
    "ReadJob",
    "Redo",
    "Reorder",
    "Resume",
    "SetMode",
    "SetModel",
    "SetThinking",
    "Shell",
    "Steer",
    "StopJob",
    "StopShell",
    "Undo",
    "Withdraw",
    "Words",
]


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


# ------------------------------------------------------------ making room


@dataclass(frozen=True, slots=True)
class Compact(Command):
    """Have the older part of the conversation summarised, in line with the messages; `compaction_ended` has the summary.

    `instructions` say what it should look after. A `preview` does not count until `accept_summary`.
    """

    instructions: str = ""
    preview: bool = False
    item_id: str = ""


@dataclass(frozen=True, slots=True)
class AcceptSummary(Command):
    """Let the newest summary count: a preview, or one that was taken back."""


@dataclass(frozen=True, slots=True)
class DropSummary(Command):
    """Take the newest summary back: the conversation is told whole again."""


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
class Branch(Command):
    """Go back to an entry (the beginning of its id, or its label): what comes next hangs below it.

    A run is stopped first; `path_changed` tells when it is done, and holds the conversation as it is then. A message of
    the user's comes back as `input_restored`.
    """

    entry: str


@dataclass(frozen=True, slots=True)
class Undo(Command):
    """Take back the agent's last edit of a file; `file_restored` tells how it went."""


@dataclass(frozen=True, slots=True)
class Redo(Command):
    """Make that edit again; `file_restored` tells how it went."""


# ------------------------------------------- the user's own commands, jobs


@dataclass(frozen=True, slots=True)
class Shell(Command):
    """Run a command of the user's at once, unasked; `shell_started` and `tool_result` tell of it.

    The model reads of it with its next request, unless it is `private`.
    """

    command: str
    private: bool = False


@dataclass(frozen=True, slots=True)
class StopShell(Command):
    """End the user's own commands that run."""


@dataclass(frozen=True, slots=True)
class ReadJob(Command):
    """Ask for the last lines of the background command `number`; the answer is `job_reply`.

    The model is told what is new of it all the same.
    """

    number: int


@dataclass(frozen=True, slots=True)
class StopJob(Command):
    """End the background command `number`."""

    number: int


# ----------------------------------------------------- looking and changing


@dataclass(frozen=True, slots=True)
class GetState(Command):
    """Ask what is true right now; the answer is `state_reply`."""


@dataclass(frozen=True, slots=True)
class GetContext(Command):
    """Ask what fills the model's window; the answer is `context_reply`."""


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
    | Compact
    | AcceptSummary
    | DropSummary
    | Answer
    | Abort
    | Pause
    | Resume
    | Branch
    | Undo
    | Redo
    | Shell
    | StopShell
    | ReadJob
    | StopJob
    | GetState
    | GetContext
    | SetModel
    | SetThinking
    | SetMode
    | SessionCommand
)
