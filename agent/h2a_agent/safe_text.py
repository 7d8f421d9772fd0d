"""Text fit for a terminal.

Model and tool output is hostile input: an escape sequence in it could retitle the window, write the
clipboard or hide what a command really is. `safe_text` makes every such character visible instead of
obeying or dropping it. It works character by character, so a sequence split over two pieces of a stream
is as harmless as a whole one, and pieces may be made safe one by one.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable
from functools import lru_cache
from typing import Any, Final

__all__ = [
    "AnsiStripper",
    "each_string",
    "encodable",
    "one_line",
    "safe_text",
    "safe_value",
    "without_surrogates",
]

# Everything but the printable characters, newline and tab. Cf holds the bidirectional controls, zero-width
# and tag characters; ZWJ, ZWNJ and variation selectors stay because emoji and several scripts need them.
_SUSPECT: Final = re.compile(r"[^\n\t -~\u00a0-\u00ac\u00ae-\u02ff\u0370-\u03ff\u0400-\u052f\u4e00-\u9fff]")
_KEEP: Final = frozenset("\u200c\u200d")
_SURROGATE: Final = re.compile(r"[\ud800-\udfff]")
_SPACE: Final = re.compile(r"\s+")


@lru_cache(maxsize=4096)
def _visible(char: str) -> str:
    if char in _KEEP:
        return char
    code = ord(char)
    if code < 0x20:
        return chr(0x2400 + code)  # the control pictures: ESC becomes ␛
    if code == 0x7F:
        return "␡"
    category = unicodedata.category(char)
    if category == "Cs":
        return "\ufffd"
    if category in ("Cc", "Cf", "Co", "Cn", "Zl", "Zp"):
        return f"⟨{code:04X}⟩"
    return char


def safe_text(text: str) -> str:
    """`text` with every control, C1, bidirectional, invisible and unassigned character made visible.

    Newline and tab stay. Carriage returns become ␍: whoever wants lines normalises them first. Text that has
    nothing to make visible (nearly all) is returned as it is: what `isprintable` accepts, `_visible` keeps.
    """
    if text.isprintable() or text.replace("\n", "").replace("\t", "").isprintable():
        return text
    return _SUSPECT.sub(lambda match: _visible(match[0]), text)


def one_line(text: str, limit: int = 120) -> str:
    """`text` safe, on one line and at most `limit` characters long, the cut marked with an ellipsis."""
    line = _SPACE.sub(" ", safe_text(text[: limit * 4])).strip()
    return line if len(line) <= limit else line[: limit - 1] + "…"


def without_surrogates(text: str) -> str:
    """`text` with each lone surrogate replaced by U+FFFD, so that it can be encoded."""
    return text if text.isascii() else _SURROGATE.sub("\ufffd", text)


def each_string(value: Any, change: Callable[[str], str]) -> Any:
    """A JSON value with `change` made to every string in it, keys too."""
    match value:
        case str():
            return change(value)
        case dict():
            return {change(str(key)): each_string(item, change) for key, item in value.items()}
        case list():
            return [each_string(item, change) for item in value]
        case _:
            return value


def safe_value(value: Any) -> Any:
    """A JSON value with every string in it, keys too, made safe."""
    return each_string(value, safe_text)


def encodable(value: Any) -> Any:
    """A JSON value without lone surrogates, so that it can be written and sent."""
    return each_string(value, without_surrogates)


class AnsiStripper:
    """Takes terminal control sequences out of a command's output, piece by piece.

    A command's colours and progress bars are not for the model and not for our screen. A sequence split over two
    pieces is recognised: what may still become one is held back until the next `feed` or `flush`. Line
    ends become newlines, and a lone carriage return (a progress bar) starts a new line.
    """

    # CSI, OSC/DCS/PM/APC/SOS strings up to BEL or ST, two-character escapes; C1 forms of the same. A string ends
    # before the next control of its kind, so a flood of unfinished ones costs no more than any text.
    _SEQUENCE: Final = re.compile(
        r"(?:\x1b\[|\x9b)[0-?]*[ -/]*[@-~]"
        r"|(?:\x1b[\]PX^_]|[\x90\x98\x9d-\x9f])[^\x07\x1b\x80-\x9f]*(?:\x07|\x1b\\|\x9c)"
        r"|\x1b[ -/]*[0-OQ-WYZ\\`-~]"
    )
    _OPEN: Final = re.compile(
        r"(?:(?:\x1b\[|\x9b)[0-?]*[ -/]*|(?:\x1b[\]PX^_]|[\x90\x98\x9d-\x9f])[^\x07\x1b\x80-\x9f]*\x1b?|\x1b[ -/]*|\r)\Z"
    )
    _HOLD: Final = 4096  # characters; a "sequence" longer than this is text after all

    def __init__(self) -> None:
        self._held = ""

    def feed(self, text: str) -> str:
        """The plain text of what came before and `text`, as far as it is certain."""
        text = self._held + text
        self._held = ""
        if "\x1b" in text or "\r" in text or not text.isascii():
            text = self._SEQUENCE.sub("", text)
            if (tail := self._OPEN.search(text)) and len(tail[0]) <= self._HOLD:
                self._held = tail[0]
                text = text[: tail.start()]
            text = text.replace("\r\n", "\n").replace("\r", "\n")
        return text

    def flush(self) -> str:
        """What was held back, at the end of the output. A dangling escape is dropped."""
        held, self._held = self._held, ""
        return "\n" if held == "\r" else ""
