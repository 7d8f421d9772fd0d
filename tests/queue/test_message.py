"""The envelope: what a message may be, and how it goes through JSON."""

from __future__ import annotations

import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from h2a_queue import ErrorKind, Message, Priority, QueueError
from h2a_queue.message import decode, encode

json_values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(codec=None)),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=5), inner, max_size=4),
    max_leaves=8,
)
texts = st.text(st.characters(codec=None), max_size=20)
ids = st.text(st.characters(codec="utf-8"), min_size=1, max_size=20).filter(str.isprintable)
messages = st.builds(
    Message,
    payload=json_values,
    type=texts,
    priority=st.sampled_from(Priority),
    source=texts,
    id=ids,
    timestamp=st.floats(0, 1e10),
    correlation_id=st.none() | texts,
    reply_to=st.none() | texts,
    ttl_s=st.none() | st.floats(0.001, 1e6),
    retry_count=st.integers(0, 9),
)


def everything(message: Message[Any]) -> dict[str, object]:
    return dict(vars(message))


@given(messages)
def test_message_comes_back_from_json_as_it_went(message: Message[object]) -> None:
    assert everything(decode(encode(message))) == everything(message)


def test_decoded_retry_count_is_the_readers_word_if_it_has_one() -> None:
    body = encode(Message(payload=None, retry_count=3))
    assert (decode(body).retry_count, decode(body, retry_count=0).retry_count) == (3, 0)


@pytest.mark.parametrize(
    "fields",
    [
        {"id": ""},
        {"id": "x" * 201},
        {"id": "a\nb"},
        {"id": "\ud800"},
        {"id": 5},
        {"priority": 7},
        {"priority": 2},
        {"priority": "high"},
        {"type": None},
        {"source": b"me"},
        {"timestamp": math.nan},
        {"timestamp": "now"},
        {"timestamp": 10**400},
        {"ttl_s": 0},
        {"ttl_s": -1},
        {"ttl_s": math.inf},
        {"ttl_s": "1"},
        {"retry_count": -1},
        {"correlation_id": 5},
        {"reply_to": b""},
    ],
    ids=repr,
)
def test_message_that_cannot_be_right_cannot_be_made(fields: dict[str, Any]) -> None:
    with pytest.raises(QueueError, match="cannot be") as raised:
        Message(payload="a", **fields)
    assert raised.value.kind is ErrorKind.VALIDATION
    assert raised.value.context["field"]


def deep(levels: int) -> list[object]:
    nested: list[object] = []
    for _ in range(levels):
        nested = [nested]
    return nested


circle: list[object] = []
circle.append(circle)


@pytest.mark.parametrize(
    "payload",
    [b"bytes", {1, 2}, math.nan, math.inf, object(), {"a": [1j]}, circle, deep(100_000), 10**5000],
    ids=lambda payload: type(payload).__name__,
)
def test_payload_that_json_cannot_say_is_refused(payload: object) -> None:
    with pytest.raises(QueueError, match="cannot be written as JSON") as raised:
        encode(Message(payload=payload))
    assert raised.value.kind is ErrorKind.VALIDATION


def test_message_over_the_limit_is_refused_and_at_the_limit_is_not() -> None:
    message = Message(payload="x" * 100)
    size = len(encode(message))
    assert encode(message, max_bytes=size)
    with pytest.raises(QueueError, match="put the content elsewhere") as raised:
        encode(message, max_bytes=size - 1)
    assert (raised.value.kind, raised.value.context["size_bytes"]) == (ErrorKind.VALIDATION, size)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"\xff\x00",
        b"[]",
        b"null",
        b"{}",
        b'{"id":"a"}',
        encode(Message(payload=1)).replace(b'"priority":1', b'"priority":9'),
        encode(Message(payload=1)).replace(b'"payload":1', b'"payload":NaN'),
        encode(Message(payload=1))[:-1],
        b"[" * 100_000,
    ],
    ids=lambda body: repr(body[:6]),
)
def test_what_is_not_a_message_is_refused(body: bytes) -> None:
    with pytest.raises(QueueError) as raised:
        decode(body)
    assert raised.value.kind is ErrorKind.VALIDATION


def test_fields_of_a_newer_writer_are_passed_over() -> None:
    message = Message(payload=1)
    body = encode(message).replace(b'{"id"', b'{"colour":"red","id"', 1)
    assert everything(decode(body)) == everything(message)


def test_time_to_live_counts_from_the_timestamp() -> None:
    assert Message(payload=1, timestamp=100, ttl_s=5).expires_at == 105
    assert Message(payload=1).expires_at is None
