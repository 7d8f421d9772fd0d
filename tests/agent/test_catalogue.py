"""The table of servers: complete, dated, and never a key's way to somebody else."""

from __future__ import annotations

import tomllib
from datetime import date
from importlib.resources import files
from urllib.parse import urlsplit

import pytest

from h2a_agent.catalogue import DEMO, Catalogue, ProviderInfo, origin_of, presets
from h2a_agent.config_error import ConfigError

TABLE = tomllib.loads(files("h2a_agent").joinpath("data/providers.toml").read_text(encoding="utf-8"))
SERVERS = [info for info in presets().values() if info is not DEMO]


def test_table_says_when_and_from_where() -> None:
    assert isinstance(TABLE["as_of"], date)
    assert TABLE["source"].endswith(".")


@pytest.mark.parametrize("info", SERVERS, ids=lambda info: info.name)
def test_each_server_is_near_or_takes_its_key_encrypted(info: ProviderInfo) -> None:
    parts = urlsplit(info.base_url)
    assert parts.hostname
    assert not info.base_url.endswith("/")
    if info.local:
        assert parts.hostname == "127.0.0.1"
    else:
        assert parts.scheme == "https"
        assert info.key_env.endswith("_API_KEY")
    assert not info.models_url or origin_of(info.models_url) == info.origin


def test_no_two_servers_share_a_key_or_a_place() -> None:
    assert len({info.origin for info in SERVERS}) == len(SERVERS)
    named = [info.key_env for info in SERVERS if info.key_env]
    assert len(set(named)) == len(named)


@pytest.mark.parametrize(
    ("url", "origin"),
    [
        ("https://API.deepseek.com/anthropic", "api.deepseek.com"),
        ("https://user:word@host.example:8443/x", "host.example:8443"),
        ("http://127.0.0.1:8080", "127.0.0.1:8080"),
        ("http://api.deepseek.com", "http:api.deepseek.com"),
    ],
)
def test_an_origin_is_host_and_port_and_tells_unencrypted_from_encrypted(url: str, origin: str) -> None:
    assert origin_of(url) == origin


@pytest.mark.parametrize(
    ("reference", "current", "expected"),
    [
        ("deepseek/x", "", ("deepseek", "x")),
        ("deepseek", "anthropic", ("deepseek", "")),
        ("deepseek/", "anthropic", ("anthropic", "deepseek/")),
        ("claude-x", "anthropic", ("anthropic", "claude-x")),
        ("openai/gpt", "lmstudio", ("lmstudio", "openai/gpt")),
        ("lmstudio/openai/gpt", "ollama", ("lmstudio", "openai/gpt")),
        # A model may be called as its provider is.
        ("kimi", "kimi", ("kimi", "kimi")),
    ],
)
def test_a_reference_is_split_at_a_known_provider(
    reference: str, current: str, expected: tuple[str, str]
) -> None:
    assert Catalogue().split(reference, current) == expected


def test_the_users_table_adds_and_changes() -> None:
    catalogue = Catalogue(
        {"mine": {"base_url": "http://10.0.0.2:9/"}, "kimi": {"model": "kimi-k2.5", "models": {"a": {}}}}
    )
    assert catalogue.get("mine").local
    assert catalogue.get("mine").models_url == "http://10.0.0.2:9/v1/models"
    kimi = catalogue.get("kimi")
    assert (kimi.model, kimi.base_url, kimi.key_env) == (
        "kimi-k2.5",
        presets()["kimi"].base_url,
        "MOONSHOT_API_KEY",
    )
    assert set(kimi.models) == {"a", "kimi-k3"}
    assert catalogue.names[:2] == ("mine", "kimi")


def test_an_unknown_name_is_refused_with_the_near_and_all_names() -> None:
    with pytest.raises(
        ConfigError, match=r"did you mean 'openrouter'\?.*demo, anthropic.*\[providers\.NAME\]"
    ):
        Catalogue().get("open-router")


def test_a_slip_in_front_of_the_slash_is_seen_but_a_vendors_name_is_not_one() -> None:
    catalogue = Catalogue()
    assert catalogue.mistyped("depseek/x") == "deepseek"
    for fine in ("openai/gpt-oss", "meta-llama/x", "deepseek/x", "depseek"):
        assert catalogue.mistyped(fine) == ""
