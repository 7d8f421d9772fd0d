"""Everything comes late: how a test is found that looks once, too early, where it should wait.

With `H2A_LATE=1` (`make soak-races`) a terminal shows in pieces, with pauses between them, what a program wrote
in one go, and what runs in a thread starts late. A test that waits for what it asserts does not notice; one that is
green only because the machine was quick fails nearly every time. These sleeps synchronise nothing: they take the luck away.
"""

from __future__ import annotations

import asyncio
import os
import random
import time
from asyncio import AbstractEventLoop
from collections.abc import Callable, Iterator
from concurrent.futures import Executor
from typing import Any, Final

import pytest

__all__ = ["LATE", "in_late_pieces", "start_threads_late"]

LATE: Final = bool(os.environ.get("H2A_LATE"))

_PIECES: Final = 4
_PAUSE_S: Final = 0.02
_LONG_PAUSE_S: Final = 0.15


def in_late_pieces(data: bytes) -> Iterator[bytes]:
    """`data` as a slow line delivers it; whole and at once where nothing is to come late."""
    if not LATE:
        yield data
        return
    ends = [*sorted(random.sample(range(1, len(data)), min(_PIECES, len(data)) - 1)), len(data)]
    for start, end in zip([0, *ends], ends, strict=False):
        yield data[start:end]
        time.sleep(_LONG_PAUSE_S if random.random() < 0.05 else random.uniform(0, _PAUSE_S))


def start_threads_late() -> None:
    """From now on whatever an event loop runs in a thread starts a little later than asked."""
    run_in_executor: Any = asyncio.BaseEventLoop.run_in_executor

    def late(
        self: AbstractEventLoop, executor: Executor | None, work: Callable[..., Any], *arguments: Any
    ) -> Any:
        def after_a_pause() -> Any:
            time.sleep(random.uniform(0, _PAUSE_S * 2))
            return work(*arguments)

        return run_in_executor(self, executor, after_a_pause)

    pytest.MonkeyPatch().setattr(asyncio.BaseEventLoop, "run_in_executor", late)
