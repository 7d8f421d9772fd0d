"""Can everything be read? WCAG 2.2 AA over a whole theme: what falls short, and how to put it right.

Only what is known is judged: a colour of the terminal's own has no brightness until a palette gives it one.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace
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


def as_256(theme: Theme) -> Theme:
    """`theme` in the 240 colours that all terminals with 256 share: the nearest ones that can be read."""
    colours = {name: getattr(theme, name) for name in TOKENS}
    coarse = {name: _nearest(colour)[0] for name, colour in colours.items() if colour.startswith("#")}
    return _replaced(replace(theme, **coarse), theme, _nearest)


def mixed(one: Colour, other: Colour, share: float) -> Colour:
    """`one` with a `share` (0 to 1) of `other`."""
    pairs = zip(rgb(one), rgb(other), strict=True)
    return to_hex([round(a + (b - a) * share) for a, b in pairs])


def _replaced(theme: Theme, wanted: Theme, choices: Callable[[Colour], Iterable[Colour]]) -> Theme:
    """`theme` with each faint colour replaced by the first of the `choices` for the wanted one that is not."""
    changes: dict[str, Colour] = {}
    for name in dict.fromkeys(weak.token for weak in faint(theme)):
        grounds = [ground for on in TOKENS[name].on if (ground := getattr(theme, on)).startswith("#")]
        offered = list(choices(getattr(wanted, name)))
        distances = [min(contrast(colour, ground) for ground in grounds) for colour in offered]
        enough = [
            colour
            for colour, distance in zip(offered, distances, strict=True)
            if distance >= TOKENS[name].contrast
        ]
        changes[name] = enough[0] if enough else offered[distances.index(max(distances))]
    return replace(theme, **changes)


@lru_cache(maxsize=512)
def _nearest(colour: Colour) -> list[Colour]:
    """All of the 240, the most similar first; green counts most and blue least, as for the eye."""
    red, green, blue = rgb(colour)

    def distance(other: Colour) -> int:
        r, g, b = rgb(other)
        return 3 * (r - red) ** 2 + 4 * (g - green) ** 2 + 2 * (b - blue) ** 2

    return sorted(map(indexed, range(16, 256)), key=distance)
