"""Frames: what has become final goes into the scrollback, what is live stands below it, in the terminal's size and colours.

A stream is drawn 30 times a second, a key at once. A terminal that has not taken the last frame gets no other one.
"""

from __future__ import annotations

import asyncio
import os
from collections import deque
from collections.abc import Iterable, Sequence
from time import perf_counter
from typing import Final, Protocol

from rich.console import RenderableType
from rich.style import Style
from rich.text import Text

from h2a_agent.events import AnyEvent
from h2a_themes import Palette, Theme
from h2a_tui.inline.ansi import Ink, InlinePage
from h2a_tui.inline.foot import Painter
from h2a_tui.inline.live_area import LiveArea
from h2a_tui.inline.printer import Printer
from h2a_tui.inline.terminal import InlineTerminal, Size
from h2a_tui.theme import styles_of
from h2a_tui.transcript.pacing import SLICE_S, Pacer

__all__ = ["InlineScreen", "Rows"]

_PRINT_S: Final = 0.008  # of a frame, for rows that are written
_LIVE_SHARE: Final = 3  # of the rows; see live_area.py
_RESIZED_S: Final = 0.3  # after the last step of a window that is dragged
_PAST_PAGES: Final = 3
_MEASURE: Final = 108  # cells; longer lines are hard to read


class Rows(Protocol):
    """Who says what stands on the screen besides the conversation."""

    def question(self, painter: Painter) -> list[str]:
        """Rows to be written before anything else, once."""
        ...

    def foot(self, painter: Painter, size: Size) -> list[str]:
        """Rows below the conversation."""
        ...

    def brief(self, painter: Painter, size: Size) -> list[str]:
        """The same while the window is being resized."""
        ...


