"""What a program does besides prompting: make room, go back, look around, run commands, change the session."""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from support.messages_api import Answer, MessagesServer, gate, text, tool
from support.program import Program


@pytest.fixture
async def server() -> AsyncIterator[MessagesServer]:
    async with MessagesServer() as it:
        yield it
    assert it.violations == []


def said(message: dict[str, Any]) -> list[str]:
    content = message["content"]
    return (
        [content]
        if isinstance(content, str)
        else [part["text"] for part in content if part["type"] == "text"]
    )


async def ask(program: Program, kind: str, reply: str = "ack", **fields: Any) -> dict[str, Any]:
    """Send a command; its reply, which carries the command's mark."""
    await program.send(type=kind, id=f"mark-{kind}", **fields)
    return await program.until(reply, id=f"mark-{kind}")


async def say(program: Program, words: str) -> None:
    await program.send(type="prompt", text=words)
    await program.until("settled", reason="completed")


def sessions_in(root: Path) -> set[str]:
    return {path.stem for path in (root / "home").glob("sessions/*/*.jsonl")}


# ------------------------------------------------------------------ making room


async def test_a_summary_is_ordered_previewed_dropped_and_accepted(
    tmp_path: Path, server: MessagesServer
) -> None:
    server.script(
        *(Answer(text([f"answer {n} " + "word " * 300])) for n in range(3)),
        Answer(text(["In short: three answers."])),
        Answer(text(["Go on."])),
    )
    async with Program.start(tmp_path, server.url) as program:
        for n in range(3):
            await say(program, f"question {n}")
        assert not (await ask(program, "accept_summary"))["ok"]
        made = await ask(program, "compact", instructions="keep the numbers", preview=True)
        ended = await program.until("compaction_ended", ok=True)
        assert (ended["summary"], ended["counts"]) == ("In short: three answers.", False)
        await program.until("settled")
        assert made["item_id"]
        assert "keep the numbers" in str((await server.request(4)).payload)
        assert (await ask(program, "accept_summary"))["ok"]
        assert program.of("compaction_switched")[-1]["counts"]
        await say(program, "and now?")
        assert "question 0" not in str((await server.request(5)).messages)
        assert (await ask(program, "drop_summary"))["ok"]
        assert not program.of("compaction_switched")[-1]["counts"]
        assert not (await ask(program, "drop_summary"))["ok"]
        program.end_input()
        assert await program.ended() == 0


async def test_what_fills_the_window_adds_up(tmp_path: Path, server: MessagesServer) -> None:
    async with Program.start(tmp_path, server.url) as program:
        await say(program, "hello")
        found = await ask(program, "get_context", "context_reply")
        assert found["total"] == sum(share["tokens"] for share in found["shares"]) > 0
        assert {"system prompt", "tools", "user messages"} <= {share["name"] for share in found["shares"]}
        program.end_input()
        assert await program.ended() == 0


# ---------------------------------------------------------------------- the tree


async def test_a_program_looks_at_the_tree_labels_and_goes_back(
    tmp_path: Path, server: MessagesServer
) -> None:
    server.script(*(Answer(text([word])) for word in ("one", "two", "three")))
    async with Program.start(tmp_path, server.url) as program:
        await say(program, "first")
        assert (await ask(program, "label", label="here"))["ok"]
        await say(program, "second")
        rows = (await ask(program, "get_tree", "tree_reply"))["rows"]
        assert [(row["speaker"], row["text"], row["label"]) for row in rows] == [
            ("you", "first", ""),
            ("agent", "one", "here"),
            ("you", "second", ""),
            ("agent", "two", ""),
        ]
        assert [row["is_head"] for row in rows] == [False, False, False, True]
        assert (await ask(program, "branch", entry="here"))["ok"]
        changed = program.of("path_changed")[-1]
        assert [past["text"] for past in changed["past"] if past["type"] == "token_stream"] == ["one"]
        await say(program, "instead")
        missing = await ask(program, "branch", entry="nowhere")
        assert not missing["ok"]
        assert "no entry 'nowhere'" in missing["note"]
        past = (await ask(program, "get_past", "past_reply"))["past"]
        assert [one["text"] for one in past if one["type"] in ("user_input", "token_stream")] == [
            "first",
            "one",
            "instead",
            "three",
        ]
        program.end_input()
        assert await program.ended() == 0
    assert [words for message in (await server.request(3)).messages for words in said(message)] == [
        "first",
        "one",
        "instead",
    ]


async def test_going_back_while_it_works_stops_it_first(tmp_path: Path, server: MessagesServer) -> None:
    server.script(Answer(text(["one"])), Answer(text(["never ", gate("mid")])), Answer(text(["new"])))
    async with Program.start(tmp_path, server.url) as program:
        await say(program, "first")
        await ask(program, "label", label="here")
        await program.send(type="prompt", text="second")
        await program.until("token_stream", text="never ")
        await program.send(type="branch", entry="here")
        await program.until("done", cut="abort")
        await program.until("path_changed")
        program.end_input()
        assert await program.ended() == 1
    assert (await server.disconnected(2)).disconnected


