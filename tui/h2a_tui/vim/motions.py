"""Where vim's motions go. What they do in odd corners (the end of a line, of the text, empty lines) is vim's."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from dataclasses import replace as with_
from typing import Final, TypeAlias

from h2a_tui.vim.page import Page

__all__ = ["END_OF_LINE", "MOTIONS", "TAKES_CHARACTER", "Found", "Target", "find_again", "word_end"]

END_OF_LINE: Final = 1 << 30
"""As a goal column: the end of each line, however long."""


@dataclass(frozen=True, slots=True)
class Found:
    """The last search in a line: `f`, `F`, `t` or `T`, and for what."""

    how: str
    what: str


@dataclass(frozen=True, slots=True)
class Target:
    """Where a motion ends. `inclusive` ones take the unit there along, `linewise` ones whole lines.

    `goal` is the column that Up and Down aim at from now on, None: where the cursor is. `failed` motions go as far as
    they could: an operator still takes that, a cursor stays.
    """

    at: int
    inclusive: bool = False
    linewise: bool = False
    goal: int | None = None
    failed: bool = False


@dataclass(frozen=True, slots=True)
class Asked:
    """What a motion is asked: from where, how often (`given`: as often as somebody said, 0: nobody did), with what."""

    page: Page
    at: int
    given: int = 0
    argument: str = ""
    goal: int | None = None
    operator: str = ""
    found: Found | None = None
    visual: bool = False

    def rest(self, at: int) -> int:
        """Where a cursor comes to rest that went to `at`: behind the end of a line only for an operator or a choice."""
        return at if self.operator or self.visual else self.page.standing(at)

    @property
    def count(self) -> int:
        return max(1, self.given)


Motion: TypeAlias = Callable[[Asked], Target | None]
"""None: there is nowhere to go."""


# ------------------------------------------------------------------ in a line


def _left(asked: Asked) -> Target | None:
    at = asked.page.back_in_line(asked.at, asked.count)
    return None if at == asked.at and not asked.operator else Target(at)


def _right(asked: Asked) -> Target | None:
    at = asked.rest(asked.page.forward_in_line(asked.at, asked.count))
    return None if at == asked.at and not asked.operator else Target(at)


def _line_start(asked: Asked) -> Target:
    return Target(asked.page.line_start(asked.at))


def _first_word(asked: Asked) -> Target:
    return Target(asked.page.first_word(asked.at))


def _line_end(asked: Asked) -> Target | None:
    start = asked.page.towards(asked.at, asked.count - 1)
    if start is None:
        return None
    end = asked.page.standing(asked.page.line_end(start))
    return Target(end, inclusive=True, goal=END_OF_LINE)


def _find(asked: Asked) -> Target | None:
    assert asked.found is not None
    return _find_in_line(asked.page, asked.at, asked.found, asked.count)


def _find_in_line(page: Page, at: int, found: Found, count: int) -> Target | None:
    forward, here = found.how in "ft", at
    step = page.next if forward else page.previous
    limit = page.line_end(at) if forward else page.line_start(at)
    while count:
        if here == limit:
            return None
        here = step(here)
        if here != page.line_end(at) and page.text[here : page.next(here)] == found.what:
            count -= 1
    if found.how in "tT":
        here = page.previous(here) if forward else page.next(here)
    return Target(here, inclusive=forward)


def find_again(asked: Asked, *, back: bool) -> Target | None:
    """`;` and `,`: the last search in a line again; `t` does not stay before what it stands at already."""
    if asked.found is None:
        return None
    found = Found(asked.found.how.swapcase(), asked.found.what) if back else asked.found
    target = _find_in_line(asked.page, asked.at, found, asked.count)
    if target is not None and target.at == asked.at and asked.count == 1:
        return _find_in_line(asked.page, asked.at, found, 2)
    return target


# --------------------------------------------------------------------- by words

_FAILED: Final = -1
_AT_LINE_END: Final = 2
_ON_NEXT_LINE: Final = 1


class _Walker:
    """A place that goes on unit by unit and knows what it went over; a line's end is a place, too."""

    def __init__(self, page: Page, at: int, *, big: bool) -> None:
        self.page, self.at, self._big = page, at, big

    @property
    def kind(self) -> int:
        return self.page.kind(self.at, big=self._big)

    @property
    def on_empty_line(self) -> bool:
        return self.page.is_empty_line(self.at)

    def forward(self) -> int:
        page, before = self.page, self.at
        if before == page.end:
            return _FAILED
        self.at = page.next(before)
        if page.text[before] == "\n":
            return _ON_NEXT_LINE
        return _AT_LINE_END if self.at == page.line_end(self.at) else 0

    def back(self) -> bool:
        moved = self.at > 0
        self.at = self.page.previous(self.at)
        return moved

    def skip(self, kind: int) -> bool:
        """Go over all of `kind`; False: there the text ends."""
        while self.kind == kind:
            if self.forward() == _FAILED:
                return False
        return True

    @property
    def on_last_line(self) -> bool:
        return self.page.line_end(self.at) == self.page.end


def _word(asked: Asked, *, big: bool = False) -> Target | None:
    page, kind = asked.page, asked.page.kind(asked.at, big=big)
    if asked.operator == "c" and kind:  # on a word, cw leaves the blanks behind it
        return word_end(page, asked.at, asked.count, big=big, stay=True)
    walker, failed = _Walker(page, asked.at, big=big), False
    for left in range(asked.count - 1, -1, -1):
        if not _one_word(walker, within_line=bool(asked.operator) and left == 0):
            failed = True
            break
    at = asked.rest(walker.at)
    return Target(at, failed=failed) if at != asked.at or asked.operator else None


