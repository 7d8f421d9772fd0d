"""Reads `config.toml`, and says in one line what is wrong with it."""

from __future__ import annotations

import difflib
import os
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import NoneType, UnionType
from typing import TYPE_CHECKING, Any, Final, get_args, get_origin

from h2a_agent.config_error import ConfigError
from h2a_agent.safe_text import one_line
from h2a_agent.sandbox.settings import SandboxSettings

if TYPE_CHECKING:
    from pydantic_core import ErrorDetails

__all__ = ["check_text", "check_value", "read_file", "replace_file"]

_SECRET_KEYS: Final = ("api_key", "key", "token", "auth_token", "secret")


def read_file(path: Path) -> dict[str, Any]:
    """What the file sets; nothing when there is none.

    Raises:
        ConfigError: it cannot be read, or says what it may not.
    """
    try:
        text = path.read_text("utf-8")
    except FileNotFoundError:
        return {}
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8 text"
        raise ConfigError(f"{path}: cannot be read: {reason}.") from error
    return _checked(path, _parsed(path, text))


def check_text(path: Path, text: str) -> None:
    """Would the file at `path` be in order if it said `text`?

    Raises:
        ConfigError: no; the message says why.
    """
    _checked(path, _parsed(path, text))


def check_value(name: str, value: Any) -> None:
    """May the setting `name` have this value?

    Raises:
        ConfigError: no; the message says why, beginning with the name.
    """
    _checked(None, {name: value})


# ----------------------------------------------------------------------- reading


def _parsed(path: Path, text: str) -> dict[str, Any]:
    import tomllib

    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(f"{path}: not valid TOML: {error}.") from error


def _checked(path: Path | None, table: Mapping[str, Any]) -> dict[str, Any]:
    from pydantic import ValidationError

    from h2a_agent.config_schema import ConfigFile

    where = f"{path}: " if path is not None else ""
    try:
        checked = ConfigFile.model_validate(table)
    except ValidationError as error:
        problem = error.errors(include_url=False)[0]
        raise ConfigError(f"{where}{_explain(problem, ConfigFile)}.") from error
    values = checked.model_dump(exclude_none=True)
    if "keys" in values:
        values["keys"] = {action: tuple(keys) for action, keys in values["keys"].items()}
    if "sandbox" in values:
        values["sandbox"] = SandboxSettings(**values["sandbox"])
    if "permissions" in values:
        from h2a_agent.permission.rules import RuleError, Rules

        try:
            values["rules"] = Rules.parse(values.pop("permissions"))
        except RuleError as error:
            raise ConfigError(f"{where}{error}.") from error
    return values


def _explain(problem: ErrorDetails, schema: Any) -> str:
    *above, last = problem["loc"] or ("",)
    key = ".".join(map(str, problem["loc"]))
    match problem["type"]:
        case "extra_forbidden" if above and last in _SECRET_KEYS:
            return f"{key}: no key stands in this file; keep it with: h2a-chat key set {above[-1]}"
        case "extra_forbidden":
            known = _known_at(schema, above)
            near = difflib.get_close_matches(str(last), known, n=1)
            hint = f"did you mean {near[0]!r}? " if near else ""
            return f"unknown key {key!r}; {hint}known are: {', '.join(known)}"
        case "missing":
            return f"{key} is missing"
        case "value_error":  # our own validators say all there is to say
            named = key if last not in ("", "[key]") else ""
            return f"{named} {problem['ctx']['error']}".strip()
        case _:
            wanted = re.sub("^(?:Input|String) should", "must", problem["msg"])
            wanted = re.sub(r"valid dictionary(?: or instance of \w+)?", "table", wanted)
            return f"{key} {wanted}, not {one_line(repr(problem['input']), 60)}"


def _known_at(schema: Any, path: Sequence[int | str]) -> tuple[str, ...]:
    """The keys that the table at `path` may have."""
    here = schema
    for key in path:
        here = here.model_fields[key].annotation if hasattr(here, "model_fields") else get_args(here)[1]
        if get_origin(here) is UnionType:
            here = next(part for part in get_args(here) if part is not NoneType)
    return tuple(here.model_fields)


# ----------------------------------------------------------------------- writing


def replace_file(path: Path, text: str) -> None:
    """Write the file whole or not at all; a link stays a link, the mode stays what it was."""
    target = path.resolve()
    target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    mode = target.stat().st_mode & 0o777 if target.exists() else 0o600
    new = target.with_name(f".{target.name}.{os.getpid()}")
    fd = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, mode)
    try:
        with os.fdopen(fd, "w", encoding="utf-8", newline="") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        new.replace(target)
    except BaseException:
        new.unlink(missing_ok=True)
        raise
