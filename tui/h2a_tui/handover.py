"""A terminal on its way from one app to the next: it stays as it was set up, and what is typed meanwhile is kept.

Between two sessions there is a moment in which no app reads. Given back as usual, the terminal would echo what is typed then,
a Ctrl+C would end the program, and the input would be emptied. So the first app's driver leaves it as it is and keeps
what it still reads, behind what its editor has kept since another session was asked for; the next app's driver begins with
that, in the order in which it was typed, as soon as its editor is there.
"""

from __future__ import annotations

import os
import select
import sys
import termios
import threading
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Final

from h2a_agent.tools.supervisor import guardian

if TYPE_CHECKING:
    from textual.message import Message

__all__ = ["Handover"]

_AT_ONCE: Final = 4096  # bytes


class Handover:
    """What goes from one app to the next. `under_way` from the moment the first one leaves until the next one listens."""

    def __init__(self) -> None:
        self.under_way = False
        self.attributes: list[Any] | None = None  # of the terminal, as they were before the first app
        self.listening = threading.Event()  # the next app can take keys
        self._kept: list[Message | bytes] = []

    def begin(self) -> None:
        """The app is left for another one."""
        self.under_way = True
        self.listening.clear()

    def keep(self, data: bytes) -> None:
        """Keep what was typed."""
        self._kept.append(data)

    def keep_first(self, read: Sequence[Message]) -> None:
        """Keep what the app that was left had `read` already: it was typed before everything that is kept."""
        self._kept[:0] = read

    def go_on(self, between: Handover) -> None:
        """Take over from an app that stood `between`, and was left for the next: what was typed there comes last."""
        if between.under_way and not self.under_way:
            self.begin()
            self.attributes = between.attributes
        self._kept += between.take()

    def gather(self) -> None:
        """Keep what waits to be read, so that an app that asks something does not take it for its answer."""
        if not self.under_way or sys.stdin is None:
            return
        descriptor = sys.stdin.fileno()
        while select.select([descriptor], [], [], 0)[0] and (data := os.read(descriptor, _AT_ONCE)):
            self.keep(data)

    def take(self) -> list[Message | bytes]:
        """What was typed, in order, as it came or as keys where it was read already; the next app reads the rest itself."""
        self.under_way = False
        kept, self._kept = self._kept, []
        return kept

    def give_up(self) -> None:
        """No other app comes: give the terminal back as it was."""
        if not self.under_way:
            return
        self.under_way = False
        if self.attributes is not None and sys.stdin is not None:
            termios.tcsetattr(sys.stdin.fileno(), termios.TCSAFLUSH, self.attributes)
        if (ours := guardian()) is not None:
            ours.terminal_taken(False)
