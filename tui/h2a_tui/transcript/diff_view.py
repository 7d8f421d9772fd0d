"""A change drawn as a diff: numbers, colours of the language, the changed words; in two columns where there is room."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import lru_cache
from itertools import zip_longest
from typing import Final

from rich.segment import Segment
from rich.style import Style

from h2a_themes.colours import rgb, to_hex
from h2a_tui.theme import Styles
from h2a_tui.transcript.code import LineLexer, language_of
from h2a_tui.transcript.diff_lines import (
    GAP,
    REMARK,
    DiffLine,
    Pair,
    changed_words,
    pairs_of,
    parse_diff,
)
from h2a_tui.transcript.items import Excerpt, bounded
from h2a_tui.transcript.lines import Line, Page, Run, restyled
from h2a_tui.transcript.view import COLOURED, View, behind_gutter, on_ground

__all__ = ["DiffView", "layout_words"]

TWO_COLUMNS: Final = 140  # cells of the page from which on old and new stand side by side
_WIDEST: Final = 240
_WORD_GROUND: Final = 0.25  # how far the ground of a changed word goes towards the colour of its line


def layout_words(*, side_by_side: bool) -> str:
    """How changes are drawn, to be said."""
    how = f"side by side, from {TWO_COLUMNS} columns on" if side_by_side else "below each other"
    return f"Changes are drawn {how}"


class DiffView(View[DiffLine]):
    """The lines of a unified diff."""

    excerpt = Excerpt(14, 0)

    def __init__(self, diff: str) -> None:
        self._name, lines = parse_diff(diff)
        super().__init__(lines)

    def steps(self, page: Page, width: int, *, folded: bool) -> Iterator[list[Line]]:
        """One column, or two on a wide page."""
        if not page.side_by_side or page.width < TWO_COLUMNS:
            return super().steps(page, width, folded=folded)
        room = min(_WIDEST, page.width - 2 * page.margin) - (page.column - width)
        return _SideBySide(self._name, pairs_of(self.entries)).steps(page, room, folded=folded)

    def drawer(self, page: Page, width: int, *, whole: bool) -> Callable[[DiffLine], list[Line]]:
        """A column of numbers, the mark, the line."""
        paint = _Painter(self._name, self.entries, page.styles)

        def draw(line: DiffLine) -> list[Line]:
            rows = behind_gutter(paint.gutter(line, line.number), paint.runs(line), width, whole=whole)
            for row in rows:
                row.fill = paint.ground(line)
            return rows

        return draw


class _SideBySide(View[Pair]):
    """The old lines at the left, the new ones at the right."""

    excerpt = DiffView.excerpt

    def __init__(self, name: str, pairs: Sequence[Pair]) -> None:
        super().__init__(pairs)
        self._name = name

    def drawer(self, page: Page, width: int, *, whole: bool) -> Callable[[Pair], list[Line]]:
        """Two columns with a rule between them."""
        sides = [line for pair in self.entries for line in pair if line is not None]
        old, new = (_Painter(self._name, sides, page.styles) for _ in range(2))
        half = (width - 2) // 2
        nothing = Segment(" " * half, page.styles.diff_context)
        rule = Segment("│ ", page.styles.rule)

        def column(paint: _Painter, line: DiffLine | None, number: int) -> list[Line]:
            if line is None:
                return []
            rows = behind_gutter(paint.gutter(line, number), paint.runs(line), half, whole=whole)
            for row in rows:
                used = sum(segment.cell_length for segment in row.segments)
                row.segments.append(Segment(" " * (half - used), paint.ground(line)))
            return rows

        def draw(pair: Pair) -> list[Line]:
            left, right = pair
            lefts = column(old, left, left.old if left else 0)
            rights = column(new, right, right.new if right else 0)
            return [
                Line(
                    [*(a.segments if a else [nothing]), rule, *(b.segments if b else [nothing])],
                    lead=a.lead if a else half + 2 + (b.lead if b else 0),
                )
                for a, b in zip_longest(lefts, rights)
            ]

        return draw


class _Painter:
    """Colours lines from top to bottom: what was and what is are two texts of the same language."""

    def __init__(self, name: str, lines: Sequence[DiffLine], styles: Styles) -> None:
        self._styles = styles
        self._language = language_of(name)
        self._digits = len(str(max((max(line.old, line.new) for line in lines), default=1)))
        self._drawn = 0
        self._before, self._after = LineLexer(self._language), LineLexer(self._language)

    def ground(self, line: DiffLine) -> Style:
        """The colours of a line as a whole."""
        styles = self._styles
        by_mark = {"+": styles.diff_added, "-": styles.diff_removed, GAP: styles.diff_hunk}
        return by_mark.get(line.mark, styles.diff_context)

    def gutter(self, line: DiffLine, number: int) -> list[Segment]:
        """Number and mark."""
        shown = str(number) if number else "⋮" if line.mark == GAP else ""
        numbers = Segment(f"{shown:>{self._digits}} ", self._dim(line))
        mark = line.mark if line.mark in "+-" else " "
        return [numbers, Segment(f"{mark} ", self.ground(line))]

    def runs(self, line: DiffLine) -> list[Run]:
        """The words of a line."""
        text, ground = bounded(line.text), self.ground(line)
        if line.mark in (GAP, REMARK):
            self._before, self._after = LineLexer(self._language), LineLexer(self._language)
            return [(text, ground)]
        self._drawn += 1
        coloured = self._language and self._drawn <= COLOURED
        runs = on_ground(self._lexed(line, text), ground) if coloured else [(text, ground)]
        if line.twin is not None:
            spans = changed_words(text, bounded(line.twin))
            runs = restyled(runs, spans, _word_style(ground))
        return runs

    def _lexed(self, line: DiffLine, text: str) -> list[Run]:
        if line.mark == "-":
            return self._before.line(text, self._styles)
        if line.mark == " ":
            self._before.line(text, self._styles)
        return self._after.line(text, self._styles)

    def _dim(self, line: DiffLine) -> Style:
        return self._styles.dim + Style(bgcolor=self.ground(line).bgcolor)


@lru_cache(maxsize=16)
def _word_style(line: Style) -> Style:
    """What makes a changed word stand out of its line; bold, too, for terminals without colours."""
    colours = [colour.name for colour in (line.bgcolor, line.color) if colour and colour.name.startswith("#")]
    if len(colours) < 2:
        return Style(bold=True, underline=True)
    pairs = zip(*map(rgb, colours), strict=True)
    ground = to_hex([int(below + (own - below) * _WORD_GROUND) for below, own in pairs])
    return Style(bold=True, bgcolor=ground)
