"""History entries and inbox items as JSON records, and back.

Decoding is lenient where a session may be old or damaged (an unknown block is left out) and strict where a
wrong value would reach a provider. Only plain JSON types come out of `*_record`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final, TypeAlias, get_args

from h2a_agent.content import (
    AssistantBlock,
    ImageBlock,
    RedactedThinkingBlock,
    TextBlock,
    ThinkingBlock,
    ToolUseBlock,
    UserBlock,
)
from h2a_agent.events import Kind, Outcome
from h2a_agent.history import (
    AssistantEntry,
    CompactionEntry,
    CompactionSwitchEntry,
    Cut,
    Entry,
    Node,
    OmitEntry,
    RetractEntry,
    ShellEntry,
    ToolEntry,
    UserEntry,
)
from h2a_agent.inbox import Item, ItemState
from h2a_agent.providers.base import TokenUsage
from h2a_agent.spending import Spent

__all__ = [
    "ENTRY_TYPES",
    "Record",
    "entry_of",
    "entry_record",
    "item_of",
    "item_record",
    "node_of",
    "node_record",
]

Record: TypeAlias = Mapping[str, Any]
_Block: TypeAlias = UserBlock | AssistantBlock


def _block_record(block: _Block) -> Record:
    match block:
        case TextBlock(text):
            return {"type": "text", "text": text}
        case ImageBlock(media_type, data):
            return {"type": "image", "media_type": media_type, "data": data}
        case ThinkingBlock(text, signature):
            return {"type": "thinking", "text": text, "signature": signature}
        case RedactedThinkingBlock(data):
            return {"type": "redacted_thinking", "data": data}
        case ToolUseBlock(id, name, arguments):
            return {"type": "tool_use", "id": id, "name": name, "arguments": dict(arguments)}


_BLOCKS: Final[Mapping[str, Callable[[Record], _Block]]] = {
    "text": lambda r: TextBlock(str(r["text"])),
    "image": lambda r: ImageBlock(str(r["media_type"]), str(r["data"])),
    "thinking": lambda r: ThinkingBlock(str(r["text"]), str(r["signature"])),
    "redacted_thinking": lambda r: RedactedThinkingBlock(str(r["data"])),
    "tool_use": lambda r: ToolUseBlock(str(r["id"]), str(r["name"]), dict(r["arguments"])),
}


def _blocks_of(records: Sequence[Record]) -> list[_Block]:
    return [_BLOCKS[r["type"]](r) for r in records if r.get("type") in _BLOCKS]


def _user_blocks(records: Sequence[Record]) -> tuple[UserBlock, ...]:
    return tuple(b for b in _blocks_of(records) if isinstance(b, UserBlock))


def _assistant_blocks(records: Sequence[Record]) -> tuple[AssistantBlock, ...]:
    return tuple(b for b in _blocks_of(records) if isinstance(b, AssistantBlock))


# ------------------------------------------------------------------- entries


def entry_record(entry: Entry) -> Record:
    """`entry` as a journal record."""
    match entry:
        case UserEntry():
            return {
                "type": "user",
                "item": entry.item_id,
                "kind": entry.kind.value,
                "time": entry.time,
                "content": [_block_record(block) for block in entry.content],
            }
        case AssistantEntry():
            return {
                "type": "assistant",
                "step": entry.step,
                "model": entry.model,
                "time": entry.time,
                "stop_reason": entry.stop_reason,
                "cut": entry.cut,
                "usage": _usage_record(entry.usage),
                "content": [_block_record(block) for block in entry.content],
            }
        case ToolEntry():
            return {
                "type": "result",
                "call": entry.call_id,
                "outcome": entry.outcome.value,
                "time": entry.time,
                "elapsed_s": round(entry.elapsed_s, 3),
                "brief": entry.brief,
                "text": entry.text,
                "diff": entry.diff,
                "images": [_block_record(image) for image in entry.images],
            }
        case RetractEntry():
            return {"type": "retract", "items": list(entry.item_ids), "time": entry.time}
        case ShellEntry():
            return {
                "type": "shell",
                "shell": entry.id,
                "command": entry.command,
                "outcome": entry.outcome.value,
                "time": entry.time,
                "elapsed_s": round(entry.elapsed_s, 3),
                "brief": entry.brief,
                "text": entry.text,
            }
        case OmitEntry():
            return {
                "type": "omit",
                "omissions": list(entry.omissions),
                "model": entry.model,
                "reason": entry.reason,
                "time": entry.time,
            }
        case CompactionEntry():
            return {
                "type": "compaction",
                "item": entry.id,
                "kept": entry.kept,
                "tokens_before": entry.tokens_before,
                "tokens_after": entry.tokens_after,
                "instructions": entry.instructions,
                "model": entry.model,
                "usage": _usage_record(entry.usage),
                "time": entry.time,
                "counts": entry.counts,
                "summary": entry.summary,
            }
        case CompactionSwitchEntry():
            return {
                "type": "compaction_switch",
                "compaction": entry.compaction,
                "counts": entry.counts,
                "time": entry.time,
            }


def spent_record(model: str, usage: TokenUsage) -> Record:
    """The record of what requests used of which nothing is in the history, such as those for a summary that was none."""
    return {"type": "spent", "model": model, "usage": _usage_record(usage)}


def spent_of(record: Record) -> Spent:
    """What `spent_record` made a record of."""
    return Spent(str(record["model"]), _usage_of(record["usage"]))


def _usage_record(usage: TokenUsage) -> Record:
    return {
        "input": usage.input_tokens,
        "output": usage.output_tokens,
        "cache_read": usage.cache_read_tokens,
        "cache_write": usage.cache_write_tokens,
    }


def _usage_of(r: Record) -> TokenUsage:
    return TokenUsage(int(r["input"]), int(r["output"]), int(r["cache_read"]), int(r["cache_write"]))


def _user_of(r: Record) -> UserEntry:
    return UserEntry(str(r["item"]), Kind(r["kind"]), _user_blocks(r["content"]), float(r["time"]))


def _assistant_of(r: Record) -> AssistantEntry:
    usage = _usage_of(r["usage"])
    cut: Cut = next((known for known in get_args(Cut) if known == r["cut"]), "crash")
    content = _assistant_blocks(r["content"])
    step, stop = int(r["step"]), str(r["stop_reason"])
    return AssistantEntry(step, content, stop, str(r["model"]), usage, float(r["time"]), cut)


def _tool_of(r: Record) -> ToolEntry:
    images = tuple(b for b in _blocks_of(r["images"]) if isinstance(b, ImageBlock))
    return ToolEntry(
        str(r["call"]),
        Outcome(r["outcome"]),
        str(r["text"]),
        str(r["brief"]),
        float(r["elapsed_s"]),
        float(r["time"]),
        images,
        str(r["diff"]),
    )


def _shell_of(r: Record) -> ShellEntry:
    return ShellEntry(
        str(r["shell"]),
        str(r["command"]),
        Outcome(r["outcome"]),
        str(r["text"]),
        str(r["brief"]),
        float(r["elapsed_s"]),
        float(r["time"]),
    )


def _compaction_of(r: Record) -> CompactionEntry:
    return CompactionEntry(
        str(r["item"]),
        str(r["summary"]),
        int(r["kept"]),
        int(r["tokens_before"]),
        int(r["tokens_after"]),
        str(r["instructions"]),
        str(r["model"]),
        _usage_of(r["usage"]),
        float(r["time"]),
        r["counts"] is True,
    )


def _switch_of(r: Record) -> CompactionSwitchEntry:
    return CompactionSwitchEntry(str(r["compaction"]), r["counts"] is True, float(r["time"]))


_ENTRIES: Final[Mapping[str, Callable[[Record], Entry]]] = {
    "user": _user_of,
    "assistant": _assistant_of,
    "result": _tool_of,
    "shell": _shell_of,
    "omit": lambda r: OmitEntry(
        tuple(map(str, r["omissions"])), str(r["model"]), str(r["reason"]), float(r["time"])
    ),
    "retract": lambda r: RetractEntry(tuple(map(str, r["items"])), float(r["time"])),
    "compaction": _compaction_of,
    "compaction_switch": _switch_of,
}


# The types of records that are entries of the history.
ENTRY_TYPES: Final = frozenset(_ENTRIES)


def entry_of(record: Record) -> Entry | None:
    """The history entry of a record; None when it is another kind of record, or not readable as one."""
    decode = _ENTRIES.get(str(record.get("type")))
    if decode is None:
        return None
    try:
        return decode(record)
    except (KeyError, TypeError, ValueError):
        return None


def node_record(node: Node) -> Record:
    """An entry and its place in the tree as a journal record."""
    return {**entry_record(node.entry), "id": node.id, "parent": node.parent}


def node_of(record: Record, head: str) -> Node | None:
    """The node of a record; None when it is not readable as one.

    Format 1 had neither ids nor branches: there the id is the record's number, and the parent is `head`.
    """
    entry = entry_of(record)
    if entry is None:
        return None
    entry_id = record.get("id")
    if entry_id is None:
        return Node(f"{int(record['n']):08x}", head, entry)
    return Node(str(entry_id), str(record.get("parent", head)), entry)


# --------------------------------------------------------------------- items


def item_record(item: Item, *, with_content: bool) -> Record:
    """`item` as a journal record; without its content where an earlier record has it already."""
    record: dict[str, Any] = {
        "type": "item",
        "id": item.id,
        "state": item.state.value,
        "kind": item.kind.value,
        "place": item.place,
        "accepted_at": item.accepted_at,
    }
    if with_content:
        record["content"] = [_block_record(block) for block in item.content]
    return record


def item_of(record: Record, known: Mapping[str, Item]) -> Item | None:
    """The item after this record, its content taken from `known` where the record has none."""
    try:
        item_id = str(record["id"])
        written = record.get("content")
        content = known[item_id].content if written is None else _user_blocks(written)
        return Item(
            item_id,
            Kind(record["kind"]),
            content,
            int(record["place"]),
            float(record["accepted_at"]),
            ItemState(record["state"]),
        )
    except (KeyError, TypeError, ValueError):
        return None
