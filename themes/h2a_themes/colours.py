"""What a colour may be, and how well one can be read on another.

    #rgb, #rrggbb      a colour
    0 to 15, or a name one of the terminal's own sixteen, whatever they look like there
    16 to 255          a colour of the 256: a cube of 6 x 6 x 6, then greys; kept as its #rrggbb
    ""                 what the terminal writes with, or on

A `Colour` is one of these in its one spelling: `#rrggbb` in lower case, a name of `NAMES`, or "".
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import lru_cache
from typing import Final, TypeAlias

__all__ = ["ALLOWED", "NAMES", "PATTERN", "RGB", "Colour", "contrast", "indexed", "parse", "rgb", "to_hex"]

Colour: TypeAlias = str
RGB: TypeAlias = tuple[int, int, int]

NAMES: Final = tuple(
    f"{bright}{name}"
    for bright in ("", "bright_")
    for name in ("black", "red", "green", "yellow", "blue", "magenta", "cyan", "white")
)
"""The terminal's own colours, in the order of their numbers."""

ALLOWED: Final = f'#rgb, #rrggbb, a number from 0 to 255, "" for the terminal\'s own, or {", ".join(NAMES)}'
PATTERN: Final = f"^(|#[0-9a-fA-F]{{3}}|#[0-9a-fA-F]{{6}}|{'|'.join(NAMES)})$"
"""`ALLOWED` for JSON Schema, all but the numbers."""

_HEX: Final = re.compile("#(?:[0-9a-fA-F]{3}|[0-9a-fA-F]{6})")
_CUBE: Final = (0, 95, 135, 175, 215, 255)


def parse(value: object) -> Colour | None:
    """`value`, as it stands in a theme's file, in its one spelling; None when it is no colour."""
    match value:
        case bool():
            return None
        case int():
            return indexed(value) if 0 <= value <= 255 else None
        case "":
            return ""
        case str() if value in NAMES:
            return value
        case str() if _HEX.fullmatch(value):
            digits = value[1:].lower()
            return "#" + (digits if len(digits) == 6 else "".join(digit * 2 for digit in digits))
    return None


def indexed(number: int) -> Colour:
    """Colour `number` (0 to 255) of a terminal."""
    if number < 16:
        return NAMES[number]
    if number < 232:
        red, rest = divmod(number - 16, 36)
        return to_hex((_CUBE[red], _CUBE[rest // 6], _CUBE[rest % 6]))
    return to_hex((8 + 10 * (number - 232),) * 3)


def to_hex(colour: Sequence[int]) -> Colour:
    """`colour` as `#rrggbb`."""
    return "#{:02x}{:02x}{:02x}".format(*colour)


def rgb(colour: Colour) -> RGB:
    """The three parts of a `#rrggbb`."""
    return int(colour[1:3], 16), int(colour[3:5], 16), int(colour[5:7], 16)


@lru_cache(maxsize=4096)
def contrast(one: Colour, other: Colour) -> float:
    """How far two `#rrggbb` are apart in brightness, from 1 to 21, as WCAG 2 counts it."""
    lower, higher = sorted((_luminance(one), _luminance(other)))
    return (higher + 0.05) / (lower + 0.05)


def _luminance(colour: Colour) -> float:
    red, green, blue = (
        part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4
        for part in (part / 255 for part in rgb(colour))
    )
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue
