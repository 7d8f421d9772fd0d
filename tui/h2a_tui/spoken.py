"""An agent's events in words that read well aloud: for screen readers, dumb terminals and logs.

Lines are only ever added. There is no escape sequence, no box and no glyph that stands for a word, and nothing is told by
its place or its colour. The model's text comes by lines and sentences, because a reader that is handed syllables
stutters.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable, Mapping
from typing import Final

from h2a_agent.events import (
    AnyEvent,
    ApprovalAnswered,
    CompactionEnded,
    CompactionStarted,
    CompactionSwitched,
    Done,
    Error,
    FileRestored,
    InputRestored,
    Interrupt,
    Kind,
    ModelChanged,
    Outcome,
    PathChanged,
    Phase,
    RetryScheduled,
    Settled,
    ShellStarted,
    Status,
    Thinking,
    TodoChanged,
    TodoStatus,
    TokenStream,
    ToolCall,
    ToolResult,
    UserInput,
)
from h2a_agent.safe_text import one_line
from h2a_tui.streams import Out

__all__ = ["Spoken", "ago", "sentence"]

_SENTENCE_FROM: Final = 80  # characters of a line after which the end of a sentence is the end of a piece
_SENTENCE: Final = re.compile(r".*[.!?:;]\s", re.DOTALL)

_YOU: Final[Mapping[Kind, str]] = {
    Kind.PROMPT: "You:",
    Kind.STEER: "You, steering:",
    Kind.NUDGE: "You, at the next step:",
    Kind.FOLLOW_UP: "You, following up:",
    Kind.COMPACT: "You, asking for a summary:",
}
_OUTCOMES: Final[Mapping[Outcome, str]] = {
    Outcome.OK: "is done",
    Outcome.FAILED: "has failed",
    Outcome.STOPPED: "was stopped",
    Outcome.NOT_STARTED: "was not started",
    Outcome.REJECTED: "was not allowed",
    Outcome.UNKNOWN: "ended without a result",
}
_SETTLED: Final[Mapping[str, str]] = {
    "completed": "Ready.",
    "aborted": "Stopped. Ready.",
    "failed": "This run has failed. Ready.",
    "paused": "Paused. Ready.",
}


class Spoken:
    """Writes events to `out`, a line or a sentence at a time.

    `with_prompts` also repeats what was sent with Enter; a terminal has echoed that already.
    """

    def __init__(self, out: Out, *, with_prompts: bool) -> None:
        self._out = out
        self._with_prompts = with_prompts
        self._one_at_a_time = asyncio.Lock()
        self._block: tuple[int, int] | None = None
        self._thought_in = 0  # the step in which it was said that the model thinks
        self._held = ""  # of the model's text: what is no whole sentence yet
        self._mid_line = False
        self._calls: dict[str, str] = {}
        self._shells: set[str] = set()
        self._went_back = False  # and what comes back now was said then

    async def show(self, event: AnyEvent) -> None:
        """Write what `event` has to say, if anything."""
        async with self._one_at_a_time:
            match event:
                case TokenStream():
                    await self._text(event)
                case Done():
                    await self._end_line()
                case _:
                    if isinstance(event, ToolCall) and event.stage == "complete":
                        self._calls[event.call_id] = event.name
                    for line in self._lines(event):
                        await self._say(line)

    async def note(self, line: str) -> None:
        """Write a line of the program's own."""
        async with self._one_at_a_time:
            await self._say(line)

    # ------------------------------------------------------------- the model

    async def _text(self, event: TokenStream) -> None:
        if self._block != (event.step, event.block):
            await self._end_line()
            self._block = (event.step, event.block)
            self._held = "Agent: "
        self._held += event.text
        piece, self._held = _speakable(self._held)
        await self._write(piece)

    async def _end_line(self) -> None:
        text, self._held = self._held, ""
        await self._write(text)
        if self._mid_line:
            await self._write("\n")

    async def _write(self, text: str) -> None:
        if text:
            self._mid_line = not text.endswith("\n")
            await self._out.write(text)

    async def _say(self, line: str) -> None:
        await self._end_line()
        await self._write(f"{line}\n")

    # --------------------------------------------------------------- the rest

    def _lines(self, event: AnyEvent) -> list[str]:
        match event:
            case UserInput(kind=kind, text=text):
                silent = kind is Kind.PROMPT and not self._with_prompts
                return [] if silent else [f"{_YOU[kind]} {text}"]
            case Thinking(step=step) if step != self._thought_in:
                self._thought_in = step
                return ["Thinking."]
            case ToolCall(stage="complete", name=name, title=title):
                return [f"Tool {name}: {one_line(title)}" if title else f"Tool {name}."]
            case ShellStarted(shell_id=shell_id):
                self._shells.add(shell_id)
                return []
            case ToolResult(call_id=call_id) if call_id in self._shells:
                self._shells.discard(call_id)
                return [*event.text.splitlines(), _result_line("The command", event)]
            case ToolResult(call_id=call_id):
                return [_result_line(self._calls.pop(call_id, "tool"), event)]
            case ApprovalAnswered(decision=decision, note=note):
                return [sentence(f"Answered: {decision.value}" + (f", {note}" if note else ""))]
            case PathChanged():
                self._went_back = True
                return [_gone_back(event)]
            case InputRestored(texts=texts):
                why = "You had said" if self._went_back else "Not sent, and no longer waiting"
                self._went_back = False
                return [f"{why}: {text}" for text in texts]
            case TodoChanged():
                return [_todo_line(event)]
            case _:
                made = _WORDS.get(type(event))
                return [line] if made is not None and (line := made(event)) else []


