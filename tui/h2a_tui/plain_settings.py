"""`/settings` in a conversation in lines: reads them out, and changes one.

/settings                      all of them, each with where it comes from
/settings NAME                 one, with what it is for and what it may be
/settings NAME VALUE [--save]  change it; --save keeps it in config.toml
"""

from __future__ import annotations

from difflib import get_close_matches
from typing import TYPE_CHECKING, Final

from h2a_tui.settings_change import SettingsChange

if TYPE_CHECKING:
    from h2a_tui.plain_desk import PlainDesk

__all__ = ["settings"]

_SAVE: Final = "--save"


def settings(desk: PlainDesk, argument: str) -> None:
    """Read out, or change."""
    change = SettingsChange(desk.settings.listed, desk.client, desk.settings.config_file)
    name, _, rest = argument.partition(" ")
    value = rest.replace(_SAVE, "").strip()
    names = [setting.name for setting in change.now]
    if not name:
        desk.read_out(["Settings", *(f"{one.name}: {one.value}, {one.place}" for one in change.now)])
    elif name not in names:
        near = get_close_matches(name, names, n=1)
        desk.notice(f"There is no setting {name}." + (f" Did you mean {near[0]}?" if near else ""))
    elif change.has_list(name) and value:
        desk.notice(f"{name} is chosen with /model." if name != "theme" else "There are no colours in lines.")
    elif (name, value) == ("mode", "full"):
        desk.notice('/mode full asks first; to begin with it, write mode = "full" into config.toml.')
    elif value or _SAVE in rest:
        desk.start(_change(desk, change, name, value, save=_SAVE in rest))
    else:
        kind = change.kind(name)
        may_be = f"it may be {', '.join(kind.choices)}" if kind.choices else kind.shape
        desk.read_out([f"{name}: {change.value(name)}", kind.meaning, may_be])


async def _change(desk: PlainDesk, change: SettingsChange, name: str, value: str, *, save: bool) -> None:
    if value and change.holds_at_once(name):
        desk.notice(await change.change(name, value))
    if save or not change.holds_at_once(name):
        desk.notice(await change.keep(name, value or None))
