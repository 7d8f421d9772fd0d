"""The list of what is to be done: written by the model, kept by the history, told to whoever watches."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from h2a_agent.agent import Agent
from h2a_agent.content import ToolUseBlock
from h2a_agent.events import Outcome, TodoChanged, TodoItem, TodoStatus
from h2a_agent.history import ToolEntry
from h2a_agent.permission import Permission, Verdict
from h2a_agent.providers.base import ProviderEvent
from h2a_agent.run_settings import RunSettings
from h2a_agent.session import Session
from h2a_agent.todos import todo_changed, todos_of
from h2a_agent.tools import default_tools
from h2a_agent.tools.base import ToolContext
from h2a_agent.tools.todo import TodoParams, TodoTool
from support.scripted_provider import ScriptedProvider, call, stop

DONE, NOW, LATER = TodoStatus.DONE, TodoStatus.IN_PROGRESS, TodoStatus.PENDING


def writes(call_id: str, *items: tuple[str, str]) -> list[ProviderEvent]:
    """An answer that writes this list."""
    listed = [{"content": content, "status": status} for content, status in items]
    return [*call(0, call_id, "todo", json.dumps({"items": listed})), *stop("tool_use")]


def agent_on(session: Session, *answers: list[ProviderEvent]) -> Agent:
    settings = RunSettings("scripted-1", mode="plan")
    return Agent(ScriptedProvider(*answers), session=session, settings=settings, tools=default_tools())


async def test_the_list_is_told_whole_and_the_last_one_counts(tmp_path: Path) -> None:
    first = writes("c1", ("find \x1b[31mit", "in_progress"), ("mend it", "pending"))
    second = writes("c2", ("find it", "done"), ("mend it", "in_progress"))
    async with agent_on(Session.unsaved(tmp_path), first, second) as agent:
        changes = agent.subscribe(TodoChanged)
        agent.prompt("go")
        await agent.settled()
        state = agent.state
    told = [event.items async for event in changes if isinstance(event, TodoChanged)]
    assert told == [
        (TodoItem("find ␛[31mit", NOW), TodoItem("mend it", LATER)),
        (TodoItem("find it", DONE), TodoItem("mend it", NOW)),
    ]
    assert state.todos == told[-1]


async def test_a_resumed_session_has_its_list(tmp_path: Path) -> None:
    session = Session.create(tmp_path / "sessions", tmp_path)
    async with agent_on(session, writes("c1", ("mend it", "in_progress"))) as agent:
        agent.prompt("go")
        await agent.settled()
    assert session.path is not None
    async with agent_on(Session.open(session.path)) as agent:
        assert agent.state.todos == (TodoItem("mend it", NOW),)
        assert [e.items for e in agent.replay() if isinstance(e, TodoChanged)] == [agent.state.todos]


async def test_a_branch_has_the_list_of_its_own_past(tmp_path: Path) -> None:
    session = Session.unsaved(tmp_path)
    async with agent_on(session, writes("c1", ("a", "pending")), writes("c2")) as agent:
        agent.prompt("go")
        await agent.settled()
    entries = session.history.entries
    assert todos_of(entries) == ()
    assert todos_of(entries[:3]) == (TodoItem("a", LATER),)
    assert todos_of(entries[:2]) == (), "the call has no result yet"


@pytest.mark.parametrize("outcome", [outcome for outcome in Outcome if outcome is not Outcome.OK])
def test_a_call_that_was_not_carried_out_changes_nothing(outcome: Outcome) -> None:
    called = ToolUseBlock("c1", "todo", {"items": [{"content": "a"}]})
    assert todo_changed(called, ToolEntry("c1", Outcome.OK, "", "", 0.0, 1.0)) is not None
    assert todo_changed(called, ToolEntry("c1", outcome, "", "", 0.0, 1.0)) is None


async def test_a_list_that_does_not_fit_changes_nothing_and_says_what_would(tmp_path: Path) -> None:
    session = Session.unsaved(tmp_path)
    wrong = writes("c2", ("b", "finished"))
    async with agent_on(session, writes("c1", ("a", "done")), wrong) as agent:
        agent.prompt("go")
        await agent.settled()
        assert agent.state.todos == (TodoItem("a", DONE),)
    text = session.history.entries[-2].text  # type: ignore[union-attr]
    assert "items.0.status: should be 'pending', 'in_progress' or 'done', not \"finished\"" in text


@pytest.mark.parametrize("mode", ["plan", "ask", "edits", "full"])
def test_it_needs_nobodys_permission(tmp_path: Path, mode: str) -> None:
    params = TodoParams.model_validate({"items": []})
    verdict = Permission().decide(mode, TodoTool(), params, ToolContext(tmp_path, tmp_path)).verdict
    assert verdict is Verdict.ALLOW


@pytest.mark.parametrize(
    "arguments",
    [
        {"items": [{"content": "a", "status": "done"}]},
        {"todos": [{"task": "a", "status": "done"}]},
        {"items": {"content": "a", "status": "done"}},
        {"items": '[{"content": "a", "status": "done"}]'},
    ],
)
def test_it_accepts_what_models_send(arguments: dict[str, Any]) -> None:
    (item,) = TodoParams.model_validate(arguments).items
    assert (item.content, item.status) == ("a", DONE)


@pytest.mark.parametrize("items", [[{"content": ""}], [{"content": "a" * 501}], [{"content": "a"}] * 101, 3])
def test_it_refuses_what_is_no_list(items: Any) -> None:
    with pytest.raises(ValidationError):
        TodoParams.model_validate({"items": items})
