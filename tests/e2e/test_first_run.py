"""A newcomer in a real terminal: no key, no settings, and one minute later an answer."""

from __future__ import annotations

import asyncio
import os
import re
import sys
import tomllib
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from support.messages_api import Answer, MessagesServer, text
from support.pty_rig import Terminal

PROGRAM = (sys.executable, "-m", "h2a_tui")
KEY, WRONG = "sk-canary-RIGHT/+0123456789", "sk-canary-WRONG/+9876543210"
START_S = 30.0
ASKS = "Which model shall answer?"
FRONTS = pytest.mark.parametrize("front", [(), ("--inline",)], ids=["app", "inline"])


class Newcomer:
    """Somebody's home without anything of ours in it."""

    def __init__(self, root: Path) -> None:
        self.h2a = root / "h2a"
        self.root = root
        self.folder = root / "project"
        self.folder.mkdir()
        self.env = {
            "PATH": os.environ["PATH"],
            "HOME": str(root),
            "H2A_HOME": str(self.h2a),
            "TERM": "xterm-256color",
            "LANG": "C.UTF-8",
        }

    def start(self, *args: str, **env: str) -> Terminal:
        return Terminal.spawn([*PROGRAM, *args], env=self.env | env, cwd=self.folder, size=(100, 36))

    @property
    def config(self) -> dict[str, object]:
        return tomllib.loads((self.h2a / "config.toml").read_text("utf-8"))


@pytest.fixture
def newcomer(tmp_path: Path) -> Newcomer:
    return Newcomer(tmp_path)


@pytest.fixture
async def server() -> AsyncIterator[MessagesServer]:
    async with MessagesServer() as it:
        it.key = KEY
        yield it
    assert it.violations == []


async def shows(terminal: Terminal, what: str, timeout_s: float = 15.0) -> None:
    await asyncio.to_thread(terminal.wait_for, what, timeout_s)


async def answerable(terminal: Terminal) -> None:
    """Until a key moves the bar: then the question has been there long enough."""
    await shows(terminal, ASKS, START_S)
    await shows(terminal, "nothing runs")
    while not _below_the_first(terminal):
        terminal.press("down")
        try:
            await asyncio.to_thread(terminal.wait_for, lambda: _below_the_first(terminal), 0.3)
        except AssertionError:
            pass  # not yet


def _below_the_first(terminal: Terminal) -> bool:
    about = re.search(r"goes to (\S+)|Any server that|A script that", terminal.screen_text())
    return about is not None and about[1] != "api.anthropic.com"


@FRONTS
async def test_from_nothing_to_the_first_answer_with_a_server_and_a_key(
    newcomer: Newcomer, server: MessagesServer, front: tuple[str, ...]
) -> None:
    server.script(Answer(text("Hello, newcomer.")))
    with newcomer.start(*front, "--trace", str(newcomer.root / "trace.jsonl")) as terminal:
        terminal.type_text("who are you?")
        await answerable(terminal)
        terminal.type_text("address")
        terminal.press("enter")
        await shows(terminal, "The address of a server")
        terminal.type_text(server.url)
        terminal.press("enter")
        await shows(terminal, "It wants a key.")
        terminal.paste(WRONG)
        terminal.press("enter")
        await shows(terminal, "refuses this key")
        terminal.press("ctrl+u")
        terminal.paste(KEY)
        terminal.press("enter")
        await shows(terminal, "answers from now on")
        await shows(terminal, "› who are you?")  # typed before the question could be read
        terminal.press("enter")
        await shows(terminal, "Hello, newcomer.")
        terminal.press("ctrl+d")
        assert await asyncio.to_thread(terminal.wait_exit) == 0
        said = bytes(terminal.output)
    assert newcomer.config["model"] == "test-model"
    (request,) = server.requests
    assert request.headers["authorization"] == f"Bearer {KEY}"
    kept = list((newcomer.h2a / "keys").iterdir())
    assert [path.read_text("utf-8") for path in kept] == [f"{KEY}\n"]
    assert kept[0].stat().st_mode & 0o777 == 0o600
    written = {path: path.read_bytes() for path in newcomer.root.rglob("*") if path.is_file()} | {
        Path("screen"): said
    }
    for key in (KEY, WRONG):
        found = [str(path) for path, data in written.items() if key.encode() in data and path not in kept]
        assert found == [], "a key is seen nowhere but where it is kept"

    with newcomer.start(*front) as terminal:
        await shows(terminal, "test-model · ", START_S)
        terminal.type_text("a draft")
        await shows(terminal, "› a draft")
        assert ASKS not in terminal.screen_text(), "it is asked once"


