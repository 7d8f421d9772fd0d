"""SIGINT and SIGTERM where there is no screen: the run is aborted and settles, a second one cancels what does not."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Iterator
from contextlib import contextmanager

from h2a_tui.client import Client
from h2a_tui.exit_codes import BY_SIGNAL

__all__ = ["Signals", "signals_abort"]


class Signals:
    """Which signal ended the run; 0 while none did."""

    def __init__(self) -> None:
        self.caught = 0
        self.came = asyncio.Event()

    @property
    def exit_code(self) -> int:
        """What a shell expects of a program that ended by it."""
        return BY_SIGNAL + self.caught


@contextmanager
def signals_abort(agent: Client) -> Iterator[Signals]:
    """Make SIGINT and SIGTERM abort the run, so that it settles; a second one cancels what does not."""
    loop, task, signals = asyncio.get_running_loop(), asyncio.current_task(), Signals()
    assert task is not None

    def caught(number: int) -> None:
        if signals.caught:
            task.cancel()
        signals.caught = number
        signals.came.set()
        agent.abort()

    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, caught, number)
    try:
        yield signals
    finally:
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.remove_signal_handler(number)
