"""The one place where a user's messages wait.

Nothing else holds them: no mirror for the screen, no second list for compaction. Every item is in exactly
one state, and every change of state is a row of this table:

    QUEUED ──claim──▶ CLAIMED ──commit──▶ DELIVERED
      │ ▲                │ ▲ give_back (abort before commit: the old place in line)
      │ └────────────────┘
      └──withdraw (also while claimed)──▶ WITHDRAWN

*Commit* means: the item is in the session's journal and goes out with the next request. Until then the
user's word counts: an item may be edited, moved, turned into another kind or withdrawn, also while it is
claimed; afterwards those verbs answer False and change nothing.

Order of delivery: steer, then nudge, then prompt, then follow-up; first come, first served within a kind.
It is kept as `(priority, place)`: the priority comes from the kind, the place is given out at the key press
and survives claim, edit and crash. `reorder` swaps two places, nothing else.

An order to compact stands in the same line and is a barrier in it: what was accepted before it and is due at a step goes
first, what came after it waits for it, whatever its kind. It is never delivered: `claim_compaction`
leases it. Follow-ups wait for the end of the run anyway and go after it.

The cancel rule: `mark()` is the high-water mark of what has been accepted; a cancel affects items up to
its mark and none that came after it. Holding works the same way: `hold()` keeps back all that waits now
(a reopened session, an abort that keeps the queue) until `release()`; what is accepted later is not held.

No task and no `await` lives here: every method runs to its end in one tick, so what a key press reserved
cannot be lost to a cancellation. `Session` writes each change to the journal; the inbox only says what
changed.
"""

from __future__ import annotations

import time
from bisect import bisect_left
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from enum import Enum, StrEnum
from types import MappingProxyType
from typing import Final

from ulid import ULID

from h2a_agent.content import ImageBlock, TextBlock, UserBlock, plain_text
from h2a_agent.events import Kind, QueueItem
from h2a_agent.run_settings import Delivery
from h2a_agent.safe_text import safe_text
from h2a_queue import Priority

__all__ = [
    "TRANSITIONS",
    "Boundary",
    "IllegalTransition",
    "Inbox",
    "Item",
    "ItemState",
    "new_item_id",
]


class ItemState(StrEnum):
    """Where one item is on its way."""

    QUEUED = "queued"
    CLAIMED = "claimed"
    DELIVERED = "delivered"
    WITHDRAWN = "withdrawn"


TRANSITIONS: Final[Mapping[tuple[ItemState, str], ItemState]] = MappingProxyType(
    {
        (ItemState.QUEUED, "claim"): ItemState.CLAIMED,
        (ItemState.QUEUED, "withdraw"): ItemState.WITHDRAWN,
        (ItemState.CLAIMED, "commit"): ItemState.DELIVERED,
        (ItemState.CLAIMED, "give_back"): ItemState.QUEUED,
        (ItemState.CLAIMED, "withdraw"): ItemState.WITHDRAWN,
    }
)

_PRIORITY: Final[Mapping[Kind, Priority]] = MappingProxyType(
    {
        Kind.STEER: Priority.URGENT,
        Kind.NUDGE: Priority.HIGH,
        Kind.PROMPT: Priority.NORMAL,
        Kind.COMPACT: Priority.LOW,
        Kind.FOLLOW_UP: Priority.LOW,
    }
)


class Boundary(Enum):
    """A moment at which waiting items may be delivered, and the kinds that are due then.

    `STEP`: before a request of a run that goes on anyway. `RUN_END`: the model has said its last word, so
    follow-ups are due as well.
    """

    STEP = frozenset({Kind.STEER, Kind.NUDGE, Kind.PROMPT, Kind.COMPACT})
    RUN_END = frozenset({Kind.STEER, Kind.NUDGE, Kind.PROMPT, Kind.COMPACT, Kind.FOLLOW_UP})


class IllegalTransition(RuntimeError):
    """An item was asked to make a step its state does not have. Nothing was changed."""

    def __init__(self, item: Item, verb: str) -> None:
        super().__init__(f"cannot {verb} item {item.id}: it is {item.state}")
        self.item = item
        self.verb = verb


