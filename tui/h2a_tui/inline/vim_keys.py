"""Vim's keys at an inline editor: what the machine in `h2a_tui.vim` says is done to its text, cursor and selection."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Protocol

from h2a_tui.inline.key_reader import Key
from h2a_tui.keymap import VIM
from h2a_tui.vim import Done, Mode, Page, State, leave_insert, press
from h2a_tui.vim.page import Unit

__all__ = ["InlineVim", "VimText"]


class VimText(Protocol):
    """A text as vim's keys change it. Places are code points."""

    @property
    def text(self) -> str: ...
    @property
    def cursor(self) -> int: ...
    @property
    def unit(self) -> Unit: ...
    def change(self, begin: int, end: int, new: str) -> None:
        """Put `new` in the place of what is between `begin` and `end`, as a step of undo of its own."""
        ...

    def step_back(self, steps: int) -> None:
        """Undo so many steps, or make them again when negative."""
        ...

    def select(self, anchor: int | None, cursor: int) -> None:
        """Go to `cursor`, with everything from `anchor` on selected; None: nothing is."""
        ...

    def as_one_step(self, *, begins: bool) -> None:
        """From here to its end what is written is one step of undo."""
        ...


class InlineVim:
    """The mode of one editor. `beyond` is called where `j` or `k` (1, -1) would leave the text."""

    def __init__(self, editor: VimText, beyond: Callable[[int], object]) -> None:
        self.state = State()
        self._editor = editor
        self._beyond = beyond

    @property
    def writes(self) -> bool:
        """Do letters type themselves?"""
        return self.state.mode is Mode.INSERT

    def takes(self, key: Key) -> bool:
        """Do with a key what normal or visual mode does; False: in those it is no key of vim's."""
        command = VIM.get(key.name) or key.text
        if command is None or self.writes:
            return False
        editor = self._editor
        self.state, done = press(self.state, command, self._page(), editor.cursor)
        if self.writes:
            editor.as_one_step(begins=True)
        self._do(done)
        if done.beyond:
            self._beyond(done.beyond)
        return True

    def escape(self) -> None:
        """To normal mode, from wherever; the keys of a command that is not whole are forgotten."""
        self.state, done = leave_insert(self.state, self._page(), self._editor.cursor)
        self._do(done)
        self._editor.as_one_step(begins=False)

    def forget_keys(self) -> None:
        """A key that is none of vim's has been pressed in the middle of a command."""
        self.state = replace(self.state, keys="")

    def begin(self) -> None:
        """Insert mode, for a new text; what was yanked and the last change stay known."""
        self._editor.as_one_step(begins=False)
        kept = self.state
        self.state = State(found=kept.found, register=kept.register, last=kept.last)

    def _page(self) -> Page:
        return Page(self._editor.text, self._editor.unit)

    def _do(self, done: Done) -> None:
        editor = self._editor
        if (change := done.change) is not None:
            editor.change(change.start, change.end, change.text)
        if done.undo:
            editor.step_back(done.undo)
            editor.select(None, self._page().standing(editor.cursor))
        elif done.selection is not None:
            begin, end = done.selection
            forwards = self.state.head >= self.state.anchor
            editor.select(*((begin, end) if forwards else (end, begin)))
        else:
            editor.select(None, done.cursor)
