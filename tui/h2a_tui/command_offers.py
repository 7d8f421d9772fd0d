"""What can be taken while a slash command is written: its name, then what the command itself offers."""

from __future__ import annotations

from difflib import get_close_matches

from h2a_tui.commands import COMMANDS, Chat, find_command
from h2a_tui.completion import Entry, Offer, ranked

__all__ = ["command_offer", "near_commands"]


def command_offer(before: str, chat: Chat) -> Offer | None:
    """The offer for the line `before` the cursor; None where it is no command, or there is nothing to say."""
    if not before.startswith("/"):
        return None
    name, space, argument = before[1:].partition(" ")
    return _arguments(name, argument, chat) if space else _names(name)


def near_commands(name: str) -> list[str]:
    """Commands that are called almost so."""
    return get_close_matches(name, [command.name for command in COMMANDS], n=3, cutoff=0.5)


def _names(name: str) -> Offer | None:
    named = (
        (
            command.name,
            Entry(
                f"/{command.name}{' ' if command.argument else ''}",
                f"/{command.name} {command.argument}",
                command.help,
            ),
        )
        for command in COMMANDS
    )
    entries = ranked(name, named)
    # A whole name is as it is: Enter runs it, and the list only says what may follow.
    return Offer(0, entries, eager=find_command(name) is None) if entries else None


def _arguments(name: str, argument: str, chat: Chat) -> Offer | None:
    command = find_command(name)
    if command is None or command.complete is None:
        return None
    entries = ranked(argument, ((_found_by(entry), entry) for entry in command.complete(chat)))
    if not entries or argument.lower() in (entry.text.lower() for entry in entries):
        return None
    # What follows a command may be something nobody offers, so Enter sends what is written.
    return Offer(len(name) + 2, entries, eager=False)


def _found_by(entry: Entry) -> str:
    """What one may type to find it: what is taken, and what is shown where that is something else."""
    return entry.text if entry.label == entry.text else f"{entry.text} {entry.label}"
