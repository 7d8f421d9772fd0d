"""In which encoding a file's text is, and text and bytes of it without losing any.

Nothing is ever guessed at a loss: whatever `decode` gives, `encode` turns back into the very same bytes. So an
edit of a file in an old 8-bit encoding, or with a few stray bytes in it, changes only what it means to change.
"""

from __future__ import annotations

import codecs
import re
from dataclasses import dataclass
from typing import Final

__all__ = ["STRAY", "UTF8", "Encoding", "encoding_of", "visible"]


@dataclass(frozen=True, slots=True)
class Encoding:
    """How text is stored: its name for people, Python's codec, and the mark at the beginning of the file."""

    name: str
    codec: str
    errors: str = "strict"
    mark: bytes = b""

    @property
    def is_wide(self) -> bool:
        """Does a character take two bytes or more? Tools read such files, but do not change them."""
        return self.codec.startswith("utf-16")

    def decode(self, data: bytes) -> str:
        """The text of a file, or of whole lines of it; without the mark."""
        return data.removeprefix(self.mark).decode(self.codec, self.errors)

    def encode(self, text: str) -> bytes:
        """The bytes of a file with this text, with the mark.

        Raises:
            UnicodeEncodeError: the encoding has no such character.
        """
        return self.mark + text.encode(self.codec, self.errors)


UTF8: Final = Encoding("UTF-8", "utf-8")
_MARKED: Final = (
    Encoding("UTF-8", "utf-8", mark=codecs.BOM_UTF8),
    Encoding("UTF-16", "utf-16-le", "surrogatepass", codecs.BOM_UTF16_LE),
    Encoding("UTF-16", "utf-16-be", "surrogatepass", codecs.BOM_UTF16_BE),
)
STRAY: Final = Encoding("UTF-8 with stray bytes", "utf-8", "surrogateescape")
# The first knows typographic quotes where the second has control characters, but not all bytes.
_OLD: Final = (Encoding("Windows-1252", "cp1252"), Encoding("Latin-1", "latin-1"))

_HALVES: Final = re.compile("[\ud800-\udfff]")


def encoding_of(data: bytes) -> Encoding | None:
    """The encoding of `data`, None when it is not text."""
    marked = next((encoding for encoding in _MARKED if data.startswith(encoding.mark)), None)
    if marked is not None and marked.is_wide and _fits(marked, data):
        return marked
    if b"\0" in data:
        return None
    return marked if marked is not None and _fits(marked, data) else _unmarked(data)


def visible(text: str) -> str:
    """`text` with U+FFFD for each byte that is not part of it."""
    return text if text.isascii() else _HALVES.sub("\ufffd", text)


def _unmarked(data: bytes) -> Encoding:
    if _fits(UTF8, data):
        return UTF8
    # With any sequence that is UTF-8 in it, the rest are stray bytes; without, it is something older.
    rest = STRAY.decode(data)
    if any(char > "\x7f" and not "\udc80" <= char <= "\udcff" for char in rest):
        return STRAY
    return next(encoding for encoding in _OLD if _fits(encoding, data))


def _fits(encoding: Encoding, data: bytes) -> bool:
    try:
        encoding.decode(data)
    except UnicodeDecodeError:
        return False
    return True
