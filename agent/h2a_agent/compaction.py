"""What a compaction is, without a run: which entries it summarises, and what the model is asked.

A compaction divides what the model is told now (`projection`) in two. The recent end stays verbatim; everything
before it, an earlier summary included, is sent once more, as a conversation of its own that ends with the order to
summarise it. The cut never parts a call from its result, and a message nobody has answered always stays. What is
sent is only what a summary needs: no thinking, no pictures, and of every tool result its first 2,000 characters.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cache
from importlib.resources import files
from typing import Any, Final

from h2a_agent.content import (
    ImageBlock,
    RedactedThinkingBlock,
    TextBlock,
    ThinkingBlock,
    ToolUseBlock,
    UserBlock,
)
from h2a_agent.context.tokens import Estimate, about_tokens, entry_tokens
from h2a_agent.events import Kind
from h2a_agent.history import (
    AssistantEntry,
    CompactionEntry,
    CompactionSwitchEntry,
    Entry,
    OmitEntry,
    RetractEntry,
    ShellEntry,
    ToolEntry,
    UserEntry,
)
from h2a_agent.omissions import settings_without, without
from h2a_agent.projection import project
from h2a_agent.providers.base import Request
from h2a_agent.request import build_request
from h2a_agent.run_settings import ThinkingLevel
from h2a_agent.safe_text import each_string

__all__ = ["Budget", "Order", "Plan", "Room", "budget", "compact_prompt", "plan", "summary_request"]

RESULT_CHARS: Final = 2_000  # of a tool result, and of each argument of a call, that a summary is made from
MESSAGE_CHARS: Final = 20_000  # of a message of the user's
_COMMAND: Final = "/compact"
_PREVIEW: Final = "preview"
_ORDER: Final = (
    "[Summarise the conversation up to here now, as you were told. Write nothing but the summary.]"
)
_UPDATE: Final = "[It begins with an earlier summary: bring that up to date and keep what still holds.]"
_WISH: Final = "[The user asks that the summary take this into account:]"
_LEFT_OUT: Final = "[The oldest {count} entries are too long to be sent and are left out here.]"


@dataclass(frozen=True, slots=True)
class Order:
    """A wish for a compaction: why, with which instructions, and whether only to look at (`preview`)."""

    reason: str
    instructions: str = ""
    preview: bool = False

    @property
    def words(self) -> str:
        """The command line that means it: what stands in the queue."""
        return " ".join(filter(None, (_COMMAND, _PREVIEW if self.preview else "", self.instructions)))

    @classmethod
    def of(cls, words: str) -> Order:
        """The order these words of the queue mean, also after a person has edited them."""
        rest = words.strip().removeprefix(_COMMAND).strip()
        first, _, more = rest.partition(" ")
        if first == _PREVIEW:
            return cls("you asked for a preview", more.strip(), preview=True)
        return cls("you asked for it", rest)


@dataclass(slots=True)
class Room:
    """What a run knows of the window: whether a request did not fit, and what was done about it.

    An overflow is answered with one compaction. When the repeated request does not fit either, what can be is left
    out of it; only an answer makes the next overflow a new one.
    """

    overflowed: bool = False
    spent: bool = False
    given_up: bool = False  # an automatic summary failed; this run does not try another one

    def overflow(self) -> bool:
        """A request did not fit. False when a compaction has been tried already."""
        self.overflowed = not self.spent
        return self.overflowed

    def answered(self) -> None:
        """A request did fit."""
        self.spent = False


@dataclass(frozen=True, slots=True)
class Budget:
    """In tokens: a request longer than `limit` is summarised first (0: unknown), and about `keep` stay verbatim."""

    limit: int
    keep: int


def budget(window: int, max_tokens: int, reserve: int, keep: int) -> Budget:
    """The budget of a model with this window (0: unknown). A small window is divided, not overdrawn."""
    if not window:
        return Budget(0, keep)
    limit = window - min(max(reserve, max_tokens), window // 2)
    return Budget(limit, min(keep, limit // 2))


# ------------------------------------------------------------------ the cut


@dataclass(frozen=True, slots=True)
class Plan:
    """`head` is summarised; the history from index `first` on stays verbatim.

    What a server refused since is in `head`, too: its part of the conversation is not to be sent with that again.
    """

    head: tuple[Entry, ...]
    first: int


def plan(history: Sequence[Entry], keep: int, most: int, estimate: Estimate = about_tokens) -> Plan | None:
    """Divide what is told now so that about the last `keep` tokens stay; None when there is nothing to summarise.

    The last answer and its results stay together even where they are more, up to `most` tokens.
    """
    now = project(history)
    first = _cut(history, now.start, keep, most, estimate)
    refused = (entry for entry in history[first:] if isinstance(entry, OmitEntry))
    head = (*now.entries(history[:first]), *refused)
    if not any(isinstance(entry, UserEntry | AssistantEntry | ToolEntry) for entry in head):
        return None
    return Plan(head, first)


def _cut(history: Sequence[Entry], start: int, keep: int, most: int, estimate: Estimate) -> int:
    """The index of the first entry that stays."""
    cut = len(history)
    tokens = 0
    answered = False
    for index in range(len(history) - 1, start - 1, -1):
        entry = history[index]
        tokens += entry_tokens(entry, estimate)
        if not isinstance(entry, UserEntry | AssistantEntry):
            continue  # results stand right behind the answer that called for them
        answered = answered or isinstance(entry, AssistantEntry)
        room = keep if cut < len(history) else most
        if answered and tokens > room:
            break
        cut = index
    return cut


# ----------------------------------------------------------------- the request


@cache
def compact_prompt() -> str:
    """What the model is told when it is to summarise."""
    return (files("h2a_agent") / "data" / "compact.md").read_text("utf-8").strip()


def summary_request(
    head: Sequence[Entry], order: Order, base: Request, room: int, estimate: Estimate = about_tokens
) -> Request:
    """The request for a summary of `head`, of at most `room` tokens (0: no limit is known).

    `base` gives the model, the tools (a conversation with calls in it is not accepted without them) and the limit of the
    answer; no later request begins like this one, so it need not be kept. When even what is left is too long, the oldest entries stay out and that is said.
    """
    base = settings_without(base, head)
    entries = [_trimmed(entry) for entry in without(head)]
    summary = entries.pop(0) if isinstance(entries[0], CompactionEntry) else None
    sizes = [entry_tokens(entry, estimate) for entry in entries] if room else [0]
    total, out = sum(sizes), 0
    while room and total > room and out < len(entries) - 1:
        total -= sizes[out]
        out += 1
    words = [
        _LEFT_OUT.format(count=out) if out else "",
        f"{_WISH}\n{order.instructions}" if order.instructions else "",
        f"{_ORDER} {_UPDATE}" if summary else _ORDER,
    ]
    closing = UserEntry("", Kind.COMPACT, tuple(TextBlock(text) for text in words if text), 0.0)
    told = [*([summary] if summary else []), *entries[out:], closing]
    thinking: ThinkingLevel | None = (
        None if base.thinking is None else "off"
    )  # None: its server refused to be told
    return build_request(
        told, replace(base, system=compact_prompt(), thinking=thinking, caching=False)
    ).request


def _trimmed(entry: Entry) -> Entry:
    """`entry` with what a summary needs of it."""
    match entry:
        case UserEntry():
            return replace(entry, content=tuple(_trimmed_block(block) for block in entry.content))
        case AssistantEntry():
            content = tuple(
                replace(block, arguments=_shortened(dict(block.arguments)))
                if isinstance(block, ToolUseBlock)
                else block
                for block in entry.content
                if not isinstance(block, ThinkingBlock | RedactedThinkingBlock)
            )
            return replace(entry, content=content)
        case ToolEntry():
            text = entry.text or ("[a picture]" if entry.images else "")
            return replace(entry, text=_short(text, RESULT_CHARS), images=())
        case ShellEntry():
            return replace(entry, text=_short(entry.text, RESULT_CHARS))
        case CompactionEntry() | CompactionSwitchEntry() | RetractEntry() | OmitEntry():
            return entry


def _trimmed_block(block: UserBlock) -> UserBlock:
    if isinstance(block, ImageBlock):
        return TextBlock("[a picture]")
    return TextBlock(_short(block.text, MESSAGE_CHARS))


def _shortened(value: Any) -> Any:
    return each_string(value, lambda text: _short(text, RESULT_CHARS))


def _short(text: str, limit: int) -> str:
    return text if len(text) <= limit else f"{text[:limit]}\n[… {len(text) - limit:,} more characters]"
