"""What is to be done, above the composer: one line that names the next thing, or the list.

It is there while something is left to do, and as long as the run goes on after the last thing was done.
"""

from __future__ import annotations

from typing import ClassVar

from rich.style import Style
from rich.text import Text
from textual.app import RenderResult
from textual.geometry import Size
from textual.widget import Widget

from h2a_agent.events import TodoItem, TodoStatus
from h2a_tui.widgets.todo_rows import current_todo, todo_window, todo_words

__all__ = ["TodoPanel"]


class TodoPanel(Widget):
    """Draws the list, folded to a line until somebody wants to see it."""

    MAX_ROWS: ClassVar[int] = 8
    COMPONENT_CLASSES: ClassVar[set[str]] = {
        "todo--title",
        "todo--pending",
        "todo--in_progress",
        "todo--done",
    }
    DEFAULT_CSS = """
    TodoPanel {
        height: auto;
        padding: 0 1;
        display: none;
        &.-filled { display: block; }
        & .todo--title { color: $h2a-muted; }
        & .todo--pending { color: $h2a-text; }
        & .todo--in_progress { color: $h2a-accent; }
        & .todo--done { color: $h2a-dim; }
    }
    """

    def __init__(self) -> None:
        super().__init__()
        self._items: tuple[TodoItem, ...] = ()
        self._open = False
        self._asked_for = False  # after it had gone

    @property
    def is_open(self) -> bool:
        """Is the list shown, not just a line?"""
        return self._open

    def show(self, items: tuple[TodoItem, ...], *, busy: bool) -> None:
        """Show `items`; what is all done goes when the run does."""
        if items != self._items:
            resize = self._open and len(items) != len(self._items)
            self._items, self._asked_for = items, False
            self.refresh(layout=resize)
        left = any(item.status is not TodoStatus.DONE for item in items)
        self.set_class(bool(items) and (left or busy or self._asked_for), "-filled")

    def toggle(self) -> bool:
        """Fold or unfold; False when there is no list."""
        if not self._items:
            return False
        hidden = not self.has_class("-filled")
        self._open = hidden or not self._open
        self._asked_for = hidden
        self.add_class("-filled")
        self.refresh(layout=True)
        return True

    def get_content_height(self, container: Size, viewport: Size, width: int) -> int:
        """A line; with the list a row per item, up to a limit that leaves the conversation its room."""
        if not self._open:
            return 1
        return 1 + max(1, min(len(self._items), self.MAX_ROWS, viewport.height // 4))

    def render(self) -> RenderResult:
        """The line, or the title and the rows."""
        width, height = self.content_size
        done = sum(item.status is TodoStatus.DONE for item in self._items)
        title = Text(f"{done}/{len(self._items)}", self._style("title"), no_wrap=True, end="")
        if not self._items:
            return title
        if not self._open or height < 2:
            title.append(" ")
            title.append_text(self._row(current_todo(self._items), width - title.cell_len))
            return title
        title.append(" to do", self._style("title"))
        shown = todo_window(self._items, height - 1)
        if len(shown) < len(self._items):
            title.append(f" · {len(self._items) - len(shown)} more", self._style("title"))
        return Text("\n", no_wrap=True, end="").join(
            [title, *(self._row(place, width, indent="  ") for place in shown)]
        )

    def _row(self, place: int, width: int, indent: str = "") -> Text:
        item = self._items[place]
        row = Text(f"{indent}{todo_words(item)}", self._style(item.status.value), no_wrap=True, end="")
        row.truncate(max(1, width), overflow="ellipsis")
        return row

    def _style(self, name: str) -> Style:
        return self.get_component_rich_style(f"todo--{name}", partial=True)
