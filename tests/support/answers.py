"""Scripted answers of the test server, in the vocabulary of the Messages API.

An `Answer` is a list of steps: blocks (`text`, `thinking`, `tool`), the end (`stop`), and controls (`gate`,
`hold`, `drop`, `cut`, `close`, `error`, `status`). What every whole answer has (message_start, block starts and
stops, message_delta, message_stop) is filled in, so a script says only what matters to its test:

    Answer(text(["Let me ", gate("mid"), "see."]), tool("read", {"path": "a.py"}))

An answer is a value and can be compiled often. Its SSE events are numbered from 0 (message_start);
`gate_after(i)` stops after event i, `gate_every_event()` after each.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import count
from typing import Any, Literal, TypeAlias

from support.api_rules import Signatures

__all__ = [
    "Answer",
    "Context",
    "Control",
    "Gate",
    "Send",
    "Status",
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
    "sse",
    "status",
    "stop",
    "text",
    "thinking",
    "tool",
]


@dataclass(frozen=True)
class Gate:
    """The server stops here until the test calls `server.open(name)`. `headers`: before the response's head."""

    name: str
    headers: bool = False


@dataclass(frozen=True)
class Control:
    """Something the connection does instead of going on.

    hold: nothing more, ever; close: the body ends properly; cut: the connection ends inside the body;
    drop: the connection is reset.
    """

    what: Literal["hold", "close", "cut", "drop"]


@dataclass(frozen=True)
class Send:
    """Bytes of the body; `counts` when they are one SSE event of the script."""

    data: bytes
    counts: bool = True


@dataclass(frozen=True)
class Status:
    """A plain HTTP answer instead of a stream."""

    code: int
    body: bytes
    headers: Mapping[str, str]


@dataclass
class Context:
    """What an answer needs from the server and the request when it is compiled."""

    model: str = "test-model"
    input_tokens: int = 1
    message_id: str = "msg_1"
    signatures: Signatures = field(default_factory=Signatures)
    call_ids: Iterator[int] = field(default_factory=count)


Op: TypeAlias = Send | Gate | Control | Status
Piece: TypeAlias = str | Gate | Send


@dataclass(frozen=True)
class _Block:
    """One content block. `start` and `deltas` are made when the context is known."""

    start: Callable[[Context], dict[str, Any]]
    deltas: Callable[[Context], Iterator[dict[str, Any] | Gate | Send]]
    weight: int  # characters, for the usage numbers
    is_tool: bool = False


@dataclass(frozen=True)
class _Stop:
    reason: str | None


Step: TypeAlias = _Block | _Stop | Op


def sse(data: Mapping[str, Any]) -> bytes:
    """`data` as a server-sent event named after its type. ASCII, so that any string can travel."""
    return b"event: %s\ndata: %s\n\n" % (str(data["type"]).encode(), json.dumps(data).encode())


# ------------------------------------------------------------------- blocks


def text(pieces: str | Sequence[Piece]) -> _Block:
    """A text block, one delta per piece; gates and pings may stand between pieces."""
    parts = [pieces] if isinstance(pieces, str) else list(pieces)

    def deltas(_: Context) -> Iterator[dict[str, Any] | Gate | Send]:
        for part in parts:
            yield {"type": "text_delta", "text": part} if isinstance(part, str) else part

    return _Block(lambda _: {"type": "text", "text": ""}, deltas, _weight(parts))


def thinking(pieces: str | Sequence[Piece], *, signed: bool = True) -> _Block:
    """A thinking block, with a signature the server then knows (unless not `signed`)."""
    parts = [pieces] if isinstance(pieces, str) else list(pieces)
    whole = "".join(part for part in parts if isinstance(part, str))

    def deltas(context: Context) -> Iterator[dict[str, Any] | Gate | Send]:
        for part in parts:
            yield {"type": "thinking_delta", "thinking": part} if isinstance(part, str) else part
        if signed:
            yield {"type": "signature_delta", "signature": context.signatures.issue(whole)}

    return _Block(lambda _: {"type": "thinking", "thinking": "", "signature": ""}, deltas, _weight(parts))


def redacted() -> _Block:
    """A redacted thinking block."""
    return _Block(
        lambda context: {"type": "redacted_thinking", "data": context.signatures.issue_redacted()},
        lambda _: iter(()),
        40,
    )


