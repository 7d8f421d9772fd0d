"""Replayable fan-out: every reader gets everything from its cursor on, whoever else reads, comes or goes."""

from __future__ import annotations

import asyncio
import json
import os
import tracemalloc
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from h2a_queue import Codec, ErrorKind, QueueError, StreamBuffer, StreamBufferManager, StreamStatus
from h2a_queue.stream_buffer import TRANSITIONS
from support.ticks import tick

Buffer = StreamBuffer[str]


async def rest_of(buffer: Buffer, cursor: int = 0) -> list[str]:
    return [item async for item in buffer.reader(cursor)]


# -- reading --


async def test_readers_get_everything_before_during_and_after_the_writing() -> None:
    with Buffer() as buffer:
        early = asyncio.create_task(rest_of(buffer))
        await tick()
        buffer.append("a")
        await tick()
        middle = asyncio.create_task(rest_of(buffer))
        await tick()
        buffer.append("b")
        buffer.complete()
        assert await asyncio.gather(early, middle, rest_of(buffer)) == [["a", "b"]] * 3


async def test_reader_that_comes_back_goes_on_from_its_cursor() -> None:
    with Buffer() as buffer:
        for text in "abcd":
            buffer.append(text)
        reader = buffer.reader()
        assert [await anext(reader), await anext(reader)] == ["a", "b"]
        assert reader.cursor == 2
        buffer.complete()
        assert await rest_of(buffer, reader.cursor) == ["c", "d"]
        assert await rest_of(buffer, len(buffer)) == []


async def test_reader_cancelled_in_the_tick_of_an_item_has_not_moved() -> None:
    with Buffer() as buffer:
        reader = buffer.reader()
        task = asyncio.create_task(anext(reader))
        await tick()
        buffer.append("a")
        task.cancel()
        await asyncio.wait([task])
        assert task.cancelled()
        assert reader.cursor == 0
        assert await anext(reader) == "a"


async def test_reader_that_goes_away_changes_nothing_for_the_writer_and_the_others() -> None:
    with Buffer() as buffer:
        gone = asyncio.create_task(rest_of(buffer))
        stays = asyncio.create_task(rest_of(buffer))
        await tick()
        gone.cancel()
        await asyncio.wait([gone])
        assert [buffer.append("a"), buffer.append("b")] == [0, 1]
        buffer.complete()
        assert await stays == ["a", "b"]


async def test_read_nowait_gives_what_is_there() -> None:
    with Buffer() as buffer:
        for text in "abc":
            buffer.append(text)
        reader = buffer.reader(1)
        assert reader.read_nowait(1) == ["b"]
        assert reader.read_nowait(10) == ["c"]
        assert reader.read_nowait(10) == []


@pytest.mark.parametrize("cursor", [-1, 3])
def test_cursor_beyond_the_stream_is_an_error(cursor: int) -> None:
    with Buffer() as buffer:
        buffer.append("a")
        buffer.append("b")
        with pytest.raises(QueueError, match="2 items so far") as raised:
            buffer.reader(cursor)
        assert raised.value.kind is ErrorKind.VALIDATION


async def test_items_of_any_kind_go_through_a_codec() -> None:
    codec: Codec[Any] = Codec(lambda value: json.dumps(value).encode(), json.loads)
    with StreamBuffer(codec=codec) as buffer:
        buffer.append({"tool": ["rg", 1]})
        buffer.complete()
        assert [item async for item in buffer.reader()] == [{"tool": ["rg", 1]}]


async def test_item_its_codec_refuses_is_not_in_the_stream() -> None:
    codec: Codec[Any] = Codec(lambda value: json.dumps(value).encode(), json.loads)
    with StreamBuffer(codec=codec) as buffer:
        with pytest.raises(TypeError):
            buffer.append(object())
        assert (len(buffer), buffer.status) == (0, "pending")


# -- the end --

ENDS: dict[str, Callable[[Buffer], None]] = {
    "complete": lambda buffer: buffer.complete(),
    "fail": lambda buffer: buffer.fail(ConnectionError("gone")),
    "cancel": lambda buffer: buffer.cancel(),
}


