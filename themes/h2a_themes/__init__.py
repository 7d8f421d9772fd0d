"""The colours of h2a-chat: themes as TOML files, one frozen `Theme`, and nothing that draws.

`load("dark")` gives a built-in theme, `load("~/my.toml")` one of your own. `schema.json` beside this file
describes such a file for editors that know JSON Schema, README.md for people.
"""

from h2a_themes.colours import Colour, contrast
from h2a_themes.legible import as_256, faint
from h2a_themes.loader import ThemeError, find, load, names
from h2a_themes.palette import Palette, from_terminal
from h2a_themes.tokens import TOKENS, Theme, schema

__all__ = [
    "TOKENS",
    "Colour",
    "Palette",
    "Theme",
    "ThemeError",
    "as_256",
    "contrast",
    "faint",
    "find",
    "from_terminal",
    "load",
    "names",
    "schema",
]
