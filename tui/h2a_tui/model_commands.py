"""`/model` and `/thinking`: which model answers, and how hard it thinks. Both act at once, also while it works."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Final, Protocol

from rich.text import Text

from h2a_agent.config_error import ConfigError
from h2a_agent.model_choice import LEVELS, ModelChoice
from h2a_tui.completion import Entry

if TYPE_CHECKING:
    from collections.abc import Coroutine

    from rich.table import Table

    from h2a_tui.client import Client
    from h2a_tui.overlays import Page

__all__ = [
    "complete_levels",
    "complete_models",
    "model_command",
    "suggest_models",
    "thinking_command",
    "use_model",
]

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
    def pick_model(self, models: ModelChoice) -> None: ...


def model_command(chat: Chat, argument: str) -> bool:
    """Change the model; without a name show what there is to choose from."""
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
        chat.work(use_model(chat, chat.models.choose(name, save=_SAVE in words)))
    else:
        chat.pick_model(chat.models)
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


async def use_model(chat: Chat, choice: Coroutine[None, None, str]) -> None:
    """Let `choice` be made, say what it means, and load what the first message would wait for."""
    try:
        chat.notice(await choice)
    except ConfigError as error:
        _ = chat.show_page("Model", Text(str(error)))  # a line that says what to do must be read whole
    else:
        await chat.client.warm_up()
