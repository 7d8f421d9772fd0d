"""What stands on the screen: the rows in view, and what is laid over them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from rich.segment import Segment
from textual.color import Color
from textual.filter import LineFilter
from textual.geometry import NULL_SIZE, Size
from textual.selection import Selection
from textual.strip import Strip

from h2a_tui.transcript.lines import Line, Page, make_strip
from h2a_tui.transcript.marks import Mark, mark_right, with_marks

__all__ = ["Frame"]


@dataclass(frozen=True, slots=True)
class Frame:
    """`rows` from line `top` on, on a screen of `size`, blank below the end.

    `found` has the marks of a search by the identity of a row, `chosen` the lines beside which the cursor's bar stands.
    `thumb` are the rows of the position mark, `below` the words in the right corner at the bottom.
    """

    page: Page
    size: Size = NULL_SIZE
    top: int = 0
    rows: Sequence[Line] = ()
    found: Mapping[int, Sequence[Mark]] = field(default_factory=dict)
    selection: Selection | None = None
    chosen: range = range(0)
    thumb: tuple[int, int] = (0, 0)
    below: str = ""

    def strips(self, filters: Sequence[LineFilter], background: Color) -> list[Strip]:
        """Each row of the screen, exactly as wide as it is. A row with nothing over it is the same strip each time."""
        strips = [self._strip(y) for y in range(self.size.height)]
        for line_filter in filters:
            strips = [strip.apply_filter(line_filter, background) for strip in strips]
        return strips

    def _strip(self, y: int) -> Strip:
        width, styles = self.size.width, self.page.styles
        if y >= len(self.rows):
            strip = Strip.blank(width, styles.page)
        else:
            strip = make_strip(self.rows[y], self.page)
            strip = strip if strip.cell_length == width else strip.adjust_cell_length(width, styles.page)
            strip = self._with_found(strip, self.rows[y])
        strip = self._with_selection(strip, self.top + y)
        if self.top + y in self.chosen:
            strip = Strip([Segment("▎", styles.accent), *strip.crop(1)], width)
        if self.thumb[0] <= y < self.thumb[1]:
            strip = mark_right(strip, "▐", styles.rail)
        if self.below and y == self.size.height - 1:
            strip = mark_right(strip, self.below, styles.new_below)
        return strip

    def _with_found(self, strip: Strip, row: Line) -> Strip:
        margin = self.page.margin
        marks = self.found.get(id(row), ())
        return with_marks(strip, [(begin + margin, end + margin, style) for begin, end, style in marks])

    def _with_selection(self, strip: Strip, line: int) -> Strip:
        span = self.selection.get_span(line) if self.selection is not None else None
        if span is None:
            return strip
        end = len(strip.text.rstrip()) if span[1] == -1 else span[1]
        return with_marks(strip, [(span[0], end, self.page.styles.selection)])
