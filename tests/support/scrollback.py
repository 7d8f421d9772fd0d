"""Pyte's screen with what scrolls off its top, resized as xterm does it: nothing is wrapped anew, the cursor stays on its text."""

from __future__ import annotations

from typing import Any

import pyte

__all__ = ["ScrollbackScreen"]


class ScrollbackScreen(pyte.Screen):
    """`scrolled` holds the lines above the screen."""

    def __init__(self, columns: int, lines: int) -> None:
        self.scrolled: list[str] = []
        super().__init__(columns, lines)

    def index(self) -> None:
        """One line down; at the bottom the top line goes into the scrollback."""
        top, bottom = self.margins or (0, self.lines - 1)
        if self.cursor.y == bottom and top == 0:
            self.scrolled.append(self._line(0))
        super().index()

    def resize(self, lines: int | None = None, columns: int | None = None) -> None:
        """Rows below the cursor go first, then the top ones, into the scrollback."""
        lines, columns = lines or self.lines, columns or self.columns
        while self.cursor.y > lines - 1:
            self.scrolled.append(self._line(0))
            rows: dict[int, Any] = {y - 1: row for y, row in self.buffer.items() if y}
            self.buffer.clear()
            self.buffer.update(rows)
            self.cursor.y -= 1
        for y, row in list(self.buffer.items()):
            if y >= lines:
                del self.buffer[y]
            for x in [x for x in row if x >= columns]:
                del row[x]
        self.lines, self.columns = lines, columns
        self.cursor.x = min(self.cursor.x, columns - 1)
        self.margins = None
        self.dirty.update(range(lines))

    def set_margins(self, top: int | None = None, bottom: int | None = None) -> None:
        """As terminals do it, which pyte forgets when the margins go: the cursor goes home."""
        super().set_margins(top, bottom)
        self.cursor_position()

    def _line(self, y: int) -> str:
        row = self.buffer[y]
        return "".join(row[x].data for x in range(self.columns)).rstrip()
