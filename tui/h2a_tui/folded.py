"""A run as the one line of `--output json`: the last answer and how it ended."""

from __future__ import annotations

from h2a_agent.events import AnyEvent, Done, Error, Settled, TokenStream, Usage
from h2a_agent.protocol.replies import Result

__all__ = ["Folded"]


class Folded:
    """A run as far as its result goes."""

    def __init__(self) -> None:
        self._words: list[str] = []
        self._over = False
        self._error: Error | None = None
        self._usage: Usage | None = None
        self._settled = Settled("failed")

    def add(self, event: AnyEvent) -> None:
        """Take in `event`."""
        match event:
            case TokenStream(text=text):
                if self._over:
                    self._words.clear()
                    self._over = False
                self._words.append(text)
            case Done():
                self._over = True  # what comes next belongs to another response
            case Error():
                self._error = event
            case Usage():
                self._usage = event
            case Settled():
                self._settled = event
            case _:
                pass

    def result(self, session_id: str) -> Result:
        """What came of it."""
        settled = self._settled
        return Result(
            "".join(self._words), settled.reason, settled.steps, session_id, self._usage, self._error
        )
