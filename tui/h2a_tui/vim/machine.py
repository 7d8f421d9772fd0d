"""The modes of vim: a state, a key and a text make a new state, and what is to be done to the text.

    insert ──Esc──▶ normal ──i a I A o O c s──▶ insert
                      │ ▲
                     v V │ Esc, an operator
                      ▼ │
                    visual

A command is looked at only when it is whole (`grammar.parse`); until then its keys wait in `State.keys`. `.` says the
last change once more, with what was written in it.
"""

from __future__ import annotations

from dataclasses import dataclass
from dataclasses import replace as with_
from enum import Enum
from typing import Final

from h2a_tui.vim import changes
from h2a_tui.vim.changes import Change, Effect, Range, Register
from h2a_tui.vim.grammar import OPERATORS, Spoken, parse
from h2a_tui.vim.motions import END_OF_LINE, MOTIONS, TAKES_CHARACTER, Asked, Found, Target
from h2a_tui.vim.objects import OBJECTS
from h2a_tui.vim.page import Page

__all__ = ["Done", "Mode", "State", "leave_insert", "press"]


class Mode(Enum):
    """What keys do, in the word that is shown."""

    INSERT = "INSERT"
    NORMAL = "NORMAL"
    VISUAL = "VISUAL"
    VISUAL_LINE = "V-LINE"


@dataclass(frozen=True, slots=True)
class Extent:
    """How much was chosen in visual mode, for `.`: so many lines further, so many units of the last one."""

    lines: int
    columns: int
    linewise: bool


@dataclass(frozen=True, slots=True)
class Repeatable:
    """The last change: what was said, on how much, and what was written then."""

    spoken: Spoken
    extent: Extent | None = None
    written: str = ""


@dataclass(frozen=True, slots=True)
class Writing:
    """Since when one writes: the text was `text` then, the cursor `at`. `times` counts what was asked for."""

    text: str
    at: int
    times: int = 1
    between: str = ""


_EMPTY: Final = Register("", False)


@dataclass(frozen=True, slots=True)
class State:
    """Everything that is remembered from one key to the next.

    `keys` are those of a command that is not whole yet. In visual mode `anchor` and `head` are the ends of what is
    chosen, both included.
    """

    mode: Mode = Mode.INSERT
    keys: str = ""
    anchor: int = 0
    head: int = 0
    goal: int | None = None
    found: Found | None = None
    register: Register = _EMPTY
    last: Repeatable | None = None
    writing: Writing | None = None

    @property
    def is_visual(self) -> bool:
        return self.mode in (Mode.VISUAL, Mode.VISUAL_LINE)


@dataclass(frozen=True, slots=True)
class Done:
    """What is to be done to the text: `change` it, then go to `cursor`; or `undo` so many steps (negative: redo them).

    `selection` is what visual mode has chosen. `beyond` says that the cursor would have left the text upwards (-1) or
    downwards (1), which an editor may have a use for.
    """

    cursor: int
    change: Change | None = None
    undo: int = 0
    selection: tuple[int, int] | None = None
    beyond: int = 0


def press(state: State, key: str, page: Page, cursor: int) -> tuple[State, Done]:
    """One key, a character, outside of insert mode. The cursor is at `cursor`; in visual mode at `state.head`."""
    cursor = page.snap(min(state.head, page.end) if state.is_visual else cursor)
    state = with_(state, anchor=page.snap(min(state.anchor, page.end)))
    keys = state.keys + key
    spoken = parse(keys, visual=state.is_visual)
    if spoken is True:
        return with_(state, keys=keys), _still(state, page, cursor)
    state = with_(state, keys="")
    if spoken is False:
        return state, _still(state, page, cursor)
    if state.is_visual:
        return _in_visual(state, spoken, page, cursor)
    return _in_normal(state, spoken, page, page.standing(cursor))


