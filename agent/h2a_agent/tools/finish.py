"""Work that is not left half done when its caller is cancelled."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any, ParamSpec, TypeVar

__all__ = ["finish", "in_thread"]

P = ParamSpec("P")
T = TypeVar("T")


async def finish(work: Coroutine[Any, Any, T]) -> T:
    """The result of `work`, which runs to its end whatever happens to the caller.

    A cancellation that comes meanwhile takes effect when the work has ended, never before: so a lock held
    around it is not released while it still writes.

    Raises:
        asyncio.CancelledError: the caller was cancelled; the work has ended.
    """
    task = asyncio.create_task(work)
    cancelled: asyncio.CancelledError | None = None
    while not task.done():
        try:
            await asyncio.wait({task})
        except asyncio.CancelledError as error:
            cancelled = error
    if cancelled is not None:
        if not task.cancelled():
            task.exception()  # seen, though nobody is left to hear of it
        raise cancelled
    return task.result()


async def in_thread(work: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """`work(...)` in a thread, off the event loop and never left behind (see `finish`)."""
    return await finish(asyncio.to_thread(work, *args, **kwargs))
