"""An item with a header: who says what, when, and how much it matters."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import Generic, TypeVar
from uuid import uuid4

from h2a_queue.priority import Priority

__all__ = ["Message"]

T_co = TypeVar("T_co", covariant=True)


def _new_id() -> str:
    return uuid4().hex


@dataclass(frozen=True, kw_only=True)  # with slots, 3.11 cannot make a `Message[str](...)`
class Message(Generic[T_co]):
    """A payload and its header. Two messages are the same when their `id` is, wherever they have been."""

    payload: T_co = field(compare=False)
    type: str = field(default="message", compare=False)
    """What kind of payload this is, in the sender's vocabulary."""
    priority: Priority = field(default=Priority.NORMAL, compare=False)
    source: str = field(default="", compare=False)
    """Who speaks."""
    id: str = field(default_factory=_new_id)
    """Unique everywhere, for all time."""
    timestamp: float = field(default_factory=time.time, compare=False)
    """When it was made, in seconds since the epoch."""
