"""`/settings`: every key of the file is listed, with its value now and where that comes from."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from h2a_agent.config import load
from h2a_agent.config_schema import ConfigFile
from h2a_agent.paths import Paths
from h2a_tui.screens.ask import AskScreen
from h2a_tui.screens.picker import PickerScreen
from h2a_tui.screens.settings_editor import SettingsEditor
from h2a_tui.screens.theme_picker import ThemePicker
from h2a_tui.settings import ListedSetting
from h2a_tui.settings_command import list_settings, settings_now
from h2a_tui.theme_choice import ThemeChoice
from support.chat_pilot import Chat, running_chat

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


ROWS = (
    ListedSetting("mode", "ask", "default"),
    ListedSetting("max_tokens", "16,384", "default"),
    ListedSetting("running_tools", "cancel", "default"),
    ListedSetting("auto_compact", "on", "default"),
    ListedSetting("theme", "default", "default"),
    ListedSetting("mouse", "on", "default"),
    ListedSetting("keys", "as in the help", "default"),
)


@asynccontextmanager
async def editor(tmp_path: Path, line: str = "/settings", **options: Any) -> AsyncIterator[Chat]:
    """The settings of a chat, opened."""
    config_file = tmp_path / "config.toml"
    async with running_chat(listed=ROWS, config_file=config_file, **{"size": (100, 30)} | options) as chat:
        await chat.type(line)
        await chat.press("enter")
        await chat.until(lambda: isinstance(chat.app.screen, SettingsEditor))
        await chat.drawn()
        yield chat


def row(chat: Chat, name: str) -> str:
    return next((" ".join(row.strip(" │").split()) for row in chat.rows() if f"│ {name} " in row), "")


async def test_what_has_been_changed_since_is_shown_as_it_is_now(tmp_path: Path) -> None:
    async with editor(tmp_path) as chat:
        await chat.press("escape")
        chat.agent.configure(mode="plan")
        assert settings_now(ROWS, replace(chat.agent.settings))[0] == ListedSetting(
            "mode", "plan", "changed here"
        )
        await chat.type("/settings")
        await chat.press("enter")
        await chat.until(lambda: row(chat, "mode") == "mode plan changed here")
        assert row(chat, "mouse") == "mouse on default"


async def test_a_switch_is_turned_a_choice_chosen_and_a_number_typed_for_now(tmp_path: Path) -> None:
    async with editor(tmp_path) as chat:
        await chat.type("compact")
        await chat.press("enter")
        await chat.until(lambda: chat.agent.settings.auto_compact is False)
        await chat.press("ctrl+u")
        await chat.type("running")
        await chat.press("right")
        await chat.until(lambda: chat.agent.settings.running_tools == "finish")
        await chat.press("enter")
        await chat.until(lambda: type(chat.app.screen) is PickerScreen)
        await chat.drawn()
        await chat.press("down", "enter")
        await chat.until(lambda: chat.agent.settings.running_tools == "background")
        await chat.until(lambda: isinstance(chat.app.screen, SettingsEditor))
        await chat.press("ctrl+u")
        await chat.type("tokens")
        await chat.press("enter")
        await chat.until(lambda: isinstance(chat.app.screen, AskScreen))
        await chat.press("ctrl+u", "0", "enter")
        await chat.until(lambda: "max_tokens must be greater than or equal to 1" in chat.text())
        await chat.press("ctrl+u", *"9_000", "enter")
        await chat.until(lambda: chat.agent.settings.max_tokens == 9000)
        await chat.until(lambda: "max_tokens is 9,000 for now" in chat.text())
        assert not (tmp_path / "config.toml").exists()


async def test_the_save_key_keeps_a_value_and_the_file_its_comments(tmp_path: Path) -> None:
    (tmp_path / "config.toml").write_text('# mine\nmode = "plan" # why\n')
    async with editor(tmp_path, "/settings mode") as chat:
        await chat.press("right")
        await chat.until(lambda: "mode is edits for now" in chat.text())
        await chat.press("ctrl+s")
        await chat.until(lambda: "mode = edits is kept in" in chat.text())
        assert (tmp_path / "config.toml").read_text() == '# mine\nmode = "edits" # why\n'
        assert row(chat, "mode") == "mode edits kept"


async def test_a_setting_of_the_screen_counts_from_the_next_start_and_says_so(tmp_path: Path) -> None:
    async with editor(tmp_path, "/settings mouse") as chat:
        assert "counts from the next start" in chat.text()
        await chat.press("enter")
        await chat.until(lambda: "mouse = off is kept in" in chat.text())
        assert row(chat, "mouse") == "mouse off from the next start"
        assert (tmp_path / "config.toml").read_text() == "mouse = false\n"
    assert load(paths(tmp_path), {}, {}).mouse is False


async def test_mode_full_is_asked_about_and_the_answer_that_changes_nothing_stands_first(
    tmp_path: Path,
) -> None:
    async with editor(tmp_path, "/settings mode") as chat:
        await chat.press("right", "right")
        await chat.until(lambda: "Run everything without asking?" in chat.text())
        await chat.drawn()
        await chat.press("enter")
        await chat.until(lambda: isinstance(chat.app.screen, SettingsEditor))
        assert chat.agent.mode == "edits"
        await chat.press("right")
        await chat.until(lambda: type(chat.app.screen) is PickerScreen)
        await chat.drawn()
        await chat.press("down", "enter")
        await chat.until(lambda: chat.agent.mode == "full")
        await chat.until(lambda: isinstance(chat.app.screen, SettingsEditor))
        await chat.press("ctrl+s")
        await chat.until(lambda: "from every start on?" in chat.text())
        await chat.drawn()
        await chat.press("enter")
        assert not (tmp_path / "config.toml").exists()


async def test_a_table_is_not_changed_here_and_a_theme_has_its_own_list(tmp_path: Path) -> None:
    async with editor(tmp_path, "/settings keys", themes=ThemeChoice("dark")) as chat:
        assert "A table of config.toml" in chat.text()
        await chat.press("enter", "left", "ctrl+s")
        assert isinstance(chat.app.screen, SettingsEditor)
        await chat.type("theme")
        await chat.press("enter")
        await chat.until(lambda: isinstance(chat.app.screen, ThemePicker))


async def test_a_name_that_is_none_stays_in_the_editor(tmp_path: Path) -> None:
    async with running_chat(listed=ROWS) as chat:
        await chat.type("/settings mods")
        await chat.press("enter")
        assert "There is no setting mods · did you mean mode?" in chat.rows()[-1]
        assert chat.draft == "/settings mods"


@pytest.mark.parametrize("size", [(20, 5), (60, 15), (120, 40)])
async def test_settings_can_be_changed_at_any_size(tmp_path: Path, size: tuple[int, int]) -> None:
    async with editor(tmp_path, size=size) as chat:
        await chat.type("compact")
        assert "auto_compact" in chat.text()
        await chat.press("enter")
        await chat.until(lambda: chat.agent.settings.auto_compact is False)
        await chat.press("escape")
        assert not isinstance(chat.app.screen, SettingsEditor)
