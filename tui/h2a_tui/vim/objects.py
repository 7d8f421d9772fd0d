"""Vim's text objects: what `iw`, `a"`, `i(` or `ap` take from where the cursor stands."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Final, TypeAlias

from h2a_tui.vim.page import BLANKS, Page

__all__ = ["OBJECTS", "Span"]


@dataclass(frozen=True, slots=True)
class Span:
    """From `start` up to `end`; with `linewise` whole lines, `end` lying on the last one."""

    start: int
    end: int
    linewise: bool = False


Select: TypeAlias = Callable[[Page, int, int, bool], Span | None]
"""Of a page and a place, so many, with what is around it; None: there is none."""


# ---------------------------------------------------------------------- words


def _runs(page: Page, at: int, *, big: bool) -> list[tuple[int, int, bool]]:
    """The line of `at` cut where blanks, words and signs change: start, end, and whether it is blank."""
    runs: list[tuple[int, int, int]] = []
    here, end = page.line_start(at), page.line_end(at)
    while here < end:
        kind, following = page.kind(here, big=big), page.next(here)
        if runs and runs[-1][2] == kind:
            runs[-1] = (runs[-1][0], following, kind)
        else:
            runs.append((here, following, kind))
        here = following
    return [(start, stop, kind == 0) for start, stop, kind in runs]


def _word(page: Page, at: int, count: int, around: bool, *, big: bool = False) -> Span | None:
    runs = _runs(page, at, big=big)
    first = next((index for index, (_, stop, _) in enumerate(runs) if at < stop), None)
    if first is None:
        return Span(at, at) if page.is_empty_line(at) and not around else None
    last = first + count - 1
    if not around:
        return Span(runs[first][0], runs[min(last, len(runs) - 1)][1])
    begins_blank = runs[first][2]
    last = first - 1
    for _ in range(count):  # each a word and the blanks behind it, or blanks and the word behind them
        last += 1
        if (
            last + 1 < len(runs)
            and runs[last][2] != runs[last + 1][2]
            and (runs[last][2] or runs[last + 1][2])
        ):
            last += 1
    last = min(last, len(runs) - 1)
    if begins_blank and runs[last][2]:
        return None
    start = runs[first][0]
    if not begins_blank and not runs[last][2] and first and runs[first - 1][2] and first > 1:
        start = runs[first - 1][0]  # no blanks behind it, so those before it; but an indent stays
    return Span(start, runs[last][1])


# --------------------------------------------------------------------- quotes


def _quoted(page: Page, at: int, count: int, around: bool, *, quote: str) -> Span | None:
    start, line = page.line_start(at), page.line(at)
    marks = _unescaped(line, quote)
    column = at - start
    pairs = zip(marks[::2], marks[1::2], strict=False)
    pair = next(((left, right) for left, right in pairs if column <= right), None)
    if pair is None:
        return None
    left, right = pair
    if not around:
        wide = count > 1  # 2i" takes the quotes, too
        return Span(start + left + (not wide), start + right + wide)
    behind = right + 1
    while line[behind : behind + 1] and line[behind] in BLANKS:
        behind += 1
    if behind == right + 1:
        while left and line[left - 1] in BLANKS:
            left -= 1
    return Span(start + left, start + behind)


def _unescaped(line: str, quote: str) -> list[int]:
    marks, column = [], 0
    while column < len(line):
        if line[column] == "\\":
            column += 1
        elif line[column] == quote:
            marks.append(column)
        column += 1
    return marks


# -------------------------------------------------------------------- brackets


def _bracketed(page: Page, at: int, count: int, around: bool, *, pair: str) -> Span | None:
    opening, closing = pair[0], pair[1]
    start = at + 1 if page.text[at : at + 1] == opening else at
    for _ in range(count):
        found = _enclosing(page.text, start, opening, closing)
        if found is None and count == 1:
            found = _next(page.text, at, pair)
        if found is None:
            return None
        start = found
    end = _closing(page.text, start, opening, closing)
    if end is None:
        return None
    if around:
        return Span(start, end + 1)
    start += 1
    if page.text[start : start + 1] == "\n" and start < end:
        start += 1
    indent = page.line_start(end)
    if indent > start and not page.text[indent:end].strip(BLANKS):
        end = indent  # the closing one stands alone: its line's indent stays
    return Span(start, max(start, end))


def _enclosing(text: str, before: int, opening: str, closing: str) -> int | None:
    depth = 0
    for index in range(before - 1, -1, -1):
        if text[index] == closing:
            depth += 1
        elif text[index] == opening:
            if depth == 0:
                return index
            depth -= 1
    return None


def _next(text: str, at: int, pair: str) -> int | None:
    """The first opening one that follows, where nothing closes before it."""
    first = next((index for index in range(at, len(text)) if text[index] in pair), None)
    return first if first is not None and text[first] == pair[0] else None


def _closing(text: str, start: int, opening: str, closing: str) -> int | None:
    depth = 0
    for index in range(start, len(text)):
        depth += (text[index] == opening) - (text[index] == closing)
        if depth == 0:
            return index
    return None


# ------------------------------------------------------------------ paragraphs


def _paragraph(page: Page, at: int, count: int, around: bool) -> Span | None:
    start = page.line_start(at)
    blank = _is_blank(page, start)
    while (above := page.down(start, -1)) is not None and _is_blank(page, above) == blank:
        start = above
    parts = count * 2 if around else count
    end, wanted, done = start, blank, 0
    here: int | None = start
    while here is not None and done < parts:
        if _is_blank(page, here) != wanted:
            done, wanted = done + 1, not wanted
            continue
        end, here = here, page.down(here, 1)
    if here is None and done + 1 < parts:
        if not around or blank or done + 2 < parts:
            return None
        start = _with_blanks_above(page, start)
    return Span(start, end, linewise=True)


def _with_blanks_above(page: Page, start: int) -> int:
    while (above := page.down(start, -1)) is not None and _is_blank(page, above):
        start = above
    return start


def _is_blank(page: Page, at: int) -> bool:
    return not page.line(at).strip(BLANKS)


OBJECTS: Final[Mapping[str, Select]] = {
    "w": _word,
    "W": partial(_word, big=True),
    "p": _paragraph,
    **{quote: partial(_quoted, quote=quote) for quote in "\"'`"},
    **{sign: partial(_bracketed, pair="()") for sign in "()b"},
    **{sign: partial(_bracketed, pair="[]") for sign in "[]"},
    **{sign: partial(_bracketed, pair="{}") for sign in "{}B"},
    **{sign: partial(_bracketed, pair="<>") for sign in "<>"},
}
