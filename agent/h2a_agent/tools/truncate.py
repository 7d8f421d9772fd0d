"""How much of a text a model reads: the first or the last lines of it, up to a number of lines and bytes.

Never half a line, with one exception that is said: a single line longer than the limit.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

__all__ = ["MAX_BYTES", "MAX_LINES", "Cut", "Tail", "clip_line", "count_text", "head", "size_text", "tail"]

MAX_LINES: Final = 2000
MAX_BYTES: Final = 50 * 1024  # of UTF-8, line ends included


@dataclass(frozen=True, slots=True)
class Cut:
    """What was kept: `text` without a final newline, and how many `lines` that are.

    `complete`: nothing was left out. `by_bytes`: the byte limit did it, not the number of lines.
    `broken_line`: the one line kept is itself cut.
    """

    text: str
    lines: int
    complete: bool
    by_bytes: bool = False
    broken_line: bool = False


def head(lines: Iterable[str], max_lines: int = MAX_LINES, max_bytes: int = MAX_BYTES) -> Cut:
    """The first whole lines that fit. A first line too long to fit leaves `lines` 0 and `text` empty."""
    kept: list[str] = []
    size = 0
    for line in lines:
        if len(kept) == max_lines:
            return Cut("\n".join(kept), len(kept), complete=False)
        size += _size(line) + 1
        if size > max_bytes:
            return Cut("\n".join(kept), len(kept), complete=False, by_bytes=True)
        kept.append(line)
    return Cut("\n".join(kept), len(kept), complete=True)


def tail(text: str, max_lines: int = MAX_LINES, max_bytes: int = MAX_BYTES) -> Cut:
    """The last whole lines that fit; of a last line too long to fit, its end."""
    lines = text.removesuffix("\n").split("\n") if text else []
    kept: deque[str] = deque()
    size = 0
    for line in reversed(lines):
        if len(kept) == max_lines:
            return Cut("\n".join(kept), len(kept), complete=False)
        size += _size(line) + 1
        if size > max_bytes:
            if kept:
                return Cut("\n".join(kept), len(kept), complete=False, by_bytes=True)
            end = line[-max_bytes:].encode("utf-8", "replace")[-max_bytes:].decode("utf-8", "ignore")
            return Cut(end, 1, complete=False, by_bytes=True, broken_line=True)
        kept.appendleft(line)
    return Cut("\n".join(kept), len(kept), complete=True)


class Tail:
    """The end of a text that comes in pieces and may never stop. Memory stays within a few times the limit."""

    def __init__(self, max_lines: int = MAX_LINES, max_bytes: int = MAX_BYTES) -> None:
        self._max_lines = max_lines
        self._max_bytes = max_bytes
        self._pieces: deque[str] = deque()
        self._held = 0  # characters in the pieces
        self._newlines = 0
        self._ends_in_newline = True
        self._size = 0

    @property
    def lines(self) -> int:
        """How many lines have come, an unfinished last one included."""
        return self._newlines + (not self._ends_in_newline)

    @property
    def overflowing(self) -> bool:
        """Has more come than will be kept?"""
        return self._size > self._max_bytes or self.lines > self._max_lines

    def feed(self, text: str) -> None:
        """Take the next piece."""
        if not text:
            return
        self._pieces.append(text)
        self._held += len(text)
        self._newlines += text.count("\n")
        self._ends_in_newline = text.endswith("\n")
        self._size += _size(text)
        # A character is at least a byte, so as many characters as bytes are wanted are always enough.
        while self._held - len(self._pieces[0]) > self._max_bytes:
            self._held -= len(self._pieces.popleft())

    def cut(self) -> Cut:
        """The last lines of all that came. The first one kept is whole, unless it is the only one."""
        # Once anything was forgotten, what is held is over the limit by itself: no half line can be first.
        return tail("".join(self._pieces), self._max_lines, self._max_bytes)


def clip_line(line: str, limit: int) -> str:
    """`line` with at most `limit` characters, the cut marked."""
    return line if len(line) <= limit else f"{line[:limit]}… [line cut]"


def count_text(number: int, noun: str) -> str:
    """Such as `1 line`, `12 lines`, `3 matches` or `2 entries`."""
    if number == 1:
        return f"1 {noun}"
    if noun.endswith(("ch", "ss")):
        return f"{number} {noun}es"
    if noun.endswith("ry"):
        return f"{number} {noun[:-1]}ies"
    return f"{number} {noun}s"


def size_text(size: int) -> str:
    """A number of bytes as people say it, such as `1.5 MB`."""
    if size < 1024:
        return f"{size} B"
    if size < 1024 * 1024:
        return f"{size / 1024:.0f} KB"
    return f"{size / (1024 * 1024):.1f} MB"


def _size(text: str) -> int:
    return len(text) if text.isascii() else len(text.encode("utf-8", "surrogatepass"))
