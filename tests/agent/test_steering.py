"""Steering against a strict server: each scenario of the steering contract by name.

A real agent with its journal on disk talks to a real HTTP server that refuses whatever the Messages API
would refuse. A test scripts the answer, acts at a named place in it, and looks at what the server got. When
a test ends, the `server` fixture has checked that every request was valid, and `world` that every message
of the user's was delivered exactly once and in order.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest

from h2a_agent.agent import Agent
from h2a_agent.content import ImageBlock, TextBlock
from h2a_agent.events import (
    AnyEvent,
    ApprovalAnswered,
    ApprovalRequested,
    Decision,
    InputRestored,
    JobsChanged,
    Kind,
    Phase,
    Settled,
    Status,
    TokenStream,
    ToolOutput,
    ToolResult,
    UserInput,
)
from h2a_agent.providers.anthropic import AnthropicProvider
from h2a_agent.retry import RetryPolicy
from h2a_agent.run_settings import RunSettings
from h2a_agent.session import Session
from h2a_agent.tools import default_tools
from support.messages_api import Answer, MessagesServer, Recorded, gate, hold, text, thinking, tool
from support.messages_api import stop as end
from support.wait_tool import WaitTool


class World:
    """One agent on one server, and what both saw."""

    def __init__(self, server: MessagesServer, tmp_path: Path) -> None:
        self.server = server
        self.folder = tmp_path / "project"
        self.folder.mkdir()
        self.sessions = tmp_path / "sessions"
        self.wait_tool = WaitTool()
        self.settings = RunSettings("test-model", mode="full")
        self.events: list[AnyEvent] = []
        self.sent: list[str] = []
        self._agent: Agent | None = None

    @property
    def agent(self) -> Agent:
        if self._agent is None:
            self._agent = self.start(Session.create(self.sessions, self.folder))
        return self._agent

    def start(self, session: Session) -> Agent:
        agent = Agent(
            AnthropicProvider("test-model", api_key="sk-test", base_url=self.server.url),
            session=session,
            settings=self.settings,
            tools=[*default_tools(), self.wait_tool],
            spill_dir=self.folder,
            retry=RetryPolicy(first_s=0.001),
        )
        self.live = agent.subscribe()
        return agent

    def configure(self, **changes: Any) -> None:
        self.agent.configure(**changes)

    async def until(self, kind: type[AnyEvent]) -> Any:
        async with asyncio.timeout(15):
            async for event in self.live:
                self.events.append(event)
                if isinstance(event, kind):
                    return event
        raise AssertionError(f"no {kind.__name__} came")

    async def has_said(self, words: str) -> None:
        """Wait until the answer's words have reached the agent's events."""
        async with asyncio.timeout(15):
            while words not in "".join(e.text for e in self.seen(TokenStream)):
                self.events += await self.live.batch()

    async def settle(self) -> Settled:
        async with asyncio.timeout(15):
            return await self.agent.settled()

    async def close(self) -> None:
        if self._agent is not None:
            await self._agent.aclose()
            self.events += [event async for event in self.live]

    def seen(self, kind: type[AnyEvent]) -> list[Any]:
        return [event for event in self.events if isinstance(event, kind)]


@pytest.fixture
async def world(server: MessagesServer, tmp_path: Path) -> AsyncIterator[World]:
    it = World(server, tmp_path)
    yield it
    await it.close()
    delivered = [event.item_id for event in it.seen(UserInput)]
    assert len(delivered) == len(set(delivered)), "an item was delivered twice"


def user_texts(request: Recorded) -> list[str]:
    """What the person said, as this request has it: no markers, no results."""
    return [text for text in texts(request, "user") if not text.startswith("[")]


def texts(request: Recorded, role: str) -> list[str]:
    return [
        block["text"]
        for message in request.messages
        if message["role"] == role
        for block in _content(message)
        if block["type"] == "text"
    ]


def _content(message: dict[str, Any]) -> Iterator[dict[str, Any]]:
    content = message["content"]
    yield from [{"type": "text", "text": content}] if isinstance(content, str) else content


def results(request: Recorded) -> dict[str, str]:
    """The text of each tool result in the last message."""
    found = {}
    for block in _content(request.messages[-1]):
        if block["type"] == "tool_result":
            inner = block["content"]
            found[block["tool_use_id"]] = inner if isinstance(inner, str) else inner[0]["text"]
    return found


def markers(request: Recorded) -> list[str]:
    return [text for text in texts(request, "user") if text.startswith("[")]


# -------------------------------------------------------------------- steer


async def test_steer_before_the_first_token_reaches_the_next_request(world: World) -> None:
    world.server.script(Answer(gate("headers"), text("never")))
    world.agent.prompt("go")
    await world.server.reached("headers")
    world.agent.steer("something else")
    await world.server.disconnected(1)
    second = await world.server.request(2)
    assert user_texts(second) == ["go", "something else"]
    assert texts(second, "assistant") == []
    await world.settle()


EVERYTHING = Answer(
    thinking(["I should ", "look first."]),
    text(["Let me ", "look."]),
    tool("wait", {"name": "a"}, id="call_a"),
    tool("wait", {"name": "b"}, id="call_b"),
    tool("wait", {"name": "c"}, id="call_c"),
)


@pytest.mark.parametrize("index", range(EVERYTHING.event_count))
async def test_steer_at_every_event_index_of_a_response(world: World, index: int) -> None:
    """Thinking, text and three calls: the steer cuts after event `index`; the strict server judges what follows."""
    world.server.script(EVERYTHING.gate_after(index, "here"))
    for name in "abc":
        world.wait_tool.may_end[name] = asyncio.Event()
    world.agent.prompt("go")
    await world.server.reached("here")
    world.agent.steer("shorter")
    second = await world.server.request(2)
    assert user_texts(second) == ["go", "shorter"]
    said = "".join(texts(second, "assistant"))
    assert "Let me look.".startswith(said)
    if said:
        assert len(markers(second)) <= 1
    await world.settle()


async def test_the_partial_answer_stays_in_context_followed_by_the_marker(world: World) -> None:
    world.server.script(Answer(text(["Once ", "upon ", gate("mid"), "a time"])))
    world.agent.prompt("tell me")
    await world.server.reached("mid")
    await world.has_said("Once upon ")
    world.agent.steer("stop there")
    await world.server.disconnected(1)
    second = await world.server.request(2)
    roles = [message["role"] for message in second.messages]
    assert roles == ["user", "assistant", "user"]
    assert texts(second, "assistant") == ["Once upon "]
    last = [block["text"] for block in _content(second.messages[-1])]
    assert "interrupted" in last[0]
    assert last[1:] == ["stop there"]
    await world.settle()


async def test_steer_inside_tool_json_drops_only_that_call(world: World) -> None:
    whole = tool("wait", {"name": "a"}, id="call_a")
    answer = Answer(text("Both."), whole, tool("wait", {"name": "b"}, id="call_b", pieces=4))
    # start, text(3), call a: start + 2 + stop, call b: start + 4 + stop: cut inside b's arguments.
    world.server.script(answer.gate_after(4 + 4 + 2, "json"))
    world.agent.prompt("go")
    await world.server.reached("json")
    while not any(
        getattr(e, "call_id", "") == "call_b" and getattr(e, "arguments_delta", "") for e in world.events
    ):
        world.events += await world.live.batch()
    world.agent.steer("no")
    second = await world.server.request(2)
    assert list(results(second)) == ["call_a"]
    assert "Not started: the user steered" in results(second)["call_a"]
    await world.settle()


async def test_steer_inside_thinking_drops_the_unsigned_thinking(world: World) -> None:
    world.server.script(Answer(thinking(["half a ", gate("think"), "thought"]), text("x")))
    world.agent.prompt("go")
    await world.server.reached("think")
    world.agent.steer("no")
    second = await world.server.request(2)
    assert [m["role"] for m in second.messages] == ["user"]
    assert user_texts(second) == ["go", "no"]
    await world.settle()


def three_calls() -> Answer:
    return Answer(text("Three."), *(tool("wait", {"name": n}, id=f"call_{n}") for n in "abc"))


async def test_steer_while_tools_run_gives_each_call_its_truthful_result(world: World) -> None:
    world.server.script(three_calls())
    world.agent.prompt("go")
    for name in "abc":
        await world.wait_tool.running(name)
    world.agent.steer("stop")
    second = await world.server.request(2)
    assert list(results(second)) == ["call_a", "call_b", "call_c"]
    for name in "abc":
        said = results(second)[f"call_{name}"]
        assert said.startswith("Stopped after")
        assert f"{name} had come so far" in said
    assert user_texts(second) == ["go", "stop"]
    assert not any(block.get("is_error") for block in _content(second.messages[-1]))
    await world.settle()


async def test_a_completed_tool_keeps_its_real_result(world: World) -> None:
    """One of three has finished when the steer comes."""
    world.server.script(three_calls())
    world.agent.prompt("go")
    for name in "abc":
        await world.wait_tool.running(name)
    world.wait_tool.let_go("b")
    await world.until(ToolResult)
    world.agent.steer("enough")
    second = await world.server.request(2)
    assert results(second)["call_b"] == "b is done"
    assert results(second)["call_a"].startswith("Stopped after")
    assert results(second)["call_c"].startswith("Stopped after")
    await world.settle()


async def test_steer_during_tool_1_of_10_tells_which_had_not_started(world: World) -> None:
    """Eight run at once; two wait for their turn and are never started."""
    names = "abcdefghij"
    world.server.script(Answer(*(tool("wait", {"name": n}, id=f"call_{n}") for n in names)))
    world.agent.prompt("go")
    started = await world.wait_tool.so_many_run(8)
    world.agent.steer("stop")
    second = await world.server.request(2)
    said = results(second)
    assert list(said) == [f"call_{n}" for n in names]
    assert len(started) == 8
    assert {n for n in names if said[f"call_{n}"].startswith("Stopped")} == started
    assert {n for n in names if said[f"call_{n}"].startswith("Not")} == set(names) - started
    await world.settle()


async def test_finish_waits_for_the_running_tool_and_then_delivers(world: World) -> None:
    world.configure(running_tools="finish")
    world.server.script(Answer(tool("wait", {"name": "a"}, id="call_a")))
    world.agent.prompt("go")
    await world.wait_tool.running("a")
    world.agent.steer("then this")
    assert len(world.server.requests) == 1
    world.wait_tool.let_go("a")
    second = await world.server.request(2)
    assert results(second) == {"call_a": "a is done"}
    assert user_texts(second) == ["go", "then this"]
    await world.settle()


async def test_an_abort_ends_a_tool_that_a_steer_lets_finish(world: World) -> None:
    world.configure(running_tools="finish")
    world.server.script(Answer(tool("wait", {"name": "a"}, id="call_a")))
    world.agent.prompt("go")
    await world.wait_tool.running("a")
    world.agent.steer("then this")
    world.agent.abort()
    settled = await world.settle()
    assert settled.reason == "aborted"
    assert len(world.server.requests) == 1


async def test_background_lets_a_running_command_go_on_and_gives_its_number(world: World) -> None:
    world.configure(running_tools="background")
    command = "echo begun; sleep 60"
    world.server.script(
        Answer(tool("bash", {"command": command}, id="call_1")),
        Answer(tool("job_stop", {"job": 1}, id="call_2")),
    )
    world.agent.prompt("go")
    while "begun" not in "".join(e.text for e in world.seen(ToolOutput)):
        await world.until(ToolOutput)
    world.agent.steer("leave it running")
    second = await world.server.request(2)
    said = results(second)["call_1"]
    assert said.startswith("begun")
    assert "goes on in the background as job 1" in said
    begun = await world.until(JobsChanged)
    assert [(job.number, job.command, job.running) for job in begun.jobs] == [(1, command, True)]
    third = await world.server.request(3)
    assert "[Job 1 was ended.]" in results(third)["call_2"]
    await world.settle()
    assert [job.running for job in world.agent.state.jobs] == [False]


async def test_an_abort_ends_a_command_that_a_steer_lets_go_on(world: World) -> None:
    world.configure(running_tools="background")
    world.server.script(Answer(tool("bash", {"command": "echo begun; sleep 60"}, id="call_1")))
    world.agent.prompt("go")
    while "begun" not in "".join(e.text for e in world.seen(ToolOutput)):
        await world.until(ToolOutput)
    world.agent.abort()
    await world.settle()
    assert world.agent.state.jobs == ()


async def test_steer_stops_a_real_command_and_keeps_its_output(world: World) -> None:
    command = "echo begun; sleep 60; echo never"
    world.server.script(Answer(tool("bash", {"command": command}, id="call_1")))
    world.agent.prompt("go")
    while "begun" not in "".join(e.text for e in world.seen(ToolOutput)):
        await world.until(ToolOutput)
    world.agent.steer("stop it")
    second = await world.server.request(2)
    said = results(second)["call_1"]
    assert said.startswith("Stopped after")
    assert "begun" in said
    assert "never" not in said
    await world.settle()


async def test_a_file_that_is_being_written_is_written_whole(world: World) -> None:
    world.server.script(Answer(tool("write", {"path": "a.txt", "content": "whole\n" * 1000}, id="call_1")))
    world.agent.prompt("go")
    await world.server.finished(1)
    world.agent.steer("wait")
    second = await world.server.request(2)
    written = (world.folder / "a.txt").exists()
    assert results(second)["call_1"].startswith("Not started") != written
    if written:
        assert (world.folder / "a.txt").read_text() == "whole\n" * 1000
    await world.settle()


async def test_steer_withdraws_an_open_approval(world: World) -> None:
    world.configure(mode="ask")
    world.server.script(Answer(text("May I?"), tool("bash", {"command": "touch ran"}, id="call_1")))
    world.agent.prompt("go")
    asked = await world.until(ApprovalRequested)
    assert asked.detail == "touch ran"
    assert world.agent.state.word == "approval"
    world.agent.steer("no, look first")
    second = await world.server.request(2)
    assert "Not run: the user steered instead of answering" in results(second)["call_1"]
    await world.settle()
    assert not (world.folder / "ran").exists()
    assert not world.agent.answer("call_1", Decision.ALLOW), "the question is closed"
    await world.close()
    assert [e.decision for e in world.seen(ApprovalAnswered)] == [Decision.WITHDRAWN]


async def test_an_approved_call_runs_once_and_a_refused_one_never(world: World) -> None:
    world.configure(mode="ask")
    world.server.script(
        Answer(
            tool("bash", {"command": "echo x >> allowed"}, id="call_1"),
            tool("bash", {"command": "echo x >> refused"}, id="call_2"),
        )
    )
    world.agent.prompt("go")
    for _ in range(2):
        asked = await world.until(ApprovalRequested)
        decision = Decision.ALLOW if "allowed" in asked.detail else Decision.REJECT
        assert world.agent.answer(asked.call_id, decision, "use another file", digest=asked.digest)
        assert not world.agent.answer(asked.call_id, decision, digest=asked.digest), (
            "one answer, one execution"
        )
    second = await world.server.request(2)
    await world.settle()
    assert (world.folder / "allowed").read_text() == "x\n"
    assert not (world.folder / "refused").exists()
    assert "use another file" in results(second)["call_2"]


async def test_two_steers_within_one_tick_share_one_message(world: World) -> None:
    world.server.script(Answer(text(["a", gate("mid"), "b"])))
    world.agent.prompt("go")
    await world.server.reached("mid")
    world.agent.steer("first")
    world.agent.steer("second")
    second = await world.server.request(2)
    assert user_texts(second) == ["go", "first", "second"]
    assert second.messages[-1]["role"] == "user"
    assert [b["text"] for b in _content(second.messages[-1])][-2:] == ["first", "second"]
    await world.settle()
    assert len(world.server.requests) == 2


async def test_one_at_a_time_gives_each_steer_its_own_request(world: World) -> None:
    world.configure(steering_mode="one-at-a-time")
    world.server.script(Answer(text(["a", gate("mid"), "b"])), Answer(text("ok")), Answer(text("ok")))
    world.agent.prompt("go")
    await world.server.reached("mid")
    world.agent.steer("first")
    world.agent.steer("second")
    assert user_texts(await world.server.request(2)) == ["go", "first"]
    assert user_texts(await world.server.request(3)) == ["go", "first", "second"]
    await world.settle()


async def test_a_steer_just_after_a_steer_is_delivered_once_and_in_order(world: World) -> None:
    world.server.script(Answer(text(["a", gate("one"), "b"])), Answer(gate("two"), text("c")))
    world.agent.prompt("go")
    await world.server.reached("one")
    world.agent.steer("first")
    await world.server.reached("two")
    world.agent.steer("second")
    third = await world.server.request(3)
    assert user_texts(third) == ["go", "first", "second"]
    await world.settle()


async def test_a_steer_overtakes_a_waiting_follow_up(world: World) -> None:
    world.server.script(Answer(text(["a", gate("mid"), "b"])), Answer(text("ok")), Answer(text("ok")))
    world.agent.prompt("go")
    await world.server.reached("mid")
    world.agent.follow_up("later")
    world.agent.steer("now")
    assert user_texts(await world.server.request(2)) == ["go", "now"]
    assert user_texts(await world.server.request(3)) == ["go", "now", "later"]
    await world.settle()


async def test_a_steer_of_a_picture_alone_arrives(world: World) -> None:
    world.server.script(Answer(text(["a", gate("mid"), "b"])))
    world.agent.prompt("go")
    await world.server.reached("mid")
    world.agent.steer([ImageBlock("image/png", "iVBORw0KGgo=")])
    second = await world.server.request(2)
    assert [b["type"] for b in _content(second.messages[-1])][-1] == "image"
    await world.settle()


async def test_a_steer_with_a_megabyte_of_text_arrives_whole(world: World) -> None:
    paste = "0123456789abcdef\n" * 62_000
    world.server.script(Answer(text(["a", gate("mid"), "b"])))
    world.agent.prompt("go")
    await world.server.reached("mid")
    world.agent.steer([TextBlock("look at this"), TextBlock(paste)])
    second = await world.server.request(2)
    assert user_texts(second)[-1] == paste
    await world.settle()


async def test_a_steer_one_tick_before_the_end_is_delivered_once_either_way(world: World) -> None:
    """The last event is already on its way when the steer comes."""
    whole = Answer(text(["all ", "said"]))
    world.server.script(whole.gate_after(whole.event_count - 2, "almost"))
    world.agent.prompt("go")
    await world.server.reached("almost")
    world.server.open("almost")
    world.agent.steer("one more thing")
    second = await world.server.request(2)
    assert user_texts(second) == ["go", "one more thing"]
    await world.settle()
    assert len(world.server.requests) == 2


async def test_the_same_message_sent_twice_by_a_client_is_delivered_once(world: World) -> None:
    world.server.script(Answer(text(["a", gate("mid"), "b"])))
    world.agent.prompt("go", item_id="01PROMPT")
    await world.server.reached("mid")
    world.agent.steer("now", item_id="01STEER")
    world.agent.steer("now", item_id="01STEER")
    second = await world.server.request(2)
    await world.settle()
    world.agent.steer("now", item_id="01STEER")
    await world.settle()
    assert user_texts(second) == ["go", "now"]
    assert len(world.server.requests) == 2


# -------------------------------------------------------- nudge and follow-up


async def test_a_nudge_arrives_with_the_tool_results_and_stops_nothing(world: World) -> None:
    world.server.script(Answer(tool("wait", {"name": "a"}, id="call_a")))
    world.agent.prompt("go")
    await world.wait_tool.running("a")
    world.agent.nudge("by the way")
    world.wait_tool.let_go("a")
    second = await world.server.request(2)
    assert results(second) == {"call_a": "a is done"}
    assert user_texts(second) == ["go", "by the way"]
    assert markers(second) == []
    await world.settle()


async def test_three_follow_ups_go_one_per_run_end(world: World) -> None:
    world.server.script(Answer(text(["a", gate("mid"), "b"])), *[Answer(text("ok"))] * 3)
    world.agent.prompt("go")
    await world.server.reached("mid")
    for word in ("one", "two", "three"):
        world.agent.follow_up(word)
    world.server.open("mid")
    await world.settle()
    assert [user_texts(r)[1:] for r in world.server.requests] == [
        [],
        ["one"],
        ["one", "two"],
        ["one", "two", "three"],
    ]


async def test_three_follow_ups_go_together_when_set_so(world: World) -> None:
    world.configure(follow_up_mode="all")
    world.server.script(Answer(text(["a", gate("mid"), "b"])), Answer(text("ok")))
    world.agent.prompt("go")
    await world.server.reached("mid")
    for word in ("one", "two", "three"):
        world.agent.follow_up(word)
    world.server.open("mid")
    await world.settle()
    assert [user_texts(r)[1:] for r in world.server.requests] == [[], ["one", "two", "three"]]


async def test_waiting_items_are_edited_reordered_promoted_and_withdrawn(world: World) -> None:
    world.server.script(Answer(text(["a", gate("mid"), "b"])), *[Answer(text("ok"))] * 4)
    agent = world.agent
    agent.prompt("go")
    await world.server.reached("mid")
    one, two, three, four = (agent.follow_up(word) for word in ("one", "two", "three", "four"))
    assert agent.edit(one, "one, edited")
    assert agent.reorder(three, -1)
    assert agent.withdraw(four)
    assert agent.promote(two, Kind.STEER)
    await world.settle()
    assert user_texts(world.server.requests[-1]) == ["go", "two", "one, edited", "three"]
    assert not agent.edit(one, "too late")
    assert not agent.withdraw(one)
    await world.close()
    assert [e.texts for e in world.seen(InputRestored)] == [("four",)]


# -------------------------------------------------------------------- abort


async def test_abort_in_mid_answer_keeps_the_words_and_restores_the_queue(world: World) -> None:
    world.server.script(Answer(text(["some ", "words", gate("mid"), "more"])))
    world.agent.prompt("go")
    await world.server.reached("mid")
    await world.has_said("words")
    world.agent.follow_up("one")
    world.agent.follow_up("two")
    world.agent.abort()
    settled = await world.settle()
    assert settled.reason == "aborted"
    await world.server.disconnected(1)
    assert world.agent.state.queue == ()
    world.agent.prompt("again")
    second = await world.server.request(2)
    assert texts(second, "assistant") == ["some words"]
    assert user_texts(second) == ["go", "again"]
    assert "stopped" in markers(second)[0]
    await world.settle()
    await world.close()
    assert [e.texts for e in world.seen(InputRestored)] == [("one", "two")]


async def test_abort_before_anything_came_gives_the_prompt_back(world: World) -> None:
    world.server.script(Answer(gate("headers"), text("never")))
    world.agent.prompt("my prompt")
    await world.server.reached("headers")
    world.agent.follow_up("waiting")
    world.agent.abort()
    await world.settle()
    world.agent.prompt("another")
    second = await world.server.request(2)
    assert user_texts(second) == ["another"]
    await world.settle()
    await world.close()
    assert [e.texts for e in world.seen(InputRestored)] == [("my prompt", "waiting")]


async def test_abort_keep_holds_the_queue_until_it_is_resumed(world: World) -> None:
    world.configure(on_abort="keep")
    world.server.script(Answer(text(["words", gate("mid"), "more"])), Answer(text("ok")))
    world.agent.prompt("go")
    await world.server.reached("mid")
    world.agent.follow_up("kept")
    world.agent.abort()
    await world.settle()
    assert [item.text for item in world.agent.state.queue] == ["kept"]
    assert world.agent.state.queue_paused
    assert len(world.server.requests) == 1
    world.agent.resume()
    await world.settle()
    assert user_texts(world.server.requests[-1])[-1] == "kept"


async def test_abort_keep_does_not_hold_what_was_sent_after_it(world: World) -> None:
    """The cancel rule: what was accepted after the abort is never affected by it."""
    world.configure(on_abort="keep")
    world.server.script(Answer(tool("wait", {"name": "a"}, id="call_a")), Answer(text("ok")))
    world.agent.prompt("go")
    await world.wait_tool.running("a")
    world.agent.follow_up("kept")
    world.agent.abort()
    world.agent.steer("sent while the tool was still stopping")
    await world.settle()
    assert len(world.server.requests) == 2
    assert user_texts(world.server.requests[1])[-1] == "sent while the tool was still stopping"
    assert [item.text for item in world.agent.state.queue] == ["kept"]
    assert world.agent.state.queue_paused


async def test_abort_send_next_interrupts_and_sends_what_waits(world: World) -> None:
    world.configure(on_abort="send-next")
    world.server.script(Answer(text(["words", gate("mid"), "more"])), Answer(text("ok")))
    world.agent.prompt("go")
    await world.server.reached("mid")
    world.agent.follow_up("next")
    world.agent.abort()
    second = await world.server.request(2)
    assert user_texts(second)[-1] == "next"
    await world.settle()


async def test_abort_send_next_with_nothing_but_held_items_gives_the_prompt_back(world: World) -> None:
    session = Session.create(world.sessions, world.folder)
    session.inbox.put(Kind.FOLLOW_UP, [TextBlock("held")])
    session.inbox.hold()
    world._agent = world.start(session)
    world.configure(on_abort="send-next")
    world.server.script(Answer(gate("headers"), text("never")))
    world.agent.prompt("my prompt")
    await world.server.reached("headers")
    world.agent.abort()
    await world.settle()
    await world.close()
    assert [e.texts for e in world.seen(InputRestored)] == [("my prompt",)]
    assert [item.text for item in world.agent.state.queue] == ["held"]


async def test_abort_during_a_steers_own_restart_settles_and_loses_nothing(world: World) -> None:
    world.server.script(Answer(text(["words", gate("mid"), "more"])), Answer(gate("again"), text("x")))
    world.agent.prompt("go")
    await world.has_said("words")
    world.agent.steer("steered")
    await world.server.reached("again")
    world.agent.abort()
    world.agent.abort()
    settled = await world.settle()
    assert settled.reason == "aborted"
    await world.close()
    assert [e.texts for e in world.seen(InputRestored)] == [("steered",)]


async def test_abort_while_a_command_runs_says_so_in_the_next_request(world: World) -> None:
    world.server.script(Answer(tool("bash", {"command": "echo begun; sleep 60"}, id="call_1")))
    world.agent.prompt("go")
    await world.until(ToolOutput)
    world.agent.abort()
    await world.settle()
    world.agent.prompt("what happened?")
    second = await world.server.request(2)
    assert "by the user" in results(second)["call_1"]
    await world.settle()


# ------------------------------------------------------------ pause, resume


async def test_pause_lets_the_stream_finish_and_keeps_the_calls_pending(world: World) -> None:
    world.server.script(Answer(text(["a", gate("mid"), "b"]), tool("wait", {"name": "x"}, id="call_x")))
    world.wait_tool.let_go("x")
    world.agent.prompt("go")
    await world.server.reached("mid")
    world.agent.pause()
    world.server.open("mid")
    await world.server.finished(1)
    while world.agent.state.word != "paused":
        world.events += await world.live.batch()
    assert "x" not in world.wait_tool.started
    world.agent.resume()
    second = await world.server.request(2)
    assert results(second) == {"call_x": "x is done"}
    await world.settle()


async def test_a_pause_taken_back_before_it_began_changes_nothing(world: World) -> None:
    world.server.script(Answer(text(["a", gate("mid"), "b"]), tool("wait", {"name": "x"}, id="call_x")))
    world.wait_tool.let_go("x")
    world.agent.prompt("go")
    await world.server.reached("mid")
    world.agent.pause()
    assert world.agent.state.pausing
    world.agent.resume()
    assert not world.agent.state.pausing
    world.server.open("mid")
    await world.settle()
    assert len(world.server.requests) == 2
    await world.close()
    assert Phase.PAUSED not in [event.phase for event in world.seen(Status)]


async def test_a_pause_of_a_run_that_had_no_next_step_ends_with_it(world: World) -> None:
    world.server.script(Answer(text(["a", gate("mid"), "b"])))
    world.agent.prompt("go")
    await world.server.reached("mid")
    world.agent.pause()
    world.server.open("mid")
    await world.settle()
    assert world.agent.state.phase is Phase.IDLE
    assert not world.agent.state.pausing


async def test_a_steer_sent_while_paused_is_delivered_first(world: World) -> None:
    world.server.script(Answer(text(["a", gate("mid"), "b"]), tool("wait", {"name": "x"}, id="call_x")))
    world.agent.prompt("go")
    await world.server.reached("mid")
    world.agent.pause()
    world.server.open("mid")
    while world.agent.state.word != "paused":
        world.events += await world.live.batch()
    world.agent.steer("do this instead")
    second = await world.server.request(2)
    assert user_texts(second) == ["go", "do this instead"]
    assert "Not started: the user steered" in results(second)["call_x"]
    await world.settle()


# ------------------------------------------------------------------- crash


async def test_a_session_reopened_after_a_crash_goes_on_with_all_of_it(world: World) -> None:
    """The process dies (nothing is closed) in mid-stream with a steer and a follow-up waiting."""
    world.server.script(
        Answer(text(["The beginning ", gate("mid"), "never"])), Answer(text("ok")), Answer(text("ok"))
    )
    session = Session.create(world.sessions, world.folder)
    first = world.start(session)
    first.prompt("go")
    await world.server.reached("mid")
    await world.has_said("beginning")
    session.flush_stream()
    first.follow_up("later")
    session.inbox.put(Kind.STEER, [TextBlock("now")])
    assert session.path is not None
    copy = session.path.with_name("copy.jsonl")
    copy.write_bytes(session.path.read_bytes())  # what the disk holds at the moment of death
    first.abort()
    await first.settled()
    await first.aclose()
    session.path.unlink()

    again = Session.open(copy)
    world.events.clear()
    world._agent = world.start(again)
    assert [(i.kind, i.text) for i in world.agent.state.queue] == [
        (Kind.STEER, "now"),
        (Kind.FOLLOW_UP, "later"),
    ]
    assert world.agent.state.queue_paused
    world.agent.resume()
    await world.settle()
    after = world.server.requests[-1]
    assert user_texts(after) == ["go", "now", "later"]
    assert texts(after, "assistant")[0] == "The beginning "
    assert "program ended" in markers(after)[0]


async def test_a_held_connection_is_cut_at_once_and_another_is_used(world: World) -> None:
    world.server.script(Answer(text(["a"]), hold()), Answer(text("b"), end()))
    world.agent.prompt("go")
    await world.until(UserInput)
    await world.server.request(1)
    world.agent.steer("now")
    await world.server.disconnected(1)
    await world.server.request(2)
    await world.settle()
