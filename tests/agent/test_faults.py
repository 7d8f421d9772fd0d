"""Every fault at every moment of an answer: one visible reaction, nothing run that must not, nothing lost.

Faults of a server and its network, before the response's head, as the first thing in the stream, and in the
middle of the answer behind a call that acts. Each is followed by an answer, so that what recovers by itself is
seen to.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from h2a_agent.agent import Agent
from h2a_agent.events import AnyEvent, Done, Error, RetryScheduled, ToolResult
from h2a_agent.providers.anthropic import AnthropicProvider
from h2a_agent.retry import RetryPolicy
from h2a_agent.run_settings import RunSettings
from h2a_agent.session import Session
from support.messages_api import (
    Answer,
    MessagesServer,
    close,
    cut,
    drop,
    error,
    event,
    refusal,
    status,
    text,
    tool,
)
from support.wait_tool import WaitTool

RETRIED, ENDS = "retried", "ends"
QUICK = RetryPolicy(first_s=0.001, longest_s=0.001)

# Before the response's head: an HTTP answer, and what follows.
STATUSES = {
    **{f"{code} {type}": (refusal(code, type, "Words."), what) for code, type, what in [
        (401, "authentication_error", ENDS),
        (402, "billing_error", ENDS),
        (403, "permission_error", ENDS),
        (404, "not_found_error", ENDS),
        (408, "timeout_error", RETRIED),
        (409, "conflict_error", RETRIED),
        (429, "rate_limit_error", RETRIED),
        (500, "api_error", RETRIED),
        (502, "api_error", RETRIED),
        (503, "api_error", RETRIED),
        (504, "timeout_error", RETRIED),
        (529, "overloaded_error", RETRIED),
    ]},
    "a gateway's page": (status(502, "<html>Bad gateway</html>"), RETRIED),
    "a login page": (status(200, "<html>Sign in</html>"), RETRIED),
    "a redirect": (status(307, "", {"location": "http://127.0.0.1:9/"}), RETRIED),
    "an empty 200": (status(200, ""), RETRIED),
}  # fmt: skip

# Inside the stream: what comes instead of what should.
BREAKS: dict[str, tuple[list[Any], str]] = {
    "overloaded": ([error("overloaded_error", "Overloaded")], RETRIED),
    "api error": ([error("api_error", "Internal")], RETRIED),
    "rate limit": ([error("rate_limit_error", "Slow down")], RETRIED),
    "timeout": ([error("timeout_error", "Timed out")], RETRIED),
    "an error of a new type": ([error("brand_new_error", "Hm")], RETRIED),
    "authentication lost": ([error("authentication_error", "Revoked")], ENDS),
    "not allowed": ([error("permission_error", "No")], ENDS),
    "a proper end too early": ([close()], RETRIED),
    "an end inside the body": ([cut()], RETRIED),
    "a reset": ([drop()], RETRIED),
    "not JSON": ([event(b"event: content_block_delta\ndata: {oops\n\n"), close()], RETRIED),
    "a delta for nothing": (
        [event({"type": "content_block_delta", "index": 9, "delta": {"type": "text_delta", "text": "x"}}), close()],
        RETRIED,
    ),
    "a second start": ([event({"type": "message_start", "message": {}}), close()], RETRIED),
}  # fmt: skip


class Watched:
    def __init__(self, server: MessagesServer, tmp_path: Path) -> None:
        self.server, self.act = server, WaitTool()
        self.agent = Agent(
            AnthropicProvider("test-model", api_key="sk-test", base_url=server.url),
            session=Session.unsaved(tmp_path),
            settings=RunSettings("test-model", mode="full"),
            tools=[self.act],
            retry=QUICK,
        )
        self._heard = self.agent.subscribe()

    async def run(self, answer: Answer) -> list[AnyEvent]:
        """What is said while `answer`, and a whole one behind it, come; at the end a message still works."""
        self.server.script(answer, Answer(text("whole")))
        async with self.agent:
            self.agent.prompt("go")
            await self.agent.settled()
            events = await self._heard.batch()
            self.agent.prompt("and now?")
            assert (await self.agent.settled()).reason == "completed"
        assert "and now?" in json.dumps(self.server.requests[-1].messages)
        assert self.act.started == {}, "a call of an answer that is not whole was run"
        return events


def check(events: list[AnyEvent], what: str) -> None:
    """One reaction, and it is told."""
    retries = [e for e in events if isinstance(e, RetryScheduled)]
    errors = [e for e in events if isinstance(e, Error)]
    if what == RETRIED:
        assert len(retries) == 1
        assert retries[0].reason
        assert errors == []
    else:
        assert retries == []
        assert [e.fatal for e in errors] == [True]
        assert errors[0].message
        assert errors[0].advice
    for said in [*(e.reason for e in retries), *(e.message for e in errors)]:
        assert "Traceback" not in said
        assert "sk-test" not in said


@pytest.mark.parametrize("fault", STATUSES)
async def test_before_the_head(server: MessagesServer, tmp_path: Path, fault: str) -> None:
    answer, what = STATUSES[fault]
    check(await Watched(server, tmp_path).run(Answer(answer)), what)


@pytest.mark.parametrize("fault", BREAKS)
async def test_as_the_first_thing_in_the_stream(server: MessagesServer, tmp_path: Path, fault: str) -> None:
    steps, what = BREAKS[fault]
    events = await Watched(server, tmp_path).run(Answer(*steps))
    check(events, what)
    assert server.requests[0].messages[0]["content"][0]["text"] == "go"
    if what == RETRIED:
        assert server.requests[1].payload == server.requests[0].payload, "the same request again"


@pytest.mark.parametrize("fault", BREAKS)
async def test_in_the_middle_of_the_answer(server: MessagesServer, tmp_path: Path, fault: str) -> None:
    steps, what = BREAKS[fault]
    events = await Watched(server, tmp_path).run(
        Answer(text("Half of it"), tool("wait", {"name": "a"}, id="call_a"), *steps)
    )
    check(events, what)
    assert next(e.cut for e in events if isinstance(e, Done)) == "connection"
    assert [e.outcome.value for e in events if isinstance(e, ToolResult)] == ["not started"]
    assert "Half of it" in json.dumps(server.requests[1].messages), "what came stands"
