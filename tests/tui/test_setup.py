"""The first start of somebody who has no model, and `/setup`: what is asked, what is kept, what cannot answer by accident."""

from __future__ import annotations

import tomllib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from h2a_tui.keymap import Keymap
from h2a_tui.screens import over_chat
from h2a_tui.screens.ask import AskScreen
from h2a_tui.screens.chat import ChatScreen
from h2a_tui.screens.setup import SetupScreen
from h2a_tui.typed_ahead import TypedAhead
from h2a_tui.typing_guard import READABLE_S, TYPING_PAUSE_S, TypingGuard
from support.chat_pilot import Chat, running_chat
from support.messages_api import MessagesServer
from support.newcomer import models_to_choose
from support.scripted_agent import ScriptedAgent

KEY, WRONG = "sk-right-0123456789", "sk-wrong-9876543210"


class Clock:
    """Time that passes when a test says so."""

    now = 100.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture(autouse=True)
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    it = Clock()
    monkeypatch.setattr(over_chat, "TypingGuard", lambda: TypingGuard(it))
    return it


@pytest.fixture
async def server() -> AsyncIterator[MessagesServer]:
    async with MessagesServer() as running:
        running.key = KEY
        yield running


@asynccontextmanager
async def newcomer(
    tmp_path: Path,
    tables: dict[str, dict[str, str]],
    *,
    size: tuple[int, int] = (100, 40),
    first_run: bool = True,
) -> AsyncIterator[Chat]:
    """A chat of somebody who has chosen nothing. Nothing runs on this machine but what `tables` say."""
    agent = ScriptedAgent()
    models = models_to_choose(agent, tmp_path, tables)
    async with running_chat(agent, size=size, models=models, first_run=first_run) as chat:
        yield chat


async def asked(chat: Chat) -> SetupScreen:
    await chat.until(lambda: isinstance(chat.app.screen, SetupScreen))
    await chat.drawn()
    assert isinstance(chat.app.screen, SetupScreen)
    return chat.app.screen


async def readable(chat: Chat, clock: Clock) -> SetupScreen:
    screen = await asked(chat)
    clock.now += READABLE_S + TYPING_PAUSE_S
    return screen


async def asks_for(chat: Chat, words: str) -> None:
    await chat.until(lambda: isinstance(chat.app.screen, AskScreen) and words in chat.text())
    await chat.drawn()


def saved(tmp_path: Path) -> dict[str, object]:
    file = tmp_path / "config.toml"
    return tomllib.loads(file.read_text()) if file.exists() else {}


# ------------------------------------------------------------------ typed ahead


async def test_what_is_typed_before_it_can_be_read_answers_nothing_and_is_in_the_editor_after(
    tmp_path: Path, clock: Clock
) -> None:
    async with newcomer(tmp_path, {}) as chat:
        screen = await asked(chat)
        await chat.press_at_once(*"fix it", "enter", *"nowx", "backspace", "down", "enter")
        assert chat.app.screen is screen
        assert "Kept for the editor: fix it" in chat.text()
        clock.now += READABLE_S
        await chat.press("enter", "escape")
        assert chat.app.screen is screen, "text has just come, so these keys belong to it"
        clock.now += TYPING_PAUSE_S
        await chat.press("escape")
        assert chat.draft == "fix it\nnow"
        assert chat.calls == []
        assert saved(tmp_path) == {}


def test_no_key_answers_before_the_question_is_shown_however_long_that_takes(clock: Clock) -> None:
    kept: list[str] = []
    early = TypedAhead(Keymap(), TypingGuard(clock), kept.append)
    clock.now += 60
    assert early.takes("enter", None)
    early.shown()
    assert early.takes("enter", None)
    clock.now += READABLE_S
    early.shown()  # each time it is drawn
    assert not early.takes("enter", None)
    early.hand_over()
    assert kept == []


async def test_all_of_what_is_typed_fast_finds_a_row(tmp_path: Path, clock: Clock) -> None:
    async with newcomer(tmp_path, {}) as chat:
        screen = await readable(chat, clock)
        await chat.press_at_once(*"demo", "enter")
        assert screen.editor.line == "demo"
        await chat.until(lambda: saved(tmp_path) == {"provider": "demo", "model": "demo"})


async def test_a_paste_that_comes_too_early_is_in_the_editor_too(tmp_path: Path, clock: Clock) -> None:
    async with newcomer(tmp_path, {}) as chat:
        await asked(chat)
        await chat.paste("pasted words\n")
        clock.now += READABLE_S + TYPING_PAUSE_S
        await chat.press("escape")
        await chat.until(lambda: chat.draft == "pasted words")


async def test_escape_leaves_with_the_demo_and_keeps_nothing(tmp_path: Path, clock: Clock) -> None:
    async with newcomer(tmp_path, {}) as chat:
        await readable(chat, clock)
        await chat.press("escape")
        await chat.until(lambda: "This is the demo, a script. /setup chooses a model" in chat.rows()[-1])
        assert saved(tmp_path) == {}


# --------------------------------------------------------------------- choosing


async def test_the_demo_is_kept_so_that_it_is_not_asked_again(tmp_path: Path, clock: Clock) -> None:
    async with newcomer(tmp_path, {}) as chat:
        await readable(chat, clock)
        await chat.type("demo")
        await chat.press("enter")
        await chat.until(lambda: "The demo answers from now on" in chat.rows()[-1])
        assert saved(tmp_path) == {"provider": "demo", "model": "demo"}


