"""What a program may ask about the session it is in, and about others: the verbs of `Agent.sessions`.

An entry is named by the beginning of its id or by its label, a session by the beginning of its id or by its name.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

from h2a_agent.protocol.command import Command

__all__ = [
    "Clone",
    "Export",
    "FindSessions",
    "Fork",
    "GetPast",
    "GetSession",
    "GetTree",
    "Label",
    "Rename",
    "SessionCommand",
    "SwitchSession",
]


@dataclass(frozen=True, slots=True)
class GetSession(Command):
    """Ask which session this is and how it runs now; the answer is `session_reply`."""


@dataclass(frozen=True, slots=True)
class GetPast(Command):
    """Ask for the conversation so far as events, such as to show a session that goes on; the answer is `past_reply`."""


@dataclass(frozen=True, slots=True)
class GetTree(Command):
    """Ask for every entry of every branch; the answer is `tree_reply`."""


@dataclass(frozen=True, slots=True)
class Label(Command):
    """Put `label` on an entry ("": the newest), or with "" take it off."""

    label: str
    entry: str = ""


@dataclass(frozen=True, slots=True)
class Rename(Command):
    """Name the session, or with "" take its name away."""

    name: str


@dataclass(frozen=True, slots=True)
class Fork(Command):
    """Make a new session up to an entry ("": the newest); the answer is `copy_reply`. This one goes on.

    From a message of the user's it goes on before it, so that it can be said anew.
    """

    entry: str = ""


@dataclass(frozen=True, slots=True)
class Clone(Command):
    """Make a new session with everything in this one, every branch too; the answer is `copy_reply`. This one goes on."""


@dataclass(frozen=True, slots=True)
class SwitchSession(Command):
    """Leave this session for another one, which nobody may have open: a run is stopped, what waits stays in its session.

    After the `ack` and the last events of this session comes another `hello`, and events count from 1 again. The
    commands behind this one are for the other session.
    """

    session: str


@dataclass(frozen=True, slots=True)
class FindSessions(Command):
    """Ask for the newest sessions of all folders, or those in which `text` was said; the answer is `sessions_reply`."""

    text: str = ""
    limit: int = 20


@dataclass(frozen=True, slots=True)
class Export(Command):
    """Write the session to a new file, whose name ends with .md, .html or .jsonl; the answer is `export_reply`.

    A `path` that is not whole begins in the session's folder. Keys are taken out as far as they can be told.
    """

    path: str


SessionCommand: TypeAlias = (
    GetSession | GetPast | GetTree | Label | Rename | Fork | Clone | SwitchSession | FindSessions | Export
)
