"""From a history to the one request a provider accepts.

`build_request` is total: for *any* history (cut, damaged, resumed, forked) it returns a valid request and
says what it had to repair. Nothing else makes requests. The rules it keeps are those of the Messages API:

1. Roles alternate, the first and the last message are the user's, no message is empty.
2. Every tool_use has exactly one tool_result, in the very next user message, before any other block there.
3. In an assistant message tool_use blocks come last, and its last block is not thinking.
4. Thinking goes back unchanged, with its signature and to the model that made it, or not at all.
5. No text block is empty or only whitespace; no string holds a lone surrogate; ids are unique and well-formed.

Where a compaction counts, the request begins with its summary and goes on with what it kept. An answer the
user cut is followed, in the next user message, by a short marker: without it models either
forget the work or blame themselves for breaking off.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Final, Literal, TypeAlias

from h2a_agent.content import (
    AssistantBlock,
    ImageBlock,
    Message,
    RedactedThinkingBlock,
    TextBlock,
    ThinkingBlock,
    ToolResultBlock,
    ToolUseBlock,
    UserBlock,
)
from h2a_agent.events import Outcome
from h2a_agent.history import (
    AssistantEntry,
    CompactionEntry,
    CompactionSwitchEntry,
    Cut,
    Entry,
    OmitEntry,
    RetractEntry,
    ShellEntry,
    ToolEntry,
    UserEntry,
)
from h2a_agent.omissions import settings_without
from h2a_agent.projection import retracted, told
from h2a_agent.providers.base import Request
from h2a_agent.safe_text import encodable, without_surrogates

__all__ = ["CUT_MARKERS", "SUMMARY_MARKER", "Built", "RequestBuilder", "build_request"]

CUT_MARKERS: Final[Mapping[Cut, str]] = {
    "steer": "[The user interrupted your answer here. What you wrote so far stands; the user's message follows.]",
    "abort": "[The user stopped your answer here. What you wrote so far stands.]",
    "connection": "[The connection broke and cut your answer here. Continue exactly where it ends; do not repeat it.]",
    "crash": "[The program ended and cut your answer here. What you wrote so far stands.]",
}
SUMMARY_MARKER: Final = (
    "[The conversation up to here became too long. You summarised it as follows; go on from there.]"
)
_NO_RESULT: Final = (
    "Outcome unknown: the session ended before this call reported back. Verify before you rely on it."
)
_PIECE: Final = 200  # entries; what takes a few milliseconds
_OPENING: Final = "(The conversation's beginning is not available.)"
_CONTINUE: Final = "Continue."
_NO_OUTPUT: Final = "(no output)"
_ID: Final = re.compile(r"[a-zA-Z0-9_-]{1,64}")
_SNAPSHOT: Final = re.compile(r"[-@]\d{8}$|-latest$")
_NOT_ID: Final = re.compile(r"[^a-zA-Z0-9_-]")

_Content: TypeAlias = list[UserBlock | AssistantBlock | ToolResultBlock]


@dataclass(frozen=True, slots=True)
class Built:
    """A valid request, and in words what was repaired to make it so (empty for an undamaged history)."""

    request: Request
    repairs: tuple[str, ...]


def build_request(entries: Iterable[Entry], base: Request) -> Built:
    """The request that continues `entries`; model, system prompt, tools and limits come from `base`."""
    return RequestBuilder().build(tuple(entries), base)


def _last_summary(entries: Sequence[Entry]) -> int:
    """The index of the last word about a summary: what is built before that is built in vain."""
    words = (i for i, e in enumerate(entries) if isinstance(e, CompactionEntry | CompactionSwitchEntry))
    return max(words, default=0)


def _before_omission(entries: Sequence[Entry]) -> set[str]:
    last = max((i for i, entry in enumerate(entries) if isinstance(entry, OmitEntry)), default=0)
    return {entry.item_id for entry in entries[:last] if isinstance(entry, UserEntry)}


class RequestBuilder:
    """`build_request` for a history that grows: a step costs what is new in it.

    Messages before the last answer do not change any more, so they are kept, the same ones from request to
    request. Whatever is not simply more (another model, an item taken back, a summary, something left out) starts
    over.
    """

    def __init__(self) -> None:
        self._kept = _Kept("")

    def build(self, entries: Sequence[Entry], base: Request) -> Built:
        """The request that continues `entries`."""
        base = settings_without(base, entries)
        kept = self._kept
        if kept.continued_by(entries, base.model):
            kept.take(entries[kept.seen :])
        else:
            kept = self._kept = _Kept(base.model, open=told(entries), retracted=retracted(entries))
            kept.items = _before_omission(entries)
        kept.seen, kept.last = len(entries), entries[-1] if entries else None
        repairs: list[str] = []
        turns = _merged(_turns(kept.open, base.model, set(kept.used), repairs))
        if not kept.done and (not turns or turns[0].role != "user"):
            turns.insert(0, _Turn("user", [TextBlock(_OPENING)], 0, 0))
            repairs.append("added an opening, because the history has no user message in front")
        new = [turn.message() for turn in turns]
        messages, all_repairs = (*kept.done, *new), (*kept.repairs, *repairs)
        kept.put_aside(turns, new, repairs)
        if messages[-1].role != "user":
            messages += (Message("user", (TextBlock(_CONTINUE),)),)
        return Built(replace(base, messages=messages), all_repairs)

    async def catch_up(self, entries: Sequence[Entry], base: Request) -> None:
        """Build what is new in pieces, so that the loop breathes; a `build` behind it has little left to do."""
        settled = settings_without(base, entries)
        seen = self._kept.seen if self._kept.continued_by(entries, settled.model) else _last_summary(entries)
        for end in range(seen + _PIECE, len(entries), _PIECE):
            self.build(entries[:end], base)
            await asyncio.sleep(0)


@dataclass(slots=True)
class _Kept:
    """The part of a conversation that is done, for `model`, and where it ends in the history.

    `done` are messages nothing can change any more, `open` the entries behind them, `used` the ids of the calls
    and `items` those of the user's items that `done` or an omission was made with, `repairs` what was repaired,
    `retracted` what was taken back. `seen` entries of the history are in here; `last` is the last.
    """

    model: str
    done: list[Message] = field(default_factory=list)
    open: list[Entry] = field(default_factory=list)
    used: set[str] = field(default_factory=set)
    items: set[str] = field(default_factory=set)
    retracted: set[str] = field(default_factory=set)
    repairs: list[str] = field(default_factory=list)
    seen: int = 0
    last: Entry | None = None

    def continued_by(self, entries: Sequence[Entry], model: str) -> bool:
        """Is `entries` what was there last time and only more of it?"""
        if model != self.model or len(entries) < self.seen:
            return False
        if self.seen and entries[self.seen - 1] is not self.last:
            return False
        return all(map(self._only_adds, entries[self.seen :]))

    def _only_adds(self, entry: Entry) -> bool:
        """Does it leave `done` as it is?"""
        match entry:
            case UserEntry(item_id):
                return item_id not in self.retracted
            case AssistantEntry() | ShellEntry():
                return True
            case ToolEntry(call_id):
                return call_id not in self.used
            case RetractEntry(item_ids):
                return self.items.isdisjoint(item_ids)
            case OmitEntry() | CompactionEntry() | CompactionSwitchEntry():
                return False

    def take(self, entries: Sequence[Entry]) -> None:
        """Add what `continued_by` has let pass."""
        for entry in entries:
            if isinstance(entry, RetractEntry):
                self.retracted.update(entry.item_ids)
        self.open = told([*self.open, *entries])

    def put_aside(self, turns: list[_Turn], messages: list[Message], repairs: list[str]) -> None:
        """Add to `done` what no later entry can change: all before the last answer."""
        last = max((i for i, turn in enumerate(turns) if turn.role == "assistant"), default=0)
        if last == 0:
            return
        behind = turns[last].entry
        self.done += messages[:last]
        self.repairs += repairs[: turns[last].repairs]
        for entry in self.open[:behind]:
            if isinstance(entry, AssistantEntry):
                self.used.update(call.id for call in entry.tool_uses)
            elif isinstance(entry, UserEntry):
                self.items.add(entry.item_id)
        self.open = self.open[behind:]


# --------------------------------------------------------- helpers, in call order


@dataclass(slots=True)
class _Turn:
    """What one entry says in one role. `entry` is its index, `repairs` how many were made before it."""

    role: Literal["user", "assistant"]
    content: _Content
    entry: int
    repairs: int

    def message(self) -> Message:
        return Message(self.role, tuple(_ordered(self.content)))


def _turns(entries: list[Entry], model: str, used: set[str], repairs: list[str]) -> Iterator[_Turn]:
    """What each entry says, results right behind their calls, cuts marked. `used` are the ids of earlier calls."""
    results = _results(entries)
    for index, entry in enumerate(entries):
        before = len(repairs)
        match entry:
            case UserEntry():
                yield _Turn("user", _user_content(entry.content, repairs), index, before)
            case AssistantEntry():
                content = _assistant_content(entry, model, used, repairs)
                after: _Content = []
                for block in content:
                    if isinstance(block, ToolUseBlock):
                        after.append(_tool_result(block, results.get(block.id), repairs))
                if entry.cut and content:
                    after.append(TextBlock(CUT_MARKERS[entry.cut]))
                yield _Turn("assistant", [_well_formed(block) for block in content], index, before)
                yield _Turn("user", after, index, before)
            case ToolEntry(call_id):
                if results.get(call_id) is not entry:
                    repairs.append(f"dropped a result that no call waits for ({call_id})")
            case ShellEntry():
                yield _Turn("user", [TextBlock(_shell_text(entry))], index, before)
            case CompactionEntry(summary=summary):
                words = without_surrogates(f"{SUMMARY_MARKER}\n\n{summary}")
                yield _Turn("user", [TextBlock(words)], index, before)
            case RetractEntry() | OmitEntry() | CompactionSwitchEntry():
                pass  # `told` has applied them


def _results(entries: Iterable[Entry]) -> dict[str, ToolEntry]:
    """The result of each call: the first that came after it."""
    calls: set[str] = set()
    results: dict[str, ToolEntry] = {}
    for entry in entries:
        if isinstance(entry, AssistantEntry):
            calls.update(call.id for call in entry.tool_uses)
        elif isinstance(entry, ToolEntry) and entry.call_id in calls:
            results.setdefault(entry.call_id, entry)
    return results


def _merged(turns: Iterable[_Turn]) -> list[_Turn]:
    """Neighbours of one role as one; what says nothing is left out."""
    merged: list[_Turn] = []
    for turn in turns:
        if not turn.content:
            continue
        if merged and merged[-1].role == turn.role:
            merged[-1].content.extend(turn.content)
        else:
            merged.append(turn)
    return merged


def _shell_text(entry: ShellEntry) -> str:
    """A command of the user's and its output, said to be theirs: the model did not run it."""
    stopped = "\n\n[Stopped by the user.]" if entry.outcome is Outcome.STOPPED else ""
    return without_surrogates(
        f"[The user ran this command themselves.]\n$ {entry.command}\n{entry.text}{stopped}"
    )


