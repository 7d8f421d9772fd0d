"""One line that says what the keys do now."""

from __future__ import annotations

from typing import ClassVar

from textual.app import RenderResult
from textual.widget import Widget

from h2a_tui.verbs import Hint
from h2a_tui.widgets.hint_text import hint_text

__all__ = ["HintLine"]


class HintLine(Widget):
    """Draws hints; a new set costs one row of paint and no layout."""

    COMPONENT_CLASSES: ClassVar[set[str]] = {"hint-line--key", "hint-line--text"}
    DEFAULT_CSS = """
    HintLine {
        height: 1;
        padding: 0 1;
        & .hint-line--key { color: $h2a-text; }
        & .hint-line--text { color: $h2a-dim; }
    }
    """

    def __init__(self) -> None:
        super().__init__()
        self._hints: tuple[Hint, ...] = ()

    def show(self, hints: tuple[Hint, ...]) -> None:
        """Show `hints`."""
        if hints != self._hints:
            self._hints = hints
            self.refresh()

    def render(self) -> RenderResult:
        """The line."""
        line = hint_text(self._hints, self.content_size.width, "key", "text")
        styles = {
            "key": self.get_component_rich_style("hint-line--key", partial=True),
            "text": self.get_component_rich_style("hint-line--text", partial=True),
        }
        for index, span in enumerate(line.spans):
            line.spans[index] = span._replace(style=styles[str(span.style)])
        return line
