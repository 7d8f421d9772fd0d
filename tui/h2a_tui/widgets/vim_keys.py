"""Vim's keys at a text area: what the machine in `h2a_tui.vim` says is done to the text, the cursor and the selection."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from textual import events
from textual.document._document import Location
from textual.widgets import TextArea
from textual.widgets.text_area import Selection

from h2a_tui.keymap import VIM
from h2a_tui.vim import Done, Mode, Page, State, leave_insert, press
from h2a_tui.vim.page import Unit
from h2a_tui.widgets.undo import Undo

__all__ = ["VimKeys"]


class VimKeys:
    """The state of one editor, and the way from its keys to its text.

    `beyond` is called where `j` or `k` (1, -1) would leave the text. What is written between going into insert mode and
    leaving it is one step of undo.
    """

    def __init__(self, area: TextArea, undo: Undo, unit: Unit, beyond: Callable[[int], object]) -> None:
        self.state = State()
        self._area = area
        self._undo = undo
        self._unit = unit
        self._beyond = beyond
        self._chosen: Selection | None = None

    def takes(self, event: events.Key) -> bool:
        """Do with a key what normal or visual mode does; False: in those it is no key of vim's."""
        key = VIM.get(event.key) or (event.character if event.is_printable else None)
        if key is None or self.state.mode is Mode.INSERT:
            return False
        if self.state.is_visual and self._area.selection != self._chosen:  # a mouse or a paste came between
            self.state = replace(self.state, mode=Mode.NORMAL)
        self._undo.checkpoint()
        self.state, done = press(self.state, key, self._page(), self._cursor())
        if self.state.mode is Mode.INSERT:
            self._undo.begin_group()
        self._do(done)
        if done.beyond:
            self._beyond(done.beyond)
        return True

    def escape(self) -> None:
        """To normal mode, from wherever; the keys of a command that is not whole are forgotten."""
        self.state, done = leave_insert(self.state, self._page(), self._cursor())
        self._do(done)
        self._undo.end_group()

    def forget_keys(self) -> None:
        """A key that is none of vim's has been pressed in the middle of a command."""
        self.state = replace(self.state, keys="")

    def begin(self) -> None:
        """Insert mode, for a new text; what was yanked and the last change stay known."""
        self._undo.end_group()
        kept = self.state
        self.state = State(found=kept.found, register=kept.register, last=kept.last)

    # ---------------------------------------------------------------- private

    def _page(self) -> Page:
        return Page("\n".join(self._area.document.lines), self._unit)

    def _cursor(self) -> int:
        row, column = self._area.cursor_location
        return sum(len(line) + 1 for line in self._area.document.lines[:row]) + column

    def _location(self, at: int) -> Location:
        row = 0
        for line in self._area.document.lines:
            if at <= len(line):
                break
            at, row = at - len(line) - 1, row + 1
        return row, at

    def _do(self, done: Done) -> None:
        area = self._area
        if done.change is not None:
            change = done.change
            begin, end = self._location(change.start), self._location(change.end)
            area.replace(change.text, begin, end, maintain_selection_offset=False)
        for _ in range(abs(done.undo)):
            (area.undo if done.undo > 0 else area.redo)()
        if done.undo:
            area.move_cursor(self._location(self._page().standing(self._cursor())))
        elif done.selection is not None:
            ends = done.selection if self.state.head >= self.state.anchor else done.selection[::-1]
            area.selection = Selection(*map(self._location, ends))
            self._chosen = area.selection
        else:
            area.move_cursor(self._location(done.cursor))
