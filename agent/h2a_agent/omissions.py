"""What requests leave out after a server refused one, so that no session is ever stuck.

A conversation can come to hold what a server will not take: a signature of thinking it does not know, a
picture it cannot read, more than fits. It would refuse every later request for the same reason, so the loop
repeats a refused one without what the error names, then without all that is not plain text
(`next_omissions`). What helped is recorded in the history as an `OmitEntry`, and from there on requests are
built without it (`without`, `settings_without`): it is not tried again at each step, and a reopened session
knows it too. The history itself keeps everything.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import replace
from enum import StrEnum
from typing import Any, Final

from h2a_agent.content import (
    AssistantBlock,
    ImageBlock,
    RedactedThinkingBlock,
    TextBlock,
    ThinkingBlock,
    ToolUseBlock,
    UserBlock,
)
from h2a_agent.events import Kind
from h2a_agent.history import (
    AssistantEntry,
    CompactionEntry,
    Entry,
    OmitEntry,
    ShellEntry,
    ToolEntry,
    UserEntry,
)
from h2a_agent.providers.base import Failed, FailureKind, Request
from h2a_agent.safe_text import each_string

__all__ = ["Omission", "next_omissions", "settings_without", "without"]


class Omission(StrEnum):
    """What may be left out, in words for people. A single tool is left out as `the tool NAME`."""

    THINKING = "earlier thinking"
    PICTURES = "pictures"
    LONG_TEXTS = "the middle of long texts"
    CALLS = "the form of tool calls"  # they are told as text
    BEGINNING = "the beginning of the conversation"
    LEVEL = "the thinking level"
    CACHING = "prompt caching"
    TOOLS = "tools"


_O = Omission
_TOOL: Final = "the tool "
_SETTINGS: Final = frozenset({_O.LEVEL, _O.CACHING, _O.TOOLS})

# What an error's text tells of its cause; the first that matches. Without a tell: what is most often the cause.
_TELLS: Final[tuple[tuple[re.Pattern[str], tuple[Omission, ...]], ...]] = tuple(
    (re.compile(words, re.IGNORECASE), cure)
    for words, cure in (
        (r"not support (the )?(tools?|tool use|function)", (_O.TOOLS, _O.CALLS)),
        (r"cache_control", (_O.CACHING,)),
        (r"expected .?(redacted_)?thinking", (_O.THINKING, _O.LEVEL)),
        (
            r"thinking\.(type|enabled|adaptive|disabled|budget)|budget_tokens|output_config|effort",
            (_O.LEVEL,),
        ),
        (r"not support (the )?(thinking|reasoning)|^(HTTP \d+: )?thinking\b", (_O.LEVEL,)),
        (r"signature|thinking", (_O.THINKING,)),
        (r"image|picture|vision|media|pixels|base64|document|pdf", (_O.PICTURES,)),
        (r"tool_use|tool_result|tool call", (_O.CALLS,)),
    )
)
_BAD_TOOL: Final = re.compile(r"\btools\.(\d+)\b")
_NOT_CONTENT: Final = re.compile(r"^(HTTP \d+: )?(max_tokens|model|metadata|temperature)\b")
_FIRST_GUESS: Final = (_O.THINKING, _O.PICTURES, _O.LEVEL, _O.CACHING)
_EVERYTHING: Final = (*_FIRST_GUESS, _O.CALLS, _O.LONG_TEXTS)
_SMALLER: Final = (_O.PICTURES, _O.LONG_TEXTS, _O.THINKING)
_TOO_BIG: Final = frozenset({FailureKind.TOO_LARGE, FailureKind.TOO_MANY_BYTES})

# Characters a text keeps when long ones are shortened. A person's own words count more.
_USERS_TEXT: Final = 20_000
_OTHER_TEXT: Final = 4_000
_NEWEST: Final = 20  # entries after the user's last word that are kept without the beginning
_RESULT: Final = "[The result of the call:]"
_PICTURE_GONE: Final = "[A picture was here. The server would not take it.]"
_BEGINNING_GONE: Final = "[The beginning of the conversation did not fit and is left out.]"


# ------------------------------------------------------------------ what to leave out


def next_omissions(failure: Failed, request: Request, tried: Sequence[str]) -> tuple[str, ...]:
    """What to leave out of `request` after `failure`, `tried` being left out already; () when all has been tried."""
    if not tried:
        return _told(failure, request)
    last_resort = (*_SMALLER, _O.BEGINNING) if failure.kind in _TOO_BIG else _EVERYTHING
    more = tuple(what for what in last_resort if what not in tried)
    return (*tried, *more) if more else ()


def _told(failure: Failed, request: Request) -> tuple[str, ...]:
    if failure.kind in _TOO_BIG:
        return _SMALLER
    if _NOT_CONTENT.search(failure.message):
        return ()
    if (found := _BAD_TOOL.search(failure.message)) and int(found[1]) < len(request.tools):
        return (f"{_TOOL}{request.tools[int(found[1])].name}",)
    return next((cure for words, cure in _TELLS if words.search(failure.message)), _FIRST_GUESS)


# ---------------------------------------------------------------------- leaving it out


def settings_without(base: Request, entries: Iterable[Entry]) -> Request:
    """`base` without the settings and tools its model's server refused."""
    gone = {
        what
        for entry in entries
        if isinstance(entry, OmitEntry) and entry.model == base.model
        for what in entry.omissions
    }
    if not gone:
        return base
    return replace(
        base,
        thinking=None if _O.LEVEL in gone else base.thinking,
        caching=base.caching and _O.CACHING not in gone,
        tools=tuple(t for t in base.tools if _O.TOOLS not in gone and f"{_TOOL}{t.name}" not in gone),
    )


