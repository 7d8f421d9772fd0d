"""What a session has used: tokens of the last request, money in all."""

from __future__ import annotations

from h2a_agent.events import Usage
from h2a_agent.models import cost_usd, model_info
from h2a_agent.providers.base import TokenUsage

__all__ = ["Spending"]


class Spending:
    """Adds up what requests cost. The total is unknown as soon as one request's price is."""

    def __init__(self) -> None:
        self.total_usd: float | None = 0.0

    def add(self, model: str, usage: TokenUsage) -> Usage:
        """Count one request, which `model` answered; returns the event that tells of it."""
        info = model_info(model)
        cost = None if info.price is None else cost_usd(info.price, usage)
        self.total_usd = None if cost is None or self.total_usd is None else self.total_usd + cost
        return Usage(
            model,
            usage.input_tokens,
            usage.output_tokens,
            usage.cache_read_tokens,
            usage.cache_write_tokens,
            usage.context_tokens,
            info.context_window,
            self.total_usd,
            cost,
        )
