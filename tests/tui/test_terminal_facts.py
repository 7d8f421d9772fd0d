"""What is known of a terminal, and what follows for its keys."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from h2a_tui.terminal_facts import TmuxKeys, ask_tmux, read_tmux, terminal_facts

INSIDE_TMUX = {"TERM_PROGRAM": "tmux", "TMUX": "/tmp/x,1,0"}


def test_of_an_unknown_terminal_nothing_is_said() -> None:
    facts = terminal_facts({"TERM": "xterm-256color"})
    assert (facts.name, facts.extended_keys) == ("", None)
    assert all(facts.arrives(key) for key in ("alt+enter", "shift+enter", "ctrl+s", "f1"))


def test_terminal_app_keeps_option_enter() -> None:
    facts = terminal_facts({"TERM_PROGRAM": "Apple_Terminal"}, kitty=False)
    assert "Option as Meta" in facts.why_not("alt+enter")
    assert facts.why_not("shift+enter") == "is not told apart by Terminal.app"
    assert facts.arrives("ctrl+q")


def test_vs_code_keeps_f1_and_on_a_mac_no_more() -> None:
    code = {"TERM_PROGRAM": "vscode"}
    assert not terminal_facts(code, platform="linux").arrives("f1")
    assert not terminal_facts(code, platform="linux").arrives("ctrl+p")
    assert terminal_facts(code, platform="darwin").arrives("ctrl+p")


def test_zellij_keeps_the_keys_of_its_modes() -> None:
    facts = terminal_facts({"ZELLIJ": "0", "TERM_PROGRAM": "vscode"})
    assert facts.name == "zellij"
    assert facts.why_not("ctrl+q") == "is a key of zellij's"
    assert facts.arrives("f1")


def test_flow_control_keeps_ctrl_s_and_ctrl_q() -> None:
    facts = terminal_facts({}, flow_control=True)
    assert not facts.arrives("ctrl+s")
    assert not facts.arrives("ctrl+q")


@pytest.mark.parametrize(("answer", "known"), [(True, True), (False, False), (None, None)])
def test_kittys_answer_says_whether_modified_keys_are_told_apart(
    answer: bool | None, known: bool | None
) -> None:
    facts = terminal_facts({}, kitty=answer)
    assert facts.extended_keys is known
    assert facts.arrives("shift+enter") is (known is not False)
    assert facts.arrives("alt+enter")


def test_xterm_and_tmux_do_not_answer_and_are_not_blamed_for_it() -> None:
    assert terminal_facts({"XTERM_VERSION": "XTerm(379)"}, kitty=False).extended_keys is None
    assert terminal_facts(INSIDE_TMUX, kitty=False).extended_keys is None
    assert terminal_facts(INSIDE_TMUX, tmux=TmuxKeys(frozenset(), "on")).extended_keys is True
    facts = terminal_facts(INSIDE_TMUX, tmux=TmuxKeys(frozenset({"ctrl+s"}), "off"))
    assert facts.why_not("shift+enter") == "is not told apart by tmux"
    assert facts.why_not("ctrl+s") == "is a key of tmux's"


def test_what_tmux_says_is_read() -> None:
    keys = read_tmux(
        "off\nC-s\nNone\n"
        "bind-key    -T root MouseDown1Pane    select-pane -t =\n"
        "bind-key -r -T root M-Up              select-pane -U\n"
        "bind-key    -T root C-q               send-keys C-q\n"
        "bind-key    -T root C-M-PPage         copy-mode\n"
        "bind-key    -T root BTab              next-window\n"
        "bind-key    -T root M-\\;  last-pane\n"
    )
    assert keys == TmuxKeys(
        frozenset({"ctrl+s", "alt+up", "alt+ctrl+pageup", "shift+tab", "alt+semicolon"}), "off"
    )
    assert read_tmux("no server running") is None
    assert read_tmux("") is None


@pytest.mark.skipif(shutil.which("tmux") is None, reason="no tmux here")
async def test_a_real_tmux_is_asked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    socket = str(tmp_path / "socket")

    def tmux(*words: str) -> str:
        return subprocess.run(
            ["tmux", "-S", socket, "-f", "/dev/null", *words], check=True, capture_output=True, text=True
        ).stdout

    tmux("new-session", "-d", "-x", "80", "-y", "24", "cat")
    try:
        tmux("set", "-g", "prefix", "C-q", ";", "set", "-s", "extended-keys", "on")
        tmux("bind", "-n", "M-Up", "select-pane", "-U")
        environ = {"TMUX": f"{socket},1,0"}
        monkeypatch.setenv("TMUX", environ["TMUX"])
        keys = await ask_tmux(environ, tmp_path)
    finally:
        tmux("kill-server")
    assert keys is not None
    assert keys.extended == "on"
    assert {"ctrl+q", "alt+up"} <= keys.taken
    assert await ask_tmux({}, tmp_path) is None
