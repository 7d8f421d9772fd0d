"""What a program reads besides the agent's events: the greeting, the answers to its commands, a result."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, TypeAlias

from h2a_agent.events import Error, Usage
from h2a_agent.state import State

__all__ = ["PROTOCOL", "Ack", "AnyReply", "Hello", "InputError", "Missed", "Result", "StateReply"]

PROTOCOL: int = 1
"""Goes up when a type or a field changes its meaning or goes; not when one is added."""


@dataclass(frozen=True, slots=True)
class Hello:
    """The first line, before everything else."""

    protocol: int
    version: str
    session_id: str
    workspace: str
    provider: str
    model: str
    mode: str


@dataclass(frozen=True, slots=True)
class Ack:
    """The answer to a command that was understood. `id` is the caller's own.

    `ok` is false when it came to nothing, and `note` says why; else `note` may say more. `item_id` is the item it
    made or was about.
    """

    command: str
    id: str | int | None = None
    ok: bool = True
    item_id: str = ""
    note: str = ""


@dataclass(frozen=True, slots=True)
class InputError:
    """The answer to a line that was not understood; it has changed nothing. `line` counts from 1.

    `message` says what is wrong with it, `allowed` what would do.
    """

    line: int
    message: str
    allowed: str
    id: str | int | None = None


@dataclass(frozen=True, slots=True)
class StateReply:
    """The answer to `get_state`. Events up to `state.seq` are in it."""

    state: State
    id: str | int | None = None


@dataclass(frozen=True, slots=True)
class Result:
    """What `--output json` prints: the whole of one prompt in one line.

    `answer` is the text of the last response, `reason` how the run ended, `error` what went wrong if something did.
    """

    answer: str
    reason: Literal["completed", "aborted", "failed", "paused"]
    steps: int
    session_id: str
    usage: Usage | None = None
    error: Error | None = None


@dataclass(frozen=True, slots=True)
class Missed:
    """In a trace: `count` events are missing here, because the disk was slower than the agent."""

    count: int


AnyReply: TypeAlias = Hello | Ack | InputError | StateReply | Result | Missed
