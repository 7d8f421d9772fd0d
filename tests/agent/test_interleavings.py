"""A steer, an abort, a follow-up at *every* loop tick of a run with text, two tools and a last answer.

Whatever the tick: every message of the user's reaches the model exactly once and in order, every request
keeps the API's rules, every call has one result, the run settles.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path

import pytest
from pydantic import BaseModel

from h2a_agent.agent import Agent
from h2a_agent.content import TextBlock, ToolResultBlock, ToolUseBlock
from h2a_agent.events import AnyEvent, Done, InputRestored, Settled, ToolResult, UserInput
from h2a_agent.history import ToolEntry
from h2a_agent.providers.base import Request
from h2a_agent.run_settings import RunSettings
from h2a_agent.session import Session
from h2a_agent.tools.base import Effect, Preview, ToolContext, ToolOutcome, WhenSteered
from support.scripted_provider import ScriptedProvider, call, say, stop

TICKS = 60


class NoParams(BaseModel):
    """No arguments."""


class TickTool:
    """Waits some loop ticks; `finish` never lets itself be cut."""

    description = "waits"
    params = NoParams
    effect = Effect.READ

    def __init__(self, name: str, ticks: int, when_steered: WhenSteered = WhenSteered.CANCEL) -> None:
        self.name, self.ticks, self.when_steered = name, ticks, when_steered
        self.runs = 0

    def title(self, params: NoParams) -> str:
        return self.name

    def paths(self, params: NoParams, ctx: ToolContext) -> tuple[Path, ...]:
        return ()

    async def preview(self, params: NoParams, ctx: ToolContext) -> Preview:
        return Preview(self.name)

    async def run(self, params: NoParams, ctx: ToolContext) -> ToolOutcome:
        self.runs += 1
        for _ in range(self.ticks):
            await asyncio.sleep(0)
        return ToolOutcome(f"{self.name} is done", "done")


class World:
    """One agent on one scripted run, its events recorded."""

    def __init__(self, tmp_path: Path, **settings: str) -> None:
        self.provider = ScriptedProvider(
            [
                *say(0, "one ", "two ", "three"),
                *call(1, "a", "quick"),
                *call(2, "b", "slow"),
                *call(3, "c", "atomic"),
                *stop("tool_use"),
            ],
            [*say(0, "that was it"), *stop()],
        )
        self.tools = [TickTool("quick", 1), TickTool("slow", 9), TickTool("atomic", 4, WhenSteered.FINISH)]
        self.session = Session.create(tmp_path / "sessions", tmp_path)
        run = RunSettings("scripted-1", mode="full", **settings)  # type: ignore[arg-type]
        self.agent = Agent(self.provider, session=self.session, settings=run, tools=self.tools)
        self.events: list[AnyEvent] = []
        self._subscription = self.agent.subscribe()

    async def ticks(self, n: int) -> None:
        for _ in range(n):
            await asyncio.sleep(0)

    async def settle(self) -> None:
        await self.agent.settled()
        self._subscription.close()
        self.events = [event async for event in self._subscription]
        await self.agent.aclose()

    def said(self) -> list[str]:
        """What the user said, as the last request has it."""
        last = self.provider.requests[-1]
        return [
            block.text
            for message in last.messages
            if message.role == "user"
            for block in message.content
            if isinstance(block, TextBlock) and not block.text.startswith("[")
        ]


def check_request(request: Request) -> None:
    """The rules a request must keep, on the neutral form (the strict server checks the wire form elsewhere)."""
    roles = [message.role for message in request.messages]
    assert roles[0] == roles[-1] == "user"
    assert all(a != b for a, b in pairwise(roles))
    for message, following in pairwise(request.messages):
        calls = [b.id for b in message.content if isinstance(b, ToolUseBlock)]
        results = [b.call_id for b in following.content if isinstance(b, ToolResultBlock)]
        if message.role == "assistant":
            assert calls == results
            assert not calls or isinstance(message.content[-1], ToolUseBlock)
            head = following.content[: len(results)]
            assert all(isinstance(b, ToolResultBlock) for b in head)
    texts = [b.text for m in request.messages for b in m.content if isinstance(b, TextBlock)]
    assert all(text.strip() for text in texts)


async def play(tmp_path: Path, tick: int, act: Callable[[Agent], object], **settings: str) -> World:
    world = World(tmp_path, **settings)
    world.agent.prompt("go")
    await world.ticks(tick)
    act(world.agent)
    await world.settle()
    for request in world.provider.requests:
        check_request(request)
    assert isinstance(world.events[-1], Settled)
    results = [e.call_id for e in world.events if isinstance(e, ToolResult)]
    assert len(results) == len(set(results))
    return world


@pytest.mark.parametrize("tick", range(TICKS))
async def test_a_steer_at_any_tick_is_delivered_exactly_once_after_the_prompt(
    tmp_path: Path, tick: int
) -> None:
    world = await play(tmp_path, tick, lambda agent: agent.steer("instead"))
    assert world.said() == ["go", "instead"]
    assert [e.text for e in world.events if isinstance(e, UserInput)] == ["go", "instead"]


@pytest.mark.parametrize("tick", range(0, TICKS, 3))
async def test_two_steers_at_any_tick_come_in_order_and_once(tmp_path: Path, tick: int) -> None:
    def act(agent: Agent) -> None:
        agent.steer("first")
        agent.steer("second")

    world = await play(tmp_path, tick, act)
    assert world.said() == ["go", "first", "second"]


@pytest.mark.parametrize("tick", range(0, TICKS, 3))
@pytest.mark.parametrize("gap", [1, 2, 5])
async def test_a_second_steer_during_the_restart_of_the_first_is_not_lost(
    tmp_path: Path, tick: int, gap: int
) -> None:
    world = World(tmp_path)
    world.agent.prompt("go")
    await world.ticks(tick)
    world.agent.steer("first")
    await world.ticks(gap)
    world.agent.steer("second")
    await world.settle()
    for request in world.provider.requests:
        check_request(request)
    assert world.said() == ["go", "first", "second"]


@pytest.mark.parametrize("tick", range(0, TICKS, 2))
async def test_a_follow_up_at_any_tick_interrupts_nothing_and_comes_last(tmp_path: Path, tick: int) -> None:
    world = await play(tmp_path, tick, lambda agent: agent.follow_up("later"))
    assert world.said() == ["go", "later"]
    assert not [e for e in world.events if isinstance(e, Done) and e.cut]
    assert [tool.runs for tool in world.tools] == [1, 1, 1]


@pytest.mark.parametrize("tick", range(0, TICKS, 2))
async def test_a_nudge_at_any_tick_interrupts_nothing(tmp_path: Path, tick: int) -> None:
    world = await play(tmp_path, tick, lambda agent: agent.nudge("by the way"))
    assert world.said() == ["go", "by the way"]
    assert not [e for e in world.events if isinstance(e, Done) and e.cut]


@pytest.mark.parametrize("tick", range(TICKS))
async def test_an_abort_at_any_tick_leaves_a_history_that_goes_on(tmp_path: Path, tick: int) -> None:
    """Whatever the abort cut, the next prompt makes a valid request, and no call is left without a result."""
    world = World(tmp_path)
    world.agent.prompt("go")
    world.agent.follow_up("waiting")
    await world.ticks(tick)
    world.agent.abort()
    await world.agent.settled()
    assert world.session.history.open_calls() == ()
    world.agent.prompt("again")
    await world.settle()
    for request in world.provider.requests:
        check_request(request)
    assert world.said()[-1] == "again"
    assert world.said().count("again") == 1
    restored = [text for e in world.events if isinstance(e, InputRestored) for text in e.texts]
    delivered = [e.text for e in world.events if isinstance(e, UserInput)]
    retracted = [i for e in world.events if isinstance(e, InputRestored) for i in e.retracted]
    if delivered[:2] != ["go", "waiting"]:  # the abort came before the run had ended by itself
        assert "waiting" in restored
        assert ("go" in restored) == bool(retracted) or tick == 0
        assert ("go" in world.said()) != ("go" in restored)


@pytest.mark.parametrize("tick", range(0, TICKS, 4))
async def test_what_is_sent_right_after_an_abort_is_not_poisoned_by_it(tmp_path: Path, tick: int) -> None:
    def act(agent: Agent) -> None:
        agent.abort()
        agent.prompt("fresh")

    world = await play(tmp_path, tick, act)
    assert world.said()[-1] == "fresh"


@pytest.mark.parametrize("tick", range(0, TICKS, 2))
async def test_a_completed_tool_keeps_its_real_result_and_an_atomic_one_is_never_cut(
    tmp_path: Path, tick: int
) -> None:
    world = await play(tmp_path, tick, lambda agent: agent.steer("instead"))
    entries = {e.call_id: e for e in world.session.history.entries if isinstance(e, ToolEntry)}
    for call_id, tool in zip("abc", world.tools, strict=True):
        if call_id not in entries:
            continue  # the steer came before the call was whole
        entry = entries[call_id]
        if tool.runs == 0:
            assert entry.outcome.value == "not started"
        elif tool.name == "atomic":
            assert entry.text == "atomic is done"
        else:
            assert entry.text == f"{tool.name} is done" or entry.text.startswith("Stopped after")


class StubbornTool(TickTool):
    """Has finished its work when the cancel reaches it."""

    async def run(self, params: NoParams, ctx: ToolContext) -> ToolOutcome:
        try:
            return await super().run(params, ctx)
        except asyncio.CancelledError:
            return ToolOutcome(f"{self.name} is done", "done")


async def test_a_tool_that_finished_although_it_was_cancelled_keeps_its_real_result(tmp_path: Path) -> None:
    world = World(tmp_path)
    stubborn = StubbornTool("slow", 50)
    world.agent._toolbox.tools["slow"] = stubborn  # type: ignore[index]
    world.agent.prompt("go")
    while not stubborn.runs:
        await asyncio.sleep(0)
    world.agent.steer("instead")
    await world.settle()
    [entry] = [e for e in world.session.history.entries if isinstance(e, ToolEntry) and e.call_id == "b"]
    assert (entry.outcome.value, entry.text) == ("ok", "slow is done")


async def test_a_steer_from_inside_an_event_stops_the_request_before_it_leaves(tmp_path: Path) -> None:
    """Whoever listens may steer in the very tick in which the prompt is delivered."""
    world = World(tmp_path)
    seen: list[AnyEvent] = []

    def steer_once(event: AnyEvent) -> None:
        if isinstance(event, UserInput) and not seen:
            seen.append(event)
            world.agent.steer("at once")

    world.agent._bus.tap(steer_once)
    world.agent.prompt("go")
    await world.settle()
    assert world.said() == ["go", "at once"]
    texts = [
        [b.text for m in r.messages for b in m.content if isinstance(b, TextBlock)]
        for r in world.provider.requests
    ]
    assert texts[0] == ["go", "at once"], "no request left with the prompt alone"


@pytest.mark.parametrize("tick", range(0, TICKS, 5))
async def test_kept_items_wait_after_an_abort_until_resumed(tmp_path: Path, tick: int) -> None:
    world = World(tmp_path, on_abort="keep")
    world.agent.prompt("go")
    await world.ticks(1)
    world.agent.follow_up("kept")
    await world.ticks(tick)
    if not world.agent.busy:
        await world.settle()
        return
    world.agent.abort()
    await world.agent.settled()
    if not any(e.kind == "follow-up" for e in world.agent.state.queue):
        await world.settle()
        return
    assert world.agent.state.queue_paused
    world.agent.resume()
    await world.settle()
    assert world.said()[-1] == "kept"


@pytest.mark.parametrize("tick", range(1, TICKS, 5))
async def test_send_next_turns_an_abort_into_interrupt_and_send(tmp_path: Path, tick: int) -> None:
    world = World(tmp_path, on_abort="send-next")
    world.agent.prompt("go")
    await world.ticks(1)
    world.agent.follow_up("next")
    await world.ticks(tick)
    world.agent.abort()
    await world.settle()
    assert world.said().count("next") == 1
    for request in world.provider.requests:
        check_request(request)


@pytest.mark.parametrize("tick", range(0, TICKS, 4))
async def test_a_pause_holds_before_the_next_step_and_a_message_goes_on_with_it(
    tmp_path: Path, tick: int
) -> None:
    world = World(tmp_path)
    world.agent.prompt("go")
    await world.ticks(max(tick, 1))
    world.agent.pause()
    await world.ticks(TICKS)
    held = world.agent.state.word == "paused"
    sent = len(world.provider.requests)
    await world.ticks(TICKS)
    assert len(world.provider.requests) == sent
    world.agent.nudge("go on")
    await world.settle()
    assert world.said() == ["go", "go on"]
    assert held or tick > 0
