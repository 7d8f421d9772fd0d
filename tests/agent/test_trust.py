"""Which folders are vouched for: what is remembered, for whom it counts, and what a folder wants obeyed."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from h2a_agent.agent import Agent
from h2a_agent.run_settings import RunSettings
from h2a_agent.sandbox.trial import SessionSandbox
from h2a_agent.session import Session
from h2a_agent.trust import Trust, TrustedFolders, at_most_ask, project_of, things_to_obey
from support.scripted_provider import ScriptedProvider


@pytest.fixture
def config(tmp_path: Path) -> Path:
    return tmp_path / "config"


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    project = (tmp_path / "home" / "project").resolve()
    (project / "deep" / "down").mkdir(parents=True)
    return project


# ---------------------------------------------------------------------- the answers


def test_nobody_has_said_anything_at_first(config: Path, project: Path) -> None:
    assert TrustedFolders(config).of(project) is Trust.UNKNOWN
    assert not TrustedFolders(config).is_trusted(project)
    assert not config.exists(), "looking makes nothing"


def test_an_answer_is_kept_for_the_folder_and_what_is_below(config: Path, project: Path) -> None:
    TrustedFolders(config).remember(project, Trust.TRUSTED)
    folders = TrustedFolders(config)
    assert folders.is_trusted(project)
    assert folders.is_trusted(project / "deep" / "down" / "not yet made")
    assert folders.of(project.parent / "project-2") is Trust.UNKNOWN
    assert folders.of(project.parent) is Trust.UNKNOWN


def test_the_nearest_answer_decides(config: Path, project: Path) -> None:
    folders = TrustedFolders(config)
    folders.remember(project, Trust.TRUSTED)
    folders.remember(project / "deep", Trust.DISTRUSTED)
    assert folders.of(project / "deep" / "down") is Trust.DISTRUSTED
    assert folders.is_trusted(project)


def test_a_link_is_what_it_leads_to(config: Path, project: Path, tmp_path: Path) -> None:
    folders = TrustedFolders(config)
    folders.remember(project, Trust.TRUSTED)
    (tmp_path / "link").symlink_to(project)
    assert folders.is_trusted(tmp_path / "link")
    (project / "way-out").symlink_to(tmp_path)
    assert not folders.is_trusted(project / "way-out")


def test_only_the_user_can_read_and_write_the_file(config: Path, project: Path) -> None:
    TrustedFolders(config).remember(project, Trust.TRUSTED)
    (file,) = config.glob("*.json")
    assert file.stat().st_mode & 0o777 == 0o600
    assert config.stat().st_mode & 0o777 == 0o700
    file.chmod(0o620)
    assert not TrustedFolders(config).is_trusted(project), "somebody else may have written that"


@pytest.mark.parametrize(
    "content",
    [
        "",
        "{",
        "[]",
        "null",
        '{"folders": []}',
        '{"folders": {"/": "sure"}}',
        '{"folders": {"/": 1}}',
        "[" * 100_000,
    ],
)
def test_a_file_that_makes_no_sense_trusts_nobody(config: Path, project: Path, content: str) -> None:
    folders = TrustedFolders(config)
    folders.remember(project, Trust.TRUSTED)
    (file,) = config.glob("*.json")
    file.write_text(content)
    assert TrustedFolders(config).of(project) is Trust.UNKNOWN
    folders.remember(project, Trust.TRUSTED)
    assert TrustedFolders(config).is_trusted(project)


def test_all_of_home_is_trusted_in_this_process_only(config: Path, project: Path) -> None:
    for wide in (project.parent, project.parent.parent, Path("/")):
        folders = TrustedFolders(config)
        folders.remember(wide, Trust.TRUSTED)
        assert folders.is_trusted(wide)
        assert TrustedFolders(config).of(project) is Trust.UNKNOWN


def test_an_answer_that_cannot_be_kept_holds_for_now(config: Path, project: Path) -> None:
    config.write_text("a file where the folder should be")
    folders = TrustedFolders(config)
    with pytest.raises(OSError, match="exists"):
        folders.remember(project, Trust.TRUSTED)
    assert folders.is_trusted(project)


def test_eight_writers_lose_no_answer_though_some_are_killed(config: Path, tmp_path: Path) -> None:
    write = (
        "import sys; from pathlib import Path; from h2a_agent.trust import *\n"
        "folders = TrustedFolders(Path(sys.argv[1]))\n"
        "for n in range(8):\n"
        "    folders.remember(Path(sys.argv[2]) / str(n), Trust.TRUSTED); print(n, flush=True)\n"
    )
    writers = [
        subprocess.Popen(
            [sys.executable, "-c", write, str(config), str(tmp_path / f"w{number}")],
            stdout=subprocess.PIPE,
            text=True,
        )
        for number in range(8)
    ]
    said: dict[int, list[str]] = {}
    for number, writer in enumerate(writers):
        assert writer.stdout is not None
        if number < 2:
            said[number] = [writer.stdout.readline()]
            writer.kill()
        said[number] = said.get(number, []) + writer.stdout.readlines()
        writer.wait()
        writer.stdout.close()
    (file,) = config.glob("*.json")
    kept = json.loads(file.read_text())["folders"]
    for number, lines in said.items():
        for line in lines:
            assert str(tmp_path / f"w{number}" / line.strip()) in kept
    assert all(len(lines) == 8 for number, lines in said.items() if number >= 2)


# ------------------------------------------------------------- what a folder wants obeyed


@pytest.mark.parametrize("name", ["AGENTS.md", "CLAUDE.md", ".h2a", ".env", ".envrc", ".mcp.json", ".claude"])
def test_instructions_and_settings_are_seen(project: Path, name: str) -> None:
    assert things_to_obey(project) == ()
    (project / name).symlink_to("/nonexistent")
    assert things_to_obey(project) == (name,)


def test_hooks_are_seen_and_samples_are_not(project: Path) -> None:
    hooks = project / ".git" / "hooks"
    hooks.mkdir(parents=True)
    (hooks / "pre-commit.sample").touch()
    assert things_to_obey(project) == ()
    (hooks / "post-checkout").touch()
    assert things_to_obey(project) == ("git hooks",)


@pytest.mark.parametrize(
    ("config", "runs"),
    [
        ("[core]\n\tfsmonitor = ./x\n", True),
        ("[core] hooksPath=x", True),
        ("[CORE]\n SSHCommand = ./x", True),
        ('[filter "x"]\n\tclean = ./x\n', True),
        ('[diff "x"]\n\ttextconv = ./x\n', True),
        ("[alias]\n\tst = !./x\n", True),
        ("[include]\n\tpath = ../x\n", True),
        ('[includeIf "gitdir:/"]\n\tpath = ../x\n', True),
        ("[core]\n\tbare = false\n\teditorconfig = x\n", False),
        ('[remote "origin"]\n\turl = https://example.org/pager/editor.git\n', False),
        ('[branch "process"]\n\tremote = origin\n', False),
    ],
)
def test_a_git_configuration_that_runs_programs_is_seen(project: Path, config: str, runs: bool) -> None:
    (project / ".git").mkdir()
    (project / ".git" / "config").write_text(config)
    assert bool(things_to_obey(project)) == runs


def test_the_question_is_about_the_whole_project(project: Path) -> None:
    (project / ".git").mkdir()
    (project / "AGENTS.md").touch()
    (project / "deep" / "CLAUDE.md").touch()
    assert project_of(project / "deep" / "down") == project
    assert things_to_obey(project / "deep" / "down") == ("CLAUDE.md", "AGENTS.md")


def test_a_folder_without_a_repository_is_its_own_project(project: Path) -> None:
    (project / "AGENTS.md").touch()
    (project.parent / ".git").mkdir()  # of the home folder, which says nothing of what is in it
    assert project_of(project / "deep") == project / "deep"
    assert things_to_obey(project / "deep") == ()


# ----------------------------------------------------------------------- what it means


def test_without_trust_the_mode_is_at_most_ask() -> None:
    modes = {mode: at_most_ask(RunSettings("m", mode=mode)).mode for mode in ("plan", "ask", "edits", "full")}
    assert modes == {"plan": "plan", "ask": "ask", "edits": "ask", "full": "ask"}


async def test_an_agent_nobody_vouches_for_stays_at_ask_whatever_is_set(tmp_path: Path) -> None:
    settings = RunSettings("scripted-1", mode="full")
    session = Session.unsaved(tmp_path)
    async with Agent(ScriptedProvider(), session=session, settings=settings, trusted=False) as agent:
        assert agent.mode == "ask"
        agent.configure(mode="edits")
        assert (agent.mode, str(agent.settings.mode)) == ("ask", "ask")
        agent.configure(mode="plan")
        assert str(agent.mode) == "plan"


@pytest.mark.parametrize("trusted", [False, True])
async def test_the_sandbox_is_tried_ahead_only_where_somebody_vouches(
    tmp_path: Path, trusted: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The trial starts programs, and in a folder nobody vouches for nothing is started that nobody has asked for."""
    begun: list[SessionSandbox] = []
    monkeypatch.setattr(SessionSandbox, "begin", lambda sandbox: begun.append(sandbox))
    session = Session.unsaved(tmp_path)
    async with Agent(
        ScriptedProvider(), session=session, settings=RunSettings("scripted-1"), trusted=trusted
    ) as agent:
        await agent.warm_up()
    assert bool(begun) == trusted
