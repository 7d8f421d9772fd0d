"""`/setup` in a real terminal, with a real server: the same questions in the app and in the inline mode."""

from __future__ import annotations

import asyncio
import contextlib
import tomllib
from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest

from support.messages_api import MessagesServer
from support.scripted_app import ScriptedApp

KEY, WRONG = "sk-canary-RIGHT/+0123456789", "sk-canary-WRONG/+9876543210"
LONG = "sk-canary-LONG" + "0123456789abcdef" * 300  # more than a terminal hands over in one piece
ASKS = "Which model shall answer?"
FRONTS = pytest.mark.parametrize("inline", [False, True], ids=["app", "inline"])


@pytest.fixture
async def server() -> AsyncIterator[MessagesServer]:
    async with MessagesServer() as running:
        running.key = KEY
        yield running


def work(server: MessagesServer, **more: str) -> dict[str, dict[str, str]]:
    return {"work": {"base_url": server.url, "model": "test-model", **more}}


class Person:
    """Who sits at it. All of this waits, so it is for a thread beside the server's loop."""

    def __init__(self, app: ScriptedApp) -> None:
        self.app = app
        self.terminal = app.terminal

    def asks_for_setup(self) -> None:
        self.terminal.type_text("/setup")
        self.sees("/setup")
        self.terminal.press("enter")
        self.sees("Type to find a pr")

    def sees(self, words: str) -> None:
        self.terminal.wait_for(lambda: words in " ".join(self.terminal.screen_text().split()))

    def finds(self, typed: str, about: str) -> None:
        """Types until the mark is on the row that is spoken of with the words `about`, and chooses it."""
        self.terminal.type_text(typed)
        self.sees(about)
        self.terminal.press("enter")

    def pastes(self, key: str) -> None:
        self.terminal.paste(key)
        self.sees("•" * len(key.strip()))

    def saved(self) -> dict[str, Any]:
        file = self.app.home / "config.toml"
        return tomllib.loads(file.read_text()) if file.exists() else {}

    def keys(self) -> list[str]:
        folder = self.app.home / "keys"
        return [file.read_text() for file in folder.iterdir()] if folder.exists() else []


@contextlib.contextmanager
def person(server: MessagesServer | None = None, **start: Any) -> Iterator[Person]:
    """Somebody whose own provider `work` is `server`."""
    start = {
        "size": (100, 36),
        "env": {"ESCDELAY": "25"},
        "providers": work(server) if server else {},
    } | start
    with ScriptedApp.start(**start) as app:
        yield Person(app)


# ------------------------------------------------------------------- in both


@FRONTS
async def test_a_key_that_is_refused_is_said_so_and_one_that_is_accepted_is_kept_and_never_shown(
    server: MessagesServer, inline: bool
) -> None:
    def asked() -> None:
        with person(server, inline=inline) as one:
            one.asks_for_setup()
            one.finds("work", f"goes to {server.url.removeprefix('http://')} only")
            one.sees("It wants a key.")
            one.pastes(f"  {WRONG}\n")
            one.terminal.press("enter")
            one.sees("refuses this key · Enter again takes it all the same")
            assert one.keys() == []
            one.terminal.press("ctrl+u")
            one.terminal.wait_gone("refuses this key")
            one.pastes(KEY)
            one.terminal.press("enter")
            one.sees("work/test-model answers from now on · the key is kept")
            assert one.app.next_call() == ["use", "work", "test-model"]
            assert one.saved() == {"provider": "work", "model": "test-model"}
            assert one.keys() == [f"{KEY}\n"]
            one.terminal.press("ctrl+d")
            assert one.terminal.wait_exit() == 0
            for key in (KEY, WRONG):
                assert key.encode() not in one.terminal.output

    await asyncio.to_thread(asked)


