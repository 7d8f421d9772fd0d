"""What can be taken in place of what is typed: how an entry is found, and what stands at the cursor.

Pure: text in, offers out. Where entries come from is the business of commands, of the project's files
(`project_files.py`) and of the history; who shows them is `widgets/popup.py`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

__all__ = ["MOST", "Entry", "Offer", "mention_before", "ranked", "score"]

MOST: Final = 50  # entries of an offer; nobody scrolls further

_MENTION: Final = re.compile(r'(?:(?<=\s)|^)@(?:"([^"]*)|([^\s"]*))\Z')


@dataclass(frozen=True, slots=True)
class Entry:
    """One thing to take: the `text` that comes into the editor, and what the list shows of it."""

    text: str
    label: str
    help: str = ""


@dataclass(frozen=True, slots=True)
class Offer:
    """`entries`, the best first, for what stands between the column `start` and the cursor.

    `eager`: the first is chosen already, so that Enter takes it; else the person has to choose.
    """

    start: int
    entries: tuple[Entry, ...]
    eager: bool = True


def mention_before(line: str) -> tuple[int, str] | None:
    """Start and text of the `@path` that `line` ends with, None where it ends with none."""
    match = _MENTION.search(line) if "@" in line else None
    return None if match is None else (match.start(), match[1] if match[1] is not None else match[2])


def ranked(query: str, named: Iterable[tuple[str, Entry]]) -> tuple[Entry, ...]:
    """The entries whose name fits `query`, the best first, equals (and all, when it is empty) as they came."""
    if not query:
        return tuple(entry for _, entry in named)[:MOST]
    fitting = [(rank, entry) for name, entry in named if (rank := score(query, name)) is not None]
    return tuple(entry for _, entry in sorted(fitting, key=lambda pair: pair[0]))[:MOST]


def score(query: str, name: str) -> tuple[int, int] | None:
    """How well `name` fits `query`, less is better: the same, begins with it, holds it, holds its letters in order.

    None: not at all. Case does not count.
    """
    query, name = query.lower(), name.lower()
    if query == name:
        return 0, 0
    at = name.find(query)
    if at >= 0:
        return (1 if at == 0 else 2), len(name)
    begin = first = 0
    for letter in query:
        at = name.find(letter, begin)
        if at < 0:
            return None
        first = first or at + 1
        begin = at + 1
    return 3, begin - first + len(name)