# ------------------------------------------------------- the user's own commands


async def test_a_command_of_the_users_runs_and_the_model_reads_of_it_unless_private(
    tmp_path: Path, server: MessagesServer
) -> None:
    async with Program.start(tmp_path, server.url) as program:
        made = await ask(program, "shell", command="echo shared-words")
        result = await program.until("tool_result", call_id=made["item_id"])
        assert (result["outcome"], "shared-words" in result["text"]) == ("ok", True)
        made = await ask(program, "shell", command="echo secret-words", private=True)
        await program.until("tool_result", call_id=made["item_id"])
        assert not (await ask(program, "shell", command=" "))["ok"]
        await say(program, "what did I do?")
        program.end_input()
        assert await program.ended() == 0
    request = str((await server.request(1)).messages)
    assert "shared-words" in request
    assert "secret-words" not in request


async def test_a_command_of_the_users_is_stopped(tmp_path: Path, server: MessagesServer) -> None:
    async with Program.start(tmp_path, server.url) as program:
        made = await ask(program, "shell", command="sleep 1000")
        await ask(program, "stop_shell")
        assert (await program.until("tool_result", call_id=made["item_id"]))["outcome"] == "stopped"
        program.end_input()
        assert await program.ended() == 0


async def test_at_the_end_of_input_a_command_of_the_users_is_waited_for(
    tmp_path: Path, server: MessagesServer
) -> None:
    async with Program.start(tmp_path, server.url) as program:
        os.mkfifo(tmp_path / "fifo")
        await program.send(type="shell", command="read -r line < ../fifo; echo heard $line")
        await program.until("shell_started")
        program.end_input()
        await asyncio.to_thread((tmp_path / "fifo").write_text, "it\n")
        assert await program.ended() == 0
    (result,) = program.of("tool_result")
    assert (result["outcome"], "heard it" in result["text"]) == ("ok", True), result


async def test_a_job_is_read_without_taking_anything_from_the_model(
    tmp_path: Path, server: MessagesServer
) -> None:
    job = {"command": "echo begun; sleep 1000", "background": True}
    server.script(
        Answer(tool("bash", job)),
        Answer(text(["started"])),
        Answer(tool("job_output", {"job": 1})),
        Answer(text(["read"])),
    )
    async with Program.start(tmp_path, server.url, "--input", "stream-json", "--mode", "full") as program:
        await say(program, "go")
        (running,) = (await ask(program, "get_state", "state_reply"))["state"]["jobs"]
        assert (running["number"], running["running"]) == (1, True)
        read = {"text": ""}
        while "begun" not in read["text"]:
            read = await ask(program, "read_job", "job_reply", number=1)
        assert (read["running"], read["exit_code"]) == (True, None)
        assert not (await ask(program, "read_job", number=2))["ok"]
        await say(program, "look")
        assert (await ask(program, "stop_job", number=1))["ok"]
        program.end_input()
        assert await program.ended() == 0
    assert "begun" in str((await server.request(4)).messages[-1])


# ---------------------------------------------------------------------- sessions


async def test_a_session_is_named_forked_found_exported_and_left_for_another(
    tmp_path: Path, server: MessagesServer
) -> None:
    server.script(Answer(text(["one"])), Answer(text(["two"])), Answer(text(["three"])))
    async with Program.start(tmp_path, server.url) as program:
        first = (await program.until("hello"))["session_id"]
        facts = await ask(program, "get_session", "session_reply")
        assert (facts["session_id"], facts["path"], facts["name"]) == (first, "", "")
        await say(program, "question of the day")
        await ask(program, "rename", name="daily")
        await say(program, "second question")
        facts = await ask(program, "get_session", "session_reply")
        assert (facts["name"], facts["settings"]["mode"]) == ("daily", "ask")
        assert Path(facts["path"]).stem == first

        rows = (await ask(program, "get_tree", "tree_reply"))["rows"]
        copy = await ask(program, "fork", "copy_reply", entry=rows[2]["id"])
        assert copy["draft"] == "second question"
        found = (await ask(program, "find_sessions", "sessions_reply", text="of the day"))["sessions"]
        assert {one["id"] for one in found} == {first, copy["session_id"]} == sessions_in(tmp_path)
        assert found[0]["hits"][0]["snippet"] == "question of the day"
        assert not (await ask(program, "find_sessions", limit=0))["ok"]

        exported = await ask(program, "export", "export_reply", path="talk.md")
        assert exported["path"] == str(tmp_path / "project" / "talk.md")
        assert "second question" in (tmp_path / "project" / "talk.md").read_text()
        again = await ask(program, "export", path="talk.md")
        assert (again["ok"], "is there already" in again["note"]) == (False, True)

        assert (await ask(program, "switch_session", session=copy["session_id"]))["ok"]
        assert (await program.until("hello"))["session_id"] == copy["session_id"]
        facts = await ask(program, "get_session", "session_reply")
        assert (facts["session_id"], facts["name"]) == (copy["session_id"], "daily")
        await say(program, "second question, better")
        program.end_input()
        assert await program.ended() == 0
    assert [words for message in (await server.request(3)).messages for words in said(message)] == [
        "question of the day",
        "one",
        "second question, better",
    ]


