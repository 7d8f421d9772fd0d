"""Cut at any moment, `todo` has kept the old list or the new one; it touches nothing but the conversation.

The list is not stored anywhere of its own: it is what the last call in the history says (`todos.py`). So it
survives whatever the history survives, and a branch of it has the list of its own past.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar, Final

from pydantic import Field

from h2a_agent.events import TodoStatus
from h2a_agent.tools.base import Effect, Preview, ToolContext, ToolOutcome, WhenSteered
from h2a_agent.tools.params import Listed, Text, ToolParams, manual
from h2a_agent.tools.truncate import count_text

__all__ = ["TodoEntry", "TodoParams", "TodoTool"]

MAX_ITEMS: Final = 100
MAX_CHARACTERS: Final = 500


class TodoEntry(ToolParams):
    """One thing to do."""

    also: ClassVar[Mapping[str, str]] = {
        "text": "content",
        "title": "content",
        "task": "content",
        "state": "status",
    }

    content: Text = Field(
        min_length=1, max_length=MAX_CHARACTERS, description="What is to be done, in one line."
    )
    status: TodoStatus = Field(default=TodoStatus.PENDING, description="`pending`, `in_progress` or `done`.")


class TodoParams(ToolParams):
    """The whole list."""

    also: ClassVar[Mapping[str, str]] = {"todos": "items", "tasks": "items", "list": "items"}
    example: ClassVar[Mapping[str, Any]] = {
        "items": [
            {"content": "Find the cause", "status": "done"},
            {"content": "Mend it", "status": "in_progress"},
        ]
    }

    items: Listed[TodoEntry] = Field(
        max_length=MAX_ITEMS, description="All items in order; an empty list clears it."
    )


class TodoTool:
    """Writes the list of what is to be done."""

    name = "todo"
    params: type[Any] = TodoParams
    effect = Effect.NOTE
    when_steered = WhenSteered.FINISH

    def __init__(self) -> None:
        self.description = manual("todo")

    def title(self, params: TodoParams) -> str:
        """What is being done now."""
        return next((item.content for item in params.items if item.status is TodoStatus.IN_PROGRESS), "")

    def paths(self, params: TodoParams, ctx: ToolContext) -> tuple[Path, ...]:
        """None."""
        return ()

    async def preview(self, params: TodoParams, ctx: ToolContext) -> Preview:
        """The items."""
        return Preview("\n".join(f"{item.status}: {item.content}" for item in params.items))

    async def run(self, params: TodoParams, ctx: ToolContext) -> ToolOutcome:
        """Take the list as it is."""
        if not params.items:
            return ToolOutcome("The list is empty.", "the list is empty")
        done = sum(item.status is TodoStatus.DONE for item in params.items)
        brief = f"{done} of {count_text(len(params.items), 'item')} done"
        return ToolOutcome(f"{brief}.", brief)
