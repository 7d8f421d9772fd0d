"""What the user has set, from where it counts most: flag, then environment, then `config.toml`, then default.

The one configuration file is the user's own. A repository's files are never read as configuration: whoever
wrote them could point the program at a server of theirs. Keys come from the environment alone, so that no
file of ours ever holds one, and each goes where it belongs: `ANTHROPIC_API_KEY` to Anthropic or to the server
of `ANTHROPIC_BASE_URL`, `H2A_API_KEY` to whichever server was chosen.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Literal, TypeAlias
from urllib.parse import urlsplit

from h2a_agent.paths import Paths
from h2a_agent.run_settings import RunSettings
from h2a_agent.safe_text import one_line

if TYPE_CHECKING:
    from pydantic_core import ErrorDetails

    from h2a_agent.permission.rules import Rules

__all__ = ["DEFAULT_MODEL", "ConfigError", "ProviderName", "Settings", "load"]

ProviderName: TypeAlias = Literal["anthropic", "demo"]

DEFAULT_MODEL: Final = "claude-sonnet-5-5"

_URL_VARIABLE: Final = "ANTHROPIC_BASE_URL"
_FROM_ENVIRONMENT: Final[Mapping[str, str]] = {"model": "H2A_MODEL", "base_url": _URL_VARIABLE}
_RUN_KEYS: Final = (
    "max_tokens",
    "thinking_tokens",
    "steering_mode",
    "follow_up_mode",
    "on_abort",
    "running_tools",
    "mode",
)


class ConfigError(Exception):
    """A setting cannot be used; the message is one line that names the place, the key and what is allowed."""


@dataclass(frozen=True, slots=True)
class Settings:
    """Everything that was set, checked.

    `base_url` is "" for the provider's own address, `api_key` is "" where none is meant for that address.
    `fell_back` is true when nobody chose the demo: there is just neither a key nor an address. `theme` is ""
    for the default. `keys` replaces keys of the keymap's actions, by the action's name.
    `rules` are the user's permission rules, None where the file has none.
    """

    provider: ProviderName
    run: RunSettings
    base_url: str = ""
    api_key: str = field(default="", repr=False)
    fell_back: bool = False
    theme: str = ""
    enter: Literal["steer", "next-step"] = "steer"
    alt_enter: Literal["follow-up", "newline"] = "follow-up"
    mouse: bool = True
    keys: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    rules: Rules | None = None


def load(paths: Paths, flags: Mapping[str, Any], environ: Mapping[str, str]) -> Settings:
    """The settings under these flags (None: not given), this environment and the user's file.

    Raises:
        ConfigError: a value is not allowed, the file cannot be read, or the chosen provider lacks its key.
    """
    given = {key: (value, "the command line") for key, value in flags.items() if value is not None}
    for key, name in _FROM_ENVIRONMENT.items():
        if value := environ.get(name, "").strip():
            given.setdefault(key, (value, name))
    for key, value in _read_file(paths.config_file).items():
        given.setdefault(key, (value, str(paths.config_file)))

    values = {key: value for key, (value, _) in given.items()}
    if "base_url" in given:
        values["base_url"] = _checked_url(*given["base_url"])
    api_key = environ.get("H2A_API_KEY", "").strip()
    if not api_key and given.get("base_url", ("", _URL_VARIABLE))[1] == _URL_VARIABLE:
        api_key = environ.get("ANTHROPIC_API_KEY", "").strip()
    reachable = bool(api_key or values.get("base_url"))
    provider: ProviderName = values.pop("provider", None) or ("anthropic" if reachable else "demo")
    if provider == "anthropic" and not reachable:
        raise ConfigError(
            "There is no API key for provider 'anthropic': set ANTHROPIC_API_KEY, name a local server with "
            "--base-url, or try --demo."
        )
    model = "demo" if provider == "demo" else values.get("model", DEFAULT_MODEL)
    values.pop("model", None)
    run = RunSettings(model, **{key: values.pop(key) for key in _RUN_KEYS if key in values})
    return Settings(
        provider,
        run,
        api_key=api_key,
        fell_back=provider == "demo" and "provider" not in given,
        **values,
    )


# ----------------------------------------------------------------- the file


def _read_file(path: Path) -> dict[str, Any]:
    """What the file sets; nothing when there is none."""
    try:
        text = path.read_text("utf-8")
    except FileNotFoundError:
        return {}
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8 text"
        raise ConfigError(f"{path}: cannot be read: {reason}.") from error

    import tomllib

    try:
        table = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(f"{path}: not valid TOML: {error}.") from error

    from pydantic import ValidationError

    from h2a_agent.config_schema import ConfigFile

    try:
        checked = ConfigFile.model_validate(table)
    except ValidationError as error:
        problem = error.errors(include_url=False)[0]
        raise ConfigError(f"{path}: {_explain(problem, tuple(ConfigFile.model_fields))}.") from error
    values = checked.model_dump(exclude_none=True)
    if "keys" in values:
        values["keys"] = {action: tuple(keys) for action, keys in values["keys"].items()}
    if "permissions" in values:
        from h2a_agent.permission.rules import RuleError, Rules

        try:
            values["rules"] = Rules.parse(values.pop("permissions"))
        except RuleError as error:
            raise ConfigError(f"{path}: {error}.") from error
    return values


def _explain(problem: ErrorDetails, known: tuple[str, ...]) -> str:
    key = ".".join(map(str, problem["loc"]))
    if problem["type"] == "extra_forbidden":
        near = difflib.get_close_matches(key, known, n=1)
        hint = f"did you mean {near[0]!r}? " if near else ""
        return f"unknown key {key!r}; {hint}known are: {', '.join(known)}"
    wanted = re.sub("^(?:Input|String) should", "must", problem["msg"]).replace("valid dictionary", "table")
    return f"{key} {wanted}, not {one_line(repr(problem['input']), 60)}"


def _checked_url(url: str, source: str) -> str:
    try:
        parts = urlsplit(url)
        good = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        good = False
    if not good:
        raise ConfigError(
            f"{source}: base_url must be an http or https address such as http://localhost:11434, not {url!r}."
        )
    return url.rstrip("/")
