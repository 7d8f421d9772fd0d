"""The Messages API provider against a strict server: what is sent, what comes back, how each failure reads.

In this order: a whole answer, the request, configuration, HTTP errors, streams that break, streams that lie,
waiting, cancelling.
"""

from __future__ import annotations

import asyncio
import gc
import json
import os
import random
import subprocess
import sys
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from contextlib import aclosing
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path
from types import MappingProxyType
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from h2a_agent.assemble import connect
from h2a_agent.catalogue import ProviderInfo
from h2a_agent.content import (
    ImageBlock,
    Message,
    RedactedThinkingBlock,
    TextBlock,
    ThinkingBlock,
    ToolResultBlock,
    ToolUseBlock,
)
from h2a_agent.providers.anthropic import AnthropicProvider
from h2a_agent.providers.base import (
    ArgumentsDelta,
    BlockStarted,
    BlockStopped,
    Failed,
    FailureKind,
    MessageStarted,
    MessageStopped,
    Provider,
    ProviderEvent,
    Request,
    SignatureDelta,
    TextDelta,
    ThinkingDelta,
    TokenUsage,
    ToolSpec,
    UsageReported,
)
from support.messages_api import (
    Answer,
    MessagesServer,
    close,
    cut,
    delay_headers,
    drop,
    error,
    event,
    gate,
    hold,
    ping,
    sse,
    status,
    stop,
    text,
    thinking,
    tool,
)

MODEL = "claude-opus-5-5"
KEY = "sk-canary-1234567890"


def ask(words: str = "hi", **changes: Any) -> Request:
    fields: dict[str, Any] = {
        "model": MODEL,
        "system": "",
        "messages": (Message("user", (TextBlock(words),)),),
    }
    return Request(**{**fields, **changes})


@pytest.fixture(autouse=True)
def no_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in os.environ if name.startswith("ANTHROPIC_")]:
        monkeypatch.delenv(name)


@pytest.fixture
async def provider(server: MessagesServer) -> AsyncIterator[AnthropicProvider]:
    made = AnthropicProvider(MODEL, base_url=server.url, api_key=KEY)
    await made.warm_up()
    yield made
    await made.aclose()


async def collect(stream: AsyncGenerator[ProviderEvent, None]) -> list[ProviderEvent]:
    """Every event; the stream must end with the one that ends it."""
    events = [event async for event in stream]
    ends = [event for event in events if isinstance(event, MessageStopped | Failed)]
    assert ends == [events[-1]]
    return events


async def outcome(provider: Provider, request: Request | None = None) -> ProviderEvent:
    return (await collect(provider.stream(request or ask())))[-1]


async def failure(provider: AnthropicProvider) -> Failed:
    end = await outcome(provider)
    assert isinstance(end, Failed)
    assert KEY not in end.message
    return end


def joined(events: list[ProviderEvent]) -> str:
    return "".join(event.text for event in events if isinstance(event, TextDelta))


# ------------------------------------------------------------------ a whole answer


