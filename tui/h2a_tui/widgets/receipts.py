"""What has just been delivered, for the moment it stays in sight where it waited."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final

from h2a_agent.events import Kind, QueueItem

__all__ = ["RECEIPT_S", "Receipts"]

RECEIPT_S: Final = 1.5


class Receipts:
    """Delivered items that a person has seen waiting. What was never in sight gets no receipt.

    Neither does a prompt, which waits for nothing: the panel would come and go with every message that is sent.
    That an item has left and that it was delivered are two events, in either order, so an item is remembered
    until the queue has changed once more.
    """

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._seen: dict[str, QueueItem] = {}
        self._left: dict[str, QueueItem] = {}
        self._delivered: list[tuple[float, QueueItem]] = []

    def see(self, items: Sequence[QueueItem]) -> None:
        """These are shown now."""
        shown = {item.id: item for item in items if item.kind is not Kind.PROMPT}
        self._left = {id: item for id, item in self._seen.items() if id not in shown}
        self._seen = shown

    def deliver(self, item_id: str) -> bool:
        """It was delivered; False when nobody has seen it wait."""
        item = self._seen.pop(item_id, None) or self._left.pop(item_id, None)
        if item is not None:
            self._delivered.append((self._clock(), item))
        return item is not None

    def current(self) -> tuple[QueueItem, ...]:
        """What is still marked as delivered."""
        self._delivered = [(at, item) for at, item in self._delivered if self._clock() - at < RECEIPT_S]
        return tuple(item for _at, item in self._delivered)
