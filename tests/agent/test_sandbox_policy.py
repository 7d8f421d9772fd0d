"""The table of what a command may reach, and how it is said to a kernel that can only allow whole folders."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from h2a_agent.sandbox import bubblewrap, landlock_launcher
from h2a_agent.sandbox.policy import Access, Policy, policy_for

HIDDEN, READ, WRITE = Access.HIDDEN, Access.READ, Access.WRITE


@pytest.fixture
def home(tmp_path: Path) -> Path:
    home = (tmp_path / "home").resolve()
    (home / ".ssh").mkdir(parents=True)
    (home / ".cache" / "go-build").mkdir(parents=True)
    (home / ".netrc").touch()
    (home / ".bashrc").touch()
    return home


def policy(workspace: Path, home: Path, **more: object) -> Policy:
    workspace.mkdir(parents=True, exist_ok=True)
    return policy_for(workspace, tmp=home / "tmp", home=home, **more)  # type: ignore[arg-type]


def git(folder: Path, *arguments: str) -> None:
    ours = ["-c", "user.name=n", "-c", "user.email=e@x", "-c", "init.templateDir="]
    subprocess.run(["git", "-C", folder, *ours, *arguments], check=True, capture_output=True)


def test_everything_is_read_but_secrets_and_only_the_workspace_is_written(home: Path) -> None:
    found = policy(home / "work", home)
    assert found.at(Path("/usr/bin/env")) is READ
    assert found.at(home / "work" / "deep" / "file") is WRITE
    assert found.at(home / "other" / "file") is READ
    assert found.at(home / ".ssh" / "id_rsa") is HIDDEN
    assert found.at(home / ".netrc") is HIDDEN
    assert found.at(Path("/run/docker.sock")) is HIDDEN
    assert found.at(Path("/etc/shadow")) is HIDDEN


def test_the_programs_own_folders_are_hidden_but_for_what_is_shown(home: Path) -> None:
    own = home / ".h2a"
    (own / "spill" / "s1").mkdir(parents=True)
    found = policy(home / "work", home, own=[own, home / "not-made-yet"], shown=[own / "spill" / "s1"])
    assert found.at(own / "config.toml") is HIDDEN
    assert found.at(own / "spill" / "s1" / "out.txt") is READ
    assert home / "not-made-yet" not in found.access


def test_folders_the_user_has_named_are_writable_also_through_a_link(home: Path) -> None:
    (home / "data").mkdir()
    (home / "link").symlink_to(home / "data")
    found = policy(home / "work", home, writable=[home / "link"])
    assert found.at(home / "data" / "x") is WRITE


def test_a_cache_is_written_where_it_is_or_moved_where_it_is_not(home: Path) -> None:
    found = policy(home / "work", home)
    assert found.at(home / ".cache" / "go-build" / "x") is WRITE
    environ = found.environ("/tmp")
    assert "GOCACHE" not in environ
    assert environ["UV_CACHE_DIR"] == "/tmp/cache/uv_cache_dir"


def test_hooks_and_configuration_of_a_repository_stay_as_they_are(home: Path) -> None:
    git(home, "init", "work")
    found = policy(home / "work", home)
    dot_git = home / "work" / ".git"
    assert found.at(dot_git / "index") is WRITE
    assert found.at(dot_git / "config") is READ
    assert found.at(dot_git / "hooks" / "pre-commit") is HIDDEN, (
        "there is no such folder, and none may come to be"
    )
    (dot_git / "hooks").mkdir()
    assert policy(home / "work", home).at(dot_git / "hooks" / "pre-commit") is READ
    assert found.access[dot_git] is WRITE, "a mount point of its own cannot be renamed"


def test_submodules_keep_their_hooks_too(home: Path) -> None:
    git(home, "init", "work")
    modules = home / "work" / ".git" / "modules"
    for name in ("one", "libs/two", "one/modules/three"):
        git(home, "init", "--bare", str(modules / name))
    found = policy(home / "work", home)
    for name in ("one", "libs/two", "one/modules/three"):
        assert found.at(modules / name / "config") is READ
        assert found.at(modules / name / "hooks" / "pre-commit") is HIDDEN
        assert found.at(modules / name / "objects") is WRITE


def test_in_a_folder_of_a_repository_commits_work_and_nothing_else_above_it(home: Path) -> None:
    git(home, "init", "project")
    found = policy(home / "project" / "deep" / "down", home)
    assert found.at(home / "project" / ".git" / "index") is WRITE
    assert found.at(home / "project" / ".git" / "config") is READ
    assert found.at(home / "project" / ".git" / "hooks" / "pre-commit") is HIDDEN
    assert found.at(home / "project" / "deep" / "other") is READ
    assert found.at(home / "project" / "deep" / "down" / "file") is WRITE


def test_a_linked_working_tree_can_commit_and_its_hooks_are_those_of_the_main_one(home: Path) -> None:
    git(home, "init", "main")
    git(home / "main", "commit", "--allow-empty", "-m", "x")
    git(home / "main", "worktree", "add", str(home / "work"))
    found = policy(home / "work", home)
    main = home / "main" / ".git"
    assert found.at(main / "objects" / "ab") is WRITE
    assert found.at(main / "config") is READ
    assert found.at(main / "hooks" / "pre-commit") is HIDDEN
    assert found.at(home / "main" / "file") is READ
    assert found.at(home / "work" / ".git") is READ


@pytest.mark.parametrize(
    "content", ["gitdir: {victim}\n", "gitdir: ../../etc\n", "nonsense", "", "gitdir: \0\n"]
)
def test_a_forged_git_file_opens_nothing(home: Path, content: str) -> None:
    victim = home / "victim"
    victim.mkdir()
    (victim / "commondir").write_text(".")
    (victim / "gitdir").write_text("/somewhere/else/.git\n")
    (home / "work").mkdir()
    (home / "work" / ".git").write_text(content.format(victim=victim))
    found = policy(home / "work", home)
    assert found.at(victim) is READ
    assert [path for path, access in found.access.items() if access is WRITE] == [
        home / ".cache" / "go-build",
        home / "work",
    ]


def test_a_working_tree_forged_inside_the_workspace_opens_nothing_outside(home: Path) -> None:
    """Whoever writes the workspace can make both ends of the link; where it leads is still not theirs to say."""
    work = home / "worktrees" / "work"
    for fake in (work, work / "worktrees" / "x"):
        fake.mkdir(parents=True, exist_ok=True)
        (fake / "gitdir").write_text(f"{work}/.git\n")
        (fake / "commondir").write_text(str(home))
        (work / ".git").write_text(f"gitdir: {fake}\n")
        found = policy(work, home)
        assert found.at(home / "file") is READ
        assert found.at(home / "worktrees" / "file") is READ


def test_a_folder_that_is_no_repository_is_not_opened_as_one(home: Path) -> None:
    """A second writable folder, by an unlucky name: the link is whole, but nothing above it is a repository."""
    work, other = home / "worktrees" / "work", home / "worktrees" / "other"
    for folder in (work, other):
        folder.mkdir(parents=True)
    (other / "gitdir").write_text(f"{work}/.git\n")
    (work / ".git").write_text(f"gitdir: {other}\n")
    assert policy(work, home, writable=[other]).at(home / "file") is READ


def test_another_working_tree_of_a_real_repository_is_not_this_one(home: Path) -> None:
    git(home, "init", "main")
    git(home / "main", "commit", "--allow-empty", "-m", "x")
    git(home / "main", "worktree", "add", str(home / "theirs"))
    (home / "work").mkdir()
    (home / "work" / ".git").write_text((home / "theirs" / ".git").read_text())
    assert policy(home / "work", home).at(home / "main" / ".git" / "index") is READ


def test_a_repository_that_happens_to_be_two_folders_up_is_not_opened(home: Path) -> None:
    git(home, "init", "--bare", "bare")
    work = home / "bare" / "somewhere" / "work"
    work.mkdir(parents=True)
    (work / "gitdir").write_text(f"{work}/.git\n")
    (work / ".git").write_text(f"gitdir: {work}\n")
    assert policy(work, home).at(home / "bare" / "objects") is READ


def test_who_works_in_the_home_folder_keeps_keys_and_start_up_files(home: Path) -> None:
    (home / ".config" / "git").mkdir(parents=True)
    found = policy(home, home, own=[home / ".config" / "h2a"])
    assert found.at(home / "file") is WRITE
    assert found.at(home / ".bashrc") is READ
    assert found.at(home / ".ssh" / "id") is HIDDEN
    assert found.access[home / ".config"] is WRITE, "pinned, so that it cannot be moved with what is in it"


def test_who_works_in_a_folder_of_keys_can_work(home: Path) -> None:
    found = policy(home / ".ssh", home)
    assert found.at(home / ".ssh" / "config") is WRITE


def test_bubblewrap_of_the_workspace_is_never_used(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("work/bin", "safe", "open"):
        (tmp_path / name).mkdir(parents=True)
        program = tmp_path / name / "bwrap"
        program.write_text("#!/bin/sh\n")
        program.chmod(0o755)
    (tmp_path / "open").chmod(0o777)
    (tmp_path / "link").symlink_to(tmp_path / "work" / "bin")
    monkeypatch.setattr(bubblewrap, "_USUAL", ())
    monkeypatch.chdir(tmp_path / "work")
    inside = f"bin:.::{tmp_path}/work/bin:{tmp_path}/link:{tmp_path}/open"
    monkeypatch.setenv("PATH", inside)
    assert bubblewrap.find_bubblewrap(tmp_path / "work") == ""
    monkeypatch.setenv("PATH", f"{inside}:{tmp_path}/safe")
    assert bubblewrap.find_bubblewrap(tmp_path / "work") == f"{tmp_path}/safe/bwrap"


def test_without_the_network_it_is_gone_and_with_it_it_stays(home: Path) -> None:
    assert "--unshare-net" in bubblewrap.prefix("bwrap", policy(home / "work", home))
    assert "--unshare-net" not in bubblewrap.prefix("bwrap", policy(home / "work", home, network=True))


# ------------------------------------------------- whole folders that add up to the table

NAMES = st.sampled_from(["a", "b", "c"])
RULES = st.dictionaries(
    st.lists(NAMES, min_size=1, max_size=3).map("/".join), st.sampled_from(["hide", "read"]), max_size=6
)


@given(rules=RULES)
def test_what_is_allowed_adds_up_to_exactly_what_may_be_read(
    rules: dict[str, str], tmp_path_factory: pytest.TempPathFactory
) -> None:
    root = tmp_path_factory.mktemp("tree")
    for one in "abc":
        for two in "abc":
            for three in "abc":
                (root / one / two).mkdir(parents=True, exist_ok=True)
                (root / one / two / three).touch()
    named = {"/": "read", str(root): "read"} | {f"{root}/{path}": access for path, access in rules.items()}
    allowed = [Path(path) for path, _ in landlock_launcher._spread(str(root), "read", named)]
    for file in root.glob("*/*/*"):
        nearest = next(named[str(one)] for one in (file, *file.parents) if str(one) in named)
        assert any(file.is_relative_to(path) for path in allowed) == (nearest == "read"), file


def test_a_link_lends_its_rights_to_nobody(tmp_path: Path) -> None:
    """Beside a hidden folder everything is allowed by name, and a link there leads into it."""
    (tmp_path / "secret").mkdir()
    (tmp_path / "link").symlink_to("secret")
    allowed: list[str] = []

    class Kernel:
        def syscall(self, *arguments: object) -> int:
            allowed.append("a rule")
            return 0

    landlock_launcher._allow(Kernel(), 0, str(tmp_path / "link"), 1)  # type: ignore[arg-type]
    assert allowed == []
    landlock_launcher._allow(Kernel(), 0, str(tmp_path / "secret"), 1)  # type: ignore[arg-type]
    assert allowed == ["a rule"]
