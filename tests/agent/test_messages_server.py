"""The test server itself: it refuses each kind of invalid request, and plays scripts exactly.

What this server lets through, no other test would notice; so each of the API's rules has its row here.
"""

from __future__ import annotations

import asyncio
import copy
import http.client
import json
from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import urlsplit

import pytest

from support.api_rules import Signatures, validate
from support.messages_api import (
    Answer,
    MessagesServer,
    Recorded,
    close,
    cut,
    delay_headers,
    drop,
    error,
    event,
    gate,
    ping,
    redacted,
    status,
    stop,
    text,
    thinking,
    tool,
)

Json = dict[str, Any]
SIGNATURES = Signatures()
PNG = {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "iVBORw0KGgo="}}


def said(words: str) -> Json:
    return {"type": "text", "text": words}


def called(call_id: str = "c1") -> Json:
    return {"type": "tool_use", "id": call_id, "name": "read", "input": {"path": "a"}}


def result(call_id: str = "c1") -> Json:
    return {"type": "tool_result", "tool_use_id": call_id, "content": [said("ok"), PNG]}


def thought(words: str = "hm") -> Json:
    return {"type": "thinking", "thinking": words, "signature": SIGNATURES.issue(words)}


def valid() -> Json:
    """A request that uses everything that is allowed."""
    return {
        "model": "m",
        "max_tokens": 4096,
        "stream": True,
        "system": "Be exact.",
        "thinking": {"type": "adaptive", "display": "summarized"},
        "output_config": {"effort": "low"},
        "cache_control": {"type": "ephemeral"},
        "tools": [{"name": "read", "description": "Reads.", "input_schema": {"type": "object"}}],
        "messages": [
            {"role": "user", "content": "hello"},
            {"role": "assistant", "content": [thought(), said("I look."), called("c1"), called("c2")]},
            {"role": "user", "content": [result("c2"), result("c1"), said("and then"), PNG]},
            {"role": "assistant", "content": [thought(""), said("Done.")]},
            {"role": "user", "content": [said("thanks")]},
        ],
    }


def content(index: int, *blocks: Any) -> Callable[[Json], None]:
    def change(payload: Json) -> None:
        payload["messages"][index]["content"] = list(blocks)

    return change


def put(path: str, value: Any) -> Callable[[Json], None]:
    def change(payload: Json) -> None:
        *parents, last = path.split(".")
        target: Any = payload
        for key in parents:
            target = target[int(key) if key.isdigit() else key]
        target[int(last) if last.isdigit() else last] = value

    return change


def remove(path: str) -> Callable[[Json], None]:
    def change(payload: Json) -> None:
        *parents, last = path.split(".")
        target: Any = payload
        for key in parents:
            target = target[int(key) if key.isdigit() else key]
        del target[int(last) if last.isdigit() else last]

    return change


