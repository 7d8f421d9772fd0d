"""The program as another program uses it: JSON lines in and out, against a strict server, in a real child process."""

from __future__ import annotations

import asyncio
import base64
import json
import shutil
import signal
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from support.messages_api import Answer, MessagesServer, error, gate, status, text, tool
from support.program import PROGRAM, Program, environment, validate_output

HERE = Path(__file__).parent


@pytest.fixture
async def server() -> AsyncIterator[MessagesServer]:
    async with MessagesServer() as it:
        yield it
    assert it.violations == []


def said(message: dict[str, Any]) -> list[str]:
    """The texts of a message as the server got it."""
    content = message["content"]
    return (
        [content]
        if isinstance(content, str)
        else [part["text"] for part in content if part["type"] == "text"]
    )


# --------------------------------------------------------------- a program steers


async def test_a_program_steers_and_reads_what_became_of_it(tmp_path: Path, server: MessagesServer) -> None:
    server.script(Answer(text(["I begin", gate("mid")])), Answer(text(["Short it is."])))
    async with Program.start(tmp_path, server.url) as program:
        assert (await program.line() or {})["protocol"] == 1
        await program.send(type="prompt", text="tell me everything", id="first")
        ack = await program.until("ack")
        assert (ack["id"], ack["command"], ack["ok"]) == ("first", "prompt", True)
        await program.until("token_stream")
        await program.send(type="steer", text="shorter", id=2)
        steered = await program.until("user_input", kind="steer")
        (ack,) = [line for line in program.of("ack") if line["id"] == 2] or [await program.until("ack", id=2)]
        assert ack["item_id"] == steered["item_id"]
        await program.until("settled", reason="completed")
        program.end_input()
        assert await program.ended() == 0
        assert await program.errors() == ""
    assert (await server.disconnected(1)).disconnected
    second = await server.request(2)
    assert said(second.messages[-1])[-1] == "shorter"
    assert program.text() == "I beginShort it is."
    assert [line["cut"] for line in program.of("done")] == ["steer", ""]


async def test_every_event_comes_once_and_in_order(tmp_path: Path, server: MessagesServer) -> None:
    server.script(Answer(text([f"{n} " for n in range(500)])))
    async with Program.start(tmp_path, server.url) as program:
        await program.send(type="prompt", text="count")
        program.end_input()
        assert await program.ended() == 0
    numbers = [line["seq"] for line in program.lines if "seq" in line]
    assert numbers == list(range(1, len(numbers) + 1))
    assert program.text() == "".join(f"{n} " for n in range(500))


async def test_what_waits_is_edited_reordered_promoted_and_withdrawn(
    tmp_path: Path, server: MessagesServer
) -> None:
    server.script(Answer(text(["working", gate("mid")])), *(Answer(text([word])) for word in ("two", "one")))
    async with Program.start(tmp_path, server.url) as program:
        await program.send(type="prompt", text="go")
        await program.until("token_stream")
        for name in ("a", "b", "c"):
            await program.send(type="follow_up", text=name, item_id=f"item-{name}")
            await program.until("ack", item_id=f"item-{name}")
        await program.send(type="edit", item_id="item-a", text="A, better")
        await program.send(type="reorder", item_id="item-b", offset=-1)
        await program.send(type="withdraw", item_id="item-c", id="w")
        await program.until("ack", id="w", ok=True)
        assert program.of("input_restored")[-1]["texts"] == ["c"]
        await program.send(type="get_state", id="s")
        state = (await program.until("state_reply", id="s"))["state"]
        assert [(item["id"], item["text"]) for item in state["queue"]] == [
            ("item-b", "b"),
            ("item-a", "A, better"),
        ]
        await program.send(type="promote", item_id="item-a", kind="steer")
        await program.until("user_input", item_id="item-a")
        await program.until("user_input", item_id="item-b")
        await program.send(type="withdraw", item_id="item-a", id="late")
        late = await program.until("ack", id="late")
        assert not late["ok"]
        assert "delivered already" in late["note"]
        program.end_input()
        assert await program.ended() == 0


