"""What becomes of what somebody has written: a message, a slash command, or a command for the shell."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from h2a_agent.content import UserBlock
from h2a_agent.events import Kind, Phase
from h2a_agent.session_loading import SessionError
from h2a_agent.state import State
from h2a_tui.client import Client
from h2a_tui.command_offers import near_commands
from h2a_tui.commands import Chat, find_command, parse_command
from h2a_tui.keymap import Action, Enter
from h2a_tui.shell_line import parse_shell
from h2a_tui.verbs import kind_for

__all__ = ["Written", "pause_or_resume", "send", "submit"]


class Written(Protocol):
    """An editor with something in it."""

    @property
    def message(self) -> str:
        """The words, pastes whole."""
        ...

    @property
    def is_blank(self) -> bool: ...
    @property
    def reading_pictures(self) -> bool: ...
    def take(self) -> str | tuple[UserBlock, ...]:
        """Empty it, and return what to send."""
        ...


def send(client: Client, content: str | Sequence[UserBlock], action: Action, enter: Enter) -> None:
    """Hand a message to the agent, as the key of `action` would."""
    match kind_for(action, enter):
        case Kind.FOLLOW_UP:
            client.follow_up(content)
        case Kind.NUDGE:
            client.nudge(content)
        case _:
            client.steer(content)


def submit(chat: Chat, written: Written, action: Action) -> None:
    """Do with what is `written` what its first character and the key of `action` ask for. What cannot be done stays there."""
    if written.is_blank:
        return
    if written.reading_pictures:
        chat.notice("A picture is still being read · send again in a moment")
        return
    if (shell := parse_shell(written.message)) is not None:
        if shell.private or _may_be_written(chat):
            chat.client.shell(shell.command, private=shell.private)
            written.take()
        return
    line = parse_command(written.message)
    if line is None:
        if _may_be_written(chat):
            chat.send(written.take(), action)
        return
    command = find_command(line.name)
    if command is None:
        near = " or ".join(f"/{name}" for name in near_commands(line.name))
        chat.notice(f"No command /{line.name}{f' · did you mean {near}?' if near else ''} · F1 lists them")
        return
    try:
        done = command.run(chat, line.argument)
    except SessionError as error:
        chat.notice(str(error))
    else:
        if done:
            written.take()


def pause_or_resume(chat: Chat, state: State) -> None:
    """Pause before the next step, or go on."""
    if state.phase is Phase.PAUSED or state.pausing or state.queue_paused:
        chat.client.resume()
    elif state.busy:
        chat.client.pause()
    else:
        chat.notice("Nothing is running")


def _may_be_written(chat: Chat) -> bool:
    if chat.client.sessions.read_only:
        chat.notice("This session is only being looked at: /fork goes on in a copy")
    return not chat.client.sessions.read_only
