"""A theme made of a terminal's own colours, asked for at run time."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Final

from h2a_themes.colours import NAMES, Colour, contrast
from h2a_themes.legible import made_legible, mixed
from h2a_themes.tokens import Theme

__all__ = ["XTERM", "Palette", "from_terminal"]

_XTERM: Final = (
    ("#000000", "#cd0000", "#00cd00", "#cdcd00", "#0000ee", "#cd00cd", "#00cdcd", "#e5e5e5"),
    ("#7f7f7f", "#ff0000", "#00ff00", "#ffff00", "#5c5cff", "#ff00ff", "#00ffff", "#ffffff"),
)


@dataclass(frozen=True, slots=True)
class Palette:
    """What a terminal says its colours are; "" and a missing number are what it did not say."""

    foreground: Colour = ""
    background: Colour = ""
    colours: Mapping[int, Colour] = field(default_factory=lambda: MappingProxyType({}))

    @property
    def dark(self) -> bool | None:
        """Is the background dark? None when it is not known."""
        if not self.background:
            return None
        return contrast(self.background, "#ffffff") > contrast(self.background, "#000000")

    def seen(self, colour: Colour, is_ground: bool) -> Colour:
        """The `#rrggbb` that `colour` looks like; itself where that is not known."""
        if colour in NAMES:
            return self.colours.get(NAMES.index(colour), colour)
        return colour or (self.background if is_ground else self.foreground)


XTERM: Final = Palette("#e5e5e5", "#000000", MappingProxyType(dict(enumerate((*_XTERM[0], *_XTERM[1])))))
"""xterm's own defaults, for what a terminal does not say."""


def from_terminal(palette: Palette) -> Theme | None:
    """The theme `terminal` in these colours, each moved until it can be read.

    None when the terminal has not even said what its background is.
    """
    if palette.dark is None:
        return None
    dark, page = palette.dark, palette.background
    text = palette.foreground or ("#e5e5e5" if dark else "#1a1a1a")
    own = {name: (palette.colours.get(at) or XTERM.colours[at]) for at, name in enumerate(NAMES)}
    # The brighter half stands out from the dark, the other one from the light.
    hue = {name: own[f"bright_{name}" if dark else name] for name in NAMES[1:7]}
    quiet = mixed(text, page, 0.25)
    given = {
        "text": text,
        "muted": quiet,
        "dim": mixed(text, page, 0.38),
        "background": page,
        "surface": mixed(page, text, 0.06),
        "panel": mixed(page, text, 0.13),
        "border": mixed(page, text, 0.3),
        "accent": hue["blue"],
        "success": hue["green"],
        "warning": hue["yellow"],
        "error": hue["red"],
        "selection": mixed(page, hue["blue"], 0.3),
        "link": hue["cyan"],
        "inline_code": hue["yellow"],
        "diff_added_background": mixed(page, hue["green"], 0.13),
        "diff_removed_background": mixed(page, hue["red"], 0.13),
        "diff_hunk": hue["cyan"],
        "nudge": hue["magenta"],
        "follow_up": hue["cyan"],
        "status_thinking": hue["magenta"],
        "syntax_keyword": hue["magenta"],
        "syntax_function": hue["blue"],
        "syntax_class": hue["yellow"],
        "syntax_number": hue["red"],
        "syntax_operator": quiet,
        "syntax_builtin": hue["cyan"],
        "syntax_decorator": hue["yellow"],
        "syntax_tag": hue["cyan"],
    }
    return made_legible(Theme.of("terminal", dark=dark, given=given))
