"""The colours of h2a-chat: themes as TOML files, one frozen `Theme`, and nothing that draws.

`load("dark")` gives a built-in theme, `load("~/my.toml")` one of your own. `schema.json` beside this file
describes such a file for editors that know JSON Schema.
"""

from h2a_themes.loader import ThemeError, load, names
from h2a_themes.tokens import TOKENS, Theme, schema

__all__ = ["TOKENS", "Theme", "ThemeError", "load", "names", "schema"]
