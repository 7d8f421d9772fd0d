"""Every setting, with its value and where that comes from, to be changed where it stands."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator, Sequence
from typing import Any, Final

from textual.screen import Screen

from h2a_agent.config_error import ConfigError
from h2a_agent.setting_kinds import value_of
from h2a_tui.keymap import Action, Context, Keymap
from h2a_tui.overlays import Choice
from h2a_tui.screens.ask import AskScreen, Trouble
from h2a_tui.screens.filter_picker import FilterPicker
from h2a_tui.screens.picker import PickerScreen, key_hints
from h2a_tui.settings import ListedSetting
from h2a_tui.settings_change import SettingsChange

__all__ = ["SettingsEditor"]

_FEW: Final = 2  # values that are changed by changing over


class SettingsEditor(FilterPicker):
    """Returns the name of a setting that has a list of its own; everything else is changed in here."""

    def __init__(self, settings: SettingsChange, keymap: Keymap, *, chosen: str = "") -> None:
        self._settings = settings
        rows = tuple(_rows(settings.now))
        super().__init__("Settings", rows, keymap, chosen=chosen, placeholder="Type to find a setting")

    def keys_line(self) -> str:
        """What the keys do."""
        less, more = (
            self.keymap.label(action, Context.FILTER) for action in (Action.LIST_LESS, Action.LIST_MORE)
        )
        change = self.keymap.label(Action.LIST_CHOOSE, Context.FILTER)
        keys = key_hints(self.keymap, Context.FILTER, Action.LIST_SAVE, Action.LIST_CLOSE)
        return f"{change} {less} {more} change · {keys}"

    def footer(self, chosen: str) -> str:
        """What it is about, and from when on a change counts."""
        kind = self._settings.kind(chosen)
        if kind.shape == "table":
            return "A table of config.toml; it is changed there"
        if self._settings.has_list(chosen):
            return f"{kind.meaning}: a list of its own"
        when = (
            "at once" if self._settings.holds_at_once(chosen) else "from the next start, kept in config.toml"
        )
        return f"{kind.meaning} · counts {when}"

    def act(self, action: Action) -> bool:
        """Change over, keep, besides what every list does."""
        chosen = self.current
        match action:
            case Action.LIST_LESS | Action.LIST_MORE if chosen is not None:
                step = 1 if action is Action.LIST_MORE else -1
                if value := self._settings.beside(chosen, step):
                    self._work(self._change(chosen, value))
            case Action.LIST_SAVE if chosen is not None:
                self._work(self._keep(chosen))
            case Action.LIST_LESS | Action.LIST_MORE | Action.LIST_SAVE:
                pass
            case _:
                return super().act(action)
        return True

    def choose(self, chosen: str) -> None:
        """Change the setting, in the way of its kind."""
        if self._settings.has_list(chosen):
            self.close(chosen)
        elif self._settings.kind(chosen).shape != "table":
            self._work(self._ask_for(chosen))

    # ------------------------------------------------------------------ private

    def _work(self, job: Awaitable[None]) -> None:
        async def guarded() -> None:
            try:
                await job
            except ConfigError as error:
                self.say(str(error))

        self.run_worker(guarded())

    async def _ask_for(self, name: str) -> None:
        choices = self._settings.kind(name).choices
        if 0 < len(choices) <= _FEW:
            await self._change(name, self._settings.beside(name, 1))
        elif choices:
            rows = [Choice(value, value) for value in choices]
            value = self._settings.value(name)
            at = choices.index(value) if value in choices else 0
            if (chosen := await self._ask(PickerScreen(name, rows, self.keymap, chosen=at))) is not None:
                await self._change(name, chosen)
        else:
            await self._ask_for_text(name)

    async def _ask_for_text(self, name: str) -> None:
        kind = self._settings.kind(name)

        async def check(text: str) -> Trouble | None:
            try:
                value_of(kind, text)
            except ConfigError as error:
                return Trouble(str(error))
            return None

        text = self._settings.value(name)
        screen = AskScreen(name, self.keymap, about=kind.meaning, text=text, check=check)
        if (text := await self._ask(screen)) is not None:
            await self._change(name, text)

    async def _change(self, name: str, text: str) -> None:
        full = name == "mode" and text == "full" != self._settings.value(name)
        if full and not await self._sure("Run everything without asking?"):
            return
        said = await self._settings.change(name, text)
        self._show(said)

    async def _keep(self, name: str) -> None:
        full = name == "mode" and self._settings.value(name) == "full"
        if full and not await self._sure("Run everything without asking, from every start on?"):
            return
        self._show(await self._settings.keep(name))

    async def _sure(self, question: str) -> bool:
        choices = [Choice("no", "No"), Choice("full", "Yes: mode full")]
        return bool(await self._ask(PickerScreen(question, choices, self.keymap)) == "full")

    def _show(self, said: str) -> None:
        self.show_rows(tuple(_rows(self._settings.now)))
        self.say(said)

    @property
    def _ask(self) -> Callable[[Screen[Any]], Awaitable[Any]]:
        return self.app.push_screen_wait


def _rows(settings: Sequence[ListedSetting]) -> Iterator[Choice]:
    width = max((len(setting.name) for setting in settings), default=0)
    for name, value, place in settings:
        yield Choice(name, f"{name:{width}}  {value}", place, strong=place != "default", full="")
