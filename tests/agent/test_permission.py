"""What runs at once, what is asked about, what is denied: the whole table, and every way around it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from h2a_agent.permission import Mode, Permission, Verdict
from h2a_agent.tools import default_tools
from h2a_agent.tools.base import ToolContext

TOOLS = {tool.name: tool for tool in default_tools()}
ALLOW, ASK, DENY = Verdict.ALLOW, Verdict.ASK, Verdict.DENY


@pytest.fixture
def ctx(tmp_path: Path) -> ToolContext:
    workspace, spill = tmp_path / "work", tmp_path / "spill"
    workspace.mkdir()
    spill.mkdir()
    (workspace / "a.py").touch()
    return ToolContext(workspace, spill)


class Judge:
    """Asks a `Permission` about calls as a model would make them."""

    def __init__(self, ctx: ToolContext, permission: Permission | None = None) -> None:
        self.ctx = ctx
        self.permission = permission or Permission()

    def __call__(self, mode: str, name: str, **arguments: Any) -> Verdict:
        return self.reason(mode, name, **arguments)[0]

    def reason(self, mode: str, name: str, **arguments: Any) -> tuple[Verdict, str]:
        tool = TOOLS[name]
        return self.permission.decide(mode, tool, _params(name, arguments), replace(self.ctx))[:2]

    def grant(self, name: str, **arguments: Any) -> None:
        self.permission.grant(TOOLS[name], _params(name, arguments), replace(self.ctx))


def _params(name: str, arguments: dict[str, Any]) -> Any:
    defaults: dict[str, dict[str, Any]] = {
        "write": {"content": "x"},
        "edit": {"edits": [{"old_text": "a", "new_text": "b"}]},
        "grep": {"pattern": "x"},
        "find": {"pattern": "x"},
    }
    return TOOLS[name].params.model_validate({**defaults.get(name, {}), **arguments})


@pytest.fixture
def judge(ctx: ToolContext) -> Judge:
    return Judge(ctx)


INSIDE, OUTSIDE, SECRET, HOOK = "a.py", "/etc/hosts", ".env", ".git/hooks/pre-commit"


@pytest.mark.parametrize(
    ("name", "arguments", "plan", "ask", "edits", "full"),
    [
        ("read", {"path": INSIDE}, ALLOW, ALLOW, ALLOW, ALLOW),
        ("read", {"path": OUTSIDE}, ASK, ASK, ASK, ALLOW),
        ("read", {"path": SECRET}, ASK, ASK, ASK, ALLOW),
        ("ls", {}, ALLOW, ALLOW, ALLOW, ALLOW),
        ("ls", {"path": ".."}, ASK, ASK, ASK, ALLOW),
        ("grep", {}, ALLOW, ALLOW, ALLOW, ALLOW),
        ("grep", {"path": "/"}, ASK, ASK, ASK, ALLOW),
        ("find", {"path": "~"}, ASK, ASK, ASK, ALLOW),
        ("write", {"path": INSIDE}, DENY, ASK, ALLOW, ALLOW),
        ("write", {"path": "new/file"}, DENY, ASK, ALLOW, ALLOW),
        ("write", {"path": OUTSIDE}, DENY, ASK, ASK, ALLOW),
        ("write", {"path": SECRET}, DENY, ASK, ASK, ALLOW),
        ("write", {"path": HOOK}, DENY, ASK, ASK, ASK),
        ("edit", {"path": INSIDE}, DENY, ASK, ALLOW, ALLOW),
        ("edit", {"path": "sub/.GIT/config"}, DENY, ASK, ASK, ASK),
        ("bash", {"command": "ls"}, ALLOW, ALLOW, ALLOW, ALLOW),
        ("bash", {"command": "ls /home/somebody"}, ASK, ASK, ASK, ALLOW),
        ("bash", {"command": "cat .env"}, DENY, ASK, ASK, ALLOW),
        ("bash", {"command": "make"}, DENY, ASK, ASK, ALLOW),
    ],
)
def test_table(
    judge: Judge,
    name: str,
    arguments: dict[str, Any],
    plan: Verdict,
    ask: Verdict,
    edits: Verdict,
    full: Verdict,
) -> None:
    verdicts = [judge(mode, name, **arguments) for mode in ("plan", "ask", "edits", "full")]
    assert verdicts == [plan, ask, edits, full]


def test_denial_tells_the_model_what_to_do_instead(judge: Judge) -> None:
    verdict, reason = judge.reason("plan", "bash", command="make")
    assert verdict is DENY
    assert (
        "Look with read, grep, find, ls and plain commands that only read, and answer with a plan" in reason
    )


def test_every_mode_has_its_meaning() -> None:
    assert [mode.value for mode in Mode] == ["plan", "ask", "edits", "full"]
    assert all(mode.meaning for mode in Mode)


def test_unknown_mode_denies(judge: Judge) -> None:
    assert judge("yolo", "read", path=INSIDE) is DENY


# ------------------------------------------------------------------ ways around


@pytest.mark.parametrize(
    "path",
    [
        "../spill/../other",
        "sub/../../other",
        "link to etc/hosts",
        "link to hosts",
        "dangling to outside",
        "loop",
        "/proc/self/root/etc/hosts",
        "~/file",
        "x" * 5000,
    ],
)
@pytest.mark.parametrize("name", ["read", "write"])
def test_way_out_of_the_workspace_is_asked_about(
    judge: Judge, ctx: ToolContext, name: str, path: str
) -> None:
    (ctx.workspace / "link to etc").symlink_to("/etc")
    (ctx.workspace / "link to hosts").symlink_to("/etc/hosts")
    (ctx.workspace / "dangling to outside").symlink_to(ctx.workspace.parent / "new")
    (ctx.workspace / "loop").symlink_to("loop")
    assert judge("edits", name, path=path) is ASK


def test_link_to_the_workspace_is_inside(tmp_path: Path, ctx: ToolContext) -> None:
    (tmp_path / "alias").symlink_to(ctx.workspace)
    linked = ToolContext(tmp_path / "alias", ctx.spill_dir)
    assert Judge(linked)("edits", "edit", path="a.py") is ALLOW
    assert Judge(linked)("edits", "edit", path=str(ctx.workspace / "a.py")) is ALLOW


@pytest.mark.parametrize(
    "path",
    [".env", ".env.local", "sub/server.PEM", "id_ed25519", ".ssh/config", ".aws/credentials", "innocent"],
)
def test_secret_is_asked_about_by_name_and_through_links(judge: Judge, ctx: ToolContext, path: str) -> None:
    (ctx.workspace / "innocent").symlink_to(".env")
    assert judge("edits", "read", path=path) is ASK
    assert judge("edits", "grep", path=path) is ASK
    assert judge("edits", "write", path=path) is ASK


@pytest.mark.parametrize("path", [".env.example", "id_ed25519.pub", "environment.py", "keyboard"])
def test_look_alikes_of_secrets_are_not_asked_about(judge: Judge, path: str) -> None:
    assert judge("plan", "read", path=path) is ALLOW


def test_git_behind_a_link_is_asked_about(judge: Judge, ctx: ToolContext) -> None:
    (ctx.workspace / ".git").mkdir()
    (ctx.workspace / "harmless").symlink_to(".git")
    assert judge("edits", "write", path="harmless/config") is ASK
    assert judge("edits", "write", path=".gitignore") is ALLOW


def test_own_files_are_asked_about_even_inside(ctx: ToolContext) -> None:
    own = ctx.workspace / "settings"
    judge = Judge(ctx, Permission([own]))
    assert judge("edits", "write", path="settings/config.toml") is ASK
    assert judge("edits", "write", path="settings.toml") is ALLOW


def test_names_above_the_workspace_do_not_count(tmp_path: Path) -> None:
    workspace = tmp_path / ".git" / "worktree"
    workspace.mkdir(parents=True)
    assert Judge(ToolContext(workspace, tmp_path))("edits", "write", path="a") is ALLOW


def test_long_outputs_can_be_read_without_a_question(judge: Judge, ctx: ToolContext) -> None:
    assert judge("plan", "read", path=str(ctx.spill_dir / "bash-1.txt")) is ALLOW
    assert judge("edits", "write", path=str(ctx.spill_dir / "bash-1.txt")) is ASK


# ------------------------------------------------------------------ for this session


def test_granted_command_is_that_command_only(judge: Judge) -> None:
    judge.grant("bash", command="pytest -q")
    assert judge("ask", "bash", command="pytest -q") is ALLOW
    assert judge("edits", "bash", command="pytest -q", timeout_s=600) is ALLOW
    assert judge("ask", "bash", command="pytest -q; rm -rf /") is ASK
    assert judge("ask", "bash", command="pytest  -q") is ASK
    assert judge("plan", "bash", command="pytest -q") is DENY


def test_granted_edit_is_that_file_only_for_both_tools(judge: Judge, ctx: ToolContext) -> None:
    judge.grant("edit", path="a.py")
    (ctx.workspace / "link").symlink_to("a.py")
    assert judge("ask", "edit", path="a.py") is ALLOW
    assert judge("ask", "write", path="link") is ALLOW
    assert judge("ask", "edit", path="b.py") is ASK
    assert judge("plan", "edit", path="a.py") is DENY


def test_granted_edit_ends_where_the_link_is_turned(judge: Judge, ctx: ToolContext) -> None:
    (ctx.workspace / "link").symlink_to("a.py")
    judge.grant("edit", path="link")
    (ctx.workspace / "link").unlink()
    (ctx.workspace / "link").symlink_to("/etc/hosts")
    assert judge("edits", "edit", path="link") is ASK


def test_granted_look_is_the_folder_and_below_without_its_secrets(judge: Judge, tmp_path: Path) -> None:
    library = tmp_path / "library"
    (library / "sub").mkdir(parents=True)
    (library / "a").touch()
    judge.grant("read", path=str(library / "a"))
    assert judge("plan", "read", path=str(library / "sub" / "b")) is ALLOW
    assert judge("plan", "grep", path=str(library)) is ALLOW
    assert judge("plan", "read", path=str(library / ".env")) is ASK
    assert judge("plan", "read", path=str(tmp_path / "other")) is ASK
    assert judge("edits", "write", path=str(library / "a")) is ASK


def test_granted_secret_is_that_file_only(judge: Judge) -> None:
    judge.grant("read", path=".env")
    assert judge("ask", "read", path=".env") is ALLOW
    assert judge("ask", "read", path=".env.local") is ASK


@pytest.mark.parametrize("path", ["/vmlinuz", "~/notes.txt", "../beside.txt"])
def test_grant_never_opens_a_folder_that_holds_everything(judge: Judge, path: str) -> None:
    judge.grant("read", path=path)
    assert judge("ask", "read", path=path) is ALLOW
    sibling = str(Path(path).parent / "sibling")
    assert judge("ask", "read", path=sibling) is ASK


def test_grants_end_with_the_session(judge: Judge, ctx: ToolContext) -> None:
    judge.grant("bash", command="make")
    assert Judge(ctx)("ask", "bash", command="make") is ASK
