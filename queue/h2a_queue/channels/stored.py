"""What the channels have in common: everything but the store.

`StoredChannel` adds to a store what is the same for all: the state, pausing, waiting, cancelling, JSON, and
the counts.

Waiting. A receiver notes how often the bell has rung, looks into the store, and if nothing is there waits for
the bell, for the moment something falls due, or for whatever news the store itself can give of other
processes. A ring between the note and the wait is not missed, since the count has changed; nor is such news,
since each look says how far it has seen.

Cancelling. A store may have claimed messages for a receiver that is cancelled before it has them in hand. So
claiming and reading them is a task of its own; a cancelled receiver waits for it (one step of the store),
gives back what it got, and only then is done. Cancelled again meanwhile, it leaves that to the lease.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from types import TracebackType
from typing import TYPE_CHECKING, Final, Self, TypeVar

from h2a_queue.channel import Channel, ChannelSettings, ChannelStats, DeadLetter, Delivery, Receipt
from h2a_queue.channels.store import Bell, Corpse, Parcel, Store, StoredDelivery
from h2a_queue.errors import ErrorKind, QueueError
from h2a_queue.lifecycle import Change, Lifecycle, QueueStatus
from h2a_queue.message import Message, decode, encode

__all__ = ["StoredChannel"]

A = TypeVar("A")
R = TypeVar("R")

MANY_MESSAGES: Final = 32
MANY_BYTES: Final = 64 * 1024
UNREADABLE: Final = "unreadable"


@dataclass(frozen=True, slots=True)
class _Claimed:
    """What was taken from the store, read."""

    deliveries: list[Delivery]
    buried: int
    due_in_s: float | None
    mark: object


_NOTHING: Final = _Claimed([], 0, None, None)


class StoredChannel:
    """A `Channel` on a store."""

    def __init__(self, store: Store, settings: ChannelSettings, place: str) -> None:
        """Make a channel; the store is opened at the first use, or by `async with`."""
        self._store = store
        self._place = place
        self._settings = settings
        self._life = Lifecycle()
        self._bell = Bell()
        self._door = asyncio.Lock()
        self._is_open = False
        self._visitors = 0  # verbs that are using the store
        self._last_left: asyncio.Future[None] | None = None

        self._sent = 0
        self._duplicates = 0
        self._delivered = 0
        self._redelivered = 0
        self._acknowledged = 0
        self._rejected = 0
        self._buried = 0

    def __repr__(self) -> str:
        """State at a glance."""
        return f"<{type(self).__name__} {self.status} {self._place}>"

    # -- sending --

    async def send(self, message: Message[object]) -> bool:
        """Send a message; False says that its id was sent before, within the duplicate window."""
        return await self.send_batch((message,)) == 1

    async def send_batch(self, messages: Iterable[Message[object]]) -> int:
        """Send messages, in order, all or none; say how many were no duplicates."""
        batch = tuple(messages)
        async with self._using():
            parcels = await _aside(self._pack, batch, aside=len(batch) > MANY_MESSAGES)
            accepted = await self._store.put(parcels)
        self._sent += accepted
        self._duplicates += len(batch) - accepted
        self._bell.ring()
        return accepted

    def _pack(self, messages: Sequence[Message[object]]) -> list[Parcel]:
        limit = self._settings.max_message_bytes
        return [Parcel(message.id, encode(message, limit), message.expires_at) for message in messages]

    # -- receiving --

    async def receive(self, timeout: float | None = None) -> Delivery | None:
        """Receive a message on lease, waiting for one up to `timeout` seconds; None at the end of either."""
        batch = await self.receive_batch(1, timeout)
        return batch[0] if batch else None

    async def receive_batch(self, max_messages: int = 100, timeout: float | None = None) -> list[Delivery]:
        """Wait for one message, up to `timeout` seconds, then receive all there are, or `max_messages`."""
        if max_messages < 1:
            raise QueueError(
                f"max_messages is {max_messages}; give at least 1.",
                ErrorKind.VALIDATION,
                max_messages=max_messages,
            )
        if timeout is not None and not timeout >= 0:
            raise QueueError(
                f"timeout is {timeout}; give seconds, 0 or more, or None to wait as long as it takes.",
                ErrorKind.VALIDATION,
                timeout=timeout,
            )
        clock = asyncio.get_running_loop().time
        deadline = None if timeout is None else clock() + timeout
        while await self._reach():
            with self._visit():
                heard = self._bell.rings
                claimed = _NOTHING
                if self._life.status is not QueueStatus.PAUSED:
                    claimed = await self._claim(max_messages)
                    self._buried += claimed.buried
                    if claimed.deliveries:
                        self._delivered += len(claimed.deliveries)
                        self._redelivered += sum(one.receipt.delivery > 1 for one in claimed.deliveries)
                        return claimed.deliveries
                    if claimed.buried:
                        continue  # there was something, only nothing to deliver
                rest_s = None if deadline is None else deadline - clock()
                if rest_s is not None and rest_s <= 0:
                    break
                if self._life.status is QueueStatus.PAUSED:
                    await self._bell.wait(heard, rest_s)
                else:
                    waits = [seconds for seconds in (rest_s, claimed.due_in_s) if seconds is not None]
                    await self._store.wait(self._bell, heard, min(waits, default=None), claimed.mark)
        return []

    def __aiter__(self) -> Self:
        """Receive messages until the channel is closed."""
        return self

    async def __anext__(self) -> Delivery:
        """Receive the next one."""
        delivery = await self.receive()
        if delivery is None:
            raise StopAsyncIteration
        return delivery

    async def _claim(self, limit: int) -> _Claimed:
        """Take from the store and read; cancelled, give it back."""
        claim = asyncio.ensure_future(self._take(limit))
        try:
            return await asyncio.shield(claim)
        except asyncio.CancelledError:
            await asyncio.wait([claim])
            if not claim.cancelled() and claim.exception() is None:
                self._buried += claim.result().buried
                receipts = [delivery.receipt for delivery in claim.result().deliveries]
                if receipts:
                    await self._store.give_back(receipts)
                    self._bell.ring()
            raise

    async def _take(self, limit: int) -> _Claimed:
        taken = await self._store.take(limit)
        large = len(taken.deliveries) > MANY_MESSAGES or sum(map(_size, taken.deliveries)) > MANY_BYTES
        deliveries, unreadable = await _aside(_read_all, taken.deliveries, aside=large)
        buried = taken.buried
        for receipt, reason in unreadable:  # or it would come for ever
            buried += await self._store.bury(receipt, reason)
        return _Claimed(deliveries, buried, taken.due_in_s, taken.mark)

    async def acknowledge(self, *deliveries: Delivery) -> int:
        """Say that these are dealt with; the number of those that are gone now by this."""
        async with self._using():
            gone = await self._store.settle([delivery.receipt for delivery in deliveries])
        self._acknowledged += gone
        return gone

    async def reject(self, delivery: Delivery, reason: str, *, retry: bool = True) -> bool:
        """Say that this could not be dealt with, and why; False when it is not the latest delivery."""
        policy = self._settings.recovery
        tries = delivery.receipt.delivery
        dead = not retry or tries > policy.max_retries
        async with self._using():
            if dead:
                # What no store can write, half a surrogate pair, becomes a question mark.
                held = await self._store.bury(delivery.receipt, reason.encode("utf-8", "replace").decode())
            else:
                held = await self._store.postpone(delivery.receipt, policy.delay_s(tries))
        self._rejected += held
        self._buried += held and dead
        self._bell.ring()
        return held

    # -- flow --

    def pause(self) -> None:
        """Hold the receivers of this channel object; what they have is theirs."""
        self._life.apply(Change.PAUSE)

    def resume(self) -> None:
        """Let the receivers go on."""
        self._life.apply(Change.RESUME)
        self._bell.ring()

    # -- ending --

    async def close(self) -> None:
        """Let go of the store; a second call does nothing."""
        if not self._life.ended:
            self._life.apply(Change.CLOSE)
            self._bell.ring()
        async with self._door:
            if self._life.status is QueueStatus.COMPLETED:
                return
            if self._visitors:
                self._last_left = asyncio.get_running_loop().create_future()
                await self._last_left
            await self._store.close()
            self._life.apply(Change.DRAINED)

    async def __aenter__(self) -> Self:
        """Open the store now rather than at the first use."""
        async with self._using():
            return self

    async def __aexit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Close."""
        await self.close()

    # -- dead letters --

    async def dead_letters(self, limit: int = 100) -> list[DeadLetter]:
        """Read the oldest dead letters; they stay."""
        async with self._using():
            corpses = await self._store.corpses(limit)
        return await _aside(_read_corpses, corpses, aside=len(corpses) > MANY_MESSAGES)

    async def requeue(self, *letters: DeadLetter) -> int:
        """Put dead letters back to be delivered, as if sent anew; the number of those still there."""
        now = time.time()
        keys = [
            (letter.key, None if letter.message.ttl_s is None else now + letter.message.ttl_s)
            for letter in letters
        ]
        async with self._using():
            revived = await self._store.revive(keys)
        self._bell.ring()
        return revived

    # -- looking --

    @property
    def status(self) -> QueueStatus:
        """Where this channel object is in its life."""
        return self._life.status

    async def get_stats(self) -> ChannelStats:
        """What has happened so far, and what is in the store."""
        async with self._using():
            sizes = await self._store.sizes()
        return ChannelStats(
            sent=self._sent,
            duplicates=self._duplicates,
            delivered=self._delivered,
            redelivered=self._redelivered,
            acknowledged=self._acknowledged,
            rejected=self._rejected,
            buried=self._buried,
            waiting=sizes.waiting,
            leased=sizes.leased,
            dead=sizes.dead,
        )

    # -- private --

    @asynccontextmanager
    async def _using(self) -> AsyncIterator[None]:
        """Use the store, which stays open until then. Raises `QueueError` (CLOSED)."""
        if not await self._reach():
            raise QueueError("The channel is closed; make a new one to go on.", ErrorKind.CLOSED)
        with self._visit():
            yield

    async def _reach(self) -> bool:
        """Open the store if that has not been done; False when the channel is closed."""
        if not self._is_open:
            async with self._door:
                await self._open()
        return not self._life.ended

    async def _open(self) -> None:
        if self._is_open or self._life.ended:
            return  # somebody else was quicker
        await self._store.open()
        self._is_open = True
        if self._life.status is QueueStatus.CREATED:
            self._life.apply(Change.START)

    @contextmanager
    def _visit(self) -> Iterator[None]:
        self._visitors += 1
        try:
            yield
        finally:
            self._visitors -= 1
            if not self._visitors and self._last_left is not None and not self._last_left.done():
                self._last_left.set_result(None)


