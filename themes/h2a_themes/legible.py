"""Can everything be read? WCAG 2.2 AA over a whole theme: what falls short, and how to put it right.

Only what is known is judged: a colour of the terminal's own has no brightness until a palette gives it one.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import lru_cache
from typing import Final, NamedTuple, TypeAlias

from h2a_themes.colours import Colour, contrast, indexed, rgb, to_hex
from h2a_themes.tokens import TOKENS, Theme

__all__ = ["Faint", "as_256", "faint", "made_legible", "mixed"]

Seen: TypeAlias = Callable[[Colour, bool], Colour]

_STEPS: Final = 50  # from a colour to white or black


class Faint(NamedTuple):
    """`token` is too near to `ground` in brightness."""

    token: str
    ground: str
    ratio: float
    needed: float


def faint(theme: Theme, seen: Seen = lambda colour, _is_ground: colour) -> list[Faint]:
    """What in `theme` cannot be read well enough.

    `seen` gives the `#rrggbb` a colour looks like, or the colour itself where that is not known; it is told
    whether a ground is meant, because "" is another colour there.
    """
    found = []
    for name, token in TOKENS.items():
        colour = seen(getattr(theme, name), False)
        for ground in token.on:
            below = seen(getattr(theme, ground), True)
            if colour.startswith("#") and below.startswith("#"):
                ratio = contrast(colour, below)
                if ratio < token.contrast:
                    found.append(Faint(name, ground, round(ratio, 2), token.contrast))
    return found


def made_legible(theme: Theme) -> Theme:
    """`theme` with every faint colour moved away from its grounds, no further than needed; grounds stay."""
    end = "#ffffff" if theme.dark else "#000000"
    return _replaced(
        theme, theme, lambda colour: [mixed(colour, end, step / _STEPS) for step in range(_STEPS + 1)]
    )


@lru_cache(maxsize=8)
def as_256(theme: Theme) -> Theme:
    """`theme` in the 240 colours that all terminals with 256 share: the nearest ones that can be read."""
    coarse = {name: _nearest(colour) for name, colour in theme.colours.items() if colour.startswith("#")}
    return _replaced(theme.recoloured(coarse), theme, _nearest_first)


def mixed(one: Colour, other: Colour, share: float) -> Colour:
    """`one` with a `share` (0 to 1) of `other`."""
    pairs = zip(rgb(one), rgb(other), strict=True)
    return to_hex([round(a + (b - a) * share) for a, b in pairs])


def _replaced(theme: Theme, wanted: Theme, choices: Callable[[Colour], Iterable[Colour]]) -> Theme:
    """`theme` with each faint colour replaced by the first of the `choices` for the wanted one that is not.

    Where all are, it is the one that can be read best.
    """
    changes: dict[str, Colour] = {}
    for name in dict.fromkeys(weak.token for weak in faint(theme)):
        grounds = [ground for on in TOKENS[name].on if (ground := getattr(theme, on)).startswith("#")]
        needed = TOKENS[name].contrast
        best, most = getattr(theme, name), 0.0
        for colour in choices(getattr(wanted, name)):
            least = min(contrast(colour, ground) for ground in grounds)
            if least > most:
                best, most = colour, least
            if least >= needed:
                break
        changes[name] = best
    return theme.recoloured(changes)


_THE_240: Final = tuple((indexed(number), rgb(indexed(number))) for number in range(16, 256))


def _by_distance(colour: Colour) -> list[tuple[int, Colour]]:
    """How far each of the 240 is; green counts most and blue least, as for the eye."""
    red, green, blue = rgb(colour)
    return [
        (3 * (r - red) ** 2 + 4 * (g - green) ** 2 + 2 * (b - blue) ** 2, other)
        for other, (r, g, b) in _THE_240
    ]


@lru_cache(maxsize=512)
def _nearest(colour: Colour) -> Colour:
    return min(_by_distance(colour))[1]


def _nearest_first(colour: Colour) -> list[Colour]:
    return [other for _distance, other in sorted(_by_distance(colour))]