def _user_content(blocks: Iterable[UserBlock], repairs: list[str]) -> _Content:
    content: _Content = []
    for block in blocks:
        if not isinstance(block, TextBlock):
            content.append(block)
        elif block.text.strip():
            content.append(TextBlock(without_surrogates(block.text)))
        else:
            repairs.append("dropped an empty text block of the user's")
    return content


def _assistant_content(
    entry: AssistantEntry, model: str, used: set[str], repairs: list[str]
) -> list[AssistantBlock]:
    """The blocks of an answer that may go back, calls last."""
    words: list[AssistantBlock] = []
    calls: list[AssistantBlock] = []
    for block in entry.content:
        match block:
            case TextBlock(text):
                if text.strip():
                    words.append(TextBlock(without_surrogates(text)))
            case ThinkingBlock() | RedactedThinkingBlock():
                if _is_same(entry.model, model) and _may_go_back(block):
                    words.append(block)
                else:
                    repairs.append("dropped thinking that is unsigned, damaged or another model's")
            case ToolUseBlock(id):
                if id in used:
                    repairs.append(f"dropped a second call with the id {id}")
                else:
                    used.add(id)
                    calls.append(block)
    content = words + calls
    while content and isinstance(content[-1], ThinkingBlock | RedactedThinkingBlock):
        content.pop()
    return content


