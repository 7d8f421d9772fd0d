"""What messages are made of, whoever the provider is.

One vocabulary for history, journal and requests. A block is a value: nothing here is ever changed in
place, so a message that was committed stays what it was. Text is what came from its author, untouched;
making it fit for a terminal happens where events are made (`safe_text`), not here.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

__all__ = [
    "AssistantBlock",
    "ImageBlock",
    "Message",
    "RedactedThinkingBlock",
    "TextBlock",
    "ThinkingBlock",
    "ToolResultBlock",
    "ToolUseBlock",
    "UserBlock",
    "plain_text",
]


@dataclass(frozen=True, slots=True)
class TextBlock:
    """Words, of a person or of a model."""

    text: str


@dataclass(frozen=True, slots=True)
class ImageBlock:
    """A picture: `data` is base64 of the file's bytes, `media_type` such as `image/png`."""

    media_type: str
    data: str


@dataclass(frozen=True, slots=True)
class ThinkingBlock:
    """A model's reasoning. It goes back to the same model byte for byte with its signature, or not at all."""

    text: str
    signature: str


@dataclass(frozen=True, slots=True)
class RedactedThinkingBlock:
    """Reasoning the provider has encrypted; opaque, and returned as it came."""

    data: str


@dataclass(frozen=True, slots=True)
class ToolUseBlock:
    """A model's wish to run the tool `name`. `arguments` is the parsed JSON object, not yet validated."""

    id: str
    name: str
    arguments: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class ToolResultBlock:
    """The one answer to the tool call `call_id`. `content` is never empty text: the provider refuses that."""

    call_id: str
    content: tuple[TextBlock | ImageBlock, ...]
    is_error: bool = False


UserBlock: TypeAlias = TextBlock | ImageBlock
AssistantBlock: TypeAlias = TextBlock | ThinkingBlock | RedactedThinkingBlock | ToolUseBlock


@dataclass(frozen=True, slots=True)
class Message:
    """One message as a provider is sent it."""

    role: Literal["user", "assistant"]
    content: tuple[UserBlock | AssistantBlock | ToolResultBlock, ...]


def plain_text(blocks: tuple[UserBlock | AssistantBlock | ToolResultBlock, ...]) -> str:
    """The words of the text blocks, joined by blank lines; other blocks say nothing."""
    return "\n\n".join(block.text for block in blocks if isinstance(block, TextBlock))