async def test_the_same_item_twice_is_delivered_once(tmp_path: Path, server: MessagesServer) -> None:
    server.script(Answer(text(["hm", gate("mid")])), Answer(text(["yes", gate("end")])))
    async with Program.start(tmp_path, server.url) as program:
        await program.send(type="prompt", text="go", item_id="p1")
        await program.until("token_stream")
        for mark in (1, 2, 3):
            await program.send(type="steer", text="turn", item_id="s1", id=mark)
            assert (await program.until("ack", id=mark))["item_id"] == "s1"
        server.open("end")
        await program.until("settled")
        await program.send(type="prompt", text="go", item_id="p1", id=4)
        await program.until("ack", id=4)
        program.end_input()
        assert await program.ended() == 0
    assert [line["item_id"] for line in program.of("user_input")] == ["p1", "s1"]
    assert len(server.requests) == 2


async def test_pause_holds_and_resume_goes_on(tmp_path: Path, server: MessagesServer) -> None:
    server.script(Answer(text(["look"]), gate("mid"), tool("ls", {})), Answer(text(["there"])))
    async with Program.start(tmp_path, server.url) as program:
        await program.send(type="prompt", text="go")
        await program.until("token_stream")
        await program.send(type="pause")
        await program.until("status", pausing=True)
        server.open("mid")
        await program.until("status", phase="paused")
        assert len(server.requests) == 1
        await program.send(type="resume")
        await program.until("settled", reason="completed")
        program.end_input()
        assert await program.ended() == 0


async def test_abort_settles_and_the_next_prompt_is_answered(tmp_path: Path, server: MessagesServer) -> None:
    server.script(Answer(text(["long", gate("mid")])), Answer(text(["again"])))
    async with Program.start(tmp_path, server.url) as program:
        await program.send(type="prompt", text="one")
        await program.until("token_stream")
        await program.send(type="abort")
        await program.until("settled", reason="aborted")
        await program.send(type="prompt", text="two")
        await program.until("settled", reason="completed")
        program.end_input()
        assert await program.ended() == 0


async def test_a_picture_reaches_the_model(tmp_path: Path, server: MessagesServer) -> None:
    dot = base64.b64encode(
        bytes.fromhex(
            "89504e470d0a1a0a0000000d4948445200000001000000010806000000"
            "1f15c4890000000d49444154789c6360606060000000050001a5f64540"
            "0000000049454e44ae426082"
        )
    ).decode()
    async with Program.start(tmp_path, server.url) as program:
        picture = {"type": "image", "media_type": "image/png", "data": dot}
        await program.send(type="prompt", text="what is it?", content=[picture])
        program.end_input()
        assert await program.ended() == 0
    parts = (await server.request(1)).messages[-1]["content"]
    assert [part["type"] for part in parts] == ["text", "image"]


# -------------------------------------------------------------------- approvals


async def test_the_program_is_asked_and_its_answer_counts(tmp_path: Path, server: MessagesServer) -> None:
    for name in ("yes", "no"):
        server.script(Answer(tool("bash", {"command": f"touch {name}"})), Answer(text(["done"])))
    async with Program.start(tmp_path, server.url) as program:
        await program.send(type="prompt", text="go")
        asked = await program.until("approval_requested")
        assert asked["detail"] == "touch yes"
        await program.send(
            type="answer", call_id=asked["call_id"], decision="allow", digest=asked["digest"], id=1
        )
        await program.until("ack", id=1, ok=True)
        await program.until("settled")
        await program.send(type="prompt", text="again")
        asked = await program.until("approval_requested")
        await program.send(type="answer", call_id=asked["call_id"], decision="reject", note="not now")
        answered = await program.until("approval_answered")
        assert (answered["decision"], answered["note"]) == ("reject", "not now")
        await program.send(
            type="answer", call_id=asked["call_id"], decision="allow", digest=asked["digest"], id=2
        )
        assert not (await program.until("ack", id=2))["ok"]
        await program.until("settled")
        program.end_input()
        assert await program.ended() == 0
    assert (tmp_path / "project" / "yes").exists()
    assert not (tmp_path / "project" / "no").exists()