async def test_a_server_that_runs_here_comes_in_when_it_is_found_and_the_bar_stays(
    tmp_path: Path, clock: Clock, server: MessagesServer
) -> None:
    server.key = ""
    async with newcomer(tmp_path, {"ollama": {"base_url": server.url}}) as chat:
        screen = await readable(chat, clock)
        assert screen.current == "provider:anthropic"
        await chat.until(lambda: "runs here with 1 model" in chat.text())
        assert screen.current == "provider:anthropic"
        await chat.press("up", "enter")
        await chat.until(lambda: "ollama/test-model answers from now on" in chat.text())
        assert chat.last_call == ("use", "ollama", "test-model")
        assert saved(tmp_path) == {"provider": "ollama", "model": "test-model"}
        await chat.until(lambda: "test-model · ask" in chat.text())  # the first page says who answers now


async def test_a_key_that_is_refused_is_said_so_and_one_that_is_accepted_is_kept(
    tmp_path: Path, clock: Clock, server: MessagesServer
) -> None:
    async with newcomer(tmp_path, {"work": {"base_url": server.url, "model": "test-model"}}) as chat:
        await readable(chat, clock)
        await chat.type("work")
        await chat.press("enter")
        await asks_for(chat, "It wants a key.")
        await chat.paste(f"  {WRONG}\n")
        await chat.press("enter")
        await chat.until(lambda: "refuses this key" in chat.text())
        assert "•" * len(WRONG) in chat.text()
        assert not (tmp_path / "keys").exists()
        await chat.press("ctrl+u")
        await chat.until(lambda: "refuses this key" not in chat.text())
        await chat.type(KEY)
        assert "•" * len(KEY) in chat.text()
        assert "sk-" not in chat.text()
        await chat.press("enter")
        await chat.until(lambda: "work/test-model answers from now on · the key is kept" in chat.rows()[-1])
        (kept,) = (tmp_path / "keys").iterdir()
        assert kept.read_text() == f"{KEY}\n"
        assert saved(tmp_path) == {"provider": "work", "model": "test-model"}
        assert KEY not in (tmp_path / "config.toml").read_text()


async def test_one_can_go_on_with_a_key_that_is_refused_and_with_a_server_that_is_not_there(
    tmp_path: Path, clock: Clock, server: MessagesServer
) -> None:
    tables = {
        "work": {"base_url": server.url, "model": "m"},
        "gone": {"base_url": "http://127.0.0.1:1", "model": "m"},
    }
    async with newcomer(tmp_path, tables) as chat:
        await readable(chat, clock)
        await chat.type("work")
        await chat.press("enter")
        await asks_for(chat, "It wants a key.")
        await chat.type(WRONG)
        await chat.press("enter")
        await chat.until(lambda: "Enter again takes it all the same" in chat.text())
        await chat.press("enter")
        await chat.until(lambda: chat.calls == [("use", "work", "m")])
        await chat.type("/setup")
        await chat.press("enter")
        await asked(chat)
        await chat.type("gone")
        await chat.press("enter")
        await chat.until(lambda: "not running at" in chat.text())
        await chat.drawn()
        await chat.press("down", "enter")
        await chat.until(lambda: chat.last_call == ("use", "gone", "m"))


async def test_a_server_of_ones_own_is_named_by_its_address_and_known_from_then_on(
    tmp_path: Path, clock: Clock, server: MessagesServer
) -> None:
    async with newcomer(tmp_path, {}) as chat:
        await readable(chat, clock)
        await chat.type("address")
        await chat.press("enter")
        await asks_for(chat, "The address of a server")
        await chat.type("localhost")
        await chat.press("enter")
        await chat.until(lambda: "an address begins with http://" in chat.text())
        await chat.press("ctrl+u")
        await chat.type(f"{server.url}/v1/messages")
        await chat.press("enter")
        await asks_for(chat, "It wants a key.")
        await chat.type(KEY)
        await chat.press("enter")
        await chat.until(lambda: "answers from now on" in chat.rows()[-1])
        name = server.url.removeprefix("http://").replace(":", "-")
        assert saved(tmp_path) == {
            "provider": name,
            "model": "test-model",
            "providers": {name: {"base_url": server.url}},
        }


async def test_that_a_server_is_asked_is_said_until_it_has_answered(
    tmp_path: Path, clock: Clock, server: MessagesServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ChatScreen.notice, "__defaults__", (1e6,))  # seconds
    async with newcomer(tmp_path, {}) as chat:
        await readable(chat, clock)
        await chat.type("address")
        await chat.press("enter")
        await asks_for(chat, "The address of a server")
        await chat.type(server.url)
        await chat.press("enter")
        await asks_for(chat, "It wants a key.")
        await chat.until(lambda: "Asking" not in chat.rows()[-1])


async def test_going_back_from_a_question_leads_to_the_first_one_and_keeps_nothing(
    tmp_path: Path, clock: Clock
) -> None:
    async with newcomer(tmp_path, {}) as chat:
        await readable(chat, clock)
        await chat.press("enter")
        await asks_for(chat, "Key for anthropic")
        await chat.type("sk-half")
        await chat.press("escape")
        await asked(chat)
        assert saved(tmp_path) == {}
        assert not (tmp_path / "keys").exists()


@pytest.mark.parametrize("size", [(20, 5), (60, 15), (120, 40)])
async def test_it_can_be_answered_at_any_size(
    tmp_path: Path, clock: Clock, server: MessagesServer, size: tuple[int, int]
) -> None:
    async with newcomer(tmp_path, {"work": {"base_url": server.url, "model": "m"}}, size=size) as chat:
        await readable(chat, clock)
        assert "work" in chat.text()
        await chat.type("work")
        await chat.press("enter")
        await chat.until(lambda: isinstance(chat.app.screen, AskScreen))
        await chat.drawn()
        await chat.type(KEY)
        assert "•••" in chat.text()
        await chat.press("enter")
        await chat.until(lambda: chat.calls == [("use", "work", "test-model")])
