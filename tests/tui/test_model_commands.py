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
from h2a_tui.screens.model_picker import ModelPicker
from support.chat_pilot import Chat, running_chat
from support.messages_api import MessagesServer
from support.scripted_agent import ScriptedAgent


@pytest.fixture
async def server() -> AsyncIterator[MessagesServer]:
    async with MessagesServer() as running:
        yield running


@asynccontextmanager
async def chat_with_models(
    server: MessagesServer, tmp_path: Path, size: tuple[int, int] = (100, 30)
) -> AsyncIterator[Chat]:
    """A chat whose own provider is `scripted`, with `near` beside it."""
    catalogue = Catalogue(
        {"scripted": {"base_url": server.url}, "near": {"base_url": server.url, "model": "m1"}}
    )
    agent = ScriptedAgent()
    choice = ModelChoice(agent, catalogue, Keys(tmp_path, {}), tmp_path / "config.toml", connect)
    async with running_chat(agent, size=size, models=choice) as chat:
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


async def test_without_a_name_there_is_a_list_that_fills_as_the_servers_answer_and_the_bar_stays(
    server: MessagesServer, tmp_path: Path
) -> None:
    async with chat_with_models(server, tmp_path) as chat:
        await chat.press("ctrl+l")
        picker = await shown_picker(chat)
        assert picker.current == "scripted/scripted-1", "the bar is on the model that answers"
        await chat.until(lambda: "test-model" in page(chat))
        assert picker.current == "scripted/scripted-1"
        text = page(chat)
        assert "● scripted-1" in text
        assert "/setup gives a key to: anthropic, openrouter, deepseek, kimi" in text
        await chat.press("escape")
        assert page(chat) == ""
        assert chat.calls == []


async def test_typing_finds_a_model_of_any_provider_and_enter_chooses_it_for_now(
    server: MessagesServer, tmp_path: Path
) -> None:
    async with chat_with_models(server, tmp_path) as chat:
        await chat.type("half a thought")
        await chat.press("ctrl+l")
        await shown_picker(chat)
        await chat.until(lambda: "test-model" in page(chat))
        picker = chat.app.screen  # the other servers may still be asked
        await chat.until(lambda: not any(worker.node is picker for worker in chat.app.workers))
        await chat.press_at_once(*"neartst", "enter")
        await chat.until(lambda: chat.calls)
        assert chat.last_call == ("use", "near", "test-model")
        assert not (tmp_path / "config.toml").exists()
        assert chat.draft == "half a thought"


async def test_the_save_key_chooses_a_model_for_the_next_starts_too(
    server: MessagesServer, tmp_path: Path
) -> None:
    async with chat_with_models(server, tmp_path) as chat:
        await enter(chat, "/model")
        await shown_picker(chat)
        await chat.until(lambda: "test-model" in page(chat))
        await chat.type("near/t")
        await chat.press("ctrl+s")
        await chat.until(lambda: "answers from the next step on" in chat.rows()[-1])
        assert (tmp_path / "config.toml").read_text() == 'provider = "near"\nmodel = "test-model"\n'


async def test_the_arrows_make_it_think_harder_or_less_at_once(
    server: MessagesServer, tmp_path: Path
) -> None:
    async with chat_with_models(server, tmp_path) as chat:
        await chat.press("ctrl+l")
        await shown_picker(chat)
        assert "thinking off low [medium] high max" in page(chat)
        await chat.press("right", "right", "right")
        assert "thinking off low medium high [max]" in page(chat)
        await chat.press("left")
        assert chat.last_call == ("configure", "high")
        assert "Thinking high from the next step on" in page(chat)


@pytest.mark.parametrize("size", [(20, 5), (60, 15), (120, 40)])
async def test_the_list_of_models_works_at_any_size(
    server: MessagesServer, tmp_path: Path, size: tuple[int, int]
) -> None:
    async with chat_with_models(server, tmp_path, size=size) as chat:
        await chat.press("ctrl+l")
        await shown_picker(chat)
        await chat.until(lambda: "scripted-1" in page(chat))
        await chat.type("near/")
        await chat.until(lambda: "near/test-model" in page(chat))
        await chat.press("enter")
        await chat.until(lambda: chat.calls)
        assert chat.last_call[:2] == ("use", "near")


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


async def shown_picker(chat: Chat) -> ModelPicker:
    await chat.until(lambda: isinstance(chat.app.screen, ModelPicker))
    await chat.drawn()
    assert isinstance(chat.app.screen, ModelPicker)
    return chat.app.screen


def page(chat: Chat) -> str:
    """The text of the page over the chat, "" when there is none."""
    return chat.text() if len(chat.app.screen_stack) > 1 else ""