@pytest.mark.parametrize("end", ENDS)
@pytest.mark.parametrize("filled", [0, 1])
async def test_ended_stream_stays_as_it_ended_whatever_is_tried(end: str, filled: int) -> None:
    with Buffer() as buffer:
        assert buffer.status == "pending"
        for _ in range(filled):
            buffer.append("a")
            assert buffer.status == "streaming"
        ENDS[end](buffer)
        status = buffer.status
        for verb in (*ENDS.values(), lambda buffer: buffer.append("b")):
            with pytest.raises(QueueError, match=f"is {status}") as raised:
                verb(buffer)
            assert raised.value.kind is ErrorKind.CLOSED
        assert (buffer.status, len(buffer), buffer.finished) == (status, filled, True)


def test_table_leads_out_of_pending_and_streaming_only() -> None:
    assert {before for before, _ in TRANSITIONS} == {StreamStatus.PENDING, StreamStatus.STREAMING}
    assert set(TRANSITIONS.values()) == set(StreamStatus) - {StreamStatus.PENDING}


async def test_failed_stream_gives_its_items_and_then_the_error_to_every_reader() -> None:
    with Buffer() as buffer:
        waiting = asyncio.create_task(rest_of(buffer))
        await tick()
        buffer.append("a")
        buffer.fail(ConnectionError("gone"))
        with pytest.raises(ConnectionError, match="gone"):
            await waiting
        reader = buffer.reader()
        assert await anext(reader) == "a"
        with pytest.raises(ConnectionError, match="gone"):
            await anext(reader)


async def test_cancelled_stream_ends_its_readers() -> None:
    with Buffer() as buffer:
        waiting = asyncio.create_task(rest_of(buffer))
        await tick()
        buffer.append("a")
        buffer.cancel()
        assert await waiting == ["a"]


async def test_closed_buffer_tells_its_readers_that_the_items_are_gone() -> None:
    buffer = Buffer()
    buffer.append("a")
    reader, waiting = buffer.reader(), asyncio.create_task(anext(buffer.reader(1)))
    await tick()
    buffer.close()
    buffer.close()
    for broken in (waiting, anext(reader)):
        with pytest.raises(QueueError, match="closed") as raised:
            await broken
        assert raised.value.kind is ErrorKind.CLOSED
    with pytest.raises(QueueError, match="closed"):
        buffer.append("b")


# -- memory and file --


async def test_what_does_not_fit_into_memory_is_read_from_the_file(tmp_path: Path) -> None:
    path = tmp_path / "spill"
    with Buffer(memory_bytes=2048, spill_path=path) as buffer:
        texts = [f"{number} " + "x" * (number % 300) for number in range(2000)]
        for text in texts:
            buffer.append(text)
            assert buffer.memory_bytes <= 2048
        assert path.stat().st_size + buffer.memory_bytes == buffer.size_bytes
        assert path.stat().st_mode & 0o777 == 0o600
        buffer.complete()
        assert await rest_of(buffer) == texts
        for cursor in (0, 1, 255, 256, 257, 1999, 2000):
            assert await rest_of(buffer, cursor) == texts[cursor:]
    assert not path.exists()


def test_short_stream_makes_no_file(tmp_path: Path) -> None:
    with Buffer(spill_path=tmp_path / "spill") as buffer:
        buffer.append("a")
        assert list(tmp_path.iterdir()) == []


def test_file_that_exists_is_not_overwritten_and_the_item_not_taken(tmp_path: Path) -> None:
    path = tmp_path / "precious"
    path.write_text("precious")
    with Buffer(memory_bytes=1024, spill_path=path) as buffer:
        buffer.append("x" * 1000)
        with pytest.raises(QueueError, match="Cannot write") as raised:
            buffer.append("y" * 1000)
        assert raised.value.kind is ErrorKind.BACKEND
        assert raised.value.recoverable
        assert len(buffer) == 1
    assert path.read_text() == "precious"


async def test_full_disk_refuses_the_item_and_loses_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write, space = os.pwrite, 1500

    def scarce(file: int, data: bytes, offset: int) -> int:
        """Take what there is space for, as a file system does."""
        if offset >= space:
            raise OSError(28, "No space left on device")
        return write(file, data[: max(space - offset, 1)], offset)

    monkeypatch.setattr(os, "pwrite", scarce)
    with Buffer(memory_bytes=1024, spill_path=tmp_path / "spill") as buffer:
        accepted = 0
        while accepted < 100:
            try:
                buffer.append(f"{accepted:100}")
            except QueueError as error:
                assert "No space left" in str(error)  # noqa: PT017  (which of the hundred it is does not matter)
                break
            accepted += 1
        assert len(buffer) == accepted < 100
        space = 10**9
        buffer.append("last")
        buffer.complete()
        assert await rest_of(buffer) == [*(f"{number:100}" for number in range(accepted)), "last"]


