"""The slash commands about sessions: go back in this one, or on to another."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from functools import wraps
from pathlib import Path
from typing import TYPE_CHECKING, Final

from h2a_agent.session_loading import SessionError
from h2a_tui.format import age, folder
from h2a_tui.screens.picker import Choice

if TYPE_CHECKING:
    from h2a_agent.session_tree import TreeRow
    from h2a_tui.commands import Chat

__all__ = ["branch", "clone", "export", "fork", "label", "name", "resume", "sessions", "taken_out", "tree"]

_CUT: Final = 90


def _told(verb: Callable[[Chat, str], None]) -> Callable[[Chat, str], bool]:
    """`verb` as a command: when it cannot, it says why and the line stays in the editor."""

    @wraps(verb)
    def command(chat: Chat, argument: str) -> bool:
        try:
            verb(chat, argument)
        except SessionError as error:
            chat.notice(str(error))
            return False
        return True

    return command


@_told
def tree(chat: Chat, _argument: str) -> None:
    """Show every entry of every branch, and go back to the one that is chosen."""
    rows = chat.client.sessions.tree()
    if not rows:
        raise SessionError("Nothing has been said yet.")
    here = next((n for n, row in enumerate(rows) if row.is_head), 0)
    chat.pick("Go back to", [_tree_choice(row) for row in rows], chat.client.branch, chosen=here)


@_told
def branch(chat: Chat, argument: str) -> None:
    """Go back to the entry named, or chosen."""
    if argument:
        chat.client.branch(argument)
    else:
        tree(chat, "")


@_told
def label(chat: Chat, argument: str) -> None:
    """Label the newest entry; without a text, take its label off."""
    chat.client.sessions.label("", argument)
    chat.notice(
        f"Labelled “{argument}”: /branch {argument} comes back here" if argument else "Label taken off"
    )


@_told
def name(chat: Chat, argument: str) -> None:
    """Name the session."""
    if argument:
        chat.client.sessions.rename(argument)
    chat.notice(
        f"This session is called “{chat.client.sessions.name}”" if chat.client.sessions.name else _NO_NAME
    )


@_told
def fork(chat: Chat, argument: str) -> None:
    """Go on in a new session that holds this one up to an entry."""

    async def work() -> None:
        draft = chat.client.sessions.text_of(argument) if argument else ""
        chat.switch(await chat.client.sessions.fork(argument), draft)

    chat.start(work())


@_told
def clone(chat: Chat, _argument: str) -> None:
    """Go on in a copy of this session, branches and all."""

    async def work() -> None:
        chat.switch(await chat.client.sessions.clone())

    chat.start(work())


@_told
def sessions(chat: Chat, argument: str) -> None:
    """Show the newest sessions, or those in which something was said, and go to the one that is chosen."""

    async def work() -> None:
        found = await chat.client.sessions.find(argument)
        if not found:
            raise SessionError(f"No session says {argument!r}." if argument else "There are no sessions yet.")
        now = time.time()
        choices = []
        for one in found:
            info = one.info
            hit = one.hits[0].snippet if one.hits else ""
            facts = [age(now - info.modified), folder(info.workspace)]
            if info.messages is not None:
                facts.append(f"{info.messages} messages")
            choices.append(
                Choice(
                    info.id,
                    info.title[:_CUT] or "(nothing said)",
                    " · ".join([*facts, hit] if hit else facts),
                )
            )
        chat.pick(
            f"Sessions that say {argument}" if argument else "Sessions", choices, lambda id: resume(chat, id)
        )

    chat.start(work())


@_told
def resume(chat: Chat, argument: str) -> None:
    """Go on after a pause, or with another session."""
    if not argument:
        chat.client.resume()
        return

    async def work() -> None:
        chat.switch(await chat.client.sessions.locate(argument))

    chat.start(work())


@_told
def export(chat: Chat, argument: str) -> None:
    """Write the session to a file: .html, .md or .jsonl, by default HTML in the working folder."""

    async def work() -> None:
        from h2a_agent.export.redact import secrets_of

        target = Path(argument or f"h2a-{chat.client.session_id[-8:].lower()}.html").expanduser()
        where = chat.client.workspace / target
        exported = await chat.client.sessions.export(where, secrets_of(os.environ))
        chat.notice(f"Written to {folder(exported.path, 60)}{taken_out(exported.redacted)}")

    chat.start(work())


def taken_out(redacted: int) -> str:
    """How many secrets an export lacks, as the end of a sentence."""
    return f"; {redacted} secret{'s' if redacted > 1 else ''} taken out" if redacted else ""


_NO_NAME: Final = "This session has no name: /name TEXT gives it one"


def _tree_choice(row: TreeRow) -> Choice:
    mark = "●" if row.is_head else "│" if row.on_path else "·"
    shown = f"{mark} {'  ' * row.depth}{row.speaker}: {row.text}"
    return Choice(row.id, shown[:_CUT], row.label or row.id, strong=row.speaker in ("you", "steer"))
