"""The terminal as it was, and how to put it back."""

from __future__ import annotations

import os
import signal
import termios
from typing import Any, Final

__all__ = ["Terminal"]

# Each mode a full-screen program of ours turns on, off again: synchronised output, mouse (five kinds), focus, paste, size
# reports, colour-scheme reports, kitty keys, modifyOtherKeys, keypad and cursor keys, insert mode, scroll region (which would
# move the cursor); then line wrap, the cursor and its shape, plain characters, plain colours, and the main screen, whose cursor
# comes back with it; then what live rows the inline mode had below the cursor, and the window's title.
_RESET: Final = (
    b"\x1b[?2026l"
    b"\x1b[?1000l\x1b[?1002l\x1b[?1003l\x1b[?1006l\x1b[?1015l\x1b[?1016l"
    b"\x1b[?1004l\x1b[?2004l\x1b[?2048l\x1b[?2031l"
    b"\x1b[<u\x1b[>4;0m\x1b>\x1b[?1l\x1b[4l\x1b7\x1b[r\x1b8"
    b"\x1b[?7h\x1b[?25h\x1b[0 q\x1b(B\x0f\x1b[0m"
    b"\x1b[?1049l\x1b[?25h\x1b[J\x1b[23;2t"
)


class Terminal:
    """The terminal the program runs in. Made before the program has touched it."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self._modes: list[Any] = termios.tcgetattr(descriptor)

    @classmethod
    def found(cls) -> Terminal | None:
        """The terminal of standard input and output; None when one of them is something else."""
        try:
            return cls(0) if os.isatty(0) and os.isatty(1) else None
        except (OSError, termios.error):
            return None

    def fileno(self) -> int:
        """What tells by a hang-up that the terminal is gone."""
        return self._descriptor

    def restore(self) -> None:
        """Put it back as it was, and drop what was typed or reported to the dead program. Never fails."""
        # From the background, where a dead program's shell may have put us, this would stop us otherwise.
        signal.signal(signal.SIGTTOU, signal.SIG_IGN)
        try:
            termios.tcflow(self._descriptor, termios.TCOON)  # output that was held with Ctrl+S
            os.set_blocking(1, True)
            os.write(1, _RESET)
            termios.tcsetattr(self._descriptor, termios.TCSAFLUSH, self._modes)
        except (OSError, termios.error):
            pass  # the terminal is gone

    def say(self, line: str) -> None:
        """One line for the person. Never fails."""
        try:
            os.write(2, line.encode("utf-8", "replace") + b"\n")
        except OSError:
            pass  # nobody can read it
