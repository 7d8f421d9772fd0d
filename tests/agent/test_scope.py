"""The interrupt scope: it ends exactly the wait it was made for, and never anybody else's."""

from __future__ import annotations

import asyncio

import pytest

from h2a_agent.scope import InterruptScope


async def test_an_interrupt_ends_the_wait_and_the_code_behind_it_goes_on() -> None:
    scope: InterruptScope[str] = InterruptScope()
    asyncio.get_running_loop().call_soon(scope.interrupt, "steer")
    async with scope:
        await asyncio.Event().wait()
    assert scope.cause == "steer"
    task = asyncio.current_task()
    assert task is not None
    assert task.cancelling() == 0
    await asyncio.sleep(0)


async def test_an_undisturbed_body_keeps_its_result() -> None:
    scope: InterruptScope[str] = InterruptScope()
    async with scope:
        value = await asyncio.sleep(0, "value")
    assert (value, scope.cause) == ("value", None)


async def test_the_next_wait_of_an_interrupted_scope_does_not_begin() -> None:
    scope: InterruptScope[str] = InterruptScope()
    scope.interrupt("steer")
    async with scope:
        await asyncio.Event().wait()
    assert scope.cause == "steer"


async def test_the_first_cause_stays_and_an_abort_replaces_it() -> None:
    scope: InterruptScope[str] = InterruptScope()
    scope.interrupt("steer")
    scope.interrupt("other")
    assert scope.cause == "steer"
    scope.escalate("abort")
    assert scope.cause == "abort"


async def test_an_interrupt_from_inside_the_body_takes_effect_at_its_next_wait() -> None:
    scope: InterruptScope[str] = InterruptScope()
    seen = []
    async with scope:
        scope.interrupt("steer")
        seen.append("after")
        await asyncio.Event().wait()
        seen.append("never")
    assert seen == ["after"]


async def test_an_interrupt_from_inside_that_never_waits_again_strikes_nothing_outside() -> None:
    scope: InterruptScope[str] = InterruptScope()
    async with scope:
        scope.interrupt("steer")
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    assert scope.cause == "steer"


async def test_a_cancellation_from_outside_passes_through() -> None:
    scope: InterruptScope[str] = InterruptScope()

    async def body() -> None:
        async with scope:
            await asyncio.Event().wait()

    task = asyncio.create_task(body())
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


async def test_a_cancellation_from_outside_passes_through_although_an_interrupt_came_first() -> None:
    scope: InterruptScope[str] = InterruptScope()

    async def body() -> None:
        async with scope:
            await asyncio.Event().wait()

    task = asyncio.create_task(body())
    await asyncio.sleep(0)
    scope.interrupt("steer")
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


async def test_an_error_of_the_body_is_not_hidden_by_an_interrupt() -> None:
    scope: InterruptScope[str] = InterruptScope()

    async def body() -> None:
        async with scope:
            try:
                await asyncio.Event().wait()
            finally:
                raise ValueError("in clean-up")

    task = asyncio.create_task(body())
    await asyncio.sleep(0)
    scope.interrupt("steer")
    with pytest.raises(ValueError, match="clean-up"):
        await task


@pytest.mark.parametrize("tick", range(8))
async def test_interrupting_at_any_tick_leaves_the_task_uncancelled(tick: int) -> None:
    """At every loop tick of a body of six waits: the scope swallows its own cancellation and no other wait suffers."""
    scope: InterruptScope[str] = InterruptScope()
    reached = []

    async def body() -> str:
        async with scope:
            for i in range(6):
                reached.append(i)
                await asyncio.sleep(0)
        for _ in range(3):
            await asyncio.sleep(0)
        return "whole"

    task = asyncio.create_task(body())
    for _ in range(tick):
        await asyncio.sleep(0)
    scope.interrupt("steer")
    assert await task == "whole"
    assert len(reached) == min(max(tick, 1), 6)
