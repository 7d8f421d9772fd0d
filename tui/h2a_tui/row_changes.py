"""What to send to a terminal that shows some rows, so that it shows others: the cells that change, and scrolling.

    scroll      CSI top;bottom r, then line feeds at the bottom or reverse indexes (ESC M) at the top, CSI r
    changed     CSI row;column H and the new cells, in the colours they have

Rows are told apart by identity first: what was not drawn anew is the same `Strip`. About the width of some characters
(emoji, combining marks) terminals disagree: a row that has or had one of them is written whole, as Textual does it.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from typing import Final

from rich.console import Console
from rich.segment import Segment
from textual.geometry import Region
from textual.strip import Strip

__all__ = ["changed_rows", "update"]

# One cell wide in every terminal: ASCII, Latin, Greek, Cyrillic, dashes and dots, lines and blocks.
_ONE_CELL: Final = re.compile(
    "[ -~\u00a1-\u00ac\u00ae-\u02ff\u0370-\u0482\u048a-\u052f\u2010-\u2027\u2500-\u259f]*"
)


def changed_rows(old: Sequence[Strip], new: Sequence[Strip]) -> list[int]:
    """The numbers of the rows that are not what they were."""
    return [
        y
        for y in range(max(len(old), len(new)))
        if y >= len(old) or y >= len(new) or (old[y] is not new[y] and old[y] != new[y])
    ]


def update(
    old: Sequence[Strip], new: Sequence[Strip], region: Region, console: Console, *, scrolls: bool
) -> str:
    """What turns rows `old` of `region` into `new`, as many; "" for nothing. Leaves the cursor anywhere.

    `scrolls`: the region is as wide as the terminal, so it can be scrolled.
    """
    shift = _shift(old, new) if scrolls else 0
    shown: list[Strip | None] = list(old)
    parts: list[str] = []
    if shift:
        parts.append(_scroll(region.y + 1, region.bottom, shift))
        blank: list[Strip | None] = [None] * abs(shift)
        shown = [*old[shift:], *blank] if shift > 0 else [*blank, *old[:shift]]
    for y, (was, now) in enumerate(zip(shown, new, strict=True)):
        if was is now or was == now:
            continue
        x, strip = (0, now) if was is None else _changed_part(was, now)
        parts.append(f"\x1b[{region.y + y + 1};{region.x + x + 1}H{strip.render(console)}")
    return "".join(parts)


def _shift(old: Sequence[Strip], new: Sequence[Strip]) -> int:
    """By how many rows most of what stays has moved up (down, when negative)."""
    rows = {id(strip): y for y, strip in enumerate(old)}
    moves = Counter(rows[id(strip)] - y for y, strip in enumerate(new) if id(strip) in rows)
    shift, gain = max(moves.items(), key=lambda move: move[1], default=(0, 0))
    return shift if gain > moves[0] else 0


def _scroll(first: int, last: int, shift: int) -> str:
    """Move the rows from `first` to `last`, counted from 1; the new ones are blank."""
    move = f"\x1b[{last};1H" + "\n" * shift if shift > 0 else f"\x1b[{first};1H" + "\x1bM" * -shift
    return f"\x1b[0m\x1b[{first};{last}r{move}\x1b[r"


def _changed_part(old: Strip, new: Strip) -> tuple[int, Strip]:
    """From which cell on they differ, and what the new one has there, without an end that is blank in both."""
    if not (old and new and _one_cell(old.text) and _one_cell(new.text)):
        return 0, new
    was, now = list(old), list(new)
    x = same = 0
    while same < min(len(was), len(now)) - 1 and was[same] == now[same]:
        x += len(now[same].text)
        same += 1
    rest = now[same:]
    before, after = was[same], rest[0]
    if before.style == after.style:
        alike = _alike(before.text, after.text)
        x += alike
        rest[0] = Segment(after.text[alike:], after.style)
    if len(rest) > 1 and _ends_blank_in_both(was[-1], rest[-1]):
        del rest[-1]
    return x, Strip(rest)


def _alike(one: str, other: str) -> int:
    """How many characters two texts have in common at their beginning."""
    if other.startswith(one):
        return len(one)
    return next((i for i, (a, b) in enumerate(zip(one, other, strict=False)) if a != b), len(other))


def _ends_blank_in_both(was: Segment, now: Segment) -> bool:
    """Is the padding at the end on the screen already?"""
    return was.style == now.style and len(now.text) <= len(was.text) and not (was.text + now.text).strip(" ")


def _one_cell(text: str) -> bool:
    return text.isascii() or _ONE_CELL.fullmatch(text) is not None
