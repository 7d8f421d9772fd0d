r"""What colours has this terminal? Asked with OSC 4, 10 and 11, answered in the middle of what is typed.

    OSC 4 ; n ; ? ST      its colour n            OSC 4 ; n ; rgb:r/g/b ST
    OSC 10 ; ? ST         what it writes with     OSC 10 ; rgb:r/g/b ST
    OSC 11 ; ? ST         its background          OSC 11 ; rgb:r/g/b ST

r, g and b are one to four hexadecimal digits, ST is `ESC \` or BEL. The background is asked last, so its answer
ends the answers. Most terminals answer within a millisecond; while answers may still come, and not a moment
longer, what looks like the beginning of one is held back until it is whole or nothing more has come for 100 ms.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from time import monotonic
from typing import Final

from h2a_themes import Palette

__all__ = ["QUESTION", "ColourAnswers"]

QUESTION: Final = (
    "".join(f"\x1b]4;{number};?\x1b\\" for number in range(16)) + "\x1b]10;?\x1b\\" + "\x1b]11;?\x1b\\"
)

_PATIENCE_S: Final = 3.0  # a line over half the world with a stalled packet; later answers are ignored
_PIECE_S: Final = 0.1  # between two pieces of one answer
_PART: Final = r"([0-9a-fA-F]{1,4})"
_ANSWER: Final = re.compile(
    rf"\x1b\](?:4;(\d{{1,3}})|1([01]));(?:rgba?:{_PART}/{_PART}/{_PART}[^\x07\x1b]*)?(?:\x07|\x1b\\)"
)
_BEGINNING: Final = re.compile(r"\x1b(?:\](?:[14][^\x07\x1b]{0,40}\x1b?)?)?\Z")


class ColourAnswers:
    """Takes the answers out of what is typed."""

    def __init__(self, clock: Callable[[], float] = monotonic) -> None:
        self._clock = clock
        self._ends_at = 0.0
        self._held = ""
        self._held_until = 0.0
        self._found: dict[str, str] = {}

    def expect(self) -> None:
        """The question is being asked."""
        self._found = {}
        self._ends_at = self._clock() + _PATIENCE_S

    def take(self, text: str) -> tuple[str, Palette | None]:
        """What of `text` was typed, and the colours when they have just become known.

        Called with "" when time has passed, it gives back what turned out to be no answer.
        """
        now = self._clock()
        if now >= self._ends_at:
            rest, self._held = self._held + text, ""
            return rest, None
        if text:
            self._held_until = now + _PIECE_S
        elif now < self._held_until:
            return "", None
        typed = _ANSWER.sub(self._note, self._held + text)
        self._held = ""
        if "11" in self._found:
            self._ends_at = now
            return typed, self._palette()
        if text and (beginning := _BEGINNING.search(typed)):
            self._held = beginning[0]
            typed = typed[: beginning.start()]
        return typed, None

    def _note(self, answer: re.Match[str]) -> str:
        number, ground, *parts = answer.groups()
        colour = "#" + "".join(
            f"{round(int(part, 16) * 255 / (16 ** len(part) - 1)):02x}" for part in parts if part
        )
        self._found[f"4;{number}" if ground is None else f"1{ground}"] = colour if len(colour) == 7 else ""
        return ""

    def _palette(self) -> Palette:
        found = self._found
        colours = {number: colour for number in range(16) if (colour := found.get(f"4;{number}"))}
        return Palette(found.get("10", ""), found["11"], colours)