async def test_at_the_end_of_input_a_question_is_answered_with_no(
    tmp_path: Path, server: MessagesServer
) -> None:
    server.script(
        Answer(tool("bash", {"command": "touch a"})),
        Answer(tool("bash", {"command": "touch b"})),
        Answer(text(["well"])),
    )
    async with Program.start(tmp_path, server.url) as program:
        await program.send(type="prompt", text="go")
        await program.until("approval_requested")
        program.end_input()
        assert await program.ended() == 0
    assert [line["decision"] for line in program.of("approval_answered")] == ["reject", "reject"]
    assert list((tmp_path / "project").iterdir()) == []


async def test_with_output_alone_nobody_is_asked(tmp_path: Path, server: MessagesServer) -> None:
    server.script(Answer(tool("bash", {"command": "touch a"})), Answer(text(["well"])))
    async with Program.start(tmp_path, server.url, "-p", "go", "--output", "stream-json") as program:
        program.end_input()
        assert await program.ended() == 0
    assert "nobody is there" in program.of("approval_answered")[0]["note"]


# --------------------------------------------------------------- the end of input


async def test_end_of_input_finishes_what_is_due(tmp_path: Path, server: MessagesServer) -> None:
    server.script(Answer(text(["one", gate("mid")])), Answer(text(["two"])))
    async with Program.start(tmp_path, server.url) as program:
        await program.send(type="prompt", text="go")
        await program.until("token_stream")
        await program.send(type="follow_up", text="and then")
        program.end_input()
        server.open("mid")
        assert await program.ended() == 0
    assert program.text() == "onetwo"
    assert program.lines[-1]["type"] == "settled"


async def test_end_of_input_while_paused_stops_and_keeps_what_waits(
    tmp_path: Path, server: MessagesServer
) -> None:
    server.script(Answer(text(["look"]), gate("mid"), tool("ls", {})))
    async with Program.start(tmp_path, server.url) as program:
        await program.send(type="prompt", text="go")
        await program.until("token_stream")
        await program.send(type="pause")
        await program.send(type="follow_up", text="precious", id="f")
        await program.until("ack", id="f")
        # A message sent while it pauses goes on; so it is paused again.
        await program.send(type="pause", id="p")
        await program.until("ack", id="p")
        server.open("mid")
        program.end_input()
        assert await program.ended() == 1
    assert program.lines[-1]["reason"] == "aborted"
    (session,) = (tmp_path / "home").glob("sessions/*/*.jsonl")
    items = [json.loads(line) for line in session.read_text().splitlines()]
    assert [item["state"] for item in items if item["type"] == "item" and item["kind"] == "follow-up"][
        -1
    ] == "queued"


async def test_without_any_command_there_is_nothing_to_do(tmp_path: Path, server: MessagesServer) -> None:
    async with Program.start(tmp_path, server.url) as program:
        program.end_input()
        assert await program.ended() == 0
        assert [line["type"] for line in program.lines] == ["hello"]


async def test_a_run_that_fails_is_exit_code_1_and_an_error_line(
    tmp_path: Path, server: MessagesServer
) -> None:
    server.script(
        Answer(
            status(
                401, {"type": "error", "error": {"type": "authentication_error", "message": "no such model"}}
            )
        )
    )
    async with Program.start(tmp_path, server.url, "-p", "go", "--output", "stream-json") as program:
        program.end_input()
        assert await program.ended() == 1
    (wrong,) = program.of("error")
    assert wrong["fatal"]
    assert "no such model" in wrong["message"]


# --------------------------------------------------------------------- bad input


