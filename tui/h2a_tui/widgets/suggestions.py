"""Keeps the list over the editor in step with what stands before the cursor.

Commands are offered in the tick of the key, so that a burst of `/pau` and Enter means the same at any speed; files
when they are found. An Enter that comes before the list is there sends what is written.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import Protocol

from h2a_tui.completion import MOST, Entry, Offer, mention_before
from h2a_tui.project_files import ProjectFiles

__all__ = ["Commands", "HistorySearch", "Suggestions"]

Commands = Callable[[str], Offer | None]
"""The offer for a command line, from its beginning to the cursor."""


class OfferList(Protocol):
    """Whatever shows offers."""

    @property
    def offer(self) -> Offer | None: ...
    def show(self, offer: Offer | None) -> None: ...


class Suggestions:
    """What is offered at the cursor. A list that was closed stays closed until something else is begun.

    `found` is called when files have come, long after their key.
    """

    def __init__(
        self, popup: OfferList, commands: Commands, files: ProjectFiles, found: Callable[[], None]
    ) -> None:
        self.popup = popup
        self._commands = commands
        self._files = files
        self._found = found
        self._seen = (0, "")
        self._closed_for: tuple[int, int] | None = None  # row and column where what is offered would begin
        self._search: asyncio.Task[None] | None = None

    @property
    def is_open(self) -> bool:
        """Is there a list to choose from?"""
        return self.popup.offer is not None

    def look(self, row: int, before: str) -> None:
        """Offer what fits the line `before` the cursor in this row."""
        if (row, before) == self._seen:
            return
        self._seen = row, before
        self._stop()
        command = self._commands(before) if row == 0 else None
        mention = mention_before(before) if command is None else None
        if mention is not None:
            begin = row, mention[0]
        elif command is not None:
            begin = row, command.start
        else:
            self._closed_for = None
            self.popup.show(None)
            return
        if begin == self._closed_for:
            self.popup.show(None)
            return
        self._closed_for = None
        if mention is None:
            self.popup.show(command)
            return
        self._search = asyncio.get_running_loop().create_task(self._find(*mention), name="h2a mention")

    def close(self) -> None:
        """Take the list away, until something else is begun."""
        row, _ = self._seen
        self._closed_for = (row, self.popup.offer.start) if self.popup.offer is not None else None
        self._stop()
        self.popup.show(None)

    def end(self) -> None:
        """Stop whatever goes on."""
        self._stop()
        self._files.close()

    async def _find(self, start: int, query: str) -> None:
        entries = await self._files.matching(query)
        # What is written is a file's whole path: there is nothing to take.
        whole = any(entry.label == query for entry in entries[:1])
        self.popup.show(Offer(start, entries) if entries and not whole else None)
        self._found()

    def _stop(self) -> None:
        if self._search is not None:
            self._search.cancel()
            self._search = None


class HistorySearch:
    """A search through earlier messages under way: the editor holds what is looked for, `draft` what it held before."""

    def __init__(
        self, popup: OfferList, messages: Sequence[str], draft: str, cursor: tuple[int, int]
    ) -> None:
        self.draft = draft
        self.cursor = cursor
        self._popup = popup
        self._messages = [(text.lower(), text) for text in reversed(messages)]

    def look(self, query: str) -> None:
        """Offer the messages that hold `query`, the newest first."""
        wanted = query.lower()
        found = (text for lower, text in self._messages if wanted in lower)
        entries = tuple(Entry(text, text) for text, _ in zip(found, range(MOST), strict=False))
        self._popup.show(Offer(0, entries) if entries else None)