def leave_insert(state: State, page: Page, cursor: int) -> tuple[State, Done]:
    """Escape: back to normal mode from any other, the keys of an unfinished command forgotten."""
    normal = with_(state, mode=Mode.NORMAL, keys="", writing=None)
    if state.mode is not Mode.INSERT:
        return normal, Done(page.standing(state.head if state.is_visual else cursor))
    cursor = page.snap(cursor)
    change, writing = None, state.writing
    if writing is not None:
        written = _written(writing, page)
        if normal.last is not None:
            normal = with_(normal, last=with_(normal.last, written=written))
        if written and writing.times > 1:
            change = Change(cursor, cursor, (writing.between + written) * (writing.times - 1))
            page = page.changed(*change)
            cursor += len(change.text)
    return normal, Done(page.back_in_line(cursor, 1), change)


def _written(writing: Writing, page: Page) -> str:
    """What was written since then; "" where more than that has changed."""
    before, behind = writing.text[: writing.at], writing.text[writing.at :]
    if (
        len(page.text) < len(writing.text)
        or not page.text.startswith(before)
        or not page.text.endswith(behind)
    ):
        return ""
    return page.text[writing.at : page.end - len(behind)]


def _still(state: State, page: Page, cursor: int) -> Done:
    if state.is_visual:
        return _chosen(state, page)
    return Done(page.standing(cursor))


# --------------------------------------------------------------------- normal mode

_SHORT: Final = {
    "x": Spoken("l", operator="d"),
    "X": Spoken("h", operator="d"),
    "D": Spoken("$", operator="d"),
    "C": Spoken("$", operator="c"),
    "s": Spoken("l", operator="c"),
    "S": Spoken("", operator="c"),
    "Y": Spoken("", operator="y"),
}


def _in_normal(state: State, spoken: Spoken, page: Page, at: int) -> tuple[State, Done]:
    verb, count = spoken.verb, max(1, spoken.count)
    match verb:
        case "u" | "\x12":
            return with_(state, goal=None), Done(at, undo=count if verb == "u" else -count)
        case "v" | "V":
            mode = Mode.VISUAL if verb == "v" else Mode.VISUAL_LINE
            chosen = with_(state, mode=mode, anchor=at, head=at)
            return chosen, _chosen(chosen, page)
        case ".":
            return _again(state, spoken, page, at)
    spoken = with_(_SHORT[verb], count=spoken.count) if verb in _SHORT and not spoken.operator else spoken
    if not spoken.operator and spoken.verb in MOTIONS:
        return _move(state, spoken, page, at)
    return _apply(state, Repeatable(spoken), page, at)


def _move(state: State, spoken: Spoken, page: Page, at: int) -> tuple[State, Done]:
    state, target = _go(state, spoken, page, at)
    if target is None:
        return state, Done(at, beyond={"j": 1, "k": -1}.get(spoken.verb, 0))
    return with_(state, goal=target.goal), Done(page.standing(target.at))


def _go(state: State, spoken: Spoken, page: Page, at: int) -> tuple[State, Target | None]:
    if spoken.verb in TAKES_CHARACTER:
        state = with_(state, found=Found(spoken.verb, spoken.argument))
    asked = Asked(
        page, at, spoken.count, spoken.argument, state.goal, spoken.operator, state.found, state.is_visual
    )
    return state, MOTIONS[spoken.verb](asked)


