"""What an agent tells whoever watches: the one vocabulary of events.

Commands go in through `Agent`, events come out, and nothing else does. A front end, the journal's replay,
a server or a trace all see these classes. An event is a frozen value; seen twice (live, replayed from a
session, after a reconnect) it means the same.

Every text in an event is fit for a terminal: control, bidirectional and other invisible characters have
been made visible by `h2a_agent.safe_text` where the event was made.

Grouped by who speaks: the user, the model, the tools, the run. The union `AnyEvent` at the end is what
reducers match on; `EVENT_TYPES` is derived from it, so an event left out of the union cannot be sent
unnoticed.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Literal, TypeAlias, get_args

from h2a_agent.content import UserBlock

__all__ = [
    "EVENT_TYPES",
    "AnyEvent",
    "ApprovalAnswered",
    "ApprovalRequested",
    "CompactionEnded",
    "CompactionStarted",
    "CompactionSwitched",
    "Decision",
    "Done",
    "Error",
    "Event",
    "FileRestored",
    "InputRestored",
    "Interrupt",
    "JobItem",
    "JobsChanged",
    "Kind",
    "ModelChanged",
    "Outcome",
    "PathChanged",
    "Phase",
    "QueueChanged",
    "QueueItem",
    "RetryScheduled",
    "Settled",
    "ShellStarted",
    "Status",
    "Thinking",
    "TodoChanged",
    "TodoItem",
    "TodoStatus",
    "TokenStream",
    "ToolCall",
    "ToolOutput",
    "ToolResult",
    "Usage",
    "UserInput",
]


class Kind(StrEnum):
    """When a user's item is to be delivered (steering.md, "Three verbs")."""

    PROMPT = "prompt"
    STEER = "steer"
    NUDGE = "nudge"
    FOLLOW_UP = "follow-up"
    COMPACT = "compact"  # no message: an order to summarise, which keeps its place among them


class Phase(StrEnum):
    """Where a run is. Exactly one holds at any time; `run_state.py` says which may follow which."""

    IDLE = "idle"
    PREPARING = "preparing"
    STREAMING = "streaming"
    TOOLS = "tools"
    APPROVAL = "approval"
    RETRYING = "retrying"
    COMPACTING = "compacting"
    PAUSED = "paused"
    SETTLING = "settling"


class Outcome(StrEnum):
    """How a tool call ended. Only `FAILED` is a failure; the others are facts."""

    OK = "ok"
    FAILED = "failed"
    STOPPED = "stopped"
    NOT_STARTED = "not started"
    REJECTED = "rejected"
    UNKNOWN = "unknown"


class Decision(StrEnum):
    """A person's answer to an approval question.

    `ALLOW_ALWAYS` also keeps the rule the question proposed. `ALLOW_CHANGED` runs what the person made of it.
    `REJECT_AND_STEER` goes on with their reason as a steering message, which clears the other calls.
    """

    ALLOW = "allow"
    ALLOW_SESSION = "allow for this session"
    ALLOW_ALWAYS = "allow always"
    ALLOW_CHANGED = "allow with changes"
    REJECT = "reject"
    REJECT_AND_STEER = "reject and steer"
    WITHDRAWN = "withdrawn"


class TodoStatus(StrEnum):
    """How far an item of the list of what is to be done has come."""

    PENDING = "pending"
    IN_PROGRESS = "in_progress"
    DONE = "done"


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """What all events share. The bus sets both fields when the event is published.

    `seq` counts up by one per event of an agent; `time` is seconds since the epoch. A merged event (a
    full screen queue joins text deltas) carries the last one's.
    """

    seq: int = 0
    time: float = 0.0


# ------------------------------------------------------------------ the user


@dataclass(frozen=True, slots=True)
class UserInput(Event):
    """A user's item has been delivered: it is in the session and in the next request.

    Sent exactly once per item id. `text` is what the person wrote, pastes included; `images` counts
    pictures. `cut` is true when it interrupted an answer that had begun.
    """

    item_id: str
    kind: Kind
    text: str
    images: int = 0
    cut: bool = False


@dataclass(frozen=True, slots=True)
class QueueItem:
    """One waiting item of the inbox as the queue panel shows it.

    `position` is its place in the order of delivery, from 0. `accepted_at` is seconds since the epoch.
    """

    id: str
    kind: Kind
    state: Literal["queued", "claimed"]
    text: str
    images: int
    accepted_at: float
    position: int


@dataclass(frozen=True, slots=True)
class QueueChanged(Event):
    """The whole inbox after a change, in the order of delivery. `paused`: nothing is delivered until resumed."""

    items: tuple[QueueItem, ...]
    paused: bool = False


