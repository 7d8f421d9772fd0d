"""What `config.toml` may say. Apart from `config.py`, so that pydantic is loaded only when there is a file."""

from __future__ import annotations

import re
from typing import Annotated, Any, Final, Literal
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


def _says(meaning: str) -> Any:
    """What a setting is about, in a few words for whoever changes it."""
    return Field(description=meaning)


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

    provider: Annotated[_Word | None, _says("where answers come from")] = None
    model: Annotated[_Word | None, _says("the model that answers")] = None
    base_url: _Word | None = None
    mode: Annotated[Mode | None, _says("what runs without asking")] = None
    max_tokens: Annotated[Annotated[int, Field(ge=1)] | None, _says("the most tokens an answer may have")] = (
        None
    )
    thinking: Annotated[ThinkingLevel | None, _says("how hard the model thinks before it answers")] = None
    steering_mode: Annotated[Delivery | None, _says("steers that wait go together, or one a step")] = None
    follow_up_mode: Annotated[Delivery | None, _says("follow-ups go together, or one a run")] = None
    on_abort: Annotated[OnAbort | None, _says("what becomes of waiting messages when you stop it")] = None
    running_tools: Annotated[RunningTools | None, _says("what a steer does to a running command")] = None
    auto_compact: Annotated[bool | None, _says("summarise before the model's window is full")] = None
    reserve_tokens: Annotated[
        Annotated[int, Field(ge=0)] | None, _says("tokens of the window kept free for an answer")
    ] = None
    keep_tokens: Annotated[
        Annotated[int, Field(ge=0)] | None, _says("the newest tokens that are never summarised")
    ] = None
    theme: Annotated[_Word | None, _says("the colours")] = None
    screen: Annotated[Literal["app", "inline"] | None, _says("a screen of its own, or the scrollback")] = None
    enter: Annotated[Literal["steer", "next-step"] | None, _says("what Enter does while the agent works")] = (
        None
    )
    alt_enter: Annotated[Literal["follow-up", "newline"] | None, _says("what Alt+Enter does")] = None
    editing: Annotated[Literal["emacs", "vim"] | None, _says("whose keys the editors understand")] = None
    mouse: Annotated[bool | None, _says("off leaves selection and the wheel to the terminal")] = None
    title: Annotated[bool | None, _says("the terminal's title says what goes on")] = None
    progress: Annotated[bool | None, _says("the terminal shows progress where it can")] = None
    notifications: Annotated[bool | None, _says("tell the desktop while you look elsewhere")] = None
    bell: Annotated[bool | None, _says("ring while you look elsewhere")] = None
    diffs: Annotated[
        Literal["side-by-side", "unified"] | None, _says("how changes are drawn on wide screens")
    ] = None
    paste_burst: Annotated[bool | None, _says("text that comes faster than anybody types is a paste")] = None
    direct: Annotated[bool | None, _says("what changes goes straight to the terminal")] = None
    images: Annotated[
        bool | None, _says("small pictures in the conversation, where there are the colours")
    ] = None
    reduced_motion: Annotated[bool | None, _says("nothing moves by itself")] = None
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
