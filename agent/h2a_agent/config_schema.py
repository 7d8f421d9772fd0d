"""What `config.toml` may say. Apart from `config.py`, so that pydantic is loaded only when there is a file."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from h2a_agent.run_settings import Delivery, Mode, OnAbort, RunningTools

__all__ = ["ConfigFile"]

_Word = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1)]


class PermissionsTable(BaseModel):
    """The user's rules (`permission/rules.py`), which are read there."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)

    allow: list[_Word] = []
    ask: list[_Word] = []
    deny: list[_Word] = []


class ConfigFile(BaseModel):
    """The file's keys. Each may be left out; a key that is not here is an error, because it is a typo."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)

    provider: Literal["anthropic", "demo"] | None = None
    model: _Word | None = None
    base_url: _Word | None = None
    mode: Mode | None = None
    max_tokens: Annotated[int, Field(ge=1)] | None = None
    thinking_tokens: Annotated[int, Field(ge=0)] | None = None
    steering_mode: Delivery | None = None
    follow_up_mode: Delivery | None = None
    on_abort: OnAbort | None = None
    running_tools: RunningTools | None = None
    theme: _Word | None = None
    enter: Literal["steer", "next-step"] | None = None
    alt_enter: Literal["follow-up", "newline"] | None = None
    mouse: bool | None = None
    keys: dict[str, list[_Word]] | None = None
    permissions: PermissionsTable | None = None
