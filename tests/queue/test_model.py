"""Random histories against a list: any verbs, any number of tasks, cancelled at random.

The model is what went in, in the order in which it did (each writer notes its item in the step in which it
is put in), and what came out. At every point where the loop has come to rest:

- everything that went in is out, or in the queue, or counted as dropped or merged;
- with one reader at a time, what is left is the tail of what went in, and what came out is in its order;
- nobody waits for what is there: no reader while there are items, no writer while there is room.
"""

from __future__ import annotations

import asyncio
import os
from typing import Any

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from h2a_queue import Backpressure, Coalesce, H2AQueue, MeteredH2AQueue, QueueError
from support.ticks import tick

Item = tuple[int, ...]  # numbers of the items merged into it, mostly one
REST = 8


def merge(older: Item, newer: Item) -> Item | None:
    """Every third item stands alone."""
    return None if older[0] % 3 == 0 or newer[0] % 3 == 0 else older + newer


class QueueMachine(RuleBasedStateMachine):
    policy: Backpressure | Coalesce[Item] = Backpressure.BLOCK

    @initialize(max_size=st.integers(1, 4), one_reader=st.booleans())
    def start(self, max_size: int, one_reader: bool) -> None:
        self.loop = asyncio.new_event_loop()
        self.queue = self.run(self.make(max_size))
        self.max_size = max_size
        self.one_reader = one_reader
        self.numbers = 0
        self.put: list[int] = []
        self.refused: list[int] = []
        self.got: list[Item] = []
        self.readers: list[asyncio.Task[Any]] = []
        self.writers: list[asyncio.Task[Any]] = []
        self.cancels = 0

    async def make(self, max_size: int) -> H2AQueue[Item]:
        return H2AQueue(max_size, self.policy)

    def run(self, coroutine: Any) -> Any:
        return self.loop.run_until_complete(coroutine)

    def spawn(self, coroutine: Any) -> asyncio.Task[Any]:
        return self.loop.create_task(coroutine)

    def new(self) -> Item:
        self.numbers += 1
        return (self.numbers,)

    def note(self, item: Item, kept: bool) -> None:
        (self.put if kept else self.refused).append(item[0])

    # -- the tasks --

    async def write(self, item: Item) -> None:
        try:
            self.note(item, await self.queue.enqueue(item))
        except QueueError:
            pass

    async def read(self, batch: int | None, timeout: float | None) -> None:
        if batch is None:
            item = await self.queue.dequeue(timeout)
            self.got += [] if item is None else [item]
        else:
            self.got += await self.queue.dequeue_batch(batch, timeout)

    @property
    def may_read(self) -> bool:
        return not self.one_reader or all(reader.done() for reader in self.readers)

    # -- the verbs --

    @rule(timeout=st.sampled_from([None, None, 0, 1e-9]), batch=st.sampled_from([None, None, 1, 2, 10]))
    @precondition(lambda self: self.may_read)
    def read_later(self, timeout: float | None, batch: int | None) -> None:
        self.readers.append(self.spawn(self.read(batch, timeout)))

    @rule()
    @precondition(lambda self: self.may_read)
    def read_now(self) -> None:
        async def read() -> None:
            if (item := self.queue.dequeue_nowait()) is not None:
                self.got.append(item)

        self.run(read())

    @rule()
    def write_later(self) -> None:
        self.writers.append(self.spawn(self.write(self.new())))

    @rule(count=st.integers(1, 5))
    def write_now(self, count: int) -> None:
        async def write() -> None:
            for _ in range(count):
                item = self.new()
                try:
                    self.note(item, self.queue.enqueue_nowait(item))
                except QueueError:
                    return

        self.run(write())

    @rule(which=st.integers(0, 100), count=st.integers(1, 3))
    def write_and_cancel_readers_at_once(self, which: int, count: int) -> None:
        """The race: served and cancelled in one tick."""

        async def strike() -> None:
            for _ in range(count):
                item = self.new()
                try:
                    self.note(item, self.queue.enqueue_nowait(item))
                except QueueError:
                    break
            self.cancel(self.readers, which)
            if count == 3:
                self.cancel(self.readers, which)

        self.run(strike())

    @rule(which=st.integers(0, 100))
    def read_and_cancel_a_writer_at_once(self, which: int) -> None:
        async def strike() -> None:
            if self.may_read and (item := self.queue.dequeue_nowait()) is not None:
                self.got.append(item)
            self.cancel(self.writers, which)

        self.run(strike())

    def cancel(self, tasks: list[asyncio.Task[Any]], which: int) -> None:
        alive = [task for task in tasks if not task.done() and not task.cancelling()]
        if alive:
            alive[which % len(alive)].cancel()
            self.cancels += 1

    @rule(count=st.integers(1, 3))
    def pass_time(self, count: int) -> None:
        self.run(tick(count))

    @rule()
    def pause_or_resume(self) -> None:
        async def turn() -> None:
            if self.queue.status in ("created", "active"):
                self.queue.pause()
            elif self.queue.status == "paused":
                self.queue.resume()

        self.run(turn())

    # -- what must hold --

    @invariant()
    def at_rest_everything_is_somewhere_and_nobody_waits_in_vain(self) -> None:
        if not hasattr(self, "loop"):
            return
        if self.numbers % 3:  # else leave the race open for the next rule
            return
        self.run(tick(REST))
        stats = self.queue.get_stats()
        cancelled = sum(task.cancelled() for task in self.readers + self.writers)
        assert cancelled == self.cancels, "a cancel was swallowed"
        assert stats.total_enqueued == len(self.put) + len(self.refused)
        assert stats.total_dequeued == len(self.got)
        out = [number for item in self.got for number in item]
        assert len(set(out)) == len(out), "doubled"
        assert set(out) <= set(self.put)
        waiting = sum(not reader.done() for reader in self.readers)
        blocked = sum(not writer.done() for writer in self.writers)
        if self.queue.status == "active":
            assert not (waiting and len(self.queue))
            assert not (blocked and len(self.queue) < self.max_size)
        if self.queue.status in ("draining", "completed"):
            assert not blocked
            assert not waiting
        if self.one_reader:
            order = {number: i for i, number in enumerate(self.put)}
            assert [order[number] for number in out] == sorted(order[number] for number in out)

    def teardown(self) -> None:
        if not hasattr(self, "loop"):
            return
        try:
            self.run(self.end())
        finally:
            self.loop.close()

    async def end(self) -> None:
        """Close, drain, and account for everything."""
        await tick(REST)
        self.queue.close()
        await tick(REST)
        rest = [item async for item in self.queue]
        await tick(REST)
        assert all(task.done() for task in self.readers + self.writers)
        stats = self.queue.get_stats()
        left = [number for item in rest for number in item]
        out = [number for item in self.got for number in item]
        lost = set(self.put) - set(left) - set(out)
        assert len(left) + len(out) + len(lost) == len(self.put)
        assert stats.dropped_messages == len(lost) + len(self.refused)
        assert stats.merged_messages == len(left) + len(out) - len(rest) - len(self.got)
        if self.policy is not Backpressure.DROP_OLDEST:
            assert not lost
        if self.one_reader and self.policy is Backpressure.DROP_OLDEST and self.cancels:
            # An item that was in the hands of a cancelled reader comes back, although younger ones were dropped.
            assert left == [number for number in self.put if number in set(left)]
        elif self.one_reader:
            assert left == self.put[len(self.put) - len(left) :]


