"""A channel within one process: the whole contract, and nothing to set up.

    waiting   numbers, a heap           in the order sent, also when given back
    leased    number -> lapses at       a queue: every lease is as long as the next
    delayed   (due, number), a heap     rejected, and waiting to come back

A message that is not dead is in exactly one of the three.
"""

from __future__ import annotations

import heapq
import time
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass

from h2a_queue.channel import ChannelSettings, Receipt
from h2a_queue.channels.store import EXPIRED, LAPSED, Bell, Corpse, Parcel, Sizes, StoredDelivery, Taken
from h2a_queue.channels.stored import StoredChannel

__all__ = ["MemoryChannel"]


class MemoryChannel(StoredChannel):
    """A channel that lives and dies with this object.

    >>> import asyncio
    >>> from h2a_queue import Message
    >>> async def main() -> str:
    ...     async with MemoryChannel() as channel:
    ...         await channel.send(Message(payload="hello"))
    ...         delivery = await channel.receive()
    ...         await channel.acknowledge(delivery)
    ...         return delivery.message.payload
    >>> asyncio.run(main())
    'hello'
    """

    def __init__(self, settings: ChannelSettings | None = None) -> None:
        """Make an empty channel."""
        settings = settings or ChannelSettings()
        super().__init__(_MemoryStore(settings), settings, "in memory")


@dataclass(slots=True)
class _Entry:
    parcel: Parcel
    delivery: int = 0


class _MemoryStore:
    """Leases by the monotonic clock; nothing here waits for anything but the bell."""

    def __init__(self, settings: ChannelSettings) -> None:
        self._settings = settings
        self._entries: dict[int, _Entry] = {}
        self._waiting: list[int] = []
        self._leased: OrderedDict[int, float] = OrderedDict()
        self._delayed: list[tuple[float, int]] = []
        self._seen: OrderedDict[str, float] = OrderedDict()
        self._dead: dict[int | str, tuple[Parcel, Corpse]] = {}
        self._number = 0

    async def open(self) -> None:
        pass  # there is nothing to reach

    # -- in --

    async def put(self, parcels: Sequence[Parcel]) -> int:
        return sum(self._put(parcel) for parcel in parcels if not self._is_duplicate(parcel.id))

    def _is_duplicate(self, id: str) -> bool:
        now = time.monotonic()
        while self._seen and next(iter(self._seen.values())) <= now - self._settings.duplicate_window_s:
            self._seen.popitem(last=False)
        if id in self._seen:
            return True
        self._seen[id] = now
        return False

    def _put(self, parcel: Parcel) -> bool:
        self._number += 1
        self._entries[self._number] = _Entry(parcel)
        heapq.heappush(self._waiting, self._number)
        return True

    # -- out --

    async def take(self, limit: int) -> Taken:
        now = time.monotonic()
        deliveries: list[StoredDelivery] = []
        buried = 0
        while len(deliveries) < limit and (number := self._next(now)) is not None:
            entry = self._entries[number]
            expires_at = entry.parcel.expires_at
            if expires_at is not None and expires_at <= time.time():
                self._bury(number, EXPIRED)
                buried += 1
            elif entry.delivery > self._settings.recovery.max_retries:
                self._bury(number, LAPSED)
                buried += 1
            else:
                entry.delivery += 1
                self._leased[number] = now + self._settings.lease_s
                deliveries.append(StoredDelivery(Receipt(number, entry.delivery), entry.parcel.body))
        return Taken(deliveries, buried, self._due_in_s(now))

    def _next(self, now: float) -> int | None:
        """Pull out the number of a message to deliver now: those that come back first."""
        if self._delayed and self._delayed[0][0] <= now:
            return heapq.heappop(self._delayed)[1]
        if self._leased and next(iter(self._leased.values())) <= now:
            return self._leased.popitem(last=False)[0]
        return heapq.heappop(self._waiting) if self._waiting else None

    def _due_in_s(self, now: float) -> float | None:
        due = [next(iter(self._leased.values()))] if self._leased else []
        due += [self._delayed[0][0]] if self._delayed else []
        return max(min(due) - now, 0) if due else None

    async def give_back(self, receipts: Sequence[Receipt]) -> None:
        for receipt in receipts:
            if (number := self._release(receipt)) is not None:
                self._entries[number].delivery -= 1
                heapq.heappush(self._waiting, number)

    async def settle(self, receipts: Sequence[Receipt]) -> int:
        gone = [number for receipt in receipts if (number := self._release(receipt)) is not None]
        for number in gone:
            del self._entries[number]
        return len(gone)

    async def postpone(self, receipt: Receipt, delay_s: float) -> bool:
        number = self._release(receipt)
        if number is not None:
            heapq.heappush(self._delayed, (time.monotonic() + delay_s, number))
        return number is not None

    async def bury(self, receipt: Receipt, reason: str) -> bool:
        number = self._release(receipt)
        if number is not None:
            self._bury(number, reason)
        return number is not None

    def _release(self, receipt: Receipt) -> int | None:
        """End the lease a receipt is good for; the message's number, which is nowhere then."""
        number = int(receipt.key)
        if number not in self._leased or self._entries[number].delivery != receipt.delivery:
            return None
        del self._leased[number]
        return number

    def _bury(self, number: int, reason: str) -> None:
        entry = self._entries.pop(number)
        corpse = Corpse(number, entry.parcel.body, max(entry.delivery - 1, 0), reason, time.time())
        self._dead[number] = (entry.parcel, corpse)

    async def wait(self, bell: Bell, heard: int, seconds: float | None, mark: object) -> None:
        await bell.wait(heard, seconds)

    # -- dead letters, sizes, end --

    async def corpses(self, limit: int) -> list[Corpse]:
        return [corpse for _, corpse in list(self._dead.values())[:limit]]

    async def revive(self, keys: Sequence[tuple[int | str, float | None]]) -> int:
        there = [(self._dead.pop(key)[0], expires_at) for key, expires_at in keys if key in self._dead]
        return sum(self._put(parcel._replace(expires_at=expires_at)) for parcel, expires_at in there)

    async def sizes(self) -> Sizes:
        return Sizes(len(self._waiting) + len(self._delayed), len(self._leased), len(self._dead))

    async def close(self) -> None:
        pass  # nothing to let go of
