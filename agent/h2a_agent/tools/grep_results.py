"""What ripgrep finds, record by record, as the lines that a model reads: within the limits, and never half of one."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Final, Protocol

from h2a_agent.safe_text import safe_text
from h2a_agent.tools.truncate import MAX_BYTES, MAX_LINES, clip_line

__all__ = ["FileResults", "LineResults", "Results"]

LINE_CHARACTERS: Final = 500
# A match is `path NUL number : line`, a line around it has `-` instead of the colon.
_RECORD: Final = re.compile(rb"(?P<path>[^\0]+)\0(?P<number>\d+)(?P<kind>[:-])(?P<line>.*)", re.DOTALL)


class Results(Protocol):
    """Lines in the making. `found` counts what `limit` and `skip` count; `files` are those of the lines shown."""

    lines: list[str]
    found: int
    files: set[bytes]

    def take(self, record: bytes) -> bool:
        """Add a record; False when there are enough."""
        ...


@dataclass(slots=True)
class LineResults:
    """Matching lines, with lines around them; `found` counts the matching ones."""

    prefix: str
    limit: int
    skip: int = 0
    context: bool = False
    lines: list[str] = field(default_factory=list)
    found: int = 0
    files: set[bytes] = field(default_factory=set)
    _size: int = 0
    _previous: tuple[bytes, int] = (b"", 0)

    def take(self, record: bytes) -> bool:
        """Add a record; False when there are enough."""
        match = _RECORD.fullmatch(record)
        if (
            match is None
        ):  # a remark of ripgrep's about a binary file, or the first half of a name with a newline
            return True
        path, number = match["path"].removeprefix(b"./"), int(match["number"])
        is_match = match["kind"] == b":"
        if self.skip:
            self.skip -= is_match
            return True
        text = clip_line(match["line"].decode("utf-8", "replace").removesuffix("\r"), LINE_CHARACTERS)
        kind = ":" if is_match else "-"
        new = [f"{_shown(self.prefix, path)}{kind}{number}{kind}{text}"]
        if self.context and self.lines and self._previous != (path, number - 1):
            new.insert(0, "--")
        size = sum(len(line.encode()) + 1 for line in new)
        enough = is_match and self.found == self.limit
        if enough or self._size + size > MAX_BYTES or len(self.lines) + len(new) > MAX_LINES:
            return False
        self.lines += new
        self._size += size
        self._previous = (path, number)
        if is_match:
            self.found += 1
            self.files.add(path)
        return True


@dataclass(slots=True)
class FileResults:
    """Files that match, one a line; with `counts`, how many of their lines do. `found` counts files."""

    prefix: str
    limit: int
    skip: int = 0
    counts: bool = False
    lines: list[str] = field(default_factory=list)
    found: int = 0
    files: set[bytes] = field(default_factory=set)
    _size: int = 0

    def take(self, record: bytes) -> bool:
        """Add a record: `path`, or `path NUL count`; False when there are enough."""
        path, _, count = record.removeprefix(b"./").partition(b"\0")
        if not path or (self.counts and not count.isdigit()):
            return True
        if self.skip:
            self.skip -= 1
            return True
        line = _shown(self.prefix, path) + (f":{int(count)}" if self.counts else "")
        size = len(line.encode()) + 1
        if self.found == self.limit or self._size + size > MAX_BYTES:
            return False
        self.lines.append(line)
        self._size += size
        self.found += 1
        self.files.add(path)
        return True


def _shown(prefix: str, path: bytes) -> str:
    return safe_text(prefix + path.decode("utf-8", "replace")).replace("\n", "␊")
