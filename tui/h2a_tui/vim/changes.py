"""What vim's commands do to a text: each is one change, so that one undo takes it back."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, NamedTuple

from h2a_tui.vim.motions import Target
from h2a_tui.vim.page import BLANKS, Page

__all__ = [
    "Change",
    "Effect",
    "Range",
    "Register",
    "change_case",
    "join",
    "operate",
    "put",
    "put_over",
    "range_to",
    "replace",
]

_MOST: Final = 65_536  # characters that one command may put in


class Change(NamedTuple):
    """`text` in the place of what is from `start` up to `end`."""

    start: int
    end: int
    text: str


class Register(NamedTuple):
    """What was yanked or deleted last; `linewise` text has no newline at its end."""

    text: str
    linewise: bool


class Range(NamedTuple):
    """What an operator takes: up to `end`; with `linewise` whole lines, their last newline left out."""

    start: int
    end: int
    linewise: bool


@dataclass(frozen=True, slots=True)
class Effect:
    """What a command does: to the text, with the cursor, to the register, and whether one writes then."""

    cursor: int
    change: Change | None = None
    register: Register | None = None
    writes: bool = False


def range_to(page: Page, at: int, target: Target, operator: str) -> Range:
    """What `operator` takes between `at` and where a motion went (vim's `exclusive` and `exclusive-linewise`)."""
    start, end = min(at, target.at), max(at, target.at)
    if target.linewise:
        return Range(page.line_start(start), page.line_end(end), True)
    if target.inclusive:
        end = page.forward_in_line(end, 1)
    lines = page.lines_between(start, end)
    indent_only = not page.text[page.line_start(start) : start].strip(BLANKS)
    if lines and not target.inclusive and end == page.line_start(end):
        end -= 1
        if indent_only:
            return Range(page.line_start(start), end, True)
    elif lines and operator == "d" and indent_only and not page.text[end : page.line_end(end)].strip(BLANKS):
        return Range(page.line_start(start), page.line_end(end), True)
    return Range(start, end, False)


def operate(page: Page, operator: str, what: Range, cursor: int) -> Effect:
    """Delete, change or yank `what`; `cursor` is where a yank leaves it."""
    start, end, linewise = what
    register = Register(page.text[start:end], linewise)
    if operator == "y":
        return Effect(cursor, register=register)
    if operator == "c":
        kept = None if start == end and not linewise else register
        return Effect(start, Change(start, end, ""), kept, writes=True)
    if start == end and not linewise:
        return Effect(start)
    if not linewise:
        after = page.changed(start, end, "")
        at = (
            start
            if start < after.line_end(start) or start == after.line_start(start)
            else page.previous(start)
        )
        return Effect(at, Change(start, end, ""), register)
    if end < page.end:
        end += 1
        first_word = page.first_word(end) - end if end < page.end else 0
        return Effect(start + first_word, Change(start, end, ""), register)
    start = max(0, start - 1)
    return Effect(page.first_word(start) if start else 0, Change(start, end, ""), register)


def put(page: Page, at: int, register: Register, count: int, *, before: bool) -> Effect | None:
    """Put what is in the register behind the cursor or before it, or below or above its line."""
    text = register.text
    if not (text or register.linewise):
        return None
    count = max(1, min(count, _MOST // max(1, len(text))))
    if register.linewise:
        lines = "\n".join([text] * count)
        start = page.line_start(at) if before else page.line_end(at)
        change = Change(start, start, f"{lines}\n" if before else f"\n{lines}")
        first = start if before else start + 1
        return Effect(first + _indent(lines.partition("\n")[0]), change)
    start = at if before else page.forward_in_line(at, 1)
    text *= count
    last = Page(text).previous(len(text))
    return Effect(start if "\n" in text else start + last, Change(start, start, text))


def put_over(page: Page, what: Range, register: Register) -> Effect:
    """Put what is in the register in the place of `what`, which the register then has."""
    text = register.text
    if register.linewise and not what.linewise:
        text = f"\n{text}\n"
    cursor = what.start
    if register.linewise:
        cursor += (not what.linewise) + _indent(register.text.partition("\n")[0])
    elif "\n" not in text and not what.linewise:
        cursor += Page(text).previous(len(text))
    taken = Register(page.text[what.start : what.end], what.linewise)
    after = page.changed(
        what.start, what.end, text
    )  # which may have lost its line's end, with nothing to put
    return Effect(after.standing(cursor), Change(what.start, what.end, text), taken)


def _indent(line: str) -> int:
    return min(len(line) - len(line.lstrip(BLANKS)), max(0, len(line) - 1))


def join(page: Page, at: int, lines: int) -> Effect | None:
    """Make one line of `lines` lines, one blank between what they say."""
    start = page.line_start(at)
    end, joined = page.line_end(at), page.line(at)
    cursor = at
    for _ in range(lines - 1):
        if end == page.end:
            break
        line = page.line(end + 1).lstrip(BLANKS)
        end = page.line_end(end + 1)
        cursor = start + len(joined)
        blank = bool(line) and not line.startswith(")") and bool(joined) and not joined.endswith(" ")
        joined += (" " if blank else "") + line
    if end == page.line_end(at):
        return None
    return Effect(cursor, Change(start, end, joined))


def replace(page: Page, at: int, character: str, count: int) -> Effect | None:
    """Put `character` in the place of each of `count` units; None where the line has fewer."""
    end = page.forward_in_line(at, count - 1)
    if end == page.line_end(at) or page.column(end) - page.column(at) < count - 1:
        return None
    return Effect(at + len(character) * (count - 1), Change(at, page.next(end), character * count))


def change_case(page: Page, start: int, end: int, how: str) -> Change:
    """Turn the case around (`~`), or make all small (`u`) or capital (`U`); what would grow longer stays."""
    turned = {"~": str.swapcase, "u": str.lower, "U": str.upper}[how]
    text = page.text[start:end]
    return Change(start, end, "".join(turned(one) if len(turned(one)) == 1 else one for one in text))
