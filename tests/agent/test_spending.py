"""What a session has used: each request's price and its share from the cache, and the sum of all."""

from __future__ import annotations

import pytest

from h2a_agent.events import Usage
from h2a_agent.providers.base import TokenUsage
from h2a_agent.spending import Spending


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


def test_telling_of_what_was_used_counts_nothing() -> None:
    spending = Spending()
    spending.add("claude-opus-5-5", TokenUsage(1_000_000, 0))
    told = spending.event("claude-opus-5-5", TokenUsage(2_000_000, 0))
    assert told.request_usd == pytest.approx(8.0)
    assert told.cost_usd == pytest.approx(4.0)
    assert spending.total_usd == pytest.approx(4.0)
