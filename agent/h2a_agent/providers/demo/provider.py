"""The scripted model of a machine without a key: a small player for the scenes of `script.py`.

It is a provider like any other, in-process. It keeps nothing between requests: what to say follows from the
request alone (`moment.py`), so it may be cut, resumed, forked or repeated at any point, and any valid
request gets a sensible answer. It streams at the speed a person reads along with; its token counts are
estimates, and it says plainly that it is not a language model.
"""

from __future__ import annotations

import asyncio
import json
import random
import re
from collections.abc import AsyncGenerator, Iterable
from typing import TYPE_CHECKING, Final

from h2a_agent.content import ImageBlock, TextBlock, ThinkingBlock, ToolResultBlock, ToolUseBlock
from h2a_agent.providers.base import (
    ArgumentsDelta,
    BlockStarted,
    BlockStopped,
    Failed,
    FailureKind,
    MessageStarted,
    MessageStopped,
    ProviderEvent,
    Request,
    SignatureDelta,
    TextDelta,
    ThinkingDelta,
    TokenUsage,
    UsageReported,
)
from h2a_agent.providers.demo.answer import answer_to
from h2a_agent.providers.demo.parts import Break, Call, Part, Say, Think

if TYPE_CHECKING:
    from h2a_agent.providers.base import Provider

__all__ = ["READING_SPEED", "DemoProvider"]

READING_SPEED: Final = 80.0  # tokens per second; a bit faster than most people read

_CHARS_PER_TOKEN: Final = 4
_TOKENS_PER_IMAGE: Final = 1_500
_JITTER: Final = 0.5  # of a pause, up and down
_PIECE: Final = re.compile(r"\s*\S{1,12}|\s+")
_SIGNATURE: Final = "demo"


class DemoProvider:
    """The demo as a provider. `tokens_per_s` is its speed; None: as fast as it is read."""

    name = "demo"
    model = "demo"

    def __init__(self, tokens_per_s: float | None = READING_SPEED) -> None:
        self._tokens_per_s = tokens_per_s
        self._random = random.Random()

    async def stream(self, request: Request) -> AsyncGenerator[ProviderEvent, None]:
        """Answer `request` with the scene it calls for."""
        used = TokenUsage(input_tokens=_tokens_of(request))
        yield MessageStarted(self.model, used)
        parts = answer_to(request)
        spent_chars, limit_chars = 0, request.max_tokens * _CHARS_PER_TOKEN
        stop_reason = "tool_use" if any(isinstance(part, Call) for part in parts) else "end_turn"
        for event, chars, pace in _events(parts):
            if isinstance(event, Failed):
                yield event
                return
            if spent_chars + chars > limit_chars:
                stop_reason = "max_tokens"
                break
            spent_chars += chars
            await self._pause(chars, pace)
            yield event
        yield UsageReported(TokenUsage(used.input_tokens, -(-spent_chars // _CHARS_PER_TOKEN)))
        yield MessageStopped(stop_reason)

    async def count_tokens(self, request: Request) -> int | None:
        """It has no tokens to count."""
        return None

    async def warm_up(self) -> None:
        """Nothing to load."""

    async def aclose(self) -> None:
        """Nothing to let go of."""

    async def _pause(self, chars: int, pace: float) -> None:
        if self._tokens_per_s is None or not chars:
            await asyncio.sleep(0)
            return
        seconds = chars / _CHARS_PER_TOKEN / self._tokens_per_s * pace
        await asyncio.sleep(seconds * self._random.uniform(1 - _JITTER, 1 + _JITTER))


# ------------------------------------------------------------------- playing it


def _events(parts: Iterable[Part]) -> Iterable[tuple[ProviderEvent, int, float]]:
    """The parts as events, each with its size in characters and its pace. Neighbouring words share a block."""
    index = -1
    open_text = False
    for part in parts:
        if open_text and not isinstance(part, Say | Break):
            yield BlockStopped(index), 0, 1.0
            open_text = False
        match part:
            case Say(text, pace):
                if not open_text:
                    index += 1
                    open_text = True
                    yield BlockStarted(index, "text"), 0, 1.0
                for piece in _pieces(text):
                    yield TextDelta(index, piece), len(piece), pace
            case Think(text):
                index += 1
                yield BlockStarted(index, "thinking"), 0, 1.0
                for piece in _pieces(text):
                    yield ThinkingDelta(index, piece), len(piece), 1.0
                yield SignatureDelta(index, _SIGNATURE), 0, 1.0
                yield BlockStopped(index), 0, 1.0
            case Call(name, arguments):
                index += 1
                yield BlockStarted(index, "tool_use", id=_call_id(), name=name), 0, 1.0
                for piece in _pieces(json.dumps(arguments, ensure_ascii=False)):
                    yield ArgumentsDelta(index, piece), len(piece), 1.0
                yield BlockStopped(index), 0, 1.0
            case Break(message):
                yield Failed(FailureKind.INTERRUPTED, message), 0, 1.0
    if open_text:
        yield BlockStopped(index), 0, 1.0


def _pieces(text: str) -> list[str]:
    return _PIECE.findall(text)


def _call_id() -> str:
    return f"demo_{random.getrandbits(64):016x}"


def _tokens_of(request: Request) -> int:
    """An estimate: four characters a token, and a usual picture's price."""
    chars = len(request.system) + sum(
        len(spec.name) + len(spec.description) + len(json.dumps(spec.schema)) for spec in request.tools
    )
    images = 0
    for message in request.messages:
        more_chars, more_images = _size(message.content)
        chars, images = chars + more_chars, images + more_images
    return -(-chars // _CHARS_PER_TOKEN) + images * _TOKENS_PER_IMAGE


def _size(content: Iterable[object]) -> tuple[int, int]:
    chars = images = 0
    for block in content:
        match block:
            case TextBlock(text) | ThinkingBlock(text):
                chars += len(text)
            case ToolUseBlock(_, name, arguments):
                chars += len(name) + len(json.dumps(dict(arguments), ensure_ascii=False))
            case ToolResultBlock(_, inner):
                inner_chars, inner_images = _size(inner)
                chars, images = chars + inner_chars, images + inner_images
            case ImageBlock():
                images += 1
    return chars, images


if TYPE_CHECKING:

    def _fits(provider: DemoProvider) -> Provider:
        return provider
