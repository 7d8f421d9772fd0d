"""From one session to the next in the inline mode, with keys in a real terminal, the real program and a strict server."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from support.messages_api import Answer, MessagesServer, text
from support.pty_rig import Terminal, modes_left_on


@pytest.fixture
async def server() -> AsyncIterator[MessagesServer]:
    async with MessagesServer() as server:
        server.script(Answer(text("Paris it is.")))
        yield server
        assert server.violations == []


@pytest.fixture
async def terminal(tmp_path: Path, server: MessagesServer) -> AsyncIterator[Terminal]:
    """One question has been answered."""
    (tmp_path / "project").mkdir()
    argv = [sys.executable, "-m", "h2a_tui", "--inline", "--model", "test-model"]
    env = {
        "PATH": os.environ["PATH"],
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


async def left(terminal: Terminal) -> int:
    terminal.press("ctrl+d")
    return await asyncio.to_thread(terminal.wait_exit)


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
