"""Trying keys in the chat: what the terminal sends for each, which key that is, and what it does.

Every key is told and does nothing, so there are two ways out: Escape twice in a row, or pressing nothing for a while.
"""

from __future__ import annotations

import re
from typing import Final

from rich.text import Text

from h2a_tui.keymap import EDITING, Action, Context, Keymap

__all__ = ["QUIET_S", "KeyTrial", "meaning_of", "spelled"]

QUIET_S: Final = 20.0
_NAMES: Final = {0x08: "BS", 0x09: "TAB", 0x0A: "LF", 0x0D: "CR", 0x1B: "ESC", 0x20: "SPACE", 0x7F: "DEL"}
_MOST: Final = 40  # bytes of one key
_FOCUS: Final = re.compile(rb"\x1b\[[IO]")


class KeyTrial:
    """One trial. `hear` gets the bytes, `key` and `paste` what they turn out to be."""

    def __init__(self, keymap: Keymap) -> None:
        self._keymap = keymap
        self._heard = bytearray()
        self._leaves = False  # was the last key the one that leaves when it is pressed again?

    @property
    def ways_out(self) -> str:
        """How it is left."""
        leave = self._keymap.label(Action.KEYS_LEAVE)
        return f"{leave} {leave} leaves, or {QUIET_S:.0f} s without a key"

    def hear(self, data: bytes) -> None:
        """Bytes have come; also from a thread."""
        self._heard += _FOCUS.sub(b"", data)

    def key(self, key: str) -> Text | None:
        """The line that tells of `key`; None: it leaves."""
        leaves = self._keymap.action(key, Context.KEYS) is Action.KEYS_LEAVE
        if leaves and self._leaves:
            return None
        self._leaves = leaves
        return self._line(key, meaning_of(key, self._keymap))

    def paste(self, text: str) -> Text:
        """The line that tells of a paste, which is one thing."""
        self._leaves = False
        return self._line("paste", f"{len(text)} characters, as one paste")

    def _line(self, key: str, meaning: str) -> Text:
        data = bytes(self._heard[:_MOST])
        self._heard.clear()
        line = Text.assemble(f"{spelled(data):24}  ", (f"{key:18}", "bold"), f"  {meaning}")
        line.no_wrap, line.overflow = True, "ellipsis"
        return line


def spelled(data: bytes) -> str:
    """Bytes as people write them: `ESC [ 1 3 u`, a character above ASCII as its hexadecimal bytes."""
    return " ".join(_spelled(byte) for byte in data)


def _spelled(byte: int) -> str:
    if byte in _NAMES:
        return _NAMES[byte]
    if byte < 0x20:
        return f"^{chr(byte + 0x40)}"
    return chr(byte) if byte < 0x7F else f"{byte:02x}"


def meaning_of(key: str, keymap: Keymap) -> str:
    """What `key` does in the editor of the chat."""
    action = keymap.action(key, Context.COMPOSER, Context.GLOBAL)
    if action is not None:
        return next(row.help for row in keymap.rows if row.action is action)
    if key in EDITING:
        return EDITING[key].partition("(")[0].replace("_", " ")
    return ""
