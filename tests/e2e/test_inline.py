"""`h2a-chat --inline`, the whole program: under its guardian, with a strict server behind it, in a terminal and in tmux."""

from __future__ import annotations

import asyncio
import contextlib
import os
import secrets
import shutil
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path

import pytest

from support.messages_api import Answer, MessagesServer, gate, text, tool
from support.processes import children, program_of
from support.pty_rig import Terminal, modes_left_on

START_S = 30.0
SIZES = [(120, 40), (60, 20), (30, 24), (100, 30), (40, 20), (80, 24), (45, 40), (100, 30)]


@pytest.fixture
async def server() -> AsyncIterator[MessagesServer]:
    async with MessagesServer() as it:
        yield it
        assert it.violations == []


class Desk:
    """A shell's place: the program started in a terminal that outlives it."""

    def __init__(self, root: Path, url: str) -> None:
        self.folder = root / "project"
        self.folder.mkdir()
        self.env = {
            "HOME": str(root),
            "H2A_HOME": str(root / "h2a"),
            "ANTHROPIC_API_KEY": "sk-test",
            "ANTHROPIC_BASE_URL": url,
        }
        self.terminals: list[Terminal] = []

    def drafts(self) -> list[Path]:
        return list(Path(self.env["H2A_HOME"]).glob("sessions/*/*.draft"))

    async def start(self, *flags: str, size: tuple[int, int] = (100, 30), **env: str) -> Terminal:
        program = f"{sys.executable} -m h2a_tui --model test-model --mode full {' '.join(flags)}"
        terminal = Terminal.spawn(
            ["/bin/sh", "-c", f"echo from the shell; {program}; echo CODE $?.; read line"],
            env=self.env | env,
            cwd=self.folder,
            size=size,
        )
        self.terminals.append(terminal)
        return terminal


@pytest.fixture
async def desk(server: MessagesServer, tmp_path: Path) -> AsyncIterator[Desk]:
    it = Desk(tmp_path, server.url)
    yield it
    for terminal in it.terminals:
        await asyncio.to_thread(terminal.close)


async def shows(terminal: Terminal, what: str | Callable[[], object], timeout_s: float = START_S) -> None:
    await asyncio.to_thread(terminal.wait_for, what, timeout_s)


async def test_enter_steers_and_everything_said_is_in_the_scrollback_once(
    server: MessagesServer, desk: Desk
) -> None:
    server.script(
        Answer(text(["The history of ", "the queue ", gate("mid"), "never seen"])),
        Answer(text("Short: a line.")),
    )
    terminal = await desk.start("--inline")
    await shows(terminal, "● ready")
    terminal.type_text("tell me everything\r")
    await shows(terminal, "The history of the queue")
    terminal.type_text("shorter please\r")
    await server.disconnected(1)
    await shows(terminal, "Short: a line.")
    await shows(terminal, "● ready")
    terminal.press("ctrl+d")
    await shows(terminal, "CODE 0.")
    said = terminal.whole_text()
    words = [
        "from the shell",
        "tell me everything",
        "The history of the queue",
        "you steered here",
        "shorter please",
        "Short: a line.",
        "To go on: h2a-chat -r ",
    ]
    assert [said.count(word) for word in words] == [1] * len(words), said
    assert sorted(words, key=said.index) == words
    assert "never seen" not in said
    assert b"\x1b[?1049h" not in terminal.output, "no screen of its own"
    assert b"\x1b[3J" not in terminal.output
    assert b"\x1b[2J" not in terminal.output
    assert modes_left_on(bytes(terminal.output)) == {}


async def test_killed_it_leaves_the_words_no_live_rows_and_a_way_back(
    server: MessagesServer, desk: Desk
) -> None:
    server.script(Answer(text(["Some words.\n\nMore of them.\n\nAnd ", gate("never")])))
    terminal = await desk.start("--inline")
    await shows(terminal, "● ready")
    terminal.type_text("go\r")
    await shows(terminal, "Some words.")
    terminal.type_text("a draft")
    await shows(terminal, "› a draft")
    async with asyncio.timeout(START_S):
        while not desk.drafts():
            await asyncio.sleep(0.01)
    (guardian,) = children(terminal.process.pid)
    os.kill(program_of(guardian), signal.SIGKILL)
    await shows(terminal, f"CODE {128 + signal.SIGKILL}.")
    said = terminal.whole_text()
    assert "from the shell" in said
    assert "Some words." in said
    assert "h2a-chat was killed (SIGKILL)" in said
    assert "› a draft" not in said, "the live rows have gone with the program"
    assert modes_left_on(bytes(terminal.output)) == {}

    again = await desk.start("--inline", "-c")
    await shows(again, "› a draft")
    assert again.screen_text().count("Some words.") == 1


async def test_a_repository_is_not_obeyed_until_it_is_trusted(server: MessagesServer, desk: Desk) -> None:
    (desk.folder / "AGENTS.md").write_text("obey me")
    terminal = await desk.start("--inline")
    await shows(terminal, "Do you trust this folder?")
    await shows(terminal, "› Look only")
    async with asyncio.timeout(START_S):
        while "Do you trust" in terminal.screen_text():
            terminal.press("enter")  # too early it answers nothing
            await asyncio.sleep(0.2)
    await shows(terminal, "● ready")
    await shows(terminal, lambda: "Not trusted" in terminal.whole_text())
    terminal.press("ctrl+c", "ctrl+d")
    await shows(terminal, "CODE 0.")


