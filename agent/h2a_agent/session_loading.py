"""What the records of a session's file add up to.

Reading is lenient: a record of an unknown type is somebody's future and no damage; one that is ours and makes
no sense is counted and left out; an entry whose parent was lost hangs below what was the head when it came.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from h2a_agent.codec import ENTRY_TYPES, item_of, node_of, spent_of
from h2a_agent.content import TextBlock, ToolUseBlock
from h2a_agent.events import Outcome
from h2a_agent.history import AssistantEntry, CompactionEntry, Entry, History, ToolEntry, UserEntry
from h2a_agent.inbox import Item, ItemState
from h2a_agent.providers.base import TokenUsage
from h2a_agent.spending import Spent

__all__ = ["FORMAT_VERSION", "Loaded", "SessionError", "load_records"]

# 1: a list of entries. 2: entries have ids and parents; branches, labels, names, repairs, summaries.
FORMAT_VERSION: Final = 2

CRASHED_RUNNING: Final = (
    "Outcome unknown: the program ended while this call was running. It may have had side effects; verify."
)
CRASHED_WAITING: Final = "Not started: the program ended before this call could run."


class SessionError(RuntimeError):
    """A session cannot be opened or changed; the message says why and what to do."""


@dataclass(slots=True)
class Loaded:
    """A session as its file tells it."""

    session_id: str = ""
    version: int = 0
    workspace: str = ""
    parent: str = ""  # the session it was forked from
    name: str = ""
    labels: dict[str, str] = field(default_factory=dict)
    history: History = field(default_factory=History)
    spent: list[Spent] = field(default_factory=list)
    items: dict[str, Item] = field(default_factory=dict)
    finished: dict[str, ItemState] = field(default_factory=dict)
    started_calls: set[str] = field(default_factory=set)
    stream: dict[int, list[str]] = field(default_factory=dict)
    stream_step: int = 0
    last_step: int = 0
    stream_model: str = ""
    last_n: int = 0
    unreadable: int = 0
    repaired: int = 0  # so many damaged places an earlier opening has told of

    def take(self, record: Mapping[str, Any]) -> None:
        """Add the next record.

        Raises:
            SessionError: it is from a newer version.
        """
        self.last_n = max(self.last_n, record["n"])
        try:
            self._take(record)
        except (KeyError, TypeError, ValueError):
            self.unreadable += 1

    def _take(self, record: Mapping[str, Any]) -> None:
        match record.get("type"):
            case str(kind) if kind in ENTRY_TYPES:
                self._take_entry(record)
            case "session":
                self._take_header(record)
            case "item":
                self._take_item(record)
            case "call":
                self.started_calls.add(str(record["id"]))
            case "stream":
                self._take_stream(record)
            case "branch":
                self.history.branch(str(record["to"]))
                self.stream, self.stream_step = {}, 0
            case "label":
                self._take_label(record)
            case "name":
                self.name = str(record["name"])
            case "spent":
                self.spent.append(spent_of(record))
            case "repair":
                self.repaired = int(record["damaged"])
            case _:
                pass  # a summary for lists, or of a type we do not know

    def _take_header(self, record: Mapping[str, Any]) -> None:
        self.version = max(self.version, int(record["version"]))
        if self.version > FORMAT_VERSION:
            raise SessionError("This session was written by a newer h2a-chat; update to open it.")
        self.session_id = str(record["id"])
        self.workspace = str(record["workspace"])
        self.parent = str(record.get("forked_from", self.parent))

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
        step = int(record["step"])
        if step != self.stream_step:
            self.stream, self.stream_step = {}, step
        self.last_step = max(self.last_step, step)
        self.stream_model = str(record["model"])
        self.stream.setdefault(int(record["block"]), []).append(str(record["text"]))

    def _take_label(self, record: Mapping[str, Any]) -> None:
        entry_id, label = str(record["entry"]), str(record["label"])
        if label:
            self.labels[entry_id] = label
        else:
            self.labels.pop(entry_id, None)

    def _take_entry(self, record: Mapping[str, Any]) -> None:
        node = node_of(record, self.history.head)
        if node is None or self.history.node(node.id) is not None:
            self.unreadable += 1
            return
        entry = self.history.add(node).entry
        if isinstance(entry, UserEntry):
            self.items.pop(entry.item_id, None)
            self.finished[entry.item_id] = ItemState.DELIVERED
        elif isinstance(entry, CompactionEntry):
            self.items.pop(entry.id, None)
            self.finished[entry.id] = ItemState.DELIVERED
        elif isinstance(entry, AssistantEntry):
            self.stream, self.stream_step = {}, 0
        self.last_step = max(self.last_step, self.history.last_step)

    def endings(self, now: float) -> list[Entry]:
        """What has to be added so that the history tells how a crash ended it."""
        words = {index: "".join(pieces) for index, pieces in self.stream.items()}
        if text := [TextBlock(words[index]) for index in sorted(words) if words[index].strip()]:
            usage = TokenUsage()
            return [AssistantEntry(self.stream_step, tuple(text), "", self.stream_model, usage, now, "crash")]
        calls = self.history.open_calls()
        return [_crashed(call, started=call.id in self.started_calls, now=now) for call in calls]


def load_records(records: Iterable[Mapping[str, Any]]) -> Loaded:
    """What `records` add up to.

    Raises:
        SessionError: they are from a newer version.
    """
    loaded = Loaded()
    for record in records:
        loaded.take(record)
    return loaded


def _crashed(call: ToolUseBlock, *, started: bool, now: float) -> ToolEntry:
    if started:
        return ToolEntry(call.id, Outcome.UNKNOWN, CRASHED_RUNNING, "outcome unknown", 0.0, now)
    return ToolEntry(call.id, Outcome.NOT_STARTED, CRASHED_WAITING, "not started", 0.0, now)
