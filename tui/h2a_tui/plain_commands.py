"""The commands of a conversation in lines. Those the app has too are called and explained as there.

Where nothing of the app's shows on a screen they are the same functions; the others say in words what it draws.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Final

from h2a_agent.events import JobItem, Kind, QueueItem
from h2a_agent.model_choice import LEVELS
from h2a_agent.safe_text import one_line
from h2a_tui import plain_sessions, plain_settings, session_slash
from h2a_tui.commands import find_command
from h2a_tui.format import duration
from h2a_tui.mode_commands import MEANINGS, MODES, mode_command
from h2a_tui.plain_desk import PlainDesk

__all__ = ["PLAIN_COMMANDS", "PlainCommand"]

_SHOWN: Final = 80  # characters of a waiting message
_KINDS: Final[Mapping[Kind, str]] = {
    Kind.PROMPT: "message",
    Kind.STEER: "steering",
    Kind.NUDGE: "at the next step",
    Kind.FOLLOW_UP: "follow-up",
    Kind.COMPACT: "summary",
}
_PROMOTED: Final[Mapping[str, Kind]] = {
    "": Kind.STEER,
    "steer": Kind.STEER,
    "next": Kind.NUDGE,
    "queue": Kind.FOLLOW_UP,
}
_DELIVERED: Final = "It has been delivered already."


@dataclass(frozen=True, slots=True)
class PlainCommand:
    """One command, as `h2a_tui.commands.Command`."""

    argument: str
    help: str
    run: Callable[[PlainDesk, str], object]


def _shared(
    name: str, run: Callable[[PlainDesk, str], object] | None = None, argument: str | None = None
) -> PlainCommand:
    """The app's command `name`; with `run` in words of its own."""
    command = find_command(name)
    assert command is not None
    return PlainCommand(command.argument if argument is None else argument, command.help, run or command.run)


# ------------------------------------------------------------------ messages


def _queue(desk: PlainDesk, text: str) -> None:
    if text:
        working = desk.client.state.busy
        desk.client.follow_up(text)
        desk.notice("Queued as a follow-up." if working else "Nothing runs, so it is sent.")
    else:
        desk.notice("/queue needs a text, such as /queue then run the tests")


def _next(desk: PlainDesk, text: str) -> None:
    if text:
        working = desk.client.state.busy
        desk.client.nudge(text)
        desk.notice("It will be read at the next step." if working else "Nothing runs, so it is sent.")
    else:
        desk.notice("/next needs a text, such as /next use the old names")


def _waiting(desk: PlainDesk, _argument: str) -> None:
    items = desk.client.state.queue
    lines = [
        f"{number}, {_KINDS[item.kind]}: {one_line(item.text, _SHOWN)}"
        for number, item in enumerate(items, 1)
    ]
    if desk.client.state.queue_paused:
        lines.append("What waits is held back. /resume lets it go.")
    desk.read_out(lines or ["Nothing waits."])


def _withdraw(desk: PlainDesk, argument: str) -> None:
    if (item := _item(desk, argument, "withdraw")) and not desk.client.withdraw(item.id):
        desk.notice(_DELIVERED)


def _edit(desk: PlainDesk, argument: str) -> None:
    number, _, text = argument.partition(" ")
    if (item := _item(desk, number, "edit")) is None:
        return
    if not text.strip():
        desk.notice(f"/edit {number} needs the new text. Now it reads: {item.text}")
    else:
        done = desk.client.edit(item.id, text.strip())
        desk.notice(f"Changed: {one_line(text, _SHOWN)}" if done else _DELIVERED)


def _promote(desk: PlainDesk, argument: str) -> None:
    number, _, kind = argument.partition(" ")
    if (item := _item(desk, number, "promote")) is None:
        return
    if (wanted := _PROMOTED.get(kind.strip().lower())) is None:
        desk.notice("/promote NUMBER makes it steer now; or end it with next or queue")
    elif not desk.client.promote(item.id, wanted):
        desk.notice(_DELIVERED)
    elif wanted is not Kind.STEER:
        desk.notice(f"Now it waits as: {_KINDS[wanted]}")


def _move(desk: PlainDesk, argument: str, *, by: int) -> None:
    if item := _item(desk, argument, "later" if by > 0 else "earlier"):
        done = desk.client.reorder(item.id, by)
        desk.notice("Moved." if done else "It is there already, or delivered.")


def _item(desk: PlainDesk, number: str, command: str) -> QueueItem | None:
    """The waiting message of this number; that there is none is said."""
    items = desk.client.state.queue
    if number.isdecimal() and 0 < int(number) <= len(items):
        return items[int(number) - 1]
    desk.notice(f"/{command} needs the number of a waiting message. /waiting reads them out.")
    return None


# ------------------------------------------------------------------- the run


def _stop(desk: PlainDesk, _argument: str) -> None:
    if desk.client.state.shells:
        desk.client.stop_shell()
    elif desk.client.state.busy:
        desk.client.abort()
    else:
        desk.notice("Nothing runs.")


def _pause(desk: PlainDesk, _argument: str) -> None:
    desk.client.pause()
    desk.notice("It pauses before the next step." if desk.client.state.pausing else "Nothing runs.")


def _resume(desk: PlainDesk, argument: str) -> None:
    goes_on = not argument and session_slash.is_paused(desk.client.state)
    session_slash.resume(desk, argument)
    if goes_on:
        desk.notice("Going on.")


def _todo(desk: PlainDesk, _argument: str) -> None:
    lines = [
        f"{item.status.value.replace('_', ' ').capitalize()}: {item.content}"
        for item in desk.client.state.todos
    ]
    desk.read_out(lines or ["There is no list of what is to be done."])


