"""Lines from a stream, however they are cut on their way."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from h2a_tui.streams import In, InputLine, InputLines


class Pieces(In):
    """A stream that gives exactly these pieces."""

    def __init__(self, pieces: list[bytes]) -> None:
        super().__init__(-1)
        self._pieces = [piece for piece in pieces if piece]

    async def read(self) -> bytes:
        return self._pieces.pop(0) if self._pieces else b""


async def read_all(stream: In, limit: int) -> list[InputLine]:
    return [line async for line in InputLines(stream, limit)]


@given(st.lists(st.binary(max_size=12) | st.just(b"\n"), max_size=30), st.integers(1, 20))
def test_lines_are_those_of_the_whole_whatever_the_pieces(pieces: list[bytes], limit: int) -> None:
    whole = b"".join(pieces)
    expected = whole.split(b"\n")
    if not expected[-1]:
        expected.pop()
    lines = asyncio.run(read_all(Pieces(pieces), limit))
    assert [line.number for line in lines] == list(range(1, len(expected) + 1))
    assert [line.data for line in lines] == [line if len(line) <= limit else None for line in expected]


async def test_a_file_and_a_pipe_are_read_alike(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"one\ntwo")
    reader, writer = os.pipe()
    os.write(writer, b"one\ntwo")
    os.close(writer)
    with (tmp_path / "file").open("rb") as file, os.fdopen(reader, "rb") as pipe:
        for stream in (file, pipe):
            lines = await read_all(In(stream.fileno()), 100)
            assert lines == [InputLine(1, b"one"), InputLine(2, b"two")]


async def test_waiting_for_a_pipe_holds_up_nothing_and_can_be_cancelled() -> None:
    reader, writer = os.pipe()
    task = asyncio.create_task(In(reader).read())
    for _ in range(20):
        await asyncio.sleep(0)
    assert not task.done()
    task.cancel()
    await asyncio.wait([task])
    assert not asyncio.get_running_loop().remove_reader(reader), "a stream nobody reads is not polled"
    for fd in (reader, writer):
        os.close(fd)


async def test_a_wait_for_a_line_that_is_cancelled_loses_nothing() -> None:
    reader, writer = os.pipe()
    lines = InputLines(In(reader), 100)
    os.write(writer, b"one\ntwo\nhal")
    assert await anext(lines) == InputLine(1, b"one")
    assert await anext(lines) == InputLine(2, b"two")
    waiting = asyncio.create_task(anext(lines))
    for _ in range(20):
        await asyncio.sleep(0)
    waiting.cancel()
    await asyncio.wait([waiting])
    os.write(writer, b"f\n")
    assert await anext(lines) == InputLine(3, b"half")
    os.close(reader)
    os.close(writer)
