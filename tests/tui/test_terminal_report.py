"""What is told of a terminal: which keys arrive in it, and what to do about those that do not."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from h2a_tui.keymap import Keymap
from h2a_tui.terminal_report import TerminalReport, answer_in, read_report, terminal_rows


async def rows(environ: dict[str, str], kitty: bool | None = None) -> dict[str, str]:
    facts = await read_report({"TERM": "xterm-256color", "LANG": "C.UTF-8"} | environ, Path("/"), kitty)
    return dict(terminal_rows(facts, Keymap()))


def test_the_answer_counts_when_the_terminal_has_said_what_it_is() -> None:
    assert answer_in(b"\x1b[?1u") is None
    assert answer_in(b"\x1b[?1u\x1b[?62;22c") is True
    assert answer_in(b"\x1b[?62c") is False


async def test_with_kittys_protocol_every_key_arrives() -> None:
    told = await rows({}, kitty=True)
    assert told["Shift+Enter"] == told["Alt+Enter"] == "arrives"


async def test_without_it_shift_enter_is_enter_and_other_keys_are_named() -> None:
    assert (await rows({}))["Shift+Enter"] == (
        "is Enter in most terminals like this one; Ctrl+J or \\ Enter starts a new line"
    )


async def test_macos_terminal_swallows_alt_enter_and_other_keys_are_named() -> None:
    apple = {"TERM_PROGRAM": "Apple_Terminal", "TERM_PROGRAM_VERSION": "455"}
    assert "Use Option as Meta key" in (await rows(apple))["Alt+Enter"]
    assert "Ctrl+Q or Tab does the same" in (await rows(apple))["Alt+Enter"]


async def test_windows_terminal_keeps_alt_enter_for_itself() -> None:
    assert "full screen" in (await rows({"WT_SESSION": "1"}))["Alt+Enter"]


async def test_keys_that_something_else_keeps_are_named_with_one_that_does_the_same() -> None:
    assert (await rows({}))["Ctrl+S"].startswith("arrives")
    zellij = await rows({"ZELLIJ": "0"})
    assert zellij["Ctrl+S"].startswith("is a key of zellij's; it would be: Deliver at the next step")
    assert zellij["Alt+↑"] == "is a key of zellij's; Ctrl+↑ does the same"


def test_tmux_settings_that_swallow_or_hold_back_keys_are_told_with_what_to_do() -> None:
    slow = {
        "version": "3.4",
        "extended-keys": "off",
        "escape-time": "500",
        "focus-events": "off",
        "prefix": "C-s",
    }
    told = list(terminal_rows(TerminalReport("tmux-256color", tmux=slow), Keymap()))
    words = " ".join(value for _, value in told)
    for what in (
        "escape-time 10",
        "extended-keys on",
        "focus-events on",
        "Ctrl+S is its own; press it twice",
    ):
        assert what in words
    good = slow | {"extended-keys": "on", "escape-time": "10", "focus-events": "on"}
    told = list(terminal_rows(TerminalReport("tmux-256color", tmux=good), Keymap()))
    words = " ".join(value for _, value in told)
    assert "escape-time" not in words
    assert "extended-keys" not in words


async def test_few_colours_and_a_locale_without_utf8_are_told() -> None:
    assert "COLORTERM=truecolor" in (await rows({}))["colours"]
    assert (await rows({"COLORTERM": "truecolor"}))["colours"] == "16 million"
    assert "NO_COLOR" in (await rows({"NO_COLOR": "1"}))["colours"]
    assert "not UTF-8" in (await rows({"LANG": "C"}))["locale"]


@pytest.mark.skipif(shutil.which("tmux") is None, reason="there is no tmux here")
async def test_a_real_tmux_is_asked_for_its_settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    socket = tmp_path / "tmux"

    def tmux(*words: str) -> None:
        subprocess.run(["tmux", "-S", str(socket), "-f", os.devnull, *words], check=True)

    tmux("new-session", "-d", "-s", "asked", "sleep 60")
    try:
        tmux("set", "-s", "escape-time", "321")
        monkeypatch.setenv("TMUX", f"{socket},0,0")
        assert "321 ms" in (await rows({"TMUX": f"{socket},0,0"}))["Enter, Esc"]
    finally:
        tmux("kill-server")