class BlockMachine(QueueMachine):
    policy = Backpressure.BLOCK


class DropOldestMachine(QueueMachine):
    policy = Backpressure.DROP_OLDEST


class DropNewestMachine(QueueMachine):
    policy = Backpressure.DROP_NEWEST


class ErrorMachine(QueueMachine):
    policy = Backpressure.ERROR


class CoalesceMachine(QueueMachine):
    policy = Coalesce(merge)


class MeteredMachine(CoalesceMachine):
    async def make(self, max_size: int) -> H2AQueue[Item]:
        return MeteredH2AQueue(max_size, self.policy)


# `make soak-queue` plays longer and many more histories than every test run does.
_SOAK = int(os.environ.get("H2A_SOAK_EXAMPLES", "0"))
HISTORIES = settings(
    max_examples=_SOAK or 120,
    stateful_step_count=50 if _SOAK else 30,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
)


class TestBlock(BlockMachine.TestCase):
    settings = HISTORIES


class TestDropOldest(DropOldestMachine.TestCase):
    settings = HISTORIES


class TestDropNewest(DropNewestMachine.TestCase):
    settings = HISTORIES


class TestError(ErrorMachine.TestCase):
    settings = HISTORIES


class TestCoalesce(CoalesceMachine.TestCase):
    settings = HISTORIES


class TestMetered(MeteredMachine.TestCase):
    settings = HISTORIES
