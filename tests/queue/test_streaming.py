"""The stream of one run: typed, in order, and interruptible."""

from __future__ import annotations

import asyncio

import pytest

from h2a_queue import (
    ErrorKind,
    Failure,
    Message,
    MessageType,
    Priority,
    QueueError,
    StreamingMessageQueue,
    ToolCall,
    ToolResult,
)
from support.ticks import tick


async def test_stream_carries_everything_in_order_until_complete() -> None:
    stream = StreamingMessageQueue(source="model")
    await stream.send_text("I look.")
    await stream.send_tool_call("c1", "read", {"path": "a.py"})
    await stream.send_tool_result("c1", "1: import os")
    await stream.send_tool_result("c2", "no such file", is_error=True)
    await stream.send_status("thinking")
    await stream.send_error("overloaded", recoverable=True)
    await stream.complete("end of turn")
    messages = [message async for message in stream]
    assert [(message.type, message.payload) for message in messages] == [
        (MessageType.TEXT, "I look."),
        (MessageType.TOOL_CALL, ToolCall("c1", "read", {"path": "a.py"})),
        (MessageType.TOOL_RESULT, ToolResult("c1", "1: import os", is_error=False)),
        (MessageType.TOOL_RESULT, ToolResult("c2", "no such file", is_error=True)),
        (MessageType.STATUS, "thinking"),
        (MessageType.ERROR, Failure("overloaded", recoverable=True)),
        (MessageType.COMPLETE, "end of turn"),
    ]
    assert {message.source for message in messages} == {"model"}
    assert len({message.id for message in messages}) == len(messages)
    assert [message.timestamp for message in messages] == sorted(message.timestamp for message in messages)
    assert stream.status == "completed"


async def test_interrupt_overtakes_what_is_queued_and_keeps_its_own_order() -> None:
    stream = StreamingMessageQueue()
    await stream.send_text("a")
    stream.interrupt("first")
    await stream.send_text("b")
    stream.interrupt("second")
    await stream.complete()
    payloads = [message.payload async for message in stream]
    assert payloads == ["first", "second", "a", "b", ""]


async def test_interrupt_reaches_a_stream_that_is_full() -> None:
    stream = StreamingMessageQueue(max_size=1)
    await stream.send_text("a")
    sender = asyncio.create_task(stream.send_text("b"))
    await tick()
    stream.interrupt("stop")
    message = await stream.receive()
    assert message is not None
    assert (message.type, message.priority) == (MessageType.INTERRUPT, Priority.URGENT)
    await stream.receive()
    await sender


async def test_complete_comes_after_senders_that_waited_before_it() -> None:
    stream = StreamingMessageQueue(max_size=1)
    await stream.send_text("a")
    tasks = [asyncio.create_task(stream.send_text("b"))]
    await tick()
    tasks.append(asyncio.create_task(stream.complete("done")))
    assert [message.payload async for message in stream] == ["a", "b", "done"]
    await asyncio.gather(*tasks)


async def test_completed_stream_takes_nothing_more() -> None:
    stream = StreamingMessageQueue()
    await stream.complete()
    with pytest.raises(QueueError) as raised:
        await stream.send_text("late")
    assert raised.value.kind is ErrorKind.CLOSED
    with pytest.raises(QueueError):
        stream.interrupt()
    assert [message.type async for message in stream] == [MessageType.COMPLETE]
    assert await stream.receive() is None


async def test_stream_has_one_reader() -> None:
    stream = StreamingMessageQueue()
    reader = asyncio.create_task(stream.receive())
    await tick()
    with pytest.raises(QueueError, match="one reader"):
        await stream.receive()
    await stream.send_text("a")
    assert await reader is not None


async def test_stream_tells_its_size_and_stats() -> None:
    stream = StreamingMessageQueue()
    await stream.send_text("a")
    assert (len(stream), stream.get_stats().total_enqueued) == (1, 1)


def test_message_is_the_same_by_id_wherever_it_has_been() -> None:
    message = Message[str](payload="a", source="user")
    assert message == Message(id=message.id, timestamp=0, payload="redelivered")
    assert message != Message(payload="a", source="user")
    assert {message, message} == {message}
    assert message.priority is Priority.NORMAL
