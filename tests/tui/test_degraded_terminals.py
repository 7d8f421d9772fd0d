"""Terminals that can do little, that hang, that change under the program, and people who want nothing to move."""

from __future__ import annotations

import itertools
import re
import shutil
import subprocess
import sys
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from h2a_themes import load
from h2a_themes.colours import rgb
from support.pty_rig import TIMEOUT_S, Terminal
from support.scripted_app import ScriptedApp

DEMO = [sys.executable, "-m", "h2a_tui", "--demo", "--no-session"]
SPINNER = "⠋⠙⠹⠸⠼⠴⠦⠧⠇⠏"
BEGIN = ("UserInput('i1', Kind.PROMPT, 'go')", "Status(Phase.STREAMING, 1)", "TokenStream(1, 0, 'Once')")
ASCII_ONLY = {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}


# ------------------------------------------------------------------- what it can show


@pytest.mark.parametrize("env", [ASCII_ONLY, {"PYTHONIOENCODING": "latin-1"}], ids=["ascii", "latin-1"])
def test_without_utf_8_every_mark_has_a_twin_and_the_frame_stays_whole(
    tmp_path: Path, env: dict[str, str]
) -> None:
    with Terminal.spawn(DEMO, env={"H2A_HOME": str(tmp_path), **env}, cwd=tmp_path) as terminal:
        terminal.wait_for("ready")
        terminal.type_text("abc")
        terminal.wait_for(f"{'| > abc':<79}|")
        assert f"+{'-' * 78}+" in terminal.screen_text().split("\n")
        assert "\\u" not in terminal.screen_text()


def test_the_c_locale_is_utf_8_as_python_has_it(tmp_path: Path) -> None:
    env = {"H2A_HOME": str(tmp_path), "LANG": "", "LC_ALL": "C"}
    with Terminal.spawn(DEMO, env=env, cwd=tmp_path) as terminal:
        terminal.wait_for("› Say what to do")


# ---------------------------------------------------------------------- what moves


def test_with_reduced_motion_the_spinner_stands_still_and_the_seconds_go_on() -> None:
    with ScriptedApp.start(reduced_motion=True) as app:  # type: ignore[arg-type]
        app.say(*BEGIN)
        app.terminal.wait_for("◆ streaming 2s")
        assert not set(SPINNER) & set(app.terminal.output.decode())


def test_no_motion_in_the_environment_says_the_same_and_shows_no_progress_bar(tmp_path: Path) -> None:
    env = {"H2A_HOME": str(tmp_path), "NO_MOTION": "1", "TERM_PROGRAM": "ghostty"}
    with Terminal.spawn(DEMO, env=env, cwd=tmp_path) as terminal:
        terminal.wait_for("ready")
        terminal.type_text("long")
        terminal.press("enter")
        terminal.wait_for("◆ streaming")
        assert not set(SPINNER) & set(terminal.output.decode())
        assert b"\x1b]9;4;" not in terminal.output


# ------------------------------------------------------------------ what changes under it


def test_a_terminal_that_has_become_light_is_followed_when_somebody_comes_back(tmp_path: Path) -> None:
    def ground(name: str) -> bytes:
        return b"48;2;%d;%d;%d" % rgb(load(name).background)

    with Terminal.spawn(
        DEMO, env={"H2A_HOME": str(tmp_path)}, cwd=tmp_path, colours={"11": "101010"}
    ) as terminal:
        terminal.wait_for("ready")
        terminal.type_text("draft")
        terminal.wait_for("› draft")
        assert ground("light") not in terminal.output
        terminal.recolour({"11": "fafafa"})
        terminal.write(b"\x1b[O\x1b[I")
        terminal.wait_output(ground("light"))
        assert "› draft" in terminal.screen_text()


def test_a_size_that_the_shell_has_exported_does_not_keep_it_from_following_the_terminal() -> None:
    with ScriptedApp.start(env={"COLUMNS": "80", "LINES": "24"}) as app:
        app.terminal.resize(100, 30)
        app.terminal.wait_for(lambda: app.terminal.row(27) == f"╰{'─' * 98}╯")


