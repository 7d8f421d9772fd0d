"""Unified diffs, in time that depends on what changed and not on how long the file is."""

from __future__ import annotations

import difflib
import re
from dataclasses import dataclass
from typing import Final

__all__ = ["Diff", "unified"]

_CONTEXT: Final = 3
_COMPARED_LINES: Final = 5000  # a changed stretch longer than this is shown as replaced whole
_SHOWN_CHARACTERS: Final = 256 * 1024
_HUNK: Final = re.compile(r"@@ -(\d+)((?:,\d+)?) \+(\d+)")


@dataclass(frozen=True, slots=True)
class Diff:
    """A unified diff, and how many lines it takes away and adds."""

    text: str
    added: int
    removed: int

    @property
    def brief(self) -> str:
        """Such as `+4 -1`."""
        return f"+{self.added} -{self.removed}"

    @property
    def shown(self) -> str:
        """The text, cut at 256 KB where it is longer; the cut is a line that diff tools skip."""
        if len(self.text) <= _SHOWN_CHARACTERS:
            return self.text
        kept = self.text[: self.text.rfind("\n", 0, _SHOWN_CHARACTERS) + 1]
        return f"{kept}\\ {self.text.count(chr(10), len(kept))} more lines\n"


def unified(old: str | None, new: str, name: str) -> Diff:
    """The diff from `old` (None: there was no file) to `new`, for the file `name`."""
    before, after = _lines(old or ""), _lines(new)
    skipped = _common_start(before, after)
    end = _common_start(before[skipped:][::-1], after[skipped:][::-1])
    compared = max(len(before), len(after)) - skipped - end <= _COMPARED_LINES
    context = _CONTEXT if compared else 0
    start, keep = max(0, skipped - context), max(0, end - context)
    before, after = before[start : len(before) - keep], after[start : len(after) - keep]
    source = "/dev/null" if old is None else f"a/{name}"
    if compared:
        changed = [_moved(line, start) for line in list(difflib.unified_diff(before, after, n=_CONTEXT))[2:]]
    else:
        changed = [f"@@ -{start + bool(before)},{len(before)} +{start + bool(after)},{len(after)} @@\n"]
        changed += [f"-{line}" for line in before]
        changed += [f"+{line}" for line in after]
    lines = [f"--- {source}\n", f"+++ b/{name}\n", *changed] if changed else []
    text = "".join(
        line if line.endswith("\n") else f"{line}\n\\ No newline at end of file\n" for line in lines
    )
    added = sum(line.startswith("+") for line in changed)
    removed = sum(line.startswith("-") for line in changed)
    return Diff(text, added, removed)


def _lines(text: str) -> list[str]:
    # Not str.splitlines, which also splits at form feeds and other characters that end no line in a file.
    pieces = text.split("\n")
    lines = [f"{piece}\n" for piece in pieces[:-1]]
    return [*lines, pieces[-1]] if pieces[-1] else lines


def _common_start(one: list[str], other: list[str]) -> int:
    for n, (left, right) in enumerate(zip(one, other, strict=False)):
        if left != right:
            return n
    return min(len(one), len(other))


def _moved(line: str, by: int) -> str:
    """A hunk's header for lines that were counted from `by`; other lines begin with +, - or a space."""
    if not by or not line.startswith("@@"):
        return line
    return _HUNK.sub(lambda match: f"@@ -{int(match[1]) + by}{match[2]} +{int(match[3]) + by}", line)
