"""Finding the text an edit means, and replacing it without touching anything else.

Line ends are matched as newlines, whatever the file has; a new line gets the line end that stands nearest.
First every `old_text` is looked for exactly. One that is not found is looked for once more with both sides
read tolerantly: trailing spaces ignored, typographic quotes, dashes and spaces taken as their ASCII forms,
Unicode compatibility forms (NFKC) taken as equal. Models write such texts from memory a little wrong.

Only what differs between `old_text` and `new_text` is written: what they share at their start and end
keeps the file's own bytes. So a tolerant match does not straighten the quotes around a change.

All positions of one file refer to its original text, however many edits there are.
"""

from __future__ import annotations

import re
import unicodedata
from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Final

__all__ = ["EditError", "Replacement", "apply", "locate"]

_ASCII: Final = str.maketrans(
    {
        **dict.fromkeys("\u2018\u2019\u201a\u201b\u2032", "'"),
        **dict.fromkeys("\u201c\u201d\u201e\u201f\u2033", '"'),
        **dict.fromkeys("\u2010\u2011\u2012\u2013\u2014\u2015\u2212", "-"),
    }
)
# A character with the marks that combine with it: the unit that NFKC may change.
_CLUSTER: Final = re.compile(r"[^\u0300-\u036f][\u0300-\u036f]*|[\u0300-\u036f]+")
_SHOWN_PLACES: Final = 8


class EditError(Exception):
    """Why edits cannot be applied. `index` counts the edits from 0; the words are for the model."""

    def __init__(self, index: int, text: str, brief: str) -> None:
        super().__init__(text)
        self.index = index
        self.text = text
        self.brief = brief


@dataclass(frozen=True, slots=True)
class Replacement:
    """Put `text` in the place of what lies between `start` and `end`; the edit matched `first` to `last`."""

    index: int
    first: int
    last: int
    start: int
    end: int
    text: str


def apply(text: str, replacements: Sequence[Replacement]) -> str:
    """`text` with all of `replacements`, which do not overlap."""
    for replacement in sorted(replacements, key=lambda r: r.first, reverse=True):
        text = text[: replacement.start] + replacement.text + text[replacement.end :]
    return text


def locate(text: str, edits: Sequence[tuple[str, str]]) -> list[Replacement]:
    """What each of `edits`, pairs of old and new text, replaces in `text`.

    Raises:
        EditError: an old text is empty, equal to the new one, not there, there more than once, or overlaps another.
    """
    source = _Source(text)
    found = [_locate_one(source, index, old, new) for index, (old, new) in enumerate(edits)]
    in_order = sorted(found, key=lambda r: (r.first, r.last))
    for one, other in pairwise(in_order):
        if other.first < one.last:
            raise EditError(
                max(one.index, other.index),
                f"edits {min(one.index, other.index) + 1} and {max(one.index, other.index) + 1} overlap. Join them into one edit.",
                "edits overlap",
            )
    return found


class _Source:
    """A file's text, with newlines for line ends, and the way back to the positions of the original."""

    def __init__(self, original: str) -> None:
        self.original = original
        self.text = original.replace("\r\n", "\n")
        # Where, in `text`, the newlines stand that were a carriage return and a newline.
        self._crlf = [m.start() - n for n, m in enumerate(re.finditer("\r\n", original))]
        self._lines: list[str] | None = None
        self._starts: list[int] = []

    def back(self, position: int) -> int:
        """The position in the original of a position in `text`."""
        return position + bisect_left(self._crlf, position)

    def line_number(self, position: int) -> int:
        """The number, from 1, of the line a position in `text` is on."""
        return self.text.count("\n", 0, position) + 1

    def line_end_near(self, start: int, end: int) -> str:
        """The line end the original has between two positions of `text`, else the nearest before, else after."""
        at = self.text.find("\n", start, end)
        if at < 0:
            at = self.text.rfind("\n", 0, start)
        if at < 0:
            at = self.text.find("\n", end)
        place = bisect_left(self._crlf, at)
        return "\r\n" if at >= 0 and place < len(self._crlf) and self._crlf[place] == at else "\n"


def _locate_one(source: _Source, index: int, old: str, new: str) -> Replacement:
    old, new = old.replace("\r\n", "\n"), new.replace("\r\n", "\n")
    if not old:
        raise EditError(index, "old_text is empty. To make a new file, use write.", "old_text is empty")
    if old == new:
        raise EditError(index, "old_text and new_text are identical.", "nothing to change")
    places = _occurrences(source.text, old)
    if places:
        first = _only(source, index, places)
        last = first + len(old)
        shared_start, shared_end = _shared(old, new)
        start, end = first + shared_start, last - shared_end
    else:
        first, last, start, end, shared_start, shared_end = _tolerant(source, index, old, new)
    inserted = new[shared_start : len(new) - shared_end]
    if "\n" in inserted:
        inserted = inserted.replace("\n", source.line_end_near(start, end))
    return Replacement(
        index, source.back(first), source.back(last), source.back(start), source.back(end), inserted
    )


def _occurrences(text: str, wanted: str) -> list[int]:
    """All places of `wanted`, overlapping ones too: either could be meant."""
    places = []
    at = text.find(wanted)
    while at >= 0:
        places.append(at)
        at = text.find(wanted, at + 1)
    return places


def _only(source: _Source, index: int, places: Sequence[int]) -> int:
    if len(places) == 1:
        return places[0]
    lines = ", ".join(str(source.line_number(place)) for place in places[:_SHOWN_PLACES])
    more = ", ..." if len(places) > _SHOWN_PLACES else ""
    raise EditError(
        index,
        f"old_text occurs {len(places)} times (lines {lines}{more}). Add lines around it until it is unique.",
        f"{len(places)} matches",
    )


