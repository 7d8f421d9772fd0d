"""How many tokens things weigh: what the provider counted where it did, an estimate for the rest.

The estimate of a text is a parameter everywhere, so that a better one (a tokenizer, a provider's own counting)
can take its place.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Sequence
from math import ceil
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
    OmitEntry,
    RetractEntry,
    ShellEntry,
    ToolEntry,
    UserEntry,
)
from h2a_agent.projection import told
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

IMAGE_TOKENS: Final = 1_600  # a picture at the size servers scale it down to
# Code and prose in English come to 3.5 to 4.5 characters a token, other scripts to about a token for each
# character of three bytes.
_LATIN_PER_TOKEN: Final = 3.5
_BYTES_PER_TOKEN: Final = 3


def about_tokens(text: str) -> int:
    """About how many tokens `text` is, rather too many than too few."""
    if text.isascii():
        return ceil(len(text) / _LATIN_PER_TOKEN)
    latin = len(text.encode("ascii", "ignore"))
    other = len(text.encode("utf-8", "surrogatepass")) - latin
    return ceil(latin / _LATIN_PER_TOKEN + other / _BYTES_PER_TOKEN)


def blocks_tokens(blocks: Iterable[UserBlock | AssistantBlock], estimate: Estimate) -> int:
    """About how many tokens these blocks are."""
    total = 0
    for block in blocks:
        match block:
            case TextBlock(text) | RedactedThinkingBlock(text):
                total += estimate(text)
            case ThinkingBlock(text, signature):
                total += estimate(text) + estimate(signature)  # in which servers keep the thought itself
            case ImageBlock():
                total += IMAGE_TOKENS
            case ToolUseBlock(_, name, arguments):
                total += estimate(name + json.dumps(dict(arguments), ensure_ascii=False, default=dict))
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
        case ShellEntry(command=command, text=text):
            return estimate(f"{command}\n{text}")
        case CompactionEntry(summary=summary):
            return estimate(summary)
        case RetractEntry() | OmitEntry() | CompactionSwitchEntry():
            return 0


def tools_tokens(specs: Iterable[ToolSpec], estimate: Estimate = about_tokens) -> int:
    """About how many tokens the descriptions of the tools are."""
    return sum(
        estimate(spec.name + spec.description + json.dumps(spec.schema, default=dict)) for spec in specs
    )


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
    return sum(entry_tokens(entry, estimate) for entry in told(history))
