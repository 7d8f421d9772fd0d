"""The ways in which a setting is changed: over to the value beside it, from a short list, or with a line."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from h2a_agent.config_error import ConfigError
from h2a_agent.setting_kinds import value_of
from h2a_tui.overlays import Asker, Check, Choice, Line, Trouble
from h2a_tui.settings_change import SettingsChange

__all__ = ["SettingsFlow"]

_FEW: Final = 2  # values that are changed by changing over


class SettingsFlow:
    """Changes one setting at a time; what is asked is asked with `ask`. Each verb returns what to say, "" for nothing.

    The verbs raise `ConfigError` where a value cannot be, or the file cannot be changed.
    """

    def __init__(self, settings: SettingsChange, ask: Asker) -> None:
        self._settings = settings
        self._ask = ask

    def rows(self) -> Iterator[Choice]:
        """Every setting with its value and where that comes from."""
        settings = self._settings.now
        width = max((len(setting.name) for setting in settings), default=0)
        for name, value, place in settings:
            yield Choice(name, f"{name:{width}}  {value}", place, strong=place != "default", full="")

    def about(self, name: str) -> str:
        """What it is about, and from when on a change counts."""
        kind = self._settings.kind(name)
        if kind.shape == "table":
            return "A table of config.toml; it is changed there"
        if self._settings.has_list(name):
            return f"{kind.meaning}: a list of its own"
        at_once = self._settings.holds_at_once(name)
        when = "at once" if at_once else "from the next start, kept in config.toml"
        return f"{kind.meaning} · counts {when}"

    def has_list(self, name: str) -> bool:
        """Is it chosen from a list of its own?"""
        return self._settings.has_list(name)

    async def change_over(self, name: str, step: int) -> str:
        """Give it the value `step` further on, if it has few."""
        value = self._settings.beside(name, step)
        return await self._change(name, value) if value else ""

    async def change(self, name: str) -> str:
        """Ask for its value, in the way of its kind."""
        kind = self._settings.kind(name)
        if kind.shape == "table":
            return ""
        if 0 < len(kind.choices) <= _FEW:
            return await self.change_over(name, 1)
        value = self._settings.value(name)
        if kind.choices:
            rows = [Choice(choice, choice) for choice in kind.choices]
            at = kind.choices.index(value) if value in kind.choices else 0
            answer = await self._ask.choose(name, rows, chosen=at)
        else:
            answer = await self._ask.write(
                Line(name, about=kind.meaning, text=value, check=self._checks(name))
            )
        return "" if answer is None else await self._change(name, answer)

    async def keep(self, name: str) -> str:
        """Begin with its present value from now on."""
        full = name == "mode" and self._settings.value(name) == "full"
        if full and not await self._sure("Run everything without asking, from every start on?"):
            return ""
        return await self._settings.keep(name)

    def _checks(self, name: str) -> Check:
        async def check(text: str) -> Trouble | None:
            try:
                value_of(self._settings.kind(name), text)
            except ConfigError as error:
                return Trouble(str(error))
            return None

        return check

    async def _change(self, name: str, text: str) -> str:
        full = name == "mode" and text == "full" != self._settings.value(name)
        if full and not await self._sure("Run everything without asking?"):
            return ""
        return await self._settings.change(name, text)

    async def _sure(self, question: str) -> bool:
        choices = [Choice("no", "No"), Choice("full", "Yes: mode full")]
        return await self._ask.choose(question, choices) == "full"
