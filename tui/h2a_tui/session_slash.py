"""The slash commands about sessions: go back in this one, or on to another.

They raise `SessionError` with what to do when they cannot; the line then stays in the editor.
"""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING, Final

from h2a_agent.session_loading import SessionError
from h2a_agent.tools.supervisor import whole_environment
from h2a_tui.format import age, folder
from h2a_tui.overlays import Choice

if TYPE_CHECKING:
    from h2a_agent.session_search import Found
    from h2a_agent.session_tree import TreeRow
    from h2a_tui.commands import Chat

__all__ = ["branch", "clone", "export", "fork", "label", "name", "resume", "sessions", "taken_out", "tree"]

_ROW: Final = 90  # characters


def tree(chat: Chat, _argument: str) -> bool:
    """Show every entry of every branch, and go back to the one that is chosen."""
    rows = chat.client.sessions.tree()
    if not rows:
        raise SessionError("Nothing has been said yet.")
    here = next((n for n, row in enumerate(rows) if row.is_head), 0)
    chat.pick("Go back to", [_entry_choice(row) for row in rows], chat.client.branch, chosen=here)
    return True


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

    async def work() -> None:
        draft = chat.client.sessions.text_of(argument) if argument else ""
        chat.switch(await chat.client.sessions.fork(argument), draft)

    chat.start(work())
    return True


def clone(chat: Chat, _argument: str) -> bool:
    """Go on in a copy of this session, branches and all."""

    async def work() -> None:
        chat.switch(await chat.client.sessions.clone())

    chat.start(work())
    return True


def resume(chat: Chat, argument: str) -> bool:
    """Go on after a pause, or with another session."""
    if not argument:
        chat.client.resume()
        return True

    async def work() -> None:
        chat.switch(await chat.client.sessions.locate(argument))

    chat.start(work())
    return True


def sessions(chat: Chat, argument: str) -> bool:
    """Show the newest sessions, or those in which something was said, and go to the one that is chosen."""

    async def work() -> None:
        found = await chat.client.sessions.find(argument)
        if not found:
            raise SessionError(f"No session says {argument!r}." if argument else "There are no sessions yet.")
        title = f"Sessions that say {argument}" if argument else "Sessions"
        chat.pick(title, [_session_choice(one) for one in found], lambda chosen: resume(chat, chosen))

    chat.start(work())
    return True


def export(chat: Chat, argument: str) -> bool:
    """Write the session to a file: .html, .md or .jsonl, by default HTML in the working folder."""
    target = Path(argument or f"h2a-{chat.client.session_id[-8:].lower()}.html")
    target = chat.client.workspace / target.expanduser()

    async def work() -> None:
        from h2a_agent.export.redact import secrets_of

        exported = await chat.client.sessions.export(target, secrets_of(whole_environment()))
        chat.notice(f"Written to {folder(exported.path, 60)}{taken_out(exported.redacted)}")

    chat.start(work())
    return True


def taken_out(redacted: int) -> str:
    """How many secrets an export lacks, as the end of a sentence."""
    return f"; {redacted} secret{'s' if redacted > 1 else ''} taken out" if redacted else ""


def _entry_choice(row: TreeRow) -> Choice:
    mark = "●" if row.is_head else "│" if row.on_path else "·"
    shown = f"{mark} {'  ' * row.depth}{row.speaker}: {row.text}"
    return Choice(row.id, shown[:_ROW], row.label or row.id, strong=row.speaker in ("you", "steer"))


def _session_choice(found: Found) -> Choice:
    info = found.info
    facts = [age(time.time() - info.modified), folder(info.workspace)]
    if info.messages is not None:
        facts.append(f"{info.messages} messages")
    facts += [hit.snippet for hit in found.hits[:1]]
    return Choice(info.id, info.title[:_ROW] or "(nothing said)", " · ".join(facts))
