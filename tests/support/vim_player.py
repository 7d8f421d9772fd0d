"""Vim's keys played on a text: by our machine, and by the vim of this machine, to be compared.

Keys are characters; Escape is `\\x1b`, Ctrl+R `\\x12`. Both begin in normal mode, with nothing in the register and an
inserted `x` as the last change, and end with an Escape.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from h2a_tui.vim import Done, Mode, Page, State, leave_insert, press
from h2a_tui.vim.grammar import Spoken
from h2a_tui.vim.machine import Repeatable

__all__ = ["BEGIN", "Case", "Played", "play", "play_in_vim", "vim_is_here"]

ESCAPE = "\x1b"
BEGIN = State(mode=Mode.NORMAL, last=Repeatable(Spoken("i"), written="x"))


class Case(NamedTuple):
    """Where keys begin."""

    text: str
    at: int
    keys: str


class Played(NamedTuple):
    """Where they end."""

    text: str
    at: int


class _Editor:
    """The least an editor has to do for the machine: hold the text, type, undo."""

    def __init__(self, text: str, at: int) -> None:
        self.text, self.at = text, at
        self.state = BEGIN
        self._undo: list[Played] = []
        self._redo: list[Played] = []

    def key(self, key: str) -> None:
        if self.state.mode is Mode.INSERT and key != ESCAPE:
            self.text = self.text[: self.at] + key + self.text[self.at :]
            self.at += len(key)
            return
        page, before = Page(self.text), self.state
        if key == ESCAPE:
            self.state, done = leave_insert(self.state, page, self.at)
        else:
            self.state, done = press(self.state, key, page, self.at)
        if before.mode is not Mode.INSERT and (done.change or self.state.mode is Mode.INSERT):
            self._undo.append(Played(self.text, self.at))
            self._redo.clear()
        self._do(done)

    def _do(self, done: Done) -> None:
        if done.change is not None:
            start, end, text = done.change
            self.text = self.text[:start] + text + self.text[end:]
        self.at = done.cursor
        for _ in range(abs(done.undo)):
            source, other = (self._undo, self._redo) if done.undo > 0 else (self._redo, self._undo)
            if source:
                other.append(Played(self.text, self.at))
                self.text, self.at = source.pop()


def play(case: Case) -> Played:
    """By our machine."""
    editor = _Editor(case.text, case.at)
    for key in case.keys + ESCAPE:
        editor.key(key)
    return Played(editor.text, editor.at)


def vim_is_here() -> bool:
    """Is there a vim that knows of characters?"""
    vim = shutil.which("vim")
    return (
        vim is not None
        and "+eval" in subprocess.run([vim, "--version"], capture_output=True, text=True).stdout
    )


_SCRIPT = r"""
set nocompatible encoding=utf-8 nojoinspaces startofline undolevels=1000 whichwrap=b,s cpoptions=aABceFs
set noautoindent nosmartindent textwidth=0 nofixendofline
let results = []
for case in json_decode(join(readfile('cases.json'), ''))
  enew!
  set undolevels=-1
  normal! ix
  call setreg('"', '')
  call setcharsearch({'char': '☃'})
  call setline(1, split(case[0], "\n", 1))
  set undolevels=1000
  call setcursorcharpos(case[1] + 1, case[2] + 1)
  silent! exe "normal! " . case[3]
  call add(results, [join(getline(1, '$'), "\n"), line('.') - 1, charcol('.') - 1])
endfor
call writefile([json_encode(results)], 'results.json')
qall!
"""


def play_in_vim(cases: Sequence[Case]) -> list[Played]:
    """By the real one, in one process."""
    with tempfile.TemporaryDirectory(prefix="h2a-vim-") as folder:
        root = Path(folder)
        (root / "script.vim").write_text(_SCRIPT, "utf-8")
        rows = []
        for text, at, keys in cases:
            before = text[:at]
            rows.append([text, before.count("\n"), at - before.rfind("\n") - 1, keys])
        (root / "cases.json").write_text(json.dumps(rows), "utf-8")
        argv = ["vim", "-u", "NONE", "-i", "NONE", "-n", "-N", "-es", "-S", "script.vim"]
        subprocess.run(argv, cwd=root, check=False, timeout=60, stdin=subprocess.DEVNULL, capture_output=True)
        results = json.loads((root / "results.json").read_text("utf-8"))
    return [Played(text, _offset(text, line, column)) for text, line, column in results]


def _offset(text: str, line: int, column: int) -> int:
    return sum(len(one) + 1 for one in text.split("\n")[:line]) + column
