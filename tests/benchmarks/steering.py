"""How fast a steer acts: from `Agent.steer` to the server seeing the disconnect, and to the next request there.

A real agent with its journal on disk against a real HTTP server on the loopback. Beside it, in the same
run and interleaved, the floor: a bare socket that is closed and a new connection that sends the same number
of bytes. The agent's figures are to be read as distance from that floor.
"""

from __future__ import annotations

import asyncio
import json
import tempfile
import time
from pathlib import Path
from statistics import median, quantiles

from h2a_agent.agent import Agent
from h2a_agent.events import TokenStream
from h2a_agent.providers.anthropic import AnthropicProvider
from h2a_agent.run_settings import RunSettings
from h2a_agent.session import Session
from h2a_agent.tools import default_tools
from support.messages_api import Answer, MessagesServer, hold, text

__all__ = ["main"]


async def _steer_once(server: MessagesServer, agent: Agent, n: int) -> tuple[float, float, int]:
    """One steer into a streaming answer: ms to the disconnect, ms to the next request, its size in bytes."""
    live = agent.subscribe(TokenStream)
    before = len(server.requests)
    server.script(Answer(text(["Hello ", "there "]), hold()), Answer(text("Fine.")))
    agent.prompt(f"question {n}")
    await live.__anext__()
    await live.__anext__()
    started = time.perf_counter()
    agent.steer("shorter, please")
    first = await server.disconnected(before + 1)
    second = await server.request(before + 2)
    await agent.settled()
    live.close()
    size = len(json.dumps(second.payload))
    return (first.disconnected_at - started) * 1e3, (second.received_at - started) * 1e3, size


async def _floor_once(port: int, size: int) -> tuple[float, float]:
    """The same with bare streams: close one connection, open another and send `size` bytes of a request."""
    body = b"x" * size
    head = b"POST /v1/messages HTTP/1.1\r\nhost: x\r\ncontent-length: %d\r\n\r\n" % size
    seen: asyncio.Future[float] = asyncio.get_running_loop().create_future()
    gone: asyncio.Future[float] = asyncio.get_running_loop().create_future()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        if not gone.done():
            await reader.read(1)
            gone.set_result(time.perf_counter())
        else:
            await reader.readexactly(size)
            seen.set_result(time.perf_counter())
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", port, limit=2**24)
    where = server.sockets[0].getsockname()[1]
    _, first = await asyncio.open_connection("127.0.0.1", where)
    first.write(b"GET / HTTP/1.1\r\n\r\n")
    await asyncio.sleep(0.01)
    started = time.perf_counter()
    first.close()
    _, second = await asyncio.open_connection("127.0.0.1", where)
    await gone
    second.write(head + body)
    await seen
    second.close()
    server.close()
    return (gone.result() - started) * 1e3, (seen.result() - started) * 1e3


async def _measure(rounds: int) -> list[tuple[str, list[float]]]:
    columns: dict[str, list[float]] = {
        name: [] for name in ("disconnect", "request", "floor gone", "floor seen")
    }
    with tempfile.TemporaryDirectory() as folder:
        async with MessagesServer() as server:
            for n in range(rounds):
                session = Session.create(Path(folder) / "sessions", Path(folder))
                provider = AnthropicProvider("test-model", api_key="sk-test", base_url=server.url)
                settings = RunSettings("test-model", mode="full")
                async with Agent(
                    provider, session=session, settings=settings, tools=default_tools()
                ) as agent:
                    await agent.warm_up()
                    await _steer_once(server, agent, 0)
                    gone, sent, size = await _steer_once(server, agent, n)
                floor_gone, floor_seen = await _floor_once(0, size)
                for name, value in zip(columns, (gone, sent, floor_gone, floor_seen), strict=True):
                    columns[name].append(value)
    return list(columns.items())


def main(rounds: int = 60) -> None:
    """Print the table."""
    print(f"Steering latency, {rounds} rounds, loopback, ms")
    print(f"{'':28}{'p50':>8}{'p95':>8}")
    labels = {
        "disconnect": "steer -> disconnect",
        "request": "steer -> next request",
        "floor gone": "bare socket: close seen",
        "floor seen": "bare socket: request seen",
    }
    for name, values in asyncio.run(_measure(rounds)):
        print(f"{labels[name]:28}{median(values):8.2f}{quantiles(values, n=20)[-1]:8.2f}")


if __name__ == "__main__":
    main()