RULES = {
    "no model": (remove("model"), "model: Field required"),
    "no max_tokens": (remove("max_tokens"), "max_tokens: Field required"),
    "max_tokens 0": (put("max_tokens", 0), "max_tokens: must be greater"),
    "unknown field": (put("temprature", 1), "temprature: Extra inputs"),
    "empty system": (put("system", " \n"), "system: text content must be non-empty"),
    "no messages": (put("messages", []), "at least one message"),
    "starts with assistant": (remove("messages.0"), "roles must alternate"),
    "two users in a row": (remove("messages.3"), "roles must alternate"),
    "two assistants in a row": (remove("messages.2"), "roles must alternate"),
    "ends with assistant": (remove("messages.4"), "must end with a user message"),
    "system role": (put("messages.0.role", "system"), "Input should be 'user' or 'assistant'"),
    "empty content": (content(4), "non-empty content"),
    "empty string content": (put("messages.0.content", ""), "must be non-empty"),
    "empty text": (content(4, said("")), "must be non-empty"),
    "whitespace text": (content(4, said(" \n\t")), "non-whitespace"),
    "whitespace text of the assistant": (content(3, said("\n")), "non-whitespace"),
    "empty text in a result": (put("messages.2.content.0.content", [said("")]), "must be non-empty"),
    "result missing": (remove("messages.2.content.0"), "without `tool_result` blocks immediately after: c2"),
    "all results missing": (content(2, said("and then")), "immediately after: c1, c2"),
    "result one message late": (
        lambda p: (content(2, said("wait"))(p), content(4, result("c1"), result("c2"))(p)),
        "immediately after",
    ),
    "call at the end unanswered": (
        lambda p: p["messages"].append({"role": "assistant", "content": [called("c9")]}),
        "immediately after: c9",
    ),
    "orphan result": (content(4, result("c7")), "unexpected `tool_use_id`"),
    "result twice": (content(2, result("c1"), result("c2"), result("c1")), "Found multiple"),
    "text before results": (content(2, said("x"), result("c1"), result("c2")), "must come first"),
    "text between results": (content(2, result("c1"), said("x"), result("c2")), "must come first"),
    "call id used again": (put("messages.1.content.3.id", "c1"), "must be unique: c1"),
    "call id used in an earlier message": (
        lambda p: (content(3, called("c1"))(p), content(4, result("c1"))(p)),
        "must be unique: c1",
    ),
    "call id with a dot": (put("messages.1.content.3.id", "c.2"), "String should match pattern"),
    "empty call id": (put("messages.1.content.3.id", ""), "String should match pattern"),
    "bad tool name": (put("messages.1.content.3.name", "re ad"), "String should match pattern"),
    "text after a call": (content(1, called("c1"), called("c2"), said("x")), "must be last"),
    "arguments not an object": (put("messages.1.content.3.input", "{}"), "valid dictionary"),
    "only thinking": (content(3, thought()), "final block in an assistant message cannot be `thinking`"),
    "ends with thinking": (content(3, said("a"), thought()), "cannot be `thinking`"),
    "thinking unsigned": (put("messages.1.content.0.signature", ""), "signature: Field required"),
    "thinking with a foreign signature": (put("messages.1.content.0.signature", "eA=="), "Invalid `signature`"),
    "thinking changed": (put("messages.1.content.0.thinking", "hm."), "Invalid `signature`"),
    "redacted thinking made up": (
        put("messages.1.content.0", {"type": "redacted_thinking", "data": "xx"}),
        "Invalid `data`",
    ),
    "lone surrogate in text": (content(4, said("a\ud83d")), "lone surrogate"),
    "lone surrogate in arguments": (put("messages.1.content.3.input", {"a": ["\udc00"]}), "lone surrogate"),
    "lone surrogate in an argument's name": (put("messages.1.content.3.input", {"\udc00": 1}), "lone surrogate"),
    "unknown block": (content(4, {"type": "video"}), "cannot hold a block of type 'video'"),
    "call by the user": (content(4, called("c5")), "cannot hold a block of type 'tool_use'"),
    "result by the assistant": (content(3, result("c1"), said("x")), "cannot hold a block of type 'tool_result'"),
    "image not base64": (put("messages.2.content.3.source.data", "no!"), "invalid base64"),
    "image empty": (put("messages.2.content.3.source.data", ""), "cannot be empty"),
    "image too big": (
        put("messages.2.content.3.source.data", "AAAA" * 1_400_000),
        "image exceeds 5 MB maximum",
    ),
    "too many images": (content(4, *[PNG] * 101), "Too much media"),
    "too many cache marks": (
        content(4, *({**said(word), "cache_control": {"type": "ephemeral"}} for word in "abcde")),
        "A maximum of 4 blocks with cache_control",
    ),
    "a cache mark on thinking": (
        content(3, {**thought("x"), "cache_control": {"type": "ephemeral"}}, said("y")),
        "cannot be set for thinking",
    ),
    "image of unknown type": (put("messages.2.content.3.source.media_type", "image/bmp"), "unknown media type"),
    "image in a result not base64": (
        put("messages.2.content.0.content.1", {**PNG, "source": {**PNG["source"], "data": "?"}}),  # type: ignore[dict-item]
        "invalid base64",
    ),
    "tool without description": (remove("tools.0.description"), "description: Field required"),
    "tool without schema": (remove("tools.0.input_schema"), "input_schema"),
    "tool with a list as schema": (put("tools.0.input_schema", []), "input_schema"),
    "tool twice": (lambda p: p["tools"].append(p["tools"][0]), "must be unique"),
    "tool with a bad name": (put("tools.0.name", "a.b"), "String should match pattern"),
    "budget too small": (put("thinking", {"type": "enabled", "budget_tokens": 512}), "greater than or equal to 1024"),
    "budget not below max_tokens": (put("thinking", {"type": "enabled", "budget_tokens": 4096}), "must be greater"),
    "unknown effort": (put("output_config.effort", "maximal"), "output_config.effort"),
}  # fmt: skip


def test_a_request_with_everything_allowed_is_valid() -> None:
    assert validate(valid(), SIGNATURES) == []


@pytest.mark.parametrize("broken", RULES)
def test_validate_names_the_broken_rule(broken: str) -> None:
    change, complaint = RULES[broken]
    payload = copy.deepcopy(valid())
    change(payload)
    violations = validate(payload, SIGNATURES)
    assert any(complaint in violation for violation in violations), violations


# ------------------------------------------------------------------ over the wire


