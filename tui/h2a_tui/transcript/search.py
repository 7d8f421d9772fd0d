"""Finding words in a conversation: over the sources of all items, then exactly among the rows of one.

Going through the sources is quick (10,000 messages: some 20 ms) and still done in slices, so that a key typed
meanwhile is not kept waiting. What changes while a search is open is looked through again, so the count is
true for an answer that is being written, too.
"""

from __future__ import annotations

import re
from bisect import bisect_left, bisect_right, insort
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from math import inf
from time import perf_counter
from typing import Final, TypeAlias

from h2a_tui.transcript.items import Foldable
from h2a_tui.transcript.lines import Line
from h2a_tui.transcript.viewport import Viewport

__all__ = ["Needle", "Part", "Search", "Spot", "spots_in"]

_AT_ONCE: Final = 64  # items between two looks at the clock


class Needle:
    """What is looked for. Written in small letters only, it is found in capitals, too."""

    def __init__(self, text: str) -> None:
        self.text = text
        self._any_case = text == text.lower()
        self.pattern: Final = re.compile(re.escape(text), re.IGNORECASE if self._any_case else 0)

    def count(self, source: str) -> int:
        """How often it is in `source`."""
        if self._any_case and source.isascii():
            return source.lower().count(self.text)
        return sum(1 for _ in self.pattern.finditer(source)) if self._any_case else source.count(self.text)


@dataclass(frozen=True, slots=True)
class Part:
    """Characters `begin` to `end` of row `row`."""

    row: int
    begin: int
    end: int


Spot: TypeAlias = tuple[Part, ...]
"""One place where it was found; in several parts where a line is wrapped."""


def spots_in(rows: Sequence[Line], needle: Needle) -> list[Spot]:
    """All places in `rows`, also across the breaks of wrapped lines; decoration is not looked at."""
    spots: list[Spot] = []
    begin = 0
    for end in range(1, len(rows) + 1):
        if end < len(rows) and rows[end].join is not None:
            continue
        spots += _spots_in_line(rows, begin, end, needle)
        begin = end
    return spots


def _spots_in_line(rows: Sequence[Line], first: int, end: int, needle: Needle) -> Iterable[Spot]:
    pieces: list[str] = []
    starts: list[int] = []  # of each row's text within the line
    size = 0
    for row in range(first, end):
        join = rows[row].join or "" if row > first else ""
        text = rows[row].text[rows[row].lead :]
        starts.append(size + len(join))
        pieces += (join, text)
        size += len(join) + len(text)
    for match in needle.pattern.finditer("".join(pieces)):
        parts: list[Part] = []
        for row in range(max(0, bisect_right(starts, match.start()) - 1), len(starts)):
            if starts[row] >= match.end():
                break
            line = rows[first + row]
            begin = max(0, match.start() - starts[row]) + line.lead
            stop = min(match.end() - starts[row] + line.lead, len(line.text))
            if begin < stop:
                parts.append(Part(first + row, begin, stop))
        yield tuple(parts)


class Search:
    """One search in what a viewport shows, and the place among what was found that the reader is at."""

    def __init__(self, viewport: Viewport) -> None:
        self._viewport = viewport
        self._document, self._layout = viewport.document, viewport.layout
        self._origin = viewport.place()
        self._from: int | None = None  # the item from which on the first place is wanted
        self.needle: Needle | None = None
        self._counts: dict[int, int] = {}
        self._found: list[int] = []  # the items of `_counts`, in order
        self._scanned = 0
        self._again: set[int] = set()
        self._here: tuple[int, int] | None = None  # an item, and which of its spots
        viewport.changed = self._changed

    # -------------------------------------------------------------------- verbs

    def seek(self, text: str) -> bool:
        """Look for `text` from now on, from where the search began; False when that is what it does."""
        if text == (self.needle.text if self.needle else ""):
            return False
        self.needle = Needle(text) if text else None
        self._counts, self._found, self._scanned, self._here = {}, [], 0, None
        self._again.clear()
        self._viewport.return_to(self._origin)
        self._from = self._layout.find(self._viewport.top) or 0
        return True

    def arrive(self) -> bool:
        """When all has been looked through: bring the first place into view, once. Was there something to do?"""
        if self._from is None or self._behind:
            return False
        first, self._from = self._from, None
        if self._found:
            at = bisect_left(self._found, first)
            below = at < len(self._found)
            self._enter(self._found[at if below else -1], last=not below)
        return True

    def step(self, step: int) -> None:
        """Bring the next place (`step` 1) or the previous (-1) into view, round the ends."""
        self.advance(inf)
        if self.arrive() or not self._found:
            return
        if self._here is None:
            self._enter(self._found[0 if step > 0 else -1], last=step < 0)
            return
        index, which = self._here
        if 0 <= which + step < len(self._spots(index)):
            self._go(index, which + step)
        else:
            at = bisect_right(self._found, index) if step > 0 else bisect_left(self._found, index) - 1
            self._enter(self._found[at % len(self._found)], last=step < 0)

    def end(self, *, stay: bool) -> None:
        """Look no more; unless the reader wants to `stay`, go back to where the search began."""
        self._viewport.changed = lambda _indices: None
        if not stay:
            self._viewport.return_to(self._origin)

    # ------------------------------------------------------------ looking through

    @property
    def _behind(self) -> bool:
        return self.needle is not None and bool(self._again or self._scanned < len(self._document.items))

    def _changed(self, indices: Iterable[int]) -> None:
        self._again.update(index for index in indices if index < self._scanned)

    def advance(self, deadline: float) -> bool:
        """Look through some items; True when there are more."""
        while self._behind:
            if self._again:
                self._look(self._again.pop())
            else:
                for _ in range(min(_AT_ONCE, len(self._document.items) - self._scanned)):
                    self._look(self._scanned)
                    self._scanned += 1
            if perf_counter() > deadline:
                return True
        return False

    def _look(self, index: int) -> None:
        assert self.needle is not None
        count = self.needle.count(self._document.items[index].words)
        known = index in self._counts
        if count:
            self._counts[index] = count
            if not known:
                insort(self._found, index)
        elif known:
            del self._counts[index]
            self._found.remove(index)

    # ------------------------------------------------------------------- the place

    @property
    def total(self) -> int:
        """How often it was found."""
        return sum(self._counts.values())

    @property
    def position(self) -> int:
        """Which of them the reader is at, from 1; 0 for none."""
        if self._here is None:
            return 0
        index, which = self._here
        before = sum(self._counts[i] for i in self._found[: bisect_left(self._found, index)])
        return before + min(which + 1, self._counts.get(index, 1))

    def here(self) -> Spot:
        """The place the reader is at, as parts of its item's rows."""
        if self._here is None or self._here[0] >= len(self._document.items):
            return ()
        spots = self._spots(self._here[0])
        return spots[self._here[1]] if self._here[1] < len(spots) else ()

    @property
    def item(self) -> int | None:
        """The item the reader is at."""
        return self._here[0] if self._here else None

    def _enter(self, index: int, *, last: bool) -> None:
        item = self._document.items[index]
        if not self._spots(index) and isinstance(item, Foldable) and item.folded:
            self._document.toggle_fold(index)
            self._viewport.take_changes()
        spots = self._spots(index)
        self._go(index, len(spots) - 1 if last and spots else 0)

    def _go(self, index: int, which: int) -> None:
        self._here = index, which
        spot = self.here()
        self._viewport.bring_into_view(index, spot[0].row if spot else 0)

    def _spots(self, index: int) -> list[Spot]:
        return spots_in(self._layout.rows_of(index), self.needle) if self.needle else []
