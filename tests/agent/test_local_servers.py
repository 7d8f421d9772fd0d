"""Which servers run here and what they offer, against real servers that behave and that do not."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any

import pytest

from h2a_agent.catalogue import ProviderInfo
from h2a_agent.keys import Key
from h2a_agent.local_servers import LocalServer, NoList, find_local_servers, list_models
from support.messages_api import MessagesServer

MODELS = {"data": [{"id": "small", "owned_by": "vllm"}, {"id": "large"}, {"name": "nameless"}]}


class Odd:
    """A server that answers every request with the same bytes, or never; it remembers what it was asked."""

    def __init__(self) -> None:
        self.url = ""
        self.requests: list[bytes] = []
        self.gone = asyncio.Event()

    @classmethod
    @asynccontextmanager
    async def answering(
        cls, body: object, head: str = "200 OK\r\ncontent-type: application/json"
    ) -> AsyncIterator[Odd]:
        it = cls()
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        answer = f"HTTP/1.1 {head}\r\ncontent-length: {len(data)}\r\n\r\n".encode() + data

        served: set[asyncio.Task[None]] = set()

        async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            task = asyncio.current_task()
            assert task is not None
            served.add(task)
            try:
                it.requests.append(await reader.readuntil(b"\r\n\r\n"))
                if body is not None:
                    writer.write(answer)
                await reader.read()  # until the client leaves
            except OSError:
                pass  # it left in the middle
            it.gone.set()
            writer.close()

        async with await asyncio.start_server(serve, "127.0.0.1", 0) as server:
            it.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
            yield it
            if served:
                await asyncio.wait(served)


def at(url: str, **facts: Any) -> ProviderInfo:
    return replace(ProviderInfo("near", url, local=True, models_url=f"{url}/v1/models"), **facts)


async def refusal(info: ProviderInfo, key: Key | None = None) -> str:
    with pytest.raises(NoList) as caught:
        await list_models(info, key)
    assert "\n" not in str(caught.value)
    return str(caught.value)


# ------------------------------------------------------------------------ probing


async def test_servers_that_run_here_are_found_with_their_models(server: MessagesServer) -> None:
    async with Odd.answering(MODELS) as other:
        found = await find_local_servers([at(server.url), at(other.url, name="vllm", owned_by="vllm")])
    assert found == [LocalServer("near", ("test-model",)), LocalServer("vllm", ("small", "large"))]
    assert server.requests == [], "nothing is asked of a model"


@pytest.mark.parametrize(
    "body",
    [
        b"<html>a web server on a common port</html>",
        {"models": []},
        {"data": "text"},
        {"data": [1, "two"]},
        [],
        b"[" * 100_000,
    ],
)
async def test_something_else_on_the_port_is_not_taken_for_one(body: object) -> None:
    async with Odd.answering(body) as other:
        assert await find_local_servers([at(other.url)]) == []


async def test_a_server_that_calls_itself_otherwise_is_another_one() -> None:
    async with Odd.answering(MODELS) as other:
        assert await find_local_servers([at(other.url, owned_by="llamacpp")]) == []


async def test_one_that_never_answers_keeps_nobody_waiting_and_is_left() -> None:
    async with Odd.answering(None) as silent, Odd.answering(MODELS) as other:
        assert await find_local_servers([at(silent.url), at(other.url)]) == [
            LocalServer("near", ("small", "large"))
        ]
        async with asyncio.timeout(10):
            await silent.gone.wait()


async def test_only_this_machine_is_asked() -> None:
    async with Odd.answering(MODELS) as other:
        away = at(other.url.replace("127.0.0.1", "0.0.0.0"))  # answers here, and might be anywhere
        assert await list_models(away) == ("small", "large")
        other.requests.clear()
        assert await find_local_servers([away]) == []
        assert other.requests == []


async def test_a_proxy_of_the_environment_is_not_used_for_this_machine(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async with Odd.answering(MODELS) as proxy, Odd.answering(MODELS) as other:
        for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
            monkeypatch.setenv(name, proxy.url)
        await find_local_servers([at(other.url)])
        await list_models(at(other.url))
        assert (len(proxy.requests), len(other.requests)) == (0, 2)


# ------------------------------------------------------------------------ listing


@pytest.mark.parametrize(
    ("auth", "header"), [("bearer", b"authorization: bearer sk-1"), ("x-api-key", b"x-api-key: sk-1")]
)
async def test_a_list_is_asked_for_with_the_key_in_its_header(auth: str, header: bytes) -> None:
    async with Odd.answering(MODELS) as other:
        assert await list_models(at(other.url, auth=auth), Key("sk-1", "a test")) == ("small", "large")
    (request,) = other.requests
    assert request.startswith(b"GET /v1/models ")
    assert header in request.lower()
    assert request.count(b"sk-1") == 1


async def test_a_redirect_takes_the_key_nowhere() -> None:
    async with Odd.answering(MODELS) as thief:
        async with Odd.answering(b"", f"307 Temporary\r\nlocation: {thief.url}/v1/models") as other:
            assert "HTTP 307" in await refusal(at(other.url), Key("sk-1", "a test"))
        assert thief.requests == []


async def test_a_list_elsewhere_than_the_server_is_not_asked_for() -> None:
    async with Odd.answering(MODELS) as thief:
        assert "does not list" in await refusal(
            at("https://models.example", models_url=f"{thief.url}/v1/models"), Key("sk-1", "a test")
        )
        assert thief.requests == []


@pytest.mark.parametrize(
    ("body", "head", "words"),
    [
        (b"", "401 Unauthorized", "refuses the key"),
        (b"", "404 Not Found", "HTTP 404"),
        (b"<html>", "200 OK", "does not list models"),
        (b" " * 5_000_000, "200 OK", "does not list models"),
    ],
)
async def test_what_goes_wrong_is_one_line(body: bytes, head: str, words: str) -> None:
    async with Odd.answering(body, head) as other:
        assert words in await refusal(at(other.url))


async def test_a_server_that_is_not_there_is_one_line(unused_port: Callable[[], int]) -> None:
    assert "not running at 127.0.0.1:" in await refusal(at(f"http://127.0.0.1:{unused_port()}"))


async def test_names_are_made_safe() -> None:
    async with Odd.answering(
        {"data": [{"id": "a\x1b]52;c;ZXZpbA==\x07b\nc"}, {"id": " "}, {"id": "x" * 5000}]}
    ) as other:
        names = await list_models(at(other.url))
    assert len(names) == 2
    assert not any(char in name for name in names for char in "\x1b\x07\n")
    assert max(map(len, names)) <= 200


@pytest.fixture
def unused_port() -> Callable[[], int]:
    import socket

    def port() -> int:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            number: int = probe.getsockname()[1]
            return number

    return port
