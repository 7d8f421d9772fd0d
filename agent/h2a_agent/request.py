"""From a history to the one request a provider accepts.

`build_request` is total: for *any* history (cut, damaged, resumed, forked) it returns a valid request and
says what it had to repair. Nothing else makes requests. The rules it keeps are those of the Messages API:

1. Roles alternate, the first and the last message are the user's, no message is empty.
2. Every tool_use has exactly one tool_result, in the very next user message, before any other block there.
3. In an assistant message tool_use blocks come last, and its last block is not thinking.
4. Thinking goes back unchanged, with its signature and to the model that made it, or not at all.
5. No text block is empty or only whitespace; no string holds a lone surrogate; ids are unique and well-formed.

An answer the user cut is followed, in the next user message, by a short marker: without it models either
forget the work or blame themselves for breaking off.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Final, TypeAlias

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
from h2a_agent.history import AssistantEntry, Cut, Entry, RetractEntry, ShellEntry, ToolEntry, UserEntry
from h2a_agent.providers.base import Request
from h2a_agent.safe_text import encodable, without_surrogates

__all__ = ["CUT_MARKERS", "Built", "build_request"]

CUT_MARKERS: Final[Mapping[Cut, str]] = {
    "steer": "[The user interrupted your answer here. What you wrote so far stands; the user's message follows.]",
    "abort": "[The user stopped your answer here. What you wrote so far stands.]",
    "connection": "[The connection broke and cut your answer here. Continue exactly where it ends; do not repeat it.]",
    "crash": "[The program ended and cut your answer here. What you wrote so far stands.]",
}
_NO_RESULT: Final = (
    "Outcome unknown: the session ended before this call reported back. Verify before you rely on it."
)
_OPENING: Final = "(The conversation's beginning is not available.)"
_CONTINUE: Final = "Continue."
_NO_OUTPUT: Final = "(no output)"
_ID: Final = re.compile(r"[a-zA-Z0-9_-]{1,64}")
_NOT_ID: Final = re.compile(r"[^a-zA-Z0-9_-]")

_Content: TypeAlias = list[UserBlock | AssistantBlock | ToolResultBlock]


@dataclass(frozen=True, slots=True)
class Built:
    """A valid request, and in words what was repaired to make it so (empty for an undamaged history)."""

    request: Request
    repairs: tuple[str, ...]


def build_request(entries: Iterable[Entry], base: Request) -> Built:
    """The request that continues `entries`; model, system prompt, tools and limits come from `base`."""
    repairs: list[str] = []
    entries = _without_retracted(entries)
    results = _results(entries, repairs)
    turns = _turns(entries, base.model, results, repairs)
    messages = _alternate(turns, repairs)
    return Built(replace(base, messages=messages), tuple(repairs))


# --------------------------------------------------------- helpers, in call order


def _without_retracted(entries: Iterable[Entry]) -> tuple[Entry, ...]:
    entries = tuple(entries)
    gone = {item for entry in entries if isinstance(entry, RetractEntry) for item in entry.item_ids}
    return tuple(e for e in entries if not (isinstance(e, UserEntry) and e.item_id in gone))


def _results(entries: tuple[Entry, ...], repairs: list[str]) -> dict[str, ToolEntry]:
    """The first result of each call; what answers nothing is left out by `_turns`."""
    results: dict[str, ToolEntry] = {}
    for entry in entries:
        if isinstance(entry, ToolEntry):
            if entry.call_id in results:
                repairs.append(f"dropped a second result of call {entry.call_id}")
            results.setdefault(entry.call_id, entry)
    return results


def _turns(
    entries: tuple[Entry, ...], model: str, results: Mapping[str, ToolEntry], repairs: list[str]
) -> list[tuple[str, _Content]]:
    """Role and content of each message, results right behind their calls, cuts marked."""
    turns: list[tuple[str, _Content]] = []
    used: set[str] = set()
    for entry in entries:
        match entry:
            case UserEntry():
                turns.append(("user", _user_content(entry.content, repairs)))
            case AssistantEntry():
                content = _assistant_content(entry, model, used, repairs)
                after: _Content = []
                for block in content:
                    if isinstance(block, ToolUseBlock):
                        after.append(_tool_result(block, results.get(block.id), repairs))
                if entry.cut and content:
                    after.append(TextBlock(CUT_MARKERS[entry.cut]))
                turns.append(("assistant", [_well_formed(block) for block in content]))
                turns.append(("user", after))
            case ShellEntry():
                turns.append(("user", [TextBlock(without_surrogates(_shell_text(entry)))]))
            case ToolEntry() | RetractEntry():
                pass
    orphans = results.keys() - used
    if orphans:
        repairs.append(f"dropped {len(orphans)} result(s) of calls that are not in the history")
    return turns


def _shell_text(entry: ShellEntry) -> str:
    """A command of the user's and its output, said to be theirs: the model did not run it."""
    stopped = "\n\n[Stopped by the user.]" if entry.outcome is Outcome.STOPPED else ""
    return f"[The user ran this command themselves.]\n$ {entry.command}\n{entry.text}{stopped}"


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
                if entry.model == model and _may_go_back(block):
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


def _alternate(turns: list[tuple[str, _Content]], repairs: list[str]) -> tuple[Message, ...]:
    """Merge neighbours of one role and see that the conversation begins and ends with the user."""
    merged: list[tuple[str, _Content]] = []
    for role, content in turns:
        if not content:
            continue
        if merged and merged[-1][0] == role:
            merged[-1][1].extend(content)
        else:
            merged.append((role, list(content)))
    if not merged or merged[0][0] != "user":
        merged.insert(0, ("user", [TextBlock(_OPENING)]))
        repairs.append("added an opening, because the history has no user message in front")
    if merged[-1][0] != "user":
        merged.append(("user", [TextBlock(_CONTINUE)]))
    return tuple(
        Message("user" if role == "user" else "assistant", tuple(_ordered(content)))
        for role, content in merged
    )


def _ordered(content: _Content) -> _Content:
    """Results first in a user message; calls last in an assistant message that was merged from two."""
    first = [b for b in content if isinstance(b, ToolResultBlock)]
    last = [b for b in content if isinstance(b, ToolUseBlock)]
    rest = [b for b in content if not isinstance(b, ToolResultBlock | ToolUseBlock)]
    return [*first, *rest, *last]
