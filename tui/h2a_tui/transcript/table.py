"""A Markdown table that fits: columns as wide as their content, the widest give way; records when none would fit."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from rich.cells import cell_len
from rich.segment import Segment

from h2a_tui.theme import Styles
from h2a_tui.transcript.lines import Line, Run, wrap

__all__ = ["natural_widths", "table_rows"]

_MIN_COLUMN: Final = 5  # cells; below this a column is unreadable
_GAP: Final = 3  # " │ "


def _cells(runs: Sequence[Run]) -> int:
    return sum([cell_len(text) for text, _ in runs])


def _column_widths(natural: list[int], room: int) -> list[int] | None:
    """Widths that add up to at most `room`: the widest columns are cut down to a common width. None: no way."""
    room -= _GAP * (len(natural) - 1)
    if sum(natural) <= room:
        return natural
    if sum(min(width, _MIN_COLUMN) for width in natural) > room:
        return None
    widths = [0] * len(natural)
    left = sorted(range(len(natural)), key=lambda column: natural[column])
    while left:
        share = room // len(left)
        column = left.pop(0)
        widths[column] = min(natural[column], share)
        room -= widths[column]
    return widths


def natural_widths(cells: Sequence[Sequence[Sequence[Run]]]) -> tuple[int, ...]:
    """The widths that the columns of a table would like to have."""
    columns = max(map(len, cells), default=0)
    return tuple(max(1, *(_cells(row[c]) for row in cells if c < len(row))) for c in range(columns))


def table_rows(
    cells: Sequence[Sequence[Sequence[Run]]],
    align: Sequence[str],
    room: int,
    styles: Styles,
    natural: Sequence[int] | None = None,
) -> list[Line]:
    """The rows of a table whose first row of `cells` is its header. `align` has a word per column or "".

    With `natural`, the widths of a table above that it goes on from, the header is not drawn again.
    """
    begins = natural is None
    natural = natural_widths(cells) if natural is None else natural
    if not natural:
        return []
    columns = len(natural)
    widths = _column_widths(list(natural), room)
    if widths is None:
        return _records(cells, room, styles, begins=begins)
    lines: list[Line] = []
    for index, row in enumerate(cells):
        if index == 0 and not begins:
            continue
        wrapped = [wrap(row[c] if c < len(row) else [], widths[c]) for c in range(columns)]
        for level in range(max(map(len, wrapped))):
            segments: list[Segment] = []
            for c, column in enumerate(wrapped):
                if c:
                    segments.append(Segment(" │ ", styles.rule))
                part = column[level].segments if level < len(column) else []
                segments += _aligned(part, widths[c], align[c] if c < len(align) else "", styles)
            lines.append(Line(segments))
        if index == 0:
            lines.append(Line([Segment("─┼─".join("─" * width for width in widths), styles.rule)]))
    return lines


def _aligned(part: list[Segment], width: int, align: str, styles: Styles) -> list[Segment]:
    air = max(0, width - sum([segment.cell_length for segment in part]))
    left = {"right": air, "center": air // 2}.get(align, 0)
    row = [Segment(" " * left, styles.page)] if left else []
    row += part
    return [*row, Segment(" " * (air - left), styles.page)] if air > left else row


def _records(
    cells: Sequence[Sequence[Sequence[Run]]], room: int, styles: Styles, *, begins: bool
) -> list[Line]:
    lines: list[Line] = []
    header, *rows = cells
    for index, row in enumerate(rows):
        if index or not begins:
            lines.append(Line([]))
        for c, cell in enumerate(row):
            name = list(header[c]) if c < len(header) else []
            lines += wrap([*name, (": ", styles.muted), *cell], room)
    return lines or [line for cell in header for line in wrap(cell, room)]
