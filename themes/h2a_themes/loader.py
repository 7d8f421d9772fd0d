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

from h2a_themes.colours import ALLOWED, NAMES, Colour, parse
from h2a_themes.tokens import TOKENS, Theme

__all__ = ["ThemeError", "find", "load", "names"]

_LIMIT: Final = 100_000  # bytes; a theme is a few kilobytes
_VARIABLE: Final = re.compile("[a-z][a-z0-9_-]*")


class ThemeError(Exception):
    """A theme cannot be used. `file` is where, `key` what to change ("" when it is the file itself)."""

    def __init__(self, file: str, key: str, problem: str) -> None:
        self.file = file
        self.key = key
        self.problem = problem
        super().__init__(_said(file, key, problem))

    @property
    def short(self) -> str:
        """The same with the file's name only, for a line that is short."""
        return _said(Path(self.file).name, self.key, self.problem)


def _said(file: str, key: str, problem: str) -> str:
    return f"{file}: {key}: {problem}" if key else f"{file}: {problem}"


def names(folder: Path | None = None) -> tuple[str, ...]:
    """The built-in themes and those in `folder`, in alphabetical order."""
    found = {file.name for file in resources.files("h2a_themes").iterdir()}
    if folder is not None and folder.is_dir():
        found |= {path.name for path in folder.iterdir()}
    return tuple(sorted(Path(name).stem for name in found if name.endswith(".toml")))


def find(name_or_path: str, folder: Path | None = None) -> Path | None:
    """The file of a theme that is not built in: one of `folder` by its name, any other by its path.

    A theme in `folder` counts more than a built-in one of the same name. None for a built-in theme.

    Raises:
        ThemeError: there is no such theme.
    """
    if "/" not in name_or_path and folder is not None and (own := folder / f"{name_or_path}.toml").is_file():
        return own
    if name_or_path in names():
        return None
    path = Path(name_or_path).expanduser()
    if path.suffix == ".toml":
        return path
    known = names(folder)
    raise ThemeError(
        name_or_path,
        "",
        f"no such theme; {_near(name_or_path, known)}there are {_listed(known)}, or give a path to a .toml file",
    )


def load(name_or_path: str, folder: Path | None = None) -> Theme:
    """The theme of that name, in `folder` or built in, or the one in the file at that path (`~` is expanded).

    Raises:
        ThemeError: there is no such theme, or its file is not one; the message names file, key and what is
            allowed.
    """
    path = find(name_or_path, folder)
    if path is None:
        return _built_in(name_or_path)
    try:
        with path.open("rb") as file:
            content = file.read(_LIMIT + 1)
    except OSError as error:
        raise ThemeError(str(path), "", f"cannot be read: {error.strerror or error}") from error
    if len(content) > _LIMIT:
        raise ThemeError(str(path), "", f"is larger than {_LIMIT:,} bytes")
    return _parse(content, str(path), path.stem)


@lru_cache(maxsize=32)
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
    if not isinstance(name, str) or not name.isprintable() or not name or "/" in name:
        raise ThemeError(file, "name", "must be a text of printable characters without /")
    variables = _Variables(_table(table, "vars", file), file)
    given = _table(table, "colors", file)
    _refuse_unknown(given, TOKENS, file, "colors.")
    colours = {token: variables.resolve(value, f"colors.{token}") for token, value in given.items()}
    for token, known in TOKENS.items():
        if not known.like and token not in colours:
            raise ThemeError(
                file, f"colors.{token}", f"is missing ({known.doc.lower()}); allowed are {ALLOWED}"
            )
    return Theme.of(name, dark=dark, given=colours)


def _table(table: Mapping[str, Any], key: str, file: str) -> Mapping[str, Any]:
    value = table.get(key, {})
    if not isinstance(value, dict):
        raise ThemeError(file, key, f"must be a table, [{key}]")
    return value


def _refuse_unknown(table: Mapping[str, Any], allowed: Iterable[str], file: str, prefix: str) -> None:
    allowed = tuple(allowed)
    for key in table:
        if key not in allowed:
            raise ThemeError(
                file, f"{prefix}{key}", f"unknown; {_near(key, allowed)}allowed are {_listed(allowed)}"
            )


class _Variables:
    """The `[vars]` of one file. One that has the name of a terminal colour hides it."""

    def __init__(self, table: Mapping[str, Any], file: str) -> None:
        self._table = table
        self._file = file
        for name, value in table.items():
            key = f"vars.{name}"
            if not _VARIABLE.fullmatch(name):
                raise ThemeError(file, key, "must be a name of small letters, digits, - and _")
            self.resolve(value, key)

    def resolve(self, value: object, key: str) -> Colour:
        """The colour that `value`, which stands at `key`, is or leads to."""
        passed = [key.removeprefix("vars.")] if key.startswith("vars.") else []
        while isinstance(value, str) and value in self._table:
            if value in passed:
                raise ThemeError(self._file, key, f"goes in a circle: {' -> '.join([*passed, value])}")
            passed.append(value)
            value = self._table[value]
        colour = parse(value)
        if colour is None:
            near = _near(value, [*self._table, *NAMES]) if isinstance(value, str) else ""
            known = f", or one of [vars]: {_listed(self._table)}" if self._table else ""
            raise ThemeError(self._file, key, f"{value!r} is no colour; {near}allowed are {ALLOWED}{known}")
        return colour


def _near(word: str, known: Iterable[str]) -> str:
    close = difflib.get_close_matches(word, tuple(known), n=1)
    return f"did you mean {close[0]}? " if close else ""


def _listed(words: Iterable[str]) -> str:
    return ", ".join(words)