async def test_whole_answer_becomes_our_events(server: MessagesServer, provider: AnthropicProvider) -> None:
    server.script(
        Answer(
            thinking("hm"),
            text(["Let me ", "look."]),
            tool("read", {"p": 1}, id="c1"),
            tool("ls", {}, id="c2"),
        )
    )
    started, *events = await collect(provider.stream(ask()))
    assert isinstance(started, MessageStarted)
    assert started.model == MODEL
    assert started.usage.input_tokens > 10
    signature = events[2]
    assert isinstance(signature, SignatureDelta)
    assert server.signatures.covers(signature.signature, "hm")
    usage = TokenUsage(started.usage.input_tokens, output_tokens=1 + (2 + 12 + 8 + 2) // 4)
    assert events == [
        *(BlockStarted(0, "thinking"), ThinkingDelta(0, "hm"), signature, BlockStopped(0)),
        *(BlockStarted(1, "text"), TextDelta(1, "Let me "), TextDelta(1, "look."), BlockStopped(1)),
        *(BlockStarted(2, "tool_use", "c1", "read"), ArgumentsDelta(2, '{"p"'), ArgumentsDelta(2, ": 1}"), BlockStopped(2)),
        *(BlockStarted(3, "tool_use", "c2", "ls"), ArgumentsDelta(3, "{"), ArgumentsDelta(3, "}"), BlockStopped(3)),
        UsageReported(usage),
        MessageStopped("tool_use"),
    ]  # fmt: skip


@pytest.mark.parametrize(
    "reason", ["end_turn", "max_tokens", "refusal", "pause_turn", "model_context_window_exceeded", "new_word"]
)
async def test_stop_reason_is_the_servers_word(
    server: MessagesServer, provider: AnthropicProvider, reason: str
) -> None:
    server.script(Answer(text("a"), stop(reason)))
    assert await outcome(provider) == MessageStopped(reason)


async def test_answer_is_over_at_message_stop_though_the_body_stays_open(
    server: MessagesServer, provider: AnthropicProvider
) -> None:
    server.script(Answer(text("a"), stop(), hold()))
    assert await outcome(provider) == MessageStopped("end_turn")
    assert (await server.disconnected(1)).events_sent == 6


async def test_what_follows_message_stop_is_not_read(
    server: MessagesServer, provider: AnthropicProvider
) -> None:
    late = {"type": "content_block_start", "index": 5, "content_block": {"type": "text", "text": "late"}}
    server.script(Answer(text("a"), stop(), event(late)))
    assert joined(await collect(provider.stream(ask()))) == "a"


async def test_one_connection_serves_one_request_after_another(
    server: MessagesServer, provider: AnthropicProvider
) -> None:
    for _ in range(5):
        await outcome(provider)
    assert server.connections == 1


async def test_cached_and_missing_token_counts(server: MessagesServer, provider: AnthropicProvider) -> None:
    def start(usage: object) -> bytes:
        return sse({"type": "message_start", "message": {"model": "m", "usage": usage}})

    end = {"type": "message_delta", "delta": {"stop_reason": "end_turn"}, "usage": {"output_tokens": 7}}
    counted = {
        "input_tokens": 3,
        "cache_read_input_tokens": 40,
        "cache_creation_input_tokens": 5,
        "output_tokens": 1,
    }
    for usage, expected in [
        (counted, TokenUsage(3, 7, cache_read_tokens=40, cache_write_tokens=5)),
        ({"input_tokens": None}, TokenUsage(0, 7)),
        (None, TokenUsage(0, 7)),
    ]:
        body = start(usage) + sse(end) + sse({"type": "message_stop"})
        server.script(raw(body))
        events = await collect(provider.stream(ask()))
        assert events[1:] == [UsageReported(expected), MessageStopped("end_turn")]


def raw(body: bytes) -> Answer:
    """A stream with exactly these bytes as its body."""
    return Answer(status(200, body, {"content-type": "text/event-stream"}))


# --------------------------------------------------------------------- the request


async def test_request_is_said_in_the_words_of_the_api(
    server: MessagesServer, provider: AnthropicProvider
) -> None:
    signature = server.signatures.issue("hm")
    data = server.signatures.issue_redacted()
    arguments = MappingProxyType({"path": "a", "deep": MappingProxyType({"x": [1]})})
    messages = (
        Message("user", (TextBlock("look"), ImageBlock("image/png", "iVBORw0KGgo="))),
        Message(
            "assistant",
            (ThinkingBlock("hm", signature), RedactedThinkingBlock(data), TextBlock("ok"), ToolUseBlock("c1", "read", arguments)),
        ),
        Message(
            "user",
            (ToolResultBlock("c1", (TextBlock("no"), ImageBlock("image/png", "iVBORw0KGgo=")), is_error=True), TextBlock("é😀")),
        ),
    )  # fmt: skip
    tools = (ToolSpec("read", "Reads.", MappingProxyType({"type": "object", "properties": {}})),)
    await outcome(provider, ask(system="Be exact.", messages=messages, tools=tools, max_tokens=99))
    sent = server.requests[0].payload
    image = {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "iVBORw0KGgo="}}
    assert sent == {
        "model": MODEL,
        "max_tokens": 99,
        "stream": True,
        "system": [{"type": "text", "text": "Be exact.", "cache_control": {"type": "ephemeral"}}],
        "tools": [{"name": "read", "description": "Reads.", "input_schema": {"type": "object", "properties": {}}}],
        "messages": [
            {"role": "user", "content": [{"type": "text", "text": "look"}, image]},
            {
                "role": "assistant",
                "content": [
                    {"type": "thinking", "thinking": "hm", "signature": signature},
                    {"type": "redacted_thinking", "data": data},
                    {"type": "text", "text": "ok"},
                    {"type": "tool_use", "id": "c1", "name": "read", "input": {"path": "a", "deep": {"x": [1]}}},
                ],
            },
            {
                "role": "user",
                "content": [
                    {"type": "tool_result", "tool_use_id": "c1", "content": [{"type": "text", "text": "no"}, image], "is_error": True},
                    {"type": "text", "text": "é😀", "cache_control": {"type": "ephemeral"}},
                ],
            },
        ],
    }  # fmt: skip
    headers = server.requests[0].headers
    assert headers["authorization"] == f"Bearer {KEY}"
    assert headers["anthropic-version"]
    assert headers["content-type"] == "application/json"


async def test_empty_parts_are_left_out(server: MessagesServer, provider: AnthropicProvider) -> None:
    await outcome(provider, ask(model="qwen3", system=" \n"))
    assert server.requests[0].payload.keys() == {"model", "max_tokens", "stream", "messages"}


async def test_a_prompt_is_kept_up_to_its_end_and_a_step_with_many_calls_also_up_to_where_it_began(
    server: MessagesServer, provider: AnthropicProvider
) -> None:
    """The server looks back 20 blocks from a mark; the step before must have left one within them."""
    calls = [ToolUseBlock(f"c{i}", "read", {}) for i in range(12)]
    results = [ToolResultBlock(call.id, (TextBlock("ok"),)) for call in calls]
    tools = (ToolSpec("read", "Reads.", {"type": "object"}),)
    for many in (False, True):
        n = 12 if many else 1
        messages = (
            Message("user", (TextBlock("go"),)),
            Message("assistant", tuple(calls[:n])),
            Message("user", tuple(results[:n])),
        )
        await outcome(provider, ask(system="Be exact.", messages=messages, tools=tools))
        sent = server.requests[-1].payload
        marked = [i for i, m in enumerate(sent["messages"]) if "cache_control" in m["content"][-1]]
        assert marked == ([0, 2] if many else [2])
        assert "cache_control" in sent["system"][-1]
        inner = [block for m in sent["messages"] for block in m["content"][:-1]]
        assert not any("cache_control" in block for block in inner)


async def test_caching_can_be_left_out(server: MessagesServer, provider: AnthropicProvider) -> None:
    await outcome(provider, ask(system="Be exact.", caching=False))
    assert "cache_control" not in json.dumps(server.requests[0].payload)


