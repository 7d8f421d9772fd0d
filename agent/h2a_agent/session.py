"""One conversation and its file: history, inbox and journal, kept in step.

Every change goes through here and is in the journal before it counts: an item that was accepted, an item
that was delivered (together with the message it became, in one record), a tool call before it starts, its
result, the words of an answer while they stream. So whatever kills the process, a reopened session has all
of it:

- items that were claimed but not committed wait again, and everything that waits is held until the user
  resumes it;
- an answer that was streaming is there as far as it came, marked as cut by a crash;
- a tool call that had started has the result "outcome unknown, verify"; one that had not, "not started".
  Neither is ever run again by itself.

The file is made with the first record, so a session in which nothing was said leaves nothing behind. It has
one writer. Who opens it to look (`read_only`) writes nothing, and what waits in it stays the writer's.

A damaged file is copied before the first record goes behind the damage, and the damage is noted in it, so that
it is told and copied once.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

from h2a_agent.codec import item_record, node_record, spent_record
from h2a_agent.content import ToolUseBlock
from h2a_agent.history import AssistantEntry, Entry, History, Node, RetractEntry, UserEntry
from h2a_agent.inbox import Inbox, Item, ItemState, new_item_id
from h2a_agent.journal import Journal
from h2a_agent.providers.base import TokenUsage
from h2a_agent.record_lines import JournalRead, read_journal
from h2a_agent.session_loading import FORMAT_VERSION, Loaded, SessionError, load_records
from h2a_agent.session_records import NO_BACKUP, back_up, damage_notes, session_header, summary_record
from h2a_agent.spending import Spent

__all__ = ["FORMAT_VERSION", "ReadOnlySession", "Session", "SessionError"]

STREAM_FLUSH_S: Final = 0.25  # at most so much of a stream is lost to `kill -9`


class ReadOnlySession(SessionError):
    """Something was to be written to a session that is only looked at."""

    def __init__(self, session_id: str) -> None:
        super().__init__(
            "This session is only being looked at. To go on in a copy of it: "
            f"/fork, or h2a-chat --fork {session_id}"
        )


class Session:
    """History, inbox and journal of one conversation. `path` is None when nothing is to be written.

    `spent` is what requests used of which nothing is in the history. `last_step` is the number of the last request, also of one that came to nothing: events name the pieces of
    an answer by it, so no number is given out twice.
    """

    def __init__(self, session_id: str, workspace: Path, path: Path | None) -> None:
        self.id = session_id
        self.workspace = workspace
        self.path = path
        self.name = ""
        self.labels: dict[str, str] = {}
        self.read_only = False
        self.history = History()
        self.spent: list[Spent] = []
        self.inbox = Inbox(changed=self._item_changed)
        self.notes: tuple[str, ...] = ()
        self.on_queue_changed: Callable[[], None] = lambda: None
        self.on_trouble: Callable[[str], None] = lambda _reason: None
        self.on_recovered: Callable[[], None] = lambda: None
        self.last_step = 0
        self._telling = True  # of each change of the queue
        self._journal: Journal | None = None
        self._before_first_write: Callable[[], Iterable[Mapping[str, Any]]] | None = None
        self._unwritten: list[tuple[Mapping[str, Any], bool]] = []
        self._changed = False
        self._refused = False  # the file could not be made, and that was told
        self.lost = 0  # records the disk had not taken when the session was closed
        self._written: dict[str, tuple[object, ...]] = {}
        self._stream: list[str] = []
        self._stream_of: tuple[int, int, str] = (0, 0, "")
        self._stream_timer: asyncio.TimerHandle | None = None

    # ------------------------------------------------------------ beginnings

    @classmethod
    def create(cls, directory: Path, workspace: Path) -> Session:
        """A new session whose file will be `directory/ID.jsonl`, made when something is said."""
        session_id = new_item_id()
        return cls(session_id, workspace, directory / f"{session_id}.jsonl")

    @classmethod
    def unsaved(cls, workspace: Path) -> Session:
        """A new session that writes nothing."""
        return cls(new_item_id(), workspace, None)

    @classmethod
    def open(cls, path: Path, workspace: Path | None = None) -> Session:
        """The session of `path`, ready to go on; what the crash cut has an ending, what waits is held.

        From now on it belongs to `workspace`, where one is given.

        Raises:
            SessionError: the file is not a session, or from a newer version.
            JournalLocked: another process has it open.
            OSError: it cannot be read.
        """
        journal = Journal(path, must_exist=True)  # locked first: what is read is all there will be
        try:
            read = read_journal(path)
            loaded = _load(path, read)
        except BaseException:
            journal.close()
            raise
        journal.go_on_after(loaded.last_n, torn=read.torn)
        session = cls(loaded.session_id or path.stem, workspace or Path(loaded.workspace or "."), path)
        session._tell(loaded)
        session._take_journal(journal)
        session.inbox.restore(loaded.items.values(), loaded.finished)
        session.inbox.hold()
        session._written = {item.id: item.content for item in loaded.items.values()}
        fresh = read.damaged + loaded.unreadable - loaded.repaired
        session._before_first_write = lambda: session._mend(loaded, fresh)
        session.notes = damage_notes(fresh, read.doubled)
        if str(session.workspace) != loaded.workspace:
            session._write(session_header(session.id, session.workspace))
        for entry in loaded.endings(time.time()):
            session.append(entry)
        return session

    @classmethod
    def look_at(cls, path: Path) -> Session:
        """The session of `path` as it is now, to be read and not written; another process may be writing it.

        Raises:
            SessionError: the file is not a session, or from a newer version.
            OSError: it cannot be read.
        """
        read = read_journal(path)
        loaded = _load(path, read)
        session = cls(loaded.session_id or path.stem, Path(loaded.workspace or "."), path)
        session._tell(loaded)
        session.read_only = True
        half_written = int(read.torn)  # the writer may be in the middle of a record
        session.notes = damage_notes(read.damaged + loaded.unreadable - loaded.repaired - half_written, 0)
        return session

    def _tell(self, loaded: Loaded) -> None:
        self.name, self.labels, self.history = loaded.name, loaded.labels, loaded.history
        self.spent = loaded.spent
        self.last_step = loaded.last_step

    # ---------------------------------------------------------------- writing

    def append(self, entry: Entry, *, durable: bool = True) -> None:
        """Journal `entry`, then add it to the history."""
        if isinstance(entry, AssistantEntry):
            self._drop_stream()
        node = self.history.next_node(entry)
        self._write(node_record(node), durable=durable)
        self.history.add(node)

    def deliver(self, items: Iterable[Item], now: float) -> list[UserEntry]:
        """Commit claimed items: each becomes a user entry, in one record with its delivery.

        Items the user withdrew meanwhile are left out.
        """
        entries = []
        for claimed in items:
            current = self.inbox.get(claimed.id)
            if current is None:
                continue
            entry = UserEntry(current.id, current.kind, current.content, now)
            self.append(entry)
            self.inbox.commit(current.id)
            entries.append(entry)
        return entries

    @contextmanager
    def one_queue_change(self) -> Iterator[None]:
        """All that changes in the inbox within is told as one change, at the end."""
        before = self.inbox.waiting()
        self._telling = False
        try:
            yield
        finally:
            self._telling = True
            if self.inbox.waiting() != before:
                self.on_queue_changed()

    def retract(self, entries: Iterable[UserEntry], now: float) -> None:
        """Take delivered items back that nothing has answered."""
        ids = tuple(entry.item_id for entry in entries)
        if ids:
            self.append(RetractEntry(ids, now))

    def branch(self, entry_id: str) -> None:
        """Go back to an entry, "" for the very beginning: what comes next hangs below it.

        Raises:
            SessionError: there is no such entry, or the session is only looked at.
        """
        if entry_id and self.history.node(entry_id) is None:
            raise SessionError(f"There is no entry {entry_id!r} in this session.")
        if entry_id != self.history.head:
            self._write({"type": "branch", "to": entry_id, "time": time.time()}, durable=True)
            self.history.branch(entry_id)

    def label(self, entry_id: str, label: str) -> None:
        """Put a label on an entry, or with "" take it off.

        Raises:
            SessionError: there is no such entry, or the session is only looked at.
        """
        if self.history.node(entry_id) is None:
            raise SessionError(f"There is no entry {entry_id!r} in this session.")
        if label != self.labels.get(entry_id, ""):
            self._write({"type": "label", "entry": entry_id, "label": label}, durable=True)
            self.labels[entry_id] = label
            if not label:
                del self.labels[entry_id]

    def rename(self, name: str) -> None:
        """Give the session a name, or with "" none.

        Raises:
            ReadOnlySession: the session is only looked at.
        """
        if self.read_only:
            raise ReadOnlySession(self.id)
        if name != self.name:
            record = {"type": "name", "name": name}
            if self.saved or self._refused:
                self._write(record, durable=True)
            elif self.path is not None:
                self._unwritten.append((record, True))  # a name alone makes no file
            self.name = name

    def find_node(self, beginning: str) -> Node:
        """The one entry whose id begins so, or that has this label.

        Raises:
            SessionError: there is none, or more than one.
        """
        labelled = [entry_id for entry_id, label in self.labels.items() if label == beginning]
        found = [n for n in self.history.nodes if n.id in labelled or n.id.startswith(beginning.lower())]
        if not beginning or not found:
            raise SessionError(f"There is no entry {beginning!r} in this session. /tree lists them.")
        if len(found) > 1:
            raise SessionError(f"{len(found)} entries are called {beginning!r}; give more of the id.")
        return found[0]

    def note_spent(self, model: str, usage: TokenUsage) -> None:
        """Note what requests used of which nothing is in the history."""
        self._write(spent_record(model, usage))
        self.spent.append(Spent(model, usage))

    def intend(self, call: ToolUseBlock) -> None:
        """Note that `call` is about to start: after a crash it counts as "outcome unknown"."""
        self._write({"type": "call", "id": call.id, "name": call.name}, durable=True)

    def stream_text(self, step: int, block: int, model: str, text: str) -> None:
        """Note words of the answer that is streaming; they are written within `STREAM_FLUSH_S`."""
        if (step, block, model) != self._stream_of:
            self.flush_stream()
            self._stream_of = (step, block, model)
        self._stream.append(text)
        if self._stream_timer is None:
            self._stream_timer = asyncio.get_running_loop().call_later(STREAM_FLUSH_S, self.flush_stream)

    def flush_stream(self) -> None:
        """Write the noted words now."""
        if self._stream:
            step, block, model = self._stream_of
            text = "".join(self._stream)
            self._drop_stream()
            self._write({"type": "stream", "step": step, "block": block, "model": model, "text": text})

    async def flushed(self) -> None:
        """Wait until everything that must survive a power cut is on the disk."""
        if self._journal is not None:
            await self._journal.flushed()

    def close(self) -> None:
        """Write what is left, and a summary for lists; let go of the file. Idempotent."""
        self.flush_stream()
        if self._journal is not None:
            if self._changed:
                self._changed = False
                self._journal.append(summary_record(self.history, self.spent, self.name, self.labels))
            self.lost = self._journal.unsaved
            self._journal.close()

    @property
    def saved(self) -> bool:
        """Is there a file one could resume, with everything in it?"""
        return self._journal is not None and not self._journal.unsaved

    # ---------------------------------------------------------------- private

    def _drop_stream(self) -> None:
        self._stream.clear()
        if self._stream_timer is not None:
            self._stream_timer.cancel()
            self._stream_timer = None

    def _item_changed(self, item: Item) -> None:
        # A delivery is written by `deliver`, in one record with the message; a claim is not worth one: an item
        # that was only claimed when the process died waits again.
        if item.state is ItemState.QUEUED or item.state is ItemState.WITHDRAWN:
            fresh = self._written.get(item.id) != item.content and item.state is ItemState.QUEUED
            self._write(item_record(item, with_content=fresh), durable=fresh)
            self._written[item.id] = item.content
        if item.state in (ItemState.DELIVERED, ItemState.WITHDRAWN):
            self._written.pop(item.id, None)
        if self._telling:
            self.on_queue_changed()

    def _write(self, record: Mapping[str, Any], *, durable: bool = False) -> None:
        if self.read_only:
            raise ReadOnlySession(self.id)
        if self.path is None:
            return
        if self._before_first_write is not None:
            mend, self._before_first_write = self._before_first_write, None
            self._unwritten += [(mending, True) for mending in mend()]
        self._unwritten.append((record, durable))
        if self._journal is None and not self._make_journal(self.path):
            return
        assert self._journal is not None
        self._changed = True
        for kept, is_durable in self._unwritten:
            self._journal.append(kept, durable=is_durable)
        self._unwritten.clear()

    def _make_journal(self, path: Path) -> bool:
        """Make the file; False when that fails, and then the next record tries again."""
        try:
            journal = Journal(path)
        except OSError as error:
            if not self._refused:
                self._refused = True
                self.on_trouble(f"{path}: {error.strerror or error}")
            return False
        self._take_journal(journal)
        journal.append(session_header(self.id, self.workspace))
        if self._refused:
            self._refused = False
            self.on_recovered()
        return True

    def _take_journal(self, journal: Journal) -> None:
        self._journal = journal
        journal.on_trouble = self._disk_refuses
        journal.on_recovered = self._disk_takes_again

    def _disk_refuses(self, reason: str) -> None:
        self.on_trouble(reason)

    def _disk_takes_again(self) -> None:
        self.on_recovered()

    def _mend(self, loaded: Loaded, damaged: int) -> Iterable[Mapping[str, Any]]:
        """What goes into an old or damaged file before anything else does."""
        assert self.path is not None
        if loaded.version < FORMAT_VERSION:
            # An older program cannot follow branches: from here on it says so instead of mixing them up.
            yield session_header(self.id, loaded.workspace or self.workspace)
        if damaged > 0:
            backup = back_up(self.path)
            self.notes = (*self.notes, f"The file as it was found: {backup}" if backup else NO_BACKUP)
            yield {"type": "repair", "damaged": loaded.repaired + damaged, "backup": backup}


def _load(path: Path, read: JournalRead) -> Loaded:
    if not read.records:
        raise SessionError(f"{path} holds no readable session.")
    return load_records(read.records)