def tool(name: str, args: Mapping[str, Any] | str, id: str | None = None, pieces: int = 2) -> _Block:
    """A tool call. `args` is the arguments, or their JSON text as it is (also a broken one), sent in `pieces`."""
    written = args if isinstance(args, str) else json.dumps(args)
    size = max(1, -(-len(written) // pieces))

    def deltas(_: Context) -> Iterator[dict[str, Any] | Gate | Send]:
        for i in range(pieces):
            yield {"type": "input_json_delta", "partial_json": written[i * size : (i + 1) * size]}

    def start(context: Context) -> dict[str, Any]:
        call_id = id if id is not None else f"toolu_{next(context.call_ids):04}"
        return {"type": "tool_use", "id": call_id, "name": name, "input": {}}

    return _Block(start, deltas, len(written), is_tool=True)


def stop(reason: str | None = None) -> _Stop:
    """The end of the message; by default for the reason that fits its blocks."""
    return _Stop(reason)


# ----------------------------------------------------------------- controls


def event(data: bytes | Mapping[str, Any]) -> Send:
    """Bytes as they are, or an event as the API would write it."""
    return Send(data if isinstance(data, bytes) else sse(data))


def ping() -> Send:
    """A ping event; it does not count as one of the script's events."""
    return Send(sse({"type": "ping"}), counts=False)


def gate(name: str) -> Gate:
    """Stop here until the test opens `name`."""
    return Gate(name)


def delay_headers(name: str) -> Gate:
    """Do not even send the response's head until the test opens `name`."""
    return Gate(name, headers=True)


def hold() -> Control:
    """Never go on: wait for the client to leave."""
    return Control("hold")


def drop() -> Control:
    """Reset the connection."""
    return Control("drop")


def cut() -> Control:
    """End the connection inside the body."""
    return Control("cut")


def close() -> Control:
    """End the body properly, though the message is not whole."""
    return Control("close")


def error(type: str, message: str) -> Send:
    """An error event inside the stream. The body ends properly after the answer's last step."""
    return Send(sse({"type": "error", "error": {"type": type, "message": message}}))


def status(
    code: int, body: str | bytes | Mapping[str, Any] = "", headers: Mapping[str, str] | None = None
) -> Status:
    """An HTTP answer that is sent at once. A mapping becomes JSON."""
    if isinstance(body, Mapping):
        return Status(
            code, json.dumps(body).encode(), {"content-type": "application/json", **(headers or {})}
        )
    written = body.encode() if isinstance(body, str) else body
    return Status(code, written, {"content-type": "text/html", **(headers or {})})


def _weight(parts: Sequence[Piece]) -> int:
    return sum(len(part) for part in parts if isinstance(part, str))


# ------------------------------------------------------------------ answers


class Answer:
    """A scripted answer. `chop`: sizes in which the body's bytes are written, cycled; None: event by event."""

    def __init__(self, *steps: Step, chop: Sequence[int] | None = None) -> None:
        self._steps = steps
        self.chop = chop
        self._gates: dict[int, str] = {}

    def gate_after(self, index: int, name: str = "event") -> Answer:
        """This answer with a gate after its SSE event `index`."""
        other = Answer(*self._steps, chop=self.chop)
        other._gates = {**self._gates, index: name}
        return other

    def gate_every_event(self) -> Answer:
        """This answer with a gate named `event 0`, `event 1` ... after each of its events."""
        answer = self
        for index in range(self.event_count):
            answer = answer.gate_after(index, f"event {index}")
        return answer

    @property
    def event_count(self) -> int:
        """How many SSE events this answer has, pings aside."""
        return sum(isinstance(op, Send) and op.counts for op in self._written(Context()))

    def compile(self, context: Context) -> Iterator[Op]:
        """What the connection does, in order."""
        index = -1
        for op in self._written(context):
            yield op
            if isinstance(op, Send) and op.counts:
                index += 1
                if index in self._gates:
                    yield Gate(self._gates[index])

    def _written(self, context: Context) -> Iterator[Op]:
        early = [step for step in self._steps if isinstance(step, Status) or _is_head_gate(step)]
        yield from early  # type: ignore[misc]  # the filter above leaves only operations
        if any(isinstance(step, Status) for step in early):
            return
        steps = [step for step in self._steps if not _is_head_gate(step)]
        usage = {"input_tokens": context.input_tokens, "output_tokens": 1}
        yield Send(sse(_message_start(context, usage)))
        blocks = [step for step in steps if isinstance(step, _Block)]
        tokens = 1 + sum(block.weight for block in blocks) // 4
        natural = "tool_use" if any(block.is_tool for block in blocks) else "end_turn"
        whole = not any(isinstance(step, Control | _Stop) or _is_error(step) for step in steps)
        index = 0
        for step in [*steps, _Stop(None)] if whole else steps:
            match step:
                case _Block():
                    yield from _block(step, index, context)
                    index += 1
                case _Stop(reason):
                    end = {"stop_reason": reason or natural, "stop_sequence": None}
                    yield Send(
                        sse({"type": "message_delta", "delta": end, "usage": {"output_tokens": tokens}})
                    )
                    yield Send(sse({"type": "message_stop"}))
                case _:
                    yield step


def _is_head_gate(step: Step) -> bool:
    return isinstance(step, Gate) and step.headers


def _is_error(step: Step) -> bool:
    return isinstance(step, Send) and step.data.startswith(b"event: error")


def _message_start(context: Context, usage: Mapping[str, int]) -> dict[str, Any]:
    return {
        "type": "message_start",
        "message": {
            "id": context.message_id,
            "type": "message",
            "role": "assistant",
            "model": context.model,
            "content": [],
            "stop_reason": None,
            "stop_sequence": None,
            "usage": {**usage, "cache_creation_input_tokens": 0, "cache_read_input_tokens": 0},
        },
    }


def _block(block: _Block, index: int, context: Context) -> Iterator[Op]:
    yield Send(sse({"type": "content_block_start", "index": index, "content_block": block.start(context)}))
    for part in block.deltas(context):
        if isinstance(part, dict):
            yield Send(sse({"type": "content_block_delta", "index": index, "delta": part}))
        else:
            yield part
    yield Send(sse({"type": "content_block_stop", "index": index}))
