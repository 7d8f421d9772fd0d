"""Slash commands: a name, a line of help, and what to do.

A message is a command only when it begins with `/` and a plain word: `/usr/bin/x does ...` is a message, and
so is anything after a leading space. Commands act at once, also while the agent works.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Coroutine, Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, Protocol

from h2a_agent.content import UserBlock
from h2a_agent.model_choice import ModelChoice
from h2a_tui import session_slash
from h2a_tui.client import Client, Switch
from h2a_tui.completion import Entry
from h2a_tui.cost_command import cost_command
from h2a_tui.job_commands import complete_jobs, jobs_command
from h2a_tui.keymap import Action
from h2a_tui.mode_commands import mode_command
from h2a_tui.model_commands import complete_levels, complete_models, model_command, thinking_command
from h2a_tui.overlays import Choice, Page
from h2a_tui.settings_command import complete_settings, settings_command
from h2a_tui.theme_choice import ThemeChoice
from h2a_tui.theme_command import complete_themes, theme_command

if TYPE_CHECKING:
    from rich.table import Table
    from rich.text import Text

    from h2a_agent.session_search import Found
    from h2a_tui.settings import ScreenSettings

__all__ = ["COMMANDS", "Chat", "Command", "CommandLine", "find_command", "parse_command"]


class Chat(Protocol):
    """What a command may use of the chat it is typed into."""

    @property
    def client(self) -> Client: ...
    @property
    def settings(self) -> ScreenSettings: ...

    def send(self, content: str | Sequence[UserBlock], action: Action) -> None:
        """Send `content` as if it had been sent with the key of `action`."""
        ...

    def notice(self, text: str) -> None:
        """Say something short."""
        ...

    def show_context(self) -> None: ...
    @property
    def models(self) -> ModelChoice | None:
        """The choice of models; None where there is none."""
        ...

    @property
    def themes(self) -> ThemeChoice | None:
        """The choice of themes; None where there is none."""
        ...

    def pick_theme(self, names: Sequence[str], themes: ThemeChoice) -> None:
        """Show the themes to choose from."""
        ...

    def pick_model(self, models: ModelChoice) -> None:
        """Show the models to choose from."""
        ...

    def edit_settings(self, name: str) -> None:
        """Show the settings, to be changed, beginning at `name`."""
        ...

    def try_keys(self) -> None:
        """Show what the terminal sends for each key, and what that does."""
        ...

    def show_doctor(self) -> None:
        """Show what this machine and this terminal have."""
        ...

    def set_up(self) -> None:
        """Ask who shall answer."""
        ...

    def work(self, job: Coroutine[None, None, None]) -> None:
        """Let `job` go on in the background."""
        ...

    def show_page(self, title: str, content: Table | Text) -> Page:
        """Show something to read."""
        ...

    def pick(
        self, title: str, choices: Sequence[Choice], chosen_is: Callable[[str], object], *, chosen: int = 0
    ) -> None:
        """Show a list, beginning at row `chosen`, and call `chosen_is` with the id of the row that is chosen."""
        ...

    def find_row(
        self, title: str, choices: Sequence[Choice], chosen_is: Callable[[str], object], *, chosen: str = ""
    ) -> None:
        """The same for a long list, beginning at the row with the id `chosen`."""
        ...

    def pick_session(self, found: Sequence[Found], wanted: str, here: bool) -> None:
        """Show sessions to go on with: those that say `wanted`, in this folder (`here`) or in all."""
        ...

    def recent_sessions(self) -> Sequence[Found]:
        """The newest sessions, as far as they have been read; the first call begins to."""
        ...

    def start(self, work: Coroutine[Any, Any, None]) -> None:
        """Do something that takes a while; a `SessionError` of it is said."""
        ...

    def leave_for(self, another: Coroutine[Any, Any, Switch]) -> None:
        """Leave this session for the one that `another` finds; a `SessionError` of it is said, and nothing is left."""
        ...

    def show_help(self) -> None: ...
    def toggle_todos(self) -> None: ...
    def change_editing(self) -> None:
        """Turn vim's keys on or off in all editors."""
        ...

    def find(self, text: str) -> None:
        """Find `text` in the conversation."""
        ...

    def quit(self) -> None: ...


@dataclass(frozen=True, slots=True)
class Command:
    """One command. `argument` names what follows it, "" for nothing; `run` gets that text, stripped.

    `complete` offers what may follow it, from what is known at once; None: anything may.
    """

    name: str
    argument: str
    help: str
    run: Callable[[Chat, str], bool]
    complete: Callable[[Chat], Iterable[Entry]] | None = None


@dataclass(frozen=True, slots=True)
class CommandLine:
    """A typed command, known or not."""

    name: str
    argument: str


_SHAPE: Final = re.compile(r"/([a-z][a-z0-9-]*)(?:\s+(.*))?\Z", re.DOTALL)


def parse_command(text: str) -> CommandLine | None:
    """`text` as a command line, None when it is a message."""
    match = _SHAPE.match(text.rstrip())
    return None if match is None else CommandLine(match[1], (match[2] or "").strip())


def find_command(name: str, commands: Iterable[Command] | None = None) -> Command | None:
    """The command called `name`."""
    return next((c for c in (COMMANDS if commands is None else commands) if c.name == name), None)


def _queue(chat: Chat, argument: str) -> bool:
    if not argument:
        chat.notice("/queue needs a text: /queue then run the tests")
        return False
    chat.send(argument, Action.FOLLOW_UP)
    return True


