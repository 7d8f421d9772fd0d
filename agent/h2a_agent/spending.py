"""What a session has used: tokens of the last request, money in all."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from h2a_agent.events import Usage
from h2a_agent.history import AssistantEntry, CompactionEntry, History
from h2a_agent.models import cost_usd, model_info
from h2a_agent.providers.base import TokenUsage

__all__ = ["Spending", "Spent", "spending_of"]


class Spent(NamedTuple):
    """What requests used of which nothing is in the history."""

    model: str
    usage: TokenUsage


class Spending:
    """Adds up what requests cost. The total is unknown as soon as one request's price is."""

    def __init__(self) -> None:
        self.total_usd: float | None = 0.0

    def add(self, model: str, usage: TokenUsage) -> Usage:
        """Count one request, which `model` answered; returns the event that tells of it."""
        cost = _cost(model, usage)
        self.total_usd = None if cost is None or self.total_usd is None else self.total_usd + cost
        return self.event(model, usage)

    def event(self, model: str, usage: TokenUsage) -> Usage:
        """What tells of requests that have been counted, with what the session has cost."""
        return Usage(
            model,
            usage.input_tokens,
            usage.output_tokens,
            usage.cache_read_tokens,
            usage.cache_write_tokens,
            usage.context_tokens,
            model_info(model).context_window,
            self.total_usd,
            _cost(model, usage),
        )


def spending_of(history: History, spent: Iterable[Spent] = ()) -> Spending:
    """What a session has cost so far, on all its branches."""
    spending = Spending()
    for entry in (node.entry for node in history.nodes):
        if isinstance(entry, AssistantEntry | CompactionEntry) and entry.usage.context_tokens:
            spending.add(entry.model, entry.usage)
    for model, usage in spent:
        spending.add(model, usage)
    return spending


def _cost(model: str, usage: TokenUsage) -> float | None:
    price = model_info(model).price
    return None if price is None else cost_usd(price, usage)