async def _aside(work: Callable[[A], R], argument: A, *, aside: bool) -> R:
    """Do something here, or in a thread when it is much."""
    return await asyncio.to_thread(work, argument) if aside else work(argument)


def _size(stored: StoredDelivery) -> int:
    return len(stored.body)


def _read_all(stored: Sequence[StoredDelivery]) -> tuple[list[Delivery], list[tuple[Receipt, str]]]:
    """Deliveries; and which cannot be read, and why."""
    deliveries, unreadable = [], []
    for receipt, body in stored:
        try:
            deliveries.append(Delivery(decode(body, retry_count=receipt.delivery - 1), receipt))
        except QueueError as error:
            unreadable.append((receipt, f"{UNREADABLE}: {error}"))
    return deliveries, unreadable


def _read_corpses(corpses: Sequence[Corpse]) -> list[DeadLetter]:
    return [DeadLetter(_read_corpse(corpse), corpse.reason, corpse.died_at, corpse.key) for corpse in corpses]


def _read_corpse(corpse: Corpse) -> Message[object]:
    try:
        return decode(corpse.body, retry_count=corpse.retry_count)
    except QueueError:
        return Message(payload=corpse.body.decode("utf-8", "replace"), type=UNREADABLE)


if TYPE_CHECKING:

    def _keeps_the_contract(channel: StoredChannel) -> Channel:
        return channel
