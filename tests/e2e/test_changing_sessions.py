"""From one session to the next, in the app and in the inline mode: real keys, the real program and a strict server."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from h2a_agent.session import Session
from support.messages_api import Answer, MessagesServer, text
from support.pty_rig import Terminal, modes_left_on
from support.saved_sessions import Script, said


@pytest.fixture
async def server() -> AsyncIterator[MessagesServer]:
    async with MessagesServer() as server:
        server.script(Answer(text("Paris it is.")), Answer(text("Rome then.")), Answer(text("Oslo then.")))
        yield server
        assert server.violations == []


@pytest.fixture(params=["app", "inline"])
async def terminal(
    request: pytest.FixtureRequest, tmp_path: Path, server: MessagesServer
) -> AsyncIterator[Terminal]:
    """One question has been answered."""
    (tmp_path / "project").mkdir()
    argv = [sys.executable, "-m", "h2a_tui", "--model", "test-model"]
    if request.param == "inline":
        argv.append("--inline")
    env = {
        "PATH": os.environ["PATH"],
        "HOME": str(tmp_path),
        "H2A_HOME": str(tmp_path / "h2a"),
        "ANTHROPIC_API_KEY": "sk-test",
        "ANTHROPIC_BASE_URL": server.url,
    }
    with Terminal.spawn(argv, env=env, cwd=tmp_path / "project", size=(100, 30)) as it:
        await asyncio.to_thread(it.wait_for, "Say what to do", 30)
        it.type_text("Where to?")
        it.press("enter")
        await asyncio.to_thread(it.wait_for, "Paris it is.")
        await asyncio.to_thread(it.wait_for, "ready")
        yield it


def sessions(tmp_path: Path) -> list[Path]:
    return sorted(tmp_path.glob("h2a/sessions/*/*.jsonl"), key=lambda path: path.stem)


def drafts(tmp_path: Path) -> list[Path]:
    return list(tmp_path.glob("h2a/sessions/*/*.draft"))


async def left(terminal: Terminal) -> int:
    terminal.press("ctrl+d")
    return await asyncio.to_thread(terminal.wait_exit)


@pytest.mark.parametrize("command", ["/fork", "/clone"])
async def test_what_is_typed_while_the_session_changes_is_the_next_ones(
    tmp_path: Path, terminal: Terminal, command: str
) -> None:
    (original,) = sessions(tmp_path)
    terminal.write(command.encode() + b"\rRather ")  # in one piece, so that the one chat reads it all
    terminal.type_text("Ro")
    await asyncio.to_thread(terminal.wait_for, lambda: len(sessions(tmp_path)) == 2)
    terminal.type_text("me")  # nobody listens, or the other one does already
    terminal.press("enter")
    await asyncio.to_thread(terminal.wait_for, "Rome then.", 30)
    assert await left(terminal) == 0
    (copy,) = (path for path in sessions(tmp_path) if path != original)
    assert said(Session.look_at(original)) == ["Where to?", "Paris it is."]
    assert said(Session.look_at(copy)) == ["Where to?", "Paris it is.", "Rather Rome", "Rome then."]
    assert not drafts(tmp_path)


@pytest.mark.parametrize("command", ["/fork", "/clone"])
async def test_a_copy_says_that_it_is_one(terminal: Terminal, command: str) -> None:
    terminal.type_text(command)
    terminal.press("enter")
    await asyncio.to_thread(terminal.wait_for, "This is the copy; /sessions leads back to the original", 30)
    assert await left(terminal) == 0


async def test_a_message_sent_right_behind_the_command_is_the_next_sessions(
    tmp_path: Path, terminal: Terminal
) -> None:
    (original,) = sessions(tmp_path)
    terminal.write(b"/fork\rRather Rome\r")  # in one piece: the one chat reads the second Enter, too
    await asyncio.to_thread(terminal.wait_for, "Rome then.", 30)
    assert await left(terminal) == 0
    (copy,) = (path for path in sessions(tmp_path) if path != original)
    assert said(Session.look_at(original)) == ["Where to?", "Paris it is."]
    assert said(Session.look_at(copy)) == ["Where to?", "Paris it is.", "Rather Rome", "Rome then."]


async def test_a_paste_behind_the_command_keeps_its_place_among_the_keys(
    tmp_path: Path, terminal: Terminal
) -> None:
    terminal.write(b"/clone\rRat\x1b[200~her\nRo\x1b[201~me\r")
    await asyncio.to_thread(terminal.wait_for, "Rome then.", 30)
    assert await left(terminal) == 0
    assert said(Session.look_at(sessions(tmp_path)[-1]))[2] == "Rather\nRome"


async def test_three_sessions_in_one_burst_each_get_their_own(tmp_path: Path, terminal: Terminal) -> None:
    terminal.write(b"/clone\r")
    terminal.write(b"/fork\r")
    terminal.write(b"To Oslo?\r")
    await asyncio.to_thread(terminal.wait_for, "Rome then.", 30)
    assert await left(terminal) == 0
    texts = [said(Session.look_at(path)) for path in sessions(tmp_path)]
    assert texts == [["Where to?", "Paris it is."]] * 2 + [
        ["Where to?", "Paris it is.", "To Oslo?", "Rome then."]
    ]


async def test_what_is_typed_behind_a_session_that_is_not_there_is_this_ones(
    tmp_path: Path, terminal: Terminal
) -> None:
    terminal.write(b"/resume x\rRather ")
    terminal.type_text("Rome")
    terminal.press("enter")
    await asyncio.to_thread(terminal.wait_for, "Rome then.")
    assert await left(terminal) == 0
    (only,) = sessions(tmp_path)
    assert said(Session.look_at(only)) == ["Where to?", "Paris it is.", "Rather Rome", "Rome then."]


async def test_a_session_that_cannot_be_opened_leads_back_to_where_one_was_with_everything_that_was_typed(
    tmp_path: Path, terminal: Terminal
) -> None:
    (original,) = sessions(tmp_path)
    elsewhere = Script(tmp_path / "h2a")
    elsewhere.ask("Long ago")
    elsewhere.close()
    (tmp_path / "h2a" / "work").rmdir()
    terminal.type_text(f"/resume {elsewhere.path.stem}")
    await asyncio.to_thread(terminal.wait_for, elsewhere.path.stem)
    terminal.write(b"\rRather ")
    await asyncio.to_thread(terminal.wait_for, "The folder of this session is gone", 30)
    terminal.type_text("Rome")
    terminal.press("enter")
    await asyncio.to_thread(terminal.wait_for, "Rome then.")
    assert await left(terminal) == 0
    assert said(Session.look_at(original)) == ["Where to?", "Paris it is.", "Rather Rome", "Rome then."]
    assert said(Session.look_at(elsewhere.path)) == ["Long ago"]


async def test_vims_keys_go_along_and_are_forgotten_with_the_program(
    tmp_path: Path, terminal: Terminal
) -> None:
    terminal.write(b"/vim\r")
    await asyncio.to_thread(terminal.wait_for, "Vim's keys:")
    for command, question, answer in (("/clone", "Rome", "Rome then."), ("/fork", "Oslo", "Oslo then.")):
        terminal.write(command.encode() + b"\r")
        terminal.type_text(f"{question}xyz")
        terminal.press("escape", "x", "x", "x", "enter", encoding="kitty")
        await asyncio.to_thread(terminal.wait_for, answer, 30)
        await asyncio.to_thread(terminal.wait_for, "ready")
        assert said(Session.look_at(sessions(tmp_path)[-1]))[-2:] == [question, answer]
    assert await left(terminal) == 0
    assert not (tmp_path / "h2a" / "config.toml").exists()


@pytest.mark.parametrize("terminal", ["inline"], indirect=True)
async def test_the_terminal_is_never_the_shells_between_sessions(tmp_path: Path, terminal: Terminal) -> None:
    (original,) = sessions(tmp_path)
    for count, command in enumerate(("/clone", f"/resume {original.stem}", "/fork"), 1):
        terminal.type_text(command)
        terminal.press("enter")

        def greeted(wanted: int = count + 1) -> bool:
            assert not terminal.line_mode
            return terminal.whole_text().count("h2a-chat ") == wanted

        await asyncio.to_thread(terminal.wait_for, greeted, 30)
    assert terminal.output.count(b"\x1b[?2004h") == 1
    assert await left(terminal) == 0
    assert terminal.line_mode
    assert modes_left_on(bytes(terminal.output)) == {}


_SLOW_READER = """
import asyncio, sys, threading
from h2a_agent.session_verbs import SessionVerbs
from h2a_tui.cli import main
from h2a_tui.handover import Handover
from h2a_tui.keys import KeyDriver

