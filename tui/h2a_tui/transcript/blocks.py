"""Reading with the keyboard: a cursor on a block of the conversation, and what is copied from there.

A block is what reads as one: a message, a paragraph, a list, a piece of code, a call with its result; however
many items it was divided into.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from itertools import pairwise
from typing import Final

from h2a_tui.transcript.answer import Code, Prose
from h2a_tui.transcript.items import Item
from h2a_tui.transcript.markdown import parse_blocks
from h2a_tui.transcript.viewport import Viewport

__all__ = ["BlockCursor", "answer_at", "block_at", "code_in", "text_of"]

_TICKS: Final = re.compile("`+")


def block_at(items: Sequence[Item], index: int) -> range:
    """The items of the block that item `index` belongs to."""
    first, end = index, index + 1
    while first > 0 and not items[first].gap:
        first -= 1
    while end < len(items) and not items[end].gap:
        end += 1
    return range(first, end)


def answer_at(items: Sequence[Item], index: int) -> range:
    """The items of the answer that item `index` belongs to; of anything else its block."""
    if not isinstance(items[index], Prose | Code):
        return block_at(items, index)
    first, end = index, index + 1
    while first > 0 and isinstance(items[first - 1], Prose | Code):
        first -= 1
    while end < len(items) and isinstance(items[end], Prose | Code):
        end += 1
    return range(first, end)


def text_of(items: Sequence[Item], *, fences: bool) -> str:
    """The items as one text, Markdown where they are an answer; `fences` stand around code."""
    if not items:
        return ""
    parts = [_words(items, 0, fences=fences)]
    for index, (above, item) in enumerate(pairwise(items), 1):
        join = item.join if isinstance(item, Prose) else None
        between = join if join is not None else "\n\n" if item.gap else "\n"
        if above.words or item.words:
            parts += [between, _words(items, index, fences=fences)]
    return "".join(parts).strip("\n")


def _words(items: Sequence[Item], index: int, *, fences: bool) -> str:
    item = items[index]
    words = item.words
    if not isinstance(item, Code):
        # Blank lines between two parts of one block are the block's; elsewhere a gap stands for them.
        words = words.strip("\n") if index + 1 == len(items) or items[index + 1].gap else words.lstrip("\n")
    if not fences or not isinstance(item, Code):
        return words
    mark = _fence(items, index)
    last = index + 1 == len(items) or items[index + 1].gap
    opening = f"{mark}{item.language}\n" if item.gap else ""
    return f"{opening}{words}\n{mark}" if last else f"{opening}{words}"


def _fence(items: Sequence[Item], index: int) -> str:
    """A fence for the code that item `index` is a part of: longer than any in it."""
    runs = [run for i in block_at(items, index) for run in _TICKS.findall(items[i].words)]
    return "`" * max([3, *(len(run) + 1 for run in runs)])


def code_in(items: Iterable[Item]) -> str:
    """The code in these items, without its fences; "" where there is none."""
    pieces: list[str] = []
    for item in items:
        if isinstance(item, Code):
            joins = not item.gap and pieces
            pieces.append(f"{pieces.pop()}\n{item.words}" if joins else item.words)
        elif isinstance(item, Prose):
            tokens = parse_blocks(item.source)
            pieces += [t.content.removesuffix("\n") for t in tokens if t.type in ("fence", "code_block")]
    return "\n\n".join(pieces)


class BlockCursor:
    """A block of what a viewport shows, or several from one to another."""

    def __init__(self, viewport: Viewport) -> None:
        self._viewport = viewport
        bottom = viewport.top + max(0, min(viewport.height, viewport.layout.total - viewport.top) - 1)
        self._at = block_at(self._items, viewport.layout.find(bottom) or 0).start if self._items else 0
        self._from: int | None = None  # the other end, when more than one are chosen
        if self._items and not self._drawn(self._at):
            self.move(-1)

    @property
    def index(self) -> int:
        """The first item of the block."""
        return self._at

    @property
    def chosen(self) -> range:
        """The items that are chosen."""
        if not self._items:
            return range(0)
        other = self._at if self._from is None else self._from
        first, last = min(self._at, other), max(self._at, other)
        return range(first, block_at(self._items, last).stop)

    @property
    def lines(self) -> range:
        """The lines of the page they take, without the gap above."""
        layout, chosen = self._viewport.layout, self.chosen
        if not chosen:
            return range(0)
        return range(layout.start(chosen.start) + self._items[chosen.start].gap, layout.start(chosen.stop))

    def put(self, index: int) -> None:
        """Choose the block of item `index`."""
        self._at, self._from = block_at(self._items, index).start, None

    def move(self, step: int, *, extend: bool = False) -> bool:
        """Go to the next block (`step` 1) or the previous (-1); `extend` keeps those on the way chosen."""
        at = self._at
        self._from = (at if self._from is None else self._from) if extend else None
        while True:
            at = block_at(self._items, at).stop if step > 0 else block_at(self._items, at).start - 1
            if not 0 <= at < len(self._items):
                return False
            at = block_at(self._items, at).start
            if self._drawn(at):
                break
        self._at = at
        self._viewport.bring_into_view(at, self._items[at].gap)
        return True

    def text(self) -> str:
        """What is chosen, code without its fences when it is alone."""
        items = [self._items[index] for index in self.chosen]
        return text_of(items, fences=any(isinstance(item, Prose) for item in items))

    def answer(self) -> str:
        """The whole of the message that the block belongs to."""
        return text_of([self._items[i] for i in answer_at(self._items, self._at)], fences=True)

    def code(self) -> str:
        """The code of what is chosen."""
        return code_in(self._items[index] for index in self.chosen)

    @property
    def _items(self) -> Sequence[Item]:
        return self._viewport.document.items

    def _drawn(self, index: int) -> bool:
        return bool(self._viewport.layout.rows_of(index))
