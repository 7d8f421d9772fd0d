"""The agent's list of what is to be done: which of it is shown where there is no room for all, and in what words."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from h2a_agent.events import TodoItem, TodoStatus
from h2a_agent.safe_text import one_line

__all__ = ["current_todo", "todo_window", "todo_words"]

_MARKS: Final[Mapping[TodoStatus, str]] = {
    TodoStatus.PENDING: "☐",
    TodoStatus.IN_PROGRESS: "▸",
    TodoStatus.DONE: "☑",
}
_TEXT_LIMIT: Final = 400  # characters of an item that can ever be seen in its row


def todo_words(item: TodoItem) -> str:
    """One thing, behind the mark of its state."""
    return f"{_MARKS[item.status]} {one_line(item.content, _TEXT_LIMIT)}"


def current_todo(items: Sequence[TodoItem]) -> int:
    """The place of what is being done, else of what is next; the last place when all is done."""
    for status in (TodoStatus.IN_PROGRESS, TodoStatus.PENDING):
        for place, item in enumerate(items):
            if item.status is status:
                return place
    return max(0, len(items) - 1)


def todo_window(items: Sequence[TodoItem], rows: int) -> range:
    """The places that are shown in `rows` rows: the present one with one done before it, and what comes next."""
    first = min(max(current_todo(items) - 1, 0), max(len(items) - rows, 0))
    return range(first, min(first + rows, len(items)))
