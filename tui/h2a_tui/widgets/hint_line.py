"""One line that says what the keys do now."""

from __future__ import annotations

from typing import ClassVar, Final

from rich.text import Text
from textual.app import RenderResult
from textual.widget import Widget

from h2a_tui.verbs import Hint
from h2a_tui.widgets.hint_text import hint_text

__all__ = ["HintLine"]

_ROOM_FOR_MODE: Final = 40  # columns; below, what Enter does is more important


class HintLine(Widget):
    """Draws hints; a new set costs one row of paint and no layout."""

    COMPONENT_CLASSES: ClassVar[set[str]] = {"hint-line--key", "hint-line--text", "hint-line--mode"}
    DEFAULT_CSS = """
    HintLine {
        height: 1;
        padding: 0 1;
        & .hint-line--key { color: $h2a-text; }
        & .hint-line--text { color: $h2a-dim; }
        & .hint-line--mode { color: $h2a-accent; text-style: bold; }
    }
    """

    def __init__(self) -> None:
        super().__init__()
        self._hints: tuple[Hint, ...] = ()
        self._mode = ""

    def show(self, hints: tuple[Hint, ...], mode: str = "") -> None:
        """Show `hints`, behind the word for the mode of an editor that has modes."""
        if (hints, mode) != (self._hints, self._mode):
            self._hints, self._mode = hints, mode
            self.refresh()

    def render(self) -> RenderResult:
        """The line."""
        width = self.content_size.width
        mode = f"{self._mode}  " if self._mode and width >= _ROOM_FOR_MODE else ""
        line = Text.assemble((mode, "mode"), hint_text(self._hints, width - len(mode), "key", "text"), end="")
        styles = {
            "mode": self.get_component_rich_style("hint-line--mode", partial=True),
            "key": self.get_component_rich_style("hint-line--key", partial=True),
            "text": self.get_component_rich_style("hint-line--text", partial=True),
        }
        for index, span in enumerate(line.spans):
            line.spans[index] = span._replace(style=styles[str(span.style)])
        return line