@FRONTS
async def test_what_is_typed_before_the_question_is_readable_answers_nothing_and_waits_in_the_editor(
    newcomer: Newcomer, front: tuple[str, ...]
) -> None:
    with newcomer.start(*front) as terminal:
        terminal.write(b"fix it\rnoww\x7f\r")  # nobody reads yet
        await shows(terminal, "Kept for the editor: fix it", START_S)
        await answerable(terminal)
        terminal.press("escape")
        await shows(terminal, "This is the demo, a script.")
        await shows(terminal, "› fix it")
        await asyncio.to_thread(
            terminal.wait_for, lambda: re.search(r"fix it\W+now\W", terminal.screen_text())
        )
    assert not (newcomer.h2a / "config.toml").exists()


@FRONTS
async def test_a_question_on_the_command_line_waits_in_the_editor(
    newcomer: Newcomer, front: tuple[str, ...]
) -> None:
    with newcomer.start(*front, "explain this folder") as terminal:
        await answerable(terminal)
        terminal.press("escape")
        await shows(terminal, "› explain this folder")


@FRONTS
async def test_words_typed_early_stand_below_the_question_on_the_command_line(
    newcomer: Newcomer, front: tuple[str, ...]
) -> None:
    with newcomer.start(*front, "explain this folder") as terminal:
        terminal.write(b"briefly")
        await shows(terminal, "Kept for the editor: briefly", START_S)
        await answerable(terminal)
        terminal.press("escape")
        await asyncio.to_thread(
            terminal.wait_for,
            lambda: re.search(r"explain this folder\W+briefly", terminal.screen_text()),
        )


@FRONTS
async def test_escape_leaves_with_the_demo_and_setup_comes_back(
    newcomer: Newcomer, front: tuple[str, ...]
) -> None:
    with newcomer.start(*front) as terminal:
        await answerable(terminal)
        terminal.press("escape")
        await shows(terminal, "This is the demo, a script.")
        terminal.type_text("/setup")
        terminal.press("enter")
        await shows(terminal, ASKS)
    assert not (newcomer.h2a / "config.toml").exists()


@pytest.mark.parametrize(
    ("args", "env"),
    [
        (("--demo",), {}),
        (("--inline", "--demo"), {}),
        (("--model", "ollama/some-model"), {}),
        ((), {"H2A_MODEL": "ollama/some-model"}),
        (("--base-url", "http://127.0.0.1:1", "--model", "m"), {}),
        ((), {"ANTHROPIC_API_KEY": "sk-x"}),
        (("--inline",), {"ANTHROPIC_API_KEY": "sk-x"}),
    ],
)
async def test_who_has_said_who_shall_answer_is_not_asked(
    newcomer: Newcomer, args: tuple[str, ...], env: dict[str, str]
) -> None:
    with newcomer.start(*args, **env) as terminal:
        await shows(terminal, "ready", START_S)
        terminal.type_text("a draft")
        await shows(terminal, "a draft")
        assert ASKS not in terminal.screen_text()


def test_lines_instead_of_a_screen_are_not_asked_either(newcomer: Newcomer) -> None:
    with newcomer.start("--plain") as terminal:
        terminal.wait_for("this is the demo", START_S)
        assert ASKS not in terminal.screen_text()