@dataclass(frozen=True, slots=True)
class Item:
    """One message of the user's. `place` orders items of a kind; `accepted_at` is seconds since the epoch."""

    id: str
    kind: Kind
    content: tuple[UserBlock, ...]
    place: int
    accepted_at: float
    state: ItemState = ItemState.QUEUED

    @property
    def text(self) -> str:
        """What the person wrote."""
        return plain_text(self.content)

    @property
    def images(self) -> int:
        """How many pictures it carries."""
        return sum(isinstance(block, ImageBlock) for block in self.content)

    @property
    def order(self) -> tuple[int, int]:
        """Sorts the items between two barriers into the order of delivery."""
        return (-_PRIORITY[self.kind], self.place)

    def step(self, verb: str) -> Item:
        """The item after `verb`.

        Raises:
            IllegalTransition: the table has no such row.
        """
        state = TRANSITIONS.get((self.state, verb))
        if state is None:
            raise IllegalTransition(self, verb)
        return replace(self, state=state)


def new_item_id() -> str:
    """A fresh item id: a ULID, which sorts by time and serves remote clients as idempotency key."""
    return str(ULID())


@dataclass(slots=True)
class Inbox:
    """The waiting items and what became of the others.

    `changed` is called with the item after each change, before the method returns; the session journals it
    and tells the screens. Delivery modes are given to `claim`, so a change of setting holds at once.
    """

    changed: Callable[[Item], None] = lambda _item: None
    clock: Callable[[], float] = time.time
    _items: dict[str, Item] = field(default_factory=dict)
    _finished: dict[str, ItemState] = field(default_factory=dict)
    _last_place: int = 0
    _held_until: int = 0

    # ------------------------------------------------------------------ in

    def put(self, kind: Kind, content: Iterable[UserBlock], item_id: str | None = None) -> Item | None:
        """Accept a message and reserve its place in line.

        Returns None when `item_id` was accepted before (a client retried): it is delivered once. Blocks of
        empty text are left out; a message of nothing else is refused.

        Raises:
            ValueError: there is nothing in the message.
        """
        if item_id is not None and (item_id in self._items or item_id in self._finished):
            return None
        blocks = tuple(b for b in content if not (isinstance(b, TextBlock) and not b.text.strip()))
        if not blocks:
            raise ValueError("an empty message was not accepted")
        self._last_place += 1
        return self._set(Item(item_id or new_item_id(), kind, blocks, self._last_place, self.clock()))

    def restore(self, items: Iterable[Item], finished: Mapping[str, ItemState]) -> None:
        """Take over the items of a reopened session: claimed ones were not committed, so they wait again."""
        for item in items:
            self._items[item.id] = replace(item, state=ItemState.QUEUED)
            self._last_place = max(self._last_place, item.place)
        self._finished.update(finished)

    # ----------------------------------------------------------------- out

    def due(self, boundary: Boundary) -> bool:
        """Would `claim` at this boundary yield anything?"""
        return any(item.kind in boundary.value for item in self._free())

    def claim(
        self, boundary: Boundary, steering: Delivery = "all", follow_up: Delivery = "one-at-a-time"
    ) -> tuple[Item, ...]:
        """Lease the items to be delivered now; each is to be committed or given back.

        At the end of a run whatever interrupts or continues it goes first: follow-ups are due only when
        nothing else is. One-at-a-time delivers one item of the first due kind.
        """
        due = [i for i in self._free() if i.kind in boundary.value and i.kind is not Kind.COMPACT]
        if any(item.kind is not Kind.FOLLOW_UP for item in due):
            due = [item for item in due if item.kind is not Kind.FOLLOW_UP]
            mode = steering
        else:
            mode = follow_up
        if mode == "one-at-a-time":
            due = due[:1]
        return tuple(self._set(item.step("claim")) for item in due)

    def compaction_due(self) -> bool:
        """Is an order to compact the next in line?"""
        return any(item.kind is Kind.COMPACT for item in self._free()[:1])

    def claim_compaction(self) -> Item | None:
        """Lease the order to compact that is next in line; None when something else is."""
        return self._set(self._free()[0].step("claim")) if self.compaction_due() else None

    def commit(self, item_id: str) -> Item | None:
        """The item is in the journal: it is delivered. None when it was withdrawn while it was claimed."""
        item = self._items.get(item_id)
        return None if item is None else self._finish(item.step("commit"))

    def give_back(self, item_ids: Iterable[str]) -> None:
        """Undo a claim: the items wait again, each in its old place."""
        for item_id in item_ids:
            if (item := self._items.get(item_id)) is not None and item.state is ItemState.CLAIMED:
                self._set(item.step("give_back"))

    # ------------------------------------------------------ the user's verbs

    def withdraw(self, item_id: str) -> Item | None:
        """Take an item out; None when it is delivered already, or unknown."""
        item = self._items.get(item_id)
        return None if item is None else self._finish(item.step("withdraw"))

    def withdraw_until(self, mark: int) -> tuple[Item, ...]:
        """Take out everything accepted up to `mark`, in the order of delivery (an abort that restores)."""
        return tuple(self._finish(i.step("withdraw")) for i in self.waiting() if i.place <= mark)

    def edit(self, item_id: str, content: Iterable[UserBlock]) -> bool:
        """Replace what a waiting item says; id, kind and place stay. Empty content changes nothing."""
        item = self._items.get(item_id)
        blocks = tuple(b for b in content if not (isinstance(b, TextBlock) and not b.text.strip()))
        if item is None or not blocks:
            return False
        self._set(replace(item, content=blocks))
        return True

    def convert(self, item_id: str, kind: Kind) -> bool:
        """Make a waiting item another kind: promote a follow-up to a steer, or demote it.

        Its place stays, unless it was held back: naming it frees it, and it goes in as the newest. An order to compact
        is no message and becomes none.
        """
        item = self._items.get(item_id)
        if item is None or Kind.COMPACT in (item.kind, kind):
            return False
        place = item.place
        if place <= self._held_until:
            self._last_place += 1
            place = self._last_place
        if (item.kind, item.place) != (kind, place):
            self._set(replace(item, kind=kind, place=place))
        return True

    def reorder(self, item_id: str, offset: int) -> bool:
        """Move an item `offset` places later (earlier when negative) among the waiting ones of its kind.

        Held items and others do not change places: that would free the one and hold the other.
        """
        item = self._items.get(item_id)
        if item is None or offset == 0:
            return False
        row = [
            other
            for other in self.waiting()
            if other.kind is item.kind and self._is_held(other) == self._is_held(item)
        ]
        old = row.index(item)
        new = min(max(old + offset, 0), len(row) - 1)
        if new == old:
            return False
        places = [other.place for other in row]
        row.insert(new, row.pop(old))
        for other, place in zip(row, places, strict=True):
            if other.place != place:
                self._set(replace(other, place=place))
        return True

    def hold(self, mark: int | None = None) -> None:
        """Keep back everything that waits now, or what was accepted up to `mark`, until `release`."""
        self._held_until = max(self._held_until, self._last_place if mark is None else mark)

    def release(self) -> None:
        """Let held items be delivered again."""
        self._held_until = 0

    # --------------------------------------------------------------- looking

    @property
    def paused(self) -> bool:
        """Is anything held back?"""
        return any(self._is_held(item) for item in self._items.values())

    def mark(self) -> int:
        """The high-water mark: the place of the item accepted last."""
        return self._last_place

    def waiting(self) -> tuple[Item, ...]:
        """Every item not yet delivered or withdrawn, in the order of delivery."""
        barriers = sorted(item.place for item in self._items.values() if item.kind is Kind.COMPACT)

        def order(item: Item) -> tuple[int, int, int]:
            last = item.kind is Kind.FOLLOW_UP
            return (len(barriers) if last else bisect_left(barriers, item.place), *item.order)

        return tuple(sorted(self._items.values(), key=order))

    def get(self, item_id: str) -> Item | None:
        """The waiting item of this id; None when there is none."""
        return self._items.get(item_id)

    def __len__(self) -> int:
        return len(self._items)

    def __contains__(self, item_id: object) -> bool:
        return item_id in self._items

    def state_of(self, item_id: str) -> ItemState | None:
        """What became of an item; None when it was never accepted."""
        item = self._items.get(item_id)
        return self._finished.get(item_id) if item is None else item.state

    def snapshot(self) -> tuple[QueueItem, ...]:
        """The waiting items as a screen shows them."""
        return tuple(
            QueueItem(
                item.id,
                item.kind,
                "claimed" if item.state is ItemState.CLAIMED else "queued",
                safe_text(item.text),
                item.images,
                item.accepted_at,
                position,
            )
            for position, item in enumerate(self.waiting())
        )

    # --------------------------------------------------------------- private

    def _free(self) -> list[Item]:
        """What neither a hold nor a barrier keeps back; a barrier that is next in line is the last of it."""
        free = [i for i in self.waiting() if i.state is ItemState.QUEUED and not self._is_held(i)]
        barrier = next((n for n, item in enumerate(free) if item.kind is Kind.COMPACT), len(free))
        return free[: barrier + 1]

    def _is_held(self, item: Item) -> bool:
        return item.place <= self._held_until

    def _set(self, item: Item) -> Item:
        self._items[item.id] = item
        self.changed(item)
        return item

    def _finish(self, item: Item) -> Item:
        del self._items[item.id]
        self._finished[item.id] = item.state
        self.changed(item)
        return item
