"""The list of what is to be done, as the history has it: what the last call of `todo` that was carried out says."""

from __future__ import annotations

from collections.abc import Iterable

from pydantic import ValidationError

from h2a_agent.content import ToolUseBlock
from h2a_agent.events import Outcome, TodoChanged, TodoItem
from h2a_agent.history import AssistantEntry, Entry, ToolEntry
from h2a_agent.safe_text import one_line

__all__ = ["todo_changed", "todos_of"]

_TOOL = "todo"


def todo_changed(call: ToolUseBlock | None, result: ToolEntry) -> TodoChanged | None:
    """The event that `call`, which came to `result`, has changed the list; None when it has not."""
    if call is None or call.name != _TOOL or result.outcome is not Outcome.OK:
        return None
    from h2a_agent.tools.todo import TodoParams

    try:
        params = TodoParams.model_validate(dict(call.arguments))
    except ValidationError:
        return None  # of another version of the tool
    items = tuple(TodoItem(one_line(item.content), item.status) for item in params.items)
    return TodoChanged(items, time=result.time)


def todos_of(entries: Iterable[Entry]) -> tuple[TodoItem, ...]:
    """The list after `entries`."""
    calls: dict[str, ToolUseBlock] = {}
    items: tuple[TodoItem, ...] = ()
    for entry in entries:
        if isinstance(entry, AssistantEntry):
            calls.update((call.id, call) for call in entry.tool_uses if call.name == _TOOL)
        elif isinstance(entry, ToolEntry):
            changed = todo_changed(calls.get(entry.call_id), entry)
            items = changed.items if changed is not None else items
    return items
