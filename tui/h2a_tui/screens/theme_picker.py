"""The list of themes: the one the bar is on is worn by the whole screen while one looks."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from textual import events, on
from textual.widgets import OptionList

from h2a_themes import ThemeError
from h2a_tui.keymap import Action, Context, Keymap
from h2a_tui.overlays import Choice
from h2a_tui.screens.picker import PickerScreen
from h2a_tui.theme_choice import ThemeChoice

__all__ = ["ThemePicker"]


class ThemePicker(PickerScreen):
    """Returns the name of the chosen theme; `saves` says whether it is for the next starts, too."""

    DEFAULT_CSS = """
    ThemePicker {
        align: right middle;
        background: transparent;
        & Vertical, &.-narrow Vertical { width: 36; max-width: 100%; }
    }
    """

    def __init__(
        self, names: Sequence[str], themes: ThemeChoice, keymap: Keymap, notice: Callable[[str], None]
    ) -> None:
        current = names.index(themes.name) if themes.name in names else 0
        choices = [Choice(name, name, "●" if name == themes.name else "") for name in names]
        super().__init__(f"Theme · {keymap.label(Action.LIST_SAVE)} saves", choices, keymap, chosen=current)
        self.saves = False
        self._bound = keymap
        self._themes = themes
        self._notice = notice

    def on_key(self, event: events.Key) -> None:
        """Choose and save, besides what every list does."""
        if self._bound.action(event.key, Context.LIST) is Action.LIST_SAVE:
            self.saves = True
            self.query_one(OptionList).action_select()

    @on(OptionList.OptionHighlighted)
    def _look(self, message: OptionList.OptionHighlighted) -> None:
        if message.option_id is not None:
            self.run_worker(self._preview(message.option_id))

    async def _preview(self, name: str) -> None:
        if not self.is_current:
            return  # closed by a key that came right behind
        try:
            await self._themes.preview(name)
        except ThemeError as error:
            self._notice(error.short)
