"""One task as a stream of typed events: the agent for people who want an iterator.

    async with StreamingExecutor(agent) as executor:
        async for event in executor.execute_stream("What does this project do?"):
            if event.type == "text":
                print(event.content, end="")

Everything `Agent` can do still works while the iterator runs: steer it, follow up, answer approvals.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from h2a_agent.agent import Agent
from h2a_agent.events import (
    AnyEvent,
    ApprovalRequested,
    Error,
    Interrupt,
    Settled,
    Status,
    TokenStream,
    ToolCall,
    ToolResult,
)
from h2a_queue import MessageType

__all__ = ["StreamEvent", "StreamingExecutor"]


@dataclass(frozen=True, slots=True)
class StreamEvent:
    """One event of a task. `type` is a word of `MessageType`; `content` is text for people; the rest is in `metadata`."""

    type: MessageType
    content: str
    metadata: Mapping[str, Any] = field(default_factory=dict)


class StreamingExecutor:
    """Runs tasks on an agent, one at a time, and yields what happens."""

    def __init__(self, agent: Agent) -> None:
        self.agent = agent

    async def __aenter__(self) -> StreamingExecutor:
        return self

    async def __aexit__(self, *_exc: object) -> None:
        await self.agent.aclose()

    def interrupt(self) -> None:
        """End the task: the stream yields what was true at that moment, then `complete`."""
        self.agent.abort()

    async def execute_stream(self, task: str) -> AsyncIterator[StreamEvent]:
        """Send `task` and yield its events; ends after the event of type `complete`.

        Leaving the loop early leaves the agent running; `interrupt` first to stop it.
        """
        events = self.agent.subscribe()
        try:
            self.agent.prompt(task)
            async for event in events:
                if (mapped := _mapped(event)) is not None:
                    yield mapped
                if isinstance(event, Settled):
                    return
        finally:
            events.close()


def _mapped(event: AnyEvent) -> StreamEvent | None:
    match event:
        case TokenStream(text=text):
            return StreamEvent(MessageType.TEXT, text)
        case ToolCall(stage="complete"):
            call = {"call_id": event.call_id, "name": event.name, "arguments": event.arguments}
            return StreamEvent(MessageType.TOOL_CALL, event.title or event.name, call)
        case ToolResult():
            result = {"call_id": event.call_id, "outcome": event.outcome.value, "elapsed_s": event.elapsed_s}
            return StreamEvent(MessageType.TOOL_RESULT, event.text, result)
        case ApprovalRequested():
            return StreamEvent(MessageType.STATUS, f"approval: {event.title}", {"call_id": event.call_id})
        case Status():
            return StreamEvent(
                MessageType.STATUS, event.phase.value, {"note": event.note} if event.note else {}
            )
        case Error():
            return StreamEvent(MessageType.ERROR, event.message, {"kind": event.kind, "advice": event.advice})
        case Interrupt():
            return StreamEvent(MessageType.INTERRUPT, event.cause)
        case Settled():
            return StreamEvent(MessageType.COMPLETE, event.reason, {"steps": event.steps})
        case _:
            return None
