"""What a conversation weighs: as the provider counted it, estimated from there on, taken apart for people."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from h2a_agent.agent import Agent
from h2a_agent.content import (
    ImageBlock,
    Message,
    TextBlock,
    ThinkingBlock,
    ToolResultBlock,
    ToolUseBlock,
)
from h2a_agent.events import Kind, Outcome, Usage
from h2a_agent.history import AssistantEntry, Entry, ToolEntry, UserEntry
from h2a_agent.providers.anthropic import AnthropicProvider
from h2a_agent.providers.base import Request, TokenUsage, ToolSpec
from h2a_agent.run_settings import RunSettings
from h2a_agent.session import Session
from h2a_agent.spending import Spending
from h2a_agent.tokens import context_tokens, estimate, measured
from support.messages_api import MessagesServer

ASKED = UserEntry("1", Kind.PROMPT, (TextBlock("a question of some length"),), 1.0)
RESULT = ToolEntry("c1", Outcome.OK, "x" * 3_500, "", 0.0, 1.0)


def answered(tokens: int) -> AssistantEntry:
    return AssistantEntry(1, (TextBlock("answer"),), "end_turn", "m", TokenUsage(tokens, 0), 1.0)


def test_what_was_counted_stands_and_only_what_came_after_is_estimated() -> None:
    before: list[Entry] = [ASKED, answered(5_000)]
    assert context_tokens(before) == 5_000
    after = context_tokens([*before, RESULT])
    assert 5_900 < after < 6_200
    assert context_tokens([*before, RESULT, answered(7_000)]) == 7_000


def test_an_answer_that_was_not_counted_is_estimated_too() -> None:
    assert 0 < context_tokens([ASKED]) < context_tokens([ASKED, answered(0)])
    assert context_tokens([]) == 0


def test_a_script_of_many_bytes_weighs_more_than_one_of_few() -> None:
    assert estimate(TextBlock("語" * 100)) > 2 * estimate(TextBlock("a" * 100))


blocks = st.one_of(
    st.builds(TextBlock, st.text(max_size=200)),
    st.builds(ThinkingBlock, st.text(max_size=50), st.just("sig")),
    st.just(ImageBlock("image/png", "aGk=")),
    st.builds(ToolUseBlock, st.just("c"), st.just("read"), st.just({"path": "a"})),
    st.builds(ToolResultBlock, st.just("c"), st.just((TextBlock("ok"),))),
)


@given(st.lists(blocks, max_size=5), st.one_of(st.none(), st.integers(0, 1_000_000)), st.text(max_size=100))
def test_the_parts_add_up_to_the_total(content: list[TextBlock], counted: int | None, system: str) -> None:
    request = Request("m", system, (Message("user", tuple(content)),), (ToolSpec("read", "Reads.", {}),))
    context = measured(request, counted, 200_000)
    assert sum(context.parts.values()) == context.total
    assert context.counted is (counted is not None)
    if counted is not None:
        assert context.total == counted


@pytest.mark.parametrize("counts", [12_345, None])
async def test_an_agent_tells_what_its_next_request_weighs(
    server: MessagesServer, tmp_path: Path, counts: int | None
) -> None:
    server.counts = counts
    provider = AnthropicProvider("claude-opus-5-5", api_key="sk-test", base_url=server.url)
    settings = RunSettings("claude-opus-5-5")
    async with Agent(provider, session=Session.unsaved(tmp_path), settings=settings) as agent:
        agent.prompt("hello there")
        await agent.settled()
        context = await agent.context()
    assert context.counted is (counts is not None)
    assert context.total == counts if counts else context.total > 0
    assert context.window == 1_000_000
    assert {"system prompt", "your messages", "answers"} <= set(context.parts)
    assert len(server.requests) == 1, "counting asks no model"


def test_a_request_has_its_price_and_its_share_from_the_cache() -> None:
    spending = Spending()
    usage = TokenUsage(100_000, 100_000, cache_read_tokens=800_000, cache_write_tokens=100_000)
    event = spending.add("claude-opus-5-5", usage)
    assert event.request_usd == pytest.approx(0.4 + 2.0 + 0.16 + 0.5)
    assert event.hit_rate == usage.hit_rate == pytest.approx(0.8)
    second = spending.add("claude-opus-5-5", TokenUsage(1_000_000, 0))
    assert second.request_usd == pytest.approx(4.0)
    assert second.cost_usd == pytest.approx(7.06)
    assert second.hit_rate == 0.0


def test_a_price_nobody_knows_makes_the_total_unknown_but_not_the_requests_before_and_after() -> None:
    spending = Spending()
    assert spending.add("qwen3:8b", TokenUsage(10, 10)).request_usd is None
    later = spending.add("claude-opus-5-5", TokenUsage(1_000_000, 0))
    assert later.request_usd == pytest.approx(4.0)
    assert later.cost_usd is None
    assert isinstance(later, Usage)