async def test_a_growing_conversation_goes_out_the_same_as_one_that_is_new(
    server: MessagesServer, provider: AnthropicProvider
) -> None:
    """What was written for the last request is used again; it must be what would be written now."""
    messages: tuple[Message, ...] = ()
    for turn in range(4):
        messages += (Message("user", (TextBlock(f"question {turn} é😀"),)),)
        await outcome(provider, ask(messages=messages))
        fresh = AnthropicProvider(MODEL, base_url=server.url, api_key=KEY)
        await outcome(fresh, ask(messages=messages))
        await fresh.aclose()
        assert server.requests[-1].payload == server.requests[-2].payload
        messages += (Message("assistant", (TextBlock(f"answer {turn}"),)),)


async def test_tokens_are_counted_by_the_server(server: MessagesServer, provider: AnthropicProvider) -> None:
    server.counts = 4321
    assert await provider.count_tokens(ask(system="Be exact.", thinking="high")) == 4321
    assert server.requests == []


async def test_a_server_that_does_not_count_leaves_the_number_unknown(
    server: MessagesServer, provider: AnthropicProvider
) -> None:
    server.counts = None
    assert await provider.count_tokens(ask()) is None
    assert await AnthropicProvider(MODEL).count_tokens(ask()) is None


@pytest.mark.parametrize("heeds", [True, None, False])
async def test_a_server_is_spared_what_it_is_known_not_to_heed(
    server: MessagesServer, heeds: bool | None
) -> None:
    server.counts = 4321
    info = ProviderInfo(
        "near", server.url, local=True, thinking=heeds, cache_control=heeds, count_tokens=heeds
    )
    provider = connect(info, None, "claude-opus-5-5")
    request = ask(model="claude-opus-5-5", system="Be exact.", thinking="high")
    await outcome(provider, request)
    assert await provider.count_tokens(request) == (None if heeds is False else 4321)
    sent = json.dumps(server.requests[0].payload)
    assert ("cache_control" in sent) is (heeds is not False)
    assert ("thinking" in sent) is ("effort" in sent) is (heeds is not False)
    await provider.aclose()


ADAPTIVE = {"type": "adaptive", "display": "summarized"}


def budget(tokens: int) -> dict[str, Any]:
    return {"type": "enabled", "budget_tokens": tokens}


@pytest.mark.parametrize(
    ("model", "level", "thinking", "effort"),
    [
        ("claude-opus-5-5", None, None, None),
        ("claude-opus-5-5", "off", ADAPTIVE, "low"),
        ("claude-opus-5-5", "low", ADAPTIVE, "low"),
        ("claude-haiku-5-5", "medium", ADAPTIVE, "medium"),
        ("claude-sonnet-5", "high", ADAPTIVE, "high"),
        ("claude-fable-5-1", "max", ADAPTIVE, "max"),
        ("claude-sonnet-5-5", "off", {"type": "between_tools"}, None),
        ("claude-opus-5", "off", {"type": "disabled"}, None),
        ("claude-opus-4-6", "off", None, None),
        ("claude-opus-4-8", "medium", ADAPTIVE, "medium"),
        ("claude-sonnet-4-6", "max", ADAPTIVE, "high"),
        ("claude-opus-4-5", "off", None, None),
        ("claude-opus-4-5-20251101", "medium", budget(10_000), None),
        ("claude-sonnet-4-20250514", "low", budget(4_096), None),
        ("claude-haiku-4-5", "max", budget(15_360), None),
        ("qwen3:8b", "high", None, None),
    ],
)
async def test_thinking_is_asked_for_as_the_model_takes_it(
    server: MessagesServer,
    provider: AnthropicProvider,
    model: str,
    level: Any,
    thinking: dict[str, Any] | None,
    effort: str | None,
) -> None:
    await outcome(provider, ask(model=model, thinking=level, max_tokens=16_384))
    sent = server.requests[0].payload
    assert sent.get("thinking") == thinking
    assert sent.get("output_config", {}).get("effort") == effort


async def test_a_budget_is_not_asked_for_where_the_answer_is_too_short_for_one(
    server: MessagesServer, provider: AnthropicProvider
) -> None:
    await outcome(provider, ask(model="claude-haiku-4-5", thinking="high", max_tokens=1_500))
    assert "thinking" not in server.requests[0].payload


async def test_a_model_with_a_budget_goes_on_without_thinking_behind_calls_it_made_without(
    server: MessagesServer, provider: AnthropicProvider
) -> None:
    messages = (
        Message("user", (TextBlock("go"),)),
        Message("assistant", (ToolUseBlock("c1", "read", {}),)),
        Message("user", (ToolResultBlock("c1", (TextBlock("ok"),)),)),
    )
    tools = (ToolSpec("read", "Reads.", {"type": "object"}),)
    await outcome(provider, ask(model="claude-haiku-4-5", thinking="high", messages=messages, tools=tools))
    assert "thinking" not in server.requests[0].payload


@pytest.mark.parametrize(
    ("code", "type", "words", "kind"),
    [
        (400, "invalid_request_error", "You have reached your specified API usage limits.", FailureKind.USAGE_LIMIT),
        (429, "rate_limit_error", "You exceeded your current quota.", FailureKind.USAGE_LIMIT),
        (400, "invalid_request_error", "Your credit balance is too low.", FailureKind.PERMISSION),
        (413, "request_too_large", "Request exceeds the maximum size", FailureKind.TOO_MANY_BYTES),
        (429, "rate_limit_error", "Number of requests has exceeded your rate limit", FailureKind.RATE_LIMIT),
    ],
)  # fmt: skip
async def test_words_tell_what_a_status_does_not(
    server: MessagesServer, provider: AnthropicProvider, code: int, type: str, words: str, kind: FailureKind
) -> None:
    server.script(api_error(code, type, words))
    assert (await failure(provider)).kind is kind


