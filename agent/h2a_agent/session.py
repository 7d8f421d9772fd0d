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

The file is made with the first record, so a session in which nothing was said leaves nothing behind.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from h2a_agent import __version__
from h2a_agent.codec import entry_of, entry_record, item_of, item_record
from h2a_agent.content import TextBlock, ToolUseBlock
from h2a_agent.events import Outcome
from h2a_agent.history import (
    AssistantEntry,
    CompactionEntry,
    Entry,
    History,
    RetractEntry,
    ToolEntry,
    UserEntry,
)
from h2a_agent.inbox import Inbox, Item, ItemState, new_item_id
from h2a_agent.journal import Journal, read_journal
from h2a_agent.providers.base import TokenUsage

__all__ = ["FORMAT_VERSION", "Session", "SessionError"]

FORMAT_VERSION: Final = 1
STREAM_FLUSH_S: Final = 0.25  # at most so much of a stream is lost to `kill -9`

CRASHED_RUNNING: Final = (
    "Outcome unknown: the program ended while this call was running. It may have had side effects; verify."
)
CRASHED_WAITING: Final = "Not started: the program ended before this call could run."


class SessionError(RuntimeError):
    """A session cannot be opened; the message says why and what to do."""


@dataclass(slots=True)
class _Loaded:
    """What a journal's records add up to."""

    session_id: str = ""
    workspace: str = ""
    entries: list[Entry] = field(default_factory=list)
    items: dict[str, Item] = field(default_factory=dict)
    finished: dict[str, ItemState] = field(default_factory=dict)
    started_calls: set[str] = field(default_factory=set)
    stream: dict[int, list[str]] = field(default_factory=dict)
    stream_step: int = 0
    stream_model: str = ""
    last_n: int = 0
    unreadable: int = 0

    def take(self, record: Mapping[str, Any]) -> None:
        self.last_n = max(self.last_n, int(record.get("n", 0)))
        match record.get("type"):
            case "session":
                if int(record.get("version", 0)) > FORMAT_VERSION:
                    raise SessionError("This session was written by a newer h2a-chat; update to open it.")
                self.session_id = str(record.get("id", ""))
                self.workspace = str(record.get("workspace", ""))
            case "item":
                self._take_item(record)
            case "call":
                self.started_calls.add(str(record.get("id")))
            case "stream":
                self._take_stream(record)
            case _:
                self._take_entry(record)

    def _take_item(self, record: Mapping[str, Any]) -> None:
        item = item_of(record, self.items)
        if item is None:
            self.unreadable += 1
        elif item.state in (ItemState.DELIVERED, ItemState.WITHDRAWN):
            self.items.pop(item.id, None)
            self.finished[item.id] = item.state
        elif item.id not in self.finished:
            self.items[item.id] = item

    def _take_stream(self, record: Mapping[str, Any]) -> None:
        step = int(record.get("step", 0))
        if step != self.stream_step:
            self.stream, self.stream_step = {}, step
        self.stream_model = str(record.get("model", ""))
        self.stream.setdefault(int(record.get("block", 0)), []).append(str(record.get("text", "")))

    def _take_entry(self, record: Mapping[str, Any]) -> None:
        entry = entry_of(record)
        if entry is None:
            self.unreadable += 1
            return
        self.entries.append(entry)
        if isinstance(entry, UserEntry):
            self.items.pop(entry.item_id, None)
            self.finished[entry.item_id] = ItemState.DELIVERED
        elif isinstance(entry, CompactionEntry):
            self.items.pop(entry.id, None)
            self.finished[entry.id] = ItemState.DELIVERED
        elif isinstance(entry, AssistantEntry):
            self.stream, self.stream_step = {}, 0

    def endings(self, now: float) -> list[Entry]:
        """What has to be added so that the history tells how the crash ended it."""
        if text := [TextBlock("".join(self.stream[i])) for i in sorted(self.stream) if any(self.stream[i])]:
            return [
                AssistantEntry(
                    self.stream_step, tuple(text), "", self.stream_model, TokenUsage(), now, "crash"
                )
            ]
        calls = History(tuple(self.entries)).open_calls()
        return [_crashed(call, started=call.id in self.started_calls, now=now) for call in calls]


