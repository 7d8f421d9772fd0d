"""`h2a-chat keys`: what the terminal sends, which key that is, and what it does."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from h2a_tui.key_trial import meaning_of, spelled
from h2a_tui.keymap import Action, Keymap
from h2a_tui.keys_command import keys_command
from h2a_tui.screens import keys_screen
from h2a_tui.usage import UsageError
from support.chat_pilot import running_chat
from support.pty_rig import Terminal


def test_bytes_are_spelled_as_people_write_them() -> None:
    assert spelled(b"\x1b\r") == "ESC CR"
    assert spelled(b"\x1b[13;3u") == "ESC [ 1 3 ; 3 u"
    assert spelled("ö\x13 ".encode()) == "c3 b6 ^S SPACE"


def test_a_key_means_what_the_users_keymap_says() -> None:
    keymap = Keymap(overrides={Action.HUD: ("f11",)})
    assert meaning_of("f11", keymap).startswith("Show or hide what the screen costs")
    assert meaning_of("f12", keymap) == ""
    assert meaning_of("ctrl+k", keymap).startswith("delete to end of line")
    assert meaning_of("enter", keymap).startswith("Send")


def test_without_a_terminal_it_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    with Path(os.devnull).open(encoding="ascii") as nothing:
        monkeypatch.setattr(sys, "stdin", nothing)
        with pytest.raises(UsageError, match="needs a terminal"):
            keys_command(Keymap())


def test_in_a_terminal_it_reads_what_the_app_would_read_and_leaves_it_as_it_was(tmp_path: Path) -> None:
    argv = [sys.executable, "-m", "h2a_tui", "keys"]
    with Terminal.spawn(argv, size=(100, 24), env={"H2A_HOME": str(tmp_path)}) as terminal:
        terminal.wait_output(b"\x1b[>4;1m")
        terminal.write(b"\x1b\r")
        terminal.wait_for("ESC CR                    alt+enter           Queue a follow-up")
        terminal.write(b"\x1b[27;3;13~")
        terminal.wait_for("ESC [ 2 7 ; 3 ; 1 3 ~")
        terminal.write(b"\x1b")
        terminal.wait_for("ESC                       escape")
        terminal.write(b"\x03")
        terminal.wait_for("^C                        ctrl+c")
        terminal.write(b"\x03")
        assert terminal.wait_exit() == 0
        assert bytes(terminal.output).rstrip().endswith(b"\x1b[>4;0m\x1b[<u")


def test_in_the_chat_every_key_is_shown_and_does_nothing_and_escape_twice_leaves(tmp_path: Path) -> None:
    argv = [sys.executable, "-m", "h2a_tui", "--demo", "--no-session"]
    env = {"H2A_HOME": str(tmp_path), "ESCDELAY": "25"}
    with Terminal.spawn(argv, size=(100, 30), env=env, cwd=tmp_path) as terminal:
        terminal.wait_for("ready", 30)
        terminal.type_text("/keys")
        terminal.wait_for("/keys")
        terminal.press("enter")
        terminal.wait_for("Esc Esc leaves")
        terminal.write(b"\x1b\r")
        terminal.wait_for("ESC CR                    alt+enter           Queue a follow-up")
        terminal.write(b"\x03")
        terminal.wait_for("^C                        ctrl+c")
        terminal.write(b"\x1b[13;2u")
        terminal.wait_for("ESC [ 1 3 ; 2 u           shift+enter")
        terminal.write(b"\x1b")
        terminal.wait_for("ESC                       escape")
        terminal.write(b"x")
        terminal.wait_for("x                         x")
        terminal.write(b"\x1b")
        terminal.wait_for(lambda: terminal.screen_text().count("ESC                       escape") == 2)
        terminal.write(b"\x1b")
        terminal.wait_gone("Press keys")
        terminal.type_text("still here")
        terminal.wait_for("› still here")


@pytest.mark.parametrize("kitty", [True, False])
def test_the_doctor_in_the_chat_asks_the_terminal_and_types_nothing_of_its_answer(
    tmp_path: Path, kitty: bool
) -> None:
    argv = [sys.executable, "-m", "h2a_tui", "--demo", "--no-session"]
    env = {"H2A_HOME": str(tmp_path)}
    with Terminal.spawn(argv, size=(100, 40), env=env, cwd=tmp_path, kitty=kitty) as terminal:
        terminal.wait_for("ready", 30)
        terminal.type_text("/doctor")
        terminal.wait_for("/doctor")
        terminal.press("enter", encoding="kitty" if kitty else "legacy")
        terminal.wait_for("every key arrives as it is" if kitty else "without kitty's protocol", 20)
        terminal.wait_for("demo, model demo")
        terminal.press("escape", encoding="kitty" if kitty else "legacy")
        terminal.wait_gone("Doctor")
        terminal.wait_for("› Say what to do")


def test_the_doctor_of_the_command_line_tells_of_the_terminal_it_is_in(tmp_path: Path) -> None:
    argv = [sys.executable, "-m", "h2a_tui", "doctor", "--demo"]
    with Terminal.spawn(argv, size=(120, 50), env={"H2A_HOME": str(tmp_path)}, kitty=True) as terminal:
        assert terminal.wait_exit(30) == 0
        text = terminal.screen_text()
        assert "every key arrives as it is" in text
        assert "xterm-256color" in text


async def test_pressing_nothing_for_a_while_leaves_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(keys_screen, "QUIET_S", 0.05)
    async with running_chat() as chat:
        await chat.type("/keys")
        await chat.press("enter")
        await chat.until(lambda: not isinstance(chat.app.screen, keys_screen.KeysScreen))


@pytest.mark.parametrize("size", [(20, 5), (60, 15), (120, 40)])
async def test_keys_are_shown_at_any_size(size: tuple[int, int]) -> None:
    async with running_chat(size=size) as chat:
        await chat.type("/keys")
        await chat.press("enter")
        await chat.press(*"abc", "ctrl+c", "enter", "tab", "up")
        assert isinstance(chat.app.screen, keys_screen.KeysScreen)
        assert chat.calls == []
        await chat.press("escape", "escape")
        assert not isinstance(chat.app.screen, keys_screen.KeysScreen)
