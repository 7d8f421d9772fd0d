"""What the model is told: readable parts, the same bytes every time, and strangers' files held at arm's length."""

from __future__ import annotations

import asyncio
import os
import subprocess
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from h2a_agent.agent import Agent
from h2a_agent.content import ImageBlock, TextBlock, ThinkingBlock, ToolUseBlock
from h2a_agent.context.breakdown import Breakdown, Share, context_breakdown
from h2a_agent.context.environment import git_status, look_round
from h2a_agent.context.instructions import InstructionFiles, project_folders
from h2a_agent.context.prompt import Part, SystemPrompt
from h2a_agent.context.tokens import IMAGE_TOKENS, about_tokens
from h2a_agent.events import Kind, Outcome
from h2a_agent.history import (
    AssistantEntry,
    CompactionEntry,
    Entry,
    OmitEntry,
    RetractEntry,
    ShellEntry,
    ToolEntry,
    UserEntry,
)
from h2a_agent.providers.anthropic import AnthropicProvider
from h2a_agent.providers.base import TokenUsage, ToolSpec
from h2a_agent.run_settings import RunSettings
from h2a_agent.session import Session
from support.messages_api import MessagesServer
from support.scripted_provider import ScriptedProvider


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A repository with a folder in a folder."""
    root = tmp_path / "project"
    (root / "src" / "deep").mkdir(parents=True)
    (root / ".git").mkdir()
    (root / ".git" / "HEAD").write_text("ref: refs/heads/topic/x\n")
    return root


def read(workspace: Path, **options: object) -> list[tuple[str, str]]:
    files = InstructionFiles(workspace, trusted=True, **options)  # type: ignore[arg-type]
    return [(str(file.path.relative_to(workspace.parents[2])), file.text) for file in files.read()]


# --------------------------------------------------------- instruction files


def test_files_are_found_from_the_repositorys_root_down_nearest_last(project: Path) -> None:
    (project.parent / "AGENTS.md").write_text("outside the repository")
    (project / "AGENTS.md").write_text("root")
    (project / "src" / "CLAUDE.md").write_text("middle")
    (project / "src" / "deep" / "AGENTS.md").write_text("near")
    assert read(project / "src" / "deep") == [
        ("project/AGENTS.md", "root"),
        ("project/src/CLAUDE.md", "middle"),
        ("project/src/deep/AGENTS.md", "near"),
    ]


def test_without_a_repository_the_walk_ends_below_the_home_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    deep = tmp_path / "home" / "work" / "thing"
    deep.mkdir(parents=True)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    assert project_folders(deep) == (deep.parent, deep)
    assert project_folders(deep.parents[1]) == (deep.parents[1],), "in the home folder itself"
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    assert project_folders(elsewhere) == (elsewhere,)


def test_a_projects_files_are_not_read_in_a_folder_nobody_trusts_and_the_users_own_are(
    project: Path, tmp_path: Path
) -> None:
    own = tmp_path / "config"
    own.mkdir()
    (own / "AGENTS.md").write_text("mine")
    (project / "AGENTS.md").write_text("theirs")
    assert [f.text for f in InstructionFiles(project, own=own).read()] == ["mine"]
    assert [f.text for f in InstructionFiles(project, own=own, trusted=True).read()] == ["mine", "theirs"]
    assert InstructionFiles(project).read() == ()


def test_one_text_under_two_names_is_told_once(project: Path) -> None:
    (project / "AGENTS.md").write_text("same")
    (project / "CLAUDE.md").symlink_to("AGENTS.md")
    assert [f.text for f in InstructionFiles(project, trusted=True).read()] == ["same"]


def test_a_link_out_of_the_project_and_what_is_no_file_are_not_read(project: Path, tmp_path: Path) -> None:
    secret = tmp_path / "id_rsa"
    secret.write_text("PRIVATE")
    (project / "AGENTS.md").symlink_to(secret)
    os.mkfifo(project / "CLAUDE.md")
    (project / "src" / "AGENTS.md").mkdir()
    assert InstructionFiles(project / "src", trusted=True).read() == ()


def test_hidden_characters_are_made_visible_and_line_ends_and_marks_are_plain(project: Path) -> None:
    (project / "AGENTS.md").write_bytes("\ufeffrun\u202e it\r\nno\u200bw \x1b[2J".encode())
    [file] = InstructionFiles(project, trusted=True).read()
    assert file.text == "run⟨202E⟩ it\nno⟨200B⟩w ␛[2J"


def test_a_long_file_is_cut_and_says_so_and_all_together_are_bounded(project: Path) -> None:
    near = project
    for name in ("a", "b", "c", "d", "e"):
        near = near / name
        near.mkdir()
        (near / "AGENTS.md").write_text(name * 50_000)
    files = InstructionFiles(near, trusted=True).read()
    assert [len(f.text) for f in files[:3]] == [len(f.text) for f in files[:1]] * 3
    assert files[0].text.endswith("[cut here: the file has 50,000 bytes]")
    assert sum(len(f.text) for f in files) < 100_000


def test_a_changed_file_is_read_again_and_an_unchanged_one_is_not(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = project / "AGENTS.md"
    path.write_text("one")
    files = InstructionFiles(project, trusted=True)
    assert [f.text for f in files.read()] == ["one"]
    opened: list[object] = []
    real = os.open

    def noted(*args: Any, **kw: Any) -> int:
        opened.append(args[0])
        return real(*args, **kw)

    monkeypatch.setattr(os, "open", noted)
    files.read()
    assert opened == []
    path.write_text("another")
    assert [f.text for f in files.read()] == ["another"]
    path.unlink()
    assert files.read() == ()


# ------------------------------------------------------------------- the prompt


async def test_the_prompt_says_role_place_files_and_mode_in_this_order(project: Path) -> None:
    (project / "AGENTS.md").write_text("use tabs")
    prompt = SystemPrompt(project / "src", trusted=True, sandbox="writes only below the project")
    await prompt.refresh()
    parts = prompt.parts("plan", "model-1", ("read", "bash"))
    assert [p.name for p in parts] == ["role", "environment", str(project / "AGENTS.md"), "mode"]
    text = prompt.text("plan", "model-1", ("read", "bash"))
    for words in (
        f"Working directory: {project / 'src'} (git repository, on branch topic/x",
        "Model: model-1",
        "Tools: read, bash",
        "Sandbox: writes only below the project",
        f"# Instructions from {project / 'AGENTS.md'}\n\nuse tabs",
        "do not change what you may do",
        "Plan mode",
    ):
        assert words in text


async def test_the_prompt_is_the_same_bytes_whatever_happens_to_the_repository(project: Path) -> None:
    prompt = SystemPrompt(project)
    await prompt.refresh()
    before = prompt.text("ask")
    (project / ".git" / "HEAD").write_text("ref: refs/heads/other\n")
    (project / "new file").write_text("x")
    await prompt.refresh()
    assert prompt.text("ask") == before


async def test_a_file_that_changes_between_two_steps_is_in_the_next_request(project: Path) -> None:
    (project / "AGENTS.md").write_text("first rule")
    provider = ScriptedProvider()
    agent = Agent(
        provider,
        session=Session.unsaved(project),
        settings=RunSettings("scripted-1"),
        system_prompt=SystemPrompt(project, trusted=True),
    )
    async with agent:
        agent.prompt("one")
        await agent.settled()
        agent.prompt("two")
        await agent.settled()
        (project / "AGENTS.md").write_text("second rule, longer")
        agent.prompt("three")
        await agent.settled()
    one, two, three = (request.system for request in provider.requests)
    assert "first rule" in one
    assert one == two
    assert "second rule" in three


async def test_a_steer_while_the_files_are_read_goes_with_the_request(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    reading, may_go_on = asyncio.Event(), asyncio.Event()
    prompt = SystemPrompt(project)

    async def slow() -> None:
        reading.set()
        await may_go_on.wait()

    monkeypatch.setattr(prompt, "refresh", slow)
    provider = ScriptedProvider()
    async with Agent(
        provider, session=Session.unsaved(project), settings=RunSettings("scripted-1"), system_prompt=prompt
    ) as agent:
        agent.prompt("go")
        await reading.wait()
        agent.steer("and this")
        may_go_on.set()
        await agent.settled()
    words = [b.text for m in provider.requests[0].messages for b in m.content if isinstance(b, TextBlock)]
    assert sorted(words) == ["and this", "go"]
    assert len(provider.requests) == 1


# --------------------------------------------------------------------- the place


def test_the_branch_is_read_without_running_git(project: Path) -> None:
    assert look_round(project / "src").branch == "topic/x"
    (project / ".git" / "HEAD").write_text("0123456789abcdef\n")
    assert look_round(project).git == "git repository, on no branch"


def test_the_branch_of_a_worktree_is_its_own(project: Path, tmp_path: Path) -> None:
    (project / ".git" / "worktrees" / "w").mkdir(parents=True)
    (project / ".git" / "worktrees" / "w" / "HEAD").write_text("ref: refs/heads/w\n")
    tree = tmp_path / "w"
    tree.mkdir()
    (tree / ".git").write_text(f"gitdir: {project}/.git/worktrees/w\n")
    assert look_round(tree).branch == "w"


def test_outside_a_repository_that_is_said(tmp_path: Path) -> None:
    assert look_round(tmp_path).git == "not a git repository"


def git(*arguments: str, cwd: Path) -> None:
    identity = ["-c", "user.name=n", "-c", "user.email=e@example.org"]
    subprocess.run(["git", *identity, *arguments], cwd=cwd, check=True, capture_output=True)


async def test_git_status_is_told_in_brief_and_runs_nothing_the_repository_wants(tmp_path: Path) -> None:
    repository = tmp_path / "r"
    repository.mkdir()
    git("init", "-q", cwd=repository)
    (repository / "a").write_text("a")
    git("add", "a", cwd=repository)
    git("commit", "-qm", "a", cwd=repository)
    assert await git_status(repository, 30.0) == "nothing changed"
    trap = tmp_path / "trap"
    trap.write_text(f"#!/bin/sh\ntouch {tmp_path}/sprung\n")
    trap.chmod(0o755)
    git("config", "core.fsmonitor", str(trap), cwd=repository)
    (repository / "a").write_text("b")
    (repository / "b").write_text("b")
    assert await git_status(repository, 30.0) == "1 changed and 1 untracked files"
    assert not (tmp_path / "sprung").exists()
    assert await git_status(tmp_path / "nowhere", 30.0) == ""


# ----------------------------------------------------------------- what fills it

SPEC = ToolSpec("read", "reads files", {"type": "object"})
PROMPT = (
    Part("role", "r" * 35),
    Part("environment", "e" * 35),
    Part("/p/AGENTS.md", "a" * 70),
    Part("mode", "m" * 14),
)
TALK: list[Entry] = [
    UserEntry("u", Kind.PROMPT, (TextBlock("u" * 35), ImageBlock("image/png", "aGk=")), 1.0),
    AssistantEntry(
        1,
        (ThinkingBlock("t" * 35, "s" * 70), TextBlock("w" * 70), ToolUseBlock("c", "read", {})),
        "tool_use",
        "m",
        TokenUsage(),
        1.0,
    ),
    ToolEntry("c", Outcome.OK, "r" * 350, "", 0.0, 1.0),
    ShellEntry("s", "l" * 34, Outcome.OK, "o" * 35, "", 0.0, 1.0),
]


def shares(found: Breakdown) -> dict[str, int]:
    return {share.name: share.tokens for share in found.shares}


def test_each_part_of_the_request_has_its_share() -> None:
    found = context_breakdown(PROMPT, (SPEC,), TALK, 10_000)
    assert list(shares(found).items())[:2] == [("system prompt", 24), ("/p/AGENTS.md", 20)]
    assert {**shares(found), "tools": 0} == {
        "system prompt": 24,
        "/p/AGENTS.md": 20,
        "tools": 0,
        "user messages": 10,
        "user commands": 20,
        "answers": 20,
        "thinking": 30,
        "tool calls": 2,
        "tool results": 100,
        "images": IMAGE_TOKENS,
    }
    assert not found.counted
    assert found.free == 10_000 - found.total


def test_the_shares_add_up_to_what_the_provider_counted() -> None:
    answered = AssistantEntry(1, (TextBlock("x" * 99),), "end_turn", "m", TokenUsage(3_333, 400), 1.0)
    found = context_breakdown(PROMPT, (SPEC,), [*TALK, answered], 4_000)
    assert found.counted
    assert found.total == 3_733
    assert found.free == 267


said = st.lists(
    st.one_of(
        st.builds(lambda words: UserEntry("u", Kind.PROMPT, (TextBlock(words),), 1.0), st.text(max_size=99)),
        st.builds(lambda words: ToolEntry("c", Outcome.OK, words, "", 0.0, 1.0), st.text(max_size=99)),
        st.sampled_from(TALK),
    ),
    max_size=6,
)


@given(said, st.one_of(st.none(), st.integers(0, 1_000_000)))
def test_the_shares_add_up_whatever_was_counted(history: list[Entry], counted: int | None) -> None:
    found = context_breakdown(PROMPT, (SPEC,), history, 0, counted)
    assert found.counted is (counted is not None)
    assert found.total == sum(share.tokens for share in found.shares)
    if counted is not None:
        assert found.total == counted


def test_what_was_taken_back_or_refused_takes_no_room() -> None:
    history = [*TALK, RetractEntry(("u",), 1.0), OmitEntry(("earlier thinking",), "m", "no", 1.0)]
    found = shares(context_breakdown(PROMPT, (SPEC,), history, 0))
    assert {"answers", "tool results"} < set(found)
    assert not {"user messages", "images", "thinking"} & set(found)


@pytest.mark.parametrize("counts", [12_345, None])
async def test_an_agent_asks_the_provider_what_its_next_request_weighs(
    server: MessagesServer, tmp_path: Path, counts: int | None
) -> None:
    server.counts = counts
    provider = AnthropicProvider("claude-opus-5-5", api_key="sk-test", base_url=server.url)
    settings = RunSettings("claude-opus-5-5")
    async with Agent(provider, session=Session.unsaved(tmp_path), settings=settings) as agent:
        before = await agent.context()
        agent.prompt("hello there")
        await agent.settled()
        after = await agent.context()
    assert before.counted is (counts is not None)
    assert before.total == counts if counts else before.total > 0
    assert after.total == counts if counts else after.total > before.total
    assert after.window == 1_000_000
    assert {"system prompt", "user messages", "answers"} <= set(shares(after))
    assert len(server.requests) == 1, "counting asks no model"


def test_after_a_summary_it_is_the_summary_that_counts() -> None:
    summary = CompactionEntry("k", "s" * 400, 0, 9_000, 200, "", "m", TokenUsage(), 1.0)
    found = context_breakdown(PROMPT, (SPEC,), [*TALK, summary], 0)
    assert "tool results" not in shares(found)
    assert found.total == 200
    assert shares(found)["summary"] > 100
    assert found.free == 0


def test_the_estimate_can_be_replaced() -> None:
    found = context_breakdown(PROMPT, (), [], 0, estimate=len)
    assert found.shares == (Share("system prompt", 84), Share("/p/AGENTS.md", 70))


@pytest.mark.parametrize(
    ("text", "tokens"), [("", 0), ("abcde", 2), ("日本語", 3), ("\ud83d", 1), ("a" * 350 + "語" * 10, 110)]
)
def test_a_text_is_weighed_by_its_scripts(text: str, tokens: int) -> None:
    assert about_tokens(text) == tokens
