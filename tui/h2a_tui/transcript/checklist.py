"""The list of what is to be done, as a checklist."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from rich.segment import Segment

from h2a_agent.events import TodoItem, TodoStatus
from h2a_tui.transcript.items import Item, behind, bounded
from h2a_tui.transcript.lines import Line, Page, wrap

__all__ = ["Checklist"]

_MARKS: Final[Mapping[TodoStatus, str]] = {
    TodoStatus.PENDING: "☐",
    TodoStatus.IN_PROGRESS: "▸",
    TodoStatus.DONE: "☑",
}


class Checklist(Item):
    """All items, in order."""

    def __init__(self, items: Sequence[TodoItem]) -> None:
        super().__init__()
        self.items = items

    @property
    def words(self) -> str:
        """Its items."""
        return "\n".join(f"{_MARKS[item.status]} {item.content}" for item in self.items)

    def rows(self, page: Page) -> list[Line]:
        """A row or a few for each item, after its mark."""
        styles = page.styles
        shown = {
            TodoStatus.PENDING: styles.page,
            TodoStatus.IN_PROGRESS: styles.accent,
            TodoStatus.DONE: styles.muted,
        }
        rows: list[Line] = []
        for item in self.items:
            style = shown[item.status]
            lines = wrap([(bounded(item.content), style)], page.column - 2)
            for index, line in enumerate(lines):
                rows += behind(Segment("  " if index else f"{_MARKS[item.status]} ", style), [line])
        return rows or wrap([("the list is empty", styles.muted)], page.column)

    def length(self) -> tuple[int, int]:
        """Of all items."""
        return sum(len(item.content) for item in self.items), max(0, len(self.items) - 1)
