"""`/model` and `/thinking` as they are typed, with the real choice behind them and a real server to ask."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from h2a_agent.assemble import connect
from h2a_agent.catalogue import Catalogue
from h2a_agent.events import Error, Phase, Status
from h2a_agent.keys import Keys
from h2a_agent.model_choice import ModelChoice
from support.chat_pilot import Chat, running_chat
from support.messages_api import MessagesServer
from support.scripted_agent import ScriptedAgent


@pytest.fixture
async def server() -> AsyncIterator[MessagesServer]:
    async with MessagesServer() as running:
        yield running


@asynccontextmanager
async def chat_with_models(server: MessagesServer, tmp_path: Path) -> AsyncIterator[Chat]:
    """A chat whose own provider is `scripted`, with `near` beside it."""
    catalogue = Catalogue(
        {"scripted": {"base_url": server.url}, "near": {"base_url": server.url, "model": "m1"}}
    )
    agent = ScriptedAgent()
    choice = ModelChoice(agent, catalogue, Keys(tmp_path, {}), tmp_path / "config.toml", connect)
    async with running_chat(agent, size=(100, 30), models=choice) as chat:
        yield chat


async def enter(chat: Chat, line: str) -> None:
    await chat.type(line)
    await chat.press("enter")


async def test_a_model_is_changed_while_the_agent_works_and_the_status_line_says_so(
    server: MessagesServer, tmp_path: Path
) -> None:
    async with chat_with_models(server, tmp_path) as chat:
        assert "scripted-1" in chat.rows()[-1]
        await chat.say(Status(Phase.STREAMING, 1))
        await enter(chat, "/model near/m2")
        await chat.until(lambda: "near/m2 answers from the next step on" in chat.rows()[-1])
        assert chat.last_call == ("use", "near", "m2")
        await chat.until(lambda: chat.agent.warm_ups == 2)  # once after the first frame, once for the new one
        assert chat.draft == ""
        chat.screen.status_line.notice("")
        await chat.settle()
        assert "m2 · thinking medium" in chat.rows()[-1]


async def test_thinking_is_changed_at_once_and_without_a_level_says_which_there_are(
    server: MessagesServer, tmp_path: Path
) -> None:
    async with chat_with_models(server, tmp_path) as chat:
        await enter(chat, "/thinking")
        assert "/thinking off low [medium] high max" in chat.rows()[-1]
        await enter(chat, "/thinking HIGH")
        assert chat.last_call == ("configure", "high")
        assert "Thinking high from the next step on" in chat.rows()[-1]
        chat.screen.status_line.notice("")
        await chat.settle()
        assert "thinking high" in chat.rows()[-1]


async def test_a_wrong_level_stays_in_the_editor(server: MessagesServer, tmp_path: Path) -> None:
    async with chat_with_models(server, tmp_path) as chat:
        await enter(chat, "/thinking deep")
        assert "There is no level 'deep'" in chat.rows()[-1]
        assert chat.draft == "/thinking deep"
        assert chat.calls == []


async def test_without_a_name_the_models_are_listed_as_the_servers_tell_them(
    server: MessagesServer, tmp_path: Path
) -> None:
    async with chat_with_models(server, tmp_path) as chat:
        await enter(chat, "/model")
        await chat.until(lambda: "near/test-model" in page(chat))
        text = page(chat)
        assert "● scripted/scripted-1" in text
        assert "no key: h2a-chat key set kimi" in text
        await chat.press("escape")
        assert page(chat) == ""


async def test_what_cannot_be_chosen_is_read_whole(server: MessagesServer, tmp_path: Path) -> None:
    async with chat_with_models(server, tmp_path) as chat:
        await enter(chat, "/model deepseek/x")
        words = "h2a-chat key set deepseek, or set DEEPSEEK_API_KEY and start again."
        await chat.until(lambda: words in " ".join(page(chat).replace("│", "").split()))
        assert chat.calls == []


async def test_a_model_that_does_not_exist_is_answered_with_names_that_are_near(
    server: MessagesServer, tmp_path: Path
) -> None:
    async with chat_with_models(server, tmp_path) as chat:
        await enter(chat, "/model near/tset-model")
        await chat.until(lambda: chat.calls)
        await chat.say(Error("not found", "HTTP 404: no such model", fatal=True))
        await chat.until(lambda: "There is: test-model · /model NAME" in chat.rows()[-1])


async def test_what_is_found_after_the_first_frame_joins_the_first_page() -> None:
    async def offers() -> list[str]:
        return ["ollama is running here with 3 models: /model ollama/NAME"]

    async with running_chat(size=(100, 30), offers=offers) as chat:
        await chat.until(lambda: "ollama is running here with 3 models: /model ollama/NAME" in chat.text())


def page(chat: Chat) -> str:
    """The text of the page over the chat, "" when there is none."""
    return chat.text() if len(chat.app.screen_stack) > 1 else ""