def without(entries: Iterable[Entry]) -> list[Entry]:
    """`entries` as requests carry them: before each `OmitEntry` without what it says, and without these."""
    kept: list[Entry] = []
    for entry in entries:
        if not isinstance(entry, OmitEntry):
            kept.append(entry)
        elif gone := frozenset(entry.omissions) - _SETTINGS:
            if _O.BEGINNING in gone:
                kept = _newest(kept)
            kept = [_entry_without(old, gone) for old in kept]
    return kept


def _newest(entries: list[Entry]) -> list[Entry]:
    """A summary in front, the user's last word and what is newest after it."""
    summary = [entry for entry in entries[:1] if isinstance(entry, CompactionEntry)]
    words = max((i for i, entry in enumerate(entries) if isinstance(entry, UserEntry)), default=-1)
    if words < 0:
        return [*summary, *entries[len(summary) :][-_NEWEST:]]
    last = entries[words]
    newest = [last, *entries[words + 1 :][-_NEWEST:]]
    if len(summary) + len(newest) == len(entries):
        return entries
    note = UserEntry("", Kind.PROMPT, (TextBlock(_BEGINNING_GONE),), last.time)
    return [*summary, note, *newest]


def _entry_without(entry: Entry, gone: frozenset[str]) -> Entry:
    match entry:
        case UserEntry():
            said = tuple(_user_block(block, gone, _USERS_TEXT) for block in entry.content)
            return replace(entry, content=said)
        case AssistantEntry():
            kept = (_assistant_block(block, gone) for block in entry.content)
            return replace(entry, content=tuple(block for block in kept if block is not None))
        case ToolEntry():
            whole: tuple[UserBlock, ...] = (TextBlock(entry.text), *entry.images)
            blocks = tuple(_user_block(block, gone, _OTHER_TEXT) for block in whole)
            if _O.CALLS in gone:
                return UserEntry("", Kind.PROMPT, (TextBlock(_RESULT), *blocks), entry.time)
            text = "\n\n".join(block.text for block in blocks if isinstance(block, TextBlock))
            return replace(entry, text=text, images=tuple(b for b in blocks if isinstance(b, ImageBlock)))
        case ShellEntry() if _O.LONG_TEXTS in gone:
            return replace(entry, text=_shortened(entry.text, _OTHER_TEXT))
        case _:
            return entry


def _user_block(block: UserBlock, gone: frozenset[str], limit: int) -> UserBlock:
    match block:
        case ImageBlock():
            return TextBlock(_PICTURE_GONE) if _O.PICTURES in gone else block
        case TextBlock(text):
            return TextBlock(_shortened(text, limit)) if _O.LONG_TEXTS in gone else block


def _assistant_block(block: AssistantBlock, gone: frozenset[str]) -> AssistantBlock | None:
    match block:
        case ThinkingBlock() | RedactedThinkingBlock():
            return None if _O.THINKING in gone else block
        case TextBlock(text):
            return TextBlock(_shortened(text, _OTHER_TEXT)) if _O.LONG_TEXTS in gone else block
        case ToolUseBlock(call_id, name, arguments):
            if _O.LONG_TEXTS in gone:
                arguments = _all_shortened(dict(arguments))
            if _O.CALLS in gone:
                return TextBlock(f"[I called the tool {name} with {dict(arguments)!r}.]")
            return ToolUseBlock(call_id, name, arguments)


def _all_shortened(value: Any) -> Any:
    return each_string(value, lambda text: _shortened(text, _OTHER_TEXT))


def _shortened(text: str, limit: int) -> str:
    if len(text) <= limit:
        return text
    half = limit // 2
    return f"{text[:half]}\n[... {len(text) - 2 * half} characters left out ...]\n{text[-half:]}"
