"""The files of a project for `@`: listed by ripgrep, which heeds .gitignore, and matched in slices.

A list of 100,000 files takes ripgrep a second, in its own process, and a search through it a tenth of one: done in slices
of a few milliseconds, and given up as soon as another key is pressed. Going on to type narrows what was found before.
"""

from __future__ import annotations

import asyncio
import heapq
import os
import re
from collections.abc import Sequence
from pathlib import Path
from time import monotonic
from typing import Final

from h2a_agent.safe_text import safe_text
from h2a_agent.tools.disk import FileProblem
from h2a_agent.tools.ripgrep import records
from h2a_tui.completion import MOST, Entry

__all__ = ["ProjectFiles"]

MOST_FILES: Final = 250_000
_FRESH_S: Final = 5.0  # a list this old is made anew with the next `@`
_SLICE_S: Final = 0.003
_LOOK: Final = 64  # files between two looks at the clock


class ProjectFiles:
    """The files below `workspace`."""

    def __init__(self, workspace: Path) -> None:
        self._workspace = workspace
        self._files: Sequence[str] = ()
        self._listed_at = -_FRESH_S
        self._listing: asyncio.Task[None] | None = None
        self._found: tuple[str, Sequence[str]] = ("", ())  # a query, and all that fits it

    async def matching(self, query: str) -> tuple[Entry, ...]:
        """The files that fit `query` best, from a list that is made or made anew where that is due.

        One call at a time: cancel an earlier one first. Cancelled, it leaves the list to be finished.
        """
        if self._listing is None and monotonic() - self._listed_at > _FRESH_S:
            self._listing = asyncio.get_running_loop().create_task(self._list(), name="h2a files")
            self._listing.add_done_callback(self._listed)
        if self._listing is not None and not self._files:
            await asyncio.wait([self._listing])
        return await self._best(query)

    def close(self) -> None:
        """Stop listing."""
        if self._listing is not None:
            self._listing.cancel()

    # ----------------------------------------------------------------- listing

    def _listed(self, _task: asyncio.Task[None]) -> None:
        self._listing = None

    async def _list(self) -> None:
        listed: list[bytes] = []

        def take(record: bytes) -> bool:
            listed.append(record)
            return len(listed) < MOST_FILES

        try:
            await records(
                ["--files", "--null", "--glob=!.git"], self._workspace, b"\0", take, self._workspace
            )
        except FileProblem:
            pass  # no ripgrep: there is nothing to offer, and a path can still be typed
        files: list[str] = []
        pause_at = monotonic() + _SLICE_S
        for index, record in enumerate(listed):
            name = os.fsdecode(record).removeprefix("./")
            if (name.isascii() and name.isprintable()) or safe_text(name) == name:
                files.append(name)
            if index % _LOOK == 0 and monotonic() >= pause_at:
                await asyncio.sleep(0)
                pause_at = monotonic() + _SLICE_S
        self._listed_at = monotonic()
        self._files = files
        self._found = ("", files)

    # ---------------------------------------------------------------- matching

    async def _best(self, query: str) -> tuple[Entry, ...]:
        wanted = query.lower()
        before, found = self._found
        among = found if wanted.startswith(before) else self._files
        letters = _letters_of(wanted)
        fitting: list[str] = []
        ranks: list[tuple[int, int, str]] = []
        pause_at = monotonic() + _SLICE_S
        for index, name in enumerate(among):
            if letters.search(name):
                fitting.append(name)
                ranks.append(_rank(wanted, name))
            if index % _LOOK == 0 and monotonic() >= pause_at:
                ranks = heapq.nsmallest(MOST, ranks)
                await asyncio.sleep(0)
                pause_at = monotonic() + _SLICE_S
        if self._found[1] is found:  # no new list has come meanwhile
            self._found = (wanted, fitting)
        return tuple(_entry(name) for _, _, name in heapq.nsmallest(MOST, ranks))


def _letters_of(wanted: str) -> re.Pattern[str]:
    """Finds the letters of `wanted` in order, without ever going back."""
    each = [re.escape(letter) for letter in wanted]
    return re.compile("".join([*each[:1], *(f"[^{one}]*{one}" for one in each[1:])]), re.IGNORECASE)


def _rank(wanted: str, path: str) -> tuple[int, int, str]:
    """Less is better: the path itself, its last part, the beginning of that, inside it, inside the path, letters only."""
    lower = path.lower()
    last = lower.rpartition("/")[2]
    if lower == wanted:
        tier = 0
    elif last == wanted:
        tier = 1
    elif last.startswith(wanted) or lower.startswith(wanted):
        tier = 2
    elif wanted in last:
        tier = 3
    elif wanted in lower:
        tier = 4
    else:
        tier = 5 if _in_order(wanted, last) else 6
    return tier, len(path), path


def _in_order(letters: str, text: str) -> bool:
    rest = iter(text)
    return all(letter in rest for letter in letters)


def _entry(path: str) -> Entry:
    return Entry(f'@"{path}"' if re.search(r"\s", path) else f"@{path}", path)