async def test_bad_lines_are_answered_and_the_run_goes_on(tmp_path: Path, server: MessagesServer) -> None:
    server.script(Answer(text(["still", gate("mid"), " here"])))
    async with Program.start(tmp_path, server.url) as program:
        await program.send(type="prompt", text="go")
        await program.until("token_stream")
        await program.write(b"hello?\n\n  \n" + b"\xff\xfe\n" + b'{"type":"stear","id":9}\n{"type":"steer"\n')
        await program.write(b'{"type":"steer","text":5}\n' + b"[" * 50_000 + b"\n" + b'{"type":"steer"}\n')
        empty = await program.until("ack", command="steer")
        assert not empty["ok"]
        assert "empty" in empty["note"]
        wrong = program.of("input_error")
        assert [line["line"] for line in wrong] == [2, 5, 6, 7, 8, 9]
        assert wrong[2]["id"] == 9
        assert all(line["allowed"] for line in wrong)
        server.open("mid")
        await program.until("settled", reason="completed")
        program.end_input()
        assert await program.ended() == 0
        assert await program.errors() == ""
    assert program.text() == "still here"


async def test_a_line_of_50_mb_is_refused_and_the_next_one_is_heard(
    tmp_path: Path, server: MessagesServer
) -> None:
    server.script(Answer(text(["fine"])))
    async with Program.start(tmp_path, server.url) as program:
        await program.write(b'{"type":"prompt","text":"')
        for _ in range(50):
            await program.write(b"x" * 1_000_000)
        await program.write(b'"}\n')
        await program.send(type="prompt", text="go")
        wrong = await program.until("input_error")
        assert (wrong["line"], "32 MB" in wrong["allowed"]) == (1, True)
        await program.until("settled", reason="completed")
        program.end_input()
        assert await program.ended() == 0
    assert said((await server.request(1)).messages[-1]) == ["go"]


async def test_a_line_of_2_mb_is_heard(tmp_path: Path, server: MessagesServer) -> None:
    async with Program.start(tmp_path, server.url) as program:
        await program.send(type="prompt", text="x" * 2_000_000)
        program.end_input()
        assert await program.ended() == 0
    assert said((await server.request(1)).messages[-1]) == ["x" * 2_000_000]


async def test_input_of_which_nothing_is_a_command_is_wrong_usage(
    tmp_path: Path, server: MessagesServer
) -> None:
    async with Program.start(tmp_path, server.url) as program:
        await program.write(b"what does this repo do?\nwhy?")
        program.end_input()
        assert await program.ended() == 2
    assert [line["type"] for line in program.lines] == ["hello", "input_error", "input_error"]


# ---------------------------------------------------------------- back-pressure


async def test_a_program_that_does_not_read_steers_all_the_same_and_loses_nothing(
    tmp_path: Path, server: MessagesServer
) -> None:
    """Its stdout is full, so the run is held back; the steer must not wait behind it."""
    many = [f"{n:06} " * 40 for n in range(6_000)]
    server.script(Answer(text([*many, gate("end")])), Answer(text(["steered"])))
    async with Program.start(tmp_path, server.url) as program:
        program.stop_reading()
        await program.send(type="prompt", text="flood me")
        await server.request(1)
        await program.send(type="steer", text="enough", item_id="s1")
        second = await server.request(2)
        assert said(second.messages[-1])[-1] == "enough"
        assert (await server.disconnected(1)).disconnected
        program.go_on_reading()
        program.end_input()
        assert await program.ended() == 0
    numbers = [line["seq"] for line in program.lines if "seq" in line]
    assert numbers == list(range(1, len(numbers) + 1)), "no event is lost or merged"
    assert program.text().endswith("steered")
    assert "".join(many).startswith(program.text().removesuffix("steered"))


async def test_when_nobody_reads_any_more_it_ends_with_its_own_exit_code(
    tmp_path: Path, server: MessagesServer
) -> None:
    server.script(Answer(text(["some ", gate("mid"), "more"])))
    async with Program.start(tmp_path, server.url) as program:
        await program.send(type="prompt", text="go")
        await program.until("token_stream")
        program.close_stdout()
        server.open("mid")
        async with asyncio.timeout(30):
            assert await program.process.wait() == 141
        assert await program.errors() == ""
    (session,) = (tmp_path / "home").glob("sessions/*/*.jsonl")
    assert "some" in session.read_text()


