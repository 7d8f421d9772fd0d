"""What has happened in a conversation, in order, for good.

The history is an append-only tree. Every entry has an id and hangs below the one that was the head when it
came; the path from the root to the head is the conversation as it stands. `branch` moves the head, so what is
said next hangs elsewhere; what was left stays where it is and can be gone back to.

        ask ── answer ── ask ── answer          a branch that was left
                   └──── ask ── answer ◀ head

The path is all that most of the program knows (`entries`). What a provider is sent is a projection of it (`request.build_request`); what a
screen shows of a reopened session is another (`replay.events_of`). An entry is what truly happened:
an answer that was cut carries the words that came and why it ended there.
"""

from __future__ import annotations

import secrets
from collections.abc import Collection
from dataclasses import dataclass
from itertools import takewhile
from typing import Final, Literal, TypeAlias

from h2a_agent.content import AssistantBlock, ImageBlock, ToolUseBlock, UserBlock
from h2a_agent.events import Kind, Outcome
from h2a_agent.providers.base import TokenUsage

__all__ = [
    "WINDOW_FULL",
    "AssistantEntry",
    "CompactionEntry",
    "CompactionSwitchEntry",
    "Cut",
    "Entry",
    "History",
    "Node",
    "OmitEntry",
    "RetractEntry",
    "ShellEntry",
    "ToolEntry",
    "UserEntry",
]

Cut: TypeAlias = Literal["", "steer", "abort", "connection", "crash"]


# How the Messages API says that an answer filled the context window.
WINDOW_FULL: Final = "model_context_window_exceeded"

# After these the results of an answer's calls are sent back ("": it was cut). A refusal, a full context or a
# reason nobody knows is the model's last word, calls or not.
_GOES_ON: Final = frozenset({"", "tool_use", "end_turn", "stop_sequence", "max_tokens", "pause_turn"})


@dataclass(frozen=True, slots=True)
class UserEntry:
    """A delivered item of the user's. `time` is seconds since the epoch."""

    item_id: str
    kind: Kind
    content: tuple[UserBlock, ...]
    time: float


@dataclass(frozen=True, slots=True)
class AssistantEntry:
    """An answer, whole or cut.

    `content` holds the blocks that were whole, and of a cut one the words so far if they are text. A cut
    answer of no blocks at all is not recorded. `stop_reason` is "" when it never came; `model` is who
    answered, because thinking may only go back to the same model.
    """

    step: int
    content: tuple[AssistantBlock, ...]
    stop_reason: str
    model: str
    usage: TokenUsage
    time: float
    cut: Cut = ""

    @property
    def tool_uses(self) -> tuple[ToolUseBlock, ...]:
        """The calls that came whole."""
        return tuple(block for block in self.content if isinstance(block, ToolUseBlock))


@dataclass(frozen=True, slots=True)
class ToolEntry:
    """The one result of a tool call."""

    call_id: str
    outcome: Outcome
    text: str
    brief: str
    elapsed_s: float
    time: float
    images: tuple[ImageBlock, ...] = ()
    diff: str = ""

    @property
    def is_error(self) -> bool:
        """What the provider is told: only a real failure is one; an interruption is a fact."""
        return self.outcome in (Outcome.FAILED, Outcome.UNKNOWN)


@dataclass(frozen=True, slots=True)
class RetractEntry:
    """The user took these delivered items back before anything was answered; no request carries them."""

    item_ids: tuple[str, ...]
    time: float


@dataclass(frozen=True, slots=True)
class ShellEntry:
    """A command the user ran themselves, and what came of it. Nobody has to answer it."""

    id: str
    command: str
    outcome: Outcome
    text: str
    brief: str
    elapsed_s: float
    time: float


@dataclass(frozen=True, slots=True)
class OmitEntry:
    """A server refused a request, and took it without `omissions` (see `omissions.py`); so do those to come.

    What was said before is left out for every model, a setting or a tool only for `model`. `reason` is what
    the server said.
    """

    omissions: tuple[str, ...]
    model: str
    reason: str
    time: float


@dataclass(frozen=True, slots=True)
class CompactionEntry:
    """A summary that stands for everything before the `kept` entries in front of it, while it counts.

    `counts` is false for a preview, which a `CompactionSwitchEntry` may make count. `id` is the item's that asked for
    it where a person did. Tokens are those of the next request without and with the summary.
    """

    id: str
    summary: str
    kept: int
    tokens_before: int
    tokens_after: int
    instructions: str
    model: str
    usage: TokenUsage
    time: float
    counts: bool = True


@dataclass(frozen=True, slots=True)
class CompactionSwitchEntry:
    """From here on the summary of that compaction counts, or no longer does: accepted, dropped, undone."""

    compaction: str
    counts: bool
    time: float


Entry: TypeAlias = (
    UserEntry
    | AssistantEntry
    | ToolEntry
    | RetractEntry
    | ShellEntry
    | OmitEntry
    | CompactionEntry
    | CompactionSwitchEntry
)


# Nobody has to answer these.
_ASKS_NOTHING: Final = (ShellEntry, OmitEntry, CompactionEntry, CompactionSwitchEntry)


@dataclass(frozen=True, slots=True)
class Node:
    """An entry and its place in the tree: `parent` is the id of the entry before it, "" for a root."""

    id: str
    parent: str
    entry: Entry


