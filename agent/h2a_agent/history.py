"""What has happened in a conversation, in order, for good.

The history is append-only. What a provider is sent is a projection of it (`request.build_request`); what a
screen shows of a reopened session is another (`replay.events_of`). An entry is what truly happened:
an answer that was cut carries the words that came and why it ended there.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import Final, Literal, TypeAlias

from h2a_agent.content import AssistantBlock, ImageBlock, ToolUseBlock, UserBlock
from h2a_agent.events import Kind, Outcome
from h2a_agent.providers.base import TokenUsage

__all__ = [
    "AssistantEntry",
    "Cut",
    "Entry",
    "History",
    "RetractEntry",
    "ShellEntry",
    "ToolEntry",
    "UserEntry",
]

Cut: TypeAlias = Literal["", "steer", "abort", "connection", "crash"]


# After these the results of an answer's calls are sent back ("": it was cut). A refusal, a full context or a
# reason nobody knows is the model's last word, calls or not.
_GOES_ON: Final = frozenset({"", "tool_use", "end_turn", "stop_sequence", "max_tokens", "pause_turn"})


@dataclass(frozen=True, slots=True)
class UserEntry:
    """A delivered item of the user's. `time` is seconds since the epoch."""

    item_id: str
    kind: Kind
    content: tuple[UserBlock, ...]
    time: float


@dataclass(frozen=True, slots=True)
class AssistantEntry:
    """An answer, whole or cut.

    `content` holds the blocks that were whole, and of a cut one the words so far if they are text. A cut
    answer of no blocks at all is not recorded. `stop_reason` is "" when it never came; `model` is who
    answered, because thinking may only go back to the same model.
    """

    step: int
    content: tuple[AssistantBlock, ...]
    stop_reason: str
    model: str
    usage: TokenUsage
    time: float
    cut: Cut = ""

    @property
    def tool_uses(self) -> tuple[ToolUseBlock, ...]:
        """The calls that came whole."""
        return tuple(block for block in self.content if isinstance(block, ToolUseBlock))


@dataclass(frozen=True, slots=True)
class ToolEntry:
    """The one result of a tool call."""

    call_id: str
    outcome: Outcome
    text: str
    brief: str
    elapsed_s: float
    time: float
    images: tuple[ImageBlock, ...] = ()
    diff: str = ""

    @property
    def is_error(self) -> bool:
        """What the provider is told: only a real failure is one; an interruption is a fact."""
        return self.outcome in (Outcome.FAILED, Outcome.UNKNOWN)


@dataclass(frozen=True, slots=True)
class RetractEntry:
    """The user took these delivered items back before anything was answered; no request carries them."""

    item_ids: tuple[str, ...]
    time: float


@dataclass(frozen=True, slots=True)
class ShellEntry:
    """A command the user ran themselves, and what came of it. Nobody has to answer it."""

    id: str
    command: str
    outcome: Outcome
    text: str
    brief: str
    elapsed_s: float
    time: float


Entry: TypeAlias = UserEntry | AssistantEntry | ToolEntry | RetractEntry | ShellEntry


class History:
    """The entries of one conversation. Only `Session.append` adds to it, after the journal has the entry."""

    def __init__(self, entries: tuple[Entry, ...] = ()) -> None:
        self._entries: list[Entry] = []
        self._call_ids: set[str] = set()
        for entry in entries:
            self.append(entry)

    @property
    def entries(self) -> tuple[Entry, ...]:
        """All of it, in order."""
        return tuple(self._entries)

    def __len__(self) -> int:
        return len(self._entries)

    def append(self, entry: Entry) -> None:
        """Add what has happened last."""
        self._entries.append(entry)
        if isinstance(entry, AssistantEntry):
            self._call_ids.update(call.id for call in entry.tool_uses)

    @property
    def call_ids(self) -> Collection[str]:
        """The ids of all tool calls there were."""
        return self._call_ids

    @property
    def last(self) -> Entry | None:
        """The newest entry."""
        return self._entries[-1] if self._entries else None

    @property
    def last_step(self) -> int:
        """The number of the last request that was answered, 0 when none was."""
        return max((e.step for e in self._entries if isinstance(e, AssistantEntry)), default=0)

    def open_calls(self) -> tuple[ToolUseBlock, ...]:
        """Tool calls of the last answer that have no result yet, in the order of the calls."""
        answered: set[str] = set()
        for entry in reversed(self._entries):
            if isinstance(entry, ToolEntry):
                answered.add(entry.call_id)
            elif isinstance(entry, AssistantEntry):
                return tuple(call for call in entry.tool_uses if call.id not in answered)
        return ()

    def owes_answer(self) -> bool:
        """Is it the model's turn: a user message or tool results it has not answered, or an answer that broke off?"""
        last = next((entry for entry in reversed(self._entries) if not isinstance(entry, ShellEntry)), None)
        if isinstance(last, AssistantEntry):
            return last.cut == "connection" or last.stop_reason == "pause_turn"
        if isinstance(last, ToolEntry):
            answer = next((e for e in reversed(self._entries) if isinstance(e, AssistantEntry)), None)
            return answer is None or answer.stop_reason in _GOES_ON
        return isinstance(last, UserEntry)
