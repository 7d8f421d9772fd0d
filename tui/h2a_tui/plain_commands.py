"""The commands of a conversation in lines. Those the app has too are called and explained as there."""

from __future__ import annotations

import time
from collections.abc import Callable, Coroutine, Mapping
from dataclasses import dataclass
from typing import Any, Final, Protocol

from h2a_agent.config_error import ConfigError
from h2a_agent.events import Kind, QueueItem
from h2a_agent.model_choice import LEVELS, ModelChoice
from h2a_agent.safe_text import one_line
from h2a_tui.client import Client
from h2a_tui.commands import find_command
from h2a_tui.format import duration
from h2a_tui.spoken import sentence

__all__ = ["PLAIN_COMMANDS", "Chat", "PlainCommand"]

_SHOWN: Final = 80  # characters of a waiting message
_KINDS: Final[Mapping[Kind, str]] = {
    Kind.PROMPT: "message",
    Kind.STEER: "steering",
    Kind.NUDGE: "at the next step",
    Kind.FOLLOW_UP: "follow-up",
    Kind.COMPACT: "summary",
}


class Chat(Protocol):
    """What a command uses of the conversation."""

    @property
    def agent(self) -> Client: ...
    @property
    def models(self) -> ModelChoice: ...
    def notice(self, text: str) -> None: ...
    def leave(self) -> None: ...
    def work(self, job: Coroutine[Any, Any, None]) -> None: ...


@dataclass(frozen=True, slots=True)
class PlainCommand:
    """One command, as `h2a_tui.commands.Command`."""

    argument: str
    help: str
    run: Callable[[Chat, str], None]


def _shared(name: str, run: Callable[[Chat, str], None]) -> PlainCommand:
    command = find_command(name)
    assert command is not None
    return PlainCommand(command.argument, command.help, run)


# ------------------------------------------------------------------ messages


def _queue(chat: Chat, text: str) -> None:
    if text:
        chat.agent.follow_up(text)
        chat.notice("Queued as a follow-up.")
    else:
        chat.notice("/queue needs a text, such as /queue then run the tests")


def _next(chat: Chat, text: str) -> None:
    if text:
        chat.agent.nudge(text)
        chat.notice("It will be read at the next step.")
    else:
        chat.notice("/next needs a text, such as /next use the old names")


def _waiting(chat: Chat, _argument: str) -> None:
    items = chat.agent.state.queue
    if not items:
        chat.notice("Nothing waits.")
    for number, item in enumerate(items, 1):
        chat.notice(f"{number}, {_KINDS[item.kind]}: {one_line(item.text, _SHOWN)}")
    if chat.agent.state.queue_paused:
        chat.notice("What waits is held back. /resume lets it go.")


def _withdraw(chat: Chat, argument: str) -> None:
    if (item := _item(chat, argument)) is None:
        chat.notice("/withdraw needs the number of a waiting message. /waiting reads them out.")
    elif not chat.agent.withdraw(item.id):
        chat.notice("It has been delivered already.")


def _item(chat: Chat, number: str) -> QueueItem | None:
    items = chat.agent.state.queue
    return items[int(number) - 1] if number.isdecimal() and 0 < int(number) <= len(items) else None


# ------------------------------------------------------------------- the run


def _stop(chat: Chat, _argument: str) -> None:
    if chat.agent.state.busy:
        chat.agent.abort()
    else:
        chat.notice("Nothing runs.")


def _pause(chat: Chat, _argument: str) -> None:
    chat.agent.pause()
    chat.notice("It pauses before the next step." if chat.agent.state.pausing else "Nothing runs.")


def _resume(chat: Chat, _argument: str) -> None:
    chat.agent.resume()
    chat.notice("Going on.")


def _todo(chat: Chat, _argument: str) -> None:
    for item in chat.agent.state.todos:
        chat.notice(f"{item.status.value.replace('_', ' ').capitalize()}: {item.content}")
    if not chat.agent.state.todos:
        chat.notice("There is no list of what is to be done.")


def _jobs(chat: Chat, argument: str) -> None:
    verb, _, number = argument.partition(" ")
    if verb == "stop" and number.strip().isdecimal():
        chat.work(_stop_job(chat, int(number)))
        return
    if argument:
        chat.notice("/jobs lists them; /jobs stop NUMBER ends one.")
        return
    for job in chat.agent.state.jobs:
        how = f"runs for {duration(time.time() - job.started_at)}" if job.running else "has ended"
        chat.notice(f"{job.number}, {how}: {job.command}")
    if not chat.agent.state.jobs:
        chat.notice("Nothing runs in the background.")


async def _stop_job(chat: Chat, number: int) -> None:
    ended = await chat.agent.jobs.stop(number)
    chat.notice(f"Job {number} has ended." if ended else f"No job {number} runs. /jobs lists them.")


# ----------------------------------------------------------------- the model


def _model(chat: Chat, argument: str) -> None:
    words = argument.split()
    names = [word for word in words if word != "--save"]
    if len(names) > 1:
        chat.notice("/model takes one name: /model PROVIDER/NAME, and --save to keep it.")
    elif words:
        chat.work(_choose(chat, names[0] if names else chat.models.current, save="--save" in words))
    else:
        chat.work(_list_models(chat))


async def _choose(chat: Chat, name: str, *, save: bool) -> None:
    try:
        await chat.models.choose(name, save=save)  # the event that follows says it
    except ConfigError as error:
        chat.notice(str(error))


async def _list_models(chat: Chat) -> None:
    chat.notice(f"Now: {chat.models.current}.")
    await chat.models.refresh()
    for view in await chat.models.overview():
        if view.usable and view.models:
            chat.notice(f"{view.name}: {', '.join(view.models)}")
    chat.notice("/model PROVIDER/NAME chooses one.")


def _thinking(chat: Chat, argument: str) -> None:
    try:
        if argument:
            chat.models.set_thinking(argument.lower())
        else:
            chat.notice(f"Thinking is {chat.models.thinking}; there are {', '.join(LEVELS)}.")
    except ConfigError as error:
        chat.notice(str(error))


# ------------------------------------------------------------------ the rest


def _help(chat: Chat, _argument: str) -> None:
    chat.notice(
        "While the agent works, a line steers it: it stops and reads you now. A line that ends in a backslash goes on "
        "in the next one. Control C stops the run, and leaves when none is active."
    )
    for name, command in PLAIN_COMMANDS.items():
        usage = f"/{name} {command.argument}".rstrip()
        chat.notice(f"{usage}: {sentence(command.help)}")


PLAIN_COMMANDS: Final[Mapping[str, PlainCommand]] = {
    "queue": _shared("queue", _queue),
    "next": _shared("next", _next),
    "waiting": PlainCommand("", "Read out what waits, with numbers", _waiting),
    "withdraw": PlainCommand("NUMBER", "Take a waiting message back", _withdraw),
    "stop": _shared("stop", _stop),
    "pause": _shared("pause", _pause),
    "resume": _shared("resume", _resume),
    "model": _shared("model", _model),
    "thinking": _shared("thinking", _thinking),
    "undo": _shared("undo", lambda chat, _: chat.agent.undo()),
    "redo": _shared("redo", lambda chat, _: chat.agent.redo()),
    "todo": _shared("todo", _todo),
    "jobs": _shared("jobs", _jobs),
    "help": _shared("help", _help),
    "quit": _shared("quit", lambda chat, _: chat.leave()),
}
