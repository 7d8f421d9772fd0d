"""Every event to everyone who listens, each through a h2A queue of their own.

`publish` gives an event its number and time and hands it to each subscriber's queue in the same tick; it
never waits, so a verb of the user's is on its way before the verb returns. Who reads slowly is that reader's
own affair, by its policy:

- COALESCE (screens, the default): a full queue merges neighbouring pieces of text; nothing is lost.
- DROP_OLDEST, DROP_NEWEST (meters, traces): events are dropped and counted.
- BLOCK (whoever must see every event as it was): the queue takes what comes, and the run loop waits in
  `room()` between the pieces of a stream until the reader has caught up, which holds back the model itself.

The bus remembers the last `history` events for late subscribers and for traces.
"""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Callable
from dataclasses import replace
from typing import Final

from h2a_agent.events import AnyEvent, Thinking, TokenStream, ToolCall, ToolOutput
from h2a_queue import Backpressure, Coalesce, H2AQueue, QueueStats

__all__ = ["EventBus", "Subscription", "merge_events"]

_MERGED_TEXT_LIMIT: Final = 16_384  # characters; beyond it a piece is passed on rather than merged for ever


def merge_events(older: AnyEvent, newer: AnyEvent) -> AnyEvent | None:
    """Two neighbouring pieces of one text as one piece; None when they do not belong together."""
    match older, newer:
        case TokenStream(), TokenStream() if _same_block(older, newer):
            return replace(newer, text=older.text + newer.text)
        case Thinking(), Thinking() if _same_block(older, newer):
            return replace(newer, text=older.text + newer.text)
        case ToolOutput(), ToolOutput() if (
            older.call_id == newer.call_id and len(older.text) < _MERGED_TEXT_LIMIT
        ):
            return replace(newer, text=older.text + newer.text)
        case ToolCall(stage="forming"), ToolCall(stage="forming") if (
            older.call_id == newer.call_id and len(older.arguments_delta) < _MERGED_TEXT_LIMIT
        ):
            return replace(newer, arguments_delta=older.arguments_delta + newer.arguments_delta)
    return None


def _same_block(older: TokenStream | Thinking, newer: TokenStream | Thinking) -> bool:
    return (older.step, older.block) == (newer.step, newer.block) and len(older.text) < _MERGED_TEXT_LIMIT


class Subscription:
    """One subscriber's events: an async iterator over its own h2A queue. Ends when the bus or it is closed."""

    def __init__(
        self,
        types: tuple[type[AnyEvent], ...],
        policy: Backpressure | Coalesce[AnyEvent],
        max_size: int,
        forget: Callable[[Subscription], None],
    ) -> None:
        self._types = types
        self._forget = forget
        self._bound = max_size
        self._holds_back = policy is Backpressure.BLOCK
        self._has_room = asyncio.Event()
        self._has_room.set()
        # A reader that holds the run back needs no bound of its own: the run waits for it in `room`.
        self._queue: H2AQueue[AnyEvent] = (
            H2AQueue(max_size=None) if self._holds_back else H2AQueue(max_size=max_size, backpressure=policy)
        )

    @property
    def stats(self) -> QueueStats:
        """What has gone through this subscriber's queue."""
        return self._queue.get_stats()

    def close(self) -> None:
        """Stop listening. What has arrived can still be read."""
        self._forget(self)
        self._queue.close()
        self._has_room.set()

    async def batch(self) -> list[AnyEvent]:
        """Everything that waits; waits for one. Empty when the subscription has ended."""
        events = await self._queue.dequeue_batch()
        self._look_for_room()
        return events

    def __aiter__(self) -> Subscription:
        return self

    async def __anext__(self) -> AnyEvent:
        event = await self._queue.__anext__()
        self._look_for_room()
        return event

    def offer(self, event: AnyEvent) -> None:
        """Take an event if it is of a subscribed type (the bus calls this)."""
        if not self._types or isinstance(event, self._types):
            self._queue.enqueue_nowait(event)
            if self._holds_back and len(self._queue) >= self._bound:
                self._has_room.clear()

    async def room(self) -> None:
        """Wait until a reader that holds the run back has caught up."""
        await self._has_room.wait()

    def _look_for_room(self) -> None:
        if len(self._queue) < self._bound:
            self._has_room.set()


class EventBus:
    """Publishes an agent's events."""

    def __init__(self, *, history: int = 1000, clock: Callable[[], float] = time.time) -> None:
        self._clock = clock
        self._seq = 0
        self._subscribers: list[Subscription] = []
        self._taps: list[Callable[[AnyEvent], None]] = []
        self._recent: deque[AnyEvent] = deque(maxlen=history)
        self._closed = False

    def subscribe(
        self,
        *types: type[AnyEvent],
        policy: Backpressure | Coalesce[AnyEvent] | None = None,
        max_size: int = 1000,
        late: bool = False,
    ) -> Subscription:
        """Listen to events of `types` (none given: all).

        `late` hands over the remembered events first. The default policy coalesces.
        """
        subscription = Subscription(types, policy or Coalesce(merge_events), max_size, self._forget)
        if late:
            for event in self._recent:
                subscription.offer(event)
        if self._closed:
            subscription.close()
        else:
            self._subscribers.append(subscription)
        return subscription

    def publish(self, event: AnyEvent) -> AnyEvent:
        """Number, date and hand out `event`; returns it as it went out."""
        self._seq += 1
        event = replace(event, seq=self._seq, time=self._clock())
        self._recent.append(event)
        for tap in self._taps:
            tap(event)
        for subscriber in self._subscribers:
            subscriber.offer(event)
        return event

    def tap(self, function: Callable[[AnyEvent], None]) -> None:
        """Call `function` with every event, in the tick it is published; it must be quick and must not raise."""
        self._taps.append(function)

    async def room(self) -> None:
        """Wait for the readers that hold the run back (policy BLOCK). Returns at once when there are none."""
        for subscriber in tuple(self._subscribers):
            await subscriber.room()

    def close(self) -> None:
        """End every subscription once it has drained."""
        self._closed = True
        for subscriber in tuple(self._subscribers):
            subscriber.close()

    def _forget(self, subscription: Subscription) -> None:
        if subscription in self._subscribers:
            self._subscribers.remove(subscription)
