"""What `config.toml` may say. Apart from `config.py`, so that pydantic is loaded only when there is a file."""

from __future__ import annotations

import re
from typing import Annotated, Final, Literal
from urllib.parse import urlsplit

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StringConstraints, model_validator

from h2a_agent.catalogue import DEMO, presets
from h2a_agent.run_settings import Delivery, Mode, OnAbort, RunningTools, ThinkingLevel

__all__ = ["ConfigFile"]

_Word = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1)]
_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,39}")
_VARIABLE: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


def _provider_name(name: str) -> str:
    if not _NAME.fullmatch(name):
        raise ValueError(f"{name[:40]!r} cannot name a provider: use letters, digits, '.', '_' and '-'")
    if name == DEMO.name:
        raise ValueError("the demo is a script and has no address; choose another name")
    return name


def _variable(name: str) -> str:
    if not _VARIABLE.fullmatch(name):  # it may be the key itself, so it is not repeated
        raise ValueError("must be the name of an environment variable, such as EXAMPLE_API_KEY")
    return name


def _url(url: str) -> str:
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.port == 0:
        raise ValueError(f"must be an http or https address such as http://localhost:11434, not {url!r}")
    return url.rstrip("/")


_Tokens = Annotated[int, Field(ge=1)]
_Usd = Annotated[float, Field(ge=0, strict=False)]


class PriceTable(BaseModel):
    """US dollars per million tokens; what is cached costs as much as the rest unless it is said."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)

    input: _Usd
    output: _Usd
    cache_write: _Usd | None = None
    cache_read: _Usd | None = None


class ModelTable(BaseModel):
    """What is known of one model, `[providers.NAME.models."MODEL"]`."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)

    context_window: _Tokens | None = None
    max_output: _Tokens | None = None
    price: PriceTable | None = None


class ProviderTable(BaseModel):
    """One server, `[providers.NAME]`: a new one, or what is different from the preset of that name."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)

    base_url: Annotated[_Word, AfterValidator(_url)] | None = None
    key_env: Annotated[str, AfterValidator(_variable)] | None = None
    auth: Literal["bearer", "x-api-key"] | None = None
    model: _Word | None = None
    models: dict[str, ModelTable] | None = None


class SandboxTable(BaseModel):
    """The table `[sandbox]`."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)

    level: Literal["auto", "off"] | None = None
    network: bool | None = None
    writable: list[_Word] | None = None


class PermissionsTable(BaseModel):
    """The user's rules (`permission/rules.py`), which are read there."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)

    allow: list[_Word] = []
    ask: list[_Word] = []
    deny: list[_Word] = []


class ConfigFile(BaseModel):
    """The file's keys. Each may be left out; a key that is not here is an error, because it is a typo."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)

    provider: _Word | None = None
    model: _Word | None = None
    base_url: _Word | None = None
    mode: Mode | None = None
    max_tokens: Annotated[int, Field(ge=1)] | None = None
    thinking: ThinkingLevel | None = None
    steering_mode: Delivery | None = None
    follow_up_mode: Delivery | None = None
    on_abort: OnAbort | None = None
    running_tools: RunningTools | None = None
    auto_compact: bool | None = None
    reserve_tokens: Annotated[int, Field(ge=0)] | None = None
    keep_tokens: Annotated[int, Field(ge=0)] | None = None
    theme: _Word | None = None
    enter: Literal["steer", "next-step"] | None = None
    alt_enter: Literal["follow-up", "newline"] | None = None
    editing: Literal["emacs", "vim"] | None = None
    mouse: bool | None = None
    title: bool | None = None
    progress: bool | None = None
    notifications: bool | None = None
    bell: bool | None = None
    diffs: Literal["side-by-side", "unified"] | None = None
    paste_burst: bool | None = None
    images: bool | None = None
    reduced_motion: bool | None = None
    keys: dict[str, list[_Word]] | None = None
    sandbox: SandboxTable | None = None
    permissions: PermissionsTable | None = None
    providers: dict[Annotated[str, AfterValidator(_provider_name)], ProviderTable] | None = None

    @model_validator(mode="after")
    def _new_providers_have_an_address(self) -> ConfigFile:
        for name, table in (self.providers or {}).items():
            if table.base_url is None and name not in presets():
                raise ValueError(f"providers.{name}.base_url is missing: {name!r} is no preset")
        return self