def _apply(
    state: State, change: Repeatable, page: Page, at: int, *, again: bool = False
) -> tuple[State, Done]:
    """Do a command that may change the text, and remember it; `again`: with what was written in it."""
    state, effect = _effect(state, change, page, at)
    state = with_(state, goal=None, register=(effect and effect.register) or state.register)
    if effect is None:
        return state, Done(page.standing(at))
    if effect.change is not None or effect.writes or change.spoken.operator == "d":
        state = with_(state, last=change)
    if not effect.writes:
        return state, Done(effect.cursor, effect.change)
    start, end, text = effect.change or Change(effect.cursor, effect.cursor, "")
    spoken = change.spoken
    times = max(1, spoken.count) if spoken.verb in _INSERTS and not spoken.operator else 1
    between = "\n" if spoken.verb in ("o", "O") else ""
    if again:
        written = change.written + (between + change.written) * (times - 1)
        place = effect.cursor - start
        whole = Change(start, end, text[:place] + written + text[place:])
        after = page.changed(*whole)
        return state, Done(after.back_in_line(effect.cursor + len(written), 1), whole)
    writing = Writing(page.changed(start, end, text).text, effect.cursor, times, between)
    return with_(state, mode=Mode.INSERT, writing=writing), Done(effect.cursor, effect.change)


def _effect(state: State, change: Repeatable, page: Page, at: int) -> tuple[State, Effect | None]:
    spoken = change.spoken
    if change.extent is not None:
        return state, _on_range(state, spoken, page, _extended(page, at, change.extent))
    if spoken.operator:
        state, what, cursor = _taken(state, spoken, page, at)
        return state, None if what is None else changes.operate(page, spoken.operator, what, cursor)
    count = max(1, spoken.count)
    match spoken.verb:
        case "r":
            return state, changes.replace(page, at, spoken.argument, count)
        case "~":
            end = page.forward_in_line(at, count)
            turned = changes.change_case(page, at, end, "~")
            return state, None if at == end else Effect(page.standing(end), turned)
        case "J":
            return state, changes.join(page, at, max(2, count))
        case "p" | "P":
            return state, changes.put(page, at, state.register, count, before=spoken.verb == "P")
    return state, _INSERTS[spoken.verb](page, at)


def _indent_end(page: Page, at: int) -> int:
    line = page.line(at)
    return page.line_start(at) + len(line) - len(line.lstrip(" \t"))


def _opened(at: int, cursor: int) -> Effect:
    return Effect(cursor, Change(at, at, "\n"), writes=True)


_INSERTS: Final = {
    "i": lambda page, at: Effect(at, writes=True),
    "a": lambda page, at: Effect(page.forward_in_line(at, 1), writes=True),
    "I": lambda page, at: Effect(_indent_end(page, at), writes=True),
    "A": lambda page, at: Effect(page.line_end(at), writes=True),
    "o": lambda page, at: _opened(page.line_end(at), page.line_end(at) + 1),
    "O": lambda page, at: _opened(page.line_start(at), page.line_start(at)),
}


def _taken(state: State, spoken: Spoken, page: Page, at: int) -> tuple[State, Range | None, int]:
    """What an operator takes, and where a yank leaves the cursor."""
    if not spoken.verb:
        last = page.towards(at, max(0, spoken.count - 1))
        if last is None:
            return state, None, at
        return state, Range(page.line_start(at), page.line_end(last), True), at
    if spoken.verb[0] in "ia" and spoken.verb[1:] in OBJECTS:
        span = OBJECTS[spoken.verb[1:]](page, at, max(1, spoken.count), spoken.verb[0] == "a")
        if span is None:
            return state, None, at
        target = Target(span.end, linewise=span.linewise)
        return state, changes.range_to(page, span.start, target, spoken.operator), span.start
    state, target_or_none = _go(state, spoken, page, at)
    if target_or_none is None:
        return state, None, at
    return state, changes.range_to(page, at, target_or_none, spoken.operator), min(at, target_or_none.at)


def _again(state: State, spoken: Spoken, page: Page, at: int) -> tuple[State, Done]:
    last = state.last
    if last is None:
        return state, Done(at)
    if spoken.count:
        last = with_(last, spoken=with_(last.spoken, count=spoken.count))
    return _apply(state, last, page, at, again=True)


# --------------------------------------------------------------------- visual mode


def _chosen(state: State, page: Page) -> Done:
    what = _range(state, page)
    return Done(state.head, selection=(what.start, what.end))


