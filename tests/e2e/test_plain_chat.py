"""`--plain` in real terminals and pipes: lines in, lines out, nothing ever redrawn."""

from __future__ import annotations

import asyncio
import os
import re
import signal
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from support.messages_api import Answer, MessagesServer, gate, text, tool
from support.plain_talk import START_S, Talk, piped, said
from support.program import PROGRAM, environment


@pytest.fixture
async def server() -> AsyncIterator[MessagesServer]:
    async with MessagesServer() as it:
        yield it
    assert it.violations == []


@pytest.mark.parametrize(
    ("term", "size"), [("xterm-256color", (100, 30)), ("dumb", (80, 24)), ("dumb", (20, 8))]
)
async def test_a_line_steers_another_waits_and_nothing_is_redrawn(
    tmp_path: Path, server: MessagesServer, term: str, size: tuple[int, int]
) -> None:
    server.script(
        Answer(text(["I begin at length.\n", gate("mid")])),
        Answer(text(["Short.\n", gate("late")])),
        Answer(text(["And the tests pass."])),
    )
    talk = Talk(tmp_path, server.url, "--plain", size=size, TERM=term)
    with talk.terminal:
        await talk.hears("/help lists the commands.")
        talk.types("explain")
        await talk.hears("Agent: I begin at length.")
        talk.types("shorter please")
        await talk.hears("You, steering: shorter please")
        await talk.hears("Agent: Short.")
        talk.types("/queue run the tests")
        await talk.hears("Queued as a follow-up.")
        talk.types("/waiting")
        await talk.hears("1, follow-up: run the tests")
        server.open("late")
        await talk.hears("Agent: And the tests pass.\r\nReady.")
        talk.types("/quit")
        assert await talk.exit_code() == 0
    assert (await server.disconnected(1)).disconnected
    assert said((await server.request(2)).messages[-1])[-1] == "shorter please"
    assert "\x1b" not in talk.written
    assert re.search(r"\r(?!\n)|\x08", talk.written) is None, "no line is written over"
    assert "To go on: h2a-chat --plain -r " in talk.written


async def test_a_question_is_read_out_whole_and_answered_with_a_letter(
    tmp_path: Path, server: MessagesServer
) -> None:
    commands = ["touch yes", "touch no", "touch always", "touch always"]
    for command in commands:
        server.script(Answer(tool("bash", {"command": command})))
    talk = Talk(tmp_path, server.url, "--plain", "go")
    with talk.terminal:
        await talk.hears("touch yes\r\nEnd of question. Answer y for yes")
        talk.types("y")
        await talk.hears("touch no\r\nEnd of question.")
        talk.types("n not that one")
        await talk.hears("Answered: reject, not that one.")
        await talk.hears("touch always\r\nEnd of question.")
        talk.types("a")
        await talk.hears("Ready.")
        talk.types("/quit")
        assert await talk.exit_code() == 0
    made = {path.name for path in (tmp_path / "project").iterdir()}
    assert {"yes", "always"} <= made
    assert "no" not in made
    assert "not that one" in str((await server.request(3)).messages[-1])


async def test_other_words_than_an_answer_steer_and_withdraw_the_question(
    tmp_path: Path, server: MessagesServer
) -> None:
    server.script(Answer(tool("bash", {"command": "touch a"})), Answer(text(["As you like."])))
    talk = Talk(tmp_path, server.url, "--plain", "go")
    with talk.terminal:
        await talk.hears("End of question.")
        talk.types("yes but rather make a folder")
        await talk.hears("As you like.")
        talk.types("/quit")
        assert await talk.exit_code() == 0
    assert list((tmp_path / "project").iterdir()) == []
    assert said((await server.request(2)).messages[-1])[-1] == "yes but rather make a folder"


async def test_stop_pause_and_resume(tmp_path: Path, server: MessagesServer) -> None:
    server.script(
        Answer(text(["One.\n", gate("never")])),
        Answer(text(["Two.\n", gate("mid")]), tool("ls", {})),
        Answer(text(["Three."])),
    )
    talk = Talk(tmp_path, server.url, "--plain", "go")
    with talk.terminal:
        await talk.hears("Agent: One.")
        talk.types("/stop")
        await talk.hears("Stopped. Ready.")
        talk.types("again")
        await talk.hears("Agent: Two.")
        talk.types("/pause")
        await talk.hears("It pauses before the next step.")
        server.open("mid")
        await talk.hears("Paused. /resume goes on.")
        talk.types("/resume")
        await talk.hears("Agent: Three.")
        talk.types("/resume")
        await talk.hears("Nothing is paused")
        talk.types("/nonsense")
        await talk.hears("There is no command /nonsense. /help lists them.")
        assert talk.written.count("Going on.") == 1
        talk.types("/help")
        await talk.hears("/next TEXT: Send TEXT at the next step.")
        talk.terminal.write(b"\x04")
        assert await talk.exit_code() == 0


