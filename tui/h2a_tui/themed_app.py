"""An app in the colours of a `ThemeChoice`: worn at the start, changed while it runs, followed on disk.

Everything painted has its colours from one of three places: style sheets (reparsed on a change), component
styles (asked for at each rendering), and the `Styles` of the transcript, which `dress` hands on.
"""

from __future__ import annotations

import asyncio
import os
from pathlib import Path
from typing import ClassVar, Final, TypeVar

from rich.console import RenderableType
from textual import events, on
from textual.app import App

from h2a_themes import Theme, ThemeError
from h2a_tui.handover import Handover
from h2a_tui.keys import HandedOn, KeyDriver, TerminalColours
from h2a_tui.textual_theme import textual_theme
from h2a_tui.theme import for_terminal
from h2a_tui.theme_choice import ThemeChoice

__all__ = ["ThemedApp"]

Result = TypeVar("Result")

_LOOK_S: Final = 1.0  # between two looks at the theme's file
_SETTLE_S: Final = 0.1  # an editor may write a file in several steps
_WATCH: Final = "theme-file"


class ThemedApp(App[Result], inherit_bindings=False):
    """Wears `themes`. `dressed` is what of it this terminal can show."""

    CSS: ClassVar[str] = """
    Screen:ansi { background: $h2a-background; color: $h2a-text; }
    ModalScreen:ansi { background: transparent; }
    OptionList:nocolor > .option-list--option-highlighted { text-style: bold underline; }
    """

    handover: Handover | None = None  # how the terminal comes from another app, and goes on to one

    def __init__(self, themes: ThemeChoice, driver_class: type[KeyDriver] = KeyDriver) -> None:
        # Colours that are the terminal's own stay so; and without colour there is none, not even grey.
        super().__init__(driver_class=driver_class, ansi_color=True if "NO_COLOR" in os.environ else None)
        self.themes = themes
        self._followed: Path | None = None
        self._left_with: Result | None = None
        self.dressed = self._put_on(themes.theme)
        themes.show = self.wear

    def wear(self, theme: Theme) -> Theme:
        """Show everything in the colours of `theme`; returns what of it this terminal can show."""
        before = self.theme
        self.dressed = self._put_on(theme)
        if self.theme != before:
            self.unregister_theme(before)
            self.dress(self.dressed)
        self._watch_file()
        return self.dressed

    def _put_on(self, theme: Theme) -> Theme:
        shown = for_terminal(theme, self.console.color_system, no_color=self.no_color)
        textual = textual_theme(shown)
        self.register_theme(textual)
        self.theme = textual.name
        return shown

    def dress(self, theme: Theme) -> None:
        """Hand `theme` on to what does not have its colours from a style sheet."""

    def say_of_theme(self, text: str) -> None:
        """Say what is wrong with a theme's file."""

    def on_mount(self) -> None:
        """Ask the terminal for its colours when they matter; look after the theme's file when there is one."""
        self._ask_terminal()
        self.watch(self, "app_focus", self._ask_terminal, init=False)
        self._watch_file()

    async def on_event(self, event: events.Event) -> None:
        """Take a resize for what is true now.

        The handler of one signal can be interrupted by the next, and then the older size is the one that comes last.
        """
        if isinstance(event, events.Resize) and isinstance(self._driver, KeyDriver):
            size = self._driver.size_now
            event = events.Resize(size, size, size, event.pixel_size)
        await super().on_event(event)

    def _ask_terminal(self, here: bool = True) -> None:
        """Ask for its colours: at the start, and when somebody comes back, who may have made it light or dark."""
        if here and self.themes.asks_terminal and isinstance(self._driver, KeyDriver):
            self._driver.ask_colours()

    @on(TerminalColours)
    async def _terminal_has_answered(self, answer: TerminalColours) -> None:
        try:
            await self.themes.told(answer.palette)
        except ThemeError as error:
            self.say_of_theme(error.short)

    # --------------------------------------------------------- the next app

    def exit(
        self, result: Result | None = None, return_code: int = 0, message: RenderableType | None = None
    ) -> None:
        """Leave for good."""
        self._left_with = None
        super().exit(result, return_code, message)

    def hand_over(self, result: Result) -> None:
        """Leave for the app that comes next: the terminal stays as it is, and every key that was read before still comes here."""
        self._left_with = result
        if self.handover is not None and isinstance(self._driver, KeyDriver):
            self.handover.begin()
        else:
            super().exit(result)

    @on(HandedOn)
    def _every_key_has_come(self) -> None:
        if self._left_with is not None:
            super().exit(self._left_with)

    # ------------------------------------------------------------ the file

    def _watch_file(self) -> None:
        """Follow the file of the chosen theme, and no other one."""
        file = self.themes.file
        if file == self._followed:
            return
        self._followed = file
        self.workers.cancel_group(self, _WATCH)
        if file is not None:
            self.run_worker(self._follow(file), group=_WATCH)

    async def _follow(self, file: Path) -> None:
        """Show each good version of `file`; of a bad one say what is wrong and keep what is shown."""
        seen = await asyncio.to_thread(_stamp, file)
        while True:
            await asyncio.sleep(_LOOK_S)
            now = await asyncio.to_thread(_stamp, file)
            if now == seen:
                continue
            seen = now
            await asyncio.sleep(_SETTLE_S)
            try:
                await self.themes.choose(self.themes.name)
            except ThemeError as error:
                self.say_of_theme(error.short)


def _stamp(file: Path) -> tuple[int, int, int] | None:
    """What changes with the content of `file`; None while there is none."""
    try:
        found = file.stat()
    except OSError:
        return None
    return found.st_mtime_ns, found.st_size, found.st_ino
