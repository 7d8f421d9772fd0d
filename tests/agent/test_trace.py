"""A trace: what is written beside an agent, who can read it, and what is read of it again."""

from __future__ import annotations

import asyncio
import io
import json
import os
import stat
from pathlib import Path

import pytest

from h2a_agent.agent import Agent
from h2a_agent.events import AnyEvent, TokenStream
from h2a_agent.protocol.lines import line_of
from h2a_agent.protocol.replies import Hello, Missed
from h2a_agent.protocol.trace import Damaged, Trace, TraceExists, read_trace
from h2a_agent.providers.demo import DemoProvider
from h2a_agent.redact import remember
from h2a_agent.run_settings import RunSettings
from h2a_agent.session import Session
from support.program import validate_output


def an_agent(folder: Path) -> Agent:
    return Agent(DemoProvider(10_000), session=Session.unsaved(folder), settings=RunSettings("demo"))


async def traced(path: Path, folder: Path, prompt: str) -> Trace:
    """A whole conversation with a trace beside it; the trace is finished."""
    trace = Trace(path)
    async with an_agent(folder) as agent:
        trace.listen(agent)
        agent.prompt(prompt)
        await agent.settled()
    await trace.finish()
    return trace


async def test_every_event_is_a_line_and_the_first_one_says_hello(tmp_path: Path) -> None:
    path = tmp_path / "trace.jsonl"
    assert (await traced(path, tmp_path, "thanks")).problem == ""
    records = [json.loads(line) for line in path.read_text("ascii").splitlines()]
    for record in records:
        validate_output(record)
    assert records[0]["type"] == "hello"
    assert [record["seq"] for record in records[1:]] == list(range(1, len(records)))
    assert records[-1]["type"] == "settled"


async def test_only_its_owner_can_read_it(tmp_path: Path) -> None:
    for path in (tmp_path / "new", tmp_path / "empty"):
        if path.name == "empty":
            path.touch(0o644)
        await traced(path, tmp_path, "thanks")
        assert stat.S_IMODE(path.stat().st_mode) == 0o600


async def test_keys_are_taken_out(tmp_path: Path) -> None:
    secret = 'sk-"canary"-trace/+41'
    remember(secret)
    path = tmp_path / "trace"
    await traced(path, tmp_path, f"thanks, my key is {secret}")
    text = path.read_text()
    assert "canary" not in text
    assert "[API key]" in text
    for line in text.splitlines():
        validate_output(json.loads(line))


def test_what_is_there_already_is_left_alone(tmp_path: Path) -> None:
    precious = tmp_path / "README.md"
    precious.write_text("precious")
    with pytest.raises(TraceExists, match=r"README\.md exists already"):
        Trace(precious)
    (tmp_path / "link").symlink_to(precious)
    with pytest.raises(TraceExists):
        Trace(tmp_path / "link")
    assert precious.read_text() == "precious"


async def test_a_reader_that_is_stuck_holds_up_nothing_and_is_told_what_it_missed(tmp_path: Path) -> None:
    """A pipe nobody reads is full at once; the queue keeps the newest events, and the agent never waits."""
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    reader = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
    trace = Trace(pipe)
    async with an_agent(tmp_path) as agent:
        trace.listen(agent)
        agent.prompt("thanks")
        await agent.settled()
        for n in range(40_000):
            agent._bus.publish(TokenStream(9, 0, f"{n} " * 10))
            if n % 1000 == 0:
                await asyncio.sleep(0)
        os.set_blocking(reader, True)
        data = b""
        reading = asyncio.create_task(asyncio.to_thread(_read_to_end, reader))
    await trace.finish()
    data = await reading
    found = list(read_trace(io.BytesIO(data)))
    (missed,) = [entry for entry in found if isinstance(entry, Missed)]
    events = [entry for entry in found if not isinstance(entry, Hello | Missed | Damaged)]
    assert missed.count > 20_000
    assert events[0].seq == 1
    assert missed.count + len(events) == events[-1].seq, "what is missing is counted exactly"
    assert trace.problem == ""


def _read_to_end(fd: int) -> bytes:
    with os.fdopen(fd, "rb") as file:
        return file.read()


async def test_a_reader_that_never_reads_is_given_up_at_the_end(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    reader = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
    trace = Trace(pipe)
    async with an_agent(tmp_path) as agent:
        trace.listen(agent)
        for _ in range(3000):
            agent._bus.publish(TokenStream(9, 0, "x" * 100))
    await trace.finish()
    os.close(reader)
    assert trace.problem == "nobody reads it"


async def test_a_full_disk_ends_the_trace_and_not_the_agent(tmp_path: Path) -> None:
    trace = Trace(Path("/dev/full"))
    async with an_agent(tmp_path) as agent:
        trace.listen(agent)
        agent.prompt("thanks")
        assert (await agent.settled()).reason == "completed"
    await trace.finish()
    assert trace.problem == "No space left on device"


def test_a_pipe_nobody_has_open_is_refused(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(OSError, match="No such device or address"):
        Trace(tmp_path / "pipe")


# -------------------------------------------------------------------- reading


def test_damaged_lines_are_passed_over_and_named() -> None:
    one, two = TokenStream(1, 0, "one", seq=1), TokenStream(1, 0, "two", seq=2)
    data = b"".join(
        (
            line_of(one).encode(),
            b"\xff\xfe\n",
            line_of(two).encode()[:30] + b"\n",
            b"\n",
            b'{"type": "mystery"}\n',
            line_of(two).encode(),
            line_of(two).encode()[:-10],  # killed while it wrote
        )
    )
    found = list(read_trace(io.BytesIO(data)))
    assert [entry for entry in found if not isinstance(entry, Damaged)] == [one, two]
    assert [entry.line for entry in found if isinstance(entry, Damaged)] == [2, 3, 5, 7]


async def test_a_trace_reads_back_as_the_events_that_were(tmp_path: Path) -> None:
    heard: list[AnyEvent] = []
    trace = Trace(tmp_path / "trace")
    async with an_agent(tmp_path) as agent:
        trace.listen(agent)
        agent._bus.tap(heard.append)
        agent.prompt("thanks")
        await agent.settled()
    await trace.finish()
    with (tmp_path / "trace").open("rb") as file:
        hello, *events = read_trace(file)
    assert isinstance(hello, Hello)
    assert events == heard
