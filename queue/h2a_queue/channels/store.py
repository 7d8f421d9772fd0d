"""What a store of messages must do, and the words for it.

A store keeps messages as bytes and knows leases, retries and the clock; each of its verbs is one step that
happens or does not. What all channels have in common stands on it, in `stored`.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple, Protocol

from h2a_queue.channel import Receipt

__all__ = ["EXPIRED", "LAPSED", "Bell", "Corpse", "Parcel", "Sizes", "Store", "StoredDelivery", "Taken"]

# Why a store buries a message by itself.
EXPIRED: Final = "expired"
LAPSED: Final = "lapsed once too often"


class Parcel(NamedTuple):
    """A message as a store sees it."""

    id: str
    body: bytes
    expires_at: float | None
    """In seconds since the epoch; None means never."""


class StoredDelivery(NamedTuple):
    """A parcel that has just been leased."""

    receipt: Receipt
    body: bytes


@dataclass(frozen=True, slots=True)
class Taken:
    """What a look into the store gave."""

    deliveries: list[StoredDelivery]
    buried: int
    """Messages found dead instead: expired, or lapsed once too often."""
    due_in_s: float | None
    """When something may fall due, if nothing was there; None: not before news come."""
    mark: object = None
    """How far this look has seen, for `wait`, in the store's own terms."""


class Corpse(NamedTuple):
    """A dead letter as a store sees it."""

    key: int | str
    body: bytes
    retry_count: int
    reason: str
    died_at: float


class Sizes(NamedTuple):
    """How many messages are where."""

    waiting: int
    leased: int
    dead: int


class Bell:
    """Tells the receivers of one channel object to look again."""

    __slots__ = ("_listeners", "rings")

    def __init__(self) -> None:
        """Make a bell that has not rung."""
        self.rings = 0
        self._listeners: set[asyncio.Future[None]] = set()

    def ring(self) -> None:
        """Wake all who listen."""
        self.rings += 1
        for listener in self._listeners:
            if not listener.done():
                listener.set_result(None)

    async def wait(self, heard: int, seconds: float | None) -> None:
        """Wait for a ring after the first `heard` ones, for `seconds` at most."""
        if self.rings != heard:
            return
        listener: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._listeners.add(listener)
        try:
            async with asyncio.timeout(seconds):
                await listener
        except TimeoutError:
            pass  # the time is over: look again
        finally:
            self._listeners.discard(listener)


class Store(Protocol):
    """Where messages are. A verb happens wholly or not at all; when it cannot, `QueueError` (BACKEND)."""

    async def open(self) -> None:
        """Reach the store, and make it if there is none."""
        ...

    async def put(self, parcels: Sequence[Parcel]) -> int:
        """Add those whose id is not in the duplicate window; their number."""
        ...

    async def take(self, limit: int) -> Taken:
        """Lease up to `limit` messages, those that come back first."""
        ...

    async def give_back(self, receipts: Sequence[Receipt]) -> None:
        """Undo `take`: deliverable at once, and this delivery does not count."""
        ...

    async def settle(self, receipts: Sequence[Receipt]) -> int:
        """Remove those that are still leased by these receipts; their number."""
        ...

    async def postpone(self, receipt: Receipt, delay_s: float) -> bool:
        """End a lease and deliver again after a while; False when the receipt is void."""
        ...

    async def bury(self, receipt: Receipt, reason: str) -> bool:
        """End a lease and make the message a dead letter; False when the receipt is void."""
        ...

    async def wait(self, bell: Bell, heard: int, seconds: float | None, mark: object) -> None:
        """Wait as `bell.wait(heard, seconds)` does, or less: what `mark` had not seen yet ends it."""
        ...

    async def corpses(self, limit: int) -> list[Corpse]:
        """The oldest dead letters."""
        ...

    async def revive(self, keys: Sequence[tuple[int | str, float | None]]) -> int:
        """Make dead letters (key, expires_at) deliverable; the number of those that were there."""
        ...

    async def sizes(self) -> Sizes:
        """How many messages are where."""
        ...

    async def close(self) -> None:
        """Let go. Nobody is in another verb."""
        ...
