"""Where the items of a document are on an endless page: exact near the reader, estimated elsewhere.

Only items that are looked at are rendered. Their rows are kept while there is room and they were looked at
lately; the rest of the document is source text and one number per item. When an estimate above the reader
turns out wrong, the reader's place moves with the text, so nothing on the screen jumps.
"""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass
from typing import Final

from h2a_tui.transcript.document import Document
from h2a_tui.transcript.fenwick import Heights
from h2a_tui.transcript.items import Item
from h2a_tui.transcript.lines import Line, Page

__all__ = ["Anchor", "Layout"]

_ROWS_KEPT: Final = 4000


@dataclass(frozen=True, slots=True)
class Anchor:
    """A reader's place that survives other heights: a row of an item, and how many it had at which width."""

    index: int
    row: int
    height: int
    width: int


class Layout:
    """Rows of a document on a page. Lines are counted from 0 at the top of the first item."""

    def __init__(self, document: Document, page: Page) -> None:
        self._document = document
        self.page = page
        self._heights = Heights()
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
        return Anchor(index, row, self._heights[index], self.page.width)

    def line_of(self, anchor: Anchor) -> int:
        """Where `anchor` is now. An item may have been divided into several meanwhile."""
        index, row = anchor.index, anchor.row
        self._measure(index)
        if anchor.width != self.page.width:
            row = min(row * self._heights[index] // max(1, anchor.height), self._heights[index] - 1)
        while row >= self._heights[index] and index + 1 < len(self._heights):
            row -= self._heights[index]
            index += 1
            self._measure(index)
        return self.start(index) + max(0, row)

    # -------------------------------------------------------------- changing

    def set_page(self, page: Page) -> None:
        """Draw on another page. With another width all heights are estimates again."""
        items = self._document.items
        resized = page.width != self.page.width
        self.page = page
        for item in items:
            item.forget()
        self._recent.clear()
        self._kept = 0
        if resized:
            for item in items:
                item.exact = False
            self._heights = Heights([item.estimate(page) for item in items])
            self._document.dirty.clear()

    def sync(self) -> int:
        """Take in what has changed in the document; returns how many lines it has become longer by."""
        document = self._document
        before = self.total
        for index in range(len(self._heights), len(document.items)):
            self._heights.append(document.items[index].estimate(self.page))
            document.dirty.discard(index)
            self._forget(index)
        for index in document.dirty:
            item = document.items[index]
            if item.lines is not None and index in self._recent:
                self._render(index, item)
            else:
                self._forget(index)
                self._heights.set(index, item.estimate(self.page))
        document.dirty.clear()
        return self.total - before

    def fill_down(self, top: int, height: int) -> int:
        """Make the items on the `height` lines from `top` exact; returns `top` as it is then.

        An item that begins above `top` keeps its end in place.
        """
        index, row = self._heights.find(top)
        if index >= len(self._heights):
            return top
        if row:
            grown = self._measure(index)
            top = max(self.start(index), top + grown)
            row = top - self.start(index)
        seen = -row
        while seen < height and index < len(self._heights):
            self._measure(index)
            seen += self._heights[index]
            index += 1
        self._evict()
        return top

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
        item.lines, item.exact = new, True
        self._kept += len(new) - self._recent.pop(index, 0)
        self._recent[index] = len(new)
        return self._heights.set(index, len(new))

    def _forget(self, index: int) -> None:
        self._kept -= self._recent.pop(index, 0)
        item = self._document.items[index]
        item.forget()
        item.exact = False

    def _evict(self) -> None:
        """Let go of rows nobody has looked at for long. What was just looked at stays, however long it is."""
        while self._kept > _ROWS_KEPT and len(self._recent) > 64:
            index, rows = self._recent.popitem(last=False)
            self._kept -= rows
            self._document.items[index].forget()
