"""The whole path: a person's keys in a real terminal, the real program, a strict server behind it."""

from __future__ import annotations

import asyncio
import os
import secrets
import signal
import sys
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from support.children import is_running
from support.messages_api import Answer, MessagesServer, Recorded, gate, status, text, tool
from support.processes import program_of
from support.pty_rig import Terminal

SIZE = (100, 30)
START_S = 30.0


@pytest.fixture
async def server() -> AsyncIterator[MessagesServer]:
    async with MessagesServer() as it:
        yield it
        assert it.violations == []


class Desk:
    """A folder, a home, and terminals that run the program in them."""

    def __init__(self, tmp_path: Path, url: str) -> None:
        self.folder = tmp_path / "project"
        self.folder.mkdir()
        self.env = {
            "PATH": os.environ["PATH"],
            "HOME": str(tmp_path),
            "H2A_HOME": str(tmp_path / "h2a"),
            "TERM": "xterm-256color",
            "LANG": "C.UTF-8",
            "ANTHROPIC_API_KEY": "sk-test",
            "ANTHROPIC_BASE_URL": url,
        }
        self.terminals: list[Terminal] = []

    async def start(self, *flags: str, kitty: bool = False, size: tuple[int, int] = SIZE) -> Terminal:
        """The program in a new terminal, ready for keys."""
        argv = [sys.executable, "-m", "h2a_tui", "--model", "test-model", "--mode", "full", *flags]
        terminal = Terminal.spawn(argv, env=self.env, cwd=self.folder, size=size, kitty=kitty)
        self.terminals.append(terminal)
        await shows(terminal, "ready", START_S)
        return terminal


@pytest.fixture
async def desk(server: MessagesServer, tmp_path: Path) -> AsyncIterator[Desk]:
    it = Desk(tmp_path, server.url)
    yield it
    for terminal in it.terminals:
        await asyncio.to_thread(terminal.close)


async def shows(terminal: Terminal, what: str | Callable[[], object], timeout_s: float = 15.0) -> None:
    await asyncio.to_thread(terminal.wait_for, what, timeout_s)


async def send(terminal: Terminal, words: str, *keys: str, encoding: Any = "legacy") -> None:
    """Type `words`, see them in the editor, press `keys`."""
    terminal.type_text(words)
    await shows(terminal, words)
    terminal.press(*keys, encoding=encoding)


def blocks(request: Recorded, role: str) -> Iterator[dict[str, Any]]:
    for message in request.messages:
        if message["role"] == role:
            content = message["content"]
            yield from [{"type": "text", "text": content}] if isinstance(content, str) else content


def texts(request: Recorded, role: str) -> list[str]:
    return [block["text"] for block in blocks(request, role) if block["type"] == "text"]


async def test_enter_in_mid_stream_cuts_the_answer_and_delivers_the_message(
    server: MessagesServer, desk: Desk
) -> None:
    server.script(
        Answer(text(["The history of ", "the queue ", gate("mid"), "never seen"])),
        Answer(text("Short: a line.")),
    )
    terminal = await desk.start()
    await send(terminal, "tell me everything", "enter")
    await shows(terminal, "The history of the queue")
    await shows(terminal, "streaming")
    await send(terminal, "shorter please", "enter")
    await server.disconnected(1)
    second = await server.request(2)
    assert texts(second, "assistant") == ["The history of the queue "]
    said = texts(second, "user")
    assert said[0] == "tell me everything"
    assert "interrupted" in said[1]
    assert said[2] == "shorter please"
    await shows(terminal, "Short: a line.")
    await shows(terminal, "ready")
    screen = terminal.screen_text()
    assert "The history of the queue" in screen, "the partial answer stays on screen"
    assert "never seen" not in screen
    assert (
        screen.index("The history of the queue")
        < screen.index("shorter please")
        < screen.index("Short: a line.")
    )


@pytest.mark.parametrize("encoding", ["legacy", "kitty"])
async def test_alt_enter_queues_a_follow_up_and_cuts_nothing(
    server: MessagesServer, desk: Desk, encoding: str
) -> None:
    server.script(Answer(text(["First ", gate("mid"), "answer."])), Answer(text("Second answer.")))
    terminal = await desk.start(kitty=encoding == "kitty")
    await send(terminal, "one", "enter", encoding=encoding)
    await server.reached("mid")
    await shows(terminal, "First")
    await send(terminal, "and two", "alt+enter", encoding=encoding)
    await shows(terminal, "↳ follow-up")
    assert len(server.requests) == 1
    assert not server.requests[0].disconnected
    server.open("mid")
    second = await server.request(2)
    assert texts(second, "assistant") == ["First answer."]
    assert texts(second, "user") == ["one", "and two"]
    await shows(terminal, "Second answer.")


async def test_escape_stops_the_answer_and_gives_the_waiting_message_back(
    server: MessagesServer, desk: Desk
) -> None:
    server.script(Answer(text(["Some words ", gate("mid"), "never"])))
    terminal = await desk.start()
    await send(terminal, "go", "enter")
    await shows(terminal, "Some words")
    await send(terminal, "waiting", "alt+enter")
    await shows(terminal, "↳ follow-up")
    terminal.press("escape")
    await server.disconnected(1)
    await shows(terminal, "ready")
    await shows(terminal, "› waiting")


