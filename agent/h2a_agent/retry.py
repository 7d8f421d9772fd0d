"""What follows from each kind of failure: one table, one delay, one clock.

- *retry*: the same request again after a visible wait. After something of an answer had come the partial
  answer is kept and the conversation goes on from it, under the same delays and the same limit.
- *ask*: a limit that lasts longer than anybody would sit out in silence. The run pauses, says until when, and
  goes on by itself then, or as soon as the user says so.
- *make room*: the conversation does not fit the model; it is shortened, then sent again.
- *repair*: the server refuses something in the request; it is left out (`omissions.py`), then sent again.
- *fatal*: nothing of that helps. The run ends with the reason and with advice.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import Enum
from types import MappingProxyType
from typing import Final

from h2a_agent.providers.base import Failed, FailureKind

__all__ = ["TABLE", "Reaction", "RetryPolicy", "Rule", "now_s"]


class Reaction(Enum):
    """What the loop does about a failure."""

    RETRY = "retry"
    ASK = "ask"
    MAKE_ROOM = "make room"
    REPAIR = "repair"
    FATAL = "fatal"


@dataclass(frozen=True, slots=True)
class Rule:
    """The reaction to a kind of failure, how often in a row it is tried again, and what a person can do."""

    reaction: Reaction
    attempts: int
    advice: str


_R = Reaction
_K = FailureKind
# A server that cannot be reached at all is usually a wrong address, so it is not tried for long.
TABLE: Final[Mapping[FailureKind, Rule]] = MappingProxyType(
    {
        _K.RATE_LIMIT: Rule(_R.RETRY, 6, "Wait a little and send again."),
        _K.OVERLOADED: Rule(_R.RETRY, 6, "The service is overloaded; send again in a while."),
        _K.SERVER: Rule(_R.RETRY, 6, "The service has a problem; send again in a while."),
        _K.INTERRUPTED: Rule(_R.RETRY, 6, "The connection broke; send again to go on."),
        _K.TIMEOUT: Rule(_R.RETRY, 3, "The service did not answer in time; send again."),
        _K.CONNECTION: Rule(_R.RETRY, 3, "Check the network and the address (--base-url), then send again."),
        _K.PROTOCOL: Rule(
            _R.RETRY, 1, "What answered is not the Messages API; check the address (--base-url)."
        ),
        _K.USAGE_LIMIT: Rule(_R.ASK, 6, "Raise the limit, or send again when it begins anew."),
        _K.TOO_LARGE: Rule(
            _R.MAKE_ROOM, 0, "The conversation is too large for the model; start a new session."
        ),
        _K.TOO_MANY_BYTES: Rule(_R.REPAIR, 0, "The conversation is too large to send; start a new session."),
        _K.INVALID_REQUEST: Rule(
            _R.REPAIR, 0, "The server refused the request; your message is in the session."
        ),
        _K.AUTHENTICATION: Rule(_R.FATAL, 0, "Check the API key (ANTHROPIC_API_KEY), then send again."),
        _K.PERMISSION: Rule(
            _R.FATAL,
            0,
            "The key may not be used for this; choose another model (--model) or check the account.",
        ),
        _K.NOT_FOUND: Rule(_R.FATAL, 0, "Check the model's name (--model) and the address (--base-url)."),
        _K.CONFIGURATION: Rule(_R.FATAL, 0, "Nothing was sent."),
    }
)


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """How long to wait: jittered, from 0.5 s doubling up to 30 s.

    A server's own wish (Retry-After) is waited out in full, up to `patience_s`; what asks for more is asked
    about, because a silent hour helps nobody.
    """

    first_s: float = 0.5
    longest_s: float = 30.0
    patience_s: float = 60.0
    random: Callable[[], float] = random.random

    def reaction(self, failure: Failed, times: int) -> Reaction:
        """What to do about `failure`, the `times`-th in a row (from 1)."""
        rule, wait_s = TABLE[failure.kind], failure.retry_after_s
        if rule.reaction not in (Reaction.RETRY, Reaction.ASK):
            return rule.reaction
        if wait_s is None and rule.reaction is Reaction.ASK:
            return Reaction.ASK
        if wait_s is not None and wait_s > self.patience_s:
            return Reaction.ASK
        return Reaction.FATAL if failure.final or times > rule.attempts else Reaction.RETRY

    def delay_s(self, failure: Failed, times: int) -> float:
        """Seconds to wait before repeat number `times` (from 1)."""
        longest = min(self.longest_s, self.first_s * 2.0 ** (times - 1))
        jittered = longest * (0.5 + 0.5 * self.random())
        return max(jittered, failure.retry_after_s or 0.0)


# ------------------------------------------------------------------------------- the clock


def now_s() -> float:
    """Seconds of a clock nobody sets and that goes on while the machine sleeps, where the system has one."""
    boot = getattr(time, "CLOCK_BOOTTIME", None)
    return time.monotonic() if boot is None else time.clock_gettime(boot)
