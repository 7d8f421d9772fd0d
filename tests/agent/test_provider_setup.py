"""Who could answer: what a key is worth, against real servers, and what is kept."""

from __future__ import annotations

import tomllib
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest

from h2a_agent.catalogue import Catalogue, ProviderInfo, presets, server_at
from h2a_agent.config import load
from h2a_agent.config_error import ConfigError
from h2a_agent.keys import Keys
from h2a_agent.paths import Paths
from h2a_agent.provider_setup import ProviderSetup, Verdict
from support.messages_api import MessagesServer

KEY = "sk-right-0123456789"


@pytest.fixture
async def server() -> AsyncIterator[MessagesServer]:
    async with MessagesServer() as running:
        running.key = KEY
        yield running


@pytest.fixture
def setup(tmp_path: Path) -> ProviderSetup:
    return ProviderSetup(Catalogue(), Keys(tmp_path / "keys", {}), tmp_path / "config.toml")


def at(url: str) -> ProviderInfo:
    return server_at(url)


async def test_a_key_is_accepted_or_refused_by_its_server(
    setup: ProviderSetup, server: MessagesServer
) -> None:
    accepted = await setup.try_key(at(server.url), KEY)
    assert (accepted.verdict, accepted.models) == (Verdict.ACCEPTED, ("test-model",))
    refused = await setup.try_key(at(server.url), "sk-wrong")
    assert refused.verdict is Verdict.REFUSED
    assert "refuses this key" in refused.says
    assert server.requests == [], "no answer was paid for"


async def test_a_server_that_shows_its_list_to_anybody_proves_nothing_about_a_key(
    setup: ProviderSetup, server: MessagesServer
) -> None:
    server.key = ""
    trial = await setup.try_key(at(server.url), KEY)
    assert (trial.verdict, trial.models) == (Verdict.UNPROVEN, ("test-model",))
    assert (await setup.try_key(at(server.url), "")).verdict is Verdict.ACCEPTED, "it wants none"


async def test_a_server_that_is_not_there_and_one_without_a_list(
    setup: ProviderSetup, server: MessagesServer
) -> None:
    assert (await setup.try_key(at("http://127.0.0.1:1"), KEY)).verdict is Verdict.UNREACHABLE
    silent = replace(at(server.url), models_url="")
    assert (await setup.try_key(silent, KEY)).verdict is Verdict.UNPROVEN


async def test_what_cannot_be_a_key_is_sent_nowhere(setup: ProviderSetup, server: MessagesServer) -> None:
    for wrong in ("two words", "sch\u00f6n", "a\x1bb"):
        with pytest.raises(ConfigError, match="that is no key"):
            await setup.try_key(at(server.url), wrong)
    assert server.connections == 0


async def test_a_kept_server_and_its_key_are_there_at_the_next_start(
    setup: ProviderSetup, server: MessagesServer, tmp_path: Path
) -> None:
    info = setup.server(f"{server.url}/v1/messages/")
    await setup.keep_key(info, KEY)
    await setup.keep_server(info)
    table = tomllib.loads((tmp_path / "config.toml").read_text())
    assert table == {"providers": {info.name: {"base_url": server.url}}}
    paths = Paths(tmp_path, tmp_path / "s", tmp_path / "l", tmp_path / "p")
    settings = load(paths, {"model": f"{info.name}/test-model"}, {})
    assert (settings.provider.base_url, settings.api_key) == (server.url, KEY)


def test_a_server_is_called_after_its_address_and_never_as_another(setup: ProviderSetup) -> None:
    assert server_at("http://localhost:8080/").name == "localhost-8080"
    assert server_at("https://user:secret@ai.example.com/v1").name == "ai.example.com"
    assert server_at("http://ollama", taken=("ollama",)).name == "ollama-2"
    assert setup.server(presets()["deepseek"].base_url) == presets()["deepseek"], "it is known already"
    for wrong in ("", "localhost:8080", "ftp://x", "http://", "http://x:0", "http://[::1"):
        with pytest.raises(ConfigError, match="an address begins with"):
            server_at(wrong)


async def test_those_that_want_a_key_are_offered_and_those_of_ones_own_file(tmp_path: Path) -> None:
    catalogue = Catalogue({"mine": {"base_url": "http://127.0.0.1:1"}})
    setup = ProviderSetup(
        catalogue, Keys(tmp_path, {"DEEPSEEK_API_KEY": "sk-deep"}), tmp_path / "config.toml"
    )
    names = [info.name for info in setup.keyed()]
    assert names[:2] == ["mine", "anthropic"]
    assert not {"demo", "ollama", "vllm"} & set(names)
    assert await setup.sources() == {"deepseek": "DEEPSEEK_API_KEY"}
