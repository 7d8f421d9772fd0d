"""What a queue has done so far, in numbers that add up.

total_enqueued = total_dequeued + dropped_messages + merged_messages + current_size
"""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["QueueStats"]


@dataclass(frozen=True, slots=True)
class QueueStats:
    """A snapshot, in items unless it says otherwise. It does not change when the queue does."""

    total_enqueued: int
    """Offered to the queue and not refused by an error; an item its policy dropped on entry is among them."""
    total_dequeued: int
    """Given to a reader, also when the reader has not run yet; an item given back is not among them."""
    fast_path_hits: int
    """Put straight into the hands of a waiting reader. One given back later still counts."""
    buffer_swaps: int
    """Times the write buffer became the read buffer."""
    dropped_messages: int
    """Lost by policy (or thrown away by `dispose`)."""
    merged_messages: int
    """Gone into a neighbour by `Coalesce`: nothing lost, one item fewer."""
    current_size: int
    """In the buffers now. Items of blocked writers are not in the queue yet."""
    max_size_seen: int
    """The largest `current_size` there ever was."""