async def test_a_used_up_limit_says_when_it_begins_anew(
    server: MessagesServer, provider: AnthropicProvider
) -> None:
    then = datetime.now(UTC) + timedelta(days=3)
    words = f"You have reached your specified API usage limits. You will regain access on {then:%Y-%m-%d} at {then:%H:%M} UTC."
    server.script(api_error(400, "invalid_request_error", words))
    wait_s = (await failure(provider)).retry_after_s
    assert wait_s is not None
    assert abs(wait_s - 3 * 86_400) <= 120


async def test_a_server_may_ask_not_to_be_asked_again(
    server: MessagesServer, provider: AnthropicProvider
) -> None:
    server.script(
        api_error(500, "api_error", **{"x-should-retry": "false"}),
        api_error(500, "api_error", **{"x-should-retry": "true"}),
    )
    assert [(await failure(provider)).final for _ in range(2)] == [True, False]


async def test_a_refusal_brings_its_category(server: MessagesServer, provider: AnthropicProvider) -> None:
    details = {"stop_reason": "refusal", "stop_details": {"type": "refusal", "category": "cyber\n"}}
    end = {"type": "message_delta", "delta": details, "usage": {"output_tokens": 1}}
    server.script(Answer(text("No."), event(end), event({"type": "message_stop"}), close()))
    stopped = await outcome(provider)
    assert isinstance(stopped, MessageStopped)
    assert stopped.stop_reason == "refusal"
    assert stopped.detail.startswith("cyber")
    assert "\n" not in stopped.detail


# ------------------------------------------------------------------- configuration


async def test_no_key_says_what_to_do() -> None:
    end = await failure(AnthropicProvider(MODEL))
    assert end.kind is FailureKind.CONFIGURATION
    assert (
        end.message
        == "No API key for api.anthropic.com. Set ANTHROPIC_API_KEY, or H2A_API_KEY for another server."
    )


@pytest.mark.parametrize(
    "url",
    [
        "localhost:8080",
        "ftp://localhost",
        "http://",
        "http://[::1",
        "http://localhost:99999",
        "nonsense",
        "https:/x",
    ],
)
async def test_bad_url_is_named(url: str) -> None:
    end = await failure(AnthropicProvider(MODEL, api_key=KEY, base_url=url))
    assert end.kind is FailureKind.CONFIGURATION
    assert repr(url) in end.message


async def test_key_never_travels_unencrypted() -> None:
    end = await failure(AnthropicProvider(MODEL, api_key=KEY, base_url="http://api.example.com"))
    assert end.kind is FailureKind.CONFIGURATION
    assert "https" in end.message


