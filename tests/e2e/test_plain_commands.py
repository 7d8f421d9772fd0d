"""The commands of `--plain`, as typed into a terminal and as they come through a pipe."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from support.messages_api import Answer, MessagesServer, gate, text, tool
from support.plain_talk import Talk, piped, said


@pytest.fixture
async def server() -> AsyncIterator[MessagesServer]:
    async with MessagesServer() as it:
        yield it
    assert it.violations == []


def lines_only(talk: Talk) -> None:
    """Nothing is drawn: no escape sequence, no line written over."""
    assert "\x1b" not in talk.written
    assert re.search(r"\r(?!\n)|\x08", talk.written) is None
    assert "Traceback" not in talk.written


# --------------------------------------------------------------------- what waits


async def test_what_waits_is_edited_moved_and_promoted_by_its_number(
    tmp_path: Path, server: MessagesServer
) -> None:
    server.script(
        Answer(text(["I begin.\n", gate("never")])),
        *(Answer(text([f"{word} it is.\n"])) for word in ("One", "Two", "Three")),
    )
    talk = Talk(tmp_path, server.url, "--plain", "go", size=(20, 8), TERM="dumb")
    with talk.terminal:
        await talk.hears("Agent: I begin.")
        for word in ("first", "second", "third"):
            talk.types(f"/queue {word}")
        talk.types("/edit 1 first, better")
        await talk.hears("Changed: first, better.")
        talk.types("/edit 9 nothing")
        await talk.hears("/edit needs the number of a waiting message.")
        talk.types("/later 1")
        await talk.hears("Moved.")
        talk.types("/waiting")
        await talk.hears("2, follow-up: first, better.")
        talk.types("/promote 3 sideways")
        await talk.hears("/promote NUMBER makes it steer now")
        talk.types("/promote 3")
        await talk.hears("You, steering: third")
        await talk.hears("Agent: Three it is.\r\nReady.")
        talk.types("/quit")
        assert await talk.exit_code() == 0
    lines_only(talk)
    asked = [said((await server.request(number)).messages[-1])[-1] for number in (2, 3, 4)]
    assert asked == ["third", "second", "first, better"]


# ---------------------------------------------------------------------- questions


@pytest.mark.parametrize(("term", "size"), [("xterm-256color", (100, 30)), ("dumb", (20, 8))])
async def test_a_call_is_changed_refused_with_a_reason_or_always_allowed(
    tmp_path: Path, server: MessagesServer, term: str, size: tuple[int, int]
) -> None:
    for command in ("touch unwanted", "touch refused", "touch kept", "touch kept"):
        server.script(Answer(tool("bash", {"command": command})))
    talk = Talk(tmp_path, server.url, "--plain", "go", size=size, TERM=term)
    with talk.terminal:
        await talk.hears("touch unwanted\r\nEnd of question.")
        talk.types("/change")
        await talk.hears("Now it reads: touch unwanted")
        talk.types("/change touch wanted")
        await talk.hears("Answered: allow with changes")
        await talk.hears("touch refused\r\nEnd of question.")
        talk.types("n that name is taken")
        await talk.hears("Answered: reject, that name is taken.")
        await talk.hears("touch kept\r\nEnd of question.")
        talk.types("always")
        await talk.hears("Answered: allow always")
        await talk.hears("Ready.")
        talk.types("/change touch later")
        await talk.hears("Nothing is asked.")
        talk.types("/quit")
        assert await talk.exit_code() == 0
    lines_only(talk)
    assert {path.name for path in (tmp_path / "project").iterdir()} == {"wanted", "kept"}
    assert "that name is taken" in str((await server.request(3)).messages[-1])
    assert "touch kept" in (tmp_path / "home" / "config.toml").read_text(), "the rule is kept"


async def test_a_change_that_does_not_fit_leaves_the_question_open(
    tmp_path: Path, server: MessagesServer
) -> None:
    server.script(Answer(tool("write", {"path": "a", "content": "one"})), Answer(text(["Written.\n"])))
    talk = Talk(tmp_path, server.url, "--plain", "go")
    with talk.terminal:
        await talk.hears("End of question.")
        talk.types("/change not JSON")
        await talk.hears("That does not fit: not valid JSON")
        talk.types('/change {"path": "a", "content": "two"}')
        await talk.hears("Agent: Written.")
        talk.types("/quit")
        assert await talk.exit_code() == 0
    assert (tmp_path / "project" / "a").read_text() == "two"


# ------------------------------------------------------------- commands of one's own


async def test_a_command_of_ones_own_is_read_out_and_told_to_the_model_unless_private(
    tmp_path: Path, server: MessagesServer
) -> None:
    talk = Talk(tmp_path, server.url, "--plain", size=(20, 8), TERM="dumb")
    with talk.terminal:
        await talk.hears("/help lists the commands.")
        talk.types("!echo shared-$((6*7))")
        await talk.hears("shared-42\r\nThe command is done, exit 0")
        talk.types("!!echo secret-$((6*7)); exit 3")
        await talk.hears("secret-42\r\n\r\n[exit code 3]\r\nThe command has failed, exit 3")
        talk.types("!sleep 1000")
        talk.types("/stop")
        await talk.hears("The command was stopped")
        talk.types("what did I do?")
        await talk.hears("Understood.")
        talk.terminal.write(b"\x04")
        assert await talk.exit_code() == 0
    lines_only(talk)
    request = str((await server.request(1)).messages)
    assert "shared-42" in request
    assert "secret-42" not in request


async def test_a_pipe_waits_for_its_command_to_end(tmp_path: Path, server: MessagesServer) -> None:
    code, out, errors = await piped(tmp_path, server.url, b"!echo begun; head -c 3 /dev/zero | wc -c\n")
    assert (code, errors) == (0, "")
    assert "begun\n3\nThe command is done" in out


# ------------------------------------------------------------------------ looking


async def test_what_there_is_to_know_is_said_in_words(tmp_path: Path, server: MessagesServer) -> None:
    code, out, errors = await piped(tmp_path, server.url, b"hello\n")
    assert (code, errors) == (0, "")
    commands = b"/find Under\n/tree\n/settings\n/mode\n/sandbox\n/cost\n/jobs\n/todo\n/context\n"
    code, out, errors = await piped(tmp_path, server.url, commands, "-c")
    assert (code, errors) == (0, "")
    for words in (
        "1 place, the newest first:\nAgent: Understood.\n",
        "1, You: hello.\n2, Agent: Understood., here the conversation ends now.\n",
        "Settings.\nprovider: anthropic, default.\n",
        "Now, ask: reads, asks before it changes anything.\n",
        "sandbox: ",
        "Cost.\nThis session: ",
        "Nothing runs in the background.\n",
        "tokens in the next request, ",
        "system prompt: ",
    ):
        assert words in out, out
    assert re.search(r"[█░●│·\x1b]", out) is None, "no glyph stands for a word"


async def test_a_setting_is_read_out_changed_and_kept(tmp_path: Path, server: MessagesServer) -> None:
    commands = (
        b"/settings on_abort\n/settings on_abort keep\n/settings bell off\n/settings\n"
        b"/settings mode full\n/settings on_abort never\n/settings belll\n/settings on_abort --save\n"
    )
    code, out, errors = await piped(tmp_path, server.url, commands, "--no-session")
    assert (code, errors) == (0, "")
    for words in (
        "on_abort: restore.\n",
        "it may be restore, send-next, keep.\n",
        "on_abort is keep for now.\n",
        "/mode full asks first",
        "There is no setting belll. Did you mean bell?\n",
    ):
        assert words in out, out
    assert "not 'never'" in out.split("There is no setting")[0]
    kept = (tmp_path / "home" / "config.toml").read_text()
    assert 'on_abort = "keep"' in kept
    assert "bell = false" in kept
    assert "full" not in kept


async def test_full_is_asked_about_and_a_number_in_the_next_line_chooses(
    tmp_path: Path, server: MessagesServer
) -> None:
    code, out, _ = await piped(
        tmp_path, server.url, b"/mode full\nno\n/mode full\n2\n/mode\n", "--no-session"
    )
    assert code == 0
    assert out.count("Run everything without asking?\n1, ask, ") == 2
    assert "Mode full: runs everything without asking.\n" in out
    assert "You: 2" not in out
    assert len(server.requests) == 1, "what is no number is a message"


# ----------------------------------------------------------------------- sessions


async def test_a_summary_is_read_out_accepted_and_taken_back(tmp_path: Path, server: MessagesServer) -> None:
    server.script(
        *(Answer(text([f"Answer {n}. " + "word " * 300])) for n in range(3)),
        Answer(text(["In short: three answers."])),
    )
    talk = Talk(tmp_path, server.url, "--plain")
    with talk.terminal:
        for n in range(3):
            talk.types(f"question {n}")
            await talk.hears(f"Answer {n}.")
            await talk.hears("word \r\nReady.\r\n" if n == 0 else "Ready.")
        talk.types("/compact accept")
        await talk.hears("There is no summary to accept: /compact preview makes one.")
        talk.types("/compact preview")
        await talk.hears("In short: three answers.\r\nIt does not count yet.")
        talk.types("/compact accept")
        await talk.hears("The summary counts from here on.")
        talk.types("/compact drop")
        await talk.hears("The summary is taken back")
        talk.types("/quit")
        assert await talk.exit_code() == 0


async def test_one_goes_back_and_says_it_anew(tmp_path: Path, server: MessagesServer) -> None:
    server.script(*(Answer(text([f"{word}.\n"])) for word in ("One", "Two", "Three")))
    talk = Talk(tmp_path, server.url, "--plain", size=(20, 8), TERM="dumb")
    with talk.terminal:
        await talk.hears("/help lists the commands.")
        talk.types("/label early")
        await talk.hears("Nothing has been said yet.")
        talk.types("first")
        await talk.hears("Agent: One.\r\nReady.")
        talk.types("/label early")
        await talk.hears("Labelled: /branch early comes back here.")
        talk.types("second")
        await talk.hears("Agent: Two.\r\nReady.")
        talk.types("/branch 3")
        await talk.hears("The conversation now ends with: One.")
        await talk.hears("You had said: second")
        talk.types("/branch nowhere")
        await talk.hears("There is no entry 'nowhere' in this session.")
        talk.types("instead")
        await talk.hears("Agent: Three.\r\nReady.")
        talk.types("/tree")
        await talk.hears("2, Agent: One., labelled early.")
        await talk.hears("4, Agent: Two., on another branch.")
        await talk.hears("6, Agent: Three., here the conversation ends now.")
        talk.types("/quit")
        assert await talk.exit_code() == 0
    lines_only(talk)
    messages = (await server.request(3)).messages
    assert [words for message in messages for words in said(message)] == ["first", "One.\n", "instead"]


async def test_what_follows_a_change_of_session_in_a_pipe_is_for_the_other_one(
    tmp_path: Path, server: MessagesServer
) -> None:
    server.script(*(Answer(text([f"{word}.\n"])) for word in ("One", "Two", "Three")))
    await piped(tmp_path, server.url, b"first\n")
    code, out, errors = await piped(
        tmp_path,
        server.url,
        b"/name before\n/fork 1\nsaid instead\n/resume before\n/export all.md\n/sessions\n1\n",
        "-c",
    )
    assert (code, errors) == (0, "")
    first, forked, resumed, chosen = out.split("h2a-chat, anthropic/")[1:]
    assert "This session is called “before”.\n" in first
    assert "You had said: first\n" in forked
    assert "Sessions, the newest first:\n" in resumed
    assert "Sessions" not in chosen
    exported = (tmp_path / "project" / "all.md").read_text()
    assert "said instead" not in exported
    sessions = list((tmp_path / "home").glob("sessions/*/*.jsonl"))
    assert sorted("said instead" in path.read_text() for path in sessions) == [False, True]


async def test_a_session_that_is_open_elsewhere_is_said_and_this_one_goes_on(
    tmp_path: Path, server: MessagesServer
) -> None:
    talk = Talk(tmp_path, server.url, "--plain", "hello")
    with talk.terminal:
        await talk.hears("Understood.")
        (path,) = (tmp_path / "home").glob("sessions/*/*.jsonl")
        code, out, errors = await piped(tmp_path, server.url, f"/resume {path.stem}\nstill here\n".encode())
        assert (code, errors) == (0, "")
        assert f"Session {path.stem} is open in another h2a-chat." in out
        assert "You: still here\nAgent: Understood.\n" in out
        talk.types("/quit")
        assert await talk.exit_code() == 0