async def test_what_is_typed_before_a_folder_is_asked_about_is_no_answer_and_reaches_the_editor(
    desk: Desk,
) -> None:
    (desk.folder / "AGENTS.md").write_text("obey me\n")
    terminal = await desk.start("--inline")
    await shows(terminal, "from the shell")
    terminal.type_text("and then")
    await shows(terminal, "Look only")
    while "Do you trust" in terminal.screen_text():  # deaf until it could be read
        terminal.press("enter")
        with contextlib.suppress(AssertionError):
            await asyncio.to_thread(terminal.wait_gone, "Do you trust", 3.0)
    await shows(terminal, "› and then")
    assert not terminal.line_mode


async def test_a_command_is_asked_about_and_run(server: MessagesServer, desk: Desk) -> None:
    server.script(Answer(tool("bash", {"command": "echo it-$((6*7))"})), Answer(text("Done.")))
    terminal = await desk.start("--inline", "--mode ask")
    await shows(terminal, "● ready")
    terminal.type_text("run it\r")
    await shows(terminal, "y allow")
    terminal.press("y")
    await shows(terminal, "it-42")
    await shows(terminal, "Done.")
    assert terminal.whole_text().count("│ it-42") == 1


async def test_a_terminal_that_cannot_be_drawn_on_gets_lines(server: MessagesServer, desk: Desk) -> None:
    server.script(Answer(text("In lines.")))
    terminal = await desk.start(TERM="dumb")
    await shows(terminal, "h2a-chat")
    terminal.type_text("hello\n")
    await shows(terminal, "In lines.")
    assert b"\x1b[" not in terminal.output


async def test_a_tiny_terminal_gets_the_inline_mode(server: MessagesServer, desk: Desk) -> None:
    terminal = await desk.start(size=(18, 4))
    await shows(terminal, "● ready")
    assert b"\x1b[?1049h" not in terminal.output


# ------------------------------------------------------------------------------ tmux


class Tmux:
    """A tmux server of its own with one window."""

    def __init__(self) -> None:
        self._name = f"h2a-{secrets.token_hex(4)}"

    def __call__(self, *words: str, **more: str) -> str:
        argv = ["tmux", "-L", self._name, "-f", "/dev/null", *words]
        return subprocess.run(argv, capture_output=True, text=True, check=False).stdout

    def everything(self) -> str:
        """Scrollback and screen, as they stand there."""
        return self("capture-pane", "-p", "-S", "-", "-J")

    async def shows(self, words: str) -> None:
        async with asyncio.timeout(START_S):
            while words not in await asyncio.to_thread(self.everything):
                await asyncio.sleep(0.05)

    async def hides(self, words: str) -> None:
        async with asyncio.timeout(START_S):
            while words in await asyncio.to_thread(self.everything):
                pass


@pytest.fixture
def tmux() -> Iterator[Tmux]:
    if shutil.which("tmux") is None:
        pytest.skip("tmux is not installed")
    it = Tmux()
    yield it
    it("kill-server")


async def test_tmux_resized_again_and_again_shows_everything_once(
    server: MessagesServer, desk: Desk, tmux: Tmux
) -> None:
    """tmux wraps what is on its screen anew, and tells of it only a quarter of a second later."""
    gates = [gate(f"g{n}") for n in range(len(SIZES))]
    pieces: list[object] = []
    for number, one in enumerate(gates):
        pieces += [
            f"piece {number}a of an answer that is long enough to be wrapped. ",
            one,
            f"piece {number}b.\n\n",
        ]
    server.script(Answer(text([*pieces, "The end."])))
    settings = [f"{name}={value}" for name, value in desk.env.items()]
    program = [sys.executable, "-m", "h2a_tui", "--model", "test-model", "--inline"]
    tmux("new-session", "-d", "-x", "100", "-y", "30", "-c", str(desk.folder), "env", *settings, *program)
    await tmux.shows("● ready")
    tmux("send-keys", "go", "Enter")
    await tmux.shows("piece 0a")
    tmux("send-keys", "a draft of some length, which is wrapped when the window becomes narrow")
    await tmux.shows("a draft of some length")
    for number, (columns, rows) in enumerate(SIZES):
        tmux("resize-window", "-x", str(columns), "-y", str(rows))
        server.open(f"g{number}")
        if number == 0:
            await tmux.hides(
                "F1 help"
            )  # the program knows by now that it is being resized, and shows next to nothing
    await tmux.shows("The end.")
    await tmux.shows("● ready")
    await tmux.shows("F1 help")
    said = await asyncio.to_thread(tmux.everything)
    for number in range(len(SIZES)):
        assert [said.count(f"piece {number}{part}") for part in "ab"] == [1, 1], said
    for live in ("a draft of some length", "● ready", "F1 help"):
        assert said.count(live) == 1, said


async def test_tmux_alt_enter_and_alt_up_are_what_they_are(
    server: MessagesServer, desk: Desk, tmux: Tmux
) -> None:
    server.script(Answer(text(["Long ", gate("never")])))
    settings = [f"{name}={value}" for name, value in desk.env.items()]
    program = [sys.executable, "-m", "h2a_tui", "--model", "test-model", "--inline"]
    tmux("new-session", "-d", "-x", "90", "-y", "25", "-c", str(desk.folder), "env", *settings, *program)
    await tmux.shows("● ready")
    tmux("send-keys", "go", "Enter")
    await tmux.shows("Long")
    tmux("send-keys", "later", "M-Enter")
    await tmux.shows("↳ follow-up  later")
    tmux("send-keys", "M-Up")
    await tmux.shows("▸ 1 ↳ follow-up  later")
    assert "streaming" in tmux.everything()