async def test_file_cut_short_by_somebody_is_an_error_and_not_a_hang(tmp_path: Path) -> None:
    path = tmp_path / "spill"
    with Buffer(memory_bytes=1024, spill_path=path) as buffer:
        for _ in range(10):
            buffer.append("x" * 500)
        os.truncate(path, 0)
        with pytest.raises(QueueError, match="Cannot read") as raised:
            await anext(buffer.reader())
        assert raised.value.kind is ErrorKind.BACKEND


async def test_file_changed_by_somebody_is_an_error_and_not_a_hang(tmp_path: Path) -> None:
    path = tmp_path / "spill"
    with Buffer(memory_bytes=1024, spill_path=path) as buffer:
        for _ in range(10):
            buffer.append("x" * 500)
        path.write_bytes(b"y" * path.stat().st_size)
        with pytest.raises(QueueError, match="Item 0 is damaged") as raised:
            await anext(buffer.reader())
        assert raised.value.kind is ErrorKind.BACKEND


def test_item_larger_than_memory_is_refused_with_what_to_do() -> None:
    with Buffer(memory_bytes=1024) as buffer:
        with pytest.raises(QueueError, match="split it") as raised:
            buffer.append("x" * 1021)
        assert raised.value.kind is ErrorKind.VALIDATION
        assert buffer.append("x" * 1020) == 0


def test_bad_memory_is_refused() -> None:
    for make in (StreamBuffer[str], StreamBufferManager[str]):
        with pytest.raises(QueueError, match="at least 1024") as raised:
            make(memory_bytes=1)
        assert raised.value.kind is ErrorKind.CONFIGURATION


class Histories(RuleBasedStateMachine):
    """Against a list: writers, readers at any cursor, spill, cancelled waits."""

    @initialize(memory=st.sampled_from([1024, 1100, 5000]))
    def start(self, memory: int) -> None:
        self.loop = asyncio.new_event_loop()
        self.buffer = Buffer(memory_bytes=memory)
        self.model: list[str] = []
        self.readers: list[tuple[Any, list[str], int]] = []

    @rule(sizes=st.lists(st.integers(0, 900), max_size=6))
    def write(self, sizes: list[int]) -> None:
        for size in sizes:
            text = f"{len(self.model)}é" + "x" * size
            assert self.buffer.append(text) == len(self.model)
            self.model.append(text)

    @rule(count=st.integers(200, 700))
    def write_many_small_ones(self, count: int) -> None:
        for _ in range(count):
            self.buffer.append(str(len(self.model)))
            self.model.append(str(len(self.model)))

    @rule(where=st.floats(0, 1))
    def come(self, where: float) -> None:
        cursor = int(where * len(self.model))
        self.readers.append((self.buffer.reader(cursor), [], cursor))

    @rule(which=st.integers(0, 100), count=st.integers(1, 400))
    def read(self, which: int, count: int) -> None:
        if self.readers:
            reader, got, _ = self.readers[which % len(self.readers)]
            got += reader.read_nowait(count)

    @rule(which=st.integers(0, 100), served=st.booleans())
    def wait_and_be_cancelled(self, which: int, served: bool) -> None:
        async def play() -> None:
            if not self.readers:
                return
            reader, got, _ = self.readers[which % len(self.readers)]
            task = asyncio.create_task(anext(reader))
            await tick()
            if served:
                self.write([3])
            task.cancel()
            await asyncio.wait([task])
            got += [] if task.cancelled() else [task.result()]

        self.loop.run_until_complete(play())

    @invariant()
    def every_reader_has_its_part_of_the_model(self) -> None:
        if not hasattr(self, "model"):
            return
        assert self.buffer.memory_bytes <= 5000
        for reader, got, cursor in self.readers:
            assert got == self.model[cursor : reader.cursor]

    def teardown(self) -> None:
        if hasattr(self, "buffer"):
            self.buffer.complete()
            for reader, got, cursor in self.readers:
                got += reader.read_nowait(10**9)
                assert got == self.model[cursor:]
            self.buffer.close()
            self.loop.close()


TestHistories = Histories.TestCase
TestHistories.settings = settings(max_examples=60, stateful_step_count=25, deadline=None)


