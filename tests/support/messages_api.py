"""A strict Messages API on the loopback: real HTTP, real server-sent events, scripted answers.

It runs in the test's own loop as a plain protocol, so it sees a client leave in the loop turn in which the
kernel says so. It checks every request against `api_rules` and answers what is wrong with the API's 400:

    async with MessagesServer() as server:
        server.script(Answer(text(["Hello", gate("mid"), " world"])))
        ...                                       # start something that talks to server.url
        await server.reached("mid")
        ...                                       # steer
        first = await server.disconnected(1)
        second = await server.request(2)
        assert second.payload["messages"][-1] == ...

Scripted answers are used one per valid request; when none is left a short text is the answer. What a
particular server or model does not take, though the API's rules allow it, is a function in `refusals`, which
gives the error answer for a payload, or None. `counts` is what the token counter says (None: there is none).
"""

from __future__ import annotations

import asyncio
import json
import os
import socket
import struct
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from itertools import cycle
from types import TracebackType
from typing import Any, Final, Self

from support.answers import (
    Answer,
    Context,
    Control,
    Gate,
    Send,
    Status,
    close,
    cut,
    delay_headers,
    drop,
    error,
    event,
    gate,
    hold,
    ping,
    redacted,
    sse,
    status,
    stop,
    text,
    thinking,
    tool,
)
from support.api_rules import Signatures, validate

__all__ = [
    "Answer",
    "MessagesServer",
    "Recorded",
    "close",
    "cut",
    "delay_headers",
    "drop",
    "error",
    "event",
    "gate",
    "hold",
    "ping",
    "redacted",
    "refusal",
    "sse",
    "status",
    "stop",
    "text",
    "thinking",
    "tool",
]

PATIENCE_S: Final = 20.0
"""How long a test waits for something that never comes before it fails with a sentence."""


@dataclass
class Recorded:
    """A request as it came, and what became of its answer.

    Times are of `time.perf_counter`. `connection` counts TCP connections from 1. `disconnected` is set when
    the client left before the answer was whole; `events_sent` says how many SSE events it could have seen.
    """

    number: int
    connection: int
    headers: Mapping[str, str]
    payload: dict[str, Any]
    violations: list[str]
    received_at: float
    events_sent: int = 0
    finished: bool = False
    disconnected: bool = False
    disconnected_at: float = 0.0
    refused: bool = False  # by one of the server's `refusals`

    @property
    def messages(self) -> list[dict[str, Any]]:
        """The request's messages."""
        messages: list[dict[str, Any]] = self.payload["messages"]
        return messages


@dataclass
class _GateState:
    reached: asyncio.Event = field(default_factory=asyncio.Event)
    opened: asyncio.Event = field(default_factory=asyncio.Event)


