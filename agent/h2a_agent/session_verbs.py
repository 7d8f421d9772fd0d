"""What a person does with sessions as things: look at the tree, label, name, fork, clone, find, export.

`Agent.sessions` is this for the session the agent runs on. Whatever reads or writes whole files does so in a
thread. Going back to an entry concerns the run and is `Agent.branch`.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from h2a_agent.content import plain_text
from h2a_agent.history import UserEntry
from h2a_agent.session import Session
from h2a_agent.session_loading import SessionError
from h2a_agent.session_tree import TreeRow, tree_rows

if TYPE_CHECKING:
    from h2a_agent.export import Exported
    from h2a_agent.session_search import Found

__all__ = ["SessionVerbs"]


class SessionVerbs:
    """The verbs of one session. All of them raise `SessionError` with what to do when they cannot."""

    def __init__(self, session: Session) -> None:
        self._session = session

    @property
    def id(self) -> str:
        """The session's id."""
        return self._session.id

    @property
    def name(self) -> str:
        """The session's name, "" when it has none."""
        return self._session.name

    @property
    def read_only(self) -> bool:
        """Is the session only being looked at?"""
        return self._session.read_only

    def tree(self) -> list[TreeRow]:
        """Every entry of every branch."""
        return tree_rows(self._session.history, self._session.labels)

    def label(self, entry: str, label: str) -> None:
        """Put `label` on an entry ("": the newest), or with "" take it off."""
        self._session.label(self.entry_id(entry), label)

    def rename(self, name: str) -> None:
        """Name the session, or with "" take its name away."""
        self._session.rename(name)

    def entry_id(self, entry: str) -> str:
        """The id of the entry that `entry` begins or labels; of the newest for ""."""
        if not entry and not self._session.history.head:
            raise SessionError("Nothing has been said yet.")
        return self._session.find_node(entry or self._session.history.head).id

    def text_of(self, entry: str) -> str:
        """What the user said in an entry; "" when it is not theirs."""
        node = self._session.find_node(entry)
        return plain_text(node.entry.content) if isinstance(node.entry, UserEntry) else ""

    async def fork(self, entry: str = "") -> str:
        """A new session up to an entry ("": the newest), beside this one; returns its id.

        From a message of the user's it goes on before it, so that the message can be said anew.
        """
        from h2a_agent.session_copy import fork_session

        history = self._session.history
        at = history.before(self._session.find_node(entry)) if entry else history.head
        path = self._path()
        made = await asyncio.to_thread(fork_session, path, path.parent, self._session.workspace, at)
        return made.stem

    async def clone(self) -> str:
        """A new session with everything in this one, every branch too; returns its id."""
        from h2a_agent.session_copy import clone_session

        path = self._path()
        made = await asyncio.to_thread(clone_session, path, path.parent, self._session.workspace)
        return made.stem

    async def locate(self, wanted: str) -> str:
        """The id of the one other session that is called so, or whose id begins so, and that nobody has open."""
        return await asyncio.to_thread(self._locate, wanted)

    async def find(self, wanted: str = "", *, here: bool = False, limit: int = 200) -> Sequence[Found]:
        """The newest sessions of all folders, or of the one `here`, in which `wanted` occurs; all of them for "".

        Raises:
            ValueError: `limit`, how many at most, is less than 1.
        """
        return await asyncio.to_thread(self._find, wanted, here, limit)

    async def last_words(self, path: Path) -> str:
        """What was said last in the session of the file `path`; "" when that cannot be read."""
        return await asyncio.to_thread(_last_words, path)

    async def rename_other(self, session_id: str, name: str) -> None:
        """Name any session, this one too, or with "" take its name away."""
        if session_id == self.id:
            self.rename(name)
        else:
            await asyncio.to_thread(self._rename_other, session_id, name)

    async def delete(self, session_id: str) -> Path:
        """Move another session to the trash folder; returns where its file is now. This one stays."""
        return await asyncio.to_thread(self._delete, session_id)

    async def export(self, target: Path, secrets: Sequence[str] = ()) -> Exported:
        """Write the session to `target`, whose suffix says how: .md, .html or .jsonl."""
        from h2a_agent.export import export_session

        return await asyncio.to_thread(export_session, self._path(), target, secrets=secrets)

    def _locate(self, wanted: str) -> str:
        from h2a_agent.journal import Journal, JournalLocked
        from h2a_agent.session_files import find_session

        path = find_session(self._root(), wanted)
        if path == self._session.path:
            raise SessionError("That is this session.")
        try:
            Journal(path, must_exist=True).close()
        except JournalLocked as locked:
            raise SessionError(str(locked)) from None
        return path.stem

    def _rename_other(self, session_id: str, name: str) -> None:
        from h2a_agent.journal import JournalLocked
        from h2a_agent.session_files import find_session

        try:
            other = Session.open(find_session(self._root(), session_id))
        except (JournalLocked, OSError) as error:
            raise SessionError(str(error)) from None
        try:
            other.rename(name)
        finally:
            other.close()

    def _delete(self, session_id: str) -> Path:
        from h2a_agent.journal import JournalLocked
        from h2a_agent.session_files import delete_session, find_session

        root = self._root()
        path = find_session(root, session_id)
        if path == self._session.path:
            raise SessionError("This is the session in use; it stays.")
        try:
            return delete_session(root, path)
        except (JournalLocked, OSError) as error:
            raise SessionError(str(error)) from None

    def _find(self, wanted: str, here: bool, limit: int) -> Sequence[Found]:
        from itertools import islice

        from h2a_agent.session_files import list_sessions
        from h2a_agent.session_search import Found, search_sessions

        if limit < 1:
            raise ValueError("limit must be at least 1")
        root = self._root()
        where = self._session.workspace if here else None
        if not wanted:
            return [Found(info, 0, ()) for info in list_sessions(root, where)[:limit]]
        return list(islice(search_sessions(root, wanted, workspace=where), limit))

    def _root(self) -> Path:
        """The folder of all sessions' folders, also before anything of this one is on the disk."""
        if self._session.path is None:
            raise SessionError("This session is not written to disk (--no-session).")
        return self._session.path.parent.parent

    def _path(self) -> Path:
        if self._session.path is None:
            raise SessionError("This session is not written to disk (--no-session).")
        if not self._session.read_only and not self._session.saved:
            raise SessionError("Nothing of this session is on the disk yet.")
        return self._session.path


def _last_words(path: Path) -> str:
    from h2a_agent.session_files import last_words

    try:
        return last_words(path)
    except OSError:
        return ""