@dataclass(frozen=True, slots=True)
class InputRestored(Event):
    """Texts that go back to the editor, in order, above its draft: an abort or a withdrawal gave them back.

    `content` is the same as blocks, pictures included, untouched. `retracted` names the items among them that had been delivered already and were taken back unanswered;
    their `UserInput` no longer counts.
    """

    texts: tuple[str, ...]
    retracted: tuple[str, ...] = ()
    content: tuple[tuple[UserBlock, ...], ...] = ()


@dataclass(frozen=True, slots=True)
class PathChanged(Event):
    """The user has gone back to an entry: the conversation now ends at `head` ("": before its first word).

    `past` is all of it as events, in the place of everything that was shown before; commands of the user's that still run
    have begun at its end. No run is active.
    """

    head: str
    past: tuple[AnyEvent, ...]


# ----------------------------------------------------------------- the model


@dataclass(frozen=True, slots=True)
class Thinking(Event):
    """A piece of the model's reasoning. `step` and `block` say which block of which request it belongs to."""

    step: int
    block: int
    text: str


@dataclass(frozen=True, slots=True)
class TokenStream(Event):
    """A piece of the model's answer. Pieces of one `(step, block)` come in order and concatenate."""

    step: int
    block: int
    text: str


@dataclass(frozen=True, slots=True)
class ToolCall(Event):
    """A tool call, while it forms and once it is whole.

    First with `stage="forming"` and an empty `arguments_delta` when the model names the tool, then once per
    piece of argument JSON, then once with `stage="complete"`, `arguments` and a `title` for people, such
    as `npm test` for bash. A call that is cut never gets to `complete`; `Done` closes it.
    """

    step: int
    block: int
    call_id: str
    name: str
    stage: Literal["forming", "complete"]
    arguments_delta: str = ""
    arguments: Mapping[str, Any] = field(default_factory=dict)
    title: str = ""


@dataclass(frozen=True, slots=True)
class Usage(Event):
    """What the last request used and what the session has used so far.

    Tokens as the provider counts them; `context_tokens` is the size of the last request with its answer,
    `context_window` the model's limit (0: unknown). `cost_usd` is the session's total, None where a price
    is unknown, `request_usd` what this request cost. `model` is the model that answered.
    """

    model: str
    input_tokens: int
    output_tokens: int
    cache_read_tokens: int
    cache_write_tokens: int
    context_tokens: int
    context_window: int
    cost_usd: float | None
    request_usd: float | None = None

    @property
    def hit_rate(self) -> float:
        """Which part of the prompt came from the provider's cache, from 0 to 1."""
        prompt = self.input_tokens + self.cache_read_tokens + self.cache_write_tokens
        return self.cache_read_tokens / prompt if prompt else 0.0


@dataclass(frozen=True, slots=True)
class Done(Event):
    """The response of `step` has ended and is in the history.

    `stop_reason` is the provider's word, or "" when it never came. `cut` says why it is not whole: "" when
    it is, else `steer`, `abort`, `connection`, `crash` or another word for people.
    """

    step: int
    stop_reason: str
    cut: str = ""


# ----------------------------------------------------------------- the tools


@dataclass(frozen=True, slots=True)
class ToolOutput(Event):
    """A piece of a running tool's output, as it comes. The screen may show only its end."""

    call_id: str
    text: str


@dataclass(frozen=True, slots=True)
class ToolResult(Event):
    """The one result of a tool call; the calls of a response get theirs in any order.

    `text` is what the model reads, `brief` one short line for people, `diff` a unified diff when files
    changed. `elapsed_s` is 0 when it never started.
    """

    call_id: str
    outcome: Outcome
    text: str
    brief: str
    elapsed_s: float = 0.0
    diff: str = ""


@dataclass(frozen=True, slots=True)
class ShellStarted(Event):
    """The user runs a command themselves. Its output and result come as those of a call with the id `shell_id`.

    A `private` one's result never reaches the model.
    """

    shell_id: str
    command: str
    private: bool = False


@dataclass(frozen=True, slots=True)
class TodoItem:
    """One thing to do."""

    content: str
    status: TodoStatus


@dataclass(frozen=True, slots=True)
class TodoChanged(Event):
    """The whole list of what is to be done, after the model has changed it."""

    items: tuple[TodoItem, ...]


@dataclass(frozen=True, slots=True)
class FileRestored(Event):
    """`Agent.undo` or `Agent.redo` has put a file back to what it held, byte for byte; or `problem` says why not.

    `path` is relative to the workspace where it lies inside, `brief` and `diff` say what that changed. All three
    are empty with a problem.
    """

    redo: bool
    path: str = ""
    brief: str = ""
    diff: str = ""
    problem: str = ""