@given(st.lists(st.text(max_size=50), max_size=40), st.integers(0, 40))
@settings(max_examples=100, deadline=None)
def test_any_text_comes_back_as_it_was(texts: list[str], cursor: int) -> None:
    with Buffer(memory_bytes=1024) as buffer:
        for text in texts:
            buffer.append(text)
        cursor = min(cursor, len(texts))
        assert buffer.reader(cursor).read_nowait(100) == texts[cursor:]


async def test_hundred_streams_of_a_megabyte_with_three_readers_each_stay_far_below_150_megabytes() -> None:
    chunk = "x" * 4000
    tracemalloc.start()
    try:
        with StreamBufferManager[str](keep_bytes=1 << 30) as streams:
            one = streams.open("0")
            readers = [one.reader() for _ in range(3)]
            for _ in range(262):
                one.append(chunk)
            for reader in readers:
                assert len(reader.read_nowait(100)) == 100
            assert tracemalloc.get_traced_memory()[1] < 2_000_000
            for number in range(1, 100):
                buffer = streams.open(str(number))
                for _ in range(262):
                    buffer.append(chunk)
                readers += [buffer.reader(cursor) for cursor in (0, 131, 262)]
            for reader in readers:
                reader.read_nowait(10)
            assert tracemalloc.get_traced_memory()[1] < 100_000_000
            assert streams.memory_bytes <= 100 * 512 * 1024
    finally:
        tracemalloc.stop()


async def test_stream_of_a_megabyte_in_small_pieces_needs_less_than_two() -> None:
    tracemalloc.start()
    try:
        with Buffer() as buffer:
            for _ in range(100_000):
                buffer.append("0123456789")
            readers = [buffer.reader(cursor) for cursor in (0, 50_000, 100_000)]
            for reader in readers:
                reader.read_nowait(1000)
            assert tracemalloc.get_traced_memory()[1] < 2_000_000
    finally:
        tracemalloc.stop()


# -- many streams --


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def test_finished_stream_goes_when_nobody_has_read_it_for_long_enough() -> None:
    clock = Clock()
    with StreamBufferManager[str](keep_s=10, clock=clock) as streams:
        running, done, read = (streams.open(name) for name in ("running", "done", "read"))
        for buffer in (running, done, read):
            buffer.append("a")
        done.complete()
        read.fail(OSError())
        clock.now = 10
        assert streams.evict() == []
        assert read.reader().read_nowait(1) == ["a"]
        clock.now = 10.5
        assert streams.evict() == ["done"]
        clock.now = 1000
        assert streams.evict() == ["read"]
        assert "running" in streams
        assert len(streams) == 1


def test_longest_unread_finished_streams_go_first_when_there_is_too_much() -> None:
    clock = Clock()
    with StreamBufferManager[str](keep_bytes=250, clock=clock) as streams:
        for number in range(4):
            clock.now = number
            buffer = streams.open(str(number))
            buffer.append("x" * 96)
            if number != 1:
                buffer.complete()
        clock.now = 4
        streams["0"].reader().read_nowait(1)
        assert streams.evict() == ["2"]
        assert [name for name in "0123" if name in streams] == ["0", "1", "3"]


async def test_evicted_stream_tells_a_reader_that_is_not_through() -> None:
    clock = Clock()
    with StreamBufferManager[str](keep_s=1, clock=clock) as streams:
        buffer = streams.open("run")
        buffer.append("a")
        reader = buffer.reader()
        buffer.complete()
        clock.now = 5
        streams.open("next")
        assert "run" not in streams
        with pytest.raises(QueueError, match="closed"):
            await anext(reader)


def test_second_stream_of_a_name_is_an_error_until_the_first_is_dropped() -> None:
    with StreamBufferManager[str]() as streams:
        first = streams.open("run")
        with pytest.raises(QueueError, match="already") as raised:
            streams.open("run")
        assert raised.value.kind is ErrorKind.VALIDATION
        assert streams["run"] is first
        streams.drop("run")
        assert streams.open("run") is not first
        with pytest.raises(KeyError):
            streams["another"]


def test_negative_keeping_is_an_error() -> None:
    for wrong in ({"keep_s": -1}, {"keep_bytes": -1}):
        with pytest.raises(QueueError, match="0 or more") as raised:
            StreamBufferManager[str](**wrong)  # type: ignore[arg-type]
        assert raised.value.kind is ErrorKind.CONFIGURATION
