"""Commands of the inline mode that ask or tell something, in a real terminal and the real program."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from support.pty_rig import Terminal

ARGV = [sys.executable, "-m", "h2a_tui", "--inline", "--demo", "--no-session"]


@pytest.fixture
def terminal(tmp_path: Path) -> Iterator[Terminal]:
    env = {"H2A_HOME": str(tmp_path), "ESCDELAY": "25"}
    with Terminal.spawn(ARGV, size=(110, 40), env=env, cwd=tmp_path) as terminal:
        terminal.wait_for("ready", 30)
        yield terminal


def command(terminal: Terminal, words: str) -> None:
    terminal.type_text(words)
    terminal.wait_for(f"› {words}")
    terminal.press("enter")


def test_every_key_is_told_and_does_nothing_and_escape_twice_leaves(terminal: Terminal) -> None:
    command(terminal, "/keys")
    terminal.wait_for("Esc Esc leaves")
    terminal.write(b"\x1b\r")
    terminal.wait_for("ESC CR                    alt+enter           Queue a follow-up")
    terminal.write(b"\x03")
    terminal.wait_for("^C                        ctrl+c")
    terminal.write(b"\x1b[I")  # the window got the focus, which is no key
    terminal.write(b"\x1b[13;2u")
    terminal.wait_for("\nESC [ 1 3 ; 2 u           shift+enter")
    terminal.paste("two\nlines")
    terminal.wait_for("9 characters, as one paste")
    terminal.press("escape")
    terminal.wait_for("ESC                       escape")
    terminal.press("x")
    terminal.wait_for("x                         x")
    terminal.press("escape")
    terminal.wait_for(lambda: terminal.screen_text().count("ESC                       escape") == 2)
    terminal.press("escape")
    terminal.wait_for("Enter send")
    terminal.type_text("still here")
    terminal.wait_for("› still here")


@pytest.mark.parametrize("kitty", [True, False])
def test_the_doctor_asks_the_terminal_and_types_nothing_of_its_answer(tmp_path: Path, kitty: bool) -> None:
    env = {"H2A_HOME": str(tmp_path)}
    with Terminal.spawn(ARGV, size=(110, 60), env=env, cwd=tmp_path, kitty=kitty) as terminal:
        terminal.wait_for("ready", 30)
        command(terminal, "/doctor")
        terminal.wait_for("every key arrives as it is" if kitty else "without kitty's protocol", 20)
        terminal.wait_for("demo, model demo")
        terminal.wait_for("xterm-256color")
        terminal.wait_for("› Say what to do")


def test_the_key_for_models_shows_them(terminal: Terminal) -> None:
    terminal.press("ctrl+l")
    terminal.wait_for("▸ demo/demo")
    terminal.press("escape")
    terminal.wait_for("› Say what to do")


def test_settings_are_changed_where_they_stand_and_kept(tmp_path: Path, terminal: Terminal) -> None:
    file = tmp_path / "config.toml"
    command(terminal, "/settings bell")
    terminal.wait_for("▸ bell")
    terminal.press("right")
    terminal.wait_for("off · from the next start")
    assert "bell = false" in file.read_text()
    terminal.press("enter")
    terminal.wait_for("on · from the next start")
    terminal.type_text("max_tok")
    terminal.wait_for("▸ max_tokens")
    terminal.press("enter")
    terminal.wait_for("› 16,384")
    terminal.press("ctrl+u")
    terminal.type_text("lots")
    terminal.wait_for("› lots")
    terminal.press("enter")
    terminal.wait_for("✗ ")
    terminal.press("ctrl+u")
    terminal.type_text("9000")
    terminal.wait_for("› 9000")
    terminal.press("enter")
    terminal.wait_for("9,000 · changed here")
    assert "max_tokens" not in file.read_text()
    terminal.press("ctrl+s")
    terminal.wait_for("is kept in")
    assert "max_tokens = 9000" in file.read_text()
    terminal.press("escape")
    terminal.wait_for("Enter send")
    terminal.wait_for("› Say what to do")


def test_a_setting_of_several_values_has_a_list_and_full_is_asked_about(terminal: Terminal) -> None:
    command(terminal, "/settings mode")
    terminal.wait_for("Settings · what runs without asking")
    terminal.press("enter")
    terminal.wait_for("▸ ask")
    terminal.type_text("full")
    terminal.wait_for("▸ full")
    terminal.press("enter")
    terminal.wait_for("Run everything without asking?")
    terminal.press("enter")
    terminal.wait_for("Settings ·")
    terminal.wait_for("ask · default")
    terminal.press("escape")
    terminal.wait_for("Enter send")
    command(terminal, "/settings theme")
    terminal.wait_for("▸ theme")
    terminal.press("enter")
    terminal.wait_for("Theme\n")
