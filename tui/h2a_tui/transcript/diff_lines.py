"""A unified diff of one file as its lines, with their numbers in the file and the words that changed.

Whoever wrote the diff is not trusted to have written one: text that is none comes out as lines all the same.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from itertools import zip_longest
from typing import Final, TypeAlias

__all__ = ["GAP", "REMARK", "DiffLine", "Pair", "Span", "changed_words", "pairs_of", "parse_diff"]

Span: TypeAlias = tuple[int, int]

GAP: Final = "@"  # between two places of the file
REMARK: Final = "\\"  # of the diff's own, such as a missing line end

_HUNK: Final = re.compile(r"@@ -(\d+)(?:,(\d+))? \+(\d+)(?:,(\d+))? @@")
_WORD: Final = re.compile(r"\w+|\s+|.", re.DOTALL)
_COMPARED_WORDS: Final = 120
_ALIKE: Final = 0.4  # below this, two lines have nothing to do with each other


@dataclass(slots=True)
class DiffLine:
    """One line. `mark` is `+`, `-`, a space, `GAP` or `REMARK`; `old` and `new` are its numbers, 0 for none.

    `twin` is the line it was changed from or into, where just one line pairs with one.
    """

    mark: str
    text: str
    old: int = 0
    new: int = 0
    twin: str | None = None

    @property
    def number(self) -> int:
        """Its number in the file it is in."""
        return self.new or self.old


Pair: TypeAlias = tuple[DiffLine | None, DiffLine | None]


def parse_diff(text: str) -> tuple[str, list[DiffLine]]:
    """The file's name ("" where none is told) and the lines of its changes."""
    name = ""
    lines: list[DiffLine] = []
    old = new = old_left = new_left = 0
    for line in text.rstrip("\n").split("\n") if text.strip("\n") else ():
        mark, content = line[:1], line[1:]
        if old_left <= 0 and new_left <= 0:
            if hunk := _HUNK.match(line):
                old, new = int(hunk[1]), int(hunk[3])
                old_left, new_left = int(hunk[2] or 1), int(hunk[4] or 1)
                if lines:
                    lines.append(DiffLine(GAP, ""))
                continue
            if line.startswith("+++ "):
                name = line[4:].removeprefix("b/")
                continue
            if line.startswith("--- "):
                continue
        if mark == "+":
            lines.append(DiffLine("+", content, new=new))
        elif mark == "-":
            lines.append(DiffLine("-", content, old=old))
        elif mark == "\\":
            lines.append(DiffLine(REMARK, content.strip()))
            continue
        else:
            lines.append(DiffLine(" ", content if mark == " " else line, old, new))
        if mark != "+":
            old, old_left = old + 1, old_left - 1
        if mark != "-":
            new, new_left = new + 1, new_left - 1
    _find_twins(lines)
    return name, lines


def _blocks(lines: Iterable[DiffLine]) -> Iterator[tuple[list[DiffLine], list[DiffLine], DiffLine | None]]:
    """What is removed and what stands in its place, and the line after that; the lists may be empty."""
    removed: list[DiffLine] = []
    added: list[DiffLine] = []
    for line in lines:
        if line.mark == "-" and not added:
            removed.append(line)
        elif line.mark == "+":
            added.append(line)
        elif line.mark == "-":
            yield removed, added, None
            removed, added = [line], []
        else:
            yield removed, added, line
            removed, added = [], []
    yield removed, added, None


def _find_twins(lines: list[DiffLine]) -> None:
    for removed, added, _ in _blocks(lines):
        if len(removed) == len(added):
            for before, after in zip(removed, added, strict=True):
                before.twin, after.twin = after.text, before.text


def pairs_of(lines: Iterable[DiffLine]) -> list[Pair]:
    """The lines side by side: old left, new right. What is not of the file stands at the left alone."""
    pairs: list[Pair] = []
    for removed, added, after in _blocks(lines):
        pairs += zip_longest(removed, added)
        if after is not None:
            pairs.append((after, after if after.mark == " " else None))
    return pairs


@lru_cache(maxsize=2048)  # more than the lines of an unfolded diff: drawn anew, it compares nothing
def changed_words(text: str, twin: str) -> tuple[Span, ...]:
    """Where `text` differs from `twin`, in whole words; nothing where the two are hardly alike."""
    words, others = _WORD.findall(text), _WORD.findall(twin)
    if max(len(words), len(others)) > _COMPARED_WORDS:
        return ()
    matcher = difflib.SequenceMatcher(None, others, words, autojunk=False)
    if matcher.ratio() < _ALIKE:
        return ()
    starts = [0]
    for word in words:
        starts.append(starts[-1] + len(word))
    return tuple(
        (starts[begin], starts[end])
        for tag, _, _, begin, end in matcher.get_opcodes()
        if tag != "equal" and end > begin
    )
