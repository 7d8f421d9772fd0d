"""`h2a-chat keys`: what the terminal sends, which key that is, and what it does."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from h2a_tui.keymap import Action, Keymap
from h2a_tui.keys_command import keys_command, meaning_of, spelled
from h2a_tui.usage import UsageError
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
