"""The user's rules: what they cover, what they never can, and that a wrong one is named."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from h2a_agent.permission import Permission, Verdict
from h2a_agent.permission.rules import RuleError, Rules
from h2a_agent.tools import default_tools
from h2a_agent.tools.base import ToolContext

ALLOW, ASK, DENY = Verdict.ALLOW, Verdict.ASK, Verdict.DENY
TOOLS = {tool.name: tool for tool in default_tools()}


class Judge:
    """What becomes of calls under these rules."""

    def __init__(self, tmp_path: Path, **rules: list[str]) -> None:
        self.permission = Permission(rules=Rules.parse(rules))
        self.ctx = ToolContext(tmp_path, tmp_path)

    def bash(self, line: str, mode: str = "ask") -> Verdict:
        return self("bash", mode, command=line)

    def __call__(self, name: str, mode: str = "ask", **arguments: Any) -> Verdict:
        tool = TOOLS[name]
        defaults: dict[str, Any] = {"write": {"content": "x"}, "grep": {"pattern": "x"}}.get(name, {})
        params = tool.params.model_validate({**defaults, **arguments})
        return self.permission.decide(mode, tool, params, self.ctx).verdict


@pytest.mark.parametrize(
    ("line", "verdict"),
    [
        ("npm test", ALLOW),
        ("npm  'test'", ALLOW),
        ("npm test -- -u", ASK),
        ("npm run lint", ALLOW),
        ("npm run lint -- src", ALLOW),
        ("npm run lint2", ASK),
        ("npm run", ASK),
        ("npm test && ls | head", ALLOW),
        ("npm test; git log", ASK),
        ("npm test; rm x", ASK),
        ("npm test | sh", ASK),
        ("npm test > out", ASK),
        ("npm test $(rm x)", ASK),
        ("npm run lint $(rm x)", ASK),
        ("npm run lint `rm x`", ASK),
        ("npm run lint *", ASK),
        ("X=1 npm test", ASK),
        ("npm test\nrm x", ASK),
        ("npm test &", ASK),
        ("NPM test", ASK),
    ],
)
def test_allow_rule_covers_its_words_and_nothing_else(tmp_path: Path, line: str, verdict: Verdict) -> None:
    judge = Judge(tmp_path, allow=["bash(npm test)", "bash(npm run lint *)"])
    assert judge.bash(line) is verdict
    assert judge.bash(line, "plan") is DENY


def test_star_in_the_middle_is_one_word(tmp_path: Path) -> None:
    judge = Judge(tmp_path, allow=["bash(git push * main)"])
    assert judge.bash("git push origin main") is ALLOW
    assert judge.bash("git push --force origin main") is ASK


@pytest.mark.parametrize(
    "line",
    [
        "rm -rf x",
        "'rm' x",
        "r\\m x",
        "/bin/rm x",
        "ls && rm x",
        "ls | rm",
        "(rm x)",
        "echo $(rm x)",
        'echo "`rm x`"',
        "cat <(rm x)",
        "if true; then rm x; fi",
        "for f in a; do rm $f; done",
        "X=1 rm x",
        "sudo rm x",
        "sudo -u root rm x",
        "env A=1 rm x",
        "timeout 5 rm x",
        "find . | xargs rm",
        "nohup rm x &",
        "rm > out",
        "f() { rm x; }",
    ],
)
def test_deny_rule_finds_its_command_anywhere_and_in_every_mode(tmp_path: Path, line: str) -> None:
    judge = Judge(tmp_path, deny=["bash(rm *)"], allow=["bash(rm *)"])
    assert judge.bash(line) is DENY
    assert judge.bash(line, "full") is DENY


@pytest.mark.parametrize("line", ["$x y", "${r}m y", "`echo rm` x", "ls (", "echo " + "x" * 5000])
def test_what_cannot_be_held_against_a_deny_rule_is_asked_about(tmp_path: Path, line: str) -> None:
    assert Judge(tmp_path, deny=["bash(rm *)"]).bash(line, "full") is ASK
    assert Judge(tmp_path).bash(line, "full") is ALLOW


def test_plan_mode_denies_what_a_rule_asks_about_unless_it_only_looks(tmp_path: Path) -> None:
    judge = Judge(tmp_path, ask=["bash(make *)", "bash(ls *)"], allow=["bash(cat /home/somebody/notes)"])
    assert judge.bash("make", "plan") is DENY
    assert judge.bash("ls -l", "plan") is ASK
    assert judge.bash("cat /home/somebody/notes") is ALLOW, "a rule opens what lies elsewhere"
    assert judge.bash("cat /home/somebody/notes", "plan") is ASK
    assert judge.bash("cat /home/somebody/other") is ASK


def test_deny_outranks_ask_outranks_allow_and_a_grant_outranks_ask(tmp_path: Path) -> None:
    judge = Judge(
        tmp_path, allow=["bash(task *)"], ask=["bash(task release)", "bash(ls *)"], deny=["bash(task clean)"]
    )
    assert [judge.bash(f"task {what}") for what in ("all", "release", "clean")] == [ALLOW, ASK, DENY]
    assert judge.bash("ls -l") is ASK
    assert judge.bash("task release", "full") is ASK
    tool = TOOLS["bash"]
    for what in ("release", "clean"):
        judge.permission.grant(tool, tool.params(command=f"task {what}"), judge.ctx)
    assert [judge.bash(f"task {what}") for what in ("release", "clean")] == [ALLOW, DENY]


def test_path_rules_for_changing(tmp_path: Path) -> None:
    judge = Judge(
        tmp_path, allow=["edit(src/**)", "write(.env.test)"], deny=["edit(src/gen/*)"], ask=["write(*.lock)"]
    )
    for name in ("edit", "write"):
        more: dict[str, Any] = {"edits": [{"old_text": "a", "new_text": "b"}]} if name == "edit" else {}
        assert judge(name, path="src/a/b.py", **more) is ALLOW
        assert judge(name, path="src/../other.py", **more) is ASK
        assert judge(name, path="src/gen/a.py", **more) is DENY
        assert judge(name, "full", path="src/gen/a.py", **more) is DENY
        assert judge(name, path="src/gen/a/b.py", **more) is ALLOW
        assert judge(name, "edits", path="uv.lock", **more) is ASK
        assert judge(name, "plan", path="src/a.py", **more) is DENY


def test_star_allows_neither_secrets_nor_what_programs_obey(tmp_path: Path) -> None:
    judge = Judge(tmp_path, allow=["edit(**)", "read(**)", "write(.env.test)"])
    assert judge("write", path="a.py") is ALLOW
    assert judge("write", path=".env") is ASK
    assert judge("write", path=".git/hooks/pre-commit") is ASK
    assert judge("read", path=".env") is ASK
    assert judge("write", path=".env.test") is ALLOW, "named by itself"


def test_path_rule_follows_links(tmp_path: Path) -> None:
    (tmp_path / "src").mkdir()
    (tmp_path / "src" / "out").symlink_to("/etc")
    (tmp_path / "alias").symlink_to("secret")
    judge = Judge(tmp_path, allow=["edit(src/**)"], deny=["read(secret/**)"])
    assert judge("write", path="src/out/hosts") is ASK
    (tmp_path / "secret").mkdir()
    assert judge("read", path="alias/x") is DENY
    assert judge.bash("cat alias/x") is DENY
    assert judge.bash("cat secret/x") is DENY
    assert judge("read", "full", path="secret/x") is DENY


def test_search_of_a_folder_that_holds_a_forbidden_one_is_asked_about(tmp_path: Path) -> None:
    (tmp_path / "a" / "secret").mkdir(parents=True)
    (tmp_path / "b").mkdir()
    judge = Judge(tmp_path, deny=["read(a/secret/**)"])
    assert judge("grep", path="a") is ASK
    assert judge("grep", path="b") is ALLOW
    assert judge.bash("grep -r x a") is ASK


def test_read_rule_opens_a_folder_elsewhere(tmp_path: Path) -> None:
    workspace, notes = tmp_path / "work", tmp_path / "notes"
    workspace.mkdir()
    notes.mkdir()
    judge = Judge(workspace, allow=[f"read({notes}/**)"])
    assert judge("read", path=str(notes / "a")) is ALLOW
    assert judge("ls", path=str(notes)) is ALLOW
    assert judge.bash(f"cat {notes}/a") is ALLOW
    assert judge("read", path=str(tmp_path / "other")) is ASK


@pytest.mark.parametrize(
    ("rule", "why"),
    [
        ("npm test", "must be bash(words ...), read(path), edit(path) or write(path)"),
        ("shell(ls)", "must be bash(words ...)"),
        ("bash()", "must be bash(words ...)"),
        ("bash(git push:*)", "has a star inside the word 'push:*'"),
        ("bash(npm run test*)", "has a star inside the word"),
        ("bash(rm $x)", "a rule is of literal words"),
        ("bash(a; b)", "a rule is of literal words"),
        ("bash(echo 'x)", "holds an open quote"),
        ("bash(*)", "would allow every command"),
        ("bash(* test)", "would allow every command"),
        ("bash(python *)", "python runs whatever it is given"),
        ("bash(python3.12 -m *)", "runs whatever it is given"),
        ("bash(/bin/sh *)", "runs whatever it is given"),
        ("bash(sudo *)", "runs whatever it is given"),
        ("bash(xargs rm *)", "runs whatever it is given"),
        ("bash(find *)", "runs whatever it is given"),
        ("bash(env *)", "runs whatever it is given"),
        ("bash(git *)", "would allow everything git can do"),
        ("bash(git -c *)", "would allow everything git can do"),
        ("bash(docker *)", "would allow everything docker can do"),
    ],
)
def test_rule_that_cannot_be_is_refused_by_name(rule: str, why: str) -> None:
    with pytest.raises(RuleError) as caught:
        Rules.parse({"allow": [rule]})
    assert str(caught.value).startswith(f"permissions.allow: {rule!r} ")
    assert why in str(caught.value)


def test_interpreter_may_be_denied_by_star_and_allowed_word_by_word(tmp_path: Path) -> None:
    judge = Judge(tmp_path, deny=["bash(sudo *)"], allow=["bash(python manage.py test)"])
    assert judge.bash("sudo ls") is DENY
    assert judge.bash("python manage.py test") is ALLOW
    assert judge.bash("python manage.py migrate") is ASK


@pytest.mark.parametrize(
    ("line", "rule"),
    [
        ("npm test", "bash(npm test)"),
        ("npm run 'a b'", "bash(npm run 'a b')"),
        ("npm run '*'", "bash(npm run '*')"),
        ("cd web && npm test | tail -3", "bash(npm test)"),
        ("npm test && npm run x", ""),
        ("npm test > out", ""),
        ("npm run $x", ""),
        ("npm run *", ""),
        ("bash -c 'ls'", ""),
        ("python x.py", ""),
        ("sudo ls", ""),
    ],
)
def test_proposed_rule_allows_exactly_the_call(tmp_path: Path, line: str, rule: str) -> None:
    judge = Judge(tmp_path)
    (tmp_path / "web").mkdir()
    tool = TOOLS["bash"]
    params = tool.params(command=line)
    assert judge.permission.propose(tool, params, judge.ctx) == rule
    if rule:
        assert judge.bash(line) is ASK
        judge.permission.allow_always(rule)
        assert judge.bash(line) is ALLOW
        assert judge.bash(line + " more") is (ALLOW if line.endswith("-3") else ASK)


def test_proposed_path_rules(tmp_path: Path) -> None:
    judge = Judge(tmp_path)
    write = TOOLS["write"]

    def proposal(path: str) -> str:
        return judge.permission.propose(write, write.params(path=path, content="x"), judge.ctx)

    assert proposal("src/a.py") == "edit(src/a.py)"
    assert proposal(".env") == proposal(".git/config") == proposal("a*b") == ""
    judge.permission.allow_always("edit(src/a.py)")
    assert judge("write", path="src/a.py") is ALLOW
    assert judge("write", path="src/b.py") is ASK
