"""The front end for programs in this process: how far a reader that does not read lets the model run."""

from __future__ import annotations

import asyncio
import json
import os
import signal
from collections.abc import AsyncGenerator
from pathlib import Path
from typing import cast

from h2a_agent.agent import Agent
from h2a_agent.content import TextBlock
from h2a_agent.model_choice import ModelChoice
from h2a_agent.providers.base import (
    BlockStarted,
    MessageStarted,
    MessageStopped,
    ProviderEvent,
    Request,
    TextDelta,
)
from h2a_agent.run_settings import RunSettings
from h2a_agent.session import Session
from h2a_tui.headless import Served, serve_program
from h2a_tui.streams import Out

PIECES = 5000
MODELS = cast("ModelChoice", None)  # nothing changes the model here


class Flood:
    """Says very much, and counts how much it was let say."""

    name = "flood"
    model = "flood-1"

    def __init__(self) -> None:
        self.said = 0

    async def stream(self, request: Request) -> AsyncGenerator[ProviderEvent, None]:
        yield MessageStarted(request.model)
        yield BlockStarted(0, "text")
        for _ in range(PIECES):
            self.said += 1
            yield TextDelta(0, "so many words ")
        yield MessageStopped("end_turn")

    async def warm_up(self) -> None:
        pass

    async def aclose(self) -> None:
        pass


async def test_a_reader_that_does_not_read_holds_the_model_back_and_then_gets_everything(
    tmp_path: Path,
) -> None:
    reader, writer = os.pipe()
    flood = Flood()
    async with Agent(flood, session=Session.unsaved(tmp_path), settings=RunSettings("flood-1")) as agent:
        serving = asyncio.create_task(serve(agent, Out(writer)))
        await held_back(flood)
        assert 0 < flood.said < PIECES / 2
        reading = asyncio.create_task(asyncio.to_thread(read_to_end, reader))
        assert await serving == Served(0)
        os.close(writer)
        lines = [json.loads(line) for line in (await reading).splitlines()]
    assert flood.said == PIECES
    assert sum(line["type"] == "token_stream" for line in lines) == PIECES
    numbers = [line["seq"] for line in lines if "seq" in line]
    assert numbers == list(range(1, len(numbers) + 1)), "no event is lost or merged"


async def test_a_signal_ends_it_while_the_output_is_full(tmp_path: Path) -> None:
    reader, writer = os.pipe()
    flood = Flood()
    async with Agent(flood, session=Session.unsaved(tmp_path), settings=RunSettings("flood-1")) as agent:
        serving = asyncio.create_task(serve(agent, Out(writer)))
        await held_back(flood)
        os.kill(os.getpid(), signal.SIGTERM)
        assert await serving == Served(128 + signal.SIGTERM)
    os.close(writer)
    os.close(reader)


async def serve(agent: Agent, output: Out) -> Served:
    return await serve_program(agent, MODELS, (TextBlock("go"),), None, output, no_other)


def no_other(session_id: str) -> Session:
    raise AssertionError(session_id)


async def held_back(flood: Flood) -> None:
    """Until a thousand turns of the loop let it say nothing more: the pipe is full, and so is the queue."""
    held = -1
    while held != flood.said:
        held = flood.said
        for _ in range(1000):
            await asyncio.sleep(0)


def read_to_end(fd: int) -> bytes:
    with os.fdopen(fd, "rb") as file:
        return file.read()
