"""The h2A queue beside its peers, by CPU time, in interleaved rounds: one table of times per item.

Every row is one piece of work that all of them can do. Ours is the first column of numbers; the others say
how many times our CPU time they need, so above 1 is slower than the h2A queue.

- `asyncio.Queue`, and anyio's memory object stream (installed with the SDK).
- `culsans` and `janus`, of the `dev` extra, which serve threads and tasks alike.
- floor: for a burst, `collections.deque` append and popleft; for a hand-over, waking a waiting task by a bare
  future. Neither is a queue.
"""

from __future__ import annotations

import asyncio
import gc
import importlib.util
import resource
import subprocess
import sys
import threading
import time
from collections import deque
from collections.abc import Awaitable, Callable
from pathlib import Path
from statistics import median
from typing import Any

from h2a_queue import H2AQueue, MeteredH2AQueue, StreamBufferManager

__all__ = ["main"]

Work = Callable[[], Awaitable[None]]
N = 40_000
ROUNDS = 7
PEERS = ("asyncio.Queue", "anyio", "culsans", "janus", "floor")


# -- one item in, one item out, in the words of each --


class Ours:
    """`H2AQueue`."""

    def __init__(self, size: int | None = None) -> None:
        self.queue: H2AQueue[int] = self.make(size)
        self.put, self.get = self.queue.enqueue, self.queue.dequeue
        self.put_nowait, self.get_nowait = self.queue.enqueue_nowait, self.queue.dequeue_nowait
        self.put_from_thread = self.queue.enqueue_threadsafe

    def make(self, size: int | None) -> H2AQueue[int]:
        return H2AQueue(size)

    async def done(self) -> None:
        """Nothing to give back."""


class Metered(Ours):
    """`MeteredH2AQueue`."""

    def make(self, size: int | None) -> H2AQueue[int]:
        return MeteredH2AQueue(size)


class Asyncio:
    """`asyncio.Queue`, which has no door for threads."""

    def __init__(self, size: int | None = None) -> None:
        self.queue: asyncio.Queue[int] = asyncio.Queue(size or 0)
        self.put, self.get = self.queue.put, self.queue.get
        self.put_nowait, self.get_nowait = self.queue.put_nowait, self.queue.get_nowait

    async def done(self) -> None:
        """Nothing to give back."""


class Anyio:
    """A memory object stream, whose two ends must be closed."""

    def __init__(self, size: int | None = None) -> None:
        import anyio

        self.send, self.receive = anyio.create_memory_object_stream[int](
            float("inf") if size is None else size
        )
        self.put, self.get = self.send.send, self.receive.receive
        self.put_nowait, self.get_nowait = self.send.send_nowait, self.receive.receive_nowait

    async def done(self) -> None:
        self.send.close()
        self.receive.close()


class Culsans:
    """`culsans.Queue`."""

    def __init__(self, size: int | None = None) -> None:
        import culsans

        self.queue: Any = culsans.Queue(size or 0)
        self.put, self.get = self.queue.async_q.put, self.queue.async_q.get
        self.put_nowait, self.get_nowait = self.queue.async_q.put_nowait, self.queue.async_q.get_nowait
        self.put_from_thread = self.queue.sync_q.put

    async def done(self) -> None:
        self.queue.shutdown()


class Janus:
    """`janus.Queue`."""

    def __init__(self, size: int | None = None) -> None:
        import janus

        self.queue: Any = janus.Queue(size or 0)
        self.put, self.get = self.queue.async_q.put, self.queue.async_q.get
        self.put_nowait, self.get_nowait = self.queue.async_q.put_nowait, self.queue.async_q.get_nowait
        self.put_from_thread = self.queue.sync_q.put

    async def done(self) -> None:
        await self.queue.aclose()


MAKERS: dict[str, Any] = {"asyncio.Queue": Asyncio, "anyio": Anyio, "culsans": Culsans, "janus": Janus}


# -- the work --


async def burst(make: Any, count: int = N) -> None:
    side = make()
    put, get = side.put_nowait, side.get_nowait
    for i in range(count):
        put(i)
    for _ in range(count):
        get()
    await side.done()


async def burst_of_a_deque() -> None:
    items: deque[int] = deque()
    put, get = items.append, items.popleft
    for i in range(N):
        put(i)
    for _ in range(N):
        get()


async def batches() -> None:
    queue: H2AQueue[int] = H2AQueue(max_size=None)
    for start in range(0, N, 100):
        await queue.enqueue_batch(range(start, start + 100))
    taken = 0
    while taken < N:
        taken += len(await queue.dequeue_batch(100))


