"""A session's tree as rows to choose from, the way a person looks for the place to go back to.

A conversation without branches is a plain list. Where it forks, each branch but the one that goes on is indented,
so the depth of a row is the number of turnings it is away from the first branch.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from h2a_agent.content import ToolUseBlock, plain_text
from h2a_agent.history import (
    AssistantEntry,
    CompactionEntry,
    CompactionSwitchEntry,
    Entry,
    History,
    Node,
    OmitEntry,
    RetractEntry,
    ShellEntry,
    ToolEntry,
    UserEntry,
)
from h2a_agent.safe_text import one_line

__all__ = ["TreeRow", "tree_rows"]

_TEXT: Final = 100


@dataclass(frozen=True, slots=True)
class TreeRow:
    """One entry. `on_path`: it belongs to the conversation as it stands, which ends at `is_head`.

    `speaker` is `you`, `steer`, `agent`, `tool`, `!` or the name of another type of entry; `time` is seconds since the
    epoch.
    """

    id: str
    depth: int
    speaker: str
    text: str
    label: str
    on_path: bool
    is_head: bool
    time: float


def tree_rows(history: History, labels: Mapping[str, str]) -> list[TreeRow]:
    """Every entry of every branch, parents before their children, the older branch first."""
    on_path = {node.id for node in history.path}
    return [
        TreeRow(
            node.id,
            depth,
            *_said(node.entry),
            one_line(labels.get(node.id, ""), 40),
            node.id in on_path,
            node.id == history.head,
            node.entry.time,
        )
        for node, depth in _walk(history)
    ]


def _walk(history: History) -> Iterator[tuple[Node, int]]:
    """Depth first, without recursion: a conversation may be ten thousand entries long."""
    waiting = _branches(history, "", 0)
    while waiting:
        node, depth = waiting.pop()
        yield node, depth
        waiting += _branches(history, node.id, depth)


def _branches(history: History, entry_id: str, depth: int) -> list[tuple[Node, int]]:
    """What hangs below an entry, the last to be shown first; the newest goes on at the same depth, below."""
    children = history.children(entry_id)
    return [(node, depth + (node is not children[-1])) for node in reversed(children)]


def _said(entry: Entry) -> tuple[str, str]:
    match entry:
        case UserEntry():
            speaker = "steer" if entry.kind == "steer" else "you"
            return speaker, one_line(plain_text(entry.content) or "(an image)", _TEXT)
        case AssistantEntry():
            calls = [block.name for block in entry.content if isinstance(block, ToolUseBlock)]
            text = plain_text(entry.content) or ("calls " + ", ".join(calls) if calls else "")
            return "agent", one_line(text + (f" [cut: {entry.cut}]" if entry.cut else ""), _TEXT)
        case ToolEntry():
            return "tool", one_line(f"{entry.outcome}: {entry.brief}", _TEXT)
        case ShellEntry():
            return "!", one_line(f"{entry.command}: {entry.brief}", _TEXT)
        case RetractEntry():
            return "retract", "taken back unanswered"
        case OmitEntry():
            return "left out", one_line(f"{', '.join(entry.omissions)}: {entry.reason}", _TEXT)
        case CompactionEntry():
            return "summary", one_line(entry.summary, _TEXT)
        case CompactionSwitchEntry():
            return "summary", "accepted" if entry.counts else "taken back"
