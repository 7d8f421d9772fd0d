"""Server-sent events out of a response's bytes, however they were cut into chunks.

The rules are those of the WHATWG HTML standard, section 9.2.6, as far as they concern data: lines end in
LF, CR or CRLF, a byte order mark may come first, comments and unknown fields are skipped, several data
lines make one event, an event without its blank line at the end is not one. Invalid UTF-8 becomes U+FFFD.
The work is linear in the bytes, also at one byte per chunk.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

__all__ = ["MAX_EVENT_BYTES", "EventTooLarge", "ServerSentEvent", "SseDecoder"]

MAX_EVENT_BYTES: Final = 16 * 1024 * 1024


class EventTooLarge(ValueError):
    """One event is larger than `MAX_EVENT_BYTES`: it is not kept."""


@dataclass(frozen=True, slots=True)
class ServerSentEvent:
    """One event: its name ("" when it has none) and its data lines, joined by newlines."""

    name: str
    data: str


class SseDecoder:
    """Takes chunks, gives the events they complete."""

    def __init__(self) -> None:
        self._line = bytearray()  # the line that has no end yet
        self._first_line = True
        self._after_cr = False  # a LF now belongs to the CR before it
        self._name = ""
        self._data: list[str] = []
        self._size = 0  # bytes of the event's data lines so far

    def feed(self, chunk: bytes) -> list[ServerSentEvent]:
        """The events that `chunk` completes, in order.

        Raises:
            EventTooLarge: the event in progress has grown beyond `MAX_EVENT_BYTES`.
        """
        if self._after_cr and chunk.startswith(b"\n"):
            chunk = chunk[1:]
            self._after_cr = False
        if not chunk:
            return []
        self._after_cr = chunk.endswith(b"\r")
        if b"\r" in chunk:
            chunk = chunk.replace(b"\r\n", b"\n").replace(b"\r", b"\n")
        head, *lines = chunk.split(b"\n")
        self._line += head
        if self._size + len(self._line) > MAX_EVENT_BYTES:
            raise EventTooLarge(f"an event of more than {MAX_EVENT_BYTES} bytes")
        events: list[ServerSentEvent] = []
        for line in lines:
            self._end_line(events)
            self._line += line
        return events

    def _end_line(self, events: list[ServerSentEvent]) -> None:
        line = self._line.decode("utf-8", "replace")
        size = len(self._line)
        self._line.clear()
        if self._first_line:
            self._first_line = False
            line = line.removeprefix("\ufeff")
        if not line:
            if self._data:
                events.append(ServerSentEvent(self._name, "\n".join(self._data)))
            self._name, self._data, self._size = "", [], 0
            return
        field, _, value = line.partition(":")
        value = value.removeprefix(" ")
        if field == "data":
            self._data.append(value)
            self._size += size
        elif field == "event":
            self._name = value
