"""What a renderer makes: wrapped lines of styled text, and the strips that paint them.

A `Line` is one row of the transcript without the page around it. It remembers what a reader who copies it
wants: which of its characters are decoration, and with which white space it continues the line above. The
strip of a line is made when it is first shown, exactly as wide as the page, and passes the last check that
nothing unprintable reaches a terminal.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, NamedTuple, TypeAlias

from rich.cells import cell_len, split_graphemes
from rich.segment import Segment
from rich.style import Style

from h2a_agent.safe_text import safe_text
from h2a_tui.theme import Styles

if TYPE_CHECKING:
    from textual.strip import Strip

__all__ = ["Line", "Page", "Run", "copied_text", "crop_line", "make_strip", "printable", "restyled", "wrap"]

Run: TypeAlias = tuple[str, Style]

_WORD: Final = re.compile(r"(\s*)(\S+)")
# Chinese and Japanese have no spaces: a row may end behind each character, but for marks that open or close something.
_IDEOGRAPH: Final = "[\u3005-\u3007\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003ffff]"
_OPENING: Final = r"[(\[{“‘（［｛「『【《〈〔]{0,3}"
_CLOSING: Final = (
    r"[)\]},.:;!?%”’）］｝」』】》〉〕、。，．：；！？…・ー々\ufe00-\ufe0f\U000e0100-\U000e01ef]*"
)
_WORD_OR_IDEOGRAPH: Final = re.compile(
    rf"(\s*)({_OPENING}{_IDEOGRAPH}{_CLOSING}|(?:(?!{_OPENING}{_IDEOGRAPH})\S)+)"
)
_MEASURE: Final = 108  # cells; lines longer than this are hard to read
_NARROW: Final = 40


@dataclass(frozen=True, slots=True)
class Page:
    """Where lines are drawn: `width` cells in all, with these styles; changes side by side if they fit and are to be."""

    width: int
    styles: Styles
    side_by_side: bool = True

    @property
    def margin(self) -> int:
        """Empty cells to the left, and at least as many to the right."""
        return 2 if self.width >= _NARROW else 1

    @property
    def column(self) -> int:
        """Cells for text."""
        return max(8, min(self.width - 2 * self.margin, _MEASURE))


@dataclass(slots=True)
class Line:
    """One row.

    `lead` counts the characters at its start that are decoration; they are not copied. `join` is None for a
    line of its own, else the white space that was dropped where the line above was wrapped. `fill` colours the
    rest of the column. `strip` is its painted form, once it was shown.
    """

    segments: list[Segment]
    lead: int = 0
    join: str | None = None
    fill: Style | None = None
    strip: Strip | None = field(default=None, compare=False, repr=False)

    @property
    def text(self) -> str:
        """Its characters, decoration included."""
        return "".join([segment.text for segment in self.segments])


class _Break(NamedTuple):
    """Where a text is wrapped: a row ends at `end`, the next begins at `start`."""

    end: int
    start: int


def _chop(word: str, width: int, used: int) -> list[int]:
    """Where to cut a word that is wider than a row, the first row having `used` cells taken already."""
    cuts = []
    spans = [(i, i + 1, 1) for i in range(len(word))] if word.isascii() else split_graphemes(word)[0]
    for start, _end, cells in spans:
        if used + cells > width and (used or start):
            cuts.append(start)
            used = 0
        used += cells
    return cuts


def _breaks(text: str, width: int) -> list[_Break]:
    ascii_only = text.isascii()
    breaks: list[_Break] = []
    used = 0
    for match in (_WORD if ascii_only else _WORD_OR_IDEOGRAPH).finditer(text):
        space, word = match[1], match[2]
        word_cells = len(word) if ascii_only else cell_len(word)
        space_cells = len(space) if ascii_only else cell_len(space)
        if used + space_cells + word_cells <= width:
            used += space_cells + word_cells
            continue
        start = match.start(2)
        # Other scripts without spaces fill the row; a long path or address begins a row of its own.
        full = used + space_cells >= width
        if (used or full) and (full or word_cells <= width or word.isascii()):
            breaks.append(_Break(match.start(), start))
            used = 0
        else:
            used += space_cells
        if used + word_cells > width:
            cuts = _chop(word, width, used)
            breaks += [_Break(start + cut, start + cut) for cut in cuts]
            tail = word[cuts[-1] :] if cuts else word
            used = cell_len(tail) + (0 if cuts else used)
        else:
            used += word_cells
    return breaks


def wrap(runs: Sequence[Run], width: int) -> list[Line]:
    """`runs` as rows of at most `width` cells; always at least one. There is no newline in them."""
    width = max(2, width)  # a wide character needs two
    text = "".join([text for text, _ in runs])
    if len(text) <= width and cell_len(text) <= width:
        return [Line([Segment(text, style) for text, style in runs if text])]
    breaks = _breaks(text, width)
    lines: list[Line] = []
    row: list[Segment] = []
    join: str | None = None
    position = 0
    pending = iter([*breaks, _Break(len(text.rstrip()), len(text))])
    end, start = next(pending)
    for piece, style in runs:
        while piece:
            if position < end:
                part = piece[: end - position]
                row.append(Segment(part, style))
            elif position < start:
                part = piece[: start - position]
            else:
                lines.append(Line(row, join=join))
                row, join = [], text[end:start]
                end, start = next(pending)
                continue
            position += len(part)
            piece = piece[len(part) :]
    lines.append(Line(row, join=join))
    return lines


def restyled(runs: Sequence[Run], spans: Sequence[tuple[int, int]], style: Style) -> list[Run]:
    """`runs` with `style` on top where the characters of `spans` are, which are in order and do not overlap."""
    result: list[Run] = []
    edges = iter([edge for span in spans for edge in span])
    edge, inside, position = next(edges, None), False, 0
    for text, own in runs:
        while edge is not None and edge <= position + len(text):
            part, text = text[: edge - position], text[edge - position :]
            if part:
                result.append((part, own + style if inside else own))
            position, edge, inside = edge, next(edges, None), not inside
        if text:
            result.append((text, own + style if inside else own))
            position += len(text)
    return result


def crop_line(runs: Sequence[Run], width: int, more: Style) -> Line:
    """`runs` as one row of at most `width` cells; what does not fit is replaced by an ellipsis."""
    room = width
    row: list[Segment] = []
    for index, (text, style) in enumerate(runs):
        cells = cell_len(text)
        rest = index + 1 < len(runs) and any(later for later, _ in runs[index + 1 :])
        if cells < room or (cells == room and not rest):
            if text:
                row.append(Segment(text, style))
            room -= cells
            continue
        cut = next(
            (start for start, end, _ in split_graphemes(text)[0] if cell_len(text[:end]) > room - 1),
            len(text),
        )
        row += [Segment(text[:cut], style)] if cut else []
        row.append(Segment("…", more))
        break
    return Line(row)


def printable(line: Line) -> list[Segment]:
    """What of `line` goes to a terminal: the last choke point before it.

    Events are safe already, so this only ever acts on a fault of ours. Unprintable characters are made visible;
    control codes cannot pass.
    """
    if line.text.isprintable():
        return line.segments
    return [_printable(segment) for segment in line.segments]


def _printable(segment: Segment) -> Segment:
    text, style, _ = segment
    if text.isprintable():
        return segment
    return Segment(safe_text(text).replace("\n", "␊").replace("\t", " "), style)


def make_strip(line: Line, page: Page) -> Strip:
    """The painted form of `line`, exactly as wide as the page."""
    if line.strip is None or line.strip.cell_length != page.width:
        ground = page.styles.page
        margin = Segment(" " * page.margin, ground)
        segments = printable(line)
        used = sum([segment.cell_length for segment in segments])
        row = [margin, *segments]
        if line.fill is not None and used < page.column:
            row.append(Segment(" " * (page.column - used), line.fill))
            used = page.column
        rest = page.width - page.margin - used
        if rest > 0:
            row.append(Segment(" " * rest, ground))
        from textual.strip import Strip  # here, because who prints lines instead does without Textual

        strip = Strip(row, page.margin + used + max(0, rest))
        line.strip = strip if rest >= 0 else strip.crop(0, page.width)
    return line.strip


def copied_text(lines: Iterable[tuple[Line, int, int | None]]) -> str:
    """What a reader copies of `lines`, each with the first and last character (None: to its end) wanted.

    Wrapped lines are joined as they were before, decoration is left out.
    """
    parts: list[str] = []
    for line, first, last in lines:
        text = line.text
        begin = max(first, line.lead)
        piece = text[begin:].rstrip(" ") if last is None else text[begin:last]
        if parts:
            parts.append("\n" if line.join is None else line.join)
        parts.append(piece)
    return "".join(parts)
