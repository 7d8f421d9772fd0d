"""The last rows of the terminal, drawn again and again, and the scrollback above them, written once.

    … finished text, the terminal's own          ┐ written once, never touched again
    … finished text                              ┘
    ▏› the cursor rests here, hidden             ┐
      live rows                                  │ redrawn in place
      prompt, hints, status                      ┘

Between two frames the cursor always rests on the first cell of the live rows; the cursor one types at is drawn. A terminal
that is resized keeps its cursor on the text it stands on, whether it wraps the rows anew (tmux, kitty, VTE, iTerm2) or cuts
them (xterm, the Linux console). So whatever the live rows have become by then, all of them are below the cursor and
nothing else is: erasing to the end of the screen takes them away, and never a line of what is finished. Nobody has to
know how a terminal wraps, or to ask it where its cursor is.

A terminal may have another size already when a frame arrives that was made for the last one (tmux tells a quarter of a
second late). So live rows are never written with a line feed at their end, which in a window of too few rows would push
them into the scrollback, and never wrapped: room is made for them with empty lines first, the place of the first one is
noted (DECSC), and they are drawn with moves that stop at the last row.

What no program can take back is what a terminal itself moves off its screen: live rows that, wrapped anew, are more than
its new height. tmux counts the blank rows below them, too, so it comes to that first on a screen that is not yet full. They
are few, therefore, and fewer and short while the window is being resized (`frame.brief_rows`).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final

__all__ = ["LiveArea"]

_BEGIN: Final = "\x1b[?2026h"  # terminals that know it show the frame as a whole
_END: Final = "\x1b[?2026l"
_HIDE: Final = "\x1b[?25l"
_WRAP: Final = "\x1b[?7h"
_NO_WRAP: Final = "\x1b[?7l"
_NOTE: Final = "\x1b7"
_BACK: Final = "\x1b8"
_DOWN: Final = "\x1b[B"
_TO_LINE_END: Final = "\x1b[K"
_TO_SCREEN_END: Final = "\x1b[J"


class LiveArea:
    """Rows are texts with their colours, none wider than the screen, each ending in plain colours."""

    def __init__(self, write: Callable[[str], None]) -> None:
        self._write = write
        self._shown: list[str] = []
        self._moved = True

    def draw(self, rows: Sequence[str], finished: Sequence[str] = ()) -> None:
        """Put `finished` lines into the scrollback and `rows` below them."""
        if finished or self._moved or len(rows) != len(self._shown):
            self._write(self._anew(rows, finished))
        elif changes := self._changes(rows):
            self._write(changes)
        self._shown, self._moved = list(rows), False

    def moved(self) -> None:
        """The terminal has another size, or somebody else has written: the next frame is drawn whole."""
        self._moved = True

    def clear(self) -> None:
        """Take the live rows away; the next frame begins where they began."""
        self._write(f"\r{_TO_SCREEN_END}")
        self._shown, self._moved = [], True

    def _anew(self, rows: Sequence[str], finished: Sequence[str]) -> str:
        parts = [_BEGIN, _HIDE, "\r"]
        # Erased before it is written: behind a full row it would take that row's last character.
        parts += [f"{_TO_LINE_END}{line}\r\n" for line in finished]
        if (below := len(rows) - 1) > 0:
            parts.append("\n" * below + f"\x1b[{below}A")
        parts += [_NOTE, _NO_WRAP, f"{_DOWN}\r".join(f"{_TO_LINE_END}{row}" for row in rows), _TO_SCREEN_END]
        return "".join([*parts, _BACK, _WRAP, _END])

    def _changes(self, rows: Sequence[str]) -> str:
        parts = []
        at = 0
        for place, (before, now) in enumerate(zip(self._shown, rows, strict=True)):
            if before != now:
                parts.append(f"{_DOWN * (place - at)}\r{_TO_LINE_END}{now}")
                at = place
        return "".join([_BEGIN, _NOTE, _NO_WRAP, *parts, _BACK, _WRAP, _END]) if parts else ""
