"""Which theme is chosen, by its name, and how another one is.

A name is that of a theme in the user's folder or of a built-in one, a path to a file, `terminal` (made of the
terminal's own colours), or two of these with a `/` between: the one that suits the terminal's background.
Reading files is kept off the event loop; only the first choice, made before there is a screen, is not.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Final

from h2a_agent.config_edit import set_keys
from h2a_themes import Palette, Theme, find, from_terminal, load, names

__all__ = ["DEFAULT", "TERMINAL", "ThemeChoice", "resolve"]

DEFAULT: Final = "light/dark"
TERMINAL: Final = "terminal"


def resolve(name: str, folder: Path | None, palette: Palette) -> Theme:
    """The theme called `name` in a terminal that has these colours.

    Raises:
        ThemeError: there is no such theme, or its file is not one.
    """
    if pair := _pair(name):
        one, other = (resolve(half, folder, palette) for half in pair)
        wants_dark = palette.dark is not False
        return one if one.dark is wants_dark else other
    if name == TERMINAL and (folder is None or not (folder / f"{TERMINAL}.toml").is_file()):
        stand_in = "sixteen-light" if palette.dark is False else "sixteen"
        return from_terminal(palette) or load(stand_in)
    return load(name, folder)


def _pair(name: str) -> list[str]:
    halves = name.split("/")
    return halves if len(halves) == 2 and all(halves) and not name.endswith(".toml") else []


class ThemeChoice:
    """The chosen theme: `name` as it was given, `theme` what that is here, `file` the user's own it comes from.

    `show` is told of every change, and returns what the terminal can show of it.
    """

    def __init__(self, name: str = "", folder: Path | None = None, config_file: Path | None = None) -> None:
        """`name` "" is the default; `folder` holds the user's themes, `config_file` is where a choice is kept.

        Raises:
            ThemeError: there is no such theme, or its file is not one.
        """
        self.name = name or DEFAULT
        self.show: Callable[[Theme], Theme] = lambda theme: theme
        self._folder = folder
        self._config_file = config_file
        self._palette = Palette()
        self._looked_at = ""
        self.theme, self.file = self._resolve(self.name)

    @property
    def asks_terminal(self) -> bool:
        """Does the theme depend on what colours the terminal has?"""
        return self.name == TERMINAL or bool(_pair(self.name))

    async def names(self) -> list[str]:
        """All that can be chosen by a name."""
        return await asyncio.to_thread(self.known_names)

    def known_names(self) -> list[str]:
        """The same, at once: it looks into one folder."""
        return sorted({*names(self._folder), TERMINAL})

    async def choose(self, name: str) -> Theme:
        """Choose and show another theme; returns what is shown.

        Raises:
            ThemeError: there is no such theme, or its file is not one; the choice stays what it was.
        """
        self.theme, self.file = await asyncio.to_thread(self._resolve, name)
        self.name, self._looked_at = name, ""
        return self.show(self.theme)

    async def preview(self, name: str) -> None:
        """Show another theme without choosing it, unless meanwhile yet another one is looked at, or chosen.

        Raises:
            ThemeError: there is no such theme, or its file is not one.
        """
        self._looked_at = name
        theme, _file = await asyncio.to_thread(self._resolve, name)
        if self._looked_at == name:
            self.show(theme)

    def end_preview(self) -> None:
        """Show what is chosen."""
        self._looked_at = ""
        self.show(self.theme)

    async def save(self) -> None:
        """Begin with this theme from now on.

        Raises:
            ConfigError: the settings' file cannot be changed.
        """
        if self._config_file is not None:
            await asyncio.to_thread(set_keys, self._config_file, {"theme": self.name})

    async def told(self, palette: Palette) -> None:
        """The terminal has said what its colours are.

        Raises:
            ThemeError: a file is no longer a theme.
        """
        changed, self._palette = palette != self._palette, palette
        if changed and self.asks_terminal:
            _ = await self.choose(self.name)

    def _resolve(self, name: str) -> tuple[Theme, Path | None]:
        theme = resolve(name, self._folder, self._palette)
        return theme, None if _pair(name) or name == TERMINAL else find(name, self._folder)
