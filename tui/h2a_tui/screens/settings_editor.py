"""Every setting, with its value and where that comes from, to be changed where it stands."""

from __future__ import annotations

from collections.abc import Awaitable

from textual.screen import Screen

from h2a_agent.config_error import ConfigError
from h2a_tui.keymap import Action, Context, Keymap
from h2a_tui.screens.asker import ScreenAsker
from h2a_tui.screens.filter_picker import FilterPicker
from h2a_tui.settings_change import SettingsChange
from h2a_tui.settings_flow import SettingsFlow

__all__ = ["SettingsEditor"]


class SettingsEditor(FilterPicker):
    """Returns the name of a setting that has a list of its own; everything else is changed in here."""

    def __init__(self, settings: SettingsChange, keymap: Keymap, *, chosen: str = "") -> None:
        self._flow = SettingsFlow(settings, ScreenAsker(keymap, self._above))
        rows = tuple(self._flow.rows())
        super().__init__("Settings", rows, keymap, chosen=chosen, placeholder="Type to find a setting")

    def keys_line(self) -> str:
        """What the keys do."""
        less, more = (
            self.keymap.label(action, Context.FILTER) for action in (Action.LIST_LESS, Action.LIST_MORE)
        )
        change = self.keymap.label(Action.LIST_CHOOSE, Context.FILTER)
        keys = self.keymap.hints(Context.FILTER, Action.LIST_SAVE, Action.LIST_CLOSE)
        return f"{change} {less} {more} change · {keys}"

    def footer(self, chosen: str) -> str:
        """What it is about, and from when on a change counts."""
        return self._flow.about(chosen)

    def act(self, action: Action) -> bool:
        """Change over, keep, besides what every list does."""
        chosen = self.current
        match action:
            case Action.LIST_LESS | Action.LIST_MORE if chosen is not None:
                self._do(self._flow.change_over(chosen, 1 if action is Action.LIST_MORE else -1))
            case Action.LIST_SAVE if chosen is not None:
                self._do(self._flow.keep(chosen))
            case Action.LIST_LESS | Action.LIST_MORE | Action.LIST_SAVE:
                pass
            case _:
                return super().act(action)
        return True

    def choose(self, chosen: str) -> None:
        """Change the setting, in the way of its kind."""
        if self._flow.has_list(chosen):
            self.close(chosen)
        else:
            self._do(self._flow.change(chosen))

    async def _above(self, screen: Screen[str | None]) -> str | None:
        return await self.app.push_screen_wait(screen)

    def _do(self, change: Awaitable[str]) -> None:
        async def guarded() -> None:
            try:
                said = await change
            except ConfigError as error:
                self.say(str(error))
                return
            if said:
                self.show_rows(tuple(self._flow.rows()))
                self.say(said)

        self.run_worker(guarded())