def _one_word(walker: _Walker, *, within_line: bool) -> bool:
    kind, last_line = walker.kind, walker.on_last_line
    step = walker.forward()
    if step == _FAILED or (step and last_line):
        return False
    if step and within_line:
        return True
    while kind and walker.kind == kind:
        step = walker.forward()
        if step == _FAILED or (step and within_line):
            return True
    while walker.kind == 0 and not walker.on_empty_line:
        last_line = walker.on_last_line
        step = walker.forward()
        if step == _FAILED or (step and (last_line or within_line)):
            break
    return True


def word_end(page: Page, at: int, count: int, *, big: bool = False, stay: bool = False) -> Target:
    """The end of the `count`-th word; with `stay` the first one may end where `at` is."""
    walker = _Walker(page, at, big=big)
    for _ in range(count):
        kind = walker.kind
        if walker.forward() == _FAILED:
            return Target(walker.at, inclusive=True, failed=True)
        if kind and walker.kind == kind:
            walker.skip(kind)
        elif not stay or not kind:
            if not walker.skip(0):
                return Target(walker.at, inclusive=True, failed=True)
            walker.skip(walker.kind)
        walker.back()
        stay = False
    return Target(walker.at, inclusive=True)


def _end_of_word(asked: Asked, *, big: bool = False) -> Target | None:
    target = word_end(asked.page, asked.at, asked.count, big=big)
    return target if asked.operator or asked.rest(target.at) != asked.at else None


def _word_back(asked: Asked, *, big: bool = False) -> Target | None:
    walker = _Walker(asked.page, asked.at, big=big)
    for _ in range(asked.count):
        if not walker.back():
            break
        _to_word_start(walker)
    return Target(walker.at) if walker.at != asked.at else None


def _to_word_start(walker: _Walker) -> None:
    while walker.kind == 0:
        if walker.on_empty_line or not walker.back():
            return
    kind = walker.kind
    while walker.kind == kind:
        if not walker.back():
            return
    walker.forward()


# --------------------------------------------------------------------- by lines


def _vertical(asked: Asked, lines: int) -> Target | None:
    page = asked.page
    start = page.towards(asked.at, lines)
    if start is None:
        return None
    goal = page.column(asked.at) if asked.goal is None else asked.goal
    end = page.line_end(start)
    at = end if goal == END_OF_LINE else page.forward_in_line(start, goal)
    return Target(page.standing(at), linewise=True, goal=goal)


def _line(asked: Asked, default: int) -> Target:
    page = asked.page
    number = min(asked.given or default, page.text.count("\n") + 1)
    start = page.down(0, number - 1)
    return Target(page.first_word(start or 0), linewise=True)


def _paragraph(asked: Asked, direction: int) -> Target | None:
    page, start = asked.page, asked.page.line_start(asked.at)
    for left in range(asked.count - 1, -1, -1):
        skipped, first = False, True
        while first or not (skipped and page.is_empty_line(start)):
            skipped = skipped or not page.is_empty_line(start)
            beyond = page.down(start, direction)
            if beyond is None:
                if left:
                    return None
                break
            start, first = beyond, False
            if page.is_empty_line(start) and skipped:
                break
    if direction > 0 and page.line_end(start) == page.end:
        at = page.standing(page.end)
        return Target(at, inclusive=not page.is_empty_line(at))
    return Target(start)


_PAIRS: Final[Mapping[str, str]] = {"(": ")", "[": "]", "{": "}"}
_OPENING: Final[Mapping[str, str]] = {closing: opening for opening, closing in _PAIRS.items()}


def _match(asked: Asked) -> Target | None:
    if asked.given:  # so many per cent of the lines
        lines = asked.page.text.count("\n") + 1
        return _line(with_(asked, given=(min(100, asked.given) * lines + 99) // 100), 1)
    page, here, end = asked.page, asked.at, asked.page.line_end(asked.at)
    while here < end and page.text[here : page.next(here)] not in {**_PAIRS, **_OPENING}:
        here = page.next(here)
    if here >= end:
        return None
    sign = page.text[here]
    other, forward = (_PAIRS[sign], True) if sign in _PAIRS else (_OPENING[sign], False)
    depth = 0
    while True:
        unit = page.text[here : page.next(here)]
        depth += (unit == sign) - (unit == other)
        if depth == 0:
            return Target(here, inclusive=True)
        if here == 0 and not forward:
            return None
        here = page.next(here) if forward else page.previous(here)
        if here >= page.end:
            return None


MOTIONS: Final[Mapping[str, Motion]] = {
    "h": _left,
    "l": _right,
    "0": _line_start,
    "^": _first_word,
    "$": _line_end,
    "f": _find,
    "F": _find,
    "t": _find,
    "T": _find,
    ";": lambda asked: find_again(asked, back=False),
    ",": lambda asked: find_again(asked, back=True),
    "w": _word,
    "W": lambda asked: _word(asked, big=True),
    "e": _end_of_word,
    "E": lambda asked: _end_of_word(asked, big=True),
    "b": _word_back,
    "B": lambda asked: _word_back(asked, big=True),
    "j": lambda asked: _vertical(asked, asked.count),
    "k": lambda asked: _vertical(asked, -asked.count),
    "G": lambda asked: _line(asked, END_OF_LINE),
    "gg": lambda asked: _line(asked, 1),
    "{": lambda asked: _paragraph(asked, -1),
    "}": lambda asked: _paragraph(asked, 1),
    "%": _match,
}
TAKES_CHARACTER: Final = frozenset("fFtT")
