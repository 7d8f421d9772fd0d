"""Adding a rule to the user's file: nothing else in it changes, and nothing can be lost on the way."""

from __future__ import annotations

import os
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from h2a_agent.config import ConfigError, load
from h2a_agent.paths import Paths
from h2a_agent.rule_file import add_allow_rule

USERS = """# my settings
mode = "edits"   # I like it so

[permissions]
# what I trust
allow = [
    "bash(npm test)", # daily
]
deny = ["bash(rm *)"]

[keys]
nudge = ["f5"]
"""


def test_rest_of_the_file_stays_as_it_was_and_the_old_one_is_kept(tmp_path: Path) -> None:
    file = tmp_path / "config.toml"
    file.write_text(USERS)
    file.chmod(0o640)
    add_allow_rule(file, "bash(make lint)")
    text = file.read_text()
    table = tomllib.loads(text)
    assert table["permissions"] == {"allow": ["bash(npm test)", "bash(make lint)"], "deny": ["bash(rm *)"]}
    for kept in ("# my settings", '"edits"   # I like it so', "# what I trust", "# daily", 'nudge = ["f5"]'):
        assert kept in text
    assert (tmp_path / "config.toml.bak").read_text() == USERS
    assert file.stat().st_mode & 0o777 == 0o640
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "config.toml",
        "config.toml.bak",
        "config.toml.lock",
    ]


def test_file_is_made_for_its_user_only_and_a_rule_is_there_once(tmp_path: Path) -> None:
    file = tmp_path / "new" / "config.toml"
    for _ in range(2):
        add_allow_rule(file, "bash(npm test)")
    assert tomllib.loads(file.read_text()) == {"permissions": {"allow": ["bash(npm test)"]}}
    assert file.stat().st_mode & 0o777 == 0o600
    paths = Paths(file.parent, tmp_path / "s", tmp_path / "l", tmp_path / "p")
    rules = load(paths, {}, {}).rules
    assert rules is not None
    assert [rule.text for rule in rules.allow] == ["bash(npm test)"]


def test_link_stays_a_link(tmp_path: Path) -> None:
    real, link = tmp_path / "dotfiles" / "h2a.toml", tmp_path / "config.toml"
    real.parent.mkdir()
    real.write_text(USERS)
    link.symlink_to(real)
    add_allow_rule(link, "bash(x)")
    assert link.is_symlink()
    assert "bash(x)" in real.read_text()


@pytest.mark.parametrize("text", ["mode = ", "permissions = 1", "[permissions]\nallow = 'x'"])
def test_file_that_cannot_take_a_rule_is_left_alone(tmp_path: Path, text: str) -> None:
    file = tmp_path / "config.toml"
    file.write_text(text)
    with pytest.raises(ConfigError):
        add_allow_rule(file, "bash(x)")
    assert file.read_text() == text


def test_writers_at_the_same_time_lose_nothing(tmp_path: Path) -> None:
    file = tmp_path / "config.toml"
    code = "import sys; from pathlib import Path; from h2a_agent.rule_file import add_allow_rule\n"
    code += "for n in range(5): add_allow_rule(Path(sys.argv[1]), f'bash(make {sys.argv[2]} {n})')"
    writers = [subprocess.Popen([sys.executable, "-c", code, str(file), str(n)]) for n in range(4)]
    assert [writer.wait() for writer in writers] == [0] * 4
    assert len(tomllib.loads(file.read_text())["permissions"]["allow"]) == 20


def test_disk_that_is_full_leaves_the_old_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "config.toml"
    file.write_text(USERS)

    def full(_descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space"):
        add_allow_rule(file, "bash(x)")
    assert file.read_text() == USERS
    assert not list(tmp_path.glob("*.new"))
