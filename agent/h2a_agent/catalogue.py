"""Which providers there are: a dated table of presets, and on top of it what the user's file says of each.

A model is named `provider/model`, or by its bare name where the provider is clear. Many servers have slashes
in their own names (`openai/gpt-oss-20b`), so only a provider that is in here can stand before the first one.
"""

from __future__ import annotations

import difflib
import ipaddress
import re
from collections.abc import Container, Mapping
from dataclasses import dataclass, field, replace
from functools import cache
from importlib.resources import files
from types import MappingProxyType
from typing import Any, Final, Literal, TypeAlias
from urllib.parse import urlsplit

from h2a_agent.config_error import ConfigError
from h2a_agent.models import ModelInfo

__all__ = ["DEMO", "Auth", "Catalogue", "ProviderInfo", "is_loopback", "origin_of", "presets", "server_at"]

Auth: TypeAlias = Literal["bearer", "x-api-key"]


@dataclass(frozen=True, slots=True)
class ProviderInfo:
    """One server that speaks the Messages API, and what it understands of it (None: unknown).

    `key_env` is the variable its key is read from, "" for none; `local`: it is near and wants
    no key. `model` is its default model, "" where there is none. `models_url` is where it lists its models, ""
    where it does not. `owned_by` is what a local server calls itself in that list.
    """

    name: str
    base_url: str
    key_env: str = ""
    auth: Auth = "bearer"
    local: bool = False
    owned_by: str = ""
    models_url: str = ""
    model: str = ""
    models: Mapping[str, ModelInfo] = field(default_factory=lambda: MappingProxyType({}))
    thinking: bool | None = None
    cache_control: bool | None = None
    count_tokens: bool | None = None

    @property
    def origin(self) -> str:
        """The host and port a key of this provider is for; see `origin_of`."""
        return origin_of(self.base_url)

    def at(self, base_url: str) -> ProviderInfo:
        """The same provider at another address. What belonged to the old one stays behind: its key and its list."""
        if origin_of(base_url) == self.origin:
            return replace(self, base_url=base_url)
        return replace(
            self,
            base_url=base_url,
            key_env="",
            local=_is_private(base_url),
            owned_by="",
            models_url=f"{base_url}/v1/models",
        )


DEMO: Final = ProviderInfo("demo", "", local=True, model="demo", thinking=False)


def origin_of(url: str) -> str:
    """Scheme-less origin of `url`, such as `api.deepseek.com` or `127.0.0.1:8080`; http has it in front."""
    parts = urlsplit(url)
    where = parts.netloc.rpartition("@")[2].lower()
    return where if parts.scheme == "https" or is_loopback(url) else f"http:{where}"


def is_loopback(url: str) -> bool:
    """Is it this machine?"""
    host = urlsplit(url).hostname or ""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost" or host.endswith(".localhost")


def _is_private(url: str) -> bool:
    """Is it this machine or a private network, where a server may want no key?"""
    host = urlsplit(url).hostname or ""
    try:
        return ipaddress.ip_address(host).is_private
    except ValueError:
        return "." not in host or host.endswith((".localhost", ".local"))


@cache
def presets() -> Mapping[str, ProviderInfo]:
    """The providers of `data/providers.toml` by name, and the demo."""
    import tomllib

    text = files("h2a_agent").joinpath("data/providers.toml").read_text(encoding="utf-8")
    table = tomllib.loads(text)["providers"]
    return MappingProxyType({"demo": DEMO, **{name: _preset(name, entry) for name, entry in table.items()}})


def _preset(name: str, entry: Mapping[str, Any]) -> ProviderInfo:
    models = {model: ModelInfo.of(facts) for model, facts in entry.get("models", {}).items()}
    return ProviderInfo(name, **{**entry, "models": MappingProxyType(models)})


class Catalogue:
    """The providers by name: the presets, changed and added to by `tables` (the file's `[providers.NAME]`).

    A table that gives a preset another address takes it away from the preset's key, unless the table says
    itself which variable holds the key.
    """

    def __init__(self, tables: Mapping[str, Mapping[str, Any]] | None = None) -> None:
        self._tables = dict(tables or {})
        self._fixed: dict[str, ProviderInfo] = {}

    @property
    def names(self) -> tuple[str, ...]:
        """All names: the file's first, then those that came while the program runs, then the presets'."""
        return tuple(dict.fromkeys([*self._tables, *self._fixed, *presets()]))

    def __contains__(self, name: object) -> bool:
        return name in self._tables or name in self._fixed or name in presets()

    def get(self, name: str, place: str = "") -> ProviderInfo:
        """The provider called `name`; `place` is where it was named, for the error.

        Raises:
            ConfigError: there is none; the message offers names that are near.
        """
        if name in self._fixed:
            return self._fixed[name]
        if name in self._tables:
            return _from_table(name, self._tables[name], presets().get(name))
        if name in presets():
            return presets()[name]
        near = difflib.get_close_matches(name, self.names, n=1)
        hint = f"did you mean {near[0]!r}? " if near else ""
        where = f"{place}: " if place else ""
        raise ConfigError(
            f"{where}there is no provider {name[:60]!r}; {hint}there are: {', '.join(self.names)}; others "
            "go into config.toml as [providers.NAME]."
        )

    def fix(self, info: ProviderInfo) -> None:
        """Let `info` stand for its name from now on: somebody gave it another address, or it is new."""
        self._fixed[info.name] = info

    def split(self, reference: str, current: str = "") -> tuple[str, str]:
        """Provider and model of `reference`: `provider/model`, a bare provider (its default) or a model of `current`.

        The model is "" where only the provider was named.
        """
        name, slash, model = reference.partition("/")
        if name in self and (model if slash else name != current):
            return name, model
        return current, reference

    def mistyped(self, reference: str) -> str:
        """The provider that `reference` very likely means in front of its slash, "" when there is nothing to doubt."""
        name, slash, _model = reference.partition("/")
        if not slash or name in self:
            return ""
        return next(iter(difflib.get_close_matches(name, self.names, n=1, cutoff=0.8)), "")


def server_at(url: str, taken: Container[str] = ()) -> ProviderInfo:
    """A server nobody has named: it is called after its host and port, and by no name that is `taken`.

    Raises:
        ConfigError: that is no address.
    """
    url = url.rstrip("/").removesuffix("/v1/messages").removesuffix("/v1")
    try:
        parts = urlsplit(url)
        good = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        good = False
    if not good:
        raise ConfigError(
            f"an address begins with http:// or https://, as in http://localhost:8080; {url[:80]!r} is none"
        )
    base = re.sub("[^A-Za-z0-9._-]+", "-", parts.netloc.rpartition("@")[2].lower()).strip("-.")[:36]
    names = (base or "server", *(f"{base or 'server'}-{number}" for number in range(2, 100)))
    name = next(one for one in names if one not in taken)
    return ProviderInfo(name, url, local=_is_private(url), models_url=f"{url}/v1/models")


def _from_table(name: str, table: Mapping[str, Any], preset: ProviderInfo | None) -> ProviderInfo:
    """What the file says of `name`, on top of the preset of that name."""
    url = table.get("base_url", "").rstrip("/")
    if preset is None:
        info = ProviderInfo(name, url, local=_is_private(url), models_url=f"{url}/v1/models")
    else:
        info = preset.at(url) if url else preset
    models = {model: ModelInfo.of(facts) for model, facts in table.get("models", {}).items()}
    own = {key: table[key] for key in ("key_env", "auth", "model") if table.get(key)}
    return replace(info, **own, models=MappingProxyType({**info.models, **models}))
