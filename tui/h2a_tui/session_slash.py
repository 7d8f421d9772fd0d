"""The slash commands about sessions: go back in this one, or on to another.

They raise `SessionError` with what to do when they cannot; the line then stays in the editor.
"""

from __future__ import annotations

import time
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Final

from h2a_agent.events import Phase
from h2a_agent.session_loading import SessionError
from h2a_agent.tools.supervisor import whole_environment
from h2a_tui.client import Switch
from h2a_tui.completion import Entry
from h2a_tui.format import age, folder
from h2a_tui.overlays import Choice

if TYPE_CHECKING:
    from h2a_agent.session_tree import TreeRow
    from h2a_agent.state import State
    from h2a_tui.commands import Chat

__all__ = [
    "branch",
    "clone",
    "complete_entries",
    "complete_exports",
    "complete_sessions",
    "export",
    "fork",
    "is_paused",
    "label",
    "name",
    "offer_tree",
    "resume",
    "sessions",
    "taken_out",
    "tree",
]

_ROW: Final = 90  # characters
_COPY: Final = "This is the copy; /sessions leads back to the original"


def tree(chat: Chat, _argument: str) -> bool:
    """Show every entry of every branch, and go back to the one that is chosen."""
    rows = chat.client.sessions.tree()
    if not rows:
        raise SessionError("Nothing has been said yet.")
    here = next((row.id for row in rows if row.is_head), "")
    chat.find_row("Go back to", [_entry_choice(row) for row in rows], chat.client.branch, chosen=here)
    return True


def offer_tree(chat: Chat) -> None:
    """Show it, if there is anything to go back to."""
    if chat.client.sessions.tree():
        tree(chat, "")


def branch(chat: Chat, argument: str) -> bool:
    """Go back to the entry named, or chosen."""
    if not argument:
        return tree(chat, "")
    chat.client.branch(argument)
    return True


def label(chat: Chat, argument: str) -> bool:
    """Label the newest entry; without a text, take its label off."""
    chat.client.sessions.label("", argument)
    chat.notice(f"Labelled: /branch {argument} comes back here" if argument else "Label taken off")
    return True


def name(chat: Chat, argument: str) -> bool:
    """Name the session, or say how it is called."""
    if argument:
        chat.client.sessions.rename(argument)
    called = chat.client.sessions.name
    chat.notice(f"This session is called “{called}”" if called else "No name yet: /name TEXT gives it one")
    return True


def fork(chat: Chat, argument: str) -> bool:
    """Go on in a new session that holds this one up to an entry."""

    async def another() -> Switch:
        draft = chat.client.sessions.text_of(argument) if argument else ""
        return Switch(await chat.client.sessions.fork(argument), draft, _COPY)

    chat.leave_for(another())
    return True


def clone(chat: Chat, _argument: str) -> bool:
    """Go on in a copy of this session, branches and all."""

    async def another() -> Switch:
        return Switch(await chat.client.sessions.clone(), notice=_COPY)

    chat.leave_for(another())
    return True


def is_paused(state: State) -> bool:
    """Is there something that `/resume` lets go on?"""
    return state.phase is Phase.PAUSED or state.pausing or state.queue_paused


def resume(chat: Chat, argument: str) -> bool:
    """Go on after a pause, or with another session."""
    if not argument:
        if not is_paused(chat.client.state):
            chat.notice("Nothing is paused")
        chat.client.resume()
        return True

    async def another() -> Switch:
        return Switch(await chat.client.sessions.locate(argument))

    chat.leave_for(another())
    return True


def sessions(chat: Chat, argument: str) -> bool:
    """Show the newest sessions, or those in which something was said, and go to the one that is chosen."""

    async def work() -> None:
        verbs = chat.client.sessions
        found = () if argument else await verbs.find(here=True)
        here = any(one.info.id != verbs.id for one in found)
        if not here:
            found = await verbs.find(argument)
        if not found:
            raise SessionError(f"No session says {argument!r}." if argument else "There are no sessions yet.")
        chat.pick_session(found, argument, here)

    chat.start(work())
    return True


def export(chat: Chat, argument: str) -> bool:
    """Write the session to a file: .html, .md or .jsonl, by default HTML in the working folder."""
    target = Path(argument or f"{_export_name(chat)}.html")
    target = chat.client.workspace / target.expanduser()

    async def work() -> None:
        from h2a_agent.export.redact import secrets_of

        if chat.models is not None:
            await chat.models.find_keys()  # each one that is found is taken out
        exported = await chat.client.sessions.export(target, secrets_of(whole_environment()))
        chat.notice(f"Written to {folder(exported.path, 60)}{taken_out(exported.redacted)}")

    chat.start(work())
    return True


# ------------------------------------------------------------- what may follow


def complete_entries(chat: Chat) -> Iterable[Entry]:
    """The labelled entries and the person's own messages, the newest first."""
    for row in reversed(chat.client.sessions.tree()):
        if row.label or row.speaker == "you":
            name = row.label or row.id
            yield Entry(name, f"{name}  {row.text[:_ROW]}")


def complete_sessions(chat: Chat) -> Iterable[Entry]:
    """The newest other sessions, as soon as they have been read."""
    for info in (found.info for found in chat.recent_sessions()):
        if info.id != chat.client.session_id:
            how_old = age(time.time() - info.modified)
            yield Entry(info.id, info.title or info.id, f"{how_old} · {folder(info.workspace)}")


def complete_exports(chat: Chat) -> Iterable[Entry]:
    """A file of each kind."""
    name = _export_name(chat)
    kinds = {".html": "one page that loads nothing", ".md": "Markdown", ".jsonl": "every record"}
    return (Entry(name + suffix, name + suffix, what) for suffix, what in kinds.items())


def _export_name(chat: Chat) -> str:
    return f"h2a-{chat.client.session_id[-8:].lower()}"


def taken_out(redacted: int) -> str:
    """How many secrets an export lacks, as the end of a sentence."""
    return f"; {redacted} secret{'s' if redacted > 1 else ''} taken out" if redacted else ""


def _entry_choice(row: TreeRow) -> Choice:
    mark = "●" if row.is_head else "│" if row.on_path else "·"
    shown = f"{mark} {'  ' * row.depth}{row.speaker}: {row.text}"
    return Choice(row.id, shown[:_ROW], row.label or row.id, strong=row.speaker in ("you", "steer"))
