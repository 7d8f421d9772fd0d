"""Commands of the user's own: at once, beside a run, told to the model with its next request, stopped whole."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from h2a_agent.agent import Agent
from h2a_agent.codec import node_of, node_record
from h2a_agent.content import TextBlock, ToolUseBlock
from h2a_agent.events import Kind, Outcome, ShellStarted, ToolOutput, ToolResult
from h2a_agent.export import render_session
from h2a_agent.history import AssistantEntry, History, Node, ShellEntry, UserEntry
from h2a_agent.providers.anthropic import AnthropicProvider
from h2a_agent.providers.base import TokenUsage
from h2a_agent.run_settings import RunSettings
from h2a_agent.sandbox.settings import SandboxSettings
from h2a_agent.sandbox.trial import SessionSandbox
from h2a_agent.session import ReadOnlySession, Session
from h2a_agent.session_tree import tree_rows
from support.messages_api import Answer, MessagesServer, gate, text
from support.saved_sessions import Script


def session_files(folder: Path) -> list[Path]:
    return list(folder.glob("*.jsonl"))


@asynccontextmanager
async def agent_on(server: MessagesServer, path: Path) -> AsyncIterator[Agent]:
    provider = AnthropicProvider("test-model", api_key="sk-test", base_url=server.url, name="test")
    there = session_files(path)
    session = Session.open(there[0]) if there else Session.create(path, path)
    async with Agent(provider, session=session, settings=RunSettings("test-model"), spill_dir=path) as agent:
        yield agent


async def result_of(agent: Agent, shell_id: str, events: object) -> ToolResult:
    async for event in events:  # type: ignore[attr-defined]
        if isinstance(event, ToolResult) and event.call_id == shell_id:
            return event
    raise AssertionError("no result")


async def test_it_runs_at_once_and_the_model_reads_of_it_with_the_next_message(
    server: MessagesServer, tmp_path: Path
) -> None:
    async with agent_on(server, tmp_path) as agent:
        events = agent.subscribe()
        result = await result_of(agent, agent.shell("echo hello; exit 3"), events)
        assert (result.outcome, result.text) == (Outcome.FAILED, "hello\n\n[exit code 3]")
        assert not agent.busy
        assert server.requests == []
        server.script(Answer(text("I see.")))
        agent.prompt("why?")
        await agent.settled()
        (request,) = server.requests
        said = str(request.payload["messages"])
        assert said.index("$ echo hello; exit 3") < said.index("[exit code 3]") < said.index("why?")


async def test_private_command_never_reaches_model_or_session(server: MessagesServer, tmp_path: Path) -> None:
    async with agent_on(server, tmp_path) as agent:
        events = agent.subscribe()
        assert (await result_of(agent, agent.shell("echo hidden", private=True), events)).text == "hidden"
        server.script(Answer(text("Hello.")))
        agent.prompt("hi")
        await agent.settled()
        assert "hidden" not in str(server.requests[0].payload)
        (file,) = session_files(tmp_path)
        assert b"hidden" not in await asyncio.to_thread(file.read_bytes)


async def test_beside_a_run_it_interrupts_nothing_and_asks_for_no_answer(
    server: MessagesServer, tmp_path: Path
) -> None:
    async with agent_on(server, tmp_path) as agent:
        events = agent.subscribe()
        server.script(Answer(text("Once upon a time."), gate("end")))
        agent.prompt("tell")
        await server.request(1)
        await result_of(agent, agent.shell("echo beside"), events)
        server.open("end")
        assert (await agent.settled()).reason == "completed"
        assert len(server.requests) == 1
        server.script(Answer(text("Yes.")))
        agent.prompt("and?")
        await agent.settled()
        assert "beside" in str(server.requests[1].payload["messages"])


async def test_stopped_it_ends_whole_and_says_so(server: MessagesServer, tmp_path: Path) -> None:
    async with agent_on(server, tmp_path) as agent:
        events = agent.subscribe()
        shell_id = agent.shell("sleep 1000 & echo $!; wait")
        async for event in events:
            if isinstance(event, ToolOutput):
                pid = int(event.text)
                break
        agent.stop_shell()
        result = await result_of(agent, shell_id, events)
        assert result.outcome is Outcome.STOPPED
        with pytest.raises(ProcessLookupError):
            os.kill(pid, 0)
        assert agent.state.shells == ()


async def test_closing_ends_it_and_a_reopened_session_shows_it(
    server: MessagesServer, tmp_path: Path
) -> None:
    async with agent_on(server, tmp_path) as agent:
        events = agent.subscribe()
        await result_of(agent, agent.shell("echo kept"), events)
        agent.shell("echo running; sleep 1000")
        async for event in events:
            if isinstance(event, ToolOutput) and "running" in event.text:
                break
    async with agent_on(server, tmp_path) as agent:
        past = agent.replay()
        assert [e.command for e in past if isinstance(e, ShellStarted)] == [
            "echo kept",
            "echo running; sleep 1000",
        ]
        assert [e.outcome for e in past if isinstance(e, ToolResult)] == [Outcome.OK, Outcome.STOPPED]
        agent.resume()
        assert not agent.busy
        assert server.requests == []


def ran(command: str) -> ShellEntry:
    return ShellEntry("shell-1", command, Outcome.OK, "what it printed", "exit 0", 0.1, 3.0)


def test_it_leaves_whose_turn_it_is_as_it_was() -> None:
    asked = UserEntry("i1", Kind.PROMPT, (TextBlock("hi"),), 1.0)
    answered = AssistantEntry(1, (TextBlock("hello"),), "end_turn", "m", TokenUsage(), 2.0)
    ran = ShellEntry("shell-1", "ls", Outcome.OK, "a", "exit 0", 0.1, 3.0)
    assert not History((ran,)).owes_answer()
    assert History((asked, ran)).owes_answer()
    assert not History((asked, answered, ran)).owes_answer()


@given(st.text(), st.text(), st.sampled_from(Outcome))
def test_entry_survives_the_journal(command: str, output: str, outcome: Outcome) -> None:
    node = Node("0a1b2c3d", "", ShellEntry("shell-1", command, outcome, output, "brief", 1.5, 2.5))
    assert node_of(node_record(node), "") == node


async def test_it_does_what_the_user_may_also_where_a_sandbox_holds_the_model_in(
    server: MessagesServer, tmp_path: Path
) -> None:
    workspace = tmp_path / "work"
    workspace.mkdir()
    provider = AnthropicProvider("test-model", api_key="sk-test", base_url=server.url, name="test")
    async with Agent(
        provider,
        session=Session.create(tmp_path / "sessions", workspace),
        settings=RunSettings("test-model"),
        spill_dir=tmp_path,
        sandbox=SessionSandbox(SandboxSettings(), workspace),
    ) as agent:
        events = agent.subscribe()
        await result_of(agent, agent.shell("echo there > ../outside"), events)
    assert await asyncio.to_thread((tmp_path / "outside").read_text) == "there\n"


async def test_what_could_not_be_kept_is_not_run(server: MessagesServer, tmp_path: Path) -> None:
    script = Script(tmp_path)
    script.ask("one")
    path = script.close()
    provider = AnthropicProvider("test-model", api_key="sk-test", base_url=server.url, name="test")
    session, settings = Session.look_at(path), RunSettings("test-model")
    async with Agent(provider, session=session, settings=settings, spill_dir=tmp_path) as agent:
        events = agent.subscribe()
        with pytest.raises(ReadOnlySession):
            agent.shell("touch ran")
        assert (await result_of(agent, agent.shell("echo seen", private=True), events)).text == "seen"


def test_going_back_to_an_answer_keeps_its_results_past_a_command_among_them(tmp_path: Path) -> None:
    script = Script(tmp_path)
    script.ask("look")
    answer = script.answer(ToolUseBlock("a", "ls", {}), ToolUseBlock("b", "ls", {}))
    script.result("a", "first")
    script.session.append(ran("pwd"))
    script.result("b", "second")
    results = script.session.history.head
    script.session.append(ran("date"))
    assert script.session.history.before(answer) == results
    script.close()


@pytest.mark.parametrize("format", ["html", "md"])
def test_the_tree_and_every_export_show_it(tmp_path: Path, format: str) -> None:
    script = Script(tmp_path)
    script.ask("hi")
    script.session.append(ran("ls <b>"))
    assert [(row.speaker, row.text) for row in tree_rows(script.session.history, {})][1:] == [
        ("!", "ls <b>: exit 0")
    ]
    page = render_session(script.close(), format)[0]
    assert "You ran" in page
    assert "ls &lt;b&gt;" in page
    assert "what it printed" in page
