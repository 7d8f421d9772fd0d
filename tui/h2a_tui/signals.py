"""What ends a program without a screen from outside: SIGINT, SIGTERM, and the death of its guardian.

The run is aborted and settles, and whoever reads the output has a moment for the last lines. A second signal waits for
neither.
"""

from __future__ import annotations

import asyncio
import signal
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from functools import partial
from typing import Final

from h2a_agent.tools.supervisor import guardian
from h2a_tui.client import Client
from h2a_tui.exit_codes import BY_SIGNAL, UNGUARDED

__all__ = ["Signals", "last_lines", "signals_abort"]

_NUMBERS: Final = (signal.SIGINT, signal.SIGTERM)
_LAST_LINES_S: Final = 3.0  # what a reader has for the last lines after a signal


class Signals:
    """What ended the run: `caught` is the exit code for it, 0 while nothing did."""

    def __init__(self) -> None:
        self.caught = 0
        self.came = asyncio.Event()

    def catch(self, code: int) -> None:
        """It has come."""
        self.caught = code
        self.came.set()


@asynccontextmanager
async def last_lines(ending: asyncio.Event, agent: Client) -> AsyncGenerator[asyncio.Timeout]:
    """Give up what is inside, quietly, a moment after `ending` is set and the run has settled.

    That is for output that nobody reads. The deadline can be moved.
    """

    async def set_deadline() -> None:
        await ending.wait()
        await agent.settled()
        if deadline.when() is None:
            deadline.reschedule(asyncio.get_running_loop().time() + _LAST_LINES_S)

    try:
        async with asyncio.timeout(None) as deadline:
            waiting = asyncio.create_task(set_deadline())
            try:
                yield deadline
            finally:
                waiting.cancel()
    except TimeoutError:
        if not deadline.expired():
            raise


@asynccontextmanager
async def signals_abort(agent: Client) -> AsyncGenerator[Signals]:
    """Make SIGINT, SIGTERM and the guardian's end abort the run, so that it settles.

    What is inside is given up when it has not ended a moment later, or when a second one comes.
    """
    loop, signals = asyncio.get_running_loop(), Signals()
    ours = guardian()
    async with last_lines(signals.came, agent) as deadline:

        def caught(code: int) -> None:
            if signals.caught and not deadline.expired():
                deadline.reschedule(loop.time())
            signals.catch(code)
            agent.abort()

        for number in _NUMBERS:
            loop.add_signal_handler(number, caught, BY_SIGNAL + number)
        if ours is not None:
            ours.watch(partial(caught, UNGUARDED))
        try:
            yield signals
        finally:
            for number in _NUMBERS:
                loop.remove_signal_handler(number)
            if ours is not None:
                ours.unwatch()
