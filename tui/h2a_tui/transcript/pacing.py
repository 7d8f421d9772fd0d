"""When to work and when to draw: the first token at once, a busy stream 30 times a second, keys always between.

A `Pacer` runs on the event loop itself, not on a timer of Textual's (which would be a task per frame). It is
asked any number of times and runs once: work off a slice of what waits, then paint. While more waits, the next
slice comes after a short rest; painting happens no sooner than a thirtieth of a second after the last time
and leaves at least twice its cost to others, up to a limit: one slow frame must not freeze the screen after it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Final

__all__ = ["SLICE_S", "Pacer"]

SLICE_S: Final = 0.004  # seconds of work at once; a key waits no longer
_REST_S: Final = 0.002
_FRAME_S: Final = 1 / 30
_COST_FACTOR: Final = 3  # a frame and the wait after it take this many times its cost
_LONGEST_WAIT_S: Final = 0.25


class Pacer:
    """Calls `work`, which says whether it has left some, and `paint`. Needs a running event loop.

    While `ready` says no, nothing is painted: what a slow terminal cannot take in is left out, not queued.
    """

    def __init__(
        self, work: Callable[[], bool], paint: Callable[[], None], ready: Callable[[], bool] = lambda: True
    ) -> None:
        self._work = work
        self._paint = paint
        self._ready = ready
        self._handle: asyncio.Handle | None = None
        self._due = 0.0

    @property
    def busy(self) -> bool:
        """Is a run arranged?"""
        return self._handle is not None

    def request(self) -> None:
        """Run soon. Costs next to nothing while that is already arranged."""
        if self._handle is None:
            loop = asyncio.get_running_loop()
            if loop.time() >= self._due:
                self._handle = loop.call_soon(self._run)
            else:
                self._handle = loop.call_at(self._due, self._run)

    def stop(self) -> None:
        """Run no more."""
        if self._handle is not None:
            self._handle.cancel()
            self._handle = None

    def _run(self) -> None:
        loop = asyncio.get_running_loop()
        self._handle = None
        if self._work():
            self._handle = loop.call_soon(self._draw_between)
        elif not self._draw():
            self._handle = loop.call_at(self._due, self._run)

    def _draw_between(self) -> None:
        """Paint in a turn of its own: a key waits for a slice or for a frame, not for both."""
        self._draw()
        self._handle = asyncio.get_running_loop().call_later(_REST_S, self._run)

    def _draw(self) -> bool:
        """Paint, if it is time for that; was it?"""
        loop = asyncio.get_running_loop()
        began = loop.time()
        if began < self._due:
            return False
        if not self._ready():
            self._due = began + _FRAME_S
            return False
        self._paint()
        cost = loop.time() - began
        self._due = began + max(_FRAME_S, min(_COST_FACTOR * cost, _LONGEST_WAIT_S))
        return True
