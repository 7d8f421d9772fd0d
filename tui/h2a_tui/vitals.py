"""How the screen is doing, in numbers: how late the event loop is, how long a frame, an echo and a steer take.

Only the latest of each are kept. Times go in in seconds and come out in milliseconds.
"""

from __future__ import annotations

import math
import resource
import sys
from collections import deque
from pathlib import Path
from typing import Final

from h2a_queue import QueueStats

__all__ = ["Samples", "Vitals", "resident_bytes"]

_KEPT: Final = 300
_STATM: Final = Path("/proc/self/statm")


class Samples:
    """The latest measurements of one kind."""

    def __init__(self) -> None:
        self._values: deque[float] = deque(maxlen=_KEPT)

    def add(self, seconds: float) -> None:
        """One more."""
        self._values.append(1000 * max(0.0, seconds))

    def share(self, part: float) -> float | None:
        """What `part` of the measurements do not exceed (0.5: the median, 1: the largest); None without any."""
        if not self._values:
            return None
        return sorted(self._values)[math.ceil(len(self._values) * part) - 1]

    @property
    def last(self) -> float | None:
        """The latest one."""
        return self._values[-1] if self._values else None


class Vitals:
    """Everything measured since the display was opened."""

    def __init__(self) -> None:
        self.lag = Samples()
        self.frame = Samples()
        self.echo = Samples()
        self.steer = Samples()
        self.bytes_per_s: float | None = None
        self._written: tuple[float, int] | None = None
        self._steered_at = 0.0

    def wrote(self, now: float, total: int) -> None:
        """`total` bytes have gone to the terminal by `now`."""
        if self._written is not None and now > self._written[0]:
            self.bytes_per_s = (total - self._written[1]) / (now - self._written[0])
        self._written = (now, total)

    def steered(self, at: float) -> None:
        """A steer has interrupted the run."""
        self._steered_at = at

    def delivered(self, at: float) -> None:
        """A message is in the next request; if a steer was under way, it is the one."""
        if self._steered_at:
            self.steer.add(at - self._steered_at)
            self._steered_at = 0.0

    def rows(self, queue: QueueStats | None) -> list[tuple[str, str]]:
        """What there is to show: a name of at most 9 characters, and a number of at most 8."""
        rows = [
            ("loop p50", _ms(self.lag.share(0.5))),
            ("loop p95", _ms(self.lag.share(0.95))),
            ("loop max", _ms(self.lag.share(1))),
            ("frame", _ms(self.frame.last)),
            ("echo p50", _ms(self.echo.share(0.5))),
            ("echo max", _ms(self.echo.share(1))),
            ("steer", _ms(self.steer.last)),
            ("output", "–" if self.bytes_per_s is None else f"{_size(self.bytes_per_s)}/s"),
            ("memory", _size(resident_bytes())),
        ]
        if queue is not None:
            rows += [
                ("queue", f"{queue.current_size}"),
                ("queue max", f"{queue.max_size_seen}"),
                ("merged", f"{queue.merged_messages}"),
                ("dropped", f"{queue.dropped_messages}"),
            ]
        return rows


def resident_bytes() -> float:
    """How much memory the process has; where the system does not say, the most it ever had."""
    try:
        return int(_STATM.read_text("ascii").split()[1]) * resource.getpagesize()
    except (OSError, ValueError, IndexError):
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        return peak if sys.platform == "darwin" else peak * 1024


def _ms(value: float | None) -> str:
    if value is None:
        return "–"
    return f"{value:.1f} ms" if value < 100 else f"{value:.0f} ms"


def _size(count: float) -> str:
    for unit in ("B", "kB", "MB"):
        if count < 1000:
            return f"{count:.0f} {unit}"
        count /= 1000
    return f"{count:.1f} GB"