def is_right(terminal: Terminal) -> bool:
    """Is all of a screen of 100 by 30 as it should be: the newest words, each once, the draft in its frame, the status?"""
    words = re.findall(r"word\d+", terminal.screen_text())
    rows = terminal.screen_text().split("\n")
    return (
        len(words) > 100
        and words == [f"word{number}" for number in range(200)][-len(words) :]
        and "The end." in terminal.screen_text()
        and rows[25:28] == [f"╭{'─' * 98}╮", f"│ › draft{' ' * 90}│", f"╰{'─' * 98}╯"]
        and "ready" in rows[29]
    )


def test_a_storm_of_resizes_while_it_streams_ends_with_the_right_screen() -> None:
    sizes = itertools.cycle([(80, 24), (20, 5), (137, 41), (1, 1), (60, 18), (10, 3), (200, 50)])
    with ScriptedApp.start() as app:
        app.say(*BEGIN)
        app.terminal.type_text("draft")
        app.terminal.wait_for("› draft")
        before = len(app.terminal.output)
        for number, size in enumerate(itertools.islice(sizes, 200)):
            app.terminal.resize(*size)
            app.say(f"TokenStream(1, 0, ' word{number}')")
        app.say("TokenStream(1, 0, '\\n\\nThe end.')", "Done(1, 'end_turn')", "Status(Phase.IDLE)")
        app.terminal.resize(100, 30)
        app.terminal.wait_for(
            lambda: is_right(app.terminal), timeout_s=40
        )  # a busy machine draws many of the sizes
        drawn = len(app.terminal.output) - before
        assert drawn < 200 * 200 * 50, "less than a letter for each cell of the largest size, each time"


def test_a_terminal_that_stops_reading_holds_up_nothing_but_the_picture() -> None:
    with ScriptedApp.start() as app:
        app.say(*BEGIN)
        app.terminal.wait_for("Once")
        app.terminal.stop_reading()
        for number in range(300):
            app.say(f"TokenStream(1, 0, {f'{number} ' * 40!r})")
        app.terminal.type_text("stop")
        app.terminal.press("enter")
        assert app.next_call() == ["steer", "stop"], "the steer goes out while nobody reads"
        app.say("TokenStream(1, 0, '\\n\\nThe end.')")
        app.terminal.go_on_reading()
        app.terminal.wait_for("The end.")


# ---------------------------------------------------------------------------- in tmux


class Tmux:
    """A tmux server of our own, with the demo in its one window."""

    def __init__(self, socket: str, folder: Path) -> None:
        self._socket = socket
        self._folder = folder

    def run(self, *words: str) -> str:
        argv = ["tmux", "-L", self._socket, "-f", "/dev/null", *words]
        return subprocess.run(argv, check=True, capture_output=True, text=True, cwd=self._folder).stdout

    def attach(self, columns: int, rows: int) -> Terminal:
        argv = ["tmux", "-L", self._socket, "-f", "/dev/null", "attach"]
        return Terminal.spawn(argv, size=(columns, rows), cwd=self._folder)

    def shown(self) -> str:
        return self.run("capture-pane", "-p", "-t", "demo")


@pytest.fixture
def tmux(tmp_path: Path) -> Iterator[Tmux]:
    if shutil.which("tmux") is None:
        pytest.skip("there is no tmux here")
    with _server(tmp_path) as server:
        yield server


@contextmanager
def _server(folder: Path) -> Iterator[Tmux]:
    tmux = Tmux(f"h2a-{uuid.uuid4().hex[:8]}", folder)
    demo = f"H2A_HOME={folder} {' '.join(DEMO)}"
    tmux.run("new-session", "-d", "-s", "demo", "-x", "80", "-y", "24", demo)
    try:
        yield tmux
    finally:
        tmux.run("kill-server")


def test_in_tmux_it_fits_whoever_attaches_and_goes_on_while_nobody_does(tmux: Tmux) -> None:
    with tmux.attach(100, 30) as first:
        first.wait_for("Say what to do", TIMEOUT_S)
        first.type_text("long")
        first.press("enter")
        first.wait_for("streaming")
        first.wait_for(lambda: first.row(26) == f"╰{'─' * 98}╯")
        first.write(b"\x02d")  # detach
        assert first.wait_exit() == 0
    with tmux.attach(50, 15) as second:
        second.wait_for("I am the demo" if "I am the demo" in tmux.shown() else "›")
        second.resize(60, 18)
        second.wait_for(lambda: second.row(12).startswith("╭") and "› Say what to do" in second.row(13))
        second.type_text("short")
        second.wait_for("› short")
        second.press("enter")
        second.wait_for("↯ steer")
