"""The branch, read from a repository that may be anybody's."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from h2a_tui.git_head import git_branch


def git(*words: str, cwd: Path) -> None:
    settings = ("-c", "user.name=a", "-c", "user.email=a@example.org", "-c", "init.defaultBranch=main")
    subprocess.run(("git", *settings, *words), cwd=cwd, check=True, capture_output=True)


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    git("init", "repo", cwd=tmp_path)
    git("commit", "--allow-empty", "-m", "first", cwd=tmp_path / "repo")
    return tmp_path / "repo"


def test_branch_is_found_from_any_folder_of_the_repository(repository: Path) -> None:
    (repository / "a" / "b").mkdir(parents=True)
    git("checkout", "-b", "feature/öl", cwd=repository)
    assert git_branch(repository / "a" / "b") == "feature/öl"


def test_branch_of_a_worktree_is_its_own(repository: Path) -> None:
    git("worktree", "add", "-b", "side", "../side", cwd=repository)
    assert git_branch(repository.parent / "side") == "side"
    assert git_branch(repository) == "main"


def test_without_a_branch_it_is_the_commit(repository: Path) -> None:
    git("checkout", "--detach", cwd=repository)
    commit = (repository / ".git" / "HEAD").read_text().strip()
    assert git_branch(repository) == commit[:8]


def test_no_repository_is_no_branch(tmp_path: Path) -> None:
    assert git_branch(tmp_path) == ""
    assert git_branch(tmp_path / "gone") == ""


@pytest.mark.parametrize(
    "head",
    [
        b"",
        b"\xff\xfe",
        b"ref: refs/heads/",
        b"password: hunter2",
        b"ref: refs/heads/a b",
        b"ref: /etc/passwd",
        b"0123",
    ],
)
def test_what_is_neither_branch_nor_commit_is_not_shown(tmp_path: Path, head: bytes) -> None:
    (tmp_path / ".git").mkdir()
    (tmp_path / ".git" / "HEAD").write_bytes(head)
    assert git_branch(tmp_path) == ""


def test_control_characters_of_a_branch_do_not_reach_the_terminal(tmp_path: Path) -> None:
    (tmp_path / ".git").mkdir()
    (tmp_path / ".git" / "HEAD").write_text("ref: refs/heads/a\x1b[31mb\x07")
    assert "\x1b" not in git_branch(tmp_path)
    assert "\x07" not in git_branch(tmp_path)


def test_a_pipe_in_the_place_of_head_does_not_hold_us_up(tmp_path: Path) -> None:
    (tmp_path / ".git").mkdir()
    os.mkfifo(tmp_path / ".git" / "HEAD")
    assert git_branch(tmp_path) == ""
    (tmp_path / "other").mkdir()
    os.mkfifo(tmp_path / "other" / ".git")
    assert git_branch(tmp_path / "other") == ""


def test_a_path_with_a_nul_is_no_repository(tmp_path: Path) -> None:
    (tmp_path / ".git").write_bytes(b"gitdir: a\0b\n")
    assert git_branch(tmp_path) == ""
