"""The tool calls of one answer: which begins when, how they end together.

They run at the same time. Those that only look, and need nobody's leave, begin while the answer still comes;
whatever can change something waits until the answer has ended for a reason that allows tools. Results are
journalled as they come, though never before their answer, and the request builder puts them in the order of
the calls.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Final

from h2a_agent.answer import Answer
from h2a_agent.content import ToolUseBlock
from h2a_agent.events import Outcome, Phase
from h2a_agent.run import Run, Step
from h2a_agent.tool_runner import BY, Call

__all__ = ["ToolCalls"]

_AT_ONCE: Final = 8  # calls of one answer that run at the same time
_STOP_DEADLINE_S: Final = 10.0  # a tool that has not ended by then is given up, and that is said


class ToolCalls:
    """The calls of one answer, from the first that begins to the last result.

    An async context manager: no task of theirs outlives it, except one that was given up because it did not
    end when it was stopped.
    """

    def __init__(self, run: Run, step: Step) -> None:
        self._run = run
        self._step = step
        self._limit = asyncio.Semaphore(_AT_ONCE)
        self._early: dict[str, Call] = {}
        self._in_order = True  # so far every call of the answer has begun early

    async def __aenter__(self) -> ToolCalls:
        return self

    async def __aexit__(self, *_exc: object) -> None:
        # Only a cancellation from outside leaves tasks behind: they are ours, so they end with us.
        left = [call.task for call in self._early.values() if call.is_running]
        for task in left:
            task.cancel()
        if left:
            await asyncio.wait(left, timeout=_STOP_DEADLINE_S)

    def begin_early(self, block: ToolUseBlock, invalid: Mapping[str, str]) -> None:
        """Begin a whole call while its answer still comes, if it changes nothing and nobody has to be asked.

        Whatever else happens to the answer, its result is true. A call behind one that has to wait waits too:
        it may want to see what that one does.
        """
        call = Call(self._run, block, invalid.get(block.id, ""))
        may = self._step.cause is None and not self._run.paused
        self._in_order = self._in_order and may and call.only_looks()
        if self._in_order:
            self._early[block.id] = call
            call.begin(self._limit)

    async def finish(self, answer: Answer) -> None:
        """Bring every call of `answer`, which is in the history now, to its one result."""
        run, step = self._run, self._step
        calls = [
            self._early.get(block.id) or Call(run, block, answer.invalid.get(block.id, ""))
            for block in answer.calls
        ]
        self._early = {call.block.id: call for call in calls}
        for call in calls:
            call.record()
        reason = _why_not(step, answer)
        if calls and not reason:
            async with step.scope:
                await run.gate()
            reason = _why_not(step, answer)
        for call in calls:
            if call.has_begun:
                continue
            if reason:
                call.close(call.entry(Outcome.NOT_STARTED, reason, "not started"))
            else:
                run.enter(Phase.TOOLS)
                call.begin(self._limit)
        await self._wait_for([call for call in calls if call.has_begun])

    async def _wait_for(self, calls: list[Call]) -> None:
        tasks = [call.task for call in calls if call.is_running]
        if tasks:
            self._run.enter(Phase.TOOLS)
            async with self._step.scope:
                await asyncio.wait(tasks)
            if self._step.cause is not None:
                await self._stop(calls)
        for call in calls:
            if not call.is_running:
                call.task.result()  # a bug of ours in there is not to be swallowed

    async def _stop(self, calls: list[Call]) -> None:
        """End what still runs, by policy; an abort that comes on top of a steer ends the rest, too."""
        step = self._step
        again = asyncio.create_task(step.interrupted_again())
        try:
            while left := [call.task for call in calls if call.is_running]:
                assert step.cause is not None
                for call in calls:
                    call.stop(step.cause)
                # A call that is to finish has all the time it needs; clean-up has a limit.
                deadline = None if any(call.finishes(step.cause) for call in calls) else _STOP_DEADLINE_S
                wake = left if again.done() else [*left, again]
                done, _ = await asyncio.wait(wake, timeout=deadline, return_when=asyncio.FIRST_COMPLETED)
                if not done:
                    break
            for call in calls:
                if call.is_running:
                    self._give_up(call)
        finally:
            again.cancel()

    def _give_up(self, call: Call) -> None:
        """Go on without a call that does not end; nobody waits for it a second time."""
        text = "It did not end when it was stopped; its outcome is unknown."
        call.close(call.entry(Outcome.UNKNOWN, text, "did not stop"))
        del self._early[call.block.id]
        given_up = self._run.toolbox.given_up
        given_up.add(call.task)
        call.task.add_done_callback(given_up.discard)


def _why_not(step: Step, answer: Answer) -> str:
    """Why the calls of this answer must not run; "" when they may."""
    if step.cause is not None:
        return f"Not started: {BY[step.cause]} before this call could run."
    if not answer.whole:
        return "Not started: the connection broke before the answer was complete. Call it again if you still need it."
    if answer.stop_reason == "max_tokens":
        return "Not started: the answer was cut at its token limit. Make the call again, smaller."
    if not answer.runnable:
        return f"Not started: the answer ended with {answer.stop_reason!r}, which does not allow tools."
    return ""