# ----------------------------------------------------------------------- signals


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
async def test_a_signal_settles_and_is_the_exit_code(
    tmp_path: Path, server: MessagesServer, number: signal.Signals
) -> None:
    server.script(Answer(text(["some ", gate("mid")])))
    async with Program.start(tmp_path, server.url) as program:
        await program.send(type="prompt", text="go")
        await program.until("token_stream")
        await program.send(type="follow_up", text="precious", id=1)
        await program.until("ack", id=1)
        program.process.send_signal(number)
        assert await program.ended() == 128 + number
    assert program.lines[-1]["type"] == "settled"
    assert program.lines[-1]["reason"] == "aborted"
    assert program.of("done")[-1]["cut"] == "abort"
    assert ["precious"] in [line["texts"] for line in program.of("input_restored")]


async def test_a_signal_while_idle_leaves(tmp_path: Path, server: MessagesServer) -> None:
    async with Program.start(tmp_path, server.url) as program:
        await program.until("hello")
        program.process.send_signal(signal.SIGTERM)
        assert await program.ended() == 143


async def test_a_signal_ends_it_although_nobody_reads(tmp_path: Path, server: MessagesServer) -> None:
    server.script(Answer(text([f"{n:06} " * 40 for n in range(6_000)])))
    async with Program.start(tmp_path, server.url) as program:
        program.stop_reading()
        await program.send(type="prompt", text="flood me")
        await server.request(1)
        program.process.send_signal(signal.SIGTERM)
        async with asyncio.timeout(30):
            # `wait` would wait for the output, too, which nobody reads.
            while program.process.returncode is None:
                await asyncio.sleep(0.05)
        assert program.process.returncode == 143


@pytest.mark.parametrize("output", ["text", "json"])
async def test_a_signal_ends_one_answer_although_nobody_reads(
    tmp_path: Path, server: MessagesServer, output: str
) -> None:
    server.script(Answer(text([*(f"{n:06} " * 40 for n in range(3_000)), gate("end")])))
    async with Program.start(tmp_path, server.url, "--output", output, "-p", "flood me") as program:
        program.end_input()
        program.stop_reading()
        await server.reached("end")
        program.process.send_signal(signal.SIGTERM)
        async with asyncio.timeout(30):
            # `wait` would wait for the output, too, which nobody reads.
            while program.process.returncode is None:
                await asyncio.sleep(0.05)
        assert program.process.returncode == 143


async def test_when_its_guardian_is_killed_it_settles_and_leaves(
    tmp_path: Path, server: MessagesServer
) -> None:
    server.script(Answer(text(["some ", gate("mid")])))
    async with Program.start(tmp_path, server.url) as program:
        await program.send(type="prompt", text="go")
        await program.until("token_stream")
        program.process.kill()
        await program.until("settled", reason="aborted")
        assert await program.ended() == -signal.SIGKILL


# ------------------------------------------------------------- changing settings


async def test_model_thinking_and_mode_change_while_it_runs(tmp_path: Path, server: MessagesServer) -> None:
    server.script(
        Answer(text(["hm", gate("mid")]), tool("bash", {"command": "touch made"})), Answer(text(["done"]))
    )
    async with Program.start(tmp_path, server.url) as program:
        await program.send(type="prompt", text="go")
        await program.until("token_stream")
        await program.send(type="set_model", model="other-model", id="m")
        assert (await program.until("ack", id="m"))["ok"]
        await program.send(type="set_model", model="nowhere/x/y", id="n")
        await program.until("ack", id="n")
        await program.send(type="set_model", model="other-model", id="m2")
        await program.until("ack", id="m2")
        await program.send(type="set_thinking", level="high", id="t")
        assert (await program.until("ack", id="t"))["ok"]
        await program.send(type="set_mode", mode="full", id="f")
        assert (await program.until("ack", id="f"))["ok"]
        server.open("mid")
        await program.until("settled", reason="completed")
        program.end_input()
        assert await program.ended() == 0
    assert program.of("approval_requested") == []
    assert (tmp_path / "project" / "made").exists()
    assert (await server.request(2)).payload["model"] == "other-model"


# ------------------------------------------------------------------ one prompt


