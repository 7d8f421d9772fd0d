"""Another model while the agent works: from the next step on, with nothing of the old one's going astray.

A real agent on two real servers; `closed` notes when a provider is let go.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from h2a_agent.agent import Agent
from h2a_agent.assemble import connect
from h2a_agent.catalogue import Catalogue, ProviderInfo, presets
from h2a_agent.config_error import ConfigError
from h2a_agent.content import plain_text
from h2a_agent.events import AnyEvent, ModelChanged, TokenStream
from h2a_agent.history import AssistantEntry
from h2a_agent.keys import Key, Keys
from h2a_agent.model_choice import ModelChoice, ProviderView
from h2a_agent.models import model_info
from h2a_agent.providers.base import Provider
from h2a_agent.run_settings import RunSettings
from h2a_agent.session import Session
from h2a_agent.tools import default_tools
from support.messages_api import Answer, MessagesServer, gate, text, thinking, tool

PATIENCE_S = 40.0  # the first request imports the SDK, and the machine may be busy


class World:
    """One agent that may answer from `near` or `far`; `far` wants a key."""

    def __init__(self, near: MessagesServer, far: MessagesServer, tmp_path: Path) -> None:
        self.near, self.far = near, far
        self.config_file = tmp_path / "config.toml"
        self.closed: list[str] = []
        far_model = {"context_window": 4321}
        catalogue = Catalogue(
            {
                "near": {"base_url": near.url, "model": "near-model"},
                "far": {"base_url": far.url, "key_env": "FAR_KEY", "models": {"far-model": far_model}},
                "locked": {"base_url": "https://models.example", "key_env": "LOCKED_KEY"},
            }
        )
        folder = tmp_path / "project"
        folder.mkdir()
        self.session = Session.create(tmp_path / "sessions", folder)
        self.agent = Agent(
            self.connect(catalogue.get("near"), None, "near-model"),
            session=self.session,
            settings=RunSettings("near-model", mode="full"),
            tools=default_tools(),
            spill_dir=folder,
        )
        self.live = self.agent.subscribe()
        self.events: list[AnyEvent] = []
        self.choice = ModelChoice(
            self.agent,
            catalogue,
            Keys(tmp_path / "keys", {"FAR_KEY": "sk-far"}),
            self.config_file,
            self.connect,
        )

    def connect(self, info: ProviderInfo, key: Key | None, model: str) -> Provider:
        provider = connect(info, key, model)
        close = provider.aclose

        async def noted() -> None:
            await close()
            self.closed.append(info.name)

        provider.aclose = noted  # type: ignore[method-assign]
        return provider

    async def has_said(self, words: str) -> None:
        async with asyncio.timeout(PATIENCE_S):
            while words not in "".join(e.text for e in self.events if isinstance(e, TokenStream)):
                self.events += await self.live.batch()

    async def settle(self) -> None:
        async with asyncio.timeout(PATIENCE_S):
            await self.agent.settled()

    async def refused(self, reference: str, **options: Any) -> str:
        before = self.choice.current
        with pytest.raises(ConfigError) as caught:
            await self.choice.choose(reference, **options)
        assert self.choice.current == before
        return str(caught.value)


@pytest.fixture
async def far() -> AsyncIterator[MessagesServer]:
    async with MessagesServer() as running:
        yield running
    assert running.violations == []


@pytest.fixture
async def world(server: MessagesServer, far: MessagesServer, tmp_path: Path) -> AsyncIterator[World]:
    it = World(server, far, tmp_path)
    yield it
    await it.agent.aclose()


# ------------------------------------------------------------------------ changing


async def test_the_next_message_goes_to_the_chosen_model_with_its_own_key(world: World) -> None:
    assert await world.choice.choose("far/far-model") == "far/far-model answers from the next step on"
    world.far.script(Answer(text("from far")))
    world.agent.prompt("hello")
    await world.settle()
    assert world.near.requests == []
    (request,) = world.far.requests
    assert request.payload["model"] == "far-model"
    assert request.headers["authorization"] == "Bearer sk-far"
    assert world.agent.provider_name == "far"


async def test_a_change_in_mid_answer_holds_from_the_next_step_and_the_old_stream_ends_in_peace(
    world: World,
) -> None:
    world.near.script(Answer(text(["I look ", gate("mid"), "around."]), tool("bash", {"command": "true"})))
    world.far.script(Answer(text([gate("far"), "Seen."])))
    world.agent.prompt("look")
    await world.near.reached("mid")
    await world.has_said("I look ")
    await world.choice.choose("far/far-model")
    assert (world.closed, world.near.client_has_left(1)) == ([], False)
    world.near.open("mid")
    await world.far.reached("far")
    await until(lambda: world.closed == ["near"])
    world.far.open("far")
    await world.settle()
    assert (await world.near.request(1)).finished
    (request,) = world.far.requests
    assert "I look around." in str(request.messages), "the first half of the run is the second's context"


async def test_a_change_in_the_last_answer_closes_the_old_provider_when_the_run_is_over(world: World) -> None:
    world.near.script(Answer(text(["One ", gate("mid"), "two."])))
    world.agent.prompt("count")
    await world.near.reached("mid")
    await world.choice.choose("far/far-model")
    assert world.closed == []
    world.near.open("mid")
    await world.settle()
    await until(lambda: world.closed == ["near"])


async def test_a_steer_after_a_change_cuts_the_old_model_and_asks_the_new_one(world: World) -> None:
    world.near.script(Answer(text(["Long ", gate("mid"), "never seen"])))
    world.far.script(Answer(text("Short.")))
    world.agent.prompt("tell")
    await world.near.reached("mid")
    await world.has_said("Long ")
    await world.choice.choose("far/far-model")
    world.agent.steer("shorter")
    await world.settle()
    await world.near.disconnected(1)
    (request,) = world.far.requests
    assert "shorter" in str(request.messages[-1])


async def test_what_is_written_of_an_answer_under_way_names_who_gives_it(world: World) -> None:
    world.near.script(Answer(text(["One ", gate("mid"), "two ", gate("end")])))
    world.agent.prompt("count")
    await world.near.reached("mid")
    await world.choice.choose("far/far-model")
    world.near.open("mid")
    await world.near.reached("end")
    await world.has_said("two ")
    path = world.session.path
    assert path is not None
    await until(lambda: b"two " in path.read_bytes())
    copy = path.with_name("copy.jsonl")
    copy.write_bytes(path.read_bytes())  # what the disk holds if the program dies now
    again = Session.open(copy)
    (answer,) = [entry for entry in again.history.entries if isinstance(entry, AssistantEntry)]
    again.close()
    assert (plain_text(answer.content), answer.model) == ("One two ", "near-model")
    world.near.open("end")
    await world.settle()


async def test_while_nothing_runs_the_old_provider_is_closed_at_once(world: World) -> None:
    await world.choice.choose("far/far-model")
    await until(lambda: world.closed == ["near"])
    await world.choice.choose("near")
    assert world.choice.current == "near/near-model"
    await until(lambda: world.closed == ["near", "far"])


async def test_another_model_of_the_same_provider_keeps_the_connection(world: World) -> None:
    world.near.script(Answer(text("a")), Answer(text("b")))
    world.agent.prompt("one")
    await world.settle()
    await world.choice.choose("another-model")
    world.agent.prompt("two")
    await world.settle()
    assert [request.payload["model"] for request in world.near.requests] == ["near-model", "another-model"]
    assert (world.near.connections, world.closed) == (1, [])


async def test_thinking_of_the_old_model_does_not_go_to_the_new_one(world: World) -> None:
    world.near.script(Answer(thinking("hm"), text("First.")))
    world.far.script(Answer(text("Second.")))
    world.agent.prompt("one")
    await world.settle()
    await world.choice.choose("far/far-model")
    world.agent.prompt("two")
    await world.settle()
    (request,) = world.far.requests
    assert "First." in str(request.messages)
    assert "thinking" not in str(request.messages)


async def test_every_front_end_hears_of_a_change_and_what_it_holds(world: World) -> None:
    await world.choice.choose("far/far-model")
    world.choice.set_thinking("high")
    world.choice.set_thinking("high")
    heard = [event for event in await world.live.batch() if isinstance(event, ModelChanged)]
    assert [(e.provider, e.model, e.thinking) for e in heard] == [
        ("far", "far-model", "medium"),
        ("far", "far-model", "high"),
    ]
    assert world.agent.state.chosen == heard[-1]


async def test_the_users_facts_of_a_model_count_once_it_is_chosen(world: World) -> None:
    await world.choice.choose("far/far-model")
    assert model_info("far-model").context_window == 4321


# ------------------------------------------------------------------------ refusing


async def test_what_cannot_be_chosen_changes_nothing_and_says_what_to_do(world: World) -> None:
    assert await world.refused("far") == ("far has no default model: name one, as far/NAME.")
    assert await world.refused("locked/x") == (
        "There is no key for locked: h2a-chat key set locked, or set LOCKED_KEY and start again."
    )
    assert await world.refused("deepsek/x") == "There is no provider 'deepsek'; did you mean 'deepseek'?"
    assert world.closed == []


async def test_a_model_its_server_does_not_list_is_taken_with_a_word_of_doubt(world: World) -> None:
    await world.choice.refresh()
    assert await world.choice.choose("far/test-modle") == (
        "far/test-modle answers from the next step on · it lists no such model: test-model"
    )
    assert await world.choice.choose("far/test-model") == "far/test-model answers from the next step on"


async def test_names_near_a_model_that_does_not_exist_come_from_its_own_server(world: World) -> None:
    await world.choice.choose("far/test-mod")
    assert await world.choice.near() == ("test-model",)


async def test_a_listed_name_with_a_providers_name_in_front_is_the_present_ones(world: World) -> None:
    world.choice._lists["near"] = ("qwen/qwen3",)
    await world.choice.choose("qwen/qwen3")
    assert world.choice.current == "near/qwen/qwen3"


@pytest.mark.parametrize("level", ["off", "low", "medium", "high", "max"])
async def test_every_level_can_be_chosen_and_no_other(world: World, level: str) -> None:
    assert world.choice.set_thinking(level) == f"Thinking {level} from the next step on"
    assert world.choice.thinking == level
    with pytest.raises(ConfigError, match="There is no level 'deep'; there are: off, low, medium, high, max"):
        world.choice.set_thinking("deep")
    assert world.choice.thinking == level


# ------------------------------------------------------------------------ the list


async def test_the_list_has_what_servers_say_the_current_first_and_troubles_in_words(world: World) -> None:
    await world.choice.refresh()
    views = await world.choice.overview()
    by_name = {view.name: view for view in views}
    assert views[0].name == "near"
    assert by_name["near"].models == by_name["far"].models == ("test-model",)
    assert by_name["locked"] == ProviderView(
        "locked", (), "no key: h2a-chat key set locked", usable=False, keyless=True
    )
    assert by_name["kimi"].models == ("kimi-k3",)
    assert [view.usable for view in views] == sorted((view.usable for view in views), reverse=True)
    assert {view.name for view in views} == {"near", "far", "locked", *presets()}


# ---------------------------------------------------------------------- remembering


async def test_a_choice_is_remembered_only_when_asked(world: World) -> None:
    world.config_file.write_text('# mine\nmode = "edits"\n', "utf-8")
    await world.choice.choose("far/far-model")
    assert world.config_file.read_text("utf-8") == '# mine\nmode = "edits"\n'
    await world.choice.choose("far/far-model", save=True)
    assert world.config_file.read_text("utf-8") == (
        '# mine\nmode = "edits"\nprovider = "far"\nmodel = "far-model"\n'
    )


async def test_a_file_with_an_address_of_its_own_is_not_changed_behind_its_back(world: World) -> None:
    world.config_file.write_text('base_url = "http://localhost:1"\n', "utf-8")
    assert "sets base_url" in await world.refused("far/far-model", save=True)
    assert world.closed == []


async def until(condition: Any) -> None:
    async with asyncio.timeout(PATIENCE_S):
        while not condition():
            await asyncio.sleep(0.001)
