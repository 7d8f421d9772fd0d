"""Calls that only look begin while their answer still comes; whatever happens to it, each gets one true result."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from h2a_agent import tool_calls
from h2a_agent.agent import Agent
from h2a_agent.events import AnyEvent, ApprovalRequested, Done, Phase, Settled, Status, ToolResult
from h2a_agent.providers.anthropic import AnthropicProvider
from h2a_agent.retry import RetryPolicy
from h2a_agent.run_settings import RunSettings
from h2a_agent.session import Session
from h2a_agent.tools.base import Effect, ToolContext, ToolOutcome, WhenSteered
from support.messages_api import Answer, MessagesServer, Recorded, cut, gate, stop, text, tool
from support.wait_tool import WaitParams, WaitTool


class Desk:
    """An agent with a tool that looks (`look`) and one that acts (`act`)."""

    def __init__(self, server: MessagesServer, tmp_path: Path) -> None:
        self.server = server
        self.look, self.act = WaitTool(Effect.READ), WaitTool(Effect.EXECUTE)
        self.look.name, self.act.name = "look", "act"
        self.session = Session.create(tmp_path / "sessions", tmp_path)
        self.events: list[AnyEvent] = []
        self.agent = Agent(
            AnthropicProvider("test-model", api_key="sk-test", base_url=server.url),
            session=self.session,
            settings=RunSettings("test-model", mode="full"),
            tools=[self.look, self.act],
            spill_dir=tmp_path,
            retry=RetryPolicy(first_s=0.001),
        )
        self._live = self.agent.subscribe()

    async def until(self, kind: type[AnyEvent]) -> Any:
        async with asyncio.timeout(15):
            async for event in self._live:
                self.events.append(event)
                if isinstance(event, kind):
                    return event
        raise AssertionError(f"no {kind.__name__} came")

    def kinds(self, *kinds: type[AnyEvent]) -> list[str]:
        return [type(event).__name__ for event in self.events if isinstance(event, kinds)]


@pytest.fixture
async def desk(server: MessagesServer, tmp_path: Path) -> AsyncIterator[Desk]:
    made = Desk(server, tmp_path)
    async with made.agent:
        yield made


def looks(name: str) -> Any:
    return tool("look", {"name": name}, id=f"call_{name}")


def acts(name: str) -> Any:
    return tool("act", {"name": name}, id=f"call_{name}")


def results(recorded: Recorded) -> dict[str, str]:
    """Call id -> text, of the request's last message."""
    blocks = [b for b in recorded.messages[-1]["content"] if b["type"] == "tool_result"]
    return {block["tool_use_id"]: block["content"][0]["text"] for block in blocks}


MORE = text(["and ", gate("mid"), "more"])


async def test_a_look_is_done_before_its_answer_is(desk: Desk) -> None:
    desk.look.let_go("a")
    desk.server.script(Answer(looks("a"), MORE))
    desk.agent.prompt("go")
    await desk.server.reached("mid")
    result = await desk.until(ToolResult)
    assert result.text == "a is done"
    desk.server.open("mid")
    second = await desk.server.request(2)
    assert results(second) == {"call_a": "a is done"}
    await desk.until(Settled)
    assert desk.kinds(ToolResult, Done) == ["ToolResult", "Done", "Done"]


async def test_what_acts_waits_for_the_answers_end_and_so_does_what_stands_behind_it(desk: Desk) -> None:
    for name in "abc":
        desk.look.let_go(name)
        desk.act.let_go(name)
    desk.server.script(Answer(looks("a"), acts("b"), looks("c"), MORE))
    desk.agent.prompt("go")
    await desk.server.reached("mid")
    await desk.until(ToolResult)
    while not desk.agent.state.writing:  # the text behind the calls has come
        desk.events += await desk._live.batch()
    assert set(desk.act.started) | set(desk.look.started) == {"a"}
    desk.server.open("mid")
    second = await desk.server.request(2)
    assert results(second) == {f"call_{n}": f"{n} is done" for n in "abc"}
    await desk.agent.settled()


async def test_what_needs_leave_is_not_begun_early(desk: Desk) -> None:
    desk.agent.configure(mode="ask")
    desk.act.let_go("a")
    desk.server.script(Answer(acts("a"), MORE))
    desk.agent.prompt("go")
    await desk.server.reached("mid")
    assert desk.kinds(ApprovalRequested) == []
    assert desk.act.started == {}
    desk.server.open("mid")
    await desk.until(ApprovalRequested)
    desk.agent.abort()
    await desk.agent.settled()


async def test_what_must_not_be_cut_is_not_begun_early_although_it_needs_no_leave(desk: Desk) -> None:
    """Ending a background job is such a call."""
    desk.look.when_steered = WhenSteered.FINISH
    desk.look.let_go("a")
    desk.server.script(Answer(looks("a"), MORE))
    desk.agent.prompt("go")
    await desk.server.reached("mid")
    while not desk.agent.state.writing:
        desk.events += await desk._live.batch()
    assert desk.look.started == {}
    desk.server.open("mid")
    assert results(await desk.server.request(2)) == {"call_a": "a is done"}
    await desk.agent.settled()


async def test_a_pause_that_was_asked_for_holds_back_looks_too(desk: Desk) -> None:
    desk.look.let_go("a")
    desk.server.script(Answer(text(["x", gate("before"), "y"]), looks("a"), MORE))
    desk.agent.prompt("go")
    await desk.server.reached("before")
    desk.agent.pause()
    desk.server.open("before")
    await desk.server.reached("mid")
    desk.server.open("mid")
    while desk.agent.state.phase is not Phase.PAUSED:
        await desk.until(Status)
    assert desk.look.started == {}
    desk.agent.resume()
    assert results(await desk.server.request(2)) == {"call_a": "a is done"}
    await desk.agent.settled()