@dataclass(frozen=True, slots=True)
class ApprovalRequested(Event):
    """A tool call waits for a person. Answer with `Agent.answer(call_id, decision, digest=digest)`.

    `detail` is everything that would run or change, whole: the command, or a diff when
    `detail_kind="diff"`. `reason` says why it is asked; `cwd` is where it would run. `digest` identifies exactly
    this: an answer that allows must bring it. `rule` is the rule that "allow always" would keep, "" when there is
    none; `editable` the command or the arguments as JSON, for "allow with changes", "" when they cannot be edited.
    """

    call_id: str
    tool: str
    title: str
    detail: str
    detail_kind: Literal["command", "diff", "text"]
    reason: str
    cwd: str
    digest: str = ""
    rule: str = ""
    editable: str = ""


@dataclass(frozen=True, slots=True)
class ApprovalAnswered(Event):
    """An approval question is closed: answered, or withdrawn because the user steered or aborted.

    `note` is the person's reason, the rule that is kept, or the title of what runs instead.
    """

    call_id: str
    decision: Decision
    note: str = ""


# ------------------------------------------------------------------- the run


@dataclass(frozen=True, slots=True)
class Interrupt(Event):
    """The user has interrupted the run: `steer` goes on with the message, `abort` ends it. Sent at the key."""

    cause: Literal["steer", "abort"]
    phase: Phase


@dataclass(frozen=True, slots=True)
class Status(Event):
    """The run has entered `phase`. `step` is the number of the request it is at; `note` says more for people.

    `pausing`: a pause is asked for, and the run will hold before its next step.
    """

    phase: Phase
    step: int = 0
    note: str = ""
    pausing: bool = False


@dataclass(frozen=True, slots=True)
class ModelChanged(Event):
    """Another model, provider, thinking level or mode was chosen; it holds from the next step on."""

    provider: str
    model: str
    thinking: str
    mode: str = ""


@dataclass(frozen=True, slots=True)
class JobItem:
    """A command in the background as a screen shows it. `started_at` is seconds since the epoch.

    `exit_code` is the command's own once it has ended; what it has left behind may still be `running`.
    """

    number: int
    command: str
    started_at: float
    running: bool
    exit_code: int | None = None


@dataclass(frozen=True, slots=True)
class JobsChanged(Event):
    """A background command has begun or ended. `jobs` are all of this agent's, in the order they began."""

    jobs: tuple[JobItem, ...]


@dataclass(frozen=True, slots=True)
class RetryScheduled(Event):
    """The provider failed; the same request goes out again in `wait_s` seconds, as attempt `attempt` of `limit`.

    The server itself asked for `held_s` of them (Retry-After): a steer shortens the wait to these, and no further.
    """

    attempt: int
    limit: int
    wait_s: float
    reason: str
    held_s: float = 0.0


@dataclass(frozen=True, slots=True)
class CompactionStarted(Event):
    """The history is being summarised, for `reason`. Queued items keep kind and order."""

    reason: str


@dataclass(frozen=True, slots=True)
class CompactionEnded(Event):
    """The summary is there (`ok`), or the history is as it was and `reason` says why.

    `tokens_before` and `tokens_after` are the size of the next request without and with it. A summary that does
    not count yet (`counts`) is a preview: `Agent.accept_summary` or `drop_summary` decides.
    """

    ok: bool
    tokens_before: int
    tokens_after: int
    reason: str = ""
    summary: str = ""
    counts: bool = True


@dataclass(frozen=True, slots=True)
class CompactionSwitched(Event):
    """A person's word about the newest summary: it `counts` from here on, or no longer does.

    `context_tokens` is the size of a request with it or without, as it was when the summary was made.
    """

    counts: bool
    context_tokens: int


@dataclass(frozen=True, slots=True)
class Error(Event):
    """Something failed and a person should know. `advice` is what to do, in one sentence; `fatal` ended the run."""

    kind: str
    message: str
    advice: str = ""
    fatal: bool = False


@dataclass(frozen=True, slots=True)
class Settled(Event):
    """The last event of a run, after everything is on disk. `reason`: `completed`, `aborted`, `failed`, `paused`."""

    reason: Literal["completed", "aborted", "failed", "paused"]
    steps: int = 0


AnyEvent: TypeAlias = (
    UserInput
    | QueueChanged
    | InputRestored
    | PathChanged
    | Thinking
    | TokenStream
    | ToolCall
    | Usage
    | Done
    | ToolOutput
    | ToolResult
    | ShellStarted
    | TodoChanged
    | FileRestored
    | ApprovalRequested
    | ApprovalAnswered
    | Interrupt
    | Status
    | ModelChanged
    | JobsChanged
    | RetryScheduled
    | CompactionStarted
    | CompactionEnded
    | CompactionSwitched
    | Error
    | Settled
)

EVENT_TYPES: Mapping[str, type[Event]] = {cls.__name__: cls for cls in get_args(AnyEvent)}
