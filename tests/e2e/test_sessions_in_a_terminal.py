"""Going back, forking and looking, with keys in a real terminal, the real program and a strict server."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest

from h2a_agent.paths import private_folder
from h2a_agent.session import Session
from support.messages_api import Answer, MessagesServer, gate, text
from support.pty_rig import Terminal, modes_left_on
from support.saved_sessions import said


class Desk:
    """A folder, a home, and terminals that run the program in them."""

    def __init__(self, tmp_path: Path, server: MessagesServer) -> None:
        self.server = server
        self.folder = tmp_path / "project"
        self.folder.mkdir()
        self.home = tmp_path / "h2a"
        self.terminals: list[Terminal] = []

    async def start(self, *flags: str) -> Terminal:
        argv = [sys.executable, "-m", "h2a_tui", "--model", "test-model", *flags]
        env = {
            "PATH": os.environ["PATH"],
            "HOME": str(self.home),
            "H2A_HOME": str(self.home),
            "TERM": "xterm-256color",
            "LANG": "C.UTF-8",
            "ANTHROPIC_API_KEY": "sk-test",
            "ANTHROPIC_BASE_URL": self.server.url,
        }
        terminal = Terminal.spawn(argv, env=env, cwd=self.folder, size=(100, 30))
        self.terminals.append(terminal)
        await shows(terminal, "ready", 30)
        return terminal

    def sessions(self) -> list[Path]:
        return sorted(self.home.glob("sessions/*/*.jsonl"), key=lambda path: path.stem)

    def sent(self) -> list[str]:
        return [
            block["text"]
            for message in self.server.requests[-1].messages
            for block in message["content"]
            if block["type"] == "text"
        ]


@pytest.fixture
async def desk(tmp_path: Path) -> AsyncIterator[Desk]:
    async with MessagesServer() as server:
        it = Desk(tmp_path, server)
        yield it
        for terminal in it.terminals:
            await asyncio.to_thread(terminal.close)
        assert server.violations == []


async def shows(terminal: Terminal, what: str | Callable[[], object], timeout_s: float = 15.0) -> None:
    await asyncio.to_thread(terminal.wait_for, what, timeout_s)


async def gone(terminal: Terminal, what: str) -> None:
    await asyncio.to_thread(terminal.wait_gone, what)


async def send(terminal: Terminal, words: str) -> None:
    terminal.type_text(words)
    await shows(terminal, words)
    terminal.press("enter")


async def test_a_prompt_is_said_anew_and_the_model_never_hears_the_first_one(desk: Desk) -> None:
    desk.server.script(Answer(text("Paris it is.")), Answer(text("Lyon then.")), Answer(text("Rome then.")))
    terminal = await desk.start()
    await send(terminal, "Where to?")
    await shows(terminal, "Paris it is.")
    await send(terminal, "Rather Lyon")
    await shows(terminal, "Lyon then.")
    await send(terminal, "/tree")
    await shows(terminal, "Go back to")
    terminal.press("up", "enter")
    await gone(terminal, "Lyon then.")
    await shows(terminal, "Rather Lyon")
    terminal.press(*["backspace"] * 4)
    terminal.type_text("Rome")
    await shows(terminal, "Rather Rome")
    terminal.press("enter")
    await shows(terminal, "Rome then.")
    assert desk.sent() == ["Where to?", "Paris it is.", "Rather Rome"]
    assert "Lyon" not in terminal.screen_text()


async def test_a_fork_goes_on_in_the_same_terminal_and_the_original_stays(desk: Desk) -> None:
    desk.server.script(Answer(text("Paris it is.")), Answer(text("Rome then.")))
    terminal = await desk.start()
    await send(terminal, "Where to?")
    await shows(terminal, "Paris it is.")
    (original,) = desk.sessions()
    await send(terminal, "/fork")
    # The other app has taken the screen, and drawn its editor there.
    await shows(terminal, lambda: b"ay what to do" in terminal.output.partition(b"\x1b[?1049l")[2], 30)
    await shows(terminal, "Paris it is.")
    await send(terminal, "Rather Rome")
    await shows(terminal, "Rome then.")
    terminal.press("ctrl+d")
    await asyncio.to_thread(terminal.wait_exit)
    fork = next(path for path in desk.sessions() if path != original)
    assert said(Session.look_at(original)) == ["Where to?", "Paris it is."]
    assert said(Session.look_at(fork)) == ["Where to?", "Paris it is.", "Rather Rome", "Rome then."]


async def test_what_is_typed_while_the_session_changes_reaches_the_next_editor(desk: Desk) -> None:
    desk.server.script(Answer(text("Paris it is.")), Answer(text("Rome then.")))
    terminal = await desk.start()
    await send(terminal, "Where to?")
    await shows(terminal, "Paris it is.")
    (original,) = desk.sessions()
    await send(terminal, "/fork")
    terminal.type_text("Rath")  # with no wait: the one app is still there, or is just leaving
    await asyncio.to_thread(terminal.wait_output, b"\x1b[?1049l")
    terminal.type_text("er Rom")  # nobody reads the terminal now
    terminal.press("e", "enter")
    await shows(terminal, "Rome then.", 30)
    terminal.press("ctrl+d")
    assert await asyncio.to_thread(terminal.wait_exit) == 0
    fork = next(path for path in desk.sessions() if path != original)
    assert said(Session.look_at(original)) == ["Where to?", "Paris it is."]
    assert said(Session.look_at(fork)) == ["Where to?", "Paris it is.", "Rather Rome", "Rome then."]
    assert modes_left_on(bytes(terminal.output)) == {}
    assert not list(desk.home.glob("sessions/*/*.draft"))


async def test_the_terminal_is_as_it_was_after_several_sessions(desk: Desk) -> None:
    desk.server.script(Answer(text("Paris it is.")))
    terminal = await desk.start()
    await send(terminal, "Where to?")
    await shows(terminal, "Paris it is.")
    for number in (1, 2):
        await send(terminal, "/clone")
        await asyncio.to_thread(
            terminal.wait_for, lambda n=number: terminal.output.count(b"\x1b[?1049h") > n, 30
        )
        await shows(terminal, "Paris it is.", 30)
    terminal.press("ctrl+d")
    assert await asyncio.to_thread(terminal.wait_exit) == 0
    assert terminal.line_mode


async def test_the_model_that_was_chosen_answers_in_the_next_session_too(desk: Desk) -> None:
    desk.server.script(Answer(text("Paris it is.")), Answer(text("Rome then.")))
    terminal = await desk.start()
    await send(terminal, "Where to?")
    await shows(terminal, "Paris it is.")
    await send(terminal, "/model other-model")
    await shows(terminal, "anthropic/other-model answers")
    await send(terminal, "/clone")
    await shows(terminal, lambda: b"ay what to do" in terminal.output.partition(b"\x1b[?1049l")[2], 30)
    await shows(terminal, "Paris it is.")
    await send(terminal, "Rather Rome")
    await shows(terminal, "Rome then.")
    assert [request.payload["model"] for request in desk.server.requests] == ["test-model", "other-model"]


async def test_an_export_lacks_a_key_that_is_kept_for_a_provider_nobody_has_used(desk: Desk) -> None:
    keys = private_folder(desk.home / "keys")
    (keys / "deepseek@api.deepseek.com").touch(0o600)
    (keys / "deepseek@api.deepseek.com").write_text("kept-by-name-77\n")
    terminal = await desk.start()
    await send(terminal, "is kept-by-name-77 safe?")
    await shows(terminal, "Understood.")
    await send(terminal, "/export talk.md")
    await shows(terminal, "Written to")
    assert "is [redacted] safe?" in (desk.folder / "talk.md").read_text()


async def test_a_session_that_is_open_elsewhere_can_be_looked_at_and_takes_no_word(desk: Desk) -> None:
    desk.server.script(Answer(text("Paris it is.")), Answer(text(["Lyon ", gate("mid"), "then."])))
    writer = await desk.start()
    await send(writer, "Where to?")
    await shows(writer, "Paris it is.")
    await send(writer, "Rather Lyon")
    await desk.server.reached("mid")
    (session,) = desk.sessions()
    reader = await desk.start("-r", session.stem, "--read-only")
    await shows(reader, "Paris it is.")
    await send(reader, "me too")
    await shows(reader, "/fork goes on in a copy")
    await shows(reader, "me too")
    desk.server.open("mid")
    await shows(writer, "Lyon then.")
    assert len(desk.server.requests) == 2
