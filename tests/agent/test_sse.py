"""The decoder of server-sent events against a plain reading of the standard, for any bytes in any chunks."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from h2a_agent.providers.sse import MAX_EVENT_BYTES, EventTooLarge, ServerSentEvent, SseDecoder


def decode(*chunks: bytes) -> list[ServerSentEvent]:
    decoder = SseDecoder()
    return [event for chunk in chunks for event in decoder.feed(chunk)]


def reference(body: bytes) -> list[ServerSentEvent]:
    """The standard's algorithm on the whole body, written for reading."""
    text = re.sub("\r\n|\r|\n", "\n", body.decode("utf-8", "replace").removeprefix("\ufeff"))
    events: list[ServerSentEvent] = []
    name, data = "", list[str]()
    for line in text.split("\n")[:-1]:
        if line == "":
            if data:
                events.append(ServerSentEvent(name, "\n".join(data)))
            name, data = "", []
        elif not line.startswith(":"):
            field, _, value = line.partition(":")
            value = value.removeprefix(" ")
            if field == "event":
                name = value
            elif field == "data":
                data.append(value)
    return events


LINES = st.sampled_from(
    [
        *(b"data: {}", b"data:x", b"data", b"data:  two", b"data: \xff\xfe", b"\xef\xbb\xbfdata: bom"),
        "data: é\u2028\u0085😀".encode(),
        *(b"event: a", b"event:", b": note", b":", b"id: 1", b"retry", b"", b""),
    ]
)
BODIES = st.lists(st.tuples(LINES, st.sampled_from([b"\n", b"\r", b"\r\n"]))).map(
    lambda lines: b"".join(line + end for line, end in lines)
)


@given(BODIES, st.data())
def test_any_chunking_gives_the_events_of_the_standard(body: bytes, data: st.DataObject) -> None:
    cuts = sorted(data.draw(st.lists(st.integers(0, len(body)), max_size=8)))
    chunks = [body[a:b] for a, b in zip([0, *cuts], [*cuts, len(body)], strict=True)]
    # A last CR may be half a CRLF, and ends its line either way.
    assert decode(*chunks) == decode(body) == reference(body)


@given(BODIES)
def test_one_byte_per_chunk_gives_the_same_events(body: bytes) -> None:
    assert decode(*(bytes([byte]) for byte in body)) == reference(body)


@pytest.mark.parametrize(
    "chunks", [(b"data: 1\r", b"\ndata: 2\r\n\r", b"\n"), (b"data: 1\r\n", b"data: 2\n\r\n")]
)
def test_crlf_split_over_two_chunks_is_one_line_end(chunks: tuple[bytes, ...]) -> None:
    assert decode(*chunks) == [ServerSentEvent("", "1\n2")]


def test_byte_order_mark_counts_only_at_the_very_start() -> None:
    mark = "\ufeff".encode()
    assert decode(mark[:1], mark[1:] + b"data: 1\n\n" + mark + b"data: 2\n\n") == [ServerSentEvent("", "1")]


def test_event_without_its_blank_line_is_none() -> None:
    assert decode(b"data: 1\n") == []


def test_event_of_the_largest_size_passes_and_a_larger_one_is_refused() -> None:
    line = b"data: " + b"x" * (MAX_EVENT_BYTES - 6)
    assert len(decode(line, b"\n\n")[0].data) == MAX_EVENT_BYTES - 6
    with pytest.raises(EventTooLarge):
        decode(line, b"x")
    with pytest.raises(EventTooLarge):
        decode(line, b"\n", b"data: x")