class InlineScreen:
    """One terminal, drawn on. Needs a running event loop from `begin` on."""

    def __init__(self, rows: Rows, terminal: InlineTerminal, theme: Theme, *, side_by_side: bool) -> None:
        self.terminal = terminal
        self.ink = Ink(os.environ)
        self.palette = Palette()
        self.size = terminal.size
        self.side_by_side = side_by_side
        self.styles = styles_of(self.ink.theme(theme, self.palette))
        self.printer = Printer(self._page())
        self._rows = rows
        self._live = LiveArea(terminal.write)
        self._pending: deque[AnyEvent] = deque()
        self._to_write: list[str] = []  # rows that are no part of the conversation, before its next ones
        self._pacer = Pacer(self._work, self._paint)
        self._redraw: asyncio.Handle | None = None
        self._resizing: asyncio.TimerHandle | None = None
        self._owes_frame = False
        self._begun = False

    # ------------------------------------------------------------------ its life

    def begin(self, past: Sequence[AnyEvent]) -> None:
        """Draw the end of a session's past. Nothing is drawn before."""
        self._begun = True
        self.terminal.when_drained(self._drained)
        self.printer.begin(past, _PAST_PAGES * self.size.rows)

    def end(self, *, keeps_rest: bool) -> None:
        """Take the live rows away; what was live of the conversation stays to be read if it `keeps_rest`."""
        self._pacer.stop()
        for handle in (self._redraw, self._resizing):
            if handle is not None:
                handle.cancel()
        if keeps_rest:
            while self._pending:
                self.printer.apply(self._pending.popleft())
            rest = [*self._to_write, *(self.ink.line(row) for row in self.printer.rest())]
            self._live.draw([""], rest)
        self._live.clear()

    def step_aside(self) -> None:
        """Give the terminal to somebody else, the live rows gone."""
        self._live.clear()
        self.terminal.give_back()

    def come_back(self) -> None:
        """The terminal is ours again; draw below whatever has been written there."""
        self.terminal.take()
        self._live.moved()
        self.redraw()

    # --------------------------------------------------------------- what it shows

    def show(self, happened: Iterable[AnyEvent]) -> None:
        """Show what happened, within a frame."""
        self._pending.extend(happened)
        self._pacer.request()

    def write_rows(self, rows: Sequence[str]) -> None:
        """Write `rows` into the scrollback."""
        self._to_write += rows
        self.redraw()

    def write_words(self, words: str, style: Style) -> None:
        """Write a text into the scrollback; nothing in it is markup."""
        self.write_rows(self._rendered(Text(words), style))

    def write_line(self, line: Text) -> None:
        """Write one row into the scrollback, cut where there is no more room."""
        self.write_rows([self.painter.text(line)])

    def write_page(self, title: str, content: RenderableType, unless: Sequence[str] = ()) -> list[str]:
        """Write something to read, under its title, unless these rows are all it is; returns its rows."""
        rows = self._rendered(content, self.styles.page)
        if rows != unless:
            head = self.painter.row((title, self.styles.accent + Style(bold=True)))
            self.write_rows(["", head, *rows])
        return rows

    def write_unfolded(self) -> bool:
        """Write the newest result whole that was folded, or the one before it; False when there is none."""
        rows = self.printer.unfold()
        self.write_rows([self.ink.line(row) for row in rows])
        return bool(rows)

    def _rendered(self, content: RenderableType, style: Style) -> list[str]:
        return self.ink.rendered(content, min(self.painter.width, _MEASURE), style)

    def wear(self, theme: Theme) -> Theme:
        """Draw in other colours from now on, what is written keeps its own; returns what the terminal can show of them."""
        shown = self.ink.theme(theme, self.palette)
        self.styles = styles_of(shown)
        self._set_page()
        return shown

    def toggle_diff_layout(self) -> bool:
        """Draw changes in one column instead of two, or the other way round, from now on; is it two?"""
        self.side_by_side = not self.side_by_side
        self._set_page()
        return self.side_by_side

    def tick(self) -> None:
        """A while has gone by."""
        if self.printer.clock_runs:
            self.printer.tick()
        self.redraw()

    def resized(self) -> None:
        """The terminal has another size, and may have yet another one in a moment."""
        self._live.moved()
        if self._resizing is not None:
            self._resizing.cancel()
        self._resizing = asyncio.get_running_loop().call_later(_RESIZED_S, self._has_size)
        self.redraw()

    def redraw(self) -> None:
        """Draw the live rows soon, without waiting for the next frame of a stream."""
        if self._redraw is None:
            self._redraw = asyncio.get_running_loop().call_soon(self._paint)

    # -------------------------------------------------------------------- drawing

    @property
    def painter(self) -> Painter:
        """Draws rows that leave the last column free."""
        return Painter(self.ink, self.styles, max(1, self.size.columns - 1))

    def _page(self) -> InlinePage:
        return InlinePage(self.size.columns, self.styles, self.side_by_side)

    def _set_page(self) -> None:
        self.printer.set_page(self._page())
        self.redraw()

    def _has_size(self) -> None:
        self._resizing = None
        self._live.moved()
        if (size := self.terminal.size) != self.size:
            self.size = size
            self.printer.set_page(self._page())
        self._paint()

    def _drained(self) -> None:
        if self._owes_frame:
            self._paint()

    def _work(self) -> bool:
        """Take in some of what has happened; True when there is more."""
        deadline = perf_counter() + SLICE_S
        while self._pending:
            self.printer.apply(self._pending.popleft())
            if perf_counter() > deadline:
                return True
        while self.printer.settle():
            if perf_counter() > deadline:
                return True
        return False

    def _paint(self) -> None:
        """One frame."""
        if self._redraw is not None:
            self._redraw.cancel()
            self._redraw = None
        self._owes_frame = self.terminal.backlog
        if self._owes_frame or not (self._begun and self.terminal.taken):
            return
        if self._pending and self._work():  # the state is no further than the words
            self._pacer.request()
        size = self.terminal.size
        if size != self.size and self._resizing is None:
            self.resized()
        if self._resizing is not None:
            self._live.draw(self._rows.brief(self.painter, size))
        else:
            self._paint_whole(size)

    def _paint_whole(self, size: Size) -> None:
        painter = self.painter
        written, self._to_write = self._to_write, []
        written += self._rows.question(painter)
        written += [self.ink.line(row) for row in self.printer.finished(perf_counter() + _PRINT_S)]
        foot = self._rows.foot(painter, size)
        room = max(0, min(size.rows - 1 - len(foot), max(3, size.rows // _LIVE_SHARE)))
        live = [self.ink.line(row) for row in self.printer.live(room)]
        self._live.draw([*live, *foot][-size.rows :], written)
        if self.printer.more_finished:
            self._pacer.request()
