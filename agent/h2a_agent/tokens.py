"""What a conversation weighs, in tokens.

A provider counts exactly, but only when asked over the network, or afterwards with each answer. What it has not
counted yet is estimated from the characters: cheap, and rather too much than too little. So a history weighs
what its last answer was counted as, and the estimate of what came after (`context_tokens`).
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, assert_never

from h2a_agent.content import (
    AssistantBlock,
    ImageBlock,
    RedactedThinkingBlock,
    TextBlock,
    ThinkingBlock,
    ToolResultBlock,
    ToolUseBlock,
    UserBlock,
)
from h2a_agent.history import AssistantEntry, Entry, OmitEntry, RetractEntry, ToolEntry, UserEntry
from h2a_agent.providers.base import Request

__all__ = ["Context", "context_tokens", "estimate", "measured"]

# Code and prose of a Latin script come to 3.5 to 4.5 characters a token, other scripts to about a token for
# each character of two to four bytes.
_BYTES_PER_TOKEN: Final = 3.5
_PICTURE: Final = 1_600  # tokens, of a picture at the size servers scale it down to
_AROUND: Final = 6  # tokens of structure around a block


@dataclass(frozen=True, slots=True)
class Context:
    """What a request weighs: in all, and by what it is made of (estimates, which add up to `total`).

    `counted`: the provider has counted the total. `window` is what the model takes, 0 when unknown.
    """

    total: int
    parts: Mapping[str, int]
    counted: bool
    window: int


def estimate(block: UserBlock | AssistantBlock | ToolResultBlock) -> int:
    """About how many tokens `block` is."""
    match block:
        case TextBlock(text):
            return _of_text(text)
        case ImageBlock():
            return _PICTURE
        case ThinkingBlock(text, signature):
            return _of_text(text) + _of_text(signature)
        case RedactedThinkingBlock(data):
            return _of_text(data)
        case ToolUseBlock(_, name, arguments):
            return _of_text(name) + _of_text(json.dumps(dict(arguments), default=dict))
        case ToolResultBlock(_, content):
            return _AROUND + sum(map(estimate, content))
        case _:
            assert_never(block)


def context_tokens(entries: Sequence[Entry]) -> int:
    """About what the next request weighs: counted up to the last answer that was, estimated from there on."""
    new: list[Entry] = []
    for entry in reversed(entries):
        if isinstance(entry, AssistantEntry) and entry.usage.context_tokens:
            return entry.usage.context_tokens + sum(map(_of_entry, new))
        new.append(entry)
    return sum(map(_of_entry, new))


def measured(request: Request, counted: int | None, window: int) -> Context:
    """`request` taken apart, the parts scaled to what the provider has `counted` (None: it has not)."""
    parts = {
        "system prompt": _of_text(request.system),
        "tools": sum(
            _of_text(t.name + t.description + json.dumps(t.schema, default=dict)) for t in request.tools
        ),
    }
    for message in request.messages:
        for block in message.content:
            name = _part(block, message.role)
            parts[name] = parts.get(name, 0) + estimate(block)
    estimated = sum(parts.values())
    total = estimated if counted is None else counted
    return Context(
        total, _scaled(parts, total / estimated if estimated else 0.0, total), counted is not None, window
    )


def _scaled(parts: Mapping[str, int], factor: float, total: int) -> Mapping[str, int]:
    """`parts` times `factor`, rounded so that they add up to `total`."""
    scaled = {name: int(tokens * factor) for name, tokens in parts.items()}
    largest = max(scaled, key=lambda name: scaled[name])
    scaled[largest] += total - sum(scaled.values())
    return {name: tokens for name, tokens in scaled.items() if tokens}


def _part(block: UserBlock | AssistantBlock | ToolResultBlock, role: str) -> str:
    match block:
        case TextBlock():
            return "your messages" if role == "user" else "answers"
        case ImageBlock():
            return "pictures"
        case ThinkingBlock() | RedactedThinkingBlock():
            return "thinking"
        case ToolUseBlock():
            return "tool calls"
        case ToolResultBlock():
            return "tool results"
        case _:
            assert_never(block)


def _of_entry(entry: Entry) -> int:
    match entry:
        case UserEntry() | AssistantEntry():
            return _of_all(entry.content)
        case ToolEntry():
            return _AROUND + _of_all((TextBlock(entry.text), *entry.images))
        case RetractEntry() | OmitEntry():
            return 0
        case _:
            assert_never(entry)


def _of_all(blocks: Iterable[UserBlock | AssistantBlock]) -> int:
    return sum(map(estimate, blocks))


def _of_text(text: str) -> int:
    size = len(text) if text.isascii() else len(text.encode("utf-8", "surrogatepass"))
    return _AROUND + int(size / _BYTES_PER_TOKEN) if text else 0
