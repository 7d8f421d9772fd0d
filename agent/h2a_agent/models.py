"""What is known of a model before it is asked: its limits, its price, and how it is told to think.

The facts are a dated table (`data/models.toml`); a model that is not in it has an unknown window and no
price, and callers say "unknown" instead of guessing.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any, Final, Literal

from h2a_agent.providers.base import TokenUsage
from h2a_agent.run_settings import ThinkingLevel

__all__ = ["ModelInfo", "Price", "ThinkingControl", "cost_usd", "learn", "model_info"]


@dataclass(frozen=True, slots=True)
class Price:
    """US dollars per million tokens. `cache_write` is the price of the 5 minute cache."""

    input: float
    output: float
    cache_write: float
    cache_read: float


@dataclass(frozen=True, slots=True)
class ThinkingControl:
    """How a model is told how hard to think.

    By an `effort`: `words` are the API's for our levels, `off` what turns thinking off. Or by a `budget` of
    tokens, which fits every level below `max_tokens`.
    """

    by: Literal["effort", "budget"]
    words: Mapping[ThinkingLevel, str]
    off: Literal["", "disabled", "between_tools", "low"] = ""


@dataclass(frozen=True, slots=True)
class ModelInfo:
    """A model's limits in tokens (0: unknown) and its price (None: unknown, or not one number).

    `thinking` is None where nothing is known of it: then nothing is said about it.
    """

    context_window: int
    max_output: int
    price: Price | None
    thinking: ThinkingControl | None = None

    @classmethod
    def of(cls, facts: Mapping[str, Any]) -> ModelInfo:
        """From a table that may leave out what it does not know; a price without caching costs the same cached."""
        price = facts.get("price")
        if price is not None:
            price = Price(
                price["input"],
                price["output"],
                price.get("cache_write", price["input"]),
                price.get("cache_read", price["input"]),
            )
        thinking = _thinking(facts) if "thinking" in facts else None
        return cls(facts.get("context_window", 0), facts.get("max_output", 0), price, thinking)


_LEVELS: Final[tuple[ThinkingLevel, ...]] = ("low", "medium", "high", "max")
_UNKNOWN: Final = ModelInfo(context_window=0, max_output=0, price=None)


@cache
def _table() -> Mapping[str, ModelInfo]:
    import tomllib

    text = files("h2a_agent").joinpath("data/models.toml").read_text(encoding="utf-8")
    return {model: ModelInfo.of(entry) for model, entry in tomllib.loads(text)["models"].items()}


_learned: dict[str, ModelInfo] = {}  # of the process, as the table is


def learn(models: Mapping[str, ModelInfo]) -> None:
    """Let these facts, of a provider that is in use, count before the table's."""
    _learned.update(models)


def _thinking(entry: Mapping[str, Any]) -> ThinkingControl:
    words = dict(zip(_LEVELS, entry.get("efforts", _LEVELS), strict=True))
    return ThinkingControl(entry["thinking"], words, entry.get("off", ""))


def model_info(model: str) -> ModelInfo:
    """What is known of `model`: exactly as learned, else by the longest id in the table that it is or begins with.

    An id ends at a dash: `claude-opus-5-20260724` is `claude-opus-5`, `claude-opus-51` is unknown.
    """
    if model in _learned:
        return _learned[model]
    known = [name for name in _table() if model == name or model.startswith(f"{name}-")]
    return _table()[max(known, key=len)] if known else _UNKNOWN


def cost_usd(price: Price, usage: TokenUsage) -> float:
    """What `usage` costs in US dollars at `price`."""
    return (
        usage.input_tokens * price.input
        + usage.output_tokens * price.output
        + usage.cache_write_tokens * price.cache_write
        + usage.cache_read_tokens * price.cache_read
    ) / 1_000_000
