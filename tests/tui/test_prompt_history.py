"""Earlier messages: kept for a folder, reached with Up, searched with Ctrl+R."""

from __future__ import annotations

import json
import multiprocessing
from pathlib import Path

import pytest

from h2a_agent import redact
from h2a_agent.events import InputRestored
from h2a_tui import prompt_history
from h2a_tui.prompt_history import PromptHistory
from support.chat_pilot import running_chat
from support.scripted_agent import ScriptedAgent


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "data" / "prompts.jsonl"


def write(file: Path, folder: str, *texts: str) -> PromptHistory:
    history = PromptHistory(file, Path(folder))
    for text in texts:
        history.add(text)
    return history


def test_messages_come_back_in_order_once_and_only_in_their_folder(file: Path) -> None:
    write(file, "/a", "one", "two\nlines", "one", "  ")
    write(file, "/b", "other")
    assert PromptHistory(file, Path("/a")).load() == ["two\nlines", "one"]
    assert PromptHistory(file, Path("/c")).load() == []


def test_file_is_the_users_alone_and_plain_json_lines(file: Path) -> None:
    write(file, "/a", "one")
    assert (file.stat().st_mode & 0o777, file.parent.stat().st_mode & 0o777) == (0o600, 0o700)
    assert json.loads(file.read_text())["text"] == "one"


def test_message_with_a_key_in_it_and_a_very_long_one_are_not_kept(
    file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(redact, "_forms", set())
    monkeypatch.setattr(redact, "_pattern", None)
    redact.remember("sk-very-secret")
    history = write(file, "/a", "use sk-very-secret here", "x" * (prompt_history.LONGEST + 1), "plain")
    assert history.load() == ["plain"]
    assert b"secret" not in file.read_bytes()


def test_torn_line_costs_itself_and_nothing_else(file: Path) -> None:
    write(file, "/a", "one", "two")
    file.write_bytes(file.read_bytes()[:-9])
    assert write(file, "/a", "three").load() == ["one", "three"]


def test_file_that_has_grown_too_long_keeps_its_newest_half(
    file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(prompt_history, "LIMIT_BYTES", 4096)
    history = write(file, "/a", *(f"message {n}" for n in range(60)))
    assert file.stat().st_size > 4096
    assert history.load()[-1] == "message 59"
    assert file.stat().st_size <= 2048
    assert (file.stat().st_mode & 0o777) == 0o600
    history.add("after")
    assert history.load()[-2:] == ["message 59", "after"]
    assert [path.name for path in file.parent.iterdir()] == [file.name]


def test_several_programs_lose_nothing_of_each_other(file: Path) -> None:
    context = multiprocessing.get_context("fork")
    programs = [
        context.Process(target=write, args=(file, "/a", *(f"{name} {n}" for n in range(50))))
        for name in "abcd"
    ]
    for program in programs:
        program.start()
    for program in programs:
        program.join()
    assert sorted(PromptHistory(file, Path("/a")).load()) == sorted(
        f"{name} {n}" for name in "abcd" for n in range(50)
    )


def test_folder_that_cannot_be_written_costs_nobody_anything(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    assert write(tmp_path / "file" / "prompts.jsonl", "/a", "one").load() == []


async def test_up_reaches_messages_of_earlier_sessions_and_down_the_draft(file: Path) -> None:
    write(file, "/home/space", "from yesterday")
    async with running_chat(prompts_file=file) as chat:
        await chat.until(lambda: chat.screen.composer._recall.messages)
        await chat.press("n", "e", "w", "enter", "d", "up", "up")
        assert chat.draft == "from yesterday"
        await chat.press("down", "down")
        assert chat.draft == "d"
    assert PromptHistory(file, Path("/home/space")).load() == ["from yesterday", "new"]


async def test_ctrl_r_finds_the_newest_first_and_enter_takes_it_without_sending(file: Path) -> None:
    write(file, "/home/space", "fix the Parser", "run tests", "parser again", "run tests")
    async with running_chat(prompts_file=file) as chat:
        await chat.until(lambda: chat.screen.composer._recall.messages)
        await chat.type("draft")
        await chat.press("ctrl+r")
        assert "search earlier messages" in chat.text()
        await chat.type("pars")
        rows = [row.strip() for row in chat.rows()]
        assert rows.index("▸ parser again") + 1 == rows.index("fix the Parser")
        assert "run tests" not in chat.text()
        await chat.press("ctrl+r", "enter")
        assert chat.draft == "fix the Parser"
        assert chat.calls == []
        assert "search earlier" not in chat.text()
        await chat.press("enter")
        assert chat.calls == [("prompt", "fix the Parser")]


@pytest.mark.parametrize("key", ["escape", "ctrl+c"])
async def test_search_given_up_leaves_the_draft_and_its_cursor(file: Path, key: str) -> None:
    write(file, "/home/space", "earlier")
    async with running_chat(prompts_file=file) as chat:
        await chat.until(lambda: chat.screen.composer._recall.messages)
        await chat.type("draft")
        await chat.press("left", "ctrl+r", "e", key, "X")
        assert chat.draft == "drafXt"
        assert chat.app.is_running


@pytest.mark.parametrize("key", ["enter", "alt+enter", "ctrl+s", "tab", "ctrl+d"])
async def test_search_that_finds_nothing_is_never_sent_and_never_quits(file: Path, key: str) -> None:
    async with running_chat(prompts_file=file) as chat:
        await chat.type("draft")
        await chat.press("ctrl+r", *(["x"] if key != "ctrl+d" else []), key)
        assert chat.calls == []
        await chat.press("escape")
        assert chat.draft == "draft"
        assert chat.app.is_running


async def test_what_the_agent_gives_back_during_a_search_goes_above_the_draft() -> None:
    async with running_chat(ScriptedAgent()) as chat:
        await chat.type("draft")
        await chat.press("ctrl+r", "q")
        await chat.say(InputRestored(("back",)))
        assert chat.draft == "back\ndraft"
