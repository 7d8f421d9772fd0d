"""The list of themes: the one the bar is on is worn by the whole screen while one looks."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from textual import on
from textual.widgets import OptionList

from h2a_themes import ThemeError
from h2a_tui.keymap import Action, Context, Keymap
from h2a_tui.overlays import Choice
from h2a_tui.screens.filter_picker import FilterPicker
from h2a_tui.theme_choice import ThemeChoice

__all__ = ["ThemePicker"]


class ThemePicker(FilterPicker):
    """Returns the name of the chosen theme; `saves` says whether it is for the next starts, too."""

    DEFAULT_CSS = """
    ThemePicker {
        align: right middle;
        background: transparent;
        & Vertical { width: 44; }
        & #about { display: none; }
        &.-narrow Vertical { width: 100%; }
    }
    """

    def __init__(
        self, names: Sequence[str], themes: ThemeChoice, keymap: Keymap, notice: Callable[[str], None]
    ) -> None:
        choices = [Choice(name, name, "●" if name == themes.name else "") for name in names]
        super().__init__("Theme", choices, keymap, chosen=themes.name)
        self.saves = False
        self._themes = themes
        self._notice = notice

    def keys_line(self) -> str:
        """What the keys do."""
        return self.keymap.hints(Context.FILTER, Action.LIST_CHOOSE, Action.LIST_SAVE, Action.LIST_CLOSE)

    def act(self, action: Action) -> bool:
        """Choose and save, besides what every list does."""
        if action is not Action.LIST_SAVE:
            return super().act(action)
        self.saves = True
        return super().act(Action.LIST_CHOOSE)

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
