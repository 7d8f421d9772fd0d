"""The envelope: who says what, when, how much it matters, and what became of it.

    header     id, timestamp, type, priority, source
    payload
    metadata   correlation_id, reply_to, ttl_s, retry_count

A message that cannot be right cannot be made: every field is checked as it comes in. `encode` and `decode`
carry it through a file or a socket as JSON; what JSON cannot say (NaN, bytes, a circle) is refused on the way
out, and what a stranger wrote is checked like anything else on the way in.
"""

from __future__ import annotations

import json
import math
import time
from dataclasses import dataclass, field
from typing import Any, Final, Generic, NoReturn, TypeVar
from uuid import uuid4

from h2a_queue.errors import ErrorKind, QueueError
from h2a_queue.priority import Priority

__all__ = ["MAX_MESSAGE_BYTES", "Message", "decode", "encode"]

T_co = TypeVar("T_co", covariant=True)

MAX_MESSAGE_BYTES: Final = 1024 * 1024
MAX_ID_LENGTH: Final = 200


def _new_id() -> str:
    return uuid4().hex


@dataclass(frozen=True, kw_only=True)  # with slots, 3.11 cannot make a `Message[str](...)`
class Message(Generic[T_co]):
    """A payload and its header. Two messages are the same when their `id` is, wherever they have been.

    Raises `QueueError` (VALIDATION) when a field cannot be what it says.
    """

    payload: T_co = field(compare=False)
    type: str = field(default="message", compare=False)
    """What kind of payload this is, in the sender's vocabulary."""
    priority: Priority = field(default=Priority.NORMAL, compare=False)
    source: str = field(default="", compare=False)
    """Who speaks."""
    id: str = field(default_factory=_new_id)
    """Unique everywhere, for all time: up to 200 printable characters."""
    timestamp: float = field(default_factory=time.time, compare=False)
    """When it was made, in seconds since the epoch."""
    correlation_id: str | None = field(default=None, compare=False)
    """What it belongs to: a conversation, a request, the message it answers."""
    reply_to: str | None = field(default=None, compare=False)
    """Where an answer is expected, in the sender's vocabulary."""
    ttl_s: float | None = field(default=None, compare=False)
    """Seconds after `timestamp` at which it is of no more use; None means never."""
    retry_count: int = field(default=0, compare=False)
    """How often it was delivered before, in vain. A channel counts that itself."""

    def __post_init__(self) -> None:
        """Check what the types alone cannot promise."""
        if not (_is_text(self.id) and 0 < len(self.id) <= MAX_ID_LENGTH and self.id.isprintable()):
            _refuse("id", self.id, f"give 1 to {MAX_ID_LENGTH} printable characters")
        if not isinstance(self.priority, Priority):
            _refuse("priority", self.priority, "give one of Priority.LOW, NORMAL, HIGH, URGENT")
        if not (_is_text(self.type) and _is_text(self.source)):
            _refuse("type or source", (self.type, self.source), "give text")
        if not _is_number(self.timestamp):
            _refuse("timestamp", self.timestamp, "give seconds since the epoch")
        if self.ttl_s is not None and not (_is_number(self.ttl_s) and self.ttl_s > 0):
            _refuse("ttl_s", self.ttl_s, "give seconds, more than 0, or None for a message that stays valid")
        if not (_is_number(self.retry_count) and self.retry_count >= 0):
            _refuse("retry_count", self.retry_count, "give a count, 0 or more")
        for link in (self.correlation_id, self.reply_to):
            if link is not None and not _is_text(link):
                _refuse("correlation_id or reply_to", link, "give text, or None")

    @property
    def expires_at(self) -> float | None:
        """When it is of no more use, in seconds since the epoch; None means never."""
        return None if self.ttl_s is None else self.timestamp + self.ttl_s


def _is_text(value: object) -> bool:
    return isinstance(value, str)


def _is_number(value: object) -> bool:
    try:
        return isinstance(value, int | float) and math.isfinite(value)
    except OverflowError:  # an int beyond any float
        return False


def _refuse(name: str, value: object, advice: str) -> NoReturn:
    raise QueueError(
        f"A message's {name} cannot be {value!r:.100}; {advice}.", ErrorKind.VALIDATION, field=name
    )


# -- through a file or a socket --


def _no_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not JSON")


# ASCII, so that any text passes, half a surrogate pair too. Made once: `json.dumps` makes one per call.
_encoder = json.JSONEncoder(allow_nan=False, separators=(",", ":"))
_decoder = json.JSONDecoder(parse_constant=_no_constant)


def encode(message: Message[object], max_bytes: int = MAX_MESSAGE_BYTES) -> bytes:
    """Write a message as JSON.

    The payload is what JSON makes of it: a tuple comes back as a list, and keys come back as text. Raises
    `QueueError` (VALIDATION) for a payload JSON cannot say, or one that makes more than `max_bytes`.
    """
    fields: dict[str, object] = {
        "id": message.id,
        "timestamp": message.timestamp,
        "type": message.type,
        "priority": int(message.priority),
        "source": message.source,
        "payload": message.payload,
    }
    if message.correlation_id is not None:
        fields["correlation_id"] = message.correlation_id
    if message.reply_to is not None:
        fields["reply_to"] = message.reply_to
    if message.ttl_s is not None:
        fields["ttl_s"] = message.ttl_s
    if message.retry_count:
        fields["retry_count"] = message.retry_count
    try:
        body = _encoder.encode(fields).encode("ascii")
    except (TypeError, ValueError, RecursionError) as error:
        raise QueueError(
            f"Message {message.id} cannot be written as JSON ({error}); give it a payload of text, finite "
            "numbers, true, false, None, lists and dicts.",
            ErrorKind.VALIDATION,
            id=message.id,
        ) from error
    if len(body) > max_bytes:
        raise QueueError(
            f"Message {message.id} is {len(body):,} bytes, and {max_bytes:,} is the limit; put the content "
            "elsewhere and send where it is.",
            ErrorKind.VALIDATION,
            id=message.id,
            size_bytes=len(body),
            max_bytes=max_bytes,
        )
    return body


def decode(body: bytes, retry_count: int | None = None) -> Message[Any]:
    """Read what `encode` wrote; `retry_count`, if given, replaces what is written there.

    Fields it does not know are passed over. Raises `QueueError` (VALIDATION) for anything else.
    """
    try:
        fields = _decoder.decode(body.decode("ascii"))
        return Message(
            payload=fields["payload"],
            type=fields["type"],
            priority=Priority(fields["priority"]),
            source=fields["source"],
            id=fields["id"],
            timestamp=fields["timestamp"],
            correlation_id=fields.get("correlation_id"),
            reply_to=fields.get("reply_to"),
            ttl_s=fields.get("ttl_s"),
            retry_count=fields.get("retry_count", 0) if retry_count is None else retry_count,
        )
    except (TypeError, ValueError, LookupError, AttributeError, RecursionError) as error:
        raise QueueError(
            f"{len(body):,} bytes are not a message ({type(error).__name__}: {error}); look who else writes here.",
            ErrorKind.VALIDATION,
        ) from error