async def ping_pong(make: Any, count: int = N // 4) -> None:
    there, back = make(), make()

    async def echo() -> None:
        for _ in range(count):
            await back.put(await there.get())

    task = asyncio.create_task(echo())
    for i in range(count):
        await there.put(i)
        await back.get()
    await task
    await there.done()
    await back.done()


async def ping_pong_of_bare_futures() -> None:
    """Two tasks that wake each other, each by the future the other waits for."""
    count, loop = N // 4, asyncio.get_running_loop()
    waits: list[asyncio.Future[int]] = [asyncio.Future(loop=loop), asyncio.Future(loop=loop)]

    async def echo() -> None:
        for i in range(count):
            await waits[0]
            waits[0] = asyncio.Future(loop=loop)
            waits[1].set_result(i)

    task = asyncio.create_task(echo())
    for i in range(count):
        waits[0].set_result(i)
        await waits[1]
        waits[1] = asyncio.Future(loop=loop)
    await task


async def bounded(make: Any, size: int, tasks: int, count: int = N) -> None:
    side = make(size)

    async def write() -> None:
        for i in range(count // tasks):
            await side.put(i)

    async def read() -> None:
        for _ in range(count // tasks):
            await side.get()

    await asyncio.gather(*(write() for _ in range(tasks)), *(read() for _ in range(tasks)))
    await side.done()


async def from_a_thread(make: Any, count: int) -> None:
    side = make()

    def write() -> None:
        for i in range(count):
            side.put_from_thread(i)

    thread = threading.Thread(target=write)
    thread.start()
    for _ in range(count):
        await side.get()
    thread.join()
    await side.done()


def row(work: Any, *args: Any, floor: Work | None = None, leave_out: tuple[str, ...] = ()) -> dict[str, Work]:
    """The same work for us and for every peer that is here."""
    columns: dict[str, Work] = {"h2A": lambda: work(Ours, *args)}
    for name, maker in MAKERS.items():
        if name not in leave_out and is_here(name):
            columns[name] = lambda maker=maker: work(maker, *args)
    if floor is not None:
        columns["floor"] = floor
    return columns


def is_here(peer: str) -> bool:
    return peer == "asyncio.Queue" or importlib.util.find_spec(peer) is not None


def rows() -> dict[str, tuple[int, dict[str, Work]]]:
    """Name of the row: items of one round, and the columns."""
    few = N // 10  # for the work on which some peers take long
    return {
        "burst, one by one": (N, row(burst, floor=burst_of_a_deque)),
        "burst, with metrics": (N, {"h2A": lambda: burst(Metered), "asyncio.Queue": lambda: burst(Asyncio)}),
        "batches of 100": (
            N,
            {"h2A": batches, "asyncio.Queue": lambda: burst(Asyncio), "floor": burst_of_a_deque},
        ),
        "hand-over ping-pong": (N // 2, row(ping_pong, floor=ping_pong_of_bare_futures)),
        "bound 1000, 1 to 1": (N, row(bounded, 1000, 1)),
        "bound 1000, 4 to 4": (N, row(bounded, 1000, 4)),
        "bound 100, 1 to 1": (N, row(bounded, 100, 1)),
        "bound 100, 4 to 4": (N, row(bounded, 100, 4)),
        "bound 10, 1 to 1": (few, row(bounded, 10, 1, few)),
        "bound 10, 4 to 4": (few, row(bounded, 10, 4, few)),
        "1000, 1 to 1, metrics": (
            N,
            {
                "h2A": lambda: bounded(Metered, 1000, 1),
                "asyncio.Queue": lambda: bounded(Asyncio, 1000, 1),
            },
        ),
        "from another thread": (2 * N, row(from_a_thread, 2 * N, leave_out=("asyncio.Queue", "anyio"))),
    }


# -- the table --


def cpu_s(work: Work) -> float:
    async def timed() -> float:
        gc.collect()
        started = time.process_time()
        await work()
        return time.process_time() - started

    return asyncio.run(timed())


def main(rounds: int = ROUNDS) -> None:
    """Print the table."""
    for peer in MAKERS:
        if not is_here(peer):
            print(f"{peer} is not installed and left out; `pip install -e '.[dev]'` brings it.")
    print(f"CPU time, CPython {sys.version.split()[0]}, median of {rounds} interleaved rounds.")
    print(f"{'':22}{'h2A us/item':>12}" + "".join(f"{peer:>15}" for peer in PEERS))
    for name, (count, columns) in rows().items():
        times: dict[str, list[float]] = {column: [] for column in columns}
        for _ in range(rounds):
            for column, work in columns.items():
                times[column].append(cpu_s(work))
        ours = median(times["h2A"])
        cells = [
            f"{median(other / mine for other, mine in zip(times[peer], times['h2A'], strict=True)):.2f} x"
            if peer in times
            else "-"
            for peer in PEERS
        ]
        print(f"{name:22}{ours / count * 1e6:12.3f}" + "".join(f"{cell:>15}" for cell in cells))
    print(
        f"100 streams of 1 MB, 3 readers each: {_memory_of_streams(100):.0f} MB; one: {_memory_of_streams(1):.2f} MB"
    )


def _memory_of_streams(count: int) -> float:
    """How much the process has grown at its peak, measured in a process of its own."""
    code = f"import queue_core; print(queue_core.grow_streams({count}))"
    output = subprocess.run(
        [sys.executable, "-c", code], env={"PYTHONPATH": ":".join(sys.path)}, capture_output=True, check=True
    )
    return float(output.stdout)


def grow_streams(count: int) -> float:
    """Write streams of a megabyte, read each from three places, and say how many MB that took."""
    before = _resident_mb()
    with StreamBufferManager[str](keep_bytes=1 << 30) as streams:
        readers = []
        for number in range(count):
            buffer = streams.open(str(number))
            for _ in range(10_000):
                buffer.append("x" * 96)
            readers += [buffer.reader(cursor) for cursor in (0, 5_000, 10_000)]
        for reader in readers:
            reader.read_nowait(100)
        return _resident_mb() - before


def _resident_mb() -> float:
    pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
    return pages * resource.getpagesize() / 1e6


if __name__ == "__main__":
    main()
