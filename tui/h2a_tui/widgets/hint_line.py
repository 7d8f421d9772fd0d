"""One line that says what the keys do now."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from rich.text import Text
from textual.app import RenderResult
from textual.widget import Widget

from h2a_tui.verbs import Hint

__all__ = ["HintLine", "hint_text"]

_GAP = " · "
_ROOM_FOR_MODE = 40  # columns; below, what Enter does is more important


def hint_text(hints: Sequence[Hint], width: int, key_style: str = "", text_style: str = "") -> Text:
    """As many of `hints` as fit into `width`: in full when possible, else the first two short and no more."""
    for count in range(len(hints), 1, -1):
        if _length(full := [(h.key, h.meaning) for h in hints[:count]]) <= width:
            return _joined(full, key_style, text_style)
    short = [(h.key, h.short or h.meaning) for h in hints]
    for count in range(min(len(hints), 3), 0, -1):
        if _length(short[:count]) <= width or count == 1:
            line = _joined(short[:count], key_style, text_style)
            line.truncate(width)
            return line
    return Text()


def _length(pairs: Sequence[tuple[str, str]]) -> int:
    return sum(len(key) + 1 + len(meaning) for key, meaning in pairs) + len(_GAP) * (len(pairs) - 1)


def _joined(pairs: Sequence[tuple[str, str]], key_style: str, text_style: str) -> Text:
    line = Text(no_wrap=True, end="")
    for index, (key, meaning) in enumerate(pairs):
        line.append(_GAP if index else "", text_style)
        line.append(key, key_style)
        line.append(f" {meaning}", text_style)
    return line


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
