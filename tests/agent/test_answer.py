"""One answer as it arrives: what is kept of it, whole or cut anywhere."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from h2a_agent.answer import AnswerBuilder, parse_arguments
from h2a_agent.content import RedactedThinkingBlock, TextBlock, ThinkingBlock, ToolUseBlock
from h2a_agent.providers.base import (
    ArgumentsDelta,
    BlockStarted,
    BlockStopped,
    Failed,
    FailureKind,
    MessageStarted,
    MessageStopped,
    ProviderEvent,
    SignatureDelta,
    TextDelta,
    ThinkingDelta,
    TokenUsage,
    UsageReported,
)

WHOLE: list[ProviderEvent] = [
    MessageStarted("m-1", TokenUsage(10)),
    BlockStarted(0, "thinking"),
    ThinkingDelta(0, "let me "),
    ThinkingDelta(0, "see"),
    SignatureDelta(0, "si"),
    SignatureDelta(0, "g"),
    BlockStopped(0),
    BlockStarted(1, "redacted_thinking", data="x"),
    BlockStopped(1),
    BlockStarted(2, "text"),
    TextDelta(2, "Hello "),
    TextDelta(2, "world"),
    BlockStopped(2),
    BlockStarted(3, "tool_use", "c1", "read"),
    ArgumentsDelta(3, '{"path"'),
    ArgumentsDelta(3, ': "a"}'),
    BlockStopped(3),
    UsageReported(TokenUsage(10, 20)),
    MessageStopped("tool_use"),
]
BLOCKS = (
    ThinkingBlock("let me see", "sig"),
    RedactedThinkingBlock("x"),
    TextBlock("Hello world"),
    ToolUseBlock("c1", "read", {"path": "a"}),
)


def build(events: list[ProviderEvent]) -> AnswerBuilder:
    builder = AnswerBuilder("m")
    for event in events:
        builder.apply(event)
    return builder


def test_a_whole_answer_has_every_block_its_usage_and_its_reason() -> None:
    answer = build(WHOLE).answer()
    assert answer.blocks == BLOCKS
    assert (answer.model, answer.usage, answer.stop_reason) == ("m-1", TokenUsage(10, 20), "tool_use")
    assert answer.whole
    assert answer.runnable
    assert [call.id for call in answer.calls] == ["c1"]


@pytest.mark.parametrize("cut", range(len(WHOLE)))
def test_cut_at_any_event_it_keeps_words_and_whole_blocks_and_nothing_half(cut: int) -> None:
    answer = build(WHOLE[:cut]).answer()
    assert not answer.whole
    assert not answer.runnable
    for block, whole in zip(answer.blocks, BLOCKS, strict=False):
        if isinstance(block, TextBlock):
            assert isinstance(whole, TextBlock)
            assert whole.text.startswith(block.text)
            assert block.text
        else:
            assert block == whole
    assert len(answer.calls) == (1 if cut > 16 else 0)


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ('{"a": 1', "Expecting"),
        ("[1]", "expected an object"),
        ('{"a": 1, "a": 2}', "names a key twice"),
        ('{"a": NaN}', "not JSON"),
        ('{"a": ' + "[" * 100_000, "too deeply"),
    ],
)
def test_a_call_with_unusable_arguments_is_kept_and_said_to_be_invalid(text: str, why: str) -> None:
    events: list[ProviderEvent] = [
        BlockStarted(0, "tool_use", "c1", "read"),
        ArgumentsDelta(0, text),
        BlockStopped(0),
        MessageStopped("tool_use"),
    ]
    answer = build(events).answer()
    assert answer.calls == (ToolUseBlock("c1", "read", {}),)
    assert why in answer.invalid["c1"]


def test_no_arguments_are_the_empty_object() -> None:
    assert parse_arguments("") == {}


@pytest.mark.parametrize(
    "reason", ["max_tokens", "refusal", "pause_turn", "model_context_window_exceeded", "something_new"]
)
def test_calls_of_an_answer_that_ended_otherwise_must_not_run(reason: str) -> None:
    assert not build([*WHOLE[:-1], MessageStopped(reason)]).answer().runnable


def test_a_lone_surrogate_in_arguments_is_replaced_and_a_pair_is_joined() -> None:
    assert parse_arguments(r'{"a": "\ud83d", "b": ["\ud83d\ude42"]}') == {"a": "\ufffd", "b": ["🙂"]}


def test_a_failure_is_kept_with_what_came_before_it() -> None:
    failure = Failed(FailureKind.CONNECTION, "reset")
    answer = build([*WHOLE[:11], failure]).answer()
    assert answer.failure == failure
    assert answer.blocks[-1] == TextBlock("Hello ")


@given(st.lists(st.sampled_from(WHOLE), max_size=30))
def test_any_order_of_events_is_taken_without_complaint(events: list[ProviderEvent]) -> None:
    build(events).answer()
