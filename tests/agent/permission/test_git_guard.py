"""Git in a hostile repository: whatever runs unasked runs nothing that the repository names."""

from __future__ import annotations

import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from h2a_agent.permission import Permission, Verdict
from h2a_agent.permission.git import guard, names_programs
from h2a_agent.tools.base import ToolContext
from h2a_agent.tools.bash import BashTool
from h2a_agent.tools.child_env import child_env

LOOKS = [
    "git status",
    "git status -sb",
    "git diff",
    "git diff --stat",
    "git --no-pager diff HEAD",
    "git log -p -2",
    "git show HEAD",
    "git show HEAD:a.txt",
    "git blame a.txt",
    "git grep b",
    "git stash list",
    "git branch -a",
    "git ls-files -m",
    "git describe --always",
    "git diff-index -p HEAD",
    "git diff-files -p",
    "git diff-tree -p HEAD",
    "git shortlog HEAD",
    "git status && git diff | head",
]


def git(folder: Path, *words: str) -> None:
    env = {"HOME": str(folder), "PATH": child_env({})["PATH"], "GIT_CONFIG_NOSYSTEM": "1"}
    identity = ["-c", "user.name=n", "-c", "user.email=n@example.org", "-c", "protocol.file.allow=always"]
    subprocess.run(["git", *identity, *words], cwd=folder, env=env, check=True, capture_output=True)


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    folder = tmp_path / "repository"
    folder.mkdir()
    git(folder, "init", "-q", "-b", "main")
    (folder / "a.txt").write_text("a\n")
    (folder / ".gitattributes").write_text("*.txt diff=evil filter=evil\n")
    git(folder, "add", ".")
    git(folder, "commit", "-qm", "one")
    (folder / "a.txt").write_text("b\n")
    git(folder, "commit", "-qam", "two")
    (folder / "a.txt").write_text("c\n")
    return folder


def configure(repository: Path, canary: Path, key: str) -> None:
    program = repository.parent / "evil"
    program.write_text(f"#!/bin/sh\ntouch {canary}\ncat 2>/dev/null\n")
    program.chmod(0o755)
    git(repository, "config", key, str(program))


async def look(repository: Path, line: str) -> Verdict:
    """Decide as the agent does, and run what is allowed as it does."""
    tool: Any = BashTool()
    spill = repository.parent / "spill"
    spill.mkdir(exist_ok=True)
    ctx = ToolContext(repository, spill)
    params = tool.params(command=line)
    judged = Permission().decide("plan", tool, params, ctx)
    if judged.verdict is Verdict.ALLOW:
        await tool.run(params, ToolContext(repository, spill, env=dict(judged.env)))
    return judged.verdict


HOSTILE = ["core.fsmonitor", "diff.external", "diff.evil.command", "diff.evil.textconv", "filter.evil.clean", "core.pager", "core.sshCommand"]  # fmt: skip


@pytest.mark.parametrize("key", HOSTILE)
async def test_nothing_that_the_repository_names_is_run(repository: Path, tmp_path: Path, key: str) -> None:
    canary = tmp_path / "canary"
    configure(repository, canary, key)
    for line in LOOKS:
        await look(repository, line)
        assert not canary.exists(), line


@pytest.mark.parametrize("key", ["core.fsmonitor", "diff.external", "diff.evil.command", "filter.evil.clean"])
def test_the_same_repository_does_run_it_without_the_guard(
    repository: Path, tmp_path: Path, key: str
) -> None:
    canary = tmp_path / "canary"
    configure(repository, canary, key)
    subprocess.run(["bash", "-c", "git status; git diff"], cwd=repository, capture_output=True, check=False)
    assert canary.exists()


async def test_a_hook_of_a_submodule_is_out_of_reach(repository: Path, tmp_path: Path) -> None:
    canary = tmp_path / "canary"
    inner = repository / "inner"
    inner.mkdir()
    git(inner, "init", "-q")
    (inner / "x").write_text("x\n")
    (inner / ".gitattributes").write_text("* filter=evil\n")
    git(inner, "add", ".")
    git(inner, "commit", "-qm", "x")
    git(repository, "add", "inner")
    git(repository, "commit", "-qm", "three")
    (repository / ".gitmodules").write_text('[submodule "inner"]\n path = inner\n url = x\n ignore = none\n')
    configure(inner, canary, "filter.evil.clean")
    configure(inner, canary, "core.fsmonitor")
    (inner / "x").write_text("y\n")
    for line in LOOKS:
        await look(repository, line)
        assert not canary.exists(), line


async def test_ordinary_repository_is_looked_at_unasked_and_says_the_same(repository: Path) -> None:
    (repository / ".gitattributes").write_text("")
    assert not names_programs(repository)
    for line in LOOKS:
        assert await look(repository, line) is Verdict.ALLOW, line
        plain, guarded = said(repository, line, {}), said(repository, line, guard())
        assert guarded == plain, line


def said(repository: Path, line: str, env: Mapping[str, str]) -> tuple[int, bytes]:
    ran = subprocess.run(
        ["bash", "-c", line], cwd=repository, env=child_env(env), capture_output=True, check=False
    )
    return ran.returncode, ran.stdout


@pytest.mark.parametrize("key", ["filter.evil.clean", "diff.evil.command", "core.worktree"])
async def test_repository_that_names_programs_is_asked_about(repository: Path, key: str) -> None:
    git(repository, "config", key, str(repository))
    assert await look(repository, "git status") is Verdict.ASK


async def test_included_configuration_counts(repository: Path) -> None:
    (repository / "more").write_text('[filter "x"]\n clean = ./evil\n')
    git(repository, "config", "include.path", "../more")
    assert await look(repository, "git diff") is Verdict.ASK


async def test_where_there_is_no_repository_git_is_not_asked_about(tmp_path: Path) -> None:
    assert await look(tmp_path, "git status") is Verdict.ALLOW


async def test_link_out_of_the_workspace_is_asked_about_even_behind_a_glob(repository: Path) -> None:
    (repository.parent / "private").write_text("x")
    (repository / "notes.md").symlink_to("../private")
    assert await look(repository, "cat notes.md") is Verdict.ASK
    assert await look(repository, "cat *.md") is Verdict.ASK
    assert await look(repository, "cat *.txt") is Verdict.ALLOW
