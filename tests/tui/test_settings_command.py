"""`/settings`: every key of the file is listed, with its value now and where that comes from."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from h2a_agent.config import load
from h2a_agent.config_schema import ConfigFile
from h2a_agent.paths import Paths
from h2a_tui.settings import ListedSetting
from h2a_tui.settings_command import list_settings, settings_now
from support.chat_pilot import running_chat

# Tables of their own, each shown by what is made of it; the address is the provider's.
ELSEWHERE = {"permissions", "providers", "base_url"}


def paths(root: Path) -> Paths:
    return Paths(root, root / "sessions", root / "logs", root / "spill")


def listed(
    root: Path, text: str, flags: dict[str, str], environ: dict[str, str]
) -> dict[str, tuple[str, str]]:
    (root / "config.toml").write_text(text)
    rows = list_settings(load(paths(root), flags, environ))
    return {row.name: (row.value, row.place) for row in rows}


def test_each_value_says_where_it_was_set(tmp_path: Path) -> None:
    text = 'bell = false\nreserve_tokens = 20000\nmode = "plan"\n[sandbox]\nnetwork = true\n'
    rows = listed(tmp_path, text, {"mode": "edits"}, {"H2A_MODEL": "ollama/some-model"})
    file = str(tmp_path / "config.toml")
    assert rows["mode"] == ("edits", "the command line")
    assert rows["model"] == ("some-model", "H2A_MODEL")
    assert rows["bell"][0] == "off"
    assert rows["reserve_tokens"][0] == "20,000"
    assert rows["sandbox"][0] == "auto, network"
    assert all(rows[name][1].endswith(file[-20:]) for name in ("bell", "reserve_tokens", "sandbox"))
    assert rows["enter"] == ("steer", "default")


def test_no_setting_is_left_out(tmp_path: Path) -> None:
    rows = listed(tmp_path, "", {"provider": "demo"}, {})
    assert set(ConfigFile.model_fields) - ELSEWHERE == set(rows)


def test_no_key_is_listed(tmp_path: Path) -> None:
    rows = listed(tmp_path, "", {}, {"ANTHROPIC_API_KEY": "sk-ant-very-secret"})
    assert "very-secret" not in str(rows)


async def test_what_has_been_changed_since_is_shown_as_it_is_now() -> None:
    rows = (ListedSetting("mode", "ask", "default"), ListedSetting("bell", "on", "default"))
    async with running_chat(listed=rows) as chat:
        run = replace(chat.agent.settings, mode="plan")
        assert settings_now(rows, run)[0] == ListedSetting("mode", "plan", "changed here")
        chat.agent.configure(mode="plan")
        await chat.type("/settings")
        await chat.press("enter")
        await chat.until(lambda: "changed here" in chat.text())
        assert any(row.split()[1:3] == ["bell", "on"] for row in chat.rows() if "bell" in row)
