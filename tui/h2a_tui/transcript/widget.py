"""The transcript on the screen: a virtual page of any length, painted line by line.

There are no child widgets, and a token causes no layout pass. The widget shows rows of a `Layout` through
Textual's public line API; what has really changed on the screen is found by comparing rows and repainted.

It follows the end until the reader scrolls up, and again when the reader is back. Away from the end nothing
moves: what grows above or below leaves the rows on the screen where they are.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from dataclasses import replace
from time import perf_counter, time
from typing import ClassVar, Final

from rich.cells import cell_len
from rich.segment import Segment
from textual import events
from textual.geometry import Region, Size
from textual.message import Message
from textual.scroll_view import ScrollView
from textual.selection import Selection
from textual.strip import Strip

from h2a_agent.events import AnyEvent, PathChanged
from h2a_themes import Theme, load
from h2a_tui.theme import styles_of
from h2a_tui.transcript.document import Document
from h2a_tui.transcript.items import Item
from h2a_tui.transcript.layout import Layout
from h2a_tui.transcript.lines import Line, Page, copied_text, make_strip
from h2a_tui.transcript.markdown import warm_up
from h2a_tui.transcript.pacing import SLICE_S, Pacer

__all__ = ["Transcript"]

_NEARBY_PAGES: Final = 3
_TICK_S: Final = 1.0
_UNSEEN_WIDTH: Final = 80  # cells, for `plain_text` before there is a screen


class Transcript(ScrollView, can_focus=False):
    """Shows a conversation as its events arrive."""

    ALLOW_SELECT: ClassVar[bool] = True
    # The scroll bar would cost a column and a widget; the thumb is drawn over the margin while it is needed.
    DEFAULT_CSS = """
    Transcript {
        height: 1fr;
        overflow-x: hidden;
        overflow-y: scroll;
        scrollbar-size: 0 0;
    }
    """

    class NewBelow(Message):
        """The reader is away from the end and `lines` more have come there; 0 when the reader is back."""

        def __init__(self, lines: int) -> None:
            super().__init__()
            self.lines = lines

    class ItemClicked(Message):
        """An item was clicked on, and folded or unfolded if that was where it can be."""

        def __init__(self, index: int, item: Item) -> None:
            super().__init__()
            self.index = index
            self.item = item

    def __init__(
        self,
        document: Document | None = None,
        theme: Theme | None = None,
        *,
        side_by_side: bool = True,
        id: str | None = None,
    ) -> None:
        super().__init__(id=id)
        self._document = document or Document()
        self._styles = styles_of(theme or load("dark"))
        self._layout_of_items = Layout(self._document, Page(0, self._styles, side_by_side))
        self._pending: deque[AnyEvent] = deque()
        self._pacer = Pacer(self._work, self._paint)
        self._live = False
        self._follow = True
        self._top = 0
        self._shown: list[Line] = []
        self._thumb: tuple[int, int] | None = None
        self._new_below = 0
        self._ticking = False

    # --------------------------------------------------------------- content

    @property
    def document(self) -> Document:
        """What is shown."""
        return self._document

    @property
    def following(self) -> bool:
        """Is the end in view, and kept there?"""
        return self._follow

    @property
    def busy(self) -> bool:
        """Is something still waiting to be taken in or drawn?"""
        return bool(self._pending) or self._pacer.busy

    def apply(self, event: AnyEvent) -> None:
        """Show what happened. Returns at once; the screen changes within a frame."""
        self.apply_many((event,))

    def apply_many(self, events: Iterable[AnyEvent]) -> None:
        """Show what happened, in order."""
        for event in events:
            if isinstance(event, PathChanged):
                self._begin_anew(event.past)
            else:
                self._pending.append(event)
        self._wake()

    def tell(self, text: str) -> None:
        """Show a text that no event brought, behind what is shown."""
        self._document.tell(text)
        self._wake()

    def _begin_anew(self, past: Iterable[AnyEvent]) -> None:
        """Show `past` in the place of everything there is."""
        self._document = Document()
        self._layout_of_items = Layout(self._document, self._layout_of_items.page)
        self._pending = deque(past)
        self._follow, self._top = True, 0

    def plain_text(self) -> str:
        """The whole transcript as it is drawn, with wrapped lines joined. Takes in everything that waits."""
        self._take_in()
        page = replace(self._layout_of_items.page, width=self.size.width or _UNSEEN_WIDTH)
        parts: list[str] = []
        for item in self._document.items:
            for line in item.render(page):
                if line.join is None:
                    parts.append("\n" + line.text)
                else:
                    parts.append(line.join + line.text[line.lead :])
        return "".join(parts).strip("\n")

    def set_theme(self, theme: Theme) -> None:
        """Draw in other colours; the place stays."""
        self._styles = styles_of(theme)
        self._set_page(replace(self._layout_of_items.page, styles=self._styles))

    def toggle_diff_layout(self) -> bool:
        """Draw changes in one column instead of two, or the other way round; is it two now?"""
        page = self._layout_of_items.page
        self._set_page(replace(page, side_by_side=not page.side_by_side))
        return not page.side_by_side

    def _set_page(self, page: Page) -> None:
        """Draw on another page; the line at the top stays at the top, the end stays in view."""
        layout = self._layout_of_items
        layout.sync()
        anchor = layout.anchor(self._top)
        layout.set_page(page)
        if anchor is not None and not self._follow:
            self._top = layout.line_of(anchor)
        self._shown = []
        if self._live:
            self._paint()

    # --------------------------------------------------------------- reading

    def scroll_page(self, pages: int) -> None:
        """Turn `pages` pages down (or up, when negative), with one line in common."""
        self.scroll_lines(pages * max(1, self.size.height - 1))

    def scroll_lines(self, lines: int) -> None:
        """Move by `lines` down (or up, when negative)."""
        self.scroll_to(y=self._top + lines, animate=False)

    def scroll_end_now(self) -> None:
        """Go to the end and follow it."""
        self._follow = True
        if self._live:
            self._paint()

    def toggle_all(self) -> None:
        """Unfold everything; fold everything when nothing is folded."""
        self._take_in()
        if self._document.toggle_all() and self._live:
            self._paint()

    def toggle_fold(self, index: int) -> None:
        """Fold or unfold item `index` where it stands."""
        if self._document.toggle_fold(index) and self._live:
            self._paint()

    # ------------------------------------------------- Textual: size and scroll

    def on_mount(self) -> None:
        """Draw what has come already; import what the first answer will need once that is on the screen."""
        self._live = True
        self._wake()
        self.call_after_refresh(self._warm_up)

    def on_unmount(self) -> None:
        """Draw no more."""
        self._live = False
        self._pacer.stop()

    def on_resize(self) -> None:
        """Wrap for the new width."""
        page = self._layout_of_items.page
        if self.size.width == page.width:
            self._shown = []
            self._paint()
            return
        self._set_page(replace(page, width=self.size.width))
        if self.text_selection is not None:
            self.screen.clear_selection()  # it is counted in lines

    def watch_scroll_y(self, old_value: float, new_value: float) -> None:
        """The reader has scrolled: draw there, and follow the end again if that is where it is."""
        moved = round(new_value) - self._top
        if not moved:
            return
        self._take_changes()
        layout, height = self._layout_of_items, self.size.height
        top = self._top + moved
        self._follow = top >= layout.total - height
        # Nearby, what is above comes into view as it is; a long way off there is nothing to be continuous with.
        if -_NEARBY_PAGES * height <= moved < 0:
            top = layout.fill_above(self._top, -moved) + moved
        self._top = max(0, top)
        self._show()

    def on_click(self, event: events.Click) -> None:
        """Fold or unfold the item whose head or "more" mark was clicked."""
        line = self._top + event.y
        index = self._layout_of_items.find(line)
        if index is None:
            return
        item = self._document.items[index]
        rows = self._layout_of_items.rows(line, 1)
        is_head = line == self._layout_of_items.start(index) + item.gap
        if rows and (is_head or rows[0].text.endswith("▸")):
            self.toggle_fold(index)
        self.post_message(self.ItemClicked(index, item))

    # -------------------------------------------------- Textual: the line API

    def render_line(self, y: int) -> Strip:
        """One row, carrying the offsets a selection is made of."""
        strip = self._strips(self._top + y, 1)[0]
        return strip.apply_offsets(0, self._top + y)

    def render_lines(self, crop: Region) -> list[Strip]:
        """The rows of `crop`. Bypasses the per-line style cache, which has nothing to add: strips are complete."""
        strips = self._strips(self._top + crop.y, crop.height)
        if self._thumb is not None:
            strips = [self._with_thumb(strip, crop.y + y) for y, strip in enumerate(strips)]
        filters = self.app.get_line_filters()
        if filters:
            _, background = self.background_colors
            for line_filter in filters:
                strips = [strip.apply_filter(line_filter, background) for strip in strips]
        if crop.x or crop.width != self.size.width:
            strips = [strip.crop(crop.x, crop.right) for strip in strips]
        return strips

    def get_selection(self, selection: Selection) -> tuple[str, str] | None:
        """The selected text, wrapped lines joined and decoration left out."""
        layout = self._layout_of_items
        first = selection.start.y if selection.start is not None else 0
        last = selection.end.y if selection.end is not None else layout.total - 1
        margin = layout.page.margin
        wanted: list[tuple[Line, int, int | None]] = []
        for offset, line in enumerate(layout.rows(first, last - first + 1)):
            begin, end = selection.get_span(first + offset) or (0, 0)
            wanted.append((line, max(0, begin - margin), None if end == -1 else max(0, end - margin)))
        return copied_text(wanted), "\n"

    def selection_updated(self, selection: Selection | None) -> None:
        """Show what is selected."""
        self.refresh()

    # ---------------------------------------------------------------- drawing

    def _warm_up(self) -> None:
        self.run_worker(warm_up, name="transcript-warm-up", thread=True)

    def _wake(self) -> None:
        if self._live:
            self._pacer.request()

    def _work(self) -> bool:
        """Take in some of what waits; True when there is more."""
        deadline = perf_counter() + SLICE_S
        document = self._document
        if document.clock_runs and not self._ticking:
            self._ticking = True
            self.set_timer(_TICK_S, self._tick)
        while self._pending:
            document.apply(self._pending.popleft())
            if perf_counter() > deadline:
                return True
        while document.settle():
            if perf_counter() > deadline:
                return True
        return False

    def _tick(self) -> None:
        """A second has gone by for the tools that run."""
        self._ticking = False
        self._document.tell_time(time())
        self._wake()

    def _take_in(self) -> None:
        while self._pending:
            self._document.apply(self._pending.popleft())
        while self._document.settle():
            pass

    def _paint(self) -> None:
        """Bring layout, scroll position and screen in line with the document."""
        if (
            self.size.width and self._layout_of_items.page.width == self.size.width
        ):  # else the resize is to come
            self._take_changes()
            self._show()

    def _take_changes(self) -> None:
        """Take in what the document has become; a reader away from the end keeps the place."""
        layout = self._layout_of_items
        if self._follow:
            layout.sync()
            return
        anchor = layout.anchor(self._top)
        new_below = max(0, self._new_below + layout.sync())
        if anchor is not None:
            self._top = layout.line_of(anchor)
        self._say_new_below(new_below)

    def _show(self) -> None:
        """Measure what is in view, and paint what has changed there."""
        layout, height = self._layout_of_items, self.size.height
        if self._follow:
            layout.fill_up(height)
            self._say_new_below(0)
        else:
            layout.fill_down(self._top, height)
        end = max(0, layout.total - height)
        self._top = end if self._follow else min(self._top, end)
        # Nothing on the screen is laid out by our virtual size, so the watchers (a layout pass) are not wanted.
        self.set_reactive(ScrollView.virtual_size, Size(self.size.width, layout.total))
        self.set_reactive(ScrollView.scroll_y, float(self._top))
        self.set_reactive(ScrollView.scroll_target_y, float(self._top))
        self._refresh_changed(height)

    def _refresh_changed(self, height: int) -> None:
        layout = self._layout_of_items
        shown = layout.rows(self._top, height)
        thumb = None if self._follow else _thumb(self._top, height, layout.total)
        if thumb != self._thumb:
            self._thumb, self._shown = thumb, shown
            self.refresh()
            return
        was, self._shown = self._shown, shown
        rows = range(max(len(was), len(shown)))
        changed = [y for y in rows if y >= len(was) or y >= len(shown) or was[y] is not shown[y]]
        if changed:
            self.refresh(Region(0, changed[0], self.size.width, changed[-1] - changed[0] + 1))

    def _say_new_below(self, lines: int) -> None:
        if lines != self._new_below:
            self._new_below = lines
            self.post_message(self.NewBelow(lines))

    def _strips(self, line: int, count: int) -> list[Strip]:
        """`count` rows from `line` on, blank below the end, the selection marked."""
        page = self._layout_of_items.page
        strips = [make_strip(row, page) for row in self._layout_of_items.rows(line, count)]
        if len(strips) < count:
            strips += [Strip.blank(self.size.width, self._styles.page)] * (count - len(strips))
        selection = self.text_selection
        if selection is not None:
            strips = [self._with_selection(strip, selection, line + y) for y, strip in enumerate(strips)]
        return strips

    def _with_selection(self, strip: Strip, selection: Selection, line: int) -> Strip:
        span = selection.get_span(line)
        if span is None:
            return strip
        text = strip.text
        begin = cell_len(text[: span[0]])
        end = cell_len(text.rstrip() if span[1] == -1 else text[: span[1]])
        if end <= begin:
            return strip
        marked = Strip(
            [
                Segment(s.text, s.style + self._styles.selection if s.style else s.style)
                for s in strip.crop(begin, end)
            ]
        )
        return Strip.join([strip.crop(0, begin), marked, strip.crop(end)])

    def _with_thumb(self, strip: Strip, y: int) -> Strip:
        if self._thumb is None or not self._thumb[0] <= y < self._thumb[1]:
            return strip
        return Strip([*strip.crop(0, self.size.width - 1), Segment("▐", self._styles.rail)], self.size.width)


def _thumb(top: int, height: int, total: int) -> tuple[int, int]:
    """The rows of the position mark: its first, and the one after its last."""
    size = max(1, height * height // max(1, total))
    travel = max(0, height - size)
    begin = travel * top // max(1, total - height)
    return begin, begin + size