async def test_what_stands_behind_a_switch_is_for_the_other_session(
    tmp_path: Path, server: MessagesServer
) -> None:
    async with Program.start(tmp_path, server.url) as program:
        await say(program, "in the first")
        program.end_input()
        await program.ended()
    (first,) = sessions_in(tmp_path)
    server.script(Answer(text(["long ", gate("never")])))
    async with Program.start(tmp_path, server.url) as program:
        await program.send(type="prompt", text="in the second")
        await program.until("token_stream", text="long ")
        lines = [
            {"type": "follow_up", "text": "precious"},
            {"type": "switch_session", "session": first[:12].lower(), "id": 1},
            {"type": "prompt", "text": "in the first again"},
            {"type": "get_session", "id": 2},
        ]
        await program.write(b"".join(json.dumps(line).encode() + b"\n" for line in lines))
        program.end_input()
        assert await program.ended() == 0
    marks = [line["type"] for line in program.lines if line["type"] in ("hello", "settled", "session_reply")]
    assert marks == ["hello", "settled", "hello", "session_reply", "settled"]
    assert program.of("settled")[0]["reason"] == "aborted"
    (facts,) = program.of("session_reply")
    assert facts["session_id"] == first
    assert [line["seq"] for line in program.lines if "seq" in line].count(1) == 2, "events count anew"
    (second,) = sessions_in(tmp_path) - {first}
    (kept,) = (tmp_path / "home").glob(f"sessions/*/{second}.jsonl")
    assert '"precious"' in kept.read_text(), "what waited stays in its session"


async def test_a_session_that_cannot_be_switched_to_is_said_and_this_one_goes_on(
    tmp_path: Path, server: MessagesServer
) -> None:
    async with Program.start(tmp_path, server.url) as other:
        await say(other, "I am open")
        (opened,) = sessions_in(tmp_path)
        async with Program.start(tmp_path, server.url) as program:
            locked = await ask(program, "switch_session", session=opened)
            assert (locked["ok"], "open in another" in locked["note"]) == (False, True)
            unknown = await ask(program, "switch_session", session="nothing")
            assert (unknown["ok"], "no session 'nothing'" in unknown["note"]) == (False, True)
            await say(program, "still here")
            program.end_input()
            assert await program.ended() == 0


async def test_a_model_that_was_chosen_answers_in_the_next_session_too(
    tmp_path: Path, server: MessagesServer
) -> None:
    async with Program.start(tmp_path, server.url) as program:
        await say(program, "one")
        await ask(program, "set_model", model="other-model")
        await ask(program, "set_thinking", level="high")
        copy = await ask(program, "clone", "copy_reply")
        await ask(program, "switch_session", session=copy["session_id"])
        facts = await ask(program, "get_session", "session_reply")
        assert (facts["settings"]["model"], facts["settings"]["thinking"]) == ("other-model", "high")
        await say(program, "two")
        program.end_input()
        assert await program.ended() == 0
    assert (await server.request(2)).payload["model"] == "other-model"


async def test_a_session_that_is_only_looked_at_refuses_in_words(
    tmp_path: Path, server: MessagesServer
) -> None:
    async with Program.start(tmp_path, server.url) as program:
        await say(program, "one")
        program.end_input()
        await program.ended()
    (session,) = sessions_in(tmp_path)
    flags = ("--input", "stream-json", "-r", session, "--read-only")
    async with Program.start(tmp_path, server.url, *flags) as program:
        for kind, fields in (("prompt", {"text": "two"}), ("compact", {}), ("shell", {"command": "ls"})):
            refused = await ask(program, kind, **fields)
            assert (refused["ok"], "only being looked at" in refused["note"]) == (False, True)
        assert (await ask(program, "get_session", "session_reply"))["read_only"]
        program.end_input()
        assert await program.ended() == 0
        assert await program.errors() == ""


async def test_without_a_file_the_verbs_on_files_say_so(tmp_path: Path, server: MessagesServer) -> None:
    flags = ("--input", "stream-json", "--no-session")
    async with Program.start(tmp_path, server.url, *flags) as program:
        for kind, fields in (("clone", {}), ("export", {"path": "x.md"}), ("find_sessions", {})):
            refused = await ask(program, kind, **fields)
            assert (refused["ok"], "--no-session" in refused["note"]) == (False, True)
        program.end_input()
        assert await program.ended() == 0