@FRONTS
async def test_the_same_answer_once_more_is_taken_where_it_may_stand(
    server: MessagesServer, inline: bool
) -> None:
    def asked() -> None:
        with person(server, inline=inline) as one:
            one.asks_for_setup()
            one.finds("work", "goes to 127.0.0.1:")
            one.sees("It wants a key.")
            one.pastes("no key")
            one.terminal.press("enter")
            one.sees("that is no key")
            assert "again takes it" not in one.terminal.screen_text()
            one.terminal.press("ctrl+u")
            one.pastes(WRONG)
            one.terminal.press("enter")
            one.sees("Enter again takes it all the same")
            one.terminal.press("enter")
            assert one.app.next_call() == ["use", "work", "test-model"]

    await asyncio.to_thread(asked)


@FRONTS
async def test_escape_goes_back_to_the_first_list_then_leaves_and_keeps_nothing(
    server: MessagesServer, inline: bool
) -> None:
    def asked() -> None:
        with person(server, inline=inline) as one:
            one.asks_for_setup()
            one.finds("address", "Any server that speaks the Messages API, by its address")
            one.sees("The address of a server")
            one.terminal.type_text(server.url)
            one.sees(server.url)
            one.terminal.press("enter")
            one.sees("It wants a key.")
            one.pastes("sk-half")
            one.terminal.press("escape")
            one.sees(ASKS)
            one.sees("anthropic")
            one.terminal.press("escape")
            one.sees("This is the demo, a script. /setup chooses a model")
            one.sees("Enter send")
            assert (one.saved(), one.keys()) == ({}, [])

    await asyncio.to_thread(asked)


@FRONTS
async def test_one_of_many_models_is_found_by_typing(server: MessagesServer, inline: bool) -> None:
    server.key = ""
    server.models = ["small", "coder-large", "coder-tiny"]

    def asked() -> None:
        tables = {"ollama": {"base_url": server.url}}
        with person(inline=inline, providers=tables) as one:
            one.asks_for_setup()
            one.sees("runs here with 3 models")
            one.finds("ollama", "Its models are on this machine and cost nothing")
            one.sees("Which model of ollama?")
            one.terminal.type_text("tiny")
            one.terminal.wait_gone("coder-large")
            one.terminal.press("enter")
            assert one.app.next_call() == ["use", "ollama", "coder-tiny"]

    await asyncio.to_thread(asked)


@FRONTS
async def test_a_key_that_is_cut_does_not_go_into_the_clipboard(server: MessagesServer, inline: bool) -> None:
    def asked() -> None:
        with person(server, inline=inline) as one:
            one.asks_for_setup()
            one.finds("work", "goes to 127.0.0.1:")
            one.sees("It wants a key.")
            one.pastes(KEY)
            one.terminal.press("shift+home", "ctrl+x")
            one.terminal.wait_gone("•")
            one.terminal.press("ctrl+underscore")
            one.sees("•" * len(KEY))
            assert b"\x1b]52" not in one.terminal.output

    await asyncio.to_thread(asked)


# ------------------------------------------------------------ in the inline mode


async def test_a_server_that_is_found_comes_in_and_the_mark_stays_on_its_row(server: MessagesServer) -> None:
    server.key = ""

    def asked() -> None:
        with person(inline=True, providers={"ollama": {"base_url": server.url}}) as one:
            one.asks_for_setup()
            one.sees("runs here with 1 model")
            one.sees("▸ anthropic")
            one.terminal.press("up")
            one.sees("▸ ollama")
            one.terminal.press("enter")
            assert one.app.next_call() == ["use", "ollama", "test-model"]

    await asyncio.to_thread(asked)


async def test_a_name_from_a_server_is_written_as_it_is_and_is_no_markup(server: MessagesServer) -> None:
    server.key, server.models = "", ["[bold]m"]

    def asked() -> None:
        with person(inline=True, providers={"ollama": {"base_url": server.url}}) as one:
            one.asks_for_setup()
            one.sees("runs here with 1 model")
            one.finds("ollama", "▸ ollama")
            one.sees("ollama/[bold]m answers from now on")
            assert one.app.next_call() == ["use", "ollama", "[bold]m"]

    await asyncio.to_thread(asked)


