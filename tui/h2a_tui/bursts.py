"""A paste that a terminal does not mark as one, told apart from typing before it becomes keys.

Where bracketed paste does not work (old multiplexers, some remote consoles) a paste arrives as keys, and each line end
in it would send. Nobody types a line end and goes on with the next line so fast that all of it comes in one read
of the terminal; a paste always does. So a piece of plain text of some length with a line end *inside* is a paste, and
so is what follows it at once: also a line end that comes alone, because a paste may be cut before its last one. A person
who presses Enter so soon after a paste (nobody does within 50 ms; a program that types may) presses it again, while a
message that went out by itself would have cut the answer for good.
"""

from __future__ import annotations

import re
from typing import Final

__all__ = ["Bursts", "KeysAtOnce"]

SHORTEST: Final = 24  # characters in one read; a slow line may join a few keys of a fast typist
_AT_ONCE_S: Final = 0.05  # the rest of a long paste comes in further reads, each within this time
_PLAIN: Final = re.compile(r"[^\x00-\x08\x0b\x0c\x0e-\x1f\x7f]*")
_LINE_END_INSIDE: Final = re.compile(r"[\r\n][\r\n]*[^\r\n]")
_MARK: Final = re.compile(r"\x1b\[20([01])~")
_MARK_LENGTH: Final = 6


class Bursts:
    """Looks at every piece of input, in order. Pastes that are marked are left alone."""

    def __init__(self) -> None:
        self._tail = ""
        self._marked = False
        self._until = 0.0

    def is_paste(self, piece: str, now: float) -> bool:
        """Is all of `piece`, read at `now` on the monotonic clock, pasted and not marked so?"""
        within = self._marked
        self._note_marks(piece)
        if within or self._marked or not _PLAIN.fullmatch(piece):
            self._until = 0.0
            return False
        if now < self._until or (len(piece) >= SHORTEST and _LINE_END_INSIDE.search(piece)):
            self._until = now + _AT_ONCE_S
            return True
        return False

    def _note_marks(self, piece: str) -> None:
        """Follow the marks around pastes, which may come in pieces themselves."""
        text = self._tail + piece
        self._tail = text[-_MARK_LENGTH + 1 :]
        if marks := _MARK.findall(text):
            self._marked = marks[-1] == "0"


class KeysAtOnce:
    """Keys of one line that come faster than anybody types: a paste without a line end inside, which `Bursts` cannot tell.

    It matters where the line end behind it must not answer: what was pasted is not seen before. Times are monotonic.
    """

    def __init__(self) -> None:
        self._count = 0
        self._until = 0.0

    def typed(self, now: float) -> None:
        """A key has typed something."""
        self._count = self._count + 1 if now < self._until else 1
        self._until = now + _AT_ONCE_S

    def pasted(self, now: float) -> bool:
        """Does a line end that comes now belong to a paste? Only its first one does."""
        count, self._count = self._count, 0
        return count >= SHORTEST and now < self._until
