"""Where the items of a document are on an endless page: exact near the reader, estimated elsewhere.

Only items that are looked at are rendered. Their rows are kept while there is room and they were looked at
lately; the rest of the document is source text and one number per item. When an estimate above the reader
turns out wrong, the reader's place moves with the text, so nothing on the screen jumps.
"""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass
from itertools import pairwise
from typing import Final

from h2a_tui.transcript.document import Document
from h2a_tui.transcript.fenwick import Heights
from h2a_tui.transcript.items import Item, Size, estimate
from h2a_tui.transcript.lines import Line, Page

__all__ = ["Anchor", "Layout"]

_ROWS_KEPT: Final = 4000


@dataclass(frozen=True, slots=True)
class Anchor:
    """A reader's place that survives other heights.

    `row` of item `index`, on a page `width` cells wide; for other widths the same place as a line of the
    source, counted in rows that are not wrapped, and how many characters into it.
    """

    index: int
    row: int
    width: int
    line: int
    offset: int


def _place(rows: list[Line], row: int) -> tuple[int, int]:
    """The source line and offset at which `row` begins."""
    line, offset = 0, 0
    for above, below in pairwise(rows[: row + 1]):
        if below.join is None:
            line, offset = line + 1, 0
        else:
            offset += len(above.text) - above.lead + len(below.join)
    return line, offset


def _row_at(rows: list[Line], line: int, offset: int) -> int:
    """The row that holds such a place; the last one where there is none."""
    at = (0, 0)
    for row in range(1, len(rows)):
        above, join = rows[row - 1], rows[row].join
        at = (at[0] + 1, 0) if join is None else (at[0], at[1] + len(above.text) - above.lead + len(join))
        if at > (line, offset):
            return row - 1
    return max(0, len(rows) - 1)


class Layout:
    """Rows of a document on a page. Lines are counted from 0 at the top of the first item."""

    def __init__(self, document: Document, page: Page) -> None:
        self._document = document
        self.page = page
        self._heights = Heights()
        self._sizes: list[Size] = []  # of all items: looking at each again would make a resize slow
        self._recent: OrderedDict[int, int] = OrderedDict()  # measured items and their rows, oldest first
        self._kept = 0

    @property
    def total(self) -> int:
        """All lines, as far as is known."""
        return self._heights.total

    def find(self, line: int) -> int | None:
        """The index of the item at `line`."""
        index, _ = self._heights.find(line)
        return index if line >= 0 and index < len(self._heights) else None

    def start(self, index: int) -> int:
        """The first line of item `index`."""
        return self._heights.start(index)

    def anchor(self, line: int) -> Anchor | None:
        """The place of `line`."""
        index, row = self._heights.find(line)
        if index >= len(self._heights):
            return None
        if index not in self._document.dirty:
            self._measure(index)
        rows = self._document.items[index].lines or []
        return Anchor(index, row, self.page.width, *_place(rows, min(row, len(rows) - 1)))

    def line_of(self, anchor: Anchor) -> int:
        """Where `anchor` is now. An item may have been divided into several meanwhile."""
        index, row = anchor.index, anchor.row
        self._measure(index)
        if anchor.width != self.page.width:
            row = _row_at(self._document.items[index].lines or [], anchor.line, anchor.offset)
        while row >= self._heights[index] and index + 1 < len(self._heights):
            row -= self._heights[index]
            index += 1
            self._measure(index)
        return self.start(index) + row

    # -------------------------------------------------------------- changing

    def set_page(self, page: Page) -> None:
        """Draw on another page. Unless only its colours are others, all heights are estimates again."""
        resized = (page.width, page.side_by_side) != (self.page.width, self.page.side_by_side)
        self.page = page
        for index in self._recent:
            self._document.items[index].forget()
        self._recent.clear()
        self._kept = 0
        if resized:
            column = page.column
            self._heights = Heights([estimate(size, column) for size in self._sizes])

    def sync(self) -> int:
        """Take in what has changed in the document; returns how many lines have come, those unfolded not among them."""
        document = self._document
        before = self.total
        turned = 0
        for index in range(len(self._heights), len(document.items)):
            item = document.items[index]
            self._sizes.append(item.size)
            self._heights.append(estimate(item.size, self.page.column))
            document.dirty.discard(index)
            self._forget(index)
        for index in document.dirty:
            item = document.items[index]
            self._sizes[index] = item.size
            if item.lines is not None and index in self._recent:
                grown = self._render(index, item)
            else:
                self._forget(index)
                grown = self._heights.set(index, estimate(item.size, self.page.column))
            if index in document.turned:
                turned += grown
        document.dirty.clear()
        document.turned.clear()
        return self.total - before - turned

    def fill_down(self, top: int, height: int) -> None:
        """Make the items on the `height` lines from `top` exact."""
        index, row = self._heights.find(top)
        seen = -row
        while seen < height and index < len(self._heights):
            self._measure(index)
            seen += self._heights[index]
            index += 1
        self._evict()

    def fill_above(self, line: int, height: int) -> int:
        """Make the items on the `height` lines above `line` exact; returns where `line` is then."""
        index, seen = self._heights.find(line)
        while seen < height and index:
            index -= 1
            line += self._measure(index)
            seen += self._heights[index]
        return line

    def fill_up(self, height: int) -> None:
        """Make the items on the last `height` lines exact."""
        index, seen = len(self._heights), 0
        while index and seen < height:
            index -= 1
            self._measure(index)
            seen += self._heights[index]
        self._evict()

    # --------------------------------------------------------------- reading

    def rows(self, line: int, count: int) -> list[Line]:
        """The rows from `line` on, at most `count`; fewer at the end."""
        rows: list[Line] = []
        index, row = self._heights.find(line)
        while len(rows) < count and index < len(self._heights):
            self._measure(index)
            lines = self._document.items[index].lines or []
            rows += lines[row : row + count - len(rows)]
            index, row = index + 1, 0
        return rows

    def rows_of(self, index: int) -> list[Line]:
        """All rows of item `index`, the gap included."""
        self._measure(index)
        return self._document.items[index].lines or []

    # ------------------------------------------------------------- measuring

    def _measure(self, index: int) -> int:
        """Give item `index` its rows and true height; returns by how much it grew."""
        item = self._document.items[index]
        if item.lines is not None and index in self._recent:
            self._recent.move_to_end(index)
            return 0
        return self._render(index, item)

    def _render(self, index: int, item: Item) -> int:
        old = item.lines or []
        new = item.render(self.page)
        for position, (was, now) in enumerate(zip(old, new, strict=False)):
            if was is not now and was == now:
                new[position] = was  # with its strip
        item.lines = new
        self._kept += len(new) - self._recent.pop(index, 0)
        self._recent[index] = len(new)
        return self._heights.set(index, len(new))

    def _forget(self, index: int) -> None:
        self._kept -= self._recent.pop(index, 0)
        self._document.items[index].forget()

    def _evict(self) -> None:
        """Let go of rows nobody has looked at for long. What was just looked at stays, however long it is."""
        while self._kept > _ROWS_KEPT and len(self._recent) > 64:
            index, rows = self._recent.popitem(last=False)
            self._kept -= rows
            self._document.items[index].forget()
