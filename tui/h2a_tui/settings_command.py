"""`/settings`: every setting, its value now, and where that comes from."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict
from difflib import get_close_matches
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Protocol

from h2a_agent.run_settings import RunSettings
from h2a_tui import format as fmt
from h2a_tui.completion import Entry
from h2a_tui.settings import ListedSetting

if TYPE_CHECKING:
    from h2a_agent.config import Settings
    from h2a_tui.client import Client
    from h2a_tui.settings import ScreenSettings

__all__ = ["complete_settings", "list_settings", "settings_command", "settings_now"]

_DEFAULT: Final = "default"
_CHANGED: Final = "changed here"
_OF_THE_SCREEN: Final = (
    "screen",
    "enter",
    "alt_enter",
    "editing",
    "mouse",
    "title",
    "progress",
    "notifications",
    "bell",
    "diffs",
    "paste_burst",
    "images",
    "reduced_motion",
    "direct",
)


class Chat(Protocol):
    """What this command uses of the chat."""

    @property
    def client(self) -> Client: ...
    @property
    def settings(self) -> ScreenSettings: ...
    def notice(self, text: str) -> None: ...
    def edit_settings(self, name: str) -> None: ...


def settings_command(chat: Chat, argument: str) -> bool:
    """Show them all, beginning at the one that is named."""
    names = [setting.name for setting in chat.settings.listed]
    if argument and argument not in names:
        near = get_close_matches(argument, names, n=1)
        chat.notice(f"There is no setting {argument}" + (f" · did you mean {near[0]}?" if near else ""))
        return False
    chat.edit_settings(argument)
    return True


def complete_settings(chat: Chat) -> Iterable[Entry]:
    """Every setting with its value."""
    now = settings_now(chat.settings.listed, chat.client.settings)
    return (Entry(setting.name, setting.name, setting.value) for setting in now)


def list_settings(settings: Settings) -> tuple[ListedSetting, ...]:
    """The settings as they were when the program started."""
    sandbox = settings.sandbox
    values: dict[str, Any] = {
        "provider": settings.provider.name,
        **asdict(settings.run),
        "theme": settings.theme or _DEFAULT,
        **{name: getattr(settings, name) for name in _OF_THE_SCREEN},
        "keys": "; ".join(
            f"{action}: {', '.join(keys) or 'none'}" for action, keys in sorted(settings.keys.items())
        )
        or "as in the help",
        "sandbox": f"{sandbox.level}, {'network' if sandbox.network else 'no network'}",
    }
    places = dict(settings.places)
    if "sandbox_level" in places:
        places["sandbox"] = places["sandbox_level"]
    return tuple(
        ListedSetting(name, _words(value), _short(places.get(name, _DEFAULT)))
        for name, value in values.items()
    )


def settings_now(listed: tuple[ListedSetting, ...], run: RunSettings) -> tuple[ListedSetting, ...]:
    """`listed`, with what has been changed since."""
    now = {name: _words(value) for name, value in asdict(run).items()}
    return tuple(
        setting
        if now.get(setting.name, setting.value) == setting.value
        else ListedSetting(setting.name, now[setting.name], _CHANGED)
        for setting in listed
    )


def _words(value: Any) -> str:
    if isinstance(value, bool):
        return "on" if value else "off"
    return f"{value:,}" if isinstance(value, int) else str(value)


def _short(place: str) -> str:
    return fmt.folder(Path(place), 60) if place.startswith("/") else place