async def run(root: Path, url: str, *args: str, stdin: bytes = b"") -> tuple[int, bytes, str]:
    async with Program.start(root, url, *args) as program:
        await program.write(stdin)
        program.end_input()
        assert program.process.stdout is not None
        out = await program.process.stdout.read()
        return await program.process.wait(), out, await program.errors()


async def test_output_json_is_one_object_with_the_last_answer(tmp_path: Path, server: MessagesServer) -> None:
    server.script(Answer(text(["I look."]), tool("ls", {})), Answer(text(["Nothing", " here."])))
    code, out, errors = await run(tmp_path, server.url, "-p", "what is here?", "--output", "json")
    assert (code, errors) == (0, "")
    (line,) = out.splitlines()
    result = json.loads(line)
    validate_output(result)
    assert (result["answer"], result["reason"], result["steps"]) == ("Nothing here.", "completed", 2)
    assert result["usage"]["output_tokens"] > 0
    assert result["error"] is None


async def test_output_json_of_a_failure_says_what_failed(tmp_path: Path, server: MessagesServer) -> None:
    server.script(Answer(text(["half"]), error("authentication_error", "broken")))
    code, out, _ = await run(tmp_path, server.url, "-p", "go", "--output", "json")
    result = json.loads(out)
    assert (code, result["reason"]) == (1, "failed")
    assert "broken" in result["error"]["message"]


async def test_a_pipe_goes_along_with_the_prompt_as_a_block_of_its_own(
    tmp_path: Path, server: MessagesServer
) -> None:
    code, out, _ = await run(tmp_path, server.url, "-p", "review this", stdin=b"-old\n+new\n")
    assert (code, out) == (0, b"Understood.\n")
    assert said((await server.request(1)).messages[-1]) == ["review this", "<stdin>\n-old\n+new\n</stdin>"]


async def test_an_empty_pipe_adds_nothing(tmp_path: Path, server: MessagesServer) -> None:
    await run(tmp_path, server.url, "-p", "hello", stdin=b" \n")
    assert said((await server.request(1)).messages[-1]) == ["hello"]


async def test_what_is_piped_in_need_not_be_utf8_but_must_have_an_end(
    tmp_path: Path, server: MessagesServer
) -> None:
    await run(tmp_path, server.url, "-p", "hello", stdin=b"caf\xe9")
    assert said((await server.request(1)).messages[-1])[1] == "<stdin>\ncaf�\n</stdin>"
    async with Program.start(tmp_path, server.url, "-p", "hello") as program:
        assert program.process.stderr is not None
        assert b"waiting for stdin to end" in await program.process.stderr.readline()


async def test_flags_that_exclude_each_other_are_one_line(tmp_path: Path, server: MessagesServer) -> None:
    code, out, errors = await run(tmp_path, server.url, "--input", "stream-json", "--output", "json")
    assert (code, out) == (2, b"")
    assert "leave --output out" in errors


# ------------------------------------------------------------- another language

NODE = shutil.which("node")


@pytest.mark.parametrize("language", ["node", "python"])
async def test_a_program_of_another_language_steers(
    tmp_path: Path, server: MessagesServer, language: str
) -> None:
    """steer.mjs and steer.py do the same; without Node the Python one is played twice."""
    client = (
        [NODE, HERE / "steer.mjs"] if language == "node" and NODE else [sys.executable, HERE / "steer.py"]
    )
    server.script(
        Answer(text(["I will explain", gate("never"), " at length"])), Answer(text(["In short: yes."]))
    )
    (tmp_path / "project").mkdir()
    process = await asyncio.create_subprocess_exec(
        *map(str, client),
        *PROGRAM,
        "--input",
        "stream-json",
        cwd=tmp_path / "project",
        env=environment(tmp_path, server.url),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    assert process.stdout is not None
    assert process.stderr is not None
    out, errors = await process.stdout.read(), await process.stderr.read()
    assert await process.wait() == 0, errors.decode()
    assert json.loads(out) == {
        "cut": "I will explain",
        "answer": "In short: yes.",
        "acknowledged": ["prompt", "steer"],
        "exit": 0,
    }
    assert (await server.disconnected(1)).disconnected
