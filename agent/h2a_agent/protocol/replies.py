"""What a program reads besides the agent's events: the greeting, the answers to its commands, a result."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, TypeAlias

from h2a_agent.context.breakdown import Share
from h2a_agent.events import AnyEvent, Error, Usage
from h2a_agent.run_settings import RunSettings
from h2a_agent.session_search import Hit
from h2a_agent.session_tree import TreeRow
from h2a_agent.state import State

__all__ = [
    "PROTOCOL",
    "Ack",
    "AnyReply",
    "ContextReply",
    "CopyReply",
    "ExportReply",
    "FoundSession",
    "Hello",
    "InputError",
    "JobReply",
    "Missed",
    "PastReply",
    "Reply",
    "Result",
    "SessionReply",
    "SessionsReply",
    "StateReply",
    "TreeReply",
]

PROTOCOL: int = 1
"""Goes up when a type or a field changes its meaning or goes; not when one is added."""


@dataclass(frozen=True, slots=True)
class Hello:
    """The first line, before everything else; and once more wherever another session goes on (`switch_session`)."""

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
    made or was about; of `shell` it is the id of the call that its output and result come as.
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
class ContextReply:
    """The answer to `get_context`: the parts of the next request in its order, in tokens. `window` is 0 where unknown.

    `counted`: the provider has counted the total, or nearly all of it; else it is an estimate.
    """

    shares: tuple[Share, ...]
    total: int
    window: int
    counted: bool
    id: str | int | None = None


@dataclass(frozen=True, slots=True)
class JobReply:
    """The answer to `read_job`: the last lines it has printed, and where the rest is. `exit_code` is null while it runs."""

    number: int
    command: str
    text: str
    running: bool
    exit_code: int | None = None
    id: str | int | None = None


@dataclass(frozen=True, slots=True)
class SessionReply:
    """The answer to `get_session`. `path` is "" while nothing of it is on the disk.

    `read_only`: it is only looked at. `sandbox` says what holds commands in, "" as long as nothing has been tried.
    """

    session_id: str
    name: str
    path: str
    workspace: str
    read_only: bool
    provider: str
    settings: RunSettings
    sandbox: str
    id: str | int | None = None


@dataclass(frozen=True, slots=True)
class PastReply:
    """The answer to `get_past`: what was said and done, as events. They have no numbers of their own."""

    past: tuple[AnyEvent, ...]
    id: str | int | None = None


@dataclass(frozen=True, slots=True)
class TreeReply:
    """The answer to `get_tree`: parents before their children, the older branch first."""

    rows: tuple[TreeRow, ...]
    id: str | int | None = None


@dataclass(frozen=True, slots=True)
class CopyReply:
    """The answer to `fork` and `clone`: the session that was made, for `switch_session` or `-r`.

    `draft` is the message of the user's that a fork goes on before, "" when it is none.
    """

    session_id: str
    draft: str = ""
    id: str | int | None = None


@dataclass(frozen=True, slots=True)
class FoundSession:
    """A session as a list shows it. `modified` is seconds since the epoch; `title` is its name or first prompt.

    `count` is how often what was looked for occurs, `hits` are the first places. `messages` and `cost_usd` are null
    where they are not known.
    """

    id: str
    path: str
    workspace: str
    modified: float
    title: str
    name: str = ""
    labels: tuple[str, ...] = ()
    messages: int | None = None
    cost_usd: float | None = None
    count: int = 0
    hits: tuple[Hit, ...] = ()


@dataclass(frozen=True, slots=True)
class SessionsReply:
    """The answer to `find_sessions`, newest first."""

    sessions: tuple[FoundSession, ...]
    id: str | int | None = None


@dataclass(frozen=True, slots=True)
class ExportReply:
    """The answer to `export`: where it is, and how many secrets were taken out."""

    path: str
    redacted: int
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


Reply: TypeAlias = (
    Ack
    | StateReply
    | ContextReply
    | JobReply
    | SessionReply
    | PastReply
    | TreeReply
    | CopyReply
    | SessionsReply
    | ExportReply
)
"""The one answer to a command that was understood."""

AnyReply: TypeAlias = Hello | Reply | InputError | Result | Missed
