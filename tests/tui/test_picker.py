"""The list to choose from: the tree of the session, with the keys of the table."""

from __future__ import annotations

from pathlib import Path

import pytest
from textual.events import Event, Resize
from textual.widgets import OptionList

from h2a_agent.content import TextBlock
from h2a_agent.events import Kind, PathChanged, TokenStream, UserInput
from h2a_agent.history import AssistantEntry, UserEntry
from h2a_agent.providers.base import TokenUsage
from h2a_agent.session import Session
from h2a_agent.session_verbs import SessionVerbs
from h2a_tui.keymap import Keymap
from h2a_tui.overlays import Choice
from h2a_tui.screens.picker import PickerScreen
from support.chat_pilot import running_chat
from support.scripted_agent import ScriptedAgent


def with_history() -> tuple[ScriptedAgent, list[str]]:
    """An agent whose session holds two prompts and two answers, and their ids."""
    session = Session.unsaved(Path("/home/space"))
    for n, word in enumerate(("one", "two"), 1):
        session.append(UserEntry(f"i{n}", Kind.PROMPT, (TextBlock(f"ask {word} \x1b[2J"),), 1.0))
        session.append(AssistantEntry(n, (TextBlock(f"answer {word}"),), "end_turn", "m", TokenUsage(), 1.0))
    agent = ScriptedAgent()
    agent.sessions = SessionVerbs(session)
    return agent, [node.id for node in session.history.path]


async def test_the_tree_begins_at_the_head_and_the_chosen_entry_is_gone_back_to() -> None:
    agent, ids = with_history()
    async with running_chat(agent) as chat:
        await chat.type("/tree")
        await chat.press("enter")
        assert isinstance(chat.app.screen, PickerScreen)
        shown = chat.text()
        assert [
            word in shown for word in ("you: ask one ␛[2J", "agent: answer one", "● agent: answer two")
        ] == [True] * 3
        await chat.press("up", "up", "up", "down", "enter")
        assert chat.calls == [("branch", ids[1])]
        assert not isinstance(chat.app.screen, PickerScreen)
        assert chat.draft == ""


async def test_escape_closes_the_list_and_nothing_happens() -> None:
    agent, _ = with_history()
    async with running_chat(agent) as chat:
        await chat.type("/branch")
        await chat.press("enter")
        assert isinstance(chat.app.screen, PickerScreen)
        await chat.press("escape")
        assert not isinstance(chat.app.screen, PickerScreen)
        assert chat.calls == []
        await chat.type("x")
        assert chat.draft == "x", "the editor has the keyboard again"


async def test_escape_twice_on_an_empty_editor_shows_the_tree() -> None:
    agent, _ = with_history()
    async with running_chat(agent) as chat:
        await chat.type("draft")
        await chat.press_at_once("escape", "escape")
        assert not isinstance(chat.app.screen, PickerScreen), "somebody is writing"
        await chat.press("ctrl+u")
        await chat.press_at_once("escape", "escape")
        assert isinstance(chat.app.screen, PickerScreen)


async def test_the_list_fits_a_small_screen() -> None:
    agent, ids = with_history()
    async with running_chat(agent, size=(30, 8)) as chat:
        await chat.type("/tree")
        await chat.press("enter")
        assert "● agent" in chat.text(), "where one is is in view"
        await chat.press("pageup", "enter")
        assert chat.calls == [("branch", ids[0])]


async def test_the_conversation_is_shown_anew_when_its_path_changes() -> None:
    async with running_chat() as chat:
        await chat.say(
            UserInput("1", Kind.PROMPT, "first question"),
            TokenStream(1, 0, "a long answer\n\nof some\n\nparagraphs"),
            UserInput("2", Kind.PROMPT, "second question"),
        )
        assert "second question" in chat.text()
        past = (UserInput("1", Kind.PROMPT, "first question"), TokenStream(1, 0, "short"))
        await chat.say(PathChanged("x", past), UserInput("3", Kind.PROMPT, "instead"))
        await chat.until(lambda: "instead" in chat.text())
        shown = chat.text()
        assert "second question" not in shown
        assert "paragraphs" not in shown
        assert shown.index("first question") < shown.index("short") < shown.index("instead")


async def test_nothing_is_sent_from_a_session_that_is_looked_at_and_the_text_stays() -> None:
    agent = ScriptedAgent()
    session = Session.unsaved(Path("/home/space"))
    session.read_only = True
    agent.sessions = SessionVerbs(session)
    async with running_chat(agent) as chat:
        await chat.type("more")
        await chat.press("enter")
        assert chat.calls == []
        assert chat.draft == "more"
        assert "/fork goes on in a copy" in chat.rows()[-1]
        await chat.press("ctrl+u")
        await chat.type("!ls")
        await chat.press("enter")
        assert chat.calls == []
        assert chat.draft == "!ls", "what came of it could not be kept"
        await chat.press("home", "!", "enter")
        assert chat.calls == [("shell", "ls", True)]


async def test_a_list_longer_than_the_screen_is_never_drawn_longer(monkeypatch: pytest.MonkeyPatch) -> None:
    heights: list[int] = []  # that the list was given, frame by frame
    handle = OptionList.on_event

    async def noted(self: OptionList, event: Event) -> None:
        if isinstance(event, Resize):
            heights.append(event.size.height)
        await handle(self, event)

    monkeypatch.setattr(OptionList, "on_event", noted)
    async with running_chat(size=(80, 16)) as chat:
        picker = PickerScreen("Which?", [Choice(f"{n}", f"row {n}") for n in range(50)], Keymap())
        await chat.app.push_screen(picker)
        await chat.until(lambda: "Esc close" in chat.text() and "row 11" in chat.text())
    assert heights
    assert set(heights) == {12}


@pytest.mark.parametrize(("command", "columns"), [("/theme", 80), ("/theme", 24), ("/settings", 50)])
async def test_a_list_says_whole_how_to_leave_it_however_narrow(command: str, columns: int) -> None:
    async with running_chat(size=(columns, 20)) as chat:
        await chat.type(command)
        await chat.press("enter")
        await chat.until(lambda: "Esc close ─╯" in chat.text())
