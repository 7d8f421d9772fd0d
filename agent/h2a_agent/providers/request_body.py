"""A request's bytes, at the cost of what is new in it.

A conversation of thousands of messages goes out with every step, and nearly all of it is what went out with
the step before. The writer remembers each message's JSON from one request to the next (messages are values, and
the request builder hands out the same ones again), and lets the loop breathe while it writes what is new.
"""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Mapping
from typing import Any, Final

from h2a_agent.content import Message
from h2a_agent.providers.base import Request
from h2a_agent.providers.messages_request import cache_marks, said

__all__ = ["BodyWriter"]

_SLICE_S: Final = 0.004  # of writing before keys and frames get their turn


class BodyWriter:
    """Writes request bodies. It holds the JSON of one request's messages, those it wrote last."""

    def __init__(self) -> None:
        self._known: dict[int, tuple[Message, bytes]] = {}  # id of a message -> the message, its JSON

    async def write(self, frame: Mapping[str, Any], request: Request) -> bytes:
        """`frame` and the messages of `request` as the bytes of one JSON object."""
        marked = cache_marks(request)
        known, parts = self._known, dict[int, tuple[Message, bytes]]()
        written: list[bytes] = []
        began = time.monotonic()
        for index, message in enumerate(request.messages):
            entry = known.get(id(message))
            if entry is None:
                entry = (message, _json(said(message)))
            if time.monotonic() - began > _SLICE_S:
                await asyncio.sleep(0)
                began = time.monotonic()
            parts[id(message)] = entry
            written.append(_json(said(message, keep=True)) if index in marked else entry[1])
        self._known = parts
        return b'%b,"messages":[%b]}' % (_json(frame)[:-1], b",".join(written))


def _json(value: Mapping[str, Any]) -> bytes:
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"), default=dict)
    return text.encode("utf-8", "replace")
