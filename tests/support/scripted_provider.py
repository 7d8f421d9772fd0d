"""A provider that plays a script one event per loop tick: for tests that act at an exact tick.

The steering tests proper run against a real HTTP server; this one exists for the interleavings that no
network lets a test hit on purpose.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable, Sequence

from h2a_agent.providers.base import (
    ArgumentsDelta,
    BlockStarted,
    BlockStopped,
    MessageStarted,
    MessageStopped,
    ProviderEvent,
    Request,
    TextDelta,
    TokenUsage,
)

__all__ = ["ScriptedProvider", "call", "say", "stop"]


def say(index: int, *pieces: str) -> list[ProviderEvent]:
    """A text block in these pieces."""
    deltas: list[ProviderEvent] = [TextDelta(index, piece) for piece in pieces]
    return [BlockStarted(index, "text"), *deltas, BlockStopped(index)]


def call(index: int, call_id: str, name: str, arguments: str = "{}") -> list[ProviderEvent]:
    """A tool call whose arguments come in two pieces."""
    half = len(arguments) // 2
    return [
        BlockStarted(index, "tool_use", call_id, name),
        ArgumentsDelta(index, arguments[:half]),
        ArgumentsDelta(index, arguments[half:]),
        BlockStopped(index),
    ]


def stop(reason: str = "end_turn") -> list[ProviderEvent]:
    """The end of an answer."""
    return [MessageStopped(reason)]


class ScriptedProvider:
    """Answers the n-th request with the n-th script, then with a short text; one loop tick before each event."""

    name = "scripted"
    model = "scripted-1"

    def __init__(self, *answers: Sequence[ProviderEvent]) -> None:
        self.answers = answers
        self.requests: list[Request] = []
        self.on_event: Callable[[int, int], None] = lambda _request, _event: None

    async def stream(self, request: Request) -> AsyncGenerator[ProviderEvent, None]:
        self.requests.append(request)
        number = len(self.requests)
        script = (
            self.answers[number - 1]
            if number <= len(self.answers)
            else [*say(0, f"answer {number}"), *stop()]
        )
        yield MessageStarted(self.model, TokenUsage(10, 0))
        for index, event in enumerate(script):
            await asyncio.sleep(0)
            self.on_event(number, index)
            yield event

    async def count_tokens(self, request: Request) -> int | None:
        return None

    async def warm_up(self) -> None:
        pass

    async def aclose(self) -> None:
        pass