class Client:
    """An HTTP client with nothing of ours in it."""

    def __init__(self, server: MessagesServer) -> None:
        parts = urlsplit(server.url)
        self._connection = http.client.HTTPConnection(str(parts.hostname), parts.port, timeout=20)
        self._headers = {"authorization": "Bearer k", "content-type": "application/json"}

    async def post(self, payload: Any, headers: Json | None = None) -> http.client.HTTPResponse:
        return await asyncio.to_thread(self._post, payload, headers)

    def _post(self, payload: Any, headers: Json | None) -> http.client.HTTPResponse:
        body = payload if isinstance(payload, bytes) else json.dumps(payload).encode()
        self._connection.request("POST", "/v1/messages", body, self._headers if headers is None else headers)
        return self._connection.getresponse()

    async def get(self, path: str) -> http.client.HTTPResponse:
        def get() -> http.client.HTTPResponse:
            self._connection.request("GET", path, headers=self._headers)
            return self._connection.getresponse()

        return await asyncio.to_thread(get)

    def close(self) -> None:
        self._connection.close()


@pytest.fixture
def client(server: MessagesServer) -> Iterator[Client]:
    made = Client(server)
    yield made
    made.close()


HELLO = {"model": "m", "max_tokens": 10, "stream": True, "messages": [{"role": "user", "content": "hi"}]}


async def events(response: http.client.HTTPResponse) -> list[Json]:
    body = await asyncio.to_thread(response.read)
    return [json.loads(line[6:]) for line in body.decode().splitlines() if line.startswith("data: ")]


async def refused(server: MessagesServer, client: Client, payload: Any) -> tuple[int, Json, Recorded]:
    server.expect_violations = True
    response = await client.post(payload)
    body = json.loads(await asyncio.to_thread(response.read))
    return response.status, body["error"], await server.request(len(server.requests))


async def test_invalid_request_gets_the_first_violation_as_400_and_is_recorded(
    server: MessagesServer, client: Client
) -> None:
    code, problem, recorded = await refused(server, client, {**HELLO, "messages": []})
    assert (code, problem["type"]) == (400, "invalid_request_error")
    assert problem["message"] == recorded.violations[0]
    assert server.violations == ["request 1: messages: at least one message is required"]


@pytest.mark.parametrize(
    "payload", [{**HELLO, "stream": False}, {k: v for k, v in HELLO.items() if k != "stream"}]
)
async def test_request_that_does_not_stream_is_refused(
    server: MessagesServer, client: Client, payload: Json
) -> None:
    code, problem, _ = await refused(server, client, payload)
    assert code == 400
    assert "only streams" in problem["message"]


async def test_body_that_is_not_json_is_refused(server: MessagesServer, client: Client) -> None:
    code, problem, _ = await refused(server, client, b"{")
    assert code == 400
    assert "not valid JSON" in problem["message"]


async def test_invalid_request_uses_no_answer_and_the_connection_lives(
    server: MessagesServer, client: Client
) -> None:
    server.script(Answer(text("kept")))
    await refused(server, client, {**HELLO, "messages": []})
    sent = await events(await client.post(HELLO))
    assert [e["delta"]["text"] for e in sent if e["type"] == "content_block_delta"] == ["kept"]
    assert server.connections == 1


async def test_request_without_a_key_is_refused(server: MessagesServer, client: Client) -> None:
    response = await client.post(HELLO, headers={})
    assert response.status == 401


async def test_models_are_listed(server: MessagesServer, client: Client) -> None:
    listed = json.loads((await client.get("/v1/models?limit=5")).read())
    assert [model["id"] for model in listed["data"]] == ["test-model"]
    assert (await client.get("/v1/other")).status == 404


async def test_whole_answer_has_every_event_of_the_api(server: MessagesServer, client: Client) -> None:
    server.script(
        Answer(thinking("hm"), text(["a", ping(), "b"]), tool("read", {"p": 1}, pieces=2), redacted())
    )
    sent = await events(await client.post(HELLO))
    assert [e["type"] for e in sent] == [
        "message_start",
        *("content_block_start", "content_block_delta", "content_block_delta", "content_block_stop"),
        *("content_block_start", "content_block_delta", "ping", "content_block_delta", "content_block_stop"),
        *("content_block_start", "content_block_delta", "content_block_delta", "content_block_stop"),
        *("content_block_start", "content_block_stop"),
        "message_delta",
        "message_stop",
    ]
    assert server.signatures.covers(sent[3]["delta"]["signature"], "hm")
    assert "".join(e["delta"]["partial_json"] for e in sent[11:13]) == '{"p": 1}'
    assert sent[-2]["delta"]["stop_reason"] == "tool_use"
    assert sent[0]["message"]["usage"]["input_tokens"] == pytest.approx(len(json.dumps(HELLO)) / 4, abs=1)
    assert (await server.finished(1)).events_sent == len(sent) - 1


