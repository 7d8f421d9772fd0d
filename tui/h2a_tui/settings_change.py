"""Changing a setting while the program runs: which hold at once, which are read at the next start, and keeping either.

What concerns the run holds from the agent's next step on, and is kept only when that is asked for. What concerns the
screen is read at the start, so a change of it goes into `config.toml` and nowhere else.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Final

from h2a_agent.config_edit import set_keys
from h2a_agent.config_error import ConfigError
from h2a_agent.setting_kinds import SettingKind, setting_kinds, value_of
from h2a_tui.format import folder
from h2a_tui.settings import ListedSetting
from h2a_tui.settings_command import settings_now

if TYPE_CHECKING:
    from h2a_tui.client import Client

__all__ = ["SettingsChange"]

_ELSEWHERE: Final = ("provider", "model", "theme")  # have lists of their own


class SettingsChange:
    """The settings of one running program. `config_file` None: nothing can be kept."""

    def __init__(self, listed: Sequence[ListedSetting], client: Client, config_file: Path | None) -> None:
        self._listed = tuple(listed)
        self._client = client
        self._config_file = config_file
        self._kept: dict[str, str] = {}  # what was written into the file since the start

    @property
    def now(self) -> tuple[ListedSetting, ...]:
        """All of them as they are; of those read at the start what they will be, once that was changed."""
        return tuple(
            self._with_kept(setting) for setting in settings_now(self._listed, self._client.settings)
        )

    def value(self, name: str) -> str:
        """The present value of a setting."""
        return next(setting.value for setting in self.now if setting.name == name)

    def kind(self, name: str) -> SettingKind:
        """What it is about and which values it may have."""
        return setting_kinds()[name]

    def has_list(self, name: str) -> bool:
        """Is it chosen from a list of its own?"""
        return name in _ELSEWHERE

    def holds_at_once(self, name: str) -> bool:
        """Does a change hold from the next step on, or from the next start?"""
        return name in asdict(self._client.settings)

    def beside(self, name: str, step: int) -> str:
        """The value `step` further on of a setting with few values, around the end; "" for others."""
        choices = self.kind(name).choices
        if not choices:
            return ""
        value = self.value(name)
        at = choices.index(value) if value in choices else -1
        return choices[(at + step) % len(choices)]

    async def change(self, name: str, text: str) -> str:
        """Give it the value `text`: for now where it holds at once, else for the next starts; returns what to say.

        Raises:
            ConfigError: it cannot be that, or the file cannot be changed.
        """
        value = value_of(self.kind(name), text)
        if not self.holds_at_once(name):
            return await self.keep(name, text)
        self._client.configure(**{name: value})
        now = self.value(name)
        if name == "mode" and now != value:
            return f"Mode {now}: nobody vouches for this folder · h2a-chat --trust does"
        return f"{name} is {now} for now"

    async def keep(self, name: str, text: str | None = None) -> str:
        """Begin with this value (the present one) from now on; returns what to say.

        Raises:
            ConfigError: it cannot be that, or the file cannot be changed.
        """
        if self._config_file is None:
            raise ConfigError("There is no file to keep it in")
        if self.kind(name).shape == "table" or self.has_list(name):
            raise ConfigError(f"{name} is not kept from here")
        text = self.value(name) if text is None else text
        values: Mapping[str, object] = {name: value_of(self.kind(name), text)}
        await asyncio.to_thread(set_keys, self._config_file, values)
        self._kept[name] = self._words(name, text)
        where = folder(self._config_file, 50)
        when = "" if self.holds_at_once(name) else "; it counts from the next start"
        return f"{name} = {self._kept[name]} is kept in {where}{when}"

    def _words(self, name: str, text: str) -> str:
        value = value_of(self.kind(name), text)
        return f"{value:,}" if isinstance(value, int) and not isinstance(value, bool) else text.strip()

    def _with_kept(self, setting: ListedSetting) -> ListedSetting:
        kept = self._kept.get(setting.name)
        if kept is None:
            return setting
        if self.holds_at_once(setting.name):
            return setting if kept != setting.value else setting._replace(place="kept")
        return ListedSetting(setting.name, kept, "from the next start")
