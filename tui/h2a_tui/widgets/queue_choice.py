"""Which waiting message the queue keys act on, and which of all there is room to show."""

from __future__ import annotations

from typing import NamedTuple

from h2a_agent.events import QueueItem

__all__ = ["InSight", "QueueChoice"]


class InSight(NamedTuple):
    """How many receipts are shown, the first item that is, and how many items."""

    receipts: int
    first: int
    items: int


class QueueChoice:
    """The items of the inbox with one of them chosen, and behind what was just delivered (`receipts`)."""

    def __init__(self) -> None:
        self.items: tuple[QueueItem, ...] = ()
        self.receipts: tuple[QueueItem, ...] = ()
        self._chosen_id = ""
        self._chosen_at = 0

    @property
    def chosen(self) -> QueueItem | None:
        """The item the queue keys act on."""
        return next((item for item in self.items if item.id == self._chosen_id), None)

    def show(self, items: tuple[QueueItem, ...], receipts: tuple[QueueItem, ...]) -> None:
        """Hold `items`. When the chosen one has gone, the one in its place is chosen."""
        self.items, self.receipts = items, receipts
        if items and self.chosen is None:
            self.choose(min(self._chosen_at, len(items) - 1))
        elif self.chosen is not None:
            self._chosen_at = items.index(self.chosen)

    def choose(self, index: int) -> None:
        """Choose the item in that place."""
        self._chosen_at, self._chosen_id = index, self.items[index].id

    def choose_newest(self) -> None:
        """Choose the item accepted last."""
        if self.items:
            newest = max(self.items, key=lambda item: (item.accepted_at, item.id))
            self.choose(self.items.index(newest))

    def choose_beside(self, offset: int) -> None:
        """Choose the item `offset` rows down."""
        if self.items:
            self.choose(min(max(self._chosen_at + offset, 0), len(self.items) - 1))

    def in_sight(self, room: int, *, choosing: bool) -> InSight:
        """What is shown in `room` rows: while somebody is `choosing` the chosen item, and one item beside any receipts."""
        receipts = min(len(self.receipts), room - 1 if self.items else room)
        room -= receipts
        last = max(len(self.items) - room, 0)
        first = min(max(self._chosen_at - room + 1, 0), last) if choosing else 0
        return InSight(receipts, first, min(room, len(self.items) - first))
