"""Cancel at every tick: asyncio's answer to a model checker.

A scene is a victim, some others, and a check. `sweep` plays it again and again, cancelling the victim one
tick later each time and in each of the ways a task can be cancelled, until the victim is done before the
cancel comes. The blow falls after the others' step of its tick, so it meets a victim that has just been
served.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Sequence
from dataclasses import dataclass
from typing import Any, Final

__all__ = ["CANCELLED", "WAYS", "Scene", "later", "sweep", "tick"]

CANCELLED: Final = "cancelled"
WAYS: Final = ("task.cancel", "timeout", "task group")
MAX_TICKS = 12
TICKS_TO_DIE = 3


async def tick(count: int = 1) -> None:
    """Let everybody who is ready take one step, `count` times."""
    for _ in range(count):
        await asyncio.sleep(0)


async def later(ticks: int, verb: Callable[[], object]) -> None:
    """Call something, and await what it gives if need be, some ticks from now."""
    await tick(ticks)
    result = verb()
    if asyncio.iscoroutine(result):
        await result


@dataclass(frozen=True)
class Scene:
    """What is played. `check` gets the victim's result, or the exception it raised, or CANCELLED."""

    label: str
    victim: Coroutine[Any, Any, object]
    others: Sequence[Coroutine[Any, Any, object]]
    check: Callable[[object], Coroutine[Any, Any, None]]


async def sweep(make_scene: Callable[[], Scene], ways: Sequence[str] = WAYS) -> int:
    """Play a scene with a cancel at every tick, in every way; the number of plays."""
    plays = 0
    for way in ways:
        for at in range(MAX_TICKS):
            scene = make_scene()
            plays += 1
            try:
                in_time = await _play(scene, way, at)
            except AssertionError as failure:
                failure.add_note(f"scene: {scene.label}; {way} at tick {at}")
                raise
            if not in_time:
                break
    return plays


async def _play(scene: Scene, way: str, at: int) -> bool:
    """Play once; False when the victim was done before the blow."""
    outcome: list[object] = []

    async def record() -> None:
        try:
            outcome.append(await scene.victim)
        except asyncio.CancelledError:
            outcome.append(CANCELLED)
            raise
        except Exception as error:  # noqa: BLE001  (whatever it is, it is what the check wants to see)
            outcome.append(error)

    scope = asyncio.timeout(None)
    abort = asyncio.Event()
    task = asyncio.create_task(
        {WAYS[0]: record, WAYS[1]: _in(scope, record), WAYS[2]: _beside(abort, record)}[way]()
    )
    others = [asyncio.create_task(other) for other in scene.others]
    await tick(1 + at)
    in_time = not outcome
    if in_time and way == WAYS[0]:
        task.cancel()
        await tick(TICKS_TO_DIE)
        assert outcome == [CANCELLED], f"the cancel was swallowed or took too long: {outcome}"
    elif in_time and way == WAYS[1]:
        scope.reschedule(asyncio.get_running_loop().time())  # strikes a tick from now
    elif in_time:
        abort.set()  # strikes three ticks from now
    await tick(3 * MAX_TICKS)
    assert outcome, "cancelled, and still waiting"
    await asyncio.gather(task, return_exceptions=True)
    await scene.check(outcome[0])
    for other in others:
        other.cancel()
    await asyncio.gather(*others, return_exceptions=True)
    return in_time


def _in(
    scope: asyncio.Timeout, play: Callable[[], Coroutine[Any, Any, None]]
) -> Callable[[], Coroutine[Any, Any, None]]:
    async def timed() -> None:
        async with scope:
            await play()

    return timed


def _beside(
    abort: asyncio.Event, play: Callable[[], Coroutine[Any, Any, None]]
) -> Callable[[], Coroutine[Any, Any, None]]:
    async def fail() -> None:
        await abort.wait()
        raise InterruptedError

    async def grouped() -> None:
        async with asyncio.TaskGroup() as group:
            failing = group.create_task(fail())
            await group.create_task(play())
            failing.cancel()

    return grouped
