"""`h2a-chat` itself when it dies: the terminal, the commands, the session, the keys."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from support.messages_api import Answer, MessagesServer, gate, text, tool
from support.processes import children, command_line, environments, kill_all, living, new_tag, program_of
from support.pty_rig import Terminal, modes_left_on

SECRET = "sk-canary-77aa01"
START_S = 30.0


@pytest.fixture
def tag() -> Iterator[str]:
    number = new_tag()
    yield number
    kill_all(number)


@pytest.fixture
async def server() -> AsyncIterator[MessagesServer]:
    async with MessagesServer() as it:
        yield it


class Desk:
    """A shell's place: the program started in a terminal that outlives it."""

    def __init__(self, root: Path, url: str) -> None:
        self.home = root / "h2a"
        (root / "project").mkdir()
        # Read from a file, as a shell's start-up files do it: what a process was started with, it shows for ever.
        (root / "keys").write_text(f"export ANTHROPIC_API_KEY={SECRET} OTHER_TOKEN={SECRET}\n")
        self.terminal = Terminal.spawn(
            [
                "/bin/sh",
                "-c",
                f". ../keys; {sys.executable} -m h2a_tui --mode full; echo CODE $?.; read line",
            ],
            env={
                "HOME": str(root),
                "H2A_HOME": str(self.home),
                "ANTHROPIC_BASE_URL": url,
            },
            cwd=root / "project",
            size=(160, 40),
        )

    async def shows(self, words: str, timeout_s: float = START_S) -> None:
        await asyncio.to_thread(self.terminal.wait_for, words, timeout_s)

    async def send(self, words: str) -> None:
        self.terminal.type_text(words)
        await self.shows(words)
        self.terminal.press("enter")

    @property
    def guardian(self) -> int:
        (pid,) = children(self.terminal.process.pid)
        return pid

    def session(self) -> bytes:
        (path,) = self.home.glob("sessions/*/*.jsonl")
        return path.read_bytes()


@pytest.fixture
async def desk(server: MessagesServer, tmp_path: Path) -> AsyncIterator[Desk]:
    it = Desk(tmp_path, server.url)
    await it.shows("ready")
    yield it
    await asyncio.to_thread(it.terminal.close)


async def until_gone(*tags: str) -> None:
    async with asyncio.timeout(10):
        while any(living(tag) for tag in tags):
            await asyncio.sleep(0.01)


async def with_three_commands(server: MessagesServer, desk: Desk, tag: str) -> None:
    commands = [
        f"echo one; sleep {tag}",
        f"setsid nohup sleep {tag} & sleep {tag}",
        f"trap '' TERM; sleep {tag}",
    ]
    server.script(Answer(*(tool("bash", {"command": c}, id=f"call_{n}") for n, c in enumerate(commands))))
    await desk.send("run three")
    async with asyncio.timeout(10):
        while len(living(tag)) < 5:
            await asyncio.sleep(0.01)


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGSEGV])
async def test_killed_while_three_commands_run_it_leaves_nothing(
    server: MessagesServer, desk: Desk, tag: str, number: signal.Signals
) -> None:
    await with_three_commands(server, desk, tag)
    os.kill(program_of(desk.guardian), number)
    await desk.shows(f"CODE {128 + number}.")
    assert living(tag) == []
    assert modes_left_on(desk.terminal.output) == {}
    assert f"h2a-chat was killed ({number.name})" in desk.terminal.screen_text()
    assert "Go on: h2a-chat -r " in desk.terminal.screen_text()
    assert b"run three" in desk.session()


async def test_closing_the_window_while_three_commands_run_ends_everything(
    server: MessagesServer, desk: Desk, tag: str
) -> None:
    await with_three_commands(server, desk, tag)
    guardian = desk.guardian
    program = program_of(guardian)
    await asyncio.to_thread(desk.terminal.hang_up)
    await until_gone(tag)
    async with asyncio.timeout(10):
        while command_line(guardian) or command_line(program):
            await asyncio.sleep(0.01)
    assert b'"outcome":"stopped"' in desk.session(), "it saved what became of its commands"


async def test_without_its_guardian_it_saves_and_leaves_by_its_own_door(
    server: MessagesServer, desk: Desk, tag: str
) -> None:
    await with_three_commands(server, desk, tag)
    guardian = desk.guardian
    program = program_of(guardian)
    os.kill(guardian, signal.SIGKILL)
    await desk.shows("its guardian process was killed")
    await desk.shows("To go on: h2a-chat -r ")
    await until_gone(tag)
    async with asyncio.timeout(10):
        while command_line(program):
            await asyncio.sleep(0.01)
    assert modes_left_on(desk.terminal.output) == {}
    assert b'"outcome":"stopped"' in desk.session()


async def test_killed_in_mid_answer_the_terminal_is_back_and_the_words_are_kept(
    server: MessagesServer, desk: Desk
) -> None:
    server.script(Answer(text(["Words that came ", gate("mid"), "never"])))
    await desk.send("go")
    await desk.shows("Words that came")
    async with asyncio.timeout(10):
        while b"Words that came" not in desk.session():
            await asyncio.sleep(0.02)
    os.kill(program_of(desk.guardian), signal.SIGKILL)
    await desk.shows("CODE 137.")
    assert modes_left_on(desk.terminal.output) == {}


async def test_no_key_is_seen_by_a_command_or_written_anywhere(server: MessagesServer, desk: Desk) -> None:
    """S4: a command looks at everybody's environment, arguments and files; then everything we wrote is searched."""
    look = (
        f"cat /proc/*/environ /proc/*/cmdline 2>/dev/null | tr '\\0' '\\n' | grep -a {SECRET[:9]} | grep -av 'grep -a';"
        " env | sort; echo looked"
    )
    server.script(Answer(tool("bash", {"command": look})), Answer(text("Done looking.")))
    await desk.send("look")
    await desk.shows("Done looking.")
    assert server.requests[0].headers["authorization"] == f"Bearer {SECRET}", "the program itself has the key"
    result = str(server.requests[1].payload["messages"][-1])
    assert "looked" in result
    assert SECRET not in result
    assert not [pid for pid, shown in environments().items() if SECRET.encode() in shown]
    os.kill(program_of(desk.guardian), signal.SIGSEGV)
    await desk.shows("CODE 139.")
    assert SECRET.encode() not in bytes(desk.terminal.output)
    written = [path for path in desk.home.rglob("*") if path.is_file()]
    assert any(path.suffix == ".log" for path in written), "the crash has left a log"
    assert [path for path in written if SECRET.encode() in path.read_bytes()] == []
