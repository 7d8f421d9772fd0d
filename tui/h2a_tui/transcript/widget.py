"""The transcript on the screen: a virtual page of any length, painted line by line.

There are no child widgets, and a token causes no layout pass. The widget shows rows of a `Layout` through
Textual's public line API; what has really changed on the screen is found by comparing rows, and written straight to
the terminal where that is possible (`DirectPaint`), else repainted by Textual.

What is in view is for `Viewport` to say: the end until the reader scrolls up, and again when the reader is back.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Sequence
from dataclasses import replace
from time import perf_counter, time
from typing import ClassVar, Final

from textual import events
from textual.filter import LineFilter
from textual.geometry import Region, Size
from textual.message import Message
from textual.scroll_view import ScrollView
from textual.selection import Selection
from textual.strip import Strip

from h2a_agent.events import AnyEvent, PathChanged
from h2a_themes import Theme, load
from h2a_tui.direct_paint import DirectPaint
from h2a_tui.keymap import Context
from h2a_tui.row_changes import changed_rows
from h2a_tui.theme import styles_of
from h2a_tui.transcript.blocks import BlockCursor
from h2a_tui.transcript.document import Document
from h2a_tui.transcript.frame import Frame
from h2a_tui.transcript.items import Item
from h2a_tui.transcript.lines import Line, Page, copied_text
from h2a_tui.transcript.markdown import warm_up
from h2a_tui.transcript.marks import Mark, thumb_rows
from h2a_tui.transcript.pacing import SLICE_S, Pacer
from h2a_tui.transcript.preview import Gallery, Pictured, Wish
from h2a_tui.transcript.search import Search, spots_in
from h2a_tui.transcript.unfolding import Unfolding
from h2a_tui.transcript.viewport import Viewport

__all__ = ["Transcript"]

_TICK_S: Final = 1.0
_UNSEEN_WIDTH: Final = 80  # cells, for `plain_text` before there is a screen


class Transcript(ScrollView, can_focus=True, inherit_bindings=False):
    """Shows a conversation as its events arrive. It has the keyboard only while one reads with it (`read`)."""

    context: ClassVar[Context] = Context.READING
    ALLOW_SELECT: ClassVar[bool] = True
    FOCUS_ON_CLICK: ClassVar[bool] = False
    # The scroll bar would cost a column and a widget; the thumb is drawn over the margin while it is needed.
    DEFAULT_CSS = """
    Transcript {
        height: 1fr;
        overflow-x: hidden;
        overflow-y: scroll;
        scrollbar-size: 0 0;
    }
    """

    class Found(Message):
        """A search is at `position` (0: at none) of `total` places."""

        def __init__(self, position: int, total: int) -> None:
            super().__init__()
            self.position = position
            self.total = total

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
        self._styles = styles_of(theme or load("dark"))
        self._view = Viewport(document or Document(), Page(0, self._styles, side_by_side))
        self._unfolding = Unfolding(self._view)
        self._pending: deque[AnyEvent] = deque()
        self._direct = DirectPaint(self)
        self._pacer = Pacer(self._work, self._paint, lambda: not self._direct.behind)
        self._live = False
        self._frame = Frame(self._view.page)
        self._strips: list[
            Strip
        ] = []  # the frame as it is on the screen, or will be when Textual has painted
        self._filters: Sequence[LineFilter] = ()  # of these strips
        self._search: Search | None = None
        self._found: tuple[int, int] | None = None
        self.cursor: BlockCursor | None = None
        self.end_key = ""  # how to get to the end, for the mark that says what is new there
        self._ticking = False
        self.gallery: Gallery | None = None  # where the pictures are from; without one they are only named

    # --------------------------------------------------------------- content

    @property
    def document(self) -> Document:
        """What is shown."""
        return self._view.document

    @property
    def following(self) -> bool:
        """Is the end in view, and kept there?"""
        return self._view.follow

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
        self.document.tell(text)
        self._wake()

    def _begin_anew(self, past: Iterable[AnyEvent]) -> None:
        """Show `past` in the place of everything there is."""
        self._view = Viewport(Document(), self._view.page)
        self._view.height = self.size.height
        self._unfolding = Unfolding(self._view)
        self._pending = deque(past)
        self._search = self.cursor = None

    def plain_text(self) -> str:
        """The whole transcript as it is drawn, with wrapped lines joined. Takes in everything that waits."""
        self._take_in()
        page = replace(self._view.page, width=self.size.width or _UNSEEN_WIDTH)
        parts: list[str] = []
        for item in self.document.items:
            for line in item.render(page):
                if line.join is None:
                    parts.append("\n" + line.text)
                else:
                    parts.append(line.join + line.text[line.lead :])
        return "".join(parts).strip("\n")

    def set_theme(self, theme: Theme) -> None:
        """Draw in other colours; the place stays."""
        self._styles = styles_of(theme)
        self._set_page(replace(self._view.page, styles=self._styles))

    def toggle_diff_layout(self) -> bool:
        """Draw changes in one column instead of two, or the other way round; is it two now?"""
        page = self._view.page
        self._set_page(replace(page, side_by_side=not page.side_by_side))
        return not page.side_by_side

    def _set_page(self, page: Page) -> None:
        self._view.set_page(page)
        if self._live:
            self._paint()

    # --------------------------------------------------------------- reading

    def scroll_page(self, pages: int) -> None:
        """Turn `pages` pages down (or up, when negative), with one line in common."""
        self.scroll_lines(pages * max(1, self.size.height - 1))

    def scroll_lines(self, lines: int) -> None:
        """Move by `lines` down (or up, when negative)."""
        self.scroll_to(y=self._view.top + lines, animate=False)

    def scroll_end_now(self) -> None:
        """Go to the end and follow it."""
        self._view.follow = True
        if self._live:
            self._paint()

    def scroll_to_prompt(self, step: int) -> bool:
        """Go to the next thing a person said (`step` 1) or the previous (-1); False when there is none."""
        index = self._view.to_prompt(step, self.cursor.lines.start if self.cursor is not None else None)
        if index is None:
            return False
        if self.cursor is not None:
            self.cursor.put(index)
        self._show()
        return True

    def begin_search(self) -> None:
        """Remember where the reader is; `find` looks for something."""
        self._search, self._found = Search(self._view), None

    def find(self, text: str) -> None:
        """Look for `text`, and go to what is nearest to where the search began."""
        if self._search is None:
            self.begin_search()
        assert self._search is not None
        if self._search.seek(text):
            self._show()
            self._wake()

    def find_next(self, step: int) -> None:
        """Go to the next (`step` 1) or the previous (-1) place that was found."""
        if self._search is not None:
            self._take_in()
            self._search.step(step)
            self._show()

    def end_search(self, *, stay: bool) -> None:
        """Stop looking; unless the reader wants to `stay`, go back to where the search began."""
        search, self._search = self._search, None
        if search is not None:
            search.end(stay=stay)
            if stay and self.cursor is not None and search.item is not None:
                self.cursor.put(search.item)
            self._show()

    def read(self) -> None:
        """Put a cursor on the last block in view."""
        self._take_in()
        self._paint()
        self.cursor = BlockCursor(self._view)
        self._show()

    def end_reading(self) -> None:
        """Take the cursor away; the place stays."""
        self.cursor = None
        self._show()

    def move_cursor(self, step: int, *, extend: bool = False) -> None:
        """Go to the next block (`step` 1) or the previous (-1); at the end, follow it."""
        if self.cursor is not None:
            if not self.cursor.move(step, extend=extend) and step > 0:
                self._view.follow = True
            self._show()

    def toggle_all(self) -> None:
        """Soon unfold everything; fold everything when nothing is folded."""
        self._unfolding.toggle_all()
        self._wake()

    def toggle_fold(self, index: int) -> None:
        """Fold or unfold item `index` where it stands: at once, or soon if there is much to draw."""
        if self._unfolding.toggle(index, perf_counter() + SLICE_S) and self._live:
            self._paint()
        else:
            self._wake()

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
        page = self._view.page
        if self.size.width == page.width:
            self._paint()
            return
        self._set_page(replace(page, width=self.size.width))
        if self.text_selection is not None:
            self.screen.clear_selection()  # it is counted in lines

    def watch_scroll_y(self, old_value: float, new_value: float) -> None:
        """The reader has scrolled: draw there, and follow the end again if that is where it is."""
        moved = round(new_value) - self._view.top
        if not moved:
            return
        self._view.height = self.size.height  # a resize clamps first and is told afterwards
        if self._view.follow and new_value >= self.max_scroll_y:
            self._paint()  # it has clamped: that was nobody, and the end is still what is wanted
        else:
            self._view.scroll_by(moved)
            self._show()

    def on_click(self, event: events.Click) -> None:
        """Fold or unfold the item whose head or "more" mark was clicked; follow what is new below."""
        on_last_row = event.y == self.size.height - 1
        below = self._frame.below
        if below and on_last_row and event.x >= self.size.width - len(below):
            self.scroll_end_now()
            return
        layout, line = self._view.layout, self._view.top + event.y
        index = layout.find(line)
        if index is None:
            return
        item = self.document.items[index]
        rows = layout.rows(line, 1)
        is_head = line == layout.start(index) + item.gap
        if rows and (is_head or rows[0].text.endswith("▸")):
            self.toggle_fold(index)
        self.post_message(self.ItemClicked(index, item))

    # -------------------------------------------------- Textual: the line API

    def render_line(self, y: int) -> Strip:
        """One row, carrying the offsets a selection is made of."""
        return self._strips_now()[y].apply_offsets(0, self._view.top + y)

    def render_lines(self, crop: Region) -> list[Strip]:
        """The rows of `crop`. Bypasses the per-line style cache, which has nothing to add: strips are complete."""
        strips = self._strips_now()[crop.y : crop.bottom]
        if crop.x or crop.width != self.size.width:
            strips = [strip.crop(crop.x, crop.right) for strip in strips]
        return strips

    def get_selection(self, selection: Selection) -> tuple[str, str] | None:
        """The selected text, wrapped lines joined and decoration left out."""
        layout = self._view.layout
        first = selection.start.y if selection.start is not None else 0
        last = selection.end.y if selection.end is not None else layout.total - 1
        margin = self._view.page.margin
        wanted: list[tuple[Line, int, int | None]] = []
        for offset, line in enumerate(layout.rows(first, last - first + 1)):
            begin, end = selection.get_span(first + offset) or (0, 0)
            wanted.append((line, max(0, begin - margin), None if end == -1 else max(0, end - margin)))
        return copied_text(wanted), "\n"

    def selection_updated(self, selection: Selection | None) -> None:
        """Show what is selected."""
        self._put(replace(self._frame, selection=selection))

    # ---------------------------------------------------------------- drawing

    def _warm_up(self) -> None:
        self.run_worker(warm_up, name="transcript-warm-up", thread=True)

    def _wake(self) -> None:
        if self._live:
            self._pacer.request()

    def _work(self) -> bool:
        """Take in some of what waits; True when there is more."""
        deadline = perf_counter() + SLICE_S
        document = self.document
        if document.clock_runs and not self._ticking:
            self._ticking = True
            self.set_timer(_TICK_S, self._tick)
        while self._pending:
            if document.is_full:
                document.settle()
            else:
                document.apply(self._pending.popleft())
            if perf_counter() > deadline:
                return True
        while document.settle():
            if perf_counter() > deadline:
                return True
        if self._unfolding.advance(deadline):
            return True
        return self._search is not None and self._search.advance(deadline)

    def _tick(self) -> None:
        """A second has gone by for the tools that run."""
        self._ticking = False
        self.document.tell_time(time())
        self._wake()

    def _take_in(self) -> None:
        while self._pending:
            self.document.apply(self._pending.popleft())
        while self.document.settle():
            pass

    def _paint(self) -> None:
        """Bring layout, scroll position and screen in line with the document."""
        if self.size.width and self._view.page.width == self.size.width:  # else the resize is to come
            self._view.take_changes()
            if self._search is not None:
                self._search.arrive()
            self._show()

    def _show(self) -> None:
        """Measure what is in view, and paint what has changed there."""
        view = self._view
        view.height = self.size.height
        view.measure()
        self._fetch_pictures()
        # Nothing on the screen is laid out by our virtual size, so the watchers (a layout pass) are not wanted.
        self.set_reactive(ScrollView.virtual_size, Size(self.size.width, view.layout.total))
        self.set_reactive(ScrollView.scroll_y, float(view.top))
        self.set_reactive(ScrollView.scroll_target_y, float(view.top))
        rows = view.rows()
        new = view.new_below
        key = f" · {self.end_key}" if self.end_key else ""
        frame = Frame(
            view.page,
            self.size,
            view.top,
            rows,
            self._marks_of(rows),
            self.text_selection,
            self.cursor.lines if self.cursor is not None else range(0),
            (0, 0) if view.follow else thumb_rows(view.top, view.height, view.layout.total),
            f" ▼ {new:,} new below{key} " if new and not view.follow else "",
        )
        self._put(frame)

    def _fetch_pictures(self) -> None:
        """Ask for the pictures of what has just been drawn without them."""
        if self.gallery is not None:
            for index, pictures in self.document.pictures.items():
                if pictures.wish is Wish.WANTED:
                    pictures.wish = Wish.FETCHED
                    self.run_worker(self._show_pictures(self.gallery, self.document, index, pictures))

    async def _show_pictures(
        self, gallery: Gallery, document: Document, index: int, pictures: Pictured
    ) -> None:
        pictures.show(await gallery.previews(pictures.source))
        if pictures.wish is Wish.SHOWN:
            document.dirty.add(index)
            self._wake()

    def _put(self, frame: Frame) -> None:
        """Bring the screen from the frame before to this one."""
        was = self._strips
        self._frame = frame
        self._compose_strips()
        if len(was) != len(self._strips):
            self.refresh()
        elif not self._direct.paint(was, self._strips) and (changed := changed_rows(was, self._strips)):
            first, last = changed[0], changed[-1]
            self.refresh(Region(0, first, self.size.width, last - first + 1))

    def _strips_now(self) -> list[Strip]:
        """The frame's rows, for the size and the filters there are now: Textual may paint before it tells us."""
        if self._frame.size != self.size or self._filters != self.app.get_line_filters():
            self._frame = replace(self._frame, size=self.size)
            self._compose_strips()
        return self._strips

    def _compose_strips(self) -> None:
        self._filters = self.app.get_line_filters()
        _, background = self.background_colors
        self._strips = self._frame.strips(self._filters, background)

    def _marks_of(self, shown: list[Line]) -> dict[int, list[Mark]]:
        """What is marked of the rows in view; and say how far the search is."""
        search = self._search
        if search is None or search.needle is None:
            return {}
        marks: dict[int, list[Mark]] = {}
        for part in (part for spot in spots_in(shown, search.needle) for part in spot):
            marks.setdefault(id(shown[part.row]), []).append((part.begin, part.end, self._styles.found))
        rows = self._view.layout.rows_of(search.item) if search.item is not None else []
        for part in search.here():
            marks.setdefault(id(rows[part.row]), []).append((part.begin, part.end, self._styles.found_here))
        found = search.position, search.total
        if found != self._found:
            self._found = found
            self.post_message(self.Found(*found))
        return marks