def _speakable(text: str) -> tuple[str, str]:
    """`text` as what can be read out now, and the rest: whole lines, and whole sentences of a long line."""
    lines, newline, rest = text.rpartition("\n")
    if len(rest) >= _SENTENCE_FROM and (whole := _SENTENCE.match(rest)):
        return lines + newline + whole[0], rest[whole.end() :]
    return lines + newline, rest


def sentence(text: str) -> str:
    """`text` with an end that a voice can hear."""
    return text if text.endswith((".", "!", "?", ":")) else f"{text}."


def _result_line(name: str, result: ToolResult) -> str:
    parts = [f"{name} {_OUTCOMES[result.outcome]}"]
    if result.brief and result.outcome is not Outcome.STOPPED:
        parts.append(result.brief)
    if result.elapsed_s:
        parts.append(f"{result.elapsed_s:.1f} seconds")
    return sentence(", ".join(parts))


def _todo_line(event: TodoChanged) -> str:
    done = sum(item.status is TodoStatus.DONE for item in event.items)
    now = next((item.content for item in event.items if item.status is TodoStatus.IN_PROGRESS), "")
    return sentence(f"To do: {done} of {len(event.items)} done" + (f", now {now}" if now else ""))


def ago(seconds: float) -> str:
    """How long ago, in the coarsest unit that says something: `just now`, `40 seconds ago`, `1 day ago`."""
    whole = max(0, int(seconds))
    if whole < 5:
        return "just now"
    for unit, size in (("day", 86_400), ("hour", 3600), ("minute", 60), ("second", 1)):
        if count := whole // size:
            return f"{count} {unit}{'' if count == 1 else 's'} ago"
    raise AssertionError(whole)


def _interrupt(event: Interrupt) -> str:
    return "Stopped there, to read your message." if event.cause == "steer" else "Stopped there."


def _retry(event: RetryScheduled) -> str:
    again = f"Trying again in {event.wait_s:.1f} seconds, attempt {event.attempt} of {event.limit}."
    return f"Problem: {sentence(event.reason)} {again}"


def _file_restored(event: FileRestored) -> str:
    what = "Made again" if event.redo else "Taken back"
    return sentence(event.problem or f"{what}: the edit of {event.path}, {event.brief}")


def _model(event: ModelChanged) -> str:
    return f"From the next step on {event.provider}/{event.model} answers, thinking {event.thinking}."


def _gone_back(event: PathChanged) -> str:
    said = [past.text for past in event.past if isinstance(past, TokenStream | UserInput)]
    return f"The conversation now ends with: {one_line(said[-1], 200)}" if said else "Back at the beginning."


def _compacted(event: CompactionEnded) -> str:
    if not event.ok:
        return sentence(f"The conversation is as it was: {event.reason or 'it could not be summarised'}")
    size = f"from {event.tokens_before:,} to {event.tokens_after:,} tokens"
    if event.counts:
        return f"The conversation is summarised, {size}."
    return (
        f"This would be the summary, {size}:\n{event.summary}\n"
        "It does not count yet. /compact accept lets it, /compact drop takes it away."
    )


def _switched(event: CompactionSwitched) -> str:
    if event.counts:
        return "The summary counts from here on."
    return "The summary is taken back; the conversation is told whole again."


_WORDS: Final[Mapping[type[AnyEvent], Callable[..., str]]] = {
    Interrupt: _interrupt,
    RetryScheduled: _retry,
    Error: lambda event: f"Problem: {sentence(event.message)} {event.advice}".rstrip(),
    FileRestored: _file_restored,
    ModelChanged: _model,
    CompactionStarted: lambda event: sentence(f"Summarising the conversation: {event.reason}"),
    CompactionEnded: _compacted,
    CompactionSwitched: _switched,
    Status: lambda event: "Paused. /resume goes on." if event.phase is Phase.PAUSED else "",
    Settled: lambda event: _SETTLED[event.reason],
}
