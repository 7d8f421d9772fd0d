"""The list of sessions: what it shows, and that naming and deleting touch only the one that is meant."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from h2a_agent.content import TextBlock
from h2a_agent.events import Kind
from h2a_agent.history import AssistantEntry, UserEntry
from h2a_agent.providers.base import TokenUsage
from h2a_agent.session import Session
from h2a_agent.session_files import list_sessions, sessions_of
from h2a_agent.session_loading import SessionError
from h2a_agent.session_verbs import SessionVerbs
from h2a_tui.screens.ask import AskScreen
from h2a_tui.screens.picker import PickerScreen
from h2a_tui.screens.session_picker import SessionPicker
from support.chat_pilot import Chat, running_chat
from support.scripted_agent import ScriptedAgent


def session(root: Path, workspace: Path, prompt: str, answer: str) -> Session:
    folder = sessions_of(root, workspace)
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    made = Session.create(folder, workspace)
    made.append(UserEntry("i1", Kind.PROMPT, (TextBlock(prompt),), 1.0))
    made.append(AssistantEntry(1, (TextBlock(answer),), "end_turn", "m", TokenUsage(), 1.0))
    return made


@asynccontextmanager
async def chat_among_sessions(tmp_path: Path, *, size: tuple[int, int] = (100, 30)) -> AsyncIterator[Chat]:
    """A chat in `here`, with two more sessions of this folder and one of another."""
    root, here, there = tmp_path / "sessions", tmp_path / "here", tmp_path / "there"
    for n, (workspace, words) in enumerate([(here, "parser"), (here, "lexer"), (there, "elsewhere")]):
        other = session(root, workspace, f"mend the {words}", f"the {words} is \x1b[2J mended")
        other.close()
        assert other.path is not None
        os.utime(other.path, (1_000_000 + n, 1_000_000 + n))
    own = session(root, here, "what is in use", "yes")
    agent = ScriptedAgent(here)
    agent.sessions = SessionVerbs(own)
    async with running_chat(agent, size=size) as chat:
        yield chat
    own.close()


async def opened(chat: Chat, line: str = "/sessions") -> SessionPicker:
    await chat.type(line)
    await chat.press("enter")
    await chat.until(lambda: isinstance(chat.app.screen, SessionPicker))
    await chat.drawn()
    assert isinstance(chat.app.screen, SessionPicker)
    return chat.app.screen


def titles(tmp_path: Path) -> set[str]:
    return {info.title for info in list_sessions(tmp_path / "sessions")}


async def test_sessions_of_this_folder_are_shown_with_age_and_last_words_and_on_demand_those_of_all(
    tmp_path: Path,
) -> None:
    async with chat_among_sessions(tmp_path) as chat:
        await opened(chat)
        shown = chat.text()
        assert "● what is in use" in shown
        assert "Sessions · this folder" in shown
        assert "mend the elsewhere" not in shown
        await chat.press("down")
        await chat.until(lambda: "agent: the lexer is ␛[2J mended" in chat.text())
        row = next(row for row in chat.rows() if "mend the lexer" in row)
        assert "2 messages" in row
        assert "d ·" in row, "how long ago"
        await chat.press("tab")
        await chat.until(lambda: "mend the elsewhere" in chat.text())
        assert "Sessions · all folders" in chat.text()
        await chat.press("tab")
        await chat.until(lambda: "mend the elsewhere" not in chat.text())


async def test_typing_finds_one_and_enter_goes_to_it(tmp_path: Path) -> None:
    async with chat_among_sessions(tmp_path) as chat:
        await opened(chat)
        await chat.press_at_once(*"lxr", "enter")
        await chat.until(lambda: not chat.app.is_running)
        switch = chat.app.return_value
        assert switch is not None
        wanted = [info.id for info in list_sessions(tmp_path / "sessions") if info.title == "mend the lexer"]
        assert [switch.session_id] == wanted


async def test_what_was_said_is_found_in_any_folder(tmp_path: Path) -> None:
    async with chat_among_sessions(tmp_path) as chat:
        await opened(chat, "/sessions elsewhere")
        assert "Sessions that say elsewhere · all folders" in chat.text()
        assert "mend the lexer" not in chat.text()


async def test_a_session_is_named_and_this_one_too(tmp_path: Path) -> None:
    async with chat_among_sessions(tmp_path) as chat:
        await opened(chat)
        for n, name in enumerate(("Mine [now]", "Lexing")):
            await chat.press(*["down"] * n, "ctrl+r")
            await chat.until(lambda: isinstance(chat.app.screen, AskScreen))
            await chat.type(name)
            await chat.press("enter")
            await chat.until(
                lambda name=name: isinstance(chat.app.screen, SessionPicker) and name in chat.text()
            )
        assert chat.agent.sessions.name == "Mine [now]"
        assert {"Lexing", "mend the parser"} < titles(tmp_path)
        assert "mend the lexer" not in titles(tmp_path)


async def test_deleting_asks_first_and_moves_to_the_trash(tmp_path: Path) -> None:
    async with chat_among_sessions(tmp_path) as chat:
        await opened(chat)
        await chat.type("lexer")
        await chat.press("ctrl+d")
        await chat.until(lambda: "Delete “mend the lexer”?" in chat.text())
        await chat.drawn()
        await chat.press("enter")
        await chat.until(lambda: isinstance(chat.app.screen, SessionPicker))
        assert "mend the lexer" in titles(tmp_path), "the answer that changes nothing stands first"
        await chat.press("delete")
        await chat.until(lambda: type(chat.app.screen) is PickerScreen)
        await chat.drawn()
        await chat.press("down", "enter")
        await chat.until(lambda: "mend the lexer" not in titles(tmp_path))
        assert len(list((tmp_path / "sessions" / "trash").glob("*/*.jsonl"))) == 1
        assert {"mend the parser", "mend the elsewhere", "what is in use"} == titles(tmp_path)


async def test_the_session_in_use_and_one_that_somebody_has_open_are_not_deleted(tmp_path: Path) -> None:
    async with chat_among_sessions(tmp_path) as chat:
        await opened(chat)
        await chat.press("ctrl+d")
        await chat.until(lambda: "This is the session in use; it stays" in chat.text())
        assert isinstance(chat.app.screen, SessionPicker)
        path = next(i.path for i in list_sessions(tmp_path / "sessions") if i.title == "mend the lexer")
        open_elsewhere = Session.open(path)
        await chat.type("lexer")
        await chat.press("ctrl+d")
        await chat.until(lambda: type(chat.app.screen) is PickerScreen)
        await chat.drawn()
        await chat.press("down", "enter")
        await chat.until(lambda: isinstance(chat.app.screen, SessionPicker))
        await chat.until(lambda: "open" in chat.text())
        open_elsewhere.close()
        assert "mend the lexer" in titles(tmp_path)


@pytest.mark.parametrize("size", [(20, 5), (60, 15), (120, 40)])
async def test_the_list_works_at_any_size(tmp_path: Path, size: tuple[int, int]) -> None:
    async with chat_among_sessions(tmp_path, size=size) as chat:
        await opened(chat)
        await chat.press("down", "down")
        assert "mend the par" in chat.text()
        await chat.press("escape")
        assert not isinstance(chat.app.screen, SessionPicker)


async def test_all_keys_are_said_at_eighty_columns(tmp_path: Path) -> None:
    async with chat_among_sessions(tmp_path, size=(80, 24)) as chat:
        await opened(chat)
        await chat.until(lambda: "Ctrl+R rename · Ctrl+D delete · Esc close" in chat.text())


async def test_resume_completes_to_a_session_by_its_title(tmp_path: Path) -> None:
    async with chat_among_sessions(tmp_path) as chat:
        await chat.type("/resume")
        await chat.until(chat.screen._actions.recent_sessions)
        await chat.type(" pars")
        await chat.until(lambda: "mend the parser" in chat.text() and "what is in use" not in chat.text())
        await chat.press("tab")
        wanted = [info.id for info in list_sessions(tmp_path / "sessions") if info.title == "mend the parser"]
        assert [chat.draft] == [f"/resume {session_id}" for session_id in wanted]


async def test_branch_completes_to_labels_and_messages_and_export_to_files(tmp_path: Path) -> None:
    async with chat_among_sessions(tmp_path) as chat:
        chat.agent.sessions.label("", "before-the-storm")
        await chat.type("/branch ")
        await chat.until(lambda: "what is in use" in chat.text())
        await chat.type("storm")
        await chat.press("tab")
        assert chat.draft == "/branch before-the-storm"
        await chat.press("ctrl+u")
        await chat.type("/export md")
        await chat.press("tab")
        assert chat.draft == "/export h2a-scripted.md"


async def test_other_sessions_are_shown_before_anything_was_said_in_this_one(tmp_path: Path) -> None:
    root, here = tmp_path / "sessions", tmp_path / "here"
    session(root, here, "an earlier one", "yes").close()
    agent = ScriptedAgent(here)
    fresh = Session.create(sessions_of(root, here), here)
    agent.sessions = SessionVerbs(fresh)
    async with running_chat(agent) as chat:
        await opened(chat)
        assert "an earlier one" in chat.text()
    fresh.close()


async def test_a_session_that_is_only_looked_at_cannot_be_deleted_from_within(tmp_path: Path) -> None:
    """Nobody holds its lock, so nothing else would keep it from going."""
    made = session(tmp_path / "sessions", tmp_path, "look at me", "yes")
    made.close()
    assert made.path is not None
    looked_at = Session.look_at(made.path)
    with pytest.raises(SessionError, match="in use"):
        await SessionVerbs(looked_at).delete(looked_at.id)
    assert made.path.exists()