class MessagesServer:
    """The server; an asynchronous context manager. `url` is what a client takes as its base URL."""

    def __init__(self) -> None:
        self.requests: list[Recorded] = []
        self.signatures = Signatures()
        self.expect_violations = False
        self.refusals: list[Callable[[dict[str, Any]], Status | None]] = []
        self.counts: int | None = None
        self.key = ""  # the only one that is let in; "": any
        self.keys_tried: list[str] = []
        self.models = ["test-model"]
        self.connections = 0
        self._answers: list[Answer] = []
        self._gates: dict[str, _GateState] = {}
        self._call_ids = iter(range(1, 1_000_000))
        self._waiters: set[asyncio.Future[None]] = set()
        self._tasks: set[asyncio.Task[None]] = set()
        self._open: set[_Connection] = set()
        self._server: asyncio.Server | None = None
        self.url = ""

    async def __aenter__(self) -> Self:
        loop = asyncio.get_running_loop()
        self._server = await loop.create_server(lambda: _Connection(self), "127.0.0.1", 0)
        self.url = f"http://127.0.0.1:{self._server.sockets[0].getsockname()[1]}"
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, exc: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._server is not None
        self._server.close()
        for task in self._tasks:
            task.cancel()
        results = await asyncio.gather(*self._tasks, return_exceptions=True)
        for connection in list(self._open):
            connection.transport.abort()
        await self._server.wait_closed()
        await self._until(lambda: not self._open, "a connection stayed open")
        failures = [r for r in results if isinstance(r, Exception)]
        if failures and exc is None:
            raise failures[0]

    # ------------------------------------------------------------ for the test

    def script(self, *answers: Answer) -> None:
        """Answer the next valid requests with these, one each, after those scripted before."""
        self._answers += answers

    def open(self, name: str) -> None:
        """Open gate `name`, reached or not."""
        self._gate(name).opened.set()

    def client_has_left(self, number: int) -> bool:
        """Has the client of request `number` closed its end? Asks the kernel, which knows before the loop does."""
        for connection in self._open:
            if connection.recorded is self.requests[number - 1]:
                with socket.socket(
                    fileno=os.dup(connection.transport.get_extra_info("socket").fileno())
                ) as end:
                    try:
                        return not end.recv(1, socket.MSG_PEEK | socket.MSG_DONTWAIT)
                    except BlockingIOError:
                        return False
        return True

    def hang_up(self, number: int) -> None:
        """End the connection of request `number`, wherever its answer stands."""
        for connection in self._open:
            if connection.recorded is self.requests[number - 1]:
                connection.transport.close()

    async def reached(self, name: str) -> None:
        """Wait until an answer stands at gate `name`."""
        async with _patience(f"gate {name!r} was never reached"):
            await self._gate(name).reached.wait()

    async def request(self, number: int) -> Recorded:
        """The request `number`, counted from 1, as soon as it has come."""
        await self._until(lambda: len(self.requests) >= number, f"request {number} never came")
        return self.requests[number - 1]

    async def disconnected(self, number: int) -> Recorded:
        """The request `number` when its client has left before its answer was whole."""
        recorded = await self.request(number)
        await self._until(
            lambda: recorded.disconnected or recorded.finished, f"the client of request {number} never left"
        )
        assert recorded.disconnected, f"request {number} was answered in full"
        return recorded

    async def finished(self, number: int) -> Recorded:
        """The request `number` when its answer has been sent in full."""
        recorded = await self.request(number)
        await self._until(lambda: recorded.finished, f"the answer to request {number} was never finished")
        return recorded

    @property
    def violations(self) -> list[str]:
        """Every broken rule of every request so far."""
        return [
            f"request {recorded.number}: {violation}"
            for recorded in self.requests
            for violation in recorded.violations
        ]

    # ----------------------------------------------------- for the connections

    def _gate(self, name: str) -> _GateState:
        return self._gates.setdefault(name, _GateState())

    async def _until(self, holds: Callable[[], bool], complaint: str) -> None:
        async with _patience(complaint):
            while not holds():
                waiter = asyncio.get_running_loop().create_future()
                self._waiters.add(waiter)
                try:
                    await waiter
                finally:
                    self._waiters.discard(waiter)

    def _changed(self) -> None:
        for waiter in self._waiters:
            if not waiter.done():
                waiter.set_result(None)

    def _serve(
        self, connection: _Connection, method: str, path: str, headers: Mapping[str, str], body: bytes
    ) -> None:
        match method, path.partition("?")[0]:
            case "POST", "/v1/messages":
                work = self._message(connection, headers, body)
            case "POST", "/v1/messages/count_tokens" if self.counts is not None:
                work = connection.respond(status(200, {"input_tokens": self.counts}))
            case "GET", "/v1/models":
                work = connection.respond(
                    status(200, _list_of(self.models)) if self._lets_in(headers) else refusal(401, *_NO_KEY)
                )
            case _:
                work = connection.respond(refusal(404, "not_found_error", f"{method} {path} not found"))
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def _lets_in(self, headers: Mapping[str, str]) -> bool:
        given = headers.get("x-api-key") or headers.get("authorization", "").removeprefix("Bearer ")
        if given:
            self.keys_tried.append(given)
        return not self.key or given == self.key

    async def _message(self, connection: _Connection, headers: Mapping[str, str], body: bytes) -> None:
        now = time.perf_counter()
        try:
            payload = json.loads(body)
        except ValueError as exc:
            payload, violations = {}, [f"The request body is not valid JSON: {exc}"]
        else:
            violations = validate(payload, self.signatures)
            if payload.get("stream") is not True:
                violations.append("stream: this server only streams")
        recorded = Recorded(
            len(self.requests) + 1, connection.number, headers, payload, violations, received_at=now
        )
        self.requests.append(recorded)
        connection.recorded = recorded
        self._changed()
        given = headers.get("authorization") or headers.get("x-api-key")
        if not given or not self._lets_in(headers):
            await connection.respond(refusal(401, *_NO_KEY))
        elif violations:
            await connection.respond(refusal(400, "invalid_request_error", violations[0]))
        elif refused := next((no for rule in self.refusals if (no := rule(payload)) is not None), None):
            recorded.refused = True
            await connection.respond(refused)
        else:
            answer = self._answers.pop(0) if self._answers else Answer(text("Understood."))
            context = Context(
                model=payload["model"],
                input_tokens=max(1, len(body) // 4),
                message_id=f"msg_{recorded.number:04}",
                signatures=self.signatures,
                call_ids=self._call_ids,
            )
            await connection.play(answer, context, recorded)
        recorded.finished = not recorded.disconnected and not connection.transport.is_closing()
        connection.recorded = None
        self._changed()


class _Connection(asyncio.Protocol):
    """One client: reads requests one after the other, writes what the server tells it to."""

    transport: asyncio.Transport

    def __init__(self, server: MessagesServer) -> None:
        self._server = server
        self._received = bytearray()
        self._lost = asyncio.Event()
        self.recorded: Recorded | None = None
        server.connections += 1
        self.number = server.connections

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport
        self._server._open.add(self)

    def data_received(self, data: bytes) -> None:
        self._received += data
        if not self._received[:1].isalpha():  # a TLS greeting, say
            self.transport.close()
            return
        head, end, rest = self._received.partition(b"\r\n\r\n")
        if not end:
            return
        lines = head.decode("latin-1").split("\r\n")
        method, path, _ = lines[0].split(" ")
        headers = {k.strip().lower(): v.strip() for k, _, v in (line.partition(":") for line in lines[1:])}
        length = int(headers.get("content-length", "0"))
        if len(rest) < length:
            return
        self._received = rest[length:]
        self._server._serve(self, method, path, headers, bytes(rest[:length]))

    def eof_received(self) -> bool:
        self._gone()
        return False

    def connection_lost(self, exc: Exception | None) -> None:
        self._gone()
        self._server._open.discard(self)
        self._server._changed()

    def _gone(self) -> None:
        self._lost.set()
        if self.recorded is not None and not self.recorded.disconnected:
            self.recorded.disconnected = True
            self.recorded.disconnected_at = time.perf_counter()
            self._server._changed()

    # ------------------------------------------------------------- answering

    async def respond(self, answer: Status) -> None:
        """Send `answer` whole."""
        headers = {**answer.headers, "content-length": str(len(answer.body))}
        self.transport.write(_head(answer.code, headers) + answer.body)

    async def play(self, answer: Answer, context: Context, recorded: Recorded) -> None:
        """Send `answer` step by step, until it ends or the client leaves."""
        started = False
        pieces = _Pieces(answer.chop)
        for op in answer.compile(context):
            if self._lost.is_set():
                return
            if not started and not (isinstance(op, Status) or (isinstance(op, Gate) and op.headers)):
                self.transport.write(_head(200, _STREAM_HEADERS))
                started = True
            match op:
                case Status():
                    await self.respond(op)
                    return
                case Send(data, counts):
                    recorded.events_sent += counts
                    await self._send(pieces.of(data))
                case Gate(name):
                    state = self._server._gate(name)
                    state.reached.set()
                    await self._first_of(state.opened.wait())
                case Control("hold"):
                    await self._lost.wait()
                case Control("close"):
                    break
                case Control("cut"):
                    self.transport.close()
                    return
                case Control("drop"):
                    self._reset()
                    return
        if not self._lost.is_set():
            await self._send(pieces.rest())
            self.transport.write(b"0\r\n\r\n")

    async def _send(self, pieces: Iterator[bytes]) -> None:
        for piece in pieces:
            self.transport.write(b"%x\r\n%b\r\n" % (len(piece), piece))
            await asyncio.sleep(0)

    async def _first_of(self, opened: Awaitable[object]) -> None:
        lost = asyncio.ensure_future(self._lost.wait())
        waiting = asyncio.ensure_future(opened)
        try:
            await asyncio.wait((lost, waiting), return_when=asyncio.FIRST_COMPLETED)
        finally:
            lost.cancel()
            waiting.cancel()
            await asyncio.gather(lost, waiting, return_exceptions=True)

    def _reset(self) -> None:
        sock: socket.socket = self.transport.get_extra_info("socket")
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.transport.abort()


class _Pieces:
    """Cuts a body into writes of the given sizes, over the borders of its events."""

    def __init__(self, sizes: Sequence[int] | None) -> None:
        self._sizes = cycle(sizes) if sizes else None
        self._size = next(self._sizes) if self._sizes else 0
        self._kept = b""

    def of(self, data: bytes) -> Iterator[bytes]:
        if self._sizes is None:
            yield data
            return
        self._kept += data
        while len(self._kept) >= self._size:
            piece, self._kept = self._kept[: self._size], self._kept[self._size :]
            self._size = next(self._sizes)
            yield piece

    def rest(self) -> Iterator[bytes]:
        if self._kept:
            yield self._kept


_STREAM_HEADERS: Final = {"content-type": "text/event-stream; charset=utf-8", "transfer-encoding": "chunked"}


def _list_of(models: Sequence[str]) -> dict[str, Any]:
    about = {"type": "model", "display_name": "Test", "created_at": "2026-01-01T00:00:00Z"}
    data = [{"id": model} | about for model in models]
    return {"data": data, "first_id": models[0], "last_id": models[-1], "has_more": False}


_NO_KEY: Final = ("authentication_error", "x-api-key header is required")


def _head(code: int, headers: Mapping[str, str]) -> bytes:
    lines = [f"HTTP/1.1 {code} -", "request-id: req_test", *(f"{k}: {v}" for k, v in headers.items())]
    return ("\r\n".join(lines) + "\r\n\r\n").encode()


def refusal(code: int, type: str, message: str) -> Status:
    """The API's error answer."""
    return status(
        code, {"type": "error", "error": {"type": type, "message": message}, "request_id": "req_test"}
    )


@asynccontextmanager
async def _patience(complaint: str) -> AsyncIterator[None]:
    try:
        async with asyncio.timeout(PATIENCE_S):
            yield
    except TimeoutError:
        raise AssertionError(f"{complaint} within {PATIENCE_S:.0f} s") from None
