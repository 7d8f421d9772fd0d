"""What fills the context window: each part of the next request with its share of the tokens.

The total is the provider's own count where it has counted; how it divides is an estimate, scaled to that total.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import groupby
from typing import Final

from h2a_agent.content import ImageBlock, RedactedThinkingBlock, TextBlock, ThinkingBlock, ToolUseBlock
from h2a_agent.context.prompt import Part
from h2a_agent.context.tokens import (
    IMAGE_TOKENS,
    Estimate,
    about_tokens,
    blocks_tokens,
    counted_tokens,
    entry_tokens,
    tools_tokens,
)
from h2a_agent.history import AssistantEntry, CompactionEntry, Entry, ShellEntry, ToolEntry, UserEntry
from h2a_agent.projection import told
from h2a_agent.providers.base import ToolSpec

__all__ = ["Breakdown", "Share", "context_breakdown"]

_SYSTEM: Final = "system prompt"
_ITSELF: Final = frozenset({"role", "environment", "mode"})


@dataclass(frozen=True, slots=True)
class Share:
    """One part and about how many tokens it takes."""

    name: str
    tokens: int


@dataclass(frozen=True, slots=True)
class Breakdown:
    """The parts that are there, in the order of the request. `window` is 0 where it is not known.

    `counted`: the provider has counted the total, or nearly all of it.
    """

    shares: tuple[Share, ...]
    window: int
    counted: bool

    @property
    def total(self) -> int:
        """Tokens of the next request."""
        return sum(share.tokens for share in self.shares)

    @property
    def free(self) -> int:
        """Tokens of the window that are left."""
        return max(0, self.window - self.total)


def context_breakdown(
    prompt: Sequence[Part],
    tools: Sequence[ToolSpec],
    history: Sequence[Entry],
    window: int,
    counted: int | None = None,
    estimate: Estimate = about_tokens,
) -> Breakdown:
    """What the next request consists of: system prompt, each instruction file, tools, and the conversation by kind.

    In all it is what the provider has `counted` it as; without, what it counted of the last one and an estimate.
    """
    parts = [Share(_SYSTEM if p.name in _ITSELF else p.name, estimate(p.text)) for p in prompt]
    parts.sort(key=lambda share: share.name != _SYSTEM)
    conversation = _conversation(told(history), estimate)
    shares = [
        *(Share(name, sum(s.tokens for s in group)) for name, group in groupby(parts, lambda s: s.name)),
        Share("tools", tools_tokens(tools, estimate)),
        *(Share(name, tokens) for name, tokens in conversation.items()),
    ]
    if counted is None:
        counted = counted_tokens(history, estimate)
    there = (share for share in _scaled(shares, counted) if share.tokens)
    return Breakdown(tuple(there), window, counted is not None)


def _conversation(entries: Sequence[Entry], estimate: Estimate) -> dict[str, int]:
    tokens = dict.fromkeys(
        (
            "summary",
            "user messages",
            "user commands",
            "answers",
            "thinking",
            "tool calls",
            "tool results",
            "images",
        ),
        0,
    )
    for entry in entries:
        match entry:
            case CompactionEntry(summary=summary):
                tokens["summary"] += estimate(summary)
            case UserEntry(content=content):
                pictures = sum(isinstance(block, ImageBlock) for block in content)
                tokens["images"] += pictures * IMAGE_TOKENS
                tokens["user messages"] += blocks_tokens(
                    (block for block in content if isinstance(block, TextBlock)), estimate
                )
            case ShellEntry():
                tokens["user commands"] += entry_tokens(entry, estimate)
            case AssistantEntry(content=content):
                for block in content:
                    match block:
                        case TextBlock():
                            name = "answers"
                        case ThinkingBlock() | RedactedThinkingBlock():
                            name = "thinking"
                        case ToolUseBlock():
                            name = "tool calls"
                    tokens[name] += blocks_tokens((block,), estimate)
            case ToolEntry(text=text, images=images):
                tokens["tool results"] += estimate(text)
                tokens["images"] += len(images) * IMAGE_TOKENS
            case _:
                pass
    return tokens


def _scaled(shares: Sequence[Share], counted: int | None) -> list[Share]:
    """The shares of an estimate as shares of what was counted, rounded so that they add up."""
    total = sum(share.tokens for share in shares)
    if counted is None or not total:
        return list(shares)
    scaled: list[Share] = []
    seen = given = 0
    for share in shares:
        seen += share.tokens
        upto = round(seen * counted / total)
        scaled.append(replace(share, tokens=upto - given))
        given = upto
    return scaled
