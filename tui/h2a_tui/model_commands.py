"""`/model` and `/thinking`: which model answers, and how hard it thinks. Both act at once, also while it works."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Final, Protocol

from rich.table import Table
from rich.text import Text

from h2a_agent.config_error import ConfigError
from h2a_agent.model_choice import LEVELS, ModelChoice, ProviderView
from h2a_tui.completion import Entry

if TYPE_CHECKING:
    from collections.abc import Coroutine

    from h2a_tui.client import Client
    from h2a_tui.overlays import Page

__all__ = [
    "complete_levels",
    "complete_models",
    "model_command",
    "models_table",
    "suggest_models",
    "thinking_command",
]

_MOST: Final = 15  # models of one provider in the list of all
_SAVE: Final = "--save"


class Chat(Protocol):
    """What these commands use of the chat."""

    @property
    def client(self) -> Client: ...
    @property
    def models(self) -> ModelChoice | None: ...
    def notice(self, text: str) -> None: ...
    def show_page(self, title: str, content: Table | Text) -> Page: ...
    def work(self, job: Coroutine[None, None, None]) -> None: ...


def model_command(chat: Chat, argument: str) -> bool:
    """Change the model; without a name list what there is."""
    if chat.models is None:
        chat.notice("The model cannot be changed here")
        return True
    words = argument.split()
    names = [word for word in words if word != _SAVE]
    if len(names) > 1:
        chat.notice(f"/model takes one name: /model provider/name [{_SAVE}]")
        return False
    if words:
        name = names[0] if names else chat.models.current
        chat.work(_choose(chat, chat.models, name, save=_SAVE in words))
    else:
        chat.work(_list(chat, chat.models))
    return True


def thinking_command(chat: Chat, argument: str) -> bool:
    """Change the level; without one say which there are."""
    models = chat.models
    if models is None:
        chat.notice("The thinking level cannot be changed here")
        return True
    if not argument:
        chat.notice("/thinking " + " ".join(f"[{one}]" if one == models.thinking else one for one in LEVELS))
        return True
    try:
        chat.notice(models.set_thinking(argument.lower()))
    except ConfigError as error:
        chat.notice(str(error))
        return False
    return True


def complete_models(chat: Chat) -> Iterable[Entry]:
    """Every model that is known without asking anybody."""
    return (Entry(name, name) for name in (chat.models.names if chat.models is not None else ()))


def complete_levels(chat: Chat) -> Iterable[Entry]:
    """The levels, the present one marked."""
    now = chat.models.thinking if chat.models is not None else ""
    return (Entry(level, level, "now" if level == now else "") for level in LEVELS)


async def suggest_models(chat: Chat) -> None:
    """There is no such model: offer names that are near."""
    if chat.models is not None and (near := await chat.models.near()):
        chat.notice(f"There is: {', '.join(near)} · /model NAME")


async def _choose(chat: Chat, models: ModelChoice, name: str, *, save: bool) -> None:
    try:
        chat.notice(await models.choose(name, save=save))
    except ConfigError as error:
        _ = chat.show_page("Model", Text(str(error)))  # a line that says what to do must be read whole
    else:
        await chat.client.warm_up()


async def _list(chat: Chat, models: ModelChoice) -> None:
    page = chat.show_page("Models", models_table(await models.overview(), models.current))
    await models.refresh()
    page.show(models_table(await models.overview(), models.current))


def models_table(views: Iterable[ProviderView], current: str) -> Table:
    """What can be chosen, the current one marked; then, a line each, what cannot and why."""
    table = Table.grid(padding=(0, 1, 0, 0))
    table.add_column(width=1)
    table.add_column(overflow="fold")
    table.add_column(overflow="fold", style="dim")
    for view in views:
        for name in _names(view, current):
            table.add_row("●" if name == current else "", Text(name), "")
        if view.trouble:
            table.add_row("", Text(view.name, "dim"), Text(view.trouble))
        elif len(view.models) > _MOST:
            table.add_row("", "", f"and {len(view.models) - _MOST} more of {view.name}")
    table.add_row("", "", "")
    table.add_row("", "/model PROVIDER/NAME", f"chooses one; with {_SAVE} for the next starts, too")
    return table


def _names(view: ProviderView, current: str) -> list[str]:
    """The models of `view` as one names them, as many as there is room for; the current one is always there."""
    if not view.usable:
        return []
    names = [f"{view.name}/{model}" for model in view.models[:_MOST]]
    if current.partition("/")[0] == view.name and current not in names:
        names.insert(0, current)
    return names
