"""One answer as it arrives: provider events in, the blocks that truly came out.

`AnswerBuilder` is linear in the size of the answer: pieces are kept as pieces and joined when a block ends.
Argument JSON is parsed once, strictly, when its block is whole; a call whose JSON is not an object is kept
as an `InvalidCall`, which is answered with an error and never run.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Final, assert_never

from h2a_agent.content import (
    AssistantBlock,
    RedactedThinkingBlock,
    TextBlock,
    ThinkingBlock,
    ToolUseBlock,
)
from h2a_agent.inbox import new_item_id
from h2a_agent.providers.base import (
    ArgumentsDelta,
    BlockStarted,
    BlockStopped,
    Failed,
    MessageStarted,
    MessageStopped,
    ProviderEvent,
    SignatureDelta,
    TextDelta,
    ThinkingDelta,
    TokenUsage,
    UsageReported,
)
from h2a_agent.safe_text import encodable

__all__ = ["Answer", "AnswerBuilder", "parse_arguments"]

# JSON deeper than this is refused: no tool needs it, and what walks, writes or reads it again later (screens,
# the journal, a reopened session) would run out of stack at some depth of its own.
_DEEPEST: Final = 100

# Reasons after which the calls of an answer may run; anything else (max_tokens, refusal ...) forbids it.
_RUNNABLE: Final = frozenset({"tool_use", "end_turn", "stop_sequence"})


@dataclass(frozen=True, slots=True)
class Answer:
    """What came of one request.

    `blocks` are the whole blocks and, of a cut one, the text so far. `invalid` says per call id, in a
    sentence, why the call cannot be run. `stop_reason` is "" when the answer broke off; `failure` says why if the
    provider knows. `detail` says more of the stop reason, such as a refusal's category.
    """

    blocks: tuple[AssistantBlock, ...]
    model: str
    usage: TokenUsage
    stop_reason: str
    failure: Failed | None = None
    invalid: Mapping[str, str] = field(default_factory=dict)
    detail: str = ""

    @property
    def whole(self) -> bool:
        """Did it end by itself?"""
        return bool(self.stop_reason)

    @property
    def calls(self) -> tuple[ToolUseBlock, ...]:
        """Its whole tool calls, in order."""
        return tuple(block for block in self.blocks if isinstance(block, ToolUseBlock))

    @property
    def runnable(self) -> bool:
        """May its calls run? Only when it ended for a reason that allows it."""
        return self.stop_reason in _RUNNABLE


def parse_arguments(text: str) -> dict[str, Any]:
    """The JSON object a tool call's argument pieces make; "" is the empty object. Lone surrogates become U+FFFD.

    Raises:
        ValueError: it is not one JSON object, is nested too deeply, or has a duplicate key or a non-finite number.
    """

    def refuse_constant(name: str) -> float:
        raise ValueError(f"{name} is not JSON")

    def refuse_duplicates(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        table = dict(pairs)
        if len(table) != len(pairs):
            raise ValueError("an object names a key twice")
        return table

    try:
        value = json.loads(text or "{}", parse_constant=refuse_constant, object_pairs_hook=refuse_duplicates)
    except RecursionError:
        raise ValueError("nested too deeply") from None
    if not isinstance(value, dict):
        raise ValueError(f"expected an object, got {type(value).__name__}")
    if not _is_shallow(value):
        raise ValueError("nested too deeply")
    cleaned: dict[str, Any] = encodable(value)
    return cleaned


def _is_shallow(value: Any) -> bool:
    level = [value]
    for _ in range(_DEEPEST):
        level = [
            inner
            for outer in level
            if isinstance(outer, dict | list)
            for inner in (outer.values() if isinstance(outer, dict) else outer)
        ]
        if not level:
            return True
    return False


@dataclass(slots=True)
class _Open:
    started: BlockStarted
    pieces: list[str] = field(default_factory=list)
    signature: list[str] = field(default_factory=list)

    @property
    def text(self) -> str:
        return "".join(self.pieces)


class AnswerBuilder:
    """Folds the provider events of one request into an `Answer`. May be asked at any moment.

    `taken` are the ids of the session's calls so far. Servers exist that number the calls of every answer from
    zero; results, questions and screens go by the id, so a call whose id is taken gets one of its own. `model`
    is who answers, `invalid` as in `Answer`.
    """

    def __init__(self, model: str, taken: Collection[str] = ()) -> None:
        self.model = model
        self._taken = taken
        self._ids: set[str] = set()
        self._usage = TokenUsage()
        self._open: dict[int, _Open] = {}
        self._blocks: dict[int, AssistantBlock] = {}
        self.invalid: dict[str, str] = {}
        self._stop_reason = self._detail = ""
        self._failure: Failed | None = None

    def call(self, index: int) -> ToolUseBlock | None:
        """The tool call at block `index` if it is whole."""
        block = self._blocks.get(index)
        return block if isinstance(block, ToolUseBlock) else None

    def started(self, index: int) -> BlockStarted | None:
        """How the open block `index` began."""
        block = self._open.get(index)
        return block.started if block else None

    def apply(self, event: ProviderEvent) -> ProviderEvent:
        """Take one event in, and return it as it was taken. What refers to a block that is not open is left out."""
        if isinstance(event, BlockStarted) and event.kind == "tool_use":
            event = self._with_own_id(event)
        match event:
            case MessageStarted(model, usage):
                self.model, self._usage = model or self.model, usage
            case BlockStarted(index):
                if index not in self._blocks:
                    self._open[index] = _Open(event)
            case TextDelta(index, text) | ThinkingDelta(index, text) | ArgumentsDelta(index, text):
                if index in self._open:
                    self._open[index].pieces.append(text)
            case SignatureDelta(index, signature):
                if index in self._open:
                    self._open[index].signature.append(signature)
            case BlockStopped(index):
                if index in self._open:
                    self._close(index, self._open.pop(index))
            case UsageReported(usage):
                self._usage = usage
            case MessageStopped(stop_reason, detail):
                self._stop_reason, self._detail = stop_reason, detail
            case Failed():
                self._failure = event
            case _:
                assert_never(event)
        return event

    def answer(self) -> Answer:
        """What has truly come so far."""
        blocks = dict(self._blocks)
        for index, block in self._open.items():
            # Of a block that was cut only words are worth keeping: half a thought has no signature, half a
            # call no meaning.
            if block.started.kind == "text" and block.pieces:
                blocks[index] = TextBlock(block.text)
        ordered = tuple(blocks[index] for index in sorted(blocks))
        return Answer(
            ordered, self.model, self._usage, self._stop_reason, self._failure, self.invalid, self._detail
        )

    def _with_own_id(self, event: BlockStarted) -> BlockStarted:
        twice = event.id in self._ids
        if twice or not event.id or event.id in self._taken:
            event = replace(event, id=f"call_{new_item_id()}")
        if twice:
            self.invalid[event.id] = "Another call of this answer had the same id; only the first was run."
        self._ids.add(event.id)
        return event

    def _close(self, index: int, block: _Open) -> None:
        started = block.started
        match started.kind:
            case "text":
                self._blocks[index] = TextBlock(block.text)
            case "thinking":
                self._blocks[index] = ThinkingBlock(block.text, "".join(block.signature))
            case "redacted_thinking":
                self._blocks[index] = RedactedThinkingBlock(started.data)
            case "tool_use":
                try:
                    arguments = parse_arguments(block.text)
                except ValueError as error:
                    arguments = {}
                    self.invalid[started.id] = f"The arguments are not valid JSON ({error})."
                self._blocks[index] = ToolUseBlock(started.id, started.name, arguments)
