"""Tells an answer from what somebody was typing when the question came up.

A key answers only when the question has been readable for half a second, and Enter only when no text has come for a
second: what was meant for an editor is over by then.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Final

__all__ = ["READABLE_S", "TYPING_PAUSE_S", "TypingGuard"]

READABLE_S: Final = 0.5
TYPING_PAUSE_S: Final = 1.0


class TypingGuard:
    """One question's. `clock` is monotonic, in seconds."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._readable_at = clock() + READABLE_S
        self._typed_at = -TYPING_PAUSE_S

    def shown(self) -> None:
        """The question is on the screen now."""
        self._readable_at = self._clock() + READABLE_S

    def typed(self) -> None:
        """Text has come."""
        self._typed_at = self._clock()

    @property
    def readable(self) -> bool:
        """Has the question been there long enough to be read?"""
        return self._clock() >= self._readable_at

    @property
    def nobody_types(self) -> bool:
        """Is it long enough since text came?"""
        return self._clock() >= self._typed_at + TYPING_PAUSE_S