async def test_key_and_server_come_from_the_environment(
    server: MessagesServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ANTHROPIC_API_KEY", f" {KEY}\n")
    monkeypatch.setenv("ANTHROPIC_BASE_URL", server.url)
    provider = AnthropicProvider(MODEL)
    assert await outcome(provider) == MessageStopped("end_turn")
    assert server.requests[0].headers["authorization"] == f"Bearer {KEY}"
    await provider.aclose()


async def test_argument_beats_environment(server: MessagesServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ANTHROPIC_API_KEY", "other")
    monkeypatch.setenv("ANTHROPIC_BASE_URL", "http://127.0.0.1:1")
    provider = AnthropicProvider(MODEL, api_key=f"{KEY}\r\n", base_url=server.url)
    await outcome(provider)
    assert server.requests[0].headers["authorization"] == f"Bearer {KEY}"
    await provider.aclose()


async def test_key_of_the_environment_does_not_go_to_a_server_named_elsewhere(
    server: MessagesServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ANTHROPIC_API_KEY", KEY)
    end = await failure(AnthropicProvider(MODEL, base_url="https://gateway.example.com"))
    assert end.message.startswith("No API key for gateway.example.com.")
    local = AnthropicProvider(MODEL, base_url=server.url)
    await outcome(local)
    assert KEY not in json.dumps(dict(server.requests[0].headers))
    await local.aclose()


async def test_credentials_the_sdk_would_find_by_itself_are_not_used(
    server: MessagesServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ANTHROPIC_AUTH_TOKEN", KEY)
    monkeypatch.setenv("ANTHROPIC_PROFILE", "work")
    provider = AnthropicProvider(MODEL, base_url=server.url)
    assert await outcome(provider) == MessageStopped("end_turn")
    assert KEY not in json.dumps(dict(server.requests[0].headers))
    await provider.aclose()


@pytest.mark.parametrize("key", ["sk-a b", "sk-\x1b[31m", "sk-é", "sk-a\nsk-b"])
async def test_key_with_characters_no_key_has_is_refused_without_showing_it(key: str) -> None:
    end = await failure(AnthropicProvider(MODEL, api_key=key))
    assert end.kind is FailureKind.CONFIGURATION
    assert "sk-" not in end.message


def test_repr_hides_the_key() -> None:
    provider = AnthropicProvider(MODEL, api_key=KEY)
    assert KEY not in repr(provider) + repr(vars(provider))


def test_sdk_is_imported_only_when_warmed_up() -> None:
    """And the wait for the import does not hold up the loop's end."""
    code = (
        "import sys, asyncio\n"
        "from h2a_agent.providers.anthropic import AnthropicProvider\n"
        "p = AnthropicProvider('m', api_key='k')\n"
        "assert not {'anthropic', 'httpx2', 'pydantic'} & set(sys.modules), 'too early'\n"
        "asyncio.run(p.warm_up())\n"
        "assert 'anthropic' in sys.modules\n"
        "import gc; assert gc.get_freeze_count() > 0\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=50)


# --------------------------------------------------------------------- HTTP errors


def api_error(code: int, type: str, message: str = "Words.", **headers: str) -> Answer:
    return Answer(status(code, {"type": "error", "error": {"type": type, "message": message}}, headers))


@pytest.mark.parametrize(
    ("code", "type", "kind"),
    [
        (400, "invalid_request_error", FailureKind.INVALID_REQUEST),
        (401, "authentication_error", FailureKind.AUTHENTICATION),
        (402, "billing_error", FailureKind.PERMISSION),
        (403, "permission_error", FailureKind.PERMISSION),
        (404, "not_found_error", FailureKind.NOT_FOUND),
        (405, "", FailureKind.INVALID_REQUEST),
        (408, "", FailureKind.TIMEOUT),
        (409, "", FailureKind.SERVER),
        (413, "request_too_large", FailureKind.TOO_MANY_BYTES),
        (422, "", FailureKind.INVALID_REQUEST),
        (429, "rate_limit_error", FailureKind.RATE_LIMIT),
        (500, "api_error", FailureKind.SERVER),
        (500, "overloaded_error", FailureKind.OVERLOADED),
        (502, "", FailureKind.SERVER),
        (503, "", FailureKind.SERVER),
        (504, "timeout_error", FailureKind.TIMEOUT),
        (529, "overloaded_error", FailureKind.OVERLOADED),
        (529, "", FailureKind.OVERLOADED),
        (418, "brand_new_error", FailureKind.INVALID_REQUEST),
    ],
)
async def test_error_status_has_its_kind_and_is_not_retried(
    server: MessagesServer, provider: AnthropicProvider, code: int, type: str, kind: FailureKind
) -> None:
    server.script(api_error(code, type))
    end = await failure(provider)
    assert end == Failed(kind, f"HTTP {code}: Words.", code)
    assert len(server.requests) == 1


@pytest.mark.parametrize(
    "words",
    [
        "prompt is too long: 213462 tokens > 200000 maximum",
        "input length and `max_tokens` exceed context limit: 190000 + 20000 > 200000",
    ],
)
async def test_conversation_that_does_not_fit_is_too_large(
    server: MessagesServer, provider: AnthropicProvider, words: str
) -> None:
    server.script(api_error(400, "invalid_request_error", words))
    assert (await failure(provider)).kind is FailureKind.TOO_LARGE


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({}, None),
        ({"retry-after": "3"}, 3.0),
        ({"retry-after": "3600"}, 3600.0),
        ({"retry-after-ms": "250", "retry-after": "9"}, 0.25),
        ({"retry-after": "-5"}, 0.0),
        ({"retry-after": format_datetime(datetime.now(UTC) - timedelta(days=400), usegmt=True)}, 0.0),
        ({"retry-after": "soon"}, None),
        ({"retry-after": "nan"}, None),
        ({"retry-after": "inf"}, None),
        ({"retry-after": "1e300"}, 366 * 86_400.0),
        ({"retry-after-ms": "x"}, None),
    ],
)
async def test_retry_after_is_the_servers_wish(
    server: MessagesServer, provider: AnthropicProvider, headers: dict[str, str], seconds: float | None
) -> None:
    server.script(api_error(429, "rate_limit_error", **headers))
    assert (await failure(provider)).retry_after_s == seconds


async def test_retry_after_as_a_date_is_the_time_until_then(
    server: MessagesServer, provider: AnthropicProvider
) -> None:
    when = format_datetime(datetime.now(UTC) + timedelta(hours=1), usegmt=True)
    server.script(api_error(503, "api_error", **{"retry-after": when}))
    assert 3000 < ((await failure(provider)).retry_after_s or 0) <= 3600


async def test_error_page_of_a_proxy_is_not_shown(
    server: MessagesServer, provider: AnthropicProvider
) -> None:
    server.script(Answer(status(502, "<html><h1>Bad gateway</h1></html>")))
    end = await failure(provider)
    assert (end.kind, end.status) == (FailureKind.SERVER, 502)
    assert "<" not in end.message


async def test_key_echoed_by_a_server_is_not_shown(
    server: MessagesServer, provider: AnthropicProvider
) -> None:
    server.script(
        api_error(401, "authentication_error", f"invalid key {KEY}"),
        Answer(text("a"), error("authentication_error", f"invalid key {KEY}")),
        Answer(text("a"), event(f"data: {KEY}\n\n".encode())),
    )
    assert (await failure(provider)).message == "HTTP 401: invalid key [API key]"
    assert (await failure(provider)).message == "invalid key [API key]"
    assert "[API key]" in (await failure(provider)).message


async def test_hostile_error_message_is_one_short_safe_line(
    server: MessagesServer, provider: AnthropicProvider
) -> None:
    server.script(api_error(400, "invalid_request_error", "\x1b]0;pwned\x07\n" + "x" * 10_000))
    end = await failure(provider)
    assert end.message.isprintable()
    assert len(end.message) <= 300


async def test_redirect_is_not_followed(server: MessagesServer, provider: AnthropicProvider) -> None:
    async with MessagesServer() as elsewhere:
        server.script(Answer(status(307, "", {"location": f"{elsewhere.url}/v1/messages"})))
        end = await failure(provider)
        assert (end.kind, end.status) == (FailureKind.PROTOCOL, 307)
        assert elsewhere.connections == 0


async def test_connection_refused_is_a_connection_failure(server: MessagesServer) -> None:
    provider = AnthropicProvider(MODEL, base_url="http://127.0.0.1:1")
    end = await failure(provider)
    assert end.kind is FailureKind.CONNECTION
    assert "127.0.0.1" in end.message
    await provider.aclose()


async def test_plain_server_behind_an_https_url_is_a_connection_failure(server: MessagesServer) -> None:
    provider = AnthropicProvider(MODEL, base_url=server.url.replace("http", "https"))
    assert (await failure(provider)).kind is FailureKind.CONNECTION
    await provider.aclose()


# --------------------------------------------------------------- streams that break


@pytest.mark.parametrize("end", [close, cut, drop])
async def test_answer_that_breaks_off_is_interrupted_after_what_came(
    server: MessagesServer, provider: AnthropicProvider, end: Callable[[], Any]
) -> None:
    server.script(Answer(text(["all ", "that ", gate("came")]), end()))
    events: list[ProviderEvent] = []
    async for ours in provider.stream(ask()):
        events.append(ours)
        if isinstance(ours, TextDelta) and ours.text == "that ":
            server.open("came")
    assert joined(events) == "all that "
    last = events[-1]
    assert isinstance(last, Failed)
    assert last.kind is FailureKind.INTERRUPTED


async def test_answer_that_breaks_off_inside_arguments_leaves_the_call_open(
    server: MessagesServer, provider: AnthropicProvider
) -> None:
    answer = Answer(tool("write", {"path": "a"}, pieces=2))
    server.script(answer.gate_after(2))
    events: list[ProviderEvent] = []
    async for ours in provider.stream(ask()):
        events.append(ours)
        if isinstance(ours, ArgumentsDelta):
            server.hang_up(1)
    assert isinstance(events[-1], Failed)
    assert events[-1].kind is FailureKind.INTERRUPTED
    assert not any(isinstance(ours, BlockStopped) for ours in events)


async def test_connection_that_ends_before_any_event_was_no_answer(
    server: MessagesServer, provider: AnthropicProvider
) -> None:
    for body in (b"", b"<html>hello</html>\n\n"):
        server.script(raw(body))
        assert (await failure(provider)).kind is FailureKind.PROTOCOL


async def test_answer_with_its_stop_reason_is_whole_without_message_stop(
    server: MessagesServer, provider: AnthropicProvider
) -> None:
    end = {"type": "message_delta", "delta": {"stop_reason": "end_turn"}, "usage": {"output_tokens": 2}}
    server.script(Answer(text("a"), event(end), close()))
    assert await outcome(provider) == MessageStopped("end_turn")


async def test_stop_reason_inside_a_block_does_not_make_an_answer_whole(
    server: MessagesServer, provider: AnthropicProvider
) -> None:
    end = {"type": "message_delta", "delta": {"stop_reason": "end_turn"}, "usage": {"output_tokens": 2}}
    server.script(raw(sse(START) + sse(BEGIN) + sse(end)))
    assert (await failure(provider)).kind is FailureKind.INTERRUPTED


async def test_message_stop_without_a_reason_is_interrupted(
    server: MessagesServer, provider: AnthropicProvider
) -> None:
    server.script(Answer(text("a"), event({"type": "message_stop"}), close()))
    assert (await failure(provider)).kind is FailureKind.INTERRUPTED


@pytest.mark.parametrize("before", [[], [text("some words")]])
@pytest.mark.parametrize(
    ("type", "kind"),
    [
        ("overloaded_error", FailureKind.OVERLOADED),
        ("rate_limit_error", FailureKind.RATE_LIMIT),
        ("api_error", FailureKind.SERVER),
        ("invalid_request_error", FailureKind.INVALID_REQUEST),
        ("new_error", FailureKind.SERVER),
    ],
)
async def test_error_inside_the_stream_has_its_kind(
    server: MessagesServer, provider: AnthropicProvider, before: list[Any], type: str, kind: FailureKind
) -> None:
    server.script(Answer(*before, error(type, "Overloaded")))
    assert await failure(provider) == Failed(kind, "Overloaded")


async def test_error_as_the_first_event_has_its_kind(
    server: MessagesServer, provider: AnthropicProvider
) -> None:
    server.script(raw(sse({"type": "error", "error": {"type": "overloaded_error", "message": "Overloaded"}})))
    assert (await failure(provider)).kind is FailureKind.OVERLOADED


async def test_request_after_each_failure_works(server: MessagesServer, provider: AnthropicProvider) -> None:
    for end in (close, cut, drop):
        server.script(Answer(text("a"), end()))
        await failure(provider)
        assert await outcome(provider) == MessageStopped("end_turn")


# ---------------------------------------------------------------- streams that lie


START = {"type": "message_start", "message": {"model": "m", "usage": {}}}
BEGIN = {"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}}
DELTA = {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": "a"}}
END = {"type": "content_block_stop", "index": 0}


@pytest.mark.parametrize(
    "body",
    [
        sse(START) + sse(START),
        sse(BEGIN),
        sse({"type": "message_stop"}),
        sse(START) + sse(DELTA),
        sse(START) + sse(END),
        sse(START) + sse(BEGIN) + sse(BEGIN),
        sse(START) + sse(BEGIN) + sse(END) + sse(DELTA),
        sse(START) + sse(BEGIN) + sse(END) + sse(BEGIN),
        sse(START) + sse(BEGIN) + sse({"type": "message_stop"}),
        sse(START) + sse({"type": "content_block_delta", "index": 0}),
        sse(START) + sse({"type": "content_block_start", "index": 0, "content_block": {"type": "tool_use"}}),
        sse(START) + sse(BEGIN) + sse({**DELTA, "delta": {"type": "text_delta", "text": None}}),
        sse({"type": "message_start", "message": None}),
        b"data: {\n\n",
        b"data: [1]\n\n",
        b"data: " + b"[" * 100_000 + b"\n\n",
    ],
)
async def test_events_that_cannot_be_are_a_protocol_failure(
    server: MessagesServer, provider: AnthropicProvider, body: bytes
) -> None:
    server.script(raw(body))
    end = await failure(provider)
    assert end.kind is FailureKind.PROTOCOL
    assert end.message.startswith("127.0.0.1 does not answer like the API: ")


async def test_login_page_instead_of_an_answer_is_a_protocol_failure(
    server: MessagesServer, provider: AnthropicProvider
) -> None:
    server.script(Answer(status(200, "<html>Welcome to the hotel</html>")))
    end = await failure(provider)
    assert end.kind is FailureKind.PROTOCOL
    assert "text/html" in end.message


async def test_what_a_later_api_adds_is_passed_over(
    server: MessagesServer, provider: AnthropicProvider
) -> None:
    server.script(
        Answer(
            event({"type": "weather", "mood": "fine"}),
            text("a"),
            event({"type": "content_block_start", "index": 1, "content_block": {"type": "hologram"}}),
            event({"type": "content_block_delta", "index": 1, "delta": {"type": "photons", "n": 1}}),
            event({"type": "content_block_stop", "index": 1}),
            event(
                {"type": "content_block_start", "index": 2, "content_block": {"type": "text", "text": "b"}}
            ),
            event(
                {
                    "type": "content_block_delta",
                    "index": 2,
                    "delta": {"type": "citations_delta", "citation": {}},
                }
            ),
            event({"type": "content_block_stop", "index": 2}),
            stop(),
        )
    )
    events = await collect(provider.stream(ask()))
    assert joined(events) == "ab"
    assert {ours.index for ours in events if isinstance(ours, BlockStarted)} == {0, 2}


async def test_type_of_an_event_may_stand_in_its_name_alone(
    server: MessagesServer, provider: AnthropicProvider
) -> None:
    body = b"".join(
        b"event: %s\ndata: %s\n\n" % (name, json.dumps(data).encode())
        for name, data in [
            (b"message_start", {"message": {"model": "m"}}),
            (b"error", {"error": {"type": "overloaded_error", "message": "Busy"}}),
        ]
    )
    server.script(raw(body))
    assert await failure(provider) == Failed(FailureKind.OVERLOADED, "Busy")


async def test_error_without_a_body_still_ends_the_stream(
    server: MessagesServer, provider: AnthropicProvider
) -> None:
    server.script(raw(sse({"type": "error"})), raw(sse({"type": "error", "error": "x"})))
    assert (await failure(provider)).kind is FailureKind.SERVER
    assert (await failure(provider)).kind is FailureKind.PROTOCOL


async def test_arguments_that_come_with_the_start_of_a_call_are_not_lost(
    server: MessagesServer, provider: AnthropicProvider
) -> None:
    call = {"type": "tool_use", "id": "c", "name": "read", "input": {"a": 1}}
    start = {"type": "content_block_start", "index": 0, "content_block": call}
    piece = {**DELTA, "delta": {"type": "input_json_delta", "partial_json": '{"a": 2}'}}
    server.script(Answer(event(start), event(END), stop("tool_use")))
    server.script(Answer(event(start), event(piece), event(END), stop("tool_use")))
    for arguments in ['{"a": 1}', '{"a": 2}']:
        events = await collect(provider.stream(ask()))
        assert [ours.json for ours in events if isinstance(ours, ArgumentsDelta)] == [arguments]


@pytest.mark.parametrize(
    ("pieces", "expected"),
    [
        (["a\ud83d", "\ude00b"], ["a", "😀b"]),
        (["\ud83d", "\ude00"], ["😀"]),
        (["a\ud83d", "b"], ["a", "\ufffdb"]),
        (["a\ud83d"], ["a", "\ufffd"]),
        (["\ude00a"], ["\ufffda"]),
        (["\ud83d", "\ud83d\ude00"], ["\ufffd😀"]),
        (["é", "\ud83d\ude00"], ["é", "😀"]),
    ],
)
async def test_surrogates_are_joined_or_replaced(
    server: MessagesServer, provider: AnthropicProvider, pieces: list[str], expected: list[str]
) -> None:
    server.script(Answer(text(pieces), tool("x", "")))
    events = await collect(provider.stream(ask()))
    assert [ours.text for ours in events if isinstance(ours, TextDelta)] == expected


BLOCKS = st.one_of(
    st.lists(st.text(st.characters(codec="utf-8"), max_size=6), max_size=4).map(text),
    st.dictionaries(st.text(max_size=3), st.text(max_size=5), max_size=2).map(
        lambda args: tool("t", json.dumps(args))
    ),
    st.text("ab\u2028é😀\n", max_size=8).map(thinking),
)


@given(blocks=st.lists(BLOCKS, max_size=4), chop=st.lists(st.integers(1, 40), min_size=1, max_size=5))
@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_chunking_of_an_answer_gives_the_same_events(blocks: list[Any], chop: list[int]) -> None:
    async def run() -> None:
        async with MessagesServer() as server:
            provider = AnthropicProvider(MODEL, base_url=server.url)
            whole, cut_up = Answer(*blocks), Answer(*blocks, chop=chop)
            server.script(whole, cut_up)
            first = await collect(provider.stream(ask()))
            second = await collect(provider.stream(ask()))
            assert _without_ids(first) == _without_ids(second)
            assert isinstance(first[-1], MessageStopped)
            await provider.aclose()

    asyncio.run(run())


def _without_ids(events: list[ProviderEvent]) -> list[ProviderEvent]:
    """What the server makes anew for each answer is taken out."""
    kept: list[ProviderEvent] = []
    for ours in events:
        match ours:
            case BlockStarted(index, kind, _, name):
                kept.append(BlockStarted(index, kind, name=name))
            case SignatureDelta(index):
                kept.append(SignatureDelta(index, ""))
            case _:
                kept.append(ours)
    return kept


# -------------------------------------------------------------------------- waiting


async def impatient(server: MessagesServer) -> AnthropicProvider:
    made = AnthropicProvider(MODEL, base_url=server.url, first_byte_timeout_s=0.2, idle_timeout_s=0.2)
    await made.warm_up()
    return made


async def test_server_that_never_answers_times_out(server: MessagesServer) -> None:
    server.script(Answer(delay_headers("never"), text("a")))
    provider = await impatient(server)
    assert (await failure(provider)).kind is FailureKind.TIMEOUT
    await server.disconnected(1)
    await provider.aclose()


async def test_pause_without_content_times_out_after_what_came(server: MessagesServer) -> None:
    server.script(Answer(text(["a", gate("never")])))
    provider = await impatient(server)
    events = await collect(provider.stream(ask()))
    assert joined(events) == "a"
    assert isinstance(events[-1], Failed)
    assert events[-1].kind is FailureKind.TIMEOUT
    await server.disconnected(1)
    await provider.aclose()


async def test_pings_and_comments_are_not_content(server: MessagesServer) -> None:
    """Each ping comes well within the limit; only their sum is over it."""
    server.script(
        Answer(text(["a", *(piece for n in range(40) for piece in (ping(), gate(f"p{n}")))]), hold())
    )
    provider = AnthropicProvider(MODEL, base_url=server.url, first_byte_timeout_s=5, idle_timeout_s=0.2)

    async def keep_pinging() -> None:
        for n in range(40):
            await server.reached(f"p{n}")
            await asyncio.sleep(0.02)
            server.open(f"p{n}")

    pinging = asyncio.create_task(keep_pinging())
    assert (await failure(provider)).kind is FailureKind.TIMEOUT
    pinging.cancel()
    assert (await server.disconnected(1)).events_sent == 3
    await provider.aclose()


async def test_slow_reader_of_events_is_not_the_servers_silence(server: MessagesServer) -> None:
    server.script(Answer(text(["a", gate("more"), "b"])))
    provider = await impatient(server)
    words = ""
    async for ours in provider.stream(ask()):
        if isinstance(ours, TextDelta):
            words += ours.text
            await asyncio.sleep(0.3)
            server.open("more")
    assert words == "ab"
    assert isinstance(ours, MessageStopped)
    await provider.aclose()


# ----------------------------------------------------------------------- cancelling


ANSWER = Answer(thinking("hm"), text(["a", "b"]), tool("x", {}), tool("y", {}), tool("z", {}))


@pytest.mark.parametrize("index", range(ANSWER.event_count - 1))
async def test_cancel_after_any_event_closes_the_connection(
    server: MessagesServer, provider: AnthropicProvider, index: int
) -> None:
    server.script(ANSWER.gate_after(index, "here"))
    reading = asyncio.create_task(collect(provider.stream(ask())))
    await server.reached("here")
    reading.cancel()
    with pytest.raises(asyncio.CancelledError):
        await reading
    assert server.client_has_left(1)
    assert (await server.disconnected(1)).events_sent == index + 1
    assert await outcome(provider) == MessageStopped("end_turn")
    assert server.connections == 2


async def test_cancel_before_the_answer_begins_closes_the_connection(
    server: MessagesServer, provider: AnthropicProvider
) -> None:
    server.script(Answer(delay_headers("head"), text("a")))
    reading = asyncio.create_task(collect(provider.stream(ask())))
    await server.reached("head")
    reading.cancel()
    with pytest.raises(asyncio.CancelledError):
        await reading
    await server.disconnected(1)


async def test_leaving_the_stream_closes_the_connection(
    server: MessagesServer, provider: AnthropicProvider
) -> None:
    server.script(Answer(text("a"), hold()))
    async with aclosing(provider.stream(ask())) as stream:
        async for ours in stream:
            if isinstance(ours, TextDelta):
                assert not server.client_has_left(1)
                break
    assert server.client_has_left(1)  # by now, not whenever the garbage collector comes by
    await server.disconnected(1)


async def test_cancel_during_the_import_leaves_the_import_to_others(server: MessagesServer) -> None:
    provider = AnthropicProvider(MODEL, base_url=server.url)
    first = asyncio.create_task(collect(provider.stream(ask())))
    second = asyncio.create_task(outcome(provider))
    await asyncio.sleep(0)
    first.cancel()
    with pytest.raises(asyncio.CancelledError):
        await first
    assert await second == MessageStopped("end_turn")
    await provider.aclose()


def open_files() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))


async def test_two_hundred_random_cancels_leave_nothing_behind(
    server: MessagesServer, provider: AnthropicProvider
) -> None:
    rng = random.Random(7)
    await outcome(provider)
    tasks, files = len(asyncio.all_tasks()), open_files()
    for _ in range(200):
        server.script(Answer(thinking("hm"), text([*"abcdef"]), tool("x", {}), hold()))
        reading = asyncio.create_task(collect(provider.stream(ask())))
        for _ in range(rng.randrange(60)):
            await asyncio.sleep(0)
        reading.cancel()
        await asyncio.wait([reading])
        assert reading.cancelled()
    await server._until(
        lambda: all(r.disconnected or r.finished for r in server.requests), "a connection stayed"
    )
    await server._until(lambda: not server._open, "a connection stayed open")
    gc.collect()
    assert len(asyncio.all_tasks()) <= tasks
    assert open_files() <= files
