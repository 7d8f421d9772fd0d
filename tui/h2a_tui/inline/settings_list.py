"""Every setting in a list, to be changed where it stands."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from typing import TYPE_CHECKING

from h2a_agent.config_error import ConfigError
from h2a_tui.inline.asker import InlineAsker
from h2a_tui.inline.picking import Picking
from h2a_tui.keymap import Action, Context
from h2a_tui.overlays import Choice
from h2a_tui.settings_change import SettingsChange
from h2a_tui.settings_flow import SettingsFlow

if TYPE_CHECKING:
    from h2a_tui.inline.chat import InlineChat

__all__ = ["SettingsList"]


class SettingsList(Picking):
    """`elsewhere` gets the name of a setting that has a list of its own; everything else is changed in here."""

    context = Context.FILTER

    def __init__(
        self, chat: InlineChat, settings: SettingsChange, elsewhere: Callable[[str], None], *, chosen: str
    ) -> None:
        self._chat = chat
        self._flow = SettingsFlow(settings, InlineAsker(chat))
        self._elsewhere = elsewhere
        self._settings = settings
        rows = self._rows()
        at = next((n for n, row in enumerate(rows) if row.id == chosen), 0)
        super().__init__("", rows, chosen=at, looked=self._tell, placeholder="Type to find a setting")
        self.ways = chat.keymap.hints(
            Context.FILTER,
            Action.LIST_CHOOSE,
            Action.LIST_LESS,
            Action.LIST_MORE,
            Action.LIST_SAVE,
            Action.LIST_CLOSE,
        )
        self._tell(rows[at].id if rows else "")

    def act(self, action: Action) -> bool:
        """Move, change, keep or close; False: it is a key of an editor."""
        entry = self.offered.chosen
        match action:
            case Action.LIST_UP | Action.LIST_DOWN:
                self.move(1 if action is Action.LIST_DOWN else -1)
            case Action.LIST_CLOSE:
                self._chat.keyboard.pick(None)
            case Action.LIST_CHOOSE if entry is not None and self._flow.has_list(entry.text):
                self._chat.keyboard.pick(None)
                self._elsewhere(entry.text)
            case Action.LIST_CHOOSE if entry is not None:
                self._chat.work(self._do(self._flow.change(entry.text)))
            case Action.LIST_LESS | Action.LIST_MORE if entry is not None:
                step = 1 if action is Action.LIST_MORE else -1
                self._chat.work(self._do(self._flow.change_over(entry.text, step)))
            case Action.LIST_SAVE if entry is not None:
                self._chat.work(self._do(self._flow.keep(entry.text)))
            case Action.LIST_CHOOSE | Action.LIST_LESS | Action.LIST_MORE | Action.LIST_SAVE:
                pass
            case _:
                return False
        return True

    def _rows(self) -> list[Choice]:
        return [Choice(name, name, f"{value} · {place}") for name, value, place in self._settings.now]

    def _tell(self, name: str) -> None:
        self.title = f"Settings · {self._flow.about(name)}" if name else "Settings"

    async def _do(self, change: Coroutine[None, None, str]) -> None:
        try:
            said = await change
        except ConfigError as error:
            said = str(error)
        self.offer_anew(self._rows())
        self._chat.redraw()
        if said:
            self._chat.notice(said)
