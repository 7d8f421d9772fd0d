"""What is typed while another session is looked for: for that one's editor, or for this one's when there is none."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from h2a_agent.events import ApprovalRequested, Phase, Status
from h2a_agent.session import Session
from h2a_agent.session_loading import SessionError
from h2a_agent.session_verbs import SessionVerbs
from h2a_tui import answering
from h2a_tui.client import Switch
from h2a_tui.widgets.approval import ApprovalPanel
from support.chat_pilot import Chat, running_chat
from support.scripted_agent import ScriptedAgent


class SlowSessions(SessionVerbs):
    """Looks for a session until `found` is decided."""

    def __init__(self) -> None:
        super().__init__(Session.unsaved(Path("/nowhere")))
        self.found: asyncio.Future[str] = asyncio.get_running_loop().create_future()

    async def locate(self, wanted: str) -> str:
        return await self.found


def agent_that_looks() -> tuple[ScriptedAgent, asyncio.Future[str]]:
    agent, sessions = ScriptedAgent(), SlowSessions()
    agent.sessions = sessions
    return agent, sessions.found


async def leave(chat: Chat) -> None:
    await chat.type("/resume other")
    await chat.press("enter")
    assert chat.draft == ""


async def test_nothing_that_is_typed_meanwhile_is_done_here() -> None:
    agent, found = agent_that_looks()
    async with running_chat(agent) as chat:
        await leave(chat)
        await chat.press("h", "i", "enter", "f1", "/", "q", "u", "i", "t", "enter")
        await chat.paste("there")
        assert (chat.draft, chat.calls, chat.app.is_running) == ("", [], True)
        assert chat.app.screen is chat.screen
        found.set_result("other")
        await chat.until(lambda: not chat.app.is_running)
        assert chat.app.return_value == Switch("other")
        assert chat.calls == []


async def test_it_is_done_here_in_its_order_when_there_is_no_such_session() -> None:
    agent, found = agent_that_looks()
    async with running_chat(agent) as chat:
        await leave(chat)
        await chat.press("h")
        await chat.paste("i ther")
        await chat.press("e", "enter", "m")
        found.set_exception(SessionError("No session is called so."))
        await chat.press_at_once("o", "r", "e")
        await chat.until(lambda: chat.draft == "more")
        assert chat.calls == [("prompt", "hi there")]
        assert "No session is called so." in chat.rows()[-1]


async def test_a_second_command_that_leaves_keeps_what_is_typed_behind_it() -> None:
    agent, found = agent_that_looks()
    async with running_chat(agent) as chat:
        await leave(chat)
        await chat.press(*"/resume third", "enter", "x", "enter")
        agent.sessions = second = SlowSessions()
        found.set_exception(SessionError("No session is called so."))
        await chat.until(lambda: "No session is called so." in chat.rows()[-1])
        assert (chat.draft, chat.calls) == ("", [])
        second.found.set_result("third")
        await chat.until(lambda: not chat.app.is_running)
        assert chat.app.return_value == Switch("third")
        assert chat.calls == []


async def test_a_question_that_comes_meanwhile_has_the_keyboard_only_when_one_stays(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(answering, "READABLE_S", 0.001)
    monkeypatch.setattr(answering, "TYPING_PAUSE_S", 0.001)
    agent, found = agent_that_looks()
    async with running_chat(agent) as chat:
        await leave(chat)
        question = ApprovalRequested("c1", "bash", "npm test", "npm test", "command", "", "/home/space")
        await chat.say(Status(Phase.APPROVAL, 1), question)
        approval = chat.screen.approval
        await chat.until(lambda: approval.takes_keyboard(blank=True, last_key_at=0.0))
        approval.post_message(ApprovalPanel.Ready())
        await chat.drawn()
        assert chat.screen.focused is chat.screen.composer
        found.set_exception(SessionError("No session is called so."))
        await chat.until(lambda: chat.screen.focused is approval)
