"""A command's output on its way to the screen: soon, but never more than a screen can use."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Final

__all__ = ["LiveOutput"]

_PERIOD_S: Final = 0.08  # two pieces are at least so far apart
_PIECE: Final = 4096  # characters; of more, only the end is shown


class LiveOutput:
    """Collects text and hands it to `emit` at once, or, right after another piece, together with what follows.

    So a line appears when it is printed, and a flood comes as a dozen pieces of 4 KB a second that show its
    end and say what they leave out.
    """

    def __init__(self, emit: Callable[[str], None]) -> None:
        self._emit = emit
        self._loop = asyncio.get_running_loop()
        self._text = ""
        self._skipped = 0  # characters
        self._next_at = 0.0
        self._timer: asyncio.TimerHandle | None = None

    def feed(self, text: str) -> None:
        """Take the next piece of output."""
        self._text += text
        if len(self._text) > 2 * _PIECE:
            self._skipped += len(self._text) - _PIECE
            self._text = self._text[-_PIECE:]
        if self._text and self._timer is None:
            self._timer = self._loop.call_at(max(self._next_at, self._loop.time()), self._flush)

    def close(self) -> None:
        """Show what is left; nothing comes after it."""
        if self._timer is not None:
            self._timer.cancel()
            self._flush()

    def _flush(self) -> None:
        self._timer = None
        self._next_at = self._loop.time() + _PERIOD_S
        text, self._text = self._text, ""
        if self._skipped:
            text = f"\n[{self._skipped} characters not shown]\n{text}"
            self._skipped = 0
        self._emit(text)