read, begun = threading.Event(), threading.Event()
clone, begin = SessionVerbs.clone, Handover.begin

async def clone_when_it_is_read(self):
    await asyncio.to_thread(read.wait)
    return await clone(self)

def begin_and_tell(self):
    begin(self)
    begun.set()

def hear(data):
    if data == b"z":
        read.set()
        begun.wait()

SessionVerbs.clone, Handover.begin, KeyDriver.listener = clone_when_it_is_read, begin_and_tell, staticmethod(hear)
sys.exit(main(["--demo", "--trust"]))
"""


def test_a_key_that_was_read_when_the_app_is_left_but_has_not_reached_it_yet_is_the_next_ones(
    tmp_path: Path,
) -> None:
    env = {"HOME": str(tmp_path), "H2A_HOME": str(tmp_path / "h2a")}
    argv = [sys.executable, "-P", "-c", _SLOW_READER]
    with Terminal.spawn(argv, env=env, cwd=tmp_path, size=(100, 30)) as terminal:
        terminal.wait_for("Say what to do", 30)
        terminal.type_text("hi")
        terminal.press("enter")
        terminal.wait_for(lambda: sessions(tmp_path))
        terminal.type_text("/clone")
        terminal.wait_for("› /clone")
        terminal.press("enter")
        terminal.wait_gone("› /clone")
        terminal.type_text("z")
        terminal.wait_for("› z", 30)