def _range(state: State, page: Page) -> Range:
    start, end = min(state.anchor, state.head), max(state.anchor, state.head)
    if state.mode is Mode.VISUAL_LINE:
        return Range(page.line_start(start), page.line_end(end), True)
    if state.goal == END_OF_LINE:
        return Range(start, min(page.end, page.line_end(end) + 1), False)
    return Range(start, page.next(end), False)


_LINEWISE: Final = frozenset("XDYCSR")
_AS_OPERATOR: Final = {"x": "d", "X": "d", "D": "d", "Y": "y", "C": "c", "S": "c", "R": "c", "s": "c"}


def _in_visual(state: State, spoken: Spoken, page: Page, at: int) -> tuple[State, Done]:
    verb = spoken.verb
    match verb:
        case "v" | "V":
            mode = Mode.VISUAL if verb == "v" else Mode.VISUAL_LINE
            if mode is state.mode:
                return with_(state, mode=Mode.NORMAL), Done(page.standing(at))
            state = with_(state, mode=mode)
            return state, _chosen(state, page)
        case "o":
            state = with_(state, anchor=at, head=state.anchor)
            return state, _chosen(state, page)
    if verb[0] in "ia" and verb[1:] in OBJECTS:
        return _choose_object(state, spoken, page, at)
    if verb in MOTIONS:
        state, target = _go(state, spoken, page, at)
        if target is not None:
            state = with_(state, head=target.at, goal=target.goal)
        return state, _chosen(state, page)
    what = _range(state, page)
    if verb in _LINEWISE and not what.linewise:
        last = max(state.anchor, state.head)
        what = Range(page.line_start(what.start), page.line_end(last), True)
    state = with_(state, mode=Mode.NORMAL)
    spoken = Spoken(
        verb, spoken.argument, _AS_OPERATOR.get(verb, verb if verb in OPERATORS else ""), spoken.count
    )
    return _apply(state, Repeatable(spoken, _extent(page, what)), page, what.start)


def _choose_object(state: State, spoken: Spoken, page: Page, at: int) -> tuple[State, Done]:
    alone = state.anchor == state.head
    where = at if alone else page.next(at)
    span = OBJECTS[spoken.verb[1:]](page, where, max(1, spoken.count), spoken.verb[0] == "a")
    if span is not None and (span.end > span.start or span.linewise):
        last = page.line_start(span.end) if span.linewise else page.previous(span.end)
        mode = Mode.VISUAL_LINE if span.linewise else Mode.VISUAL
        state = with_(state, mode=mode, anchor=span.start if alone else state.anchor, head=last, goal=None)
    return state, _chosen(state, page)


def _extent(page: Page, what: Range) -> Extent:
    lines = page.lines_between(what.start, what.end)
    columns = page.column(what.end) - (0 if lines else page.column(what.start))
    return Extent(lines, columns, what.linewise)


def _extended(page: Page, at: int, extent: Extent) -> Range:
    last = page.towards(at, extent.lines) if extent.lines else page.line_start(at)
    last = page.line_start(at) if last is None else last
    if extent.linewise:
        return Range(page.line_start(at), page.line_end(last), True)
    return Range(at, page.forward_in_line(last if extent.lines else at, extent.columns), False)


def _on_range(state: State, spoken: Spoken, page: Page, what: Range) -> Effect | None:
    """A command of visual mode on what was chosen."""
    if spoken.operator:
        return changes.operate(page, spoken.operator, what, what.start)
    match spoken.verb:
        case "p" | "P":
            return changes.put_over(page, what, state.register)
        case "J":
            return changes.join(page, what.start, max(2, page.lines_between(what.start, what.end) + 1))
        case "r":
            units, here = "", what.start
            while here < what.end:
                following = page.next(here)
                units += "\n" if page.text[here] == "\n" else spoken.argument
                here = following
            return Effect(what.start, Change(what.start, what.end, units))
    return Effect(what.start, changes.change_case(page, what.start, what.end, spoken.verb))