async def test_answers_come_in_order_then_a_default(server: MessagesServer, client: Client) -> None:
    server.script(Answer(text("one")), Answer(text("two")))
    texts = []
    for _ in range(3):
        sent = await events(await client.post(HELLO))
        texts.append(sent[2]["delta"]["text"])
    assert texts == ["one", "two", "Understood."]


async def test_call_ids_of_different_answers_differ(server: MessagesServer, client: Client) -> None:
    server.script(Answer(tool("a", {}), tool("a", {})), Answer(tool("a", {})))
    sent = [*await events(await client.post(HELLO)), *await events(await client.post(HELLO))]
    ids = [e["content_block"]["id"] for e in sent if e["type"] == "content_block_start"]
    assert len(set(ids)) == 3


async def test_chopped_answer_has_the_same_bytes(server: MessagesServer, client: Client) -> None:
    server.script(Answer(text("héllo")), Answer(text("héllo"), chop=[1, 7, 2]))
    whole = await events(await client.post(HELLO))
    chopped = await events(await client.post(HELLO))
    assert chopped[1:] == whole[1:]  # the message's id differs


async def test_gate_holds_the_answer_until_opened(server: MessagesServer, client: Client) -> None:
    server.script(Answer(text(["a", gate("mid"), "b"])))
    response = await client.post(HELLO)
    await server.reached("mid")
    assert server.requests[0].events_sent == 3
    server.open("mid")
    assert len(await events(response)) == 7


async def test_gate_before_the_head_holds_even_that(server: MessagesServer, client: Client) -> None:
    server.script(Answer(delay_headers("head"), text("a")))
    posting = asyncio.create_task(client.post(HELLO))
    await server.reached("head")
    assert not posting.done()
    server.open("head")
    assert (await posting).status == 200


async def test_every_event_can_have_a_gate(server: MessagesServer, client: Client) -> None:
    answer = Answer(thinking("hm"), text("a"), tool("x", {}), tool("y", {}), tool("z", {}))
    assert answer.event_count == 1 + 4 + 3 + 3 * 4 + 2
    server.script(answer.gate_every_event())
    response = await client.post(HELLO)
    for index in range(answer.event_count):
        await server.reached(f"event {index}")
        assert server.requests[0].events_sent == index + 1
        server.open(f"event {index}")
    assert len(await events(response)) == answer.event_count


async def test_server_sees_where_a_client_left(server: MessagesServer, client: Client) -> None:
    server.script(Answer(text("a"), gate("here")))
    await client.post(HELLO)
    await server.reached("here")
    client.close()
    recorded = await server.disconnected(1)
    assert (recorded.events_sent, recorded.finished) == (4, False)


async def test_waiting_for_a_client_that_stays_fails_with_a_sentence(
    server: MessagesServer, client: Client
) -> None:
    await events(await client.post(HELLO))
    with pytest.raises(AssertionError, match="request 1 was answered in full"):
        await server.disconnected(1)


async def test_answer_can_end_early_in_four_ways(server: MessagesServer, client: Client) -> None:
    server.script(
        Answer(text("a"), close()),
        Answer(text("a"), error("overloaded_error", "Overloaded")),
        Answer(text("a"), cut()),
        Answer(text("a"), drop()),
    )
    assert len(await events(await client.post(HELLO))) == 4
    assert (await events(await client.post(HELLO)))[-1]["error"]["type"] == "overloaded_error"
    with pytest.raises(http.client.IncompleteRead):
        await events(await client.post(HELLO))
    client.close()
    with pytest.raises(ConnectionError):
        await events(await client.post(HELLO))


async def test_answer_can_be_a_plain_status(server: MessagesServer, client: Client) -> None:
    server.script(Answer(status(529, {"error": {}}, {"retry-after": "3"})), Answer(status(200, "<html>")))
    response = await client.post(HELLO)
    assert (response.status, response.getheader("retry-after")) == (529, "3")
    response.read()
    response = await client.post(HELLO)
    assert (response.status, response.getheader("content-type"), response.read()) == (
        200,
        "text/html",
        b"<html>",
    )


async def test_raw_events_and_an_explicit_stop_are_sent_as_written(
    server: MessagesServer, client: Client
) -> None:
    server.script(Answer(event(b": hello\n\n"), text("a"), stop("refusal"), event({"type": "late"})))
    sent = await events(await client.post(HELLO))
    assert sent[-3]["delta"]["stop_reason"] == "refusal"
    assert sent[-1] == {"type": "late"}