async def test_a_steer_in_the_overlap_tells_of_each_call_what_was(desk: Desk) -> None:
    desk.look.let_go("a")
    desk.server.script(Answer(looks("a"), looks("b"), acts("c"), MORE))
    desk.agent.prompt("go")
    await desk.until(ToolResult)
    await desk.look.running("b")
    await desk.server.reached("mid")
    desk.agent.steer("rather this")
    second = await desk.server.request(2)
    said = results(second)
    assert said["call_a"] == "a is done"
    assert said["call_b"].startswith("Stopped after")
    assert "b had come so far" in said["call_b"]
    assert "Side effects" not in said["call_b"]
    assert said["call_c"].startswith("Not started: the user steered")
    assert second.messages[-1]["content"][-1]["text"] == "rather this"
    await desk.agent.settled()


async def test_an_abort_in_the_overlap_ends_the_look_and_the_run(desk: Desk) -> None:
    desk.server.script(Answer(looks("a"), MORE))
    desk.agent.prompt("go")
    await desk.look.running("a")
    await desk.server.reached("mid")
    desk.agent.abort()
    assert (await desk.agent.settled()).reason == "aborted"
    result = await desk.until(ToolResult)
    assert result.outcome == "stopped"


async def test_running_tools_finish_means_looks_too(desk: Desk) -> None:
    desk.agent.configure(running_tools="finish")
    desk.server.script(Answer(looks("a"), MORE))
    desk.agent.prompt("go")
    await desk.look.running("a")
    desk.agent.steer("then this")
    await desk.server.disconnected(1)
    desk.look.let_go("a")
    assert results(await desk.server.request(2)) == {"call_a": "a is done"}
    await desk.agent.settled()


@pytest.mark.parametrize(
    ("end", "why"),
    [([cut()], "the connection broke"), ([stop("max_tokens")], "token limit")],
    ids=["broken off", "cut at the limit"],
)
async def test_a_look_of_an_answer_that_is_not_whole_keeps_its_result(
    desk: Desk, end: list[Any], why: str
) -> None:
    desk.server.script(Answer(looks("a"), acts("b"), MORE, *end))
    desk.agent.prompt("go")
    await desk.look.running("a")
    desk.server.open("mid")
    await desk.until(Done)
    desk.look.let_go("a")
    said = results(await desk.server.request(2))
    assert said["call_a"] == "a is done"
    assert why in said["call_b"]
    assert desk.act.started == {}
    await desk.agent.settled()


async def test_results_of_looks_stand_behind_their_answer_in_the_session(desk: Desk) -> None:
    desk.look.let_go("a")
    desk.server.script(Answer(looks("a"), MORE))
    desk.agent.prompt("go")
    await desk.until(ToolResult)
    await desk.server.reached("mid")
    desk.server.open("mid")
    await desk.agent.settled()
    kinds = [type(entry).__name__ for entry in desk.session.history.entries]
    assert kinds == ["UserEntry", "AssistantEntry", "ToolEntry", "AssistantEntry"]


async def test_looks_share_the_bound_of_eight_with_all_others(desk: Desk) -> None:
    names = "abcdefghij"
    desk.server.script(Answer(*(looks(name) for name in names)))
    desk.agent.prompt("go")
    await desk.look.so_many_run(8)
    await desk.until(Done)
    assert len(desk.look.started) == 8
    for name in names:
        desk.look.let_go(name)
    assert list(results(await desk.server.request(2))) == [f"call_{name}" for name in names]
    await desk.agent.settled()


class Stubborn(WaitTool):
    """It does not end when it is stopped."""

    async def run(self, params: WaitParams, ctx: ToolContext) -> ToolOutcome:
        self.started.setdefault(params.name, asyncio.Event()).set()
        end = self.may_end.setdefault(params.name, asyncio.Event())
        while not end.is_set():
            try:
                await end.wait()
            except asyncio.CancelledError:
                continue
        return ToolOutcome("at last", "done")


@pytest.mark.parametrize("effect", [Effect.READ, Effect.EXECUTE])
async def test_a_call_that_does_not_end_is_waited_for_once(
    server: MessagesServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, effect: Effect
) -> None:
    stubborn = Stubborn(effect)
    monkeypatch.setattr(tool_calls, "_STOP_DEADLINE_S", 0.01)
    agent = Agent(
        AnthropicProvider("test-model", api_key="sk-test", base_url=server.url),
        session=Session.unsaved(tmp_path),
        settings=RunSettings("test-model", mode="full"),
        tools=[stubborn],
    )

    def never_again(event: AnyEvent) -> None:
        if isinstance(event, ToolResult):
            monkeypatch.setattr(tool_calls, "_STOP_DEADLINE_S", 1000.0)

    async with agent:
        agent._bus.tap(never_again)
        server.script(Answer(tool("wait", {"name": "a"}, id="call_a")))
        agent.prompt("go")
        await stubborn.running("a")
        await server.finished(1)
        agent.steer("go on")
        second = await server.request(2)
        assert "did not end when it was stopped" in results(second)["call_a"]
        await agent.settled()
        stubborn.let_go("a")
        while agent._toolbox.given_up:
            await asyncio.sleep(0)
