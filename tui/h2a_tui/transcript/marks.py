"""What is laid over finished rows: the selection, what a search has found, the position, and what is new below."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeAlias

from rich.cells import cell_len
from rich.segment import Segment
from rich.style import Style
from textual.strip import Strip

__all__ = ["Mark", "mark_cells", "mark_right", "thumb_rows", "with_marks"]

Mark: TypeAlias = tuple[int, int, Style]
"""From one character of a row to another, this style."""


def mark_cells(strip: Strip, begin: int, end: int, style: Style) -> Strip:
    """`strip` with `style` on top of the cells from `begin` to `end`."""
    if end <= begin:
        return strip
    marked = Strip([Segment(s.text, s.style + style if s.style else s.style) for s in strip.crop(begin, end)])
    return Strip.join([strip.crop(0, begin), marked, strip.crop(end)])


def with_marks(strip: Strip, marks: Sequence[Mark]) -> Strip:
    """`strip` with all of `marks`."""
    text = strip.text if marks else ""
    for begin, end, style in marks:
        strip = mark_cells(strip, cell_len(text[:begin]), cell_len(text[:end]), style)
    return strip


def mark_right(strip: Strip, words: str, style: Style) -> Strip:
    """`strip` with `words` over its right end."""
    width = strip.cell_length
    room = width - cell_len(words)
    return Strip([*strip.crop(0, room), Segment(words, style)], width) if room >= 0 else strip


def thumb_rows(top: int, height: int, total: int) -> tuple[int, int]:
    """The rows of the position mark: its first, and the one after its last."""
    size = max(1, height * height // max(1, total))
    travel = max(0, height - size)
    begin = travel * top // max(1, total - height)
    return begin, begin + size
