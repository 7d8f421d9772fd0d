"""The typed stream of one run: what a model says and does, up to `complete`.

send_text, send_tool_call, send_tool_result, send_status, send_error     in order, held back when full
interrupt                                                                overtakes all that, never waits
complete                                                                 the last message of the stream
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import TypeAlias

from h2a_queue.core import H2AQueue
from h2a_queue.lifecycle import QueueStatus
from h2a_queue.message import Message
from h2a_queue.priority import Priority, PriorityH2AQueue
from h2a_queue.stats import QueueStats

__all__ = ["Failure", "MessageType", "StreamMessage", "StreamingMessageQueue", "ToolCall", "ToolResult"]


class MessageType(StrEnum):
    """What a message of a stream can be; the payload's class is beside it."""

    TEXT = "text"  # str, a delta
    TOOL_CALL = "tool_call"  # ToolCall
    TOOL_RESULT = "tool_result"  # ToolResult
    STATUS = "status"  # str, one line
    ERROR = "error"  # Failure
    COMPLETE = "complete"  # str, why the run is over
    INTERRUPT = "interrupt"  # str, why the run is to stop


@dataclass(frozen=True, slots=True)
class ToolCall:
    """The model asks for a tool to be run."""

    call_id: str
    name: str
    arguments: Mapping[str, object]


@dataclass(frozen=True, slots=True)
class ToolResult:
    """What became of the call with the same `call_id`."""

    call_id: str
    output: str
    is_error: bool


@dataclass(frozen=True, slots=True)
class Failure:
    """Something went wrong; a recoverable failure does not end the run."""

    text: str
    recoverable: bool


Payload: TypeAlias = str | ToolCall | ToolResult | Failure
StreamMessage: TypeAlias = Message[Payload]


class StreamingMessageQueue:
    """One run's stream: any number of senders, one reader that iterates to its end.

    A sender waits while `max_size` messages are buffered; `source` is written into every header. The
    senders raise `QueueError` (CLOSED) after `complete`.

    >>> import asyncio
    >>> async def main() -> list[str]:
    ...     stream = StreamingMessageQueue()
    ...     await stream.send_text("Let me loo")
    ...     stream.interrupt("user typed")
    ...     await stream.complete("interrupted")
    ...     return [f"{message.type}: {message.payload}" async for message in stream]
    >>> for line in asyncio.run(main()):
    ...     print(line)
    interrupt: user typed
    text: Let me loo
    complete: interrupted
    """

    def __init__(self, max_size: int | None = 1000, *, source: str = "") -> None:
        """Make an empty stream. Raises `QueueError` (CONFIGURATION) when `max_size` is less than 1."""
        self._source = source
        self._queue: H2AQueue[StreamMessage] = PriorityH2AQueue(max_size, single_reader=True)
        # The queue lets a writer that needs not wait pass one that was just granted its slot. Here it must not:
        # `complete` would come before, and shut out, what was sent earlier.
        self._turn = asyncio.Lock()

    # -- sending --

    async def send_text(self, delta: str) -> None:
        """Send a piece of the model's text."""
        await self._send(MessageType.TEXT, delta)

    async def send_tool_call(self, call_id: str, name: str, arguments: Mapping[str, object]) -> None:
        """Send a request to run a tool."""
        await self._send(MessageType.TOOL_CALL, ToolCall(call_id, name, arguments))

    async def send_tool_result(self, call_id: str, output: str, *, is_error: bool = False) -> None:
        """Send what a tool gave back."""
        await self._send(MessageType.TOOL_RESULT, ToolResult(call_id, output, is_error))

    async def send_status(self, text: str) -> None:
        """Send a line about what is going on."""
        await self._send(MessageType.STATUS, text)

    async def send_error(self, text: str, *, recoverable: bool = False) -> None:
        """Send news of a failure."""
        await self._send(MessageType.ERROR, Failure(text, recoverable))

    async def complete(self, reason: str = "") -> None:
        """Send the last message and end the stream; senders that wait before it still get theirs in."""
        async with self._turn:
            await self._queue.enqueue(self._message(MessageType.COMPLETE, reason, Priority.NORMAL))
            self._queue.close()

    def interrupt(self, reason: str = "") -> None:
        """Send an interrupt ahead of everything but earlier interrupts; never waits, however full it is."""
        self._queue.enqueue_nowait(self._message(MessageType.INTERRUPT, reason, Priority.URGENT))

    async def _send(self, kind: MessageType, payload: Payload) -> None:
        async with self._turn:
            await self._queue.enqueue(self._message(kind, payload, Priority.NORMAL))

    def _message(self, kind: MessageType, payload: Payload, priority: Priority) -> StreamMessage:
        return Message(payload=payload, type=kind, priority=priority, source=self._source)

    # -- receiving --

    def __aiter__(self) -> AsyncIterator[StreamMessage]:
        """Receive messages, the one of `complete` last."""
        return self._queue.__aiter__()

    async def receive(self, timeout: float | None = None) -> StreamMessage | None:
        """Receive one message; None when `timeout` seconds, or the stream, are over."""
        return await self._queue.dequeue(timeout)

    # -- looking --

    def __len__(self) -> int:
        """Messages in the buffers."""
        return len(self._queue)

    @property
    def status(self) -> QueueStatus:
        """Where the stream is in its life."""
        return self._queue.status

    def get_stats(self) -> QueueStats:
        """What has happened so far."""
        return self._queue.get_stats()