async def test_a_running_command_is_steered_away_and_its_process_is_gone(
    server: MessagesServer, desk: Desk
) -> None:
    # A number of its own to be found by: in a sandbox `$$` is nobody's number out here.
    sleep = f"sleep 300.{secrets.randbelow(10**9)}"
    command = f"echo begun; {sleep}; true"
    server.script(
        Answer(text("I run it."), tool("bash", {"command": command}, id="c1")), Answer(text("Stopped then."))
    )
    terminal = await desk.start()
    await send(terminal, "run it", "enter")
    await shows(terminal, "│ begun")
    await shows(terminal, "tools")
    async with asyncio.timeout(10):
        while not is_running(sleep):
            await asyncio.sleep(0.01)
    await send(terminal, "not that", "enter")
    second = await server.request(2)
    result = next(b for b in blocks(second, "user") if b["type"] == "tool_result")
    assert "Stopped after" in str(result["content"])
    await shows(terminal, "Stopped then.")
    assert not is_running(sleep)


async def test_kill_9_with_a_steer_and_a_follow_up_waiting_loses_neither(
    server: MessagesServer, desk: Desk
) -> None:
    """The server asked to wait, so even a steer has to; then the process dies, and another one opens the session."""
    overloaded = {"type": "error", "error": {"type": "rate_limit_error", "message": "slow down"}}
    server.script(Answer(status(429, overloaded, {"retry-after": "50"})), *[Answer(text("Here I am."))] * 3)
    terminal = await desk.start()
    await send(terminal, "my question", "enter")
    await shows(terminal, "retrying")
    await send(terminal, "steer me", "enter")
    await send(terminal, "follow me up", "alt+enter")
    await shows(terminal, "↳ follow-up")
    os.kill(program_of(terminal.process.pid), signal.SIGKILL)
    await asyncio.to_thread(terminal.wait_exit)

    again = await desk.start("-c")
    await shows(again, "my question")
    await shows(again, "steer me")
    await shows(again, "follow me up")
    assert len(server.requests) == 1, "nothing is sent before the user says so"
    again.press("f8")
    await shows(again, "Here I am.")
    await server.request(3)
    assert texts(server.requests[2], "user") == ["my question", "steer me", "follow me up"]


async def test_kill_9_in_mid_stream_keeps_the_words_of_the_answer(server: MessagesServer, desk: Desk) -> None:
    server.script(Answer(text(["Words that came ", gate("mid"), "never"])), Answer(text("And on.")))
    terminal = await desk.start()
    await send(terminal, "go", "enter")
    await shows(terminal, "Words that came")
    journal = next((desk.folder.parent / "h2a").rglob("*.jsonl"))
    async with asyncio.timeout(10):
        while b"Words that came" not in journal.read_bytes():
            await asyncio.sleep(0.02)
    os.kill(program_of(terminal.process.pid), signal.SIGKILL)
    await asyncio.to_thread(terminal.wait_exit)

    again = await desk.start("-c")
    await shows(again, "Words that came")
    await send(again, "go on", "enter")
    second = await server.request(2)
    assert texts(second, "assistant") == ["Words that came "]
    assert "program ended" in texts(second, "user")[1]
    await shows(again, "And on.")


async def test_quitting_says_how_to_come_back_and_coming_back_shows_the_conversation(
    server: MessagesServer, desk: Desk
) -> None:
    server.script(Answer(text("**Bold** answer with `code`.")))
    terminal = await desk.start()
    await send(terminal, "hello", "enter")
    await shows(terminal, "Bold answer with code.")
    await shows(terminal, "ready")
    terminal.press("ctrl+d")
    assert await asyncio.to_thread(terminal.wait_exit) == 0
    assert b"h2a-chat -r" in bytes(terminal.output)
    again = await desk.start("-c")
    await shows(again, "Bold answer with code.")
    assert len(server.requests) == 1


async def test_an_unreachable_server_is_told_in_words_and_the_draft_comes_back(desk: Desk) -> None:
    desk.env["ANTHROPIC_BASE_URL"] = "http://127.0.0.1:9"
    terminal = await desk.start()
    await send(terminal, "my precious words", "enter")
    await shows(terminal, "› my precious words", 40.0)
    await shows(terminal, "--base-url")
    assert "Traceback" not in terminal.screen_text()


async def test_kill_9_in_compaction_loses_neither_the_order_nor_the_steer_behind_it(
    server: MessagesServer, desk: Desk
) -> None:
    server.script(Answer(text("A long answer. " * 300)), Answer(gate("summary"), text("never")))
    terminal = await desk.start()
    await send(terminal, "my question", "enter")
    await shows(terminal, "A long answer.")
    await shows(terminal, "ready")
    await send(terminal, "/compact the names", "enter")
    await server.reached("summary")
    await shows(terminal, "compacting")
    await send(terminal, "steer me", "enter")
    await shows(terminal, "↯ steer")
    terminal.process.send_signal(signal.SIGKILL)
    await asyncio.to_thread(terminal.wait_exit)

    again = await desk.start("-c")
    await shows(again, "/compact the names")
    await shows(again, "↯ steer")
    assert len(server.requests) == 2, "nothing is sent before the user says so"
    server.script(Answer(text("The gist.")), Answer(text("Steered.")))
    again.press("f8")
    await shows(again, "Steered.")
    assert len(server.requests) == 4
    told = texts(server.requests[3], "user")
    assert told[0].endswith("The gist.")
    assert told[-1] == "steer me"