class History:
    """The tree of one conversation. Only `Session` changes it, after the journal has the change."""

    def __init__(self, entries: tuple[Entry, ...] = ()) -> None:
        self._nodes: dict[str, Node] = {}
        self._children: dict[str, list[Node]] = {}
        self._path: list[Node] = []
        self._entries: list[Entry] = []  # of the path
        self._call_ids: set[str] = set()
        self._last_step = 0
        for entry in entries:
            self.append(entry)

    # ------------------------------------------------------------- the path

    @property
    def entries(self) -> tuple[Entry, ...]:
        """The conversation as it stands, in order."""
        return tuple(self._entries)

    def pictures(self, source: str) -> tuple[ImageBlock, ...]:
        """The pictures of the item or the call with this id; none where there is no such thing."""
        for entry in reversed(self._entries):
            match entry:
                case UserEntry(item_id=item_id, content=content) if item_id == source:
                    return tuple(block for block in content if isinstance(block, ImageBlock))
                case ToolEntry(call_id=call_id, images=images) if call_id == source:
                    return images
        return ()

    @property
    def path(self) -> tuple[Node, ...]:
        """The same, with ids."""
        return tuple(self._path)

    @property
    def head(self) -> str:
        """The id of the entry that the next one will hang below; "" at the very beginning."""
        return self._path[-1].id if self._path else ""

    def __len__(self) -> int:
        return len(self._entries)

    # ------------------------------------------------------------- the tree

    @property
    def nodes(self) -> Collection[Node]:
        """Every entry there is, also on branches that were left, in the order they came."""
        return self._nodes.values()

    def node(self, entry_id: str) -> Node | None:
        """The entry of this id; None when there is none."""
        return self._nodes.get(entry_id)

    def children(self, entry_id: str) -> tuple[Node, ...]:
        """What hangs below an entry ("": the roots), the oldest first."""
        return tuple(self._children.get(entry_id, ()))

    def path_to(self, entry_id: str) -> tuple[Node, ...]:
        """The entries from the root to `entry_id`, which is "" for none of them."""
        path: list[Node] = []
        while entry_id:
            node = self._nodes[entry_id]
            path.append(node)
            entry_id = node.parent
        return tuple(reversed(path))

    def before(self, node: Node) -> str:
        """Where the head goes to say `node` again, or to go on from it.

        A message of the user's is said again, so the head goes before it. An answer keeps the results of its
        calls: without them it would ask the model to guess what its calls did.
        """
        if isinstance(node.entry, UserEntry):
            return node.parent
        last = node
        while below := [n for n in self.children(node.id) if isinstance(n.entry, ToolEntry | ShellEntry)]:
            node = below[0]
            last = (
                node if isinstance(node.entry, ToolEntry) else last
            )  # a command may stand among the results
        return last.id

    # ------------------------------------------------------------- changing

    def next_node(self, entry: Entry) -> Node:
        """`entry` with a new id, hanging below the head; not added yet."""
        while (entry_id := secrets.token_hex(4)) in self._nodes:
            pass
        return Node(entry_id, self.head, entry)

    def append(self, entry: Entry) -> Node:
        """Add what has happened last."""
        return self.add(self.next_node(entry))

    def add(self, node: Node) -> Node:
        """Add a node, which becomes the head. Where its parent is not known, it hangs below the head."""
        if node.parent != self.head:
            if node.parent and node.parent not in self._nodes:
                node = Node(node.id, self.head, node.entry)
            else:
                self.branch(node.parent)
        self._nodes[node.id] = node
        self._children.setdefault(node.parent, []).append(node)
        self._path.append(node)
        self._entries.append(node.entry)
        if isinstance(node.entry, AssistantEntry):
            self._call_ids.update(call.id for call in node.entry.tool_uses)
            self._last_step = max(self._last_step, node.entry.step)
        return node

    def branch(self, entry_id: str) -> None:
        """Move the head to an entry, "" for the very beginning.

        Raises:
            KeyError: there is no such entry.
        """
        self._path = list(self.path_to(entry_id))
        self._entries = [node.entry for node in self._path]

    # -------------------------------------------------------------- looking

    @property
    def call_ids(self) -> Collection[str]:
        """The ids of all tool calls there were, on every branch."""
        return self._call_ids

    @property
    def last(self) -> Entry | None:
        """The newest entry of the path."""
        return self._entries[-1] if self._entries else None

    @property
    def last_step(self) -> int:
        """The number of the last request that was answered, on any branch; 0 when none was."""
        return self._last_step

    def open_calls(self) -> tuple[ToolUseBlock, ...]:
        """Tool calls of the last answer that have no result yet, in the order of the calls."""
        answered: set[str] = set()
        for entry in reversed(self._entries):
            if isinstance(entry, ToolEntry):
                answered.add(entry.call_id)
            elif isinstance(entry, AssistantEntry):
                return tuple(call for call in entry.tool_uses if call.id not in answered)
        return ()

    def owes_answer(self) -> bool:
        """Is it the model's turn: a user message or tool results it has not answered, or an answer that broke off?

        An answer that ended with the context window is gone on with once a summary has made room.
        """
        since = list(takewhile(lambda e: isinstance(e, _ASKS_NOTHING), reversed(self._entries)))
        last = self._entries[-len(since) - 1] if len(since) < len(self._entries) else None
        if not isinstance(last, AssistantEntry | ToolEntry):
            return isinstance(last, UserEntry)
        answer = next((e for e in reversed(self._entries) if isinstance(e, AssistantEntry)), None)
        if answer is not None and answer.stop_reason == WINDOW_FULL:
            return any(isinstance(entry, CompactionEntry) and entry.counts for entry in since)
        if isinstance(last, ToolEntry):
            return answer is None or answer.stop_reason in _GOES_ON
        return last.cut == "connection" or last.stop_reason == "pause_turn"
