"""`/theme`: other colours at once, by name or by their looks."""

from __future__ import annotations

from collections.abc import Coroutine, Iterable, Sequence
from typing import TYPE_CHECKING, Any, Final, Protocol

from rich.text import Text

from h2a_agent.config_error import ConfigError
from h2a_themes import ThemeError
from h2a_tui.completion import Entry
from h2a_tui.theme_choice import ThemeChoice

if TYPE_CHECKING:
    from rich.table import Table

    from h2a_tui.overlays import Page

__all__ = ["choose_theme", "complete_themes", "theme_command"]

_SAVE: Final = "--save"


class Chat(Protocol):
    """What this command uses of the chat."""

    @property
    def themes(self) -> ThemeChoice | None: ...
    def notice(self, text: str) -> None: ...
    def show_page(self, title: str, content: Table | Text) -> Page: ...
    def work(self, job: Coroutine[Any, Any, None]) -> None: ...
    def pick_theme(self, names: Sequence[str], themes: ThemeChoice) -> None: ...


def theme_command(chat: Chat, argument: str) -> bool:
    """Wear the theme that is named; without a name show them all."""
    if chat.themes is None:
        chat.notice("The theme cannot be changed here")
        return True
    words = argument.split()
    name = " ".join(word for word in words if word != _SAVE)
    if words:
        chat.work(choose_theme(chat, chat.themes, name or chat.themes.name, save=_SAVE in words))
    else:
        chat.work(_pick(chat, chat.themes))
    return True


def complete_themes(chat: Chat) -> Iterable[Entry]:
    """Every theme, the one that is worn marked."""
    if chat.themes is None:
        return ()
    now = chat.themes.name
    return (Entry(name, name, "now" if name == now else "") for name in chat.themes.known_names())


async def choose_theme(chat: Chat, themes: ThemeChoice, name: str, *, save: bool) -> None:
    """Wear the theme called `name`, with `save` from now on, and say so."""
    try:
        shown = await themes.choose(name)
        if save:
            await themes.save()
    except (ThemeError, ConfigError) as error:
        _ = chat.show_page("Theme", Text(str(error)))  # a line that says what to do must be read whole
    else:
        instead = "" if shown.name == themes.theme.name else f" (this terminal has 16 colours: {shown.name})"
        chat.notice(f"Theme {name}{instead}{', from now on' if save else f' · /theme {_SAVE} keeps it'}")


async def _pick(chat: Chat, themes: ThemeChoice) -> None:
    chat.pick_theme(await themes.names(), themes)