def _is_same(answered: str, asked: str) -> bool:
    """Is the model that answered the one asked for? A server may say which dated snapshot a name stood for."""
    return answered == asked or _SNAPSHOT.sub("", answered) == _SNAPSHOT.sub("", asked)


def _may_go_back(block: ThinkingBlock | RedactedThinkingBlock) -> bool:
    """Thinking goes back as it came or not at all, so what cannot be encoded cannot be mended either."""
    if isinstance(block, RedactedThinkingBlock):
        return True
    return bool(block.signature) and without_surrogates(block.text) == block.text


def _tool_result(call: ToolUseBlock, entry: ToolEntry | None, repairs: list[str]) -> ToolResultBlock:
    call_id = _well_formed_id(call.id)
    if entry is None:
        repairs.append(f"added the missing result of call {call.id}")
        return ToolResultBlock(call_id, (TextBlock(_NO_RESULT),), is_error=True)
    text = without_surrogates(entry.text)
    content: list[TextBlock | ImageBlock] = list(entry.images)
    if text.strip():
        content.insert(0, TextBlock(text))
    elif not content:
        content.append(TextBlock(_NO_OUTPUT))
    return ToolResultBlock(call_id, tuple(content), entry.is_error)


def _well_formed(block: AssistantBlock) -> AssistantBlock:
    if isinstance(block, ToolUseBlock):
        name = _NOT_ID.sub("_", block.name)[:64] or "unnamed"
        return ToolUseBlock(_well_formed_id(block.id), name, encodable(dict(block.arguments)))
    return block


def _well_formed_id(call_id: str) -> str:
    """`call_id` where the API takes it, else a stand-in that is the same for the call and its result."""
    return (
        call_id if _ID.fullmatch(call_id) else "call_" + call_id.encode("utf-8", "surrogatepass").hex()[:58]
    )


def _ordered(content: _Content) -> _Content:
    """Results first in a user message; calls last in an assistant message that was merged from two."""
    first = [b for b in content if isinstance(b, ToolResultBlock)]
    last = [b for b in content if isinstance(b, ToolUseBlock)]
    rest = [b for b in content if not isinstance(b, ToolResultBlock | ToolUseBlock)]
    return [*first, *rest, *last]