def _shared(old: str, new: str) -> tuple[int, int]:
    """How many characters `old` and `new` have in common at their start, and then at their end."""
    most = min(len(old), len(new))
    start = next((n for n in range(most) if old[n] != new[n]), most)
    most -= start
    end = next((n for n in range(most) if old[-1 - n] != new[-1 - n]), most)
    return start, end


# ------------------------------------------------------------------ tolerantly


def _tolerant(source: _Source, index: int, old: str, new: str) -> tuple[int, int, int, int, int, int]:
    plain, wanted = _plain(source.text), _plain(old)
    places = _occurrences(plain, wanted) if wanted.strip() else []
    # Where spaces were dropped from the very end of old_text, a line must end there in the file, too.
    if old[-1] in " \t":
        places = [at for at in places if plain[at + len(wanted) : at + len(wanted) + 1] in ("", "\n")]
    there, here = _PlainMap(source.text, plain), _PlainMap(old, wanted)
    size = len(wanted)
    places = [at for at in places if there.parts_at(at) and there.parts_at(at + size)]
    if not places:
        raise EditError(index, _not_found(plain, wanted), "old_text not found")
    if len(places) > 1:
        _only(source, index, [there.start(at) for at in places])
    at = places[0]
    first, last = there.start(at), there.end(at + size)
    # What is shared ends where both texts can be parted: "..." and "…" are the same, but have no common middle.
    shared_start, shared_end = _shared(old, new)
    head = here.plain_before(shared_start)
    while head and not (here.parts_at(head) and there.parts_at(at + head)):
        head -= 1
    tail = min(size - here.plain_until(len(old) - shared_end), size - head)
    while tail and not (here.parts_at(size - tail) and there.parts_at(at + size - tail)):
        tail -= 1
    return (
        first,
        last,
        there.end(at + head) if head else first,
        there.start(at + size - tail) if tail else last,
        here.end(head) if head else 0,
        len(old) - here.start(size - tail) if tail else 0,
    )


def _plain(text: str) -> str:
    """`text` as it is compared tolerantly."""
    return "\n".join(_plain_line(line) for line in text.split("\n"))


def _plain_line(line: str) -> str:
    if line.isascii():
        return line.rstrip()
    if unicodedata.is_normalized("NFKC", line):  # nearly always, and ten times faster
        return line.translate(_ASCII).rstrip()
    return "".join(_plain_unit(unit) for unit in _CLUSTER.findall(line)).rstrip()


def _plain_unit(unit: str) -> str:
    return unicodedata.normalize("NFKC", unit).translate(_ASCII)


class _PlainMap:
    """From positions in a plain text to positions in the text it was made from, line by line, as needed."""

    def __init__(self, text: str, plain: str) -> None:
        self._text_lines = text.split("\n")
        self._text_starts = _starts(self._text_lines)
        self._plain_starts = _starts(plain.split("\n"))

    def start(self, position: int) -> int:
        """Where the character at `position` of the plain text begins in the text."""
        line, column = self._place(position)
        units = self._units(line)
        inside = units[column][0] if column < len(units) else len(self._text_lines[line])
        return self._text_starts[line] + inside

    def end(self, position: int) -> int:
        """Where the character before `position` of the plain text ends in the text."""
        line, column = self._place(position - 1)
        units = self._units(line)
        inside = units[column][1] if column < len(units) else len(self._text_lines[line]) + 1
        return self._text_starts[line] + inside

    def parts_at(self, position: int) -> bool:
        """Is there a cut in the text at `position` of the plain text, or did one character become both sides?"""
        line, column = self._place(position)
        units = self._units(line)
        return not 0 < column < len(units) or units[column] != units[column - 1]

    def plain_before(self, position: int) -> int:
        """How many characters of the plain text come wholly from before `position` of the text."""
        line = bisect_right(self._text_starts, position) - 1
        column = position - self._text_starts[line]
        return self._plain_starts[line] + sum(end <= column for _, end in self._units(line))

    def plain_until(self, position: int) -> int:
        """How many characters of the plain text come at least in part from before `position` of the text."""
        line = bisect_right(self._text_starts, position) - 1
        column = position - self._text_starts[line]
        return self._plain_starts[line] + sum(start < column for start, _ in self._units(line))

    def _place(self, position: int) -> tuple[int, int]:
        line = bisect_right(self._plain_starts, position) - 1
        return line, position - self._plain_starts[line]

    def _units(self, line: int) -> list[tuple[int, int]]:
        """For each character of the plain line, where the unit it was made from begins and ends."""
        text = self._text_lines[line]
        length = len(_plain_line(text))
        if text.isascii() or unicodedata.is_normalized("NFKC", text):
            return [(n, n + 1) for n in range(length)]
        return [unit.span() for unit in _CLUSTER.finditer(text) for _ in _plain_unit(unit[0])][:length]


def _starts(lines: Sequence[str]) -> list[int]:
    starts = [0]
    for line in lines[:-1]:
        starts.append(starts[-1] + len(line) + 1)
    return starts


def _not_found(plain: str, wanted: str) -> str:
    """Say what was looked for, and where its first line does stand."""
    lines = wanted.split("\n")
    first = next((line for line in lines if line.strip()), "")
    near = [n for n, line in enumerate(plain.split("\n"), 1) if first and line.strip() == first.strip()]
    if len(lines) > 1 and near:
        where = ", ".join(map(str, near[:_SHOWN_PLACES]))
        return f"old_text was not found. Its first line is at line {where}; what follows there differs. Read it again."
    return (
        "old_text was not found. It must match the file exactly, with its indentation. Read the file again."
    )
