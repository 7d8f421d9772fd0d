"""What ends a program without a screen from outside: SIGINT, SIGTERM, and the death of its guardian.

The run is aborted and settles; a second signal cancels what does not.
"""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from typing import Final

from h2a_agent.tools.supervisor import guardian
from h2a_tui.client import Client
from h2a_tui.exit_codes import BY_SIGNAL, UNGUARDED

__all__ = ["Signals", "signals_abort"]

_NUMBERS: Final = (signal.SIGINT, signal.SIGTERM)


class Signals:
    """What ended the run: `caught` is the exit code for it, 0 while nothing did."""

    def __init__(self) -> None:
        self.caught = 0
        self.came = asyncio.Event()

    def catch(self, code: int) -> None:
        """It has come."""
        self.caught = code
        self.came.set()


@contextmanager
def signals_abort(agent: Client) -> Iterator[Signals]:
    """Make SIGINT, SIGTERM and the guardian's end abort the run, so that it settles; a second one cancels what does not."""
    loop, task, signals = asyncio.get_running_loop(), asyncio.current_task(), Signals()
    assert task is not None

    def caught(code: int) -> None:
        if signals.caught:
            task.cancel()
        signals.catch(code)
        agent.abort()

    for number in _NUMBERS:
        loop.add_signal_handler(number, caught, BY_SIGNAL + number)
    if (ours := guardian()) is not None:
        ours.watch(partial(caught, UNGUARDED))
    try:
        yield signals
    finally:
        for number in _NUMBERS:
            loop.remove_signal_handler(number)
        if ours is not None:
            ours.unwatch()
