"""Going back and forth through what was written before."""

from __future__ import annotations

from collections.abc import Iterable

from h2a_tui.prompt_history import newest_once

__all__ = ["Recall"]


class Recall:
    """Earlier messages as an editor shows them, the oldest first, and where among them one is. The draft stands behind the newest."""

    def __init__(self) -> None:
        self.messages: list[str] = []
        self._at = 0
        self._draft = ""

    def add_earlier(self, shown: Iterable[str]) -> None:
        """Put in front what has only now been read from disk; the place stays."""
        offset = len(self.messages) - self._at
        self.messages = newest_once([*shown, *self.messages])
        self._at = max(0, len(self.messages) - offset)

    def add(self, shown: str) -> None:
        """Remember what has been said last, and stand behind it."""
        self.messages = newest_once([*self.messages, shown])
        self._at = len(self.messages)
        self._draft = ""

    def step(self, offset: int, draft: str) -> str | None:
        """What is `offset` further on, `draft` being what the editor holds now; None: nothing is."""
        index = self._at + offset
        if not 0 <= index <= len(self.messages):
            return None
        if self._at == len(self.messages):
            self._draft = draft
        self._at = index
        return self._draft if index == len(self.messages) else self.messages[index]
