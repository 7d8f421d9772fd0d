"""A text as vim's commands see it: positions are code points from its beginning, a newline is one of them.

A cursor stands on a *unit*: a character as people see it, or whatever else an editor wants to be passed over as one
(`unit`). Nothing here moves into the middle of one.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, TypeAlias

from h2a_tui.graphemes import cluster

__all__ = ["BLANKS", "Page", "Unit"]

Unit: TypeAlias = Callable[[str, int], tuple[int, int]]
"""First and last column of what a column of a line lies inside of; twice the column where a cursor may stand."""

BLANKS: Final = " \t"
_SCRIPTS: Final = (("\u3040", "\u309f"), ("\u30a0", "\u30ff"), ("\u3400", "\u9fff"), ("\uac00", "\ud7a3"))


class Page:
    """One text, never changed."""

    def __init__(self, text: str, unit: Unit = cluster) -> None:
        self.text = text
        self.end = len(text)
        self._unit = unit

    def changed(self, start: int, end: int, text: str) -> Page:
        """The page with `text` in the place of what is from `start` up to `end`."""
        return Page(self.text[:start] + text + self.text[end:], self._unit)

    # ---------------------------------------------------------------- by units

    def next(self, at: int) -> int:
        """Where the unit behind the one at `at` begins; the end of the text at last."""
        if at >= self.end or self.text[at] == "\n":
            return min(at + 1, self.end)
        start = self.line_start(at)
        return start + self._unit(self.line(at), at - start + 1)[1]

    def previous(self, at: int) -> int:
        """Where the unit before `at` begins."""
        start = self.line_start(at)
        if at == start:
            return max(0, at - 1)
        return start + self._unit(self.line(at), at - 1 - start)[0]

    def snap(self, at: int) -> int:
        """The place nearest to `at` that is in the text and not inside of a unit."""
        at = max(0, min(at, self.end))
        start = self.line_start(at)
        return start + self._unit(self.line(at), at - start)[0]

    def standing(self, at: int) -> int:
        """`at`, or the last unit of its line when it is behind that: a cursor of normal mode stands on something."""
        at = self.snap(at)
        return self.previous(at) if at == self.line_end(at) and at != self.line_start(at) else at

    def forward_in_line(self, at: int, count: int) -> int:
        """`count` units on, at most to the line's end."""
        end = self.line_end(at)
        while count and at < end:
            at, count = self.next(at), count - 1
        return at

    def back_in_line(self, at: int, count: int) -> int:
        """`count` units back, at most to the line's beginning."""
        start = self.line_start(at)
        while count and at > start:
            at, count = self.previous(at), count - 1
        return at

    # ---------------------------------------------------------------- by lines

    def line_start(self, at: int) -> int:
        """Where the line of `at` begins."""
        return self.text.rfind("\n", 0, at) + 1

    def line_end(self, at: int) -> int:
        """Where the line of `at` ends: at its newline, or at the end of the text."""
        end = self.text.find("\n", at)
        return self.end if end < 0 else end

    def line(self, at: int) -> str:
        """The line of `at`."""
        return self.text[self.line_start(at) : self.line_end(at)]

    def is_empty_line(self, at: int) -> bool:
        """Does `at` stand on a line without anything?"""
        return self.line_start(at) == self.line_end(at) == at

    def first_word(self, at: int) -> int:
        """The first place of the line that is not blank; its last place when all are, and it has one."""
        start = self.line_start(at)
        line = self.line(at)
        return self.standing(start + len(line) - len(line.lstrip(BLANKS)))

    def down(self, at: int, lines: int) -> int | None:
        """Where the line begins that is `lines` below that of `at` (above: negative); None: there is none."""
        for _ in range(lines):
            if (end := self.line_end(at)) == self.end:
                return None
            at = end + 1
        for _ in range(-lines):
            if (start := self.line_start(at)) == 0:
                return None
            at = start - 1
        return self.line_start(at)

    def towards(self, at: int, lines: int) -> int | None:
        """As `down`, but no further than the first and the last line; None where there is not a single step."""
        step = 1 if lines > 0 else -1
        reached = at
        for _ in range(abs(lines)):
            if (beyond := self.down(reached, step)) is None:
                return None if reached == at else reached
            reached = beyond
        return self.line_start(reached)

    def lines_between(self, first: int, last: int) -> int:
        """How many lines further down `last` is than `first`."""
        return self.text.count("\n", first, last)

    def column(self, at: int) -> int:
        """How many units stand before `at` on its line."""
        column, here = 0, self.line_start(at)
        while here < at:
            here, column = self.next(here), column + 1
        return column

    # ---------------------------------------------------------------- words

    def kind(self, at: int, *, big: bool = False) -> int:
        """0 for a blank, a newline and the end; signs are 1, letters and digits above it, with `big` all of them 1.

        Scripts written without blanks are each of a kind of their own, so that a word ends where the script changes.
        """
        character = self.text[at : at + 1]
        if not character or character in " \t\n":
            return 0
        if big or not (character.isalnum() or character == "_"):
            return 1
        return 2 + next((n for n, (first, last) in enumerate(_SCRIPTS, 1) if first <= character <= last), 0)
