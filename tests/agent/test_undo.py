"""Taking edits back: byte for byte, in order, and never over what somebody else has written since."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from h2a_agent.agent import Agent
from h2a_agent.assemble import running_agent
from h2a_agent.catalogue import DEMO
from h2a_agent.config import Settings
from h2a_agent.events import FileRestored
from h2a_agent.paths import find_paths, private_folder
from h2a_agent.run_settings import RunSettings
from h2a_agent.session import Session
from h2a_agent.tools import default_tools, undo
from h2a_agent.tools.base import ToolContext, ToolOutcome
from h2a_agent.tools.change import restore
from h2a_agent.tools.disk import FileProblem
from support.scripted_provider import ScriptedProvider
from support.scripted_provider import call as model_calls
from support.scripted_provider import stop as model_stops

TOOLS = {tool.name: tool for tool in default_tools()}


@pytest.fixture
def ctx(tmp_path: Path) -> ToolContext:
    for name in ("work", "spill"):
        (tmp_path / name).mkdir()
    return ToolContext(tmp_path / "work", tmp_path / "spill")


async def call(ctx: ToolContext, name: str, **arguments: Any) -> ToolOutcome:
    tool = TOOLS[name]
    outcome = await tool.run(tool.params.model_validate(arguments), ctx)
    assert not outcome.is_error, outcome.text
    return outcome


async def edit(ctx: ToolContext, old: str, new: str, path: str = "a") -> None:
    await call(ctx, "read", path=path)
    await call(ctx, "edit", path=path, edits=[{"old_text": old, "new_text": new}])


async def take_back(ctx: ToolContext, *, redo: bool = False) -> str:
    done = await restore(ctx.files, ctx.workspace, ctx.spill_dir, redo=redo)
    return f"{done.name} {done.diff.brief}"


async def test_an_edit_is_taken_back_to_the_byte_and_made_again(ctx: ToolContext) -> None:
    path = ctx.workspace / "a"
    path.write_bytes(first := b"\xef\xbb\xbfone\r\ntwo\nthr\xc3\xa9e \r\nfour")
    path.chmod(0o751)
    await edit(ctx, "two\nthrée", "2")
    second = path.read_bytes()
    await edit(ctx, "four", "4")
    third = path.read_bytes()
    assert await take_back(ctx) == "a +1 -1"
    assert path.read_bytes() == second
    assert await take_back(ctx) == "a +2 -1"
    assert path.read_bytes() == first
    with pytest.raises(FileProblem, match="Nothing to undo"):
        await take_back(ctx)
    await take_back(ctx, redo=True)
    await take_back(ctx, redo=True)
    assert path.read_bytes() == third
    assert path.stat().st_mode & 0o777 == 0o751
    with pytest.raises(FileProblem, match="Nothing to redo"):
        await take_back(ctx, redo=True)


async def test_a_new_file_goes_and_comes_again(ctx: ToolContext) -> None:
    await call(ctx, "write", path="sub/new", content="x\n")
    await take_back(ctx)
    assert not (ctx.workspace / "sub/new").exists()
    await take_back(ctx, redo=True)
    assert (ctx.workspace / "sub/new").read_text() == "x\n"


@pytest.mark.parametrize("theirs", [b"theirs\n", None])
async def test_what_somebody_else_wrote_since_is_left_alone(ctx: ToolContext, theirs: bytes | None) -> None:
    path = ctx.workspace / "a"
    path.write_text("one\n")
    await edit(ctx, "one", "two")
    if theirs is None:
        path.unlink()
    else:
        path.write_bytes(theirs)
    with pytest.raises(FileProblem, match="Not undone: a has been changed since"):
        await take_back(ctx)
    assert (path.read_bytes() if path.exists() else None) == theirs
    path.write_text("two\n")
    await take_back(ctx)
    assert path.read_text() == "one\n"


async def test_the_model_has_to_look_again_at_what_was_taken_back(ctx: ToolContext) -> None:
    (ctx.workspace / "a").write_text("one\n")
    await call(ctx, "read", path="a")
    await edit(ctx, "one", "two")
    await take_back(ctx)
    tool = TOOLS["write"]
    outcome = await tool.run(tool.params.model_validate({"path": "a", "content": "three\n"}), ctx)
    assert outcome.is_error
    assert "changed since you last read it" in outcome.text


async def test_a_new_edit_ends_what_can_be_made_again(ctx: ToolContext) -> None:
    (ctx.workspace / "a").write_text("one\n")
    await edit(ctx, "one", "two")
    await take_back(ctx)
    await edit(ctx, "one", "three")
    with pytest.raises(FileProblem, match="Nothing to redo"):
        await take_back(ctx, redo=True)


async def test_old_contents_are_bounded_private_and_gone_at_the_end(
    ctx: ToolContext, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(undo, "MAX_CHANGES", 3)
    (ctx.workspace / "a").write_text("0")
    for n in range(5):
        await edit(ctx, str(n), str(n + 1))
    kept = list(ctx.spill_dir.iterdir())
    assert sorted(file.read_text() for file in kept) == ["2", "3", "4"]
    assert {file.stat().st_mode & 0o777 for file in kept} == {0o600}
    monkeypatch.setattr(undo, "MAX_BYTES", 1)
    await edit(ctx, "5", "55")
    assert [file.read_text() for file in ctx.spill_dir.iterdir()] == ["5"]
    ctx.files.undo.forget()
    assert list(ctx.spill_dir.iterdir()) == []


async def test_what_a_killed_program_kept_is_removed_and_nothing_else(tmp_path: Path) -> None:
    session = Session.unsaved(tmp_path)
    paths = find_paths({"H2A_HOME": str(tmp_path)})
    settings = Settings(DEMO, RunSettings("scripted-1"))
    folder = private_folder(paths.spill_dir / session.id)
    for name in ("before-x1", "before-x2", "bash-output.txt"):
        (folder / name).touch()
    async with running_agent(settings, paths, session, ScriptedProvider()):
        assert [file.name for file in folder.iterdir()] == ["bash-output.txt"]


async def test_a_full_disk_ends_what_can_be_taken_back_and_not_the_edit(ctx: ToolContext) -> None:
    (ctx.workspace / "a").write_text("one")
    await edit(ctx, "one", "two")
    for file in ctx.spill_dir.iterdir():
        file.unlink()
    ctx.spill_dir.rmdir()
    await edit(ctx, "two", "three")
    assert (ctx.workspace / "a").read_text() == "three"
    with pytest.raises(FileProblem, match="Nothing to undo"):
        await take_back(ctx)


@given(st.lists(st.sampled_from(["edit", "undo", "redo"]), max_size=25))
def test_undo_and_redo_are_the_two_sides_of_one_line(tmp_path_factory: Any, steps: list[str]) -> None:
    home = tmp_path_factory.mktemp("undo")
    ctx = ToolContext(home, home)

    async def play() -> None:
        (home / "a").write_text("v0")
        line, at = ["v0"], 0
        for number, step in enumerate(steps, 1):
            try:
                if step == "edit":
                    await edit(ctx, line[at], f"v{number}")
                    line[at + 1 :] = [f"v{number}"]
                    at += 1
                else:
                    await take_back(ctx, redo=step == "redo")
                    at += 1 if step == "redo" else -1
            except FileProblem:
                assert at == (0 if step == "undo" else len(line) - 1)
            assert (home / "a").read_text() == line[at]
        ctx.files.undo.forget()

    asyncio.run(play())


# ------------------------------------------------------------------ through the agent


@pytest.fixture
async def agent(ctx: ToolContext) -> AsyncIterator[Agent]:
    (ctx.workspace / "a.py").write_text("x = 1\n")
    arguments = json.dumps({"path": "a.py", "edits": [{"old_text": "x = 1", "new_text": "x = 2"}]})
    provider = ScriptedProvider([*model_calls(0, "c1", "edit", arguments), *model_stops("tool_use")])
    async with Agent(
        provider,
        session=Session.unsaved(ctx.workspace),
        settings=RunSettings("scripted-1", mode="full"),
        tools=default_tools(),
        spill_dir=ctx.spill_dir,
    ) as it:
        yield it


async def test_two_quick_undos_and_a_redo_are_told_in_order(agent: Agent, ctx: ToolContext) -> None:
    agent.prompt("go")
    await agent.settled()
    assert (ctx.workspace / "a.py").read_text() == "x = 2\n"
    restored = agent.subscribe(FileRestored)
    agent.undo()
    agent.undo()
    agent.redo()
    told = [event async for event in _first(restored, 3)]
    assert [(e.redo, e.path, e.brief, e.problem[:15]) for e in told] == [
        (False, "a.py", "+1 -1", ""),
        (False, "", "", "Nothing to undo"),
        (True, "a.py", "+1 -1", ""),
    ]
    assert "-x = 2\n+x = 1\n" in told[0].diff
    assert (ctx.workspace / "a.py").read_text() == "x = 2\n"


async def test_closing_waits_for_an_undo_and_removes_what_was_kept(agent: Agent, ctx: ToolContext) -> None:
    agent.prompt("go")
    await agent.settled()
    agent.undo()
    await agent.aclose()
    assert (ctx.workspace / "a.py").read_text() == "x = 1\n"
    assert list(ctx.spill_dir.iterdir()) == []


async def _first(events: Any, count: int) -> AsyncIterator[Any]:
    async with asyncio.timeout(15):
        async for event in events:
            yield event
            count -= 1
            if not count:
                return
