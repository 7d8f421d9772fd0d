"""`--trace` beside every front end, and what it wrote played again."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest

from h2a_agent.events import ApprovalAnswered, ApprovalRequested, Decision, TokenStream
from h2a_agent.protocol.lines import line_of
from h2a_agent.protocol.replies import Hello
from h2a_agent.protocol.schema import schema_text
from support.messages_api import Answer, MessagesServer, text, tool
from support.program import PROGRAM, Program, environment, validate_output
from support.pty_rig import Terminal, modes_left_on

START_S = 40.0


@pytest.fixture
async def server() -> AsyncIterator[MessagesServer]:
    async with MessagesServer() as it:
        yield it
    assert it.violations == []


def run(root: Path, *args: str, code: int = 0) -> tuple[str, str]:
    """What the program prints, on stdout and on stderr."""
    (root / "project").mkdir(exist_ok=True)
    done = subprocess.run(
        [*PROGRAM, *args],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        cwd=root / "project",
        env=environment(root),
        timeout=50,
    )
    assert done.returncode == code, done.stderr
    assert "Traceback" not in done.stderr
    return done.stdout, done.stderr


@pytest.fixture
async def trace(tmp_path: Path, server: MessagesServer) -> Path:
    """The trace of a short conversation of a program."""
    server.script(Answer(text(["I look."]), tool("ls", {})), Answer(text(["Nothing", " here."])))
    path = tmp_path / "trace.jsonl"
    async with Program.start(
        tmp_path, server.url, "--input", "stream-json", "--trace", os.fspath(path)
    ) as program:
        await program.send(type="prompt", text="what is here?")
        program.end_input()
        assert await program.ended() == 0
    events = [line for line in program.lines if line["type"] not in ("ack", "state_reply")]
    assert [json.loads(line) for line in path.read_text().splitlines()] == events
    return path


def test_a_trace_is_played_as_lines_that_read_well(trace: Path, tmp_path: Path) -> None:
    out, errors = run(tmp_path, "replay", os.fspath(trace), "--instant")
    assert out.splitlines() == [
        "You: what is here?",
        "Agent: I look.",
        "Tool ls: .",
        *[line for line in out.splitlines() if line.startswith("ls is done")],
        "Agent: Nothing here.",
        "Ready.",
    ]
    assert errors == ""


def test_a_trace_is_played_as_p_prints(trace: Path, tmp_path: Path) -> None:
    out, errors = run(tmp_path, "replay", os.fspath(trace), "--speed", "20", "--output", "text")
    assert out == "I look.\n\nNothing here.\n"
    assert errors.startswith("· ls: .")


def test_a_trace_is_played_line_by_line_as_it_was(trace: Path, tmp_path: Path) -> None:
    out, _ = run(tmp_path, "replay", os.fspath(trace), "--instant", "--output", "stream-json")
    assert out == trace.read_text()


def test_a_trace_is_played_as_one_result(trace: Path, tmp_path: Path) -> None:
    out, errors = run(tmp_path, "replay", os.fspath(trace), "--instant", "--output", "json")
    result = json.loads(out)
    validate_output(result)
    assert (result["answer"], result["reason"], result["steps"]) == ("Nothing here.", "completed", 2)
    assert result["usage"]["output_tokens"] > 0
    assert result["session_id"] == json.loads(trace.read_text().splitlines()[0])["session_id"]
    assert errors == ""


@pytest.mark.parametrize("how", [[], ["--output", "text"], ["--output", "json"], ["--output", "stream-json"]])
def test_of_a_trace_that_was_cut_what_is_whole_is_played(trace: Path, tmp_path: Path, how: list[str]) -> None:
    whole = trace.read_bytes()
    trace.write_bytes(whole[: whole.rindex(b"Nothing") + 3])
    out, errors = run(tmp_path, "replay", os.fspath(trace), "--instant", *how, code=1)
    assert "I look." in out
    assert "Nothing here." not in out
    assert "1 line was skipped; the first is line " in errors
    assert "not JSON" in errors


def test_a_question_is_read_out_and_a_change_of_session_said(tmp_path: Path) -> None:
    hello = Hello(1, "0", "ID", "/x", "demo", "demo", "ask")
    question = ApprovalRequested("c", "bash", "rm x", "rm x", "command", "It changes files", "/x")
    answered = ApprovalAnswered("c", Decision.REJECT, "not now")
    entries = (hello, question, answered, replace(hello, session_id="OTHER"), TokenStream(1, 0, "Hi.\n"))
    (tmp_path / "trace").write_text("".join(map(line_of, entries)))
    out, _ = run(tmp_path, "replay", os.fspath(tmp_path / "trace"), "--instant", "--plain")
    assert out.splitlines() == [
        "Question: may bash run this command in /x? It changes files.",
        "rm x",
        "End of question.",
        "Answered: reject, not now.",
        "Another session goes on: OTHER.",
        "Agent: Hi.",
    ]


def test_damaged_lines_are_skipped_and_said(trace: Path, tmp_path: Path) -> None:
    lines = trace.read_bytes().splitlines(keepends=True)
    trace.write_bytes(b"".join([lines[0], b"\xff\n", *lines[1:5], lines[5][:20] + b"\n", *lines[6:]]))
    out, errors = run(tmp_path, "replay", os.fspath(trace), "--instant", "--output", "stream-json", code=1)
    for line in out.splitlines():
        validate_output(json.loads(line))
    assert len(out.splitlines()) == len(lines) - 1
    assert "2 lines were skipped; the first is line 2: " in errors


def test_what_is_no_trace_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "notes").write_text("hello\n")
    _, errors = run(tmp_path, "replay", os.fspath(tmp_path / "notes"), code=2)
    assert "is not a trace" in errors
    _, errors = run(tmp_path, "replay", os.fspath(tmp_path / "nothing"), code=1)
    assert "No such file" in errors
    _, errors = run(tmp_path, "replay", "x", "--speed", "0", code=2)
    assert "speed between 0.01 and 10000" in errors


def test_an_existing_file_is_not_traced_over(tmp_path: Path) -> None:
    precious = tmp_path / "precious"
    precious.write_text("precious")
    _, errors = run(tmp_path, "--demo", "-p", "thanks", "--trace", os.fspath(precious), code=2)
    assert "exists already" in errors
    assert precious.read_text() == "precious"


async def test_the_app_shows_a_trace_and_sends_nothing(trace: Path, tmp_path: Path) -> None:
    terminal = Terminal.spawn(
        [*PROGRAM, "replay", os.fspath(trace), "--instant"],
        env=environment(tmp_path),
        cwd=tmp_path / "project",
        size=(100, 30),
    )
    with terminal:
        await asyncio.to_thread(terminal.wait_for, "Nothing here.", START_S)
        terminal.type_text("more please")
        await asyncio.to_thread(terminal.wait_for, "more please", START_S)
        terminal.press("enter")
        await asyncio.to_thread(terminal.wait_for, "This is a recording; nothing is sent.", START_S)
        await asyncio.to_thread(terminal.wait_for, "more please", START_S)  # back in the editor
        terminal.press("ctrl+c", "ctrl+d")
        assert await asyncio.to_thread(terminal.wait_exit, START_S) == 0
    assert modes_left_on(terminal.output) == {}


async def test_the_inline_mode_shows_a_trace_and_sends_nothing(trace: Path, tmp_path: Path) -> None:
    terminal = Terminal.spawn(
        [*PROGRAM, "replay", os.fspath(trace), "--instant", "--inline"],
        env=environment(tmp_path),
        cwd=tmp_path / "project",
        size=(100, 30),
    )
    with terminal:
        await asyncio.to_thread(terminal.wait_for, "Nothing here.", START_S)
        terminal.type_text("more please")
        await asyncio.to_thread(terminal.wait_for, "› more please", START_S)
        terminal.press("enter")
        await asyncio.to_thread(terminal.wait_for, "This is a recording; nothing is sent.", START_S)
        await asyncio.to_thread(terminal.wait_for, "› more please", START_S)
        terminal.press("ctrl+c", "ctrl+d")
        assert await asyncio.to_thread(terminal.wait_exit, START_S) == 0
        text = terminal.whole_text()
        assert [text.count(words) for words in ("I look.", "Nothing here.")] == [1, 1]
        assert terminal.line_mode
    assert modes_left_on(bytes(terminal.output)) == {}
    assert b"\x1b[?1049h" not in terminal.output


async def test_the_app_is_traced_beside_its_screen(tmp_path: Path, server: MessagesServer) -> None:
    server.script(Answer(text(["Hello there."])))
    (tmp_path / "project").mkdir()
    path = tmp_path / "trace.jsonl"
    terminal = Terminal.spawn(
        [*PROGRAM, "--trace", os.fspath(path), "hello"],
        env=environment(tmp_path, server.url),
        cwd=tmp_path / "project",
        size=(100, 30),
    )
    with terminal:
        await asyncio.to_thread(terminal.wait_for, "Hello there.", START_S)
        terminal.press("ctrl+d")
        assert await asyncio.to_thread(terminal.wait_exit, START_S) == 0
    records = [json.loads(line) for line in path.read_text().splitlines()]
    for record in records:
        validate_output(record)
    assert [record["text"] for record in records if record["type"] == "user_input"] == ["hello"]
    assert path.stat().st_mode & 0o077 == 0
    assert "sk-test-000000" not in path.read_text()


def test_schema_prints_the_schema(tmp_path: Path) -> None:
    out, _ = run(tmp_path, "schema")
    assert out == schema_text()
