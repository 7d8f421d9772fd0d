"""A terminal that keeps a key to itself: the keys that are shown, and the one line that says so, once."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest

from h2a_agent.events import Phase, Settled
from h2a_agent.state import State
from h2a_tui.key_tips import TIP_S, KeyTips, tip
from h2a_tui.keymap import Action, Context, Keymap
from h2a_tui.terminal_facts import TerminalFacts, TmuxKeys, terminal_facts
from support.scripted_app import ScriptedApp

TERMINAL_APP = {"TERM_PROGRAM": "Apple_Terminal"}
BUSY = dataclasses.replace(State(), phase=Phase.STREAMING)
OVER = dataclasses.replace(State(), settled=Settled(1, "completed"))
NOBODY: frozenset[str] = frozenset()


def test_keys_that_arrive_are_shown_first_and_all_keep_their_meaning() -> None:
    keymap = Keymap()
    keymap.prefer(terminal_facts(TERMINAL_APP, kitty=False).arrives)
    assert keymap.label(Action.FOLLOW_UP) == "Ctrl+Q"
    assert keymap.label(Action.NEWLINE, Context.COMPOSER) == "Ctrl+J"
    assert keymap.action("alt+enter", Context.COMPOSER) is Action.FOLLOW_UP
    keymap.prefer(TerminalFacts().arrives)
    assert keymap.label(Action.FOLLOW_UP) == "Alt+Enter"


@pytest.mark.parametrize(
    ("state", "environ", "kitty", "line"),
    [
        (BUSY, TERMINAL_APP, None, "Ctrl+Q: follow-up · Alt+Enter is plain Enter in Terminal.app"),
        (State(), TERMINAL_APP, None, ""),
        (OVER, {}, False, "Ctrl+J: new line · Shift+Enter is not told apart by this terminal"),
        (OVER, {}, True, ""),
        (OVER, {}, None, ""),
        (BUSY, {"ZELLIJ": "0"}, None, "/next: next step · Ctrl+S is a key of zellij's"),
        (State(), {"TERM_PROGRAM": "vscode"}, True, "/help: help · F1 is a key of VS Code's"),
    ],
)
def test_the_line_is_said_when_the_key_would_be_wanted(
    state: State, environ: dict[str, str], kitty: bool | None, line: str
) -> None:
    said, _ = tip(state, Keymap(), terminal_facts(environ, kitty=kitty), NOBODY)
    assert said.startswith(line)
    assert bool(said) is bool(line)


def test_a_key_that_somebody_has_set_otherwise_is_not_spoken_of() -> None:
    keymap = Keymap(overrides={Action.FOLLOW_UP: ("f5",)})
    assert tip(BUSY, keymap, terminal_facts(TERMINAL_APP), NOBODY) == ("", "")


async def test_each_line_is_said_once_and_not_on_the_heels_of_another(tmp_path: Path) -> None:
    said: list[str] = []
    now = [0.0]
    tmux = TmuxKeys(frozenset({"alt+enter", "ctrl+s"}), "on")

    async def begin() -> KeyTips:
        tips = KeyTips(Keymap(), tmp_path / "new" / "told", said.append, lambda: now[0])
        tips.facts = terminal_facts({"TMUX": "x"}, tmux=tmux)
        assert tips.see(BUSY) == ""  # not before it is known what was told
        await tips.load()
        return tips

    tips = await begin()
    assert [tips.see(BUSY), tips.see(BUSY)] == ["alt+enter", ""]
    now[0] += TIP_S
    assert [tips.see(State()), tips.see(BUSY)] == ["", "ctrl+s"]
    await tips.keep()
    now[0] += TIP_S
    again = await begin()
    assert again.see(BUSY) == ""
    again.facts = terminal_facts({"ZELLIJ": "0"})  # another terminal, another story
    assert again.see(BUSY) == "ctrl+s"
    assert len(said) == 3


async def test_a_file_that_cannot_be_used_is_no_fault(tmp_path: Path) -> None:
    for file in (tmp_path, None):
        tips = KeyTips(Keymap(), file, lambda _line: None)
        tips.facts = terminal_facts(TERMINAL_APP)
        await tips.load()
        assert tips.see(BUSY) == "alt+enter"
        await tips.keep()


def test_terminal_app_shows_ctrl_q_and_says_why_once(tmp_path: Path) -> None:
    told = str(tmp_path / "told")
    with ScriptedApp.start(size=(120, 24), env=TERMINAL_APP, tips_file=told) as app:
        app.say("Status(Phase.STREAMING, 1)")
        app.terminal.wait_for("Ctrl+Q follow-up")
        app.terminal.wait_for("Ctrl+Q: follow-up · Alt+Enter is plain Enter in Terminal.app")
        app.terminal.wait_for(lambda: (tmp_path / "told").exists() and (tmp_path / "told").read_text())
    with ScriptedApp.start(size=(120, 24), env=TERMINAL_APP, tips_file=told) as app:
        app.say("Status(Phase.STREAMING, 1)")
        app.terminal.wait_for("Ctrl+Q follow-up")
        app.say("TokenStream(1, 0, 'Once')", "Status(Phase.IDLE, 1)", "Settled(1, 'completed')")
        app.terminal.wait_for("Ctrl+J: new line")  # that one has not been told yet
        assert "plain Enter" not in app.terminal.screen_text()


@pytest.mark.parametrize(("kitty", "key"), [(True, "Shift+Enter"), (False, "Ctrl+J")])
def test_the_terminals_answer_decides_which_key_is_shown_for_a_new_line(kitty: bool, key: str) -> None:
    with ScriptedApp.start(kitty=kitty) as app:
        app.terminal.wait_for(f"{key} new line")
        app.terminal.press("x", "ctrl+c")  # the answer was nobody's key
        app.terminal.wait_for("Cleared")
        app.terminal.wait_for("› Say what to do")
