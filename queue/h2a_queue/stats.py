"""What a queue has done so far, in numbers that add up.

total_enqueued = total_dequeued + dropped_messages + merged_messages + current_size
"""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["QueueMetrics", "QueueStats"]


@dataclass(frozen=True, slots=True)
class QueueMetrics:
    """How long things took. Latencies are in seconds, from the writer's call to the reader's return.

    They are over the latest 10,000 measured items, and 0 before the first: every eighth item of a burst is
    measured, and every one that met a waiting reader or a full queue.
    """

    latency_mean_s: float
    latency_p50_s: float
    latency_p95_s: float
    latency_p99_s: float
    latency_max_s: float
    """The largest of those."""
    writers_waited_s: float
    """What writers have spent waiting for slots, added up."""
    readers_waited_s: float
    """What readers have spent waiting for items, added up."""
    throughput_per_s: float
    """Items read per second since the first one was written."""
    utilisation: float | None
    """Mean share of the bound in use, by Little's law: throughput times mean latency; None without a bound."""


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
    refused_messages: int = 0
    """Offered and refused with OVERFLOW: under ERROR, and under BLOCK by a verb that cannot wait."""
    overflows: int = 0
    """Times an item found the queue full, whatever came of it."""
    metrics: QueueMetrics | None = None
    """Times and rates, where they are measured: by `MeteredH2AQueue`."""