def _jobs(desk: PlainDesk, argument: str) -> None:
    verb, _, number = argument.partition(" ")
    if verb == "stop" and number.strip().isdecimal():
        desk.work(_stop_job(desk, int(number)))
        return
    if verb == "read" and number.strip().isdecimal():
        read = desk.client.jobs.read(int(number))
        desk.say(read[1] if read else f"There is no job {number.strip()}. /jobs lists them.")
        return
    if argument:
        desk.notice("/jobs lists them; /jobs read NUMBER reads one out, /jobs stop NUMBER ends it.")
        return
    lines = [f"{job.number}, {_how_it_is(job)}: {job.command}" for job in desk.client.state.jobs]
    desk.read_out(lines or ["Nothing runs in the background."])


def _how_it_is(job: JobItem) -> str:
    return f"runs for {duration(time.time() - job.started_at)}" if job.running else "has ended"


async def _stop_job(desk: PlainDesk, number: int) -> None:
    ended = await desk.client.jobs.stop(number)
    desk.notice(f"Job {number} has ended." if ended else f"No job {number} runs. /jobs lists them.")


def _change(desk: PlainDesk, argument: str) -> None:
    if said := desk.questions.change(argument):
        desk.say(said)


# ----------------------------------------------------------------- the model


def _model(desk: PlainDesk, argument: str) -> None:
    words = argument.split()
    names = [word for word in words if word != "--save"]
    if len(names) > 1:
        desk.notice("/model takes one name: /model PROVIDER/NAME, and --save to keep it.")
    elif words:
        desk.work(_choose(desk, names[0] if names else desk.models.current, save="--save" in words))
    else:
        desk.work(_list_models(desk))


async def _choose(desk: PlainDesk, name: str, *, save: bool) -> None:
    await desk.models.choose(name, save=save)  # the event that follows says it


async def _list_models(desk: PlainDesk) -> None:
    desk.notice(f"Now: {desk.models.current}.")
    await desk.models.refresh()
    for view in await desk.models.overview():
        if view.usable and view.models:
            desk.notice(f"{view.name}: {', '.join(view.models)}")
    desk.notice("/model PROVIDER/NAME chooses one.")


def _thinking(desk: PlainDesk, argument: str) -> None:
    if argument:
        desk.models.set_thinking(argument.lower())
    else:
        desk.notice(f"Thinking is {desk.models.thinking}; there are {', '.join(LEVELS)}.")


def _mode(desk: PlainDesk, argument: str) -> None:
    if argument:
        mode_command(desk, argument)
        return
    current = desk.client.mode
    desk.read_out(f"{'Now, ' if mode == current else ''}{mode}: {MEANINGS[mode]}" for mode in MODES)


# ------------------------------------------------------------------ the rest


def _help(desk: PlainDesk, _argument: str) -> None:
    how = (
        "While the agent works, a line steers it: it stops and reads you now. A line that ends in a backslash goes on "
        "in the next one. A line that begins with ! runs a command of yours, which the model reads of; one that begins "
        "with !! runs it and the model does not. Control C stops what runs, and leaves when nothing does."
    )
    commands = (
        f"{f'/{name} {command.argument}'.rstrip()}: {command.help}"
        for name, command in PLAIN_COMMANDS.items()
    )
    desk.read_out([how, *commands])


PLAIN_COMMANDS: Final[Mapping[str, PlainCommand]] = {
    "queue": _shared("queue", _queue),
    "next": _shared("next", _next),
    "waiting": PlainCommand("", "Read out what waits, with numbers", _waiting),
    "edit": PlainCommand("NUMBER TEXT", "Change what a waiting message says", _edit),
    "promote": PlainCommand(
        "NUMBER [next|queue]", "Let a waiting message steer now, or wait in another way", _promote
    ),
    "earlier": PlainCommand("NUMBER", "Move a waiting message forward", partial(_move, by=-1)),
    "later": PlainCommand("NUMBER", "Move a waiting message back", partial(_move, by=1)),
    "withdraw": PlainCommand("NUMBER", "Take a waiting message back", _withdraw),
    "stop": _shared("stop", _stop),
    "pause": _shared("pause", _pause),
    "resume": _shared("resume", _resume),
    "model": _shared("model", _model),
    "thinking": _shared("thinking", _thinking),
    "mode": _shared("mode", _mode),
    "sandbox": _shared("sandbox"),
    "change": PlainCommand("[TEXT]", "Let TEXT run instead of what is asked; alone: read that out", _change),
    "undo": _shared("undo"),
    "redo": _shared("redo"),
    "todo": PlainCommand("", "Read out the list of what is to be done", _todo),
    "jobs": _shared("jobs", _jobs, "[read NUMBER | stop NUMBER]"),
    "compact": _shared("compact"),
    "context": _shared("context"),
    "cost": _shared("cost"),
    "settings": _shared("settings", plain_settings.settings, "[NAME [VALUE] [--save]]"),
    "find": _shared("find", argument="TEXT"),
    "tree": PlainCommand(
        "[NUMBER]", "Read out all entries of all branches, from NUMBER on", plain_sessions.tree
    ),
    "branch": PlainCommand("ENTRY", "Go back to an entry, by its number, id or label", plain_sessions.branch),
    "label": _shared("label"),
    "name": _shared("name"),
    "fork": _shared("fork", plain_sessions.fork),
    "clone": _shared("clone"),
    "sessions": _shared("sessions", plain_sessions.sessions),
    "export": _shared("export"),
    "help": PlainCommand("", "Read out the commands", _help),
    "quit": _shared("quit"),
}
