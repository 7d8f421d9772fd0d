"""A session's past as events, so that a front end shows a reopened session as it showed the live one."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

from h2a_agent.content import ImageBlock, TextBlock, ThinkingBlock, ToolUseBlock, plain_text
from h2a_agent.events import (
    AnyEvent,
    CompactionEnded,
    CompactionSwitched,
    Done,
    InputRestored,
    ShellStarted,
    Thinking,
    TokenStream,
    ToolCall,
    ToolResult,
    UserInput,
)
from h2a_agent.history import (
    AssistantEntry,
    CompactionEntry,
    CompactionSwitchEntry,
    Entry,
    RetractEntry,
    ShellEntry,
    ToolEntry,
    UserEntry,
)
from h2a_agent.safe_text import one_line, safe_text, safe_value
from h2a_agent.todos import todo_changed

__all__ = ["TitleOf", "compaction_ended", "events_of", "shell_result", "tool_result", "user_input"]

TitleOf = Callable[[str, Mapping[str, Any]], str]


def user_input(entry: UserEntry, *, cut: bool = False) -> UserInput:
    """The event of a delivered item."""
    images = sum(isinstance(block, ImageBlock) for block in entry.content)
    text = safe_text(plain_text(entry.content))
    return UserInput(entry.item_id, entry.kind, text, images, cut, time=entry.time)


def tool_result(entry: ToolEntry) -> ToolResult:
    """The event of a tool call's result."""
    return ToolResult(
        entry.call_id,
        entry.outcome,
        safe_text(entry.text),
        one_line(entry.brief),
        entry.elapsed_s,
        safe_text(entry.diff),
        time=entry.time,
    )


def compaction_ended(entry: CompactionEntry) -> CompactionEnded:
    """The event of a summary that has been made."""
    return CompactionEnded(
        True,
        entry.tokens_before,
        entry.tokens_after,
        summary=safe_text(entry.summary),
        counts=entry.counts,
        time=entry.time,
    )


def shell_result(entry: ShellEntry) -> ToolResult:
    """The event of what came of a command of the user's."""
    text, brief = safe_text(entry.text), one_line(entry.brief)
    return ToolResult(entry.id, entry.outcome, text, brief, entry.elapsed_s, time=entry.time)


def _answer_events(entry: AssistantEntry, title_of: TitleOf) -> Iterator[AnyEvent]:
    step, time = entry.step, entry.time
    for index, block in enumerate(entry.content):
        match block:
            case TextBlock(text):
                yield TokenStream(step, index, safe_text(text), time=time)
            case ThinkingBlock(text):
                yield Thinking(step, index, safe_text(text), time=time)
            case ToolUseBlock(id, name, arguments):
                title = one_line(title_of(name, arguments))
                safe = safe_value(dict(arguments))
                yield ToolCall(step, index, id, one_line(name, 40), "complete", "", safe, title, time=time)
            case _:
                pass
    yield Done(step, entry.stop_reason, entry.cut, time=time)


def events_of(entries: Iterable[Entry], title_of: TitleOf) -> list[AnyEvent]:
    """The events whose effects `entries` are, without their pieces: an answer's text comes as one."""
    events: list[AnyEvent] = []
    compactions: dict[str, CompactionEntry] = {}
    last_cut = ""
    calls: dict[str, ToolUseBlock] = {}
    for entry in entries:
        match entry:
            case UserEntry():
                events.append(user_input(entry, cut=last_cut == "steer"))
                last_cut = ""
            case AssistantEntry():
                last_cut = entry.cut
                calls.update((call.id, call) for call in entry.tool_uses)
                events.extend(_answer_events(entry, title_of))
            case ToolEntry():
                events.append(tool_result(entry))
                if (changed := todo_changed(calls.get(entry.call_id), entry)) is not None:
                    events.append(changed)
            case ShellEntry():
                events.append(ShellStarted(entry.id, one_line(entry.command, 200), time=entry.time))
                events.append(shell_result(entry))
            case RetractEntry():
                # The words went back to the editor then; a replay only shows that they no longer count.
                events.append(InputRestored((), entry.item_ids, time=entry.time))
            case CompactionEntry():
                compactions[entry.id] = entry
                events.append(compaction_ended(entry))
            case CompactionSwitchEntry():
                if (summed := compactions.get(entry.compaction)) is not None:
                    size = summed.tokens_after if entry.counts else summed.tokens_before
                    events.append(CompactionSwitched(entry.counts, size, time=entry.time))
    return events
