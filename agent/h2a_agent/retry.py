"""What follows from each kind of failure: one table, one delay.

A failed request is repeated only when nothing of its answer had come; after that the partial answer is kept
and the conversation goes on from it, which the same delays and the same limit govern.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

from h2a_agent.providers.base import Failed, FailureKind

__all__ = ["ADVICE", "ATTEMPTS", "RetryPolicy"]

# How often a failure of this kind is followed by another attempt; a kind that is not here is final.
# A server that cannot be reached at all is usually a wrong address, so it is not tried for long.
ATTEMPTS: Final[Mapping[FailureKind, int]] = MappingProxyType(
    {
        FailureKind.RATE_LIMIT: 6,
        FailureKind.OVERLOADED: 6,
        FailureKind.SERVER: 6,
        FailureKind.INTERRUPTED: 6,
        FailureKind.TIMEOUT: 3,
        FailureKind.CONNECTION: 3,
        FailureKind.PROTOCOL: 1,
    }
)

# What a person can do about it, one sentence each.
ADVICE: Final[Mapping[FailureKind, str]] = MappingProxyType(
    {
        FailureKind.AUTHENTICATION: "Check the API key (ANTHROPIC_API_KEY), then send again.",
        FailureKind.PERMISSION: "The key may not use this model; choose another with --model.",
        FailureKind.NOT_FOUND: "Check the model's name (--model) and the address (--base-url).",
        FailureKind.INVALID_REQUEST: "The server refused the request; your message is in the session.",
        FailureKind.TOO_LARGE: "The conversation is too large for the model; start a new session.",
        FailureKind.RATE_LIMIT: "Wait a little and send again.",
        FailureKind.OVERLOADED: "The service is overloaded; send again in a while.",
        FailureKind.SERVER: "The service has a problem; send again in a while.",
        FailureKind.CONNECTION: "Check the network and the address (--base-url), then send again.",
        FailureKind.TIMEOUT: "The service did not answer in time; send again.",
        FailureKind.INTERRUPTED: "The connection broke; send again to go on.",
        FailureKind.PROTOCOL: "What answered is not the Messages API; check the address (--base-url).",
        FailureKind.CONFIGURATION: "Nothing was sent.",
    }
)


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """How long to wait: jittered, from 0.5 s doubling up to 30 s.

    A server's own wish (Retry-After) is waited out in full, up to `patience_s`; a longer one ends the run
    with the reason, because a silent hour helps nobody.
    """

    first_s: float = 0.5
    longest_s: float = 30.0
    patience_s: float = 60.0
    random: Callable[[], float] = random.random

    def limit(self, failure: Failed) -> int:
        """How many repeats a failure like this is worth."""
        if failure.retry_after_s is not None and failure.retry_after_s > self.patience_s:
            return 0
        return ATTEMPTS.get(failure.kind, 0)

    def delay_s(self, failure: Failed, attempt: int) -> float:
        """Seconds to wait before repeat number `attempt` (from 1)."""
        longest = min(self.longest_s, self.first_s * 2.0 ** (attempt - 1))
        jittered = longest * (0.5 + 0.5 * self.random())
        return max(jittered, failure.retry_after_s or 0.0)
