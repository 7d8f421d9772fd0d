"""The conversation a session holds now, cut into what a reader looks for: prompts, answers, calls with results."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeAlias

from h2a_agent.content import ImageBlock, TextBlock, ThinkingBlock, ToolUseBlock, plain_text
from h2a_agent.events import Kind, Outcome
from h2a_agent.history import AssistantEntry, Entry, History, RetractEntry, ShellEntry, ToolEntry, UserEntry
from h2a_agent.safe_text import one_line, safe_text, safe_value
from h2a_agent.session_loading import load_records
from h2a_agent.tool_runner import title_of
from h2a_agent.tools import default_tools

__all__ = ["Answer", "Call", "Conversation", "Prompt", "Thought", "Words"]


@dataclass(frozen=True, slots=True)
class Prompt:
    """A message of the user's; `number` counts from 1. `cut`: it broke into the answer above it."""

    number: int
    kind: Kind
    text: str
    images: tuple[ImageBlock, ...]
    time: float
    cut: bool
    label: str


@dataclass(frozen=True, slots=True)
class Words:
    """Markdown of the model's."""

    text: str


@dataclass(frozen=True, slots=True)
class Thought:
    """The model's reasoning."""

    text: str


@dataclass(frozen=True, slots=True)
class Call:
    """A tool call, or a command of the user's own, and what came of it; `outcome` is None when that is not known."""

    name: str
    title: str
    arguments: Mapping[str, Any]
    outcome: Outcome | None = None
    brief: str = ""
    text: str = ""
    diff: str = ""
    elapsed_s: float = 0.0
    images: tuple[ImageBlock, ...] = ()


@dataclass(frozen=True, slots=True)
class Answer:
    """One answer. `cut` says why it is not whole, "" when it is."""

    model: str
    parts: tuple[Words | Thought | Call, ...]
    cut: str
    label: str


# A call outside an answer is a command the user ran themselves.
Turn: TypeAlias = Prompt | Answer | Call


@dataclass(frozen=True, slots=True)
class Conversation:
    """What an export shows. Every text is fit to be shown; none is HTML or Markdown yet but the model's words."""

    id: str
    title: str
    workspace: Path
    started: float
    models: tuple[str, ...]
    turns: tuple[Turn, ...]
    other_branches: int
    cost_usd: float | None = field(default=None)

    @property
    def prompts(self) -> tuple[Prompt, ...]:
        """The user's messages."""
        return tuple(turn for turn in self.turns if isinstance(turn, Prompt))


def conversation_of(records: Iterable[Mapping[str, Any]]) -> Conversation:
    """The conversation that a session's records hold, on the branch it is on."""
    loaded = load_records(records)
    history = loaded.history
    turns = _Turns(history, loaded.labels)
    prompts = [turn for turn in turns.done if isinstance(turn, Prompt)]
    title = one_line(loaded.name, 100) or (one_line(prompts[0].text, 100) if prompts else "")
    models = dict.fromkeys(one_line(t.model, 60) for t in turns.done if isinstance(t, Answer) and t.model)
    on_path = {node.id for node in history.path}
    branches = sum(node.id not in on_path and not history.children(node.id) for node in history.nodes)
    return Conversation(
        one_line(loaded.session_id, 60),
        title or "An empty conversation",
        Path(one_line(loaded.workspace, 400)),
        history.entries[0].time if len(history) else 0.0,
        tuple(models),
        tuple(turns.done),
        branches,
        _cost(history),
    )


def _cost(history: History) -> float | None:
    from h2a_agent.spending import Spending

    spending = Spending()
    for entry in history.entries:
        if isinstance(entry, AssistantEntry) and entry.usage.context_tokens:
            spending.add(entry.model, entry.usage)
    return spending.total_usd


class _Turns:
    """Walks the path once; results are looked up from their calls."""

    def __init__(self, history: History, labels: Mapping[str, str]) -> None:
        self.done: list[Turn] = []
        self._tools = {tool.name: tool for tool in default_tools()}
        entries = history.entries
        self._results = {e.call_id: e for e in reversed(entries) if isinstance(e, ToolEntry)}
        self._taken_back = {item_id for e in entries if isinstance(e, RetractEntry) for item_id in e.item_ids}
        self._numbers = 0
        self._cut = ""
        for node in history.path:
            self._add(node.entry, one_line(labels.get(node.id, ""), 40))

    def _add(self, entry: Entry, label: str) -> None:
        match entry:
            case UserEntry() if entry.item_id not in self._taken_back:
                self._numbers += 1
                text = safe_text(plain_text(entry.content))
                images = tuple(b for b in entry.content if isinstance(b, ImageBlock))
                cut = self._cut == "steer"
                self.done.append(Prompt(self._numbers, entry.kind, text, images, entry.time, cut, label))
                self._cut = ""
            case AssistantEntry():
                self._cut = entry.cut
                parts = tuple(part for block in entry.content if (part := self._part(block)) is not None)
                self.done.append(Answer(entry.model, parts, entry.cut, label))
            case ShellEntry():
                self.done.append(_own_command(entry))
            case _:
                pass  # results stand with their calls

    def _part(self, block: object) -> Words | Thought | Call | None:
        match block:
            case TextBlock(text) if text.strip():
                return Words(safe_text(text))
            case ThinkingBlock(text) if text.strip():
                return Thought(safe_text(text))
            case ToolUseBlock():
                return self._call(block)
            case _:
                return None

    def _call(self, block: ToolUseBlock) -> Call:
        title = one_line(title_of(self._tools, block.name, block.arguments), 300)
        call = Call(one_line(block.name, 40), title, safe_value(dict(block.arguments)))
        result = self._results.get(block.id)
        if result is None:
            return call
        return Call(
            call.name,
            call.title,
            call.arguments,
            result.outcome,
            one_line(result.brief, 200),
            safe_text(result.text),
            safe_text(result.diff),
            result.elapsed_s,
            result.images,
        )


def _own_command(entry: ShellEntry) -> Call:
    return Call(
        "You ran",
        one_line(entry.command, 300),
        {"command": safe_text(entry.command)},
        entry.outcome,
        one_line(entry.brief, 200),
        safe_text(entry.text),
        elapsed_s=entry.elapsed_s,
    )