def _crashed(call: ToolUseBlock, *, started: bool, now: float) -> ToolEntry:
    if started:
        return ToolEntry(call.id, Outcome.UNKNOWN, CRASHED_RUNNING, "outcome unknown", 0.0, now)
    return ToolEntry(call.id, Outcome.NOT_STARTED, CRASHED_WAITING, "not started", 0.0, now)


class Session:
    """History, inbox and journal of one conversation. `path` is None when nothing is to be written.

    `last_step` is the number of the last request, also of one that came to nothing: events name the pieces of
    an answer by it, so no number is given out twice.
    """

    def __init__(self, session_id: str, workspace: Path, path: Path | None) -> None:
        self.id = session_id
        self.workspace = workspace
        self.path = path
        self.history = History()
        self.inbox = Inbox(changed=self._item_changed)
        self.notes: tuple[str, ...] = ()
        self.on_queue_changed: Callable[[], None] = lambda: None
        self.on_trouble: Callable[[str], None] = lambda _reason: None
        self.on_recovered: Callable[[], None] = lambda: None
        self.last_step = 0
        self._journal: Journal | None = None
        self._unwritten: list[tuple[Mapping[str, Any], bool]] = []
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

        Raises:
            SessionError: the file is not a session, or from a newer version.
            JournalLocked: another process has it open.
            OSError: it cannot be read.
        """
        loaded = _Loaded()
        read = read_journal(path)
        for record in read.records:
            loaded.take(record)
        if not read.records:
            raise SessionError(f"{path} holds no readable session.")
        session = cls(loaded.session_id or path.stem, workspace or Path(loaded.workspace or "."), path)
        session._journal = Journal(path, next_n=loaded.last_n + 1, torn=read.torn)
        session._wire_journal(session._journal)
        for entry in loaded.entries:
            session.history.append(entry)
        session.last_step = max(session.history.last_step, loaded.stream_step)
        session.inbox.restore(loaded.items.values(), loaded.finished)
        session.inbox.hold()
        session._written = {item.id: item.content for item in loaded.items.values()}
        for entry in loaded.endings(time.time()):
            session.append(entry)
        if damaged := read.damaged + loaded.unreadable:
            session.notes = (
                f"{damaged} damaged record(s) of this session could not be read and were skipped.",
            )
        return session

    # ---------------------------------------------------------------- writing

    def append(self, entry: Entry, *, durable: bool = True) -> None:
        """Journal `entry`, then add it to the history."""
        if isinstance(entry, AssistantEntry):
            self._drop_stream()
        self._write(entry_record(entry), durable=durable)
        self.history.append(entry)

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

    def retract(self, entries: Iterable[UserEntry], now: float) -> None:
        """Take delivered items back that nothing has answered."""
        ids = tuple(entry.item_id for entry in entries)
        if ids:
            self.append(RetractEntry(ids, now))

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
        """Write what is left and let go of the file. Idempotent."""
        self.flush_stream()
        if self._journal is not None:
            self._journal.close()

    @property
    def saved(self) -> bool:
        """Is there a file one could resume?"""
        return self._journal is not None

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
        self.on_queue_changed()

    def _write(self, record: Mapping[str, Any], *, durable: bool = False) -> None:
        if self.path is None:
            return
        self._unwritten.append((record, durable))
        if self._journal is None and not self._make_journal(self.path):
            return
        assert self._journal is not None
        for kept, is_durable in self._unwritten:
            self._journal.append(kept, durable=is_durable)
        self._unwritten.clear()

    def _make_journal(self, path: Path) -> bool:
        """Make the file; False when that fails, and then the next record tries again."""
        first_record = len(self._unwritten) == 1
        try:
            self._journal = Journal(path)
        except OSError as error:
            if first_record:
                self.on_trouble(f"{path}: {error.strerror or error}")
            return False
        self._wire_journal(self._journal)
        self._journal.append(self._header())
        if not first_record:
            self.on_recovered()
        return True

    def _wire_journal(self, journal: Journal) -> None:
        journal.on_trouble = self._disk_refuses
        journal.on_recovered = self._disk_takes_again

    def _disk_refuses(self, reason: str) -> None:
        self.on_trouble(reason)

    def _disk_takes_again(self) -> None:
        self.on_recovered()

    def _header(self) -> Mapping[str, Any]:
        return {
            "type": "session",
            "version": FORMAT_VERSION,
            "id": self.id,
            "created": datetime.now(UTC).isoformat(timespec="seconds"),
            "workspace": str(self.workspace),
            "program": f"h2a-chat {__version__}",
        }
