"""A key that means something else the second time."""

from __future__ import annotations

from collections.abc import Callable
from time import monotonic

__all__ = ["PressedTwice"]


class PressedTwice:
    """Tells a press from a second one within `within_s` seconds of the `clock`."""

    def __init__(self, within_s: float, clock: Callable[[], float] = monotonic) -> None:
        self._within_s = within_s
        self._clock = clock
        self._last: float | None = None

    def press(self) -> bool:
        """It is pressed; was it just before, too?"""
        before, self._last = self._last, self._clock()
        return before is not None and self._last - before < self._within_s

    def forget(self) -> None:
        """What comes next is a first press again."""
        self._last = None