def _next(chat: Chat, argument: str) -> bool:
    if not argument:
        chat.notice("/next needs a text: /next use the old names")
        return False
    chat.client.nudge(argument)
    return True


def _stop(chat: Chat, _argument: str) -> bool:
    chat.client.abort()
    return True


def _pause(chat: Chat, _argument: str) -> bool:
    if not chat.client.state.busy:
        chat.notice("Nothing is running")
    chat.client.pause()
    return True


def _undo(chat: Chat, _argument: str) -> bool:
    chat.client.undo()
    return True


def _redo(chat: Chat, _argument: str) -> bool:
    chat.client.redo()
    return True


def _todo(chat: Chat, _argument: str) -> bool:
    chat.toggle_todos()
    return True


def _vim(chat: Chat, _argument: str) -> bool:
    chat.change_editing()
    return True


def _find(chat: Chat, argument: str) -> bool:
    chat.find(argument)
    return True


def _sandbox(chat: Chat, _argument: str) -> bool:
    sandbox = chat.client.sandbox
    chat.notice(sandbox.summary if sandbox else "sandbox: not tried yet, nothing has run")
    return True


def _compact(chat: Chat, argument: str) -> bool:
    first, _, rest = argument.partition(" ")
    match first:
        case "accept" if not rest:
            if not chat.client.accept_summary():
                chat.notice("There is no summary to accept: /compact preview makes one")
        case "drop" | "undo" if not rest:
            if not chat.client.drop_summary():
                chat.notice("There is no summary to take back")
        case "preview":
            _ = chat.client.compact(rest.strip(), preview=True)
        case _:
            _ = chat.client.compact(argument)
    return True


def _context(chat: Chat, _argument: str) -> bool:
    chat.show_context()
    return True


def _setup(chat: Chat, _argument: str) -> bool:
    chat.set_up()
    return True


def _keys(chat: Chat, _argument: str) -> bool:
    chat.try_keys()
    return True


def _doctor(chat: Chat, _argument: str) -> bool:
    chat.show_doctor()
    return True


def _help(chat: Chat, _argument: str) -> bool:
    chat.show_help()
    return True


def _quit(chat: Chat, _argument: str) -> bool:
    chat.quit()
    return True


COMMANDS: Final[tuple[Command, ...]] = (
    Command("queue", "TEXT", "Send TEXT as a follow-up", _queue),
    Command("next", "TEXT", "Send TEXT at the next step", _next),
    Command("stop", "", "Stop the run", _stop),
    Command("pause", "", "Stop before the next step", _pause),
    Command(
        "resume",
        "[ID]",
        "Go on after a pause, or with another session",
        session_slash.resume,
        session_slash.complete_sessions,
    ),
    Command(
        "model",
        "[PROVIDER/NAME] [--save]",
        "Let another model answer; alone: choose one",
        model_command,
        complete_models,
    ),
    Command(
        "thinking",
        "[LEVEL]",
        "How hard it thinks: off, low, medium, high, max",
        thinking_command,
        complete_levels,
    ),
    Command("setup", "", "Choose a provider, give its key, or name a server", _setup),
    Command(
        "theme",
        "[NAME] [--save]",
        "Wear another theme; alone: choose one by its looks",
        theme_command,
        complete_themes,
    ),
    Command("mode", "[MODE]", "What runs unasked: plan, ask, edits, full", mode_command),
    Command("cost", "", "Show what the run and the session have cost", cost_command),
    Command("settings", "[NAME]", "See and change every setting", settings_command, complete_settings),
    Command("undo", "", "Take back the agent's last edit of a file", _undo),
    Command("redo", "", "Make that edit again", _redo),
    Command("todo", "", "Show or fold the list of what is to be done", _todo),
    Command("vim", "", 'Edit with vim\'s keys, or no more; for always: editing = "vim"', _vim),
    Command("find", "[TEXT]", "Find TEXT in the conversation", _find),
    Command("compact", "[WORDS]", "Summarise what is older; also: preview, accept, drop, undo", _compact),
    Command("context", "", "Show what fills the model's window", _context),
    Command(
        "jobs", "[stop NUMBER]", "Show what runs in the background, or end it", jobs_command, complete_jobs
    ),
    Command("sandbox", "", "Show what holds commands in", _sandbox),
    Command("tree", "", "Show all branches of this session; choose where to go back to", session_slash.tree),
    Command(
        "branch",
        "[ENTRY]",
        "Go back to an entry, by its id or label",
        session_slash.branch,
        session_slash.complete_entries,
    ),
    Command("label", "TEXT", "Label the newest entry", session_slash.label),
    Command("name", "TEXT", "Name this session", session_slash.name),
    Command(
        "fork",
        "[ENTRY]",
        "Go on in a new session, up to an entry",
        session_slash.fork,
        session_slash.complete_entries,
    ),
    Command("clone", "", "Go on in a copy of this session", session_slash.clone),
    Command("sessions", "[TEXT]", "Show other sessions, or those that say TEXT", session_slash.sessions),
    Command(
        "export",
        "[FILE]",
        "Write the session to FILE: .html, .md or .jsonl",
        session_slash.export,
        session_slash.complete_exports,
    ),
    Command("keys", "", "Press keys, see what your terminal sends and what they do", _keys),
    Command("doctor", "", "Show what this machine and terminal have, and which keys arrive", _doctor),
    Command("help", "", "Show the keys and commands", _help),
    Command("quit", "", "Leave; the session stays on disk", _quit),
)
