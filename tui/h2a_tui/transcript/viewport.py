"""Which rows of a document are in view: the end while it is followed, else the place the reader went to.

Away from the end nothing moves: what grows above or below leaves the rows in view where they are. Knows
nothing of a screen; `Transcript` paints what is in view.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterable
from typing import Final

from h2a_tui.transcript.document import Document
from h2a_tui.transcript.layout import Anchor, Layout
from h2a_tui.transcript.lines import Line, Page

__all__ = ["Viewport"]

_NEARBY_PAGES: Final = 3


class Viewport:
    """`height` rows from line `top` on. `new_below` counts lines that came at the end while the reader was away.

    `changed` is called with the indices of items that are not what they were, before they are laid out anew.
    """

    def __init__(self, document: Document, page: Page) -> None:
        self.document = document
        self.layout = Layout(document, page)
        self.height = 0
        self.top = 0
        self.follow = True
        self.new_below = 0
        self.changed: Callable[[Iterable[int]], None] = lambda _indices: None

    @property
    def page(self) -> Page:
        """What the rows are drawn for."""
        return self.layout.page

    @property
    def items(self) -> range:
        """The indices of what is in view."""
        first, last = self.layout.find(self.top), self.layout.find(self.top + self.height - 1)
        end = len(self.document.items) if last is None else last + 1
        return range(end if first is None else first, end)

    def set_page(self, page: Page) -> None:
        """Draw on another page; the line at the top stays at the top, the end stays in view."""
        self._sync()
        anchor = self.layout.anchor(self.top)
        self.layout.set_page(page)
        if anchor is not None and not self.follow:
            self.top = self.layout.line_of(anchor)

    def take_changes(self) -> None:
        """Take in what the document has become; a reader away from the end keeps the place."""
        if self.follow:
            self._sync()
            return
        anchor = self.layout.anchor(self.top)
        self.new_below = max(0, self.new_below + self._sync())
        if anchor is not None:
            self.top = self.layout.line_of(anchor)

    def _sync(self) -> int:
        self.changed(self.document.dirty)
        return self.layout.sync()

    def measure(self) -> None:
        """Make what is in view exact, and `top` a line there is."""
        if self.follow:
            self.layout.fill_up(self.height)
            self.new_below = 0
        else:
            self.layout.fill_down(self.top, self.height)
        end = max(0, self.layout.total - self.height)
        self.top = end if self.follow else min(self.top, end)

    def rows(self) -> list[Line]:
        """The rows in view; fewer at the end."""
        return self.layout.rows(self.top, self.height)

    # ---------------------------------------------------------------- going places

    def scroll_by(self, moved: int) -> None:
        """Move by `moved` lines down, or up when negative."""
        self.take_changes()
        top = self.top + moved
        self.follow = top >= self.layout.total - self.height
        # Nearby, what is above comes into view as it is; a long way off there is nothing to be continuous with.
        if -_NEARBY_PAGES * self.height <= moved < 0:
            top = self.layout.fill_above(self.top, -moved) + moved
        self.top = max(0, top)

    def place(self) -> Anchor | None:
        """Where the reader is; None where that is the end, to be followed."""
        self.take_changes()
        return None if self.follow else self.layout.anchor(self.top)

    def return_to(self, place: Anchor | None) -> None:
        """Go back to a place."""
        self.take_changes()
        self.follow = place is None
        if place is not None:
            self.top = self.layout.line_of(place)

    def bring_into_view(self, index: int, row: int) -> None:
        """Show `row` of item `index`: in the middle, where it is not in view yet."""
        self.take_changes()
        self.layout.rows_of(index)
        line = self.layout.start(index) + row
        if not self.top <= line < self.top + self.height:
            # What is above the place is measured first, so that it moves nothing afterwards.
            line = self.layout.fill_above(line, self.height // 2)
            self._begin_at(max(0, line - self.height // 2))

    def to_prompt(self, step: int, line: int | None = None) -> int | None:
        """Bring the next thing a person said (`step` 1) or the previous (-1) to the top.

        Counted from `line`, else from the first one in view. Returns its index, None when there is none.
        """
        self.take_changes()
        here = self.top if line is None else line
        prompts = self.document.prompts
        starts = [self.layout.start(index) + 1 for index in prompts]  # below the gap
        at = bisect_right(starts, here) if step > 0 else bisect_left(starts, here) - 1
        at_end = line is None and step > 0 and self.follow
        if not 0 <= at < len(prompts) or at_end:
            return None
        self.layout.rows_of(prompts[at])
        self._begin_at(self.layout.start(prompts[at]) + 1)
        return prompts[at]

    def _begin_at(self, line: int) -> None:
        self.top = line
        self.layout.fill_down(line, self.height)
        self.follow = line >= self.layout.total - self.height
