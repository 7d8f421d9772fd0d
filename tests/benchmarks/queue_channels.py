"""How many messages a second the channels carry: `python tests/benchmarks/queue_channels.py`.

Each channel sends a lot of small messages, then receives and acknowledges them, in batches and one by one,
each step awaited before the next. The channels take turns, round by round, and the best round counts: what
disturbs a round makes it slower, never quicker. "per CPU s" is by the CPU time of this process, which a busy
machine does not change; a Redis server spends its own beside that.
"""

from __future__ import annotations

import asyncio
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from uuid import uuid4

sys.path.insert(0, str(Path(__file__).parent.parent))

from h2a_queue import Message
from h2a_queue.channel import Channel
from h2a_queue.channels import MemoryChannel, RedisChannel, SQLiteChannel
from support.redis_server import NO_REDIS, redis_server

ROUNDS = 3
PAYLOAD = {"n": 12345, "text": "a message of the usual kind, some fifty characters"}


@dataclass(frozen=True)
class Case:
    label: str
    connect: Callable[[], Channel]
    messages: int
    batch: int
    bar: str = ""


@dataclass
class Best:
    """Messages per second, and per second of CPU time."""

    wall: float = 0
    cpu: float = 0

    @contextmanager
    def measure(self, messages: int) -> Iterator[None]:
        wall, cpu = time.perf_counter(), time.process_time()
        yield
        self.wall = max(self.wall, messages / (time.perf_counter() - wall))
        self.cpu = max(self.cpu, messages / (time.process_time() - cpu))


async def run(case: Case, sending: Best, receiving: Best) -> None:
    messages = [Message(payload=PAYLOAD) for _ in range(case.messages)]
    async with case.connect() as channel:
        with sending.measure(case.messages):
            if case.batch == 1:
                for message in messages:
                    await channel.send(message)
            else:
                for i in range(0, case.messages, case.batch):
                    await channel.send_batch(messages[i : i + case.batch])
        with receiving.measure(case.messages):
            received = 0
            while received < case.messages:
                batch = await channel.receive_batch(case.batch)
                received += await channel.acknowledge(*batch)


def cases(folder: Path, redis_url: str | None) -> list[Case]:
    def sqlite(*, fsync: bool = False) -> Channel:
        return SQLiteChannel(folder / f"{uuid4().hex}.db", fsync=fsync)

    def redis() -> Channel:
        return RedisChannel(redis_url or "", uuid4().hex)

    all_cases = [
        Case("memory, batches of 1000", MemoryChannel, 50_000, 1000),
        Case("memory, one by one", MemoryChannel, 10_000, 1),
        Case("SQLite, batches of 1000", sqlite, 50_000, 1000, "send 50,000"),
        Case("SQLite, one by one", sqlite, 3_000, 1, "send 2,000"),
        Case("SQLite fsync, batches of 1000", lambda: sqlite(fsync=True), 20_000, 1000),
        Case("Redis, batches of 1000", redis, 30_000, 1000, "10,000"),
        Case("Redis, one by one", redis, 3_000, 1),
    ]
    return [case for case in all_cases if redis_url or "Redis" not in case.label]


def main() -> None:
    """Print the table."""
    with tempfile.TemporaryDirectory() as folder:
        server = nullcontext(None) if NO_REDIS else redis_server(Path(folder))
        with server as redis_url:
            table = [(case, Best(), Best()) for case in cases(Path(folder), redis_url)]
            for _ in range(ROUNDS):
                for case, sending, receiving in table:
                    asyncio.run(run(case, sending, receiving))
    print(f"{'messages':<30} {'send/s':>9} {'per CPU s':>10} {'receive+ack/s':>14} {'per CPU s':>10}  bar")
    for case, sending, receiving in table:
        print(
            f"{case.label:<30} {sending.wall:>9,.0f} {sending.cpu:>10,.0f} "
            f"{receiving.wall:>14,.0f} {receiving.cpu:>10,.0f}  {case.bar}"
        )
    if NO_REDIS:
        print(f"Without Redis: {NO_REDIS}.")


if __name__ == "__main__":
    main()
