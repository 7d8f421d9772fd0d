"""How many tokens things weigh: what the provider counted where it did, an estimate for the rest.

The estimate of a text is a parameter everywhere, so that a better one (a tokenizer, a provider's own counting)
can take its place.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Sequence
from typing import Final, TypeAlias, assert_never

from h2a_agent.content import (
    AssistantBlock,
    ImageBlock,
    RedactedThinkingBlock,
    TextBlock,
    ThinkingBlock,
    ToolUseBlock,
    UserBlock,
)
from h2a_agent.history import (
    AssistantEntry,
    CompactionEntry,
    CompactionSwitchEntry,
    Entry,
    RetractEntry,
    ToolEntry,
    UserEntry,
)
from h2a_agent.projection import project
from h2a_agent.providers.base import ToolSpec

__all__ = [
    "IMAGE_TOKENS",
    "Estimate",
    "about_tokens",
    "blocks_tokens",
    "context_tokens",
    "counted_tokens",
    "entry_tokens",
    "told_tokens",
    "tools_tokens",
]

Estimate: TypeAlias = Callable[[str], int]

IMAGE_TOKENS: Final = 1_500  # a usual picture's price
_CHARS_PER_TOKEN: Final = (
    4  # of English and code; other scripts take about as many tokens as their bytes by three
)
_BYTES_PER_TOKEN: Final = 3


def about_tokens(text: str) -> int:
    """About how many tokens `text` is."""
    if text.isascii():
        return -(-len(text) // _CHARS_PER_TOKEN)
    return -(-len(text.encode("utf-8", "surrogatepass")) // _BYTES_PER_TOKEN)


def blocks_tokens(blocks: Iterable[UserBlock | AssistantBlock], estimate: Estimate) -> int:
    """About how many tokens these blocks are."""
    total = 0
    for block in blocks:
        match block:
            case TextBlock(text) | ThinkingBlock(text) | RedactedThinkingBlock(text):
                total += estimate(text)
            case ImageBlock():
                total += IMAGE_TOKENS
            case ToolUseBlock(_, name, arguments):
                total += estimate(name + json.dumps(dict(arguments), ensure_ascii=False))
            case _:
                assert_never(block)
    return total


def entry_tokens(entry: Entry, estimate: Estimate = about_tokens) -> int:
    """About how many tokens `entry` is in a request."""
    match entry:
        case UserEntry(content=content) | AssistantEntry(content=content):
            return blocks_tokens(content, estimate)
        case ToolEntry(text=text, images=images):
            return estimate(text) + len(images) * IMAGE_TOKENS
        case CompactionEntry(summary=summary):
            return estimate(summary)
        case RetractEntry() | CompactionSwitchEntry():
            return 0


def tools_tokens(specs: Iterable[ToolSpec], estimate: Estimate = about_tokens) -> int:
    """About how many tokens the descriptions of the tools are."""
    return sum(estimate(spec.name + spec.description + json.dumps(spec.schema)) for spec in specs)


def counted_tokens(history: Sequence[Entry], estimate: Estimate = about_tokens) -> int | None:
    """How many tokens the next request is: what the provider counted or a summary says, and what came after. Quick.

    None where neither is there, or a person's word about a summary has changed the request since.
    """
    later = 0
    for entry in reversed(history):
        match entry:
            case AssistantEntry(usage=usage) if usage.context_tokens:
                return usage.context_tokens + later
            case CompactionEntry(counts=True):
                return entry.tokens_after + later
            case CompactionEntry():
                pass  # a preview is not told
            case CompactionSwitchEntry():
                return None
            case _:
                later += entry_tokens(entry, estimate)
    return None


def context_tokens(history: Sequence[Entry], standing: int, estimate: Estimate = about_tokens) -> int:
    """As `counted_tokens`, else an estimate of the whole, with `standing` tokens of system prompt and tools."""
    counted = counted_tokens(history, estimate)
    return standing + told_tokens(history, estimate) if counted is None else counted


def told_tokens(history: Sequence[Entry], estimate: Estimate = about_tokens) -> int:
    """About how many tokens the conversation is, as it is told now."""
    return sum(entry_tokens(entry, estimate) for entry in project(history).entries(history))
