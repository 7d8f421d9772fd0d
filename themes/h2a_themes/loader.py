"""From a TOML file to a `Theme`, or an error that says which key of which file to change, and to what."""

from __future__ import annotations

import difflib
import re
import tomllib
from collections.abc import Iterable, Mapping
from functools import lru_cache
from importlib import resources
from pathlib import Path
from typing import Any, Final

from h2a_themes.tokens import TOKENS, Theme

__all__ = ["ThemeError", "load", "names"]

_COLOUR: Final = re.compile(r"#[0-9a-fA-F]{6}")
_LIMIT: Final = 100_000  # bytes; a theme is a few kilobytes


class ThemeError(Exception):
    """A theme cannot be used. `file` is where, `key` what to change ("" when it is the file itself)."""

    def __init__(self, file: str, key: str, problem: str) -> None:
        self.file = file
        self.key = key
        super().__init__(f"{file}: {key}: {problem}" if key else f"{file}: {problem}")


def names() -> tuple[str, ...]:
    """The built-in themes, in alphabetical order."""
    files = resources.files("h2a_themes").iterdir()
    return tuple(sorted(Path(file.name).stem for file in files if file.name.endswith(".toml")))


def load(name_or_path: str) -> Theme:
    """The built-in theme of that name, or the one in the file at that path (`~` is expanded).

    Raises:
        ThemeError: there is no such theme, or its file is not one; the message names file, key and what is
            allowed.
    """
    if name_or_path in names():
        return _built_in(name_or_path)
    path = Path(name_or_path).expanduser()
    if path.suffix != ".toml":
        raise ThemeError(
            name_or_path,
            "",
            f"no such theme; built in are {_listed(names())}, or give a path to a .toml file",
        )
    try:
        with path.open("rb") as file:
            content = file.read(_LIMIT + 1)
    except OSError as error:
        raise ThemeError(str(path), "", f"cannot be read: {error.strerror or error}") from error
    if len(content) > _LIMIT:
        raise ThemeError(str(path), "", f"is larger than {_LIMIT:,} bytes")
    return _parse(content, str(path), path.stem)


@lru_cache(maxsize=8)
def _built_in(name: str) -> Theme:
    file = resources.files("h2a_themes") / f"{name}.toml"
    return _parse(file.read_bytes(), f"{name}.toml", name)


def _parse(content: bytes, file: str, stem: str) -> Theme:
    try:
        table = tomllib.loads(content.decode())
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ThemeError(file, "", f"is not TOML: {error}") from error
    _refuse_unknown(table, ("name", "dark", "vars", "colors"), file, "")
    dark = table.get("dark")
    if not isinstance(dark, bool):
        raise ThemeError(file, "dark", "must be true or false")
    name = table.get("name", stem)
    if not isinstance(name, str) or not name.isprintable() or not name:
        raise ThemeError(file, "name", "must be a text of printable characters")
    variables = _table(table, "vars", file)
    for key, value in variables.items():
        if not _is_colour(value):
            raise ThemeError(file, f"vars.{key}", f"must be a colour such as #1f2430, not {value!r}")
    colours = _table(table, "colors", file)
    _refuse_unknown(colours, TOKENS, file, "colors.")
    tokens = {token: _colour(colours, token, variables, file) for token in TOKENS}
    return Theme(name=name, dark=dark, **tokens)


def _table(table: Mapping[str, Any], key: str, file: str) -> Mapping[str, Any]:
    value = table.get(key, {})
    if not isinstance(value, dict):
        raise ThemeError(file, key, f"must be a table, [{key}]")
    return value


def _refuse_unknown(table: Mapping[str, Any], allowed: Iterable[str], file: str, prefix: str) -> None:
    allowed = tuple(allowed)
    for key in table:
        if key not in allowed:
            close = difflib.get_close_matches(key, allowed, n=1)
            hint = f"did you mean {close[0]}? " if close else ""
            raise ThemeError(file, f"{prefix}{key}", f"unknown; {hint}Allowed are {_listed(allowed)}")


def _colour(colours: Mapping[str, Any], token: str, variables: Mapping[str, str], file: str) -> str:
    key = f"colors.{token}"
    if token not in colours:
        raise ThemeError(file, key, f"is missing ({TOKENS[token]})")
    value = colours[token]
    value = variables.get(value, value) if isinstance(value, str) else value
    if not _is_colour(value):
        known = f" or one of [vars]: {_listed(variables)}" if variables else ""
        raise ThemeError(file, key, f"must be a colour such as #1f2430{known}, not {value!r}")
    return str(value).lower()


def _is_colour(value: object) -> bool:
    return isinstance(value, str) and _COLOUR.fullmatch(value) is not None


def _listed(words: Iterable[str]) -> str:
    return ", ".join(words)
