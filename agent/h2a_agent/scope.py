"""One cancel scope per step: what an interrupt ends, and nothing else.

A run does one thing at a time and waits for it inside `async with step.scope:`. An interrupt (a steer, an
abort) ends exactly that wait: the body is cancelled, the cancellation stops at the scope's end, and the code
behind it looks at `scope.cause`. A cancellation from outside (shutdown, a timeout around the agent) is
not ours and passes through.

This is how `asyncio.timeout` works, with a person in the clock's place: `Task.cancel` counts, `uncancel`
takes our one back, and what remains belongs to somebody else.
"""

from __future__ import annotations

import asyncio
from types import TracebackType
from typing import Final, Generic, TypeVar

__all__ = ["InterruptScope"]

C = TypeVar("C")


class InterruptScope(Generic[C]):
    """A scope an interrupt can end. Used for the waits of one step, one after the other; never reused after.

    Once interrupted it stays interrupted: entering it again cancels the body at its first wait, so a step
    that was interrupted between two waits does not begin the second.
    """

    def __init__(self) -> None:
        self.cause: C | None = None
        self._task: asyncio.Task[object] | None = None
        self._cancelled_by_us = False
        self._outer_cancels: int = 0

    def interrupt(self, cause: C) -> None:
        """End the wait under way, now. The first cause stays; a later one changes nothing."""
        if self.cause is None:
            self.cause = cause
            self._cancel()

    def escalate(self, cause: C) -> None:
        """Replace the cause of an interrupt under way (an abort after a steer), or interrupt."""
        if self.cause is None:
            self.interrupt(cause)
        else:
            self.cause = cause

    async def __aenter__(self) -> InterruptScope[C]:
        task: Final = asyncio.current_task()
        assert task is not None, "a scope is entered by a task"
        assert self._task is None, "a scope holds one wait at a time"
        self._task = task
        self._outer_cancels = task.cancelling()
        if self.cause is not None:
            self._cancel()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> bool:
        task, self._task = self._task, None
        assert task is not None
        if not self._cancelled_by_us:
            return False
        self._cancelled_by_us = False
        ours = task.uncancel() <= self._outer_cancels
        return ours and kind is not None and issubclass(kind, asyncio.CancelledError)

    def _cancel(self) -> None:
        task = self._task
        if task is None or self._cancelled_by_us:
            return
        if task is asyncio.current_task():
            # Called from inside the body (or on entry): cancelling the running task would strike at whatever it
            # waits for next, perhaps after the scope. One tick later it is either waiting here or gone.
            asyncio.get_running_loop().call_soon(self._cancel_later, task)
        else:
            self._cancelled_by_us = True
            task.cancel()

    def _cancel_later(self, task: asyncio.Task[object] | None) -> None:
        if task is not None and self._task is task and not self._cancelled_by_us:
            self._cancelled_by_us = True
            task.cancel()
