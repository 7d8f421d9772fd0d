"""Questions that are answered on screens of their own over the chat."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence

from textual.screen import Screen

from h2a_tui.keymap import Keymap
from h2a_tui.overlays import Choice, Line
from h2a_tui.screens.ask import AskScreen
from h2a_tui.screens.filter_picker import FilterPicker
from h2a_tui.screens.picker import PickerScreen
from h2a_tui.screens.setup import SetupScreen
from h2a_tui.typed_ahead import TypedAhead
from h2a_tui.who_answers import WhoAnswers

__all__ = ["ScreenAsker"]

Show = Callable[[Screen[str | None]], Awaitable[str | None]]


class ScreenAsker:
    """`show` puts a screen over the chat and returns what came of it."""

    def __init__(self, keymap: Keymap, show: Show, early: TypedAhead | None = None) -> None:
        """`early` takes what is typed before the first "who shall answer" can be read."""
        self._keymap = keymap
        self._show = show
        self._early = early

    async def choose(self, title: str, choices: Sequence[Choice], *, chosen: int = 0) -> str | None:
        """The id of one of a few rows."""
        return await self._show(PickerScreen(title, choices, self._keymap, chosen=chosen))

    async def find(self, title: str, choices: Sequence[Choice]) -> str | None:
        """The id of one of many rows."""
        return await self._show(FilterPicker(title, choices, self._keymap))

    async def write(self, line: Line) -> str | None:
        """A line."""
        return await self._show(AskScreen(line, self._keymap))

    async def ask_who(self, who: WhoAnswers) -> str | None:
        """Who shall answer."""
        early, self._early = self._early, None
        return await self._show(SetupScreen(who, self._keymap, early))
