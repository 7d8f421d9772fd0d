"""Where items rest: two lists, and how they change places.

    push ──▶ write  [a b c]          read  [z y x] ──▶ pop
                     oldest first           oldest last

Writers append to `write`, readers pop from the end of `read`. When `read` is empty the two change places:
`write` is turned round once, in C, and everything in it is handed over at once. Lists, not deques: a batch
takes the write list itself and copies nothing, and an end of a list is as quick as an end of a deque.

`room` is how long `write` may get before somebody has to look: up to the bound, less what is in `read`. It is
worked out against the length `read` had at that moment; since `read` only shrinks until the next swap, `room`
can be too small (then the looker finds out) but never too large. So a writer in a hurry compares two numbers
and appends.

The largest size is exact at the same price. While `read` is empty the size can only grow until the swap, and
is noted there; while it is not, `room` ends at the largest size known, so whoever exceeds it is seen.

What entered is counted when it leaves `write`, not when it comes, which keeps counting off the hot path:
`entered = _left + len(write)`.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Iterable
from operator import neg
from typing import ClassVar, Generic, TypeVar

__all__ = ["DoubleBuffer", "Merge"]

T = TypeVar("T")
Merge = Callable[[T, T], T | None]


class DoubleBuffer(Generic[T]):
    """A FIFO of two lists that also knows what became of every item that entered."""

    __slots__ = (
        "_bottom",
        "_keep",
        "_left",
        "_limit",
        "_peak",
        "_places",
        "_squeezed",
        "_swaps",
        "dropped",
        "merged",
        "read",
        "room",
        "write",
    )

    bare: ClassVar[bool] = True
    """Whether `write` and `read` are all there is, so that a reader in a hurry may look there by itself."""

    def __init__(self, keep: Callable[[T], bool] | None = None) -> None:
        """Make an empty, shut buffer; `open` says how much it may take unwatched.

        `keep(item)` says which items the bound does not hold for.
        """
        self._keep = keep
        self.write: list[T] = []
        self.read: list[T] = []
        self.room = 0
        self.dropped = 0
        self.merged = 0
        self._limit = 0
        self._peak = 0
        self._left = 0
        self._squeezed = 0
        self._swaps = 0
        # Places of the items given back, which lie on top of `read[:_bottom]`; the lowest place is topmost.
        self._places: list[int] = []
        self._bottom = 0

    def __len__(self) -> int:
        """Items at rest."""
        return len(self.write) + len(self.read)

    @property
    def entered(self) -> int:
        """Items that came in so far, also those refused on entry or merged into another."""
        return self._left + len(self.write)

    @property
    def swaps(self) -> int:
        """Times what was written became readable."""
        return self._swaps

    @property
    def peak(self) -> int:
        """The largest size there ever was."""
        return max(self._peak, len(self))

    # -- in --

    def open(self, limit: int) -> None:
        """Let writers append by themselves while the size stays below `limit`."""
        self._limit = limit
        self._measure()

    def _measure(self) -> None:
        limit = self._limit
        if unseen := len(self.read):
            peak = self._peak
            self.room = (limit if limit < peak else peak) - unseen
        else:
            self.room = limit

    def _grown(self) -> None:
        size = len(self)
        if size > self._peak:
            self._peak = size
        self._measure()

    def push(self, item: T) -> None:
        """Add one at the back, whatever the limit."""
        self.write.append(item)
        self._grown()

    def extend(self, items: Iterable[T]) -> None:
        """Add many at the back, whatever the limit."""
        self.write.extend(items)
        self._grown()

    def exempt(self, item: T) -> bool:
        """Whether the bound does not hold for this item."""
        return self._keep is not None and self._keep(item)

    def give_back(self, place: int, item: T) -> None:
        """Put an item that had left the queue's front back there.

        `place` is its number in the order of hand-overs. Several items may come back in any order (their
        readers are cancelled in one tick, and wake up as the loop likes); they line up by place again.
        """
        still_there = max(len(self.read) - self._bottom, 0) if self._places else 0
        del self._places[still_there:]
        if not self._places:
            self._bottom = len(self.read)
        above = len(self._places) - bisect_left(self._places, -place, key=neg)
        self._places.insert(len(self._places) - above, place)
        self.read.insert(len(self.read) - above, item)
        self._grown()

    # -- out --

    def swap(self) -> None:
        """Make everything written readable. Only when `read` is empty."""
        write = self.write
        written = len(write)
        self._left += written
        if written > self._peak:
            self._peak = written
        self._swaps += 1
        self._places.clear()
        write.reverse()
        self.write, self.read = self.read, write
        self._measure()

    def pop(self) -> T:
        """Take the oldest. Only when there is one."""
        if not self.read:
            self.swap()
        return self.read.pop()

    def take(self, count: int) -> list[T]:
        """Take the oldest `count` items, or all there are, oldest first."""
        if not self.read:
            if count >= len(self.write):
                return self._take_write()
            self.swap()
        read = self.read
        batch = read[: -count - 1 : -1]
        del read[-count:]
        if self.write and len(batch) < count:
            batch += self.take(count - len(batch))
        self._measure()
        return batch

    def _take_write(self) -> list[T]:
        """Hand the write list itself over: the swap of a reader that wants everything."""
        batch = self.write
        self._left += len(batch)
        self._peak = max(self._peak, len(batch))
        self._swaps += 1
        self.write = []
        self._measure()
        return batch

    # -- less --

    def refuse(self) -> None:
        """Count a newcomer that is dropped on entry."""
        self._left += 1
        self.dropped += 1

    def shed_for(self, item: T) -> bool:
        """Drop the oldest to make room; False says that the newcomer is the one to go."""
        if self._keep is None:
            self.pop()
        elif not self._shed_oldest_loose(self._keep):
            return False
        self.dropped += 1
        return True

    def _shed_oldest_loose(self, keep: Callable[[T], bool]) -> bool:
        """Drop the oldest item that need not be kept, if there is one; those before it are passed by."""
        if not self.read:
            self.swap()
        read = self.read
        for index in range(len(read) - 1, -1, -1):
            if not keep(read[index]):
                if self._places:
                    if index < self._bottom:
                        self._bottom -= 1
                    else:
                        del self._places[index - self._bottom]
                del read[index]
                self._measure()
                return True
        for index, item in enumerate(self.write):
            if not keep(item):
                self._peak = self.peak
                self._left += 1
                del self.write[index]
                return True
        return False

    def clear(self) -> None:
        """Drop everything."""
        self._peak = self.peak
        self.dropped += len(self)
        self._left += len(self.write)
        self.write, self.read = [], []
        self._places.clear()
        self._measure()

    def merge_newest(self, item: T, merge: Merge[T]) -> bool:
        """Merge a newcomer into the newest item here, if the two merge.

        Never into an item given back: another one may still come back and belong between the two.
        """
        if not self.write and self._places and self._bottom == 0:
            return False
        side, newest = (self.write, -1) if self.write else (self.read, 0)
        if not side or (merged := merge(side[newest], item)) is None:
            return False
        side[newest] = merged
        self._left += 1
        self._squeezed += 1
        self.merged += 1
        return True

    def squeeze(self, merge: Merge[T]) -> None:
        """Merge all neighbours that merge, in one pass, if that is worth a pass.

        It is when at least half as many items as are here came in unlooked since the last pass; so a pass
        is paid for by them, and an over-full queue of items that do not merge costs a comparison each.
        Items given back stay as they are: they have a place to keep.
        """
        if 2 * (self.entered - self._squeezed) < len(self):
            return
        kept = len(self.read)
        if self._places:
            kept = min(self._bottom, kept)
        loose = [*self.read[:kept][::-1], *self.write]
        tight: list[T] = loose[:1]
        for item in loose[1:]:
            merged = merge(tight[-1], item)
            if merged is None:
                tight.append(item)
            else:
                tight[-1] = merged
        # From here on nothing can fail: a `merge` that raises has changed nothing.
        returned = self.read[kept:]
        self._peak = self.peak
        self.merged += len(loose) - len(tight)
        self._left += len(self.write)
        self._squeezed = self._left
        tight.reverse()
        self._bottom = len(tight)
        self.write, self.read = [], tight + returned
        self._measure()
