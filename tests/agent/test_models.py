"""The table of models: found by id or dated id, honest about what it does not know."""

from __future__ import annotations

import tomllib
from datetime import date
from importlib.resources import files

import pytest

from h2a_agent.models import ModelInfo, Price, cost_usd, model_info
from h2a_agent.providers.base import TokenUsage

TABLE = tomllib.loads(files("h2a_agent").joinpath("data/models.toml").read_text(encoding="utf-8"))


def test_table_says_when_and_from_where() -> None:
    assert isinstance(TABLE["as_of"], date)
    assert TABLE["source"].endswith(".")


@pytest.mark.parametrize("model", TABLE["models"])
def test_each_entry_is_complete_and_plausible(model: str) -> None:
    info = model_info(model)
    assert 0 < info.max_output <= info.context_window
    if info.price is not None:
        assert info.price.cache_read < info.price.input < info.price.cache_write < info.price.output
        assert info.price.cache_write == pytest.approx(1.25 * info.price.input)


def test_dated_id_is_the_model() -> None:
    assert model_info("claude-haiku-4-5-20251001") == model_info("claude-haiku-4-5")
    assert model_info("claude-opus-5-20260724").price == Price(5.0, 25.0, 6.25, 0.50)


def test_longest_id_wins() -> None:
    assert model_info("claude-opus-5-5").price == Price(4.0, 20.0, 5.0, 0.20)
    assert model_info("claude-opus-5-5-20260901") == model_info("claude-opus-5-5")


@pytest.mark.parametrize("model", ["", "qwen3:8b", "claude", "claude-opus-51", "anthropic/claude-opus-5"])
def test_unknown_model_has_no_window_and_no_price(model: str) -> None:
    assert model_info(model) == ModelInfo(context_window=0, max_output=0, price=None)


def test_tiered_price_is_left_out() -> None:
    info = model_info("claude-haiku-5-5")
    assert info.context_window == 1_000_000
    assert info.price is None


def test_cost_counts_each_kind_of_token_at_its_price() -> None:
    price = Price(input=4.0, output=20.0, cache_write=5.0, cache_read=0.2)
    usage = TokenUsage(
        input_tokens=1_000_000,
        output_tokens=100_000,
        cache_read_tokens=2_000_000,
        cache_write_tokens=200_000,
    )
    assert cost_usd(price, usage) == pytest.approx(4.0 + 2.0 + 0.4 + 1.0)
    assert cost_usd(price, TokenUsage()) == 0.0