async def test_what_cannot_be_kept_is_said_and_asked_again(server: MessagesServer) -> None:
    def asked() -> None:
        with person(server, inline=True) as one:
            (one.app.home / "config.toml").write_text(f'base_url = "{server.url}"\n')
            one.asks_for_setup()
            one.finds("demo", "A script that shows every key, and no language model")
            one.sees("sets base_url; change provider and model there by hand.")
            one.sees(ASKS)
            one.terminal.press("escape")
            one.sees("Enter send")
            assert one.saved() == {"base_url": server.url}

    await asyncio.to_thread(asked)


@pytest.mark.parametrize("size", [(20, 5), (40, 10), (120, 40)])
async def test_it_can_be_answered_at_any_size(server: MessagesServer, size: tuple[int, int]) -> None:
    def asked() -> None:
        with person(server, inline=True, size=size) as one:
            one.asks_for_setup()
            one.finds("work", "▸ work")
            one.sees("Key for work")
            one.terminal.paste("no key")
            one.sees("•" * 6)
            one.terminal.press("enter")
            one.sees("✗ that is no key: a")
            one.terminal.press("ctrl+u")
            one.terminal.paste(KEY)
            one.sees("•" * 9)
            one.terminal.press("enter")
            assert one.app.next_call() == ["use", "work", "test-model"]

    await asyncio.to_thread(asked)


async def test_a_long_key_is_pasted_whole_and_its_line_end_does_not_send_it(server: MessagesServer) -> None:
    server.key = LONG

    def asked() -> None:
        with person(server, inline=True) as one:
            one.asks_for_setup()
            one.finds("work", "▸ work")
            one.sees("It wants a key.")
            one.terminal.write(f"{LONG}\r".encode())  # where pastes are not marked
            one.sees("Enter takes what is pasted")
            assert LONG not in server.keys_tried
            one.terminal.press("ctrl+u")
            one.terminal.wait_gone("•")
            one.terminal.paste(f"{LONG}\n")
            one.terminal.wait_gone("the key\n")
            one.terminal.press("enter")
            one.sees("the key is kept")
            assert one.keys() == [f"{LONG}\n"]

    await asyncio.to_thread(asked)


async def test_a_key_that_is_cleared_is_not_copied_and_no_draft(server: MessagesServer) -> None:
    def asked() -> None:
        with person(server, inline=True) as one:
            one.asks_for_setup()
            one.finds("work", "▸ work")
            one.sees("It wants a key.")
            one.pastes(KEY)
            one.terminal.press("shift+home", "ctrl+c")
            one.sees("Cleared")
            one.terminal.press("escape")
            one.sees(ASKS)
            one.terminal.press("escape")
            one.sees("Enter send")
            one.terminal.press("up")
            one.sees("› /setup")
            one.terminal.press("ctrl+c")
            one.sees("Say what to do")
            one.terminal.press("ctrl+d")
            one.terminal.wait_exit()
            assert b"\x1b]52" not in one.terminal.output
            written = [file.read_bytes() for file in one.app.home.rglob("*") if file.is_file()]
            assert not any(KEY.encode() in data for data in written)

    await asyncio.to_thread(asked)


async def test_nothing_leads_from_a_question_to_another_list_and_leaves_it_unanswered(
    server: MessagesServer,
) -> None:
    def asked() -> None:
        with person(server, inline=True) as one:
            one.asks_for_setup()
            for _mode in ("edits", "full", "plan", "ask"):
                one.terminal.press("shift+tab")
            one.terminal.press("down")
            one.sees("▸ anthropic")
            assert "Run everything" not in one.terminal.screen_text()
            assert one.saved() == {}

    await asyncio.to_thread(asked)
