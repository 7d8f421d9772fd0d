"""`/tree`, `/branch`, `/fork` and `/sessions` in a conversation in lines.

An entry of the tree is named by its number there, by its id or by its label.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

from h2a_agent.session_loading import SessionError
from h2a_tui import session_slash
from h2a_tui.format import folder
from h2a_tui.spoken import ago

if TYPE_CHECKING:
    from h2a_agent.session_search import Found
    from h2a_agent.session_tree import TreeRow
    from h2a_tui.overlays import Choice
    from h2a_tui.plain_desk import PlainDesk

__all__ = ["branch", "fork", "sessions", "tree"]

_MOST: Final = 40  # entries that are read out: the newest


def tree(desk: PlainDesk, argument: str) -> None:
    """Read out the entries, each with its number; with a number, all from there."""
    rows = desk.client.sessions.tree()
    if not rows:
        raise SessionError("Nothing has been said yet.")
    first = int(argument) if argument.isdecimal() and int(argument) else max(1, len(rows) - _MOST + 1)
    more = [f"There are {len(rows)} entries; /tree 1 reads out all of them"] if first > 1 else []
    listed = (f"{number}, {_entry(row)}" for number, row in enumerate(rows[first - 1 :], first))
    how = "/branch NUMBER goes back to one, /fork NUMBER goes on in a new session from there"
    desk.read_out([*more, *listed, how])


def branch(desk: PlainDesk, argument: str) -> None:
    """Go back to an entry."""
    if not argument:
        desk.notice("/branch needs an entry: its number in /tree, its id or its label")
        return
    desk.client.branch(_id_of(desk, argument))


def fork(desk: PlainDesk, argument: str) -> None:
    """Go on in a new session that holds this one up to an entry."""
    session_slash.fork(desk, _id_of(desk, argument) if argument else "")


def sessions(desk: PlainDesk, argument: str) -> None:
    """Read out the newest sessions, or those in which something was said; a number goes on in one."""

    async def work() -> None:
        found = await desk.client.sessions.find(argument)
        if not found:
            raise SessionError(f"No session says {argument!r}." if argument else "There are no sessions yet.")
        desk.pick("Sessions, the newest first", _choices(found), lambda id_: session_slash.resume(desk, id_))

    if argument:
        desk.work(work())  # a search takes its time, and what is said meanwhile is for the agent
    else:
        desk.start(work())


def _id_of(desk: PlainDesk, entry: str) -> str:
    """The id of the entry with this number in the tree; everything else is an id or a label already."""
    rows = desk.client.sessions.tree()
    if entry.isdecimal() and 0 < int(entry) <= len(rows) and all(row.label != entry for row in rows):
        return rows[int(entry) - 1].id
    return entry


def _entry(row: TreeRow) -> str:
    parts = [f"{_SPEAKERS.get(row.speaker, row.speaker)}: {row.text}"]
    if row.label:
        parts.append(f"labelled {row.label}")
    if row.is_head:
        parts.append("here the conversation ends now")
    elif not row.on_path:
        parts.append("on another branch")
    return ", ".join(parts)


_SPEAKERS: Final = {"you": "You", "steer": "You, steering", "agent": "Agent", "tool": "Tool", "!": "Command"}


def _choices(found: Sequence[Found]) -> list[Choice]:
    from h2a_tui.overlays import Choice

    return [Choice(one.info.id, *_session(one)) for one in found]


def _session(found: Found) -> tuple[str, str]:
    info = found.info
    facts = [ago(time.time() - info.modified), f"in {folder(info.workspace, 60)}"]
    if info.messages is not None:
        facts.append("1 message" if info.messages == 1 else f"{info.messages} messages")
    said = [f"{hit.speaker} said: {hit.snippet}" for hit in found.hits[:1]]
    return info.title or "nothing said", ", ".join([*facts, *said])
