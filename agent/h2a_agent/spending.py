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

    def add(self, model: str, usage: TokenUsage) -> None:
        """Count one request. `model` is who answered it."""
        price = model_info(model).price
        if price is None:
            self.total_usd = None
        elif self.total_usd is not None:
            self.total_usd += cost_usd(price, usage)

    def event(self, model: str, usage: TokenUsage) -> Usage:
        """The usage event after the request that used `usage`."""
        return Usage(
            model,
            usage.input_tokens,
            usage.output_tokens,
            usage.cache_read_tokens,
            usage.cache_write_tokens,
            usage.context_tokens,
            model_info(model).context_window,
            self.total_usd,
        )
