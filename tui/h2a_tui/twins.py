r"""What stands in for a character that the terminal's encoding does not have.

A terminal that is not UTF-8 (a locale such as de_DE.ISO-8859-1) would otherwise be sent `\u2502` for a line, six
cells where the screen has counted one. Every stand-in is as wide as what it stands for.
"""

from __future__ import annotations

import codecs
from collections.abc import Iterable
from typing import Final, TextIO

__all__ = ["soften", "softened", "twin"]

_ERRORS: Final = "h2a-twins"
_TWINS: Final = str.maketrans(
    {
        **dict.fromkeys("╭╮╰╯┌┐└┘├┤┬┴┼", "+"),
        **dict.fromkeys("─━▁—–−", "-"),
        **dict.fromkeys("│┃▌▎▏▐▕", "|"),
        **dict.fromkeys("█▀▄▰▓", "#"),
        **dict.fromkeys("░▱·", "."),
        **dict.fromkeys("•●◆✻▪", "*"),
        **dict.fromkeys("○◌", "o"),
        **dict.fromkeys("›▸→↳»", ">"),
        **dict.fromkeys("←«", "<"),
        **dict.fromkeys("↑▲", "^"),
        **dict.fromkeys("↓▼▾", "v"),
        **dict.fromkeys("“”„", '"'),
        **dict.fromkeys("‘’", "'"),
        **dict.fromkeys("✗×⊘☒", "x"),
        **dict.fromkeys("⋯…⌁", "~"),
        **dict(zip("⠋⠙⠹⠸⠼⠴⠦⠧⠇⠏", "|/-\\|/-\\|/", strict=True)),  # the spinner goes on turning
        "✓": "+",
        "☑": "+",
        "☐": "-",
        "↯": "!",
        "⚠": "!",
        "‖": "=",
        "▣": "#",
        "▤": "#",
        "↻": "@",
        "␛": "^",
    }
)


def twin(text: str) -> str:
    """`text` in ASCII, in as many cells."""
    from rich.cells import cell_len  # which a start does not need

    return "".join(
        letter if letter.isascii() else "?" * cell_len(letter) for letter in text.translate(_TWINS)
    )


def soften(streams: Iterable[TextIO | None]) -> None:
    """Let `streams` that are not UTF-8 take any text, with a twin for what they do not have."""
    for stream in streams:
        encoding = getattr(stream, "encoding", None)
        if encoding and codecs.lookup(encoding).name not in ("utf-8", "utf-16", "utf-32"):
            codecs.register_error(_ERRORS, _in_place_of)
            stream.reconfigure(errors=_ERRORS)  # type: ignore[union-attr]  # of a file, which these are


def softened(stream: TextIO | None) -> tuple[str, str] | None:
    """Encoding and error handler of a stream that was softened, for who writes past it; None for any other."""
    return (stream.encoding, _ERRORS) if stream is not None and stream.errors == _ERRORS else None


def _in_place_of(error: UnicodeError) -> tuple[str | bytes, int]:
    if not isinstance(error, UnicodeEncodeError):
        raise error
    return twin(error.object[error.start : error.end]), error.end
