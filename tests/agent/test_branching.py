"""Going back with a real agent on a strict server: what the model is sent is the path, wherever one went."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from h2a_agent.agent import Agent
from h2a_agent.content import ImageBlock, TextBlock
from h2a_agent.events import (
    AnyEvent,
    InputRestored,
    PathChanged,
    Settled,
    ShellStarted,
    TokenStream,
    ToolOutput,
    ToolResult,
    UserInput,
)
from h2a_agent.history import AssistantEntry, UserEntry
from h2a_agent.providers.anthropic import AnthropicProvider
from h2a_agent.retry import RetryPolicy
from h2a_agent.run_settings import RunSettings
from h2a_agent.session import ReadOnlySession, Session, SessionError
from h2a_agent.tools import default_tools
from support.messages_api import Answer, MessagesServer, gate, text, tool


class World:
    """One agent on one server."""

    def __init__(self, server: MessagesServer, folder: Path) -> None:
        self.server = server
        self.folder = folder
        self.agent = self.start(Session.create(folder / "sessions" / "x", folder))

    def start(self, session: Session) -> Agent:
        self.session = session
        agent = Agent(
            AnthropicProvider("claude-sonnet-5-5", api_key="sk-test", base_url=self.server.url),
            session=session,
            settings=RunSettings("claude-sonnet-5-5", mode="full"),
            tools=default_tools(),
            spill_dir=self.folder,
            retry=RetryPolicy(first_s=0.001),
        )
        self.events = agent.subscribe()
        return agent

    async def say(self, words: str) -> None:
        self.agent.prompt(words)
        await self.settle()

    async def settle(self) -> Settled:
        async with asyncio.timeout(15):
            return await self.agent.settled()

    async def until(self, kind: type[AnyEvent]) -> list[AnyEvent]:
        seen: list[AnyEvent] = []
        async with asyncio.timeout(15):
            async for event in self.events:
                seen.append(event)
                if isinstance(event, kind):
                    return seen
        raise AssertionError(f"no {kind.__name__} came")

    def entry(self, words: str) -> str:
        """The id of the entry that says `words`, on whichever branch."""
        for node in self.session.history.nodes:
            entry = node.entry
            if isinstance(entry, UserEntry | AssistantEntry) and TextBlock(words) in entry.content:
                return node.id
        raise AssertionError(f"nobody said {words!r}")

    def sent(self) -> list[str]:
        """The words of the last request, in order."""
        return [
            block["text"]
            for message in self.server.requests[-1].messages
            for block in message["content"]
            if block["type"] == "text"
        ]


@pytest.fixture
async def world(server: MessagesServer, tmp_path: Path) -> AsyncIterator[World]:
    world = World(server, tmp_path)
    yield world
    await world.agent.aclose()


async def test_a_prompt_that_is_gone_back_to_comes_into_the_editor_and_the_model_hears_only_the_new_path(
    world: World,
) -> None:
    world.server.script(Answer(text("first")), Answer(text("second")), Answer(text("other")))
    await world.say("one")
    await world.say("two")
    world.agent.branch(world.entry("two"))
    restored = (await world.until(InputRestored))[-1]
    assert isinstance(restored, InputRestored)
    assert restored.texts == ("two",)
    assert restored.retracted == ()
    await world.say("two, otherwise")
    assert world.sent() == ["one", "first", "two, otherwise"]


async def test_the_pictures_of_a_prompt_come_back_with_its_words(world: World) -> None:
    world.server.script(Answer(text("nice")))
    picture = ImageBlock("image/png", "iVBORw0KGgo=")
    world.agent.prompt([TextBlock("look"), picture])
    await world.settle()
    world.agent.branch(world.entry("look"))
    restored = (await world.until(InputRestored))[-1]
    assert isinstance(restored, InputRestored)
    assert restored.content == ((TextBlock("look"), picture),)


async def test_screens_are_told_the_whole_new_path_and_a_replay_is_the_same(world: World) -> None:
    world.server.script(Answer(text("first")), Answer(text("second")))
    await world.say("one")
    await world.say("two")
    world.agent.branch(world.entry("first"))
    changed = (await world.until(PathChanged))[-1]
    assert isinstance(changed, PathChanged)
    assert [e.text for e in changed.past if isinstance(e, UserInput | TokenStream)] == ["one", "first"]
    assert list(changed.past) == world.agent.replay()
    assert changed.head == world.session.history.head == world.entry("first")


async def test_going_back_during_a_run_aborts_it_truthfully_on_its_own_branch(world: World) -> None:
    world.server.script(
        Answer(text("first")), Answer(text(["half an ", gate("mid"), "answer"])), Answer(text("anew"))
    )
    await world.say("one")
    world.agent.prompt("two")
    await world.server.reached("mid")
    while "half an " not in "".join(e.text for e in await world.events.batch() if isinstance(e, TokenStream)):
        pass
    world.agent.branch(world.entry("first"))
    seen = await world.until(PathChanged)
    assert [type(e).__name__ for e in seen if isinstance(e, Settled | PathChanged)] == [
        "Settled",
        "PathChanged",
    ]
    assert (await world.settle()).reason == "aborted"
    left = world.session.history.node(world.entry("half an "))
    assert left is not None
    assert isinstance(left.entry, AssistantEntry)
    assert left.entry.cut == "abort"
    await world.say("three")
    assert world.sent() == ["one", "first", "three"]


async def test_calls_cut_by_going_back_have_their_results_on_the_branch_that_was_left(world: World) -> None:
    world.server.script(Answer(tool("bash", {"command": "echo begun; sleep 60"})), Answer(text("ok")))
    world.agent.prompt("one")
    await world.until(ToolOutput)
    world.agent.branch(world.entry("one"))
    seen = await world.until(PathChanged)
    [result] = [e for e in seen if isinstance(e, ToolResult)]
    assert result.outcome == "stopped"
    assert world.session.history.entries == ()
    assert len(world.session.history.nodes) == 3


async def test_what_waits_stays_held_and_what_is_said_after_going_back_is_sent(world: World) -> None:
    world.server.script(
        Answer(text("first")), Answer(text([gate("mid"), "x"])), Answer(text("anew")), Answer(text("late"))
    )
    await world.say("one")
    world.agent.prompt("two")
    await world.server.reached("mid")
    world.agent.follow_up("later")
    world.agent.branch(world.entry("first"))
    world.agent.prompt("at once")
    await world.until(PathChanged)
    await world.settle()
    assert world.sent() == ["one", "first", "at once"]
    assert [item.text for item in world.agent.state.queue] == ["later"]
    assert world.agent.state.queue_paused
    world.agent.resume()
    await world.settle()
    assert world.sent()[-1] == "later"


async def test_an_answer_with_calls_is_gone_back_to_with_its_results(world: World) -> None:
    """The strict server refuses a call without its result, and a made-up one would not be true."""
    (world.folder / "a.txt").write_text("something\n")
    world.server.script(
        Answer(text("I look"), tool("read", {"path": "a.txt"})), Answer(text("seen")), Answer(text("again"))
    )
    await world.say("one")
    world.agent.branch(world.entry("I look"))
    await world.say("and?")
    results: list[Any] = [
        block
        for message in world.server.requests[-1].messages
        for block in message["content"]
        if block["type"] == "tool_result"
    ]
    assert "something" in str(results)
    assert world.sent() == ["one", "I look", "and?"]


async def test_a_reopened_session_goes_on_where_the_head_was(world: World) -> None:
    world.server.script(Answer(text("first")), Answer(text("second")), Answer(text("other")))
    await world.say("one")
    await world.say("two")
    world.agent.branch(world.entry("first"))
    await world.agent.aclose()
    assert world.session.path is not None
    world.agent = world.start(Session.open(world.session.path))
    await world.say("three")
    assert world.sent() == ["one", "first", "three"]


async def test_spending_counts_every_branch(world: World) -> None:
    world.server.script(Answer(text("first")), Answer(text("other")))
    await world.say("one")
    world.agent.branch(world.entry("one"))
    await world.say("two")
    await world.agent.aclose()
    assert world.session.path is not None
    again = world.start(Session.open(world.session.path))
    assert len(world.session.history.nodes) == 4
    assert again._spending.total_usd == world.agent._spending.total_usd
    assert again._spending.total_usd
    world.agent = again


async def test_a_session_that_is_looked_at_takes_no_message_and_says_how_to_go_on(world: World) -> None:
    world.server.script(Answer(text("first")))
    await world.say("one")
    path = world.session.path
    assert path is not None
    before = path.read_bytes()
    looking = world.start(Session.look_at(path))
    assert [e.text for e in looking.replay() if isinstance(e, UserInput | TokenStream)] == ["one", "first"]
    for verb in (looking.prompt, looking.steer, looking.nudge, looking.follow_up, looking.branch):
        with pytest.raises(ReadOnlySession, match=f"/fork, or h2a-chat --fork {looking.session_id}"):
            verb("more")
    assert looking.state.queue == (), "a message that is refused does not wait either"
    with pytest.raises(ReadOnlySession):
        looking.sessions.rename("x")
    with pytest.raises(ReadOnlySession):
        looking.sessions.label("", "x")
    forked = await looking.sessions.fork()
    await looking.aclose()
    assert path.read_bytes() == before
    fork = Session.open(path.with_name(f"{forked}.jsonl"))
    assert len(fork.history) == 2
    fork.close()


async def test_an_unknown_entry_is_refused_and_the_run_goes_on(world: World) -> None:
    world.server.script(Answer(text(["a", gate("mid"), "b"])))
    world.agent.prompt("one")
    await world.server.reached("mid")
    with pytest.raises(SessionError, match="no entry 'zzz'"):
        world.agent.branch("zzz")
    world.server.open("mid")
    assert (await world.settle()).reason == "completed"


async def test_a_command_of_the_users_that_runs_meanwhile_goes_on_and_is_told_on_the_new_branch(
    world: World,
) -> None:
    world.server.script(*(Answer(text(word)) for word in ("one", "two", "three")))
    await world.say("first")
    await world.say("second")
    os.mkfifo(world.folder / "fifo")
    shell_id = world.agent.shell("read -r line < fifo; echo heard $line")
    world.agent.branch(world.entry("one"))
    (*_, changed) = await world.until(PathChanged)
    assert isinstance(changed, PathChanged)
    assert [event.shell_id for event in changed.past if isinstance(event, ShellStarted)] == [shell_id]
    assert world.agent.state.shells == (shell_id,)
    await asyncio.to_thread((world.folder / "fifo").write_text, "it\n")
    (*_, result) = await world.until(ToolResult)
    assert isinstance(result, ToolResult)
    assert (result.call_id, "heard it" in result.text) == (shell_id, True)
    assert not world.agent.state.shells
    await world.say("instead")
    assert "second" not in world.sent()
    assert any("heard it" in words for words in world.sent())
    world.agent.branch(world.entry("two"))
    (*_, changed) = await world.until(PathChanged)
    assert isinstance(changed, PathChanged)
    assert not [event for event in changed.past if isinstance(event, ShellStarted)], "it ended elsewhere"