async def test_ctrl_c_stops_the_run_and_then_leaves(tmp_path: Path, server: MessagesServer) -> None:
    server.script(Answer(text(["One.\n", gate("never")])))
    talk = Talk(tmp_path, server.url, "--plain", "go")
    with talk.terminal:
        await talk.hears("Agent: One.")
        talk.terminal.write(b"\x03")
        await talk.hears("Stopped. Ready.")
        talk.terminal.write(b"\x03")
        assert await talk.exit_code() == 130
    assert "Traceback" not in talk.written


async def test_a_pasted_block_is_one_message(tmp_path: Path, server: MessagesServer) -> None:
    talk = Talk(tmp_path, server.url, "--plain")
    with talk.terminal:
        await talk.hears("/help lists the commands.")
        talk.terminal.write(b"def f():\n    pass\nwhat is it?\n")
        await talk.hears("Understood.")
        talk.types("first \\")
        talk.types("second")
        await asyncio.to_thread(talk.terminal.wait_for, lambda: len(server.requests) == 2, START_S)
        talk.types("/quit")
        assert await talk.exit_code() == 0
    assert said((await server.request(1)).messages[-1]) == ["def f():\n    pass\nwhat is it?"]
    assert said((await server.request(2)).messages[-1]) == ["first \nsecond"]


async def test_accessible_in_the_environment_is_enough(tmp_path: Path, server: MessagesServer) -> None:
    talk = Talk(tmp_path, server.url, ACCESSIBLE="1")
    with talk.terminal:
        await talk.hears("/help lists the commands.")
        talk.terminal.write(b"\x04")
        assert await talk.exit_code() == 0
    assert "\x1b" not in talk.written


async def test_a_pipe_is_read_to_its_end_and_what_is_due_is_done(
    tmp_path: Path, server: MessagesServer
) -> None:
    server.script(Answer(tool("bash", {"command": "touch a"})), Answer(text(["Then not."])))
    code, out, errors = await piped(tmp_path, server.url, b"go\n")
    assert (code, errors) == (0, "")
    assert "You: go\n" in out
    assert "Answered: reject, nobody is there to ask" in out
    assert "Agent: Then not.\nReady.\n" in out
    assert "\x1b" not in out


async def test_a_resumed_session_says_where_it_was(tmp_path: Path, server: MessagesServer) -> None:
    await piped(tmp_path, server.url, b"go\n")
    _, out, _ = await piped(tmp_path, server.url, b"", "-c")
    assert "This session goes on. It ended with: Understood." in out


async def test_sigterm_settles_and_is_the_exit_code(tmp_path: Path, server: MessagesServer) -> None:
    server.script(Answer(text(["One.\n", gate("never")])))
    talk = Talk(tmp_path, server.url, "--plain", "go")
    with talk.terminal:
        await talk.hears("Agent: One.")
        os.kill(talk.terminal.process.pid, signal.SIGTERM)
        assert await talk.exit_code() == 143
    (session,) = (tmp_path / "home").glob("sessions/*/*.jsonl")
    assert '"cut":"abort"' in session.read_text().replace(" ", "")


async def test_a_signal_stops_what_is_still_done_after_the_last_line(
    tmp_path: Path, server: MessagesServer
) -> None:
    server.script(Answer(text(["One.\n", gate("never")])))
    talk = Talk(tmp_path, server.url, "--plain")
    with talk.terminal:
        await talk.hears("/help lists the commands")
        talk.types("go")
        await talk.hears("Agent: One.")
        talk.terminal.write(b"\x04")
        os.kill(talk.terminal.process.pid, signal.SIGTERM)
        assert await talk.exit_code() == 143


async def test_a_run_that_is_paused_when_the_lines_end_is_stopped_and_keeps_what_waits(
    tmp_path: Path, server: MessagesServer
) -> None:
    code, out, _ = await piped(tmp_path, server.url, b"precious\n/pause\n")
    assert code == 1
    assert "To go on: h2a-chat --plain -r" in out
    (session,) = (tmp_path / "home").glob("sessions/*/*.jsonl")
    assert "precious" in session.read_text()
    assert not server.requests


async def test_a_signal_ends_it_although_nobody_reads(tmp_path: Path, server: MessagesServer) -> None:
    server.script(Answer(text([*(f"{n:06} " * 40 + "\n" for n in range(3_000)), gate("end")])))
    (tmp_path / "project").mkdir()
    reader, writer = os.pipe()
    process = await asyncio.create_subprocess_exec(
        *PROGRAM,
        "--plain",
        "go",
        cwd=tmp_path / "project",
        env=environment(tmp_path, server.url),
        stdout=writer,
        stdin=asyncio.subprocess.PIPE,
    )
    os.close(writer)
    await server.reached("end")
    process.send_signal(signal.SIGTERM)
    assert await process.wait() == 128 + signal.SIGTERM
    os.close(reader)
