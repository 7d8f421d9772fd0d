"""The h2A queue beside `asyncio.Queue` and the bare deque, interleaved, by CPU time."""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Awaitable, Callable
from statistics import median

from h2a_queue import H2AQueue

__all__ = ["main"]

N = 100_000


async def _burst_ours() -> None:
    queue: H2AQueue[int] = H2AQueue(max_size=None)
    for i in range(N):
        queue.enqueue_nowait(i)
    for _ in range(N):
        queue.dequeue_nowait()


async def _burst_asyncio() -> None:
    queue: asyncio.Queue[int] = asyncio.Queue()
    for i in range(N):
        queue.put_nowait(i)
    for _ in range(N):
        queue.get_nowait()


async def _batch_ours() -> None:
    queue: H2AQueue[int] = H2AQueue(max_size=None)
    for start in range(0, N, 100):
        await queue.enqueue_batch(range(start, start + 100))
    taken = 0
    while taken < N:
        taken += len(await queue.dequeue_batch(100))


async def _batch_deque() -> None:
    items: deque[int] = deque()
    for i in range(N):
        items.append(i)
    while items:
        items.popleft()


async def _ping_ours() -> None:
    there: H2AQueue[int] = H2AQueue()
    back: H2AQueue[int] = H2AQueue()

    async def echo() -> None:
        async for item in there:
            await back.enqueue(item)

    task = asyncio.create_task(echo())
    for i in range(N // 10):
        await there.enqueue(i)
        await back.dequeue()
    there.close()
    await task


async def _ping_asyncio() -> None:
    there: asyncio.Queue[int] = asyncio.Queue()
    back: asyncio.Queue[int] = asyncio.Queue()

    async def echo() -> None:
        while (item := await there.get()) >= 0:
            await back.put(item)

    task = asyncio.create_task(echo())
    for i in range(N // 10):
        await there.put(i)
        await back.get()
    await there.put(-1)
    await task


def _cpu_ms(work: Callable[[], Awaitable[None]]) -> float:
    async def timed() -> float:
        started = time.process_time()
        await work()
        return (time.process_time() - started) * 1e3

    return asyncio.run(timed())


ROWS: tuple[tuple[str, Callable[[], Awaitable[None]], str, Callable[[], Awaitable[None]]], ...] = (
    ("burst, one by one", _burst_ours, "asyncio.Queue", _burst_asyncio),
    ("batches of 100", _batch_ours, "asyncio.Queue, one by one", _burst_asyncio),
    ("batches of 100", _batch_ours, "bare deque, one by one", _batch_deque),
    ("hand-over ping-pong", _ping_ours, "asyncio.Queue", _ping_asyncio),
)


def main(rounds: int = 7) -> None:
    """Print the table: how many times the work of the other the h2A queue does in the same CPU time."""
    print(f"h2A queue, CPU time, median of {rounds} interleaved rounds")
    for name, ours, other_name, other in ROWS:
        pairs = [(_cpu_ms(ours), _cpu_ms(other)) for _ in range(rounds)]
        ratio = median(b / a for a, b in pairs)
        print(f"{name:22} {median(a for a, _ in pairs):8.1f} ms   {ratio:5.2f} x {other_name}")


if __name__ == "__main__":
    main()
