"""Which paths a glob means, in the words of .gitignore, without lifting what .gitignore excludes.

A glob that ripgrep is given counts before every ignore file: `*` would bring back all of `node_modules`. So ripgrep lists
what is not excluded, and the choice among it is made here.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from fnmatch import translate
from itertools import islice
from typing import Final, TypeAlias

__all__ = ["BadGlob", "Globs", "is_literal"]

_MOST: Final = 500  # alternatives that braces may make
_BRACES: Final = re.compile(r"\{([^{}]*)\}")
_ESCAPED: Final = re.compile(r"\\(.)")
_CLASS: Final = re.compile(r"(?s)\[[!^]?\]?[^\]]*\]|\[")
_ANY: Final = "**"

_Parts: TypeAlias = tuple[re.Pattern[str] | None, ...]  # None is `**`: any number of folders


class BadGlob(ValueError):
    """A glob that means nothing; the message says why."""


def is_literal(glob: str) -> bool:
    """Is it one name or path, without wildcards?"""
    return not set(glob) & set("*?[{\\!")


class Globs:
    """Several globs: the last one that matches decides, and `!` before one leaves out files, and folders with all in them.

    A glob without a slash is for the name, one with a slash for the whole path; `**` is any number of folders.
    Matching takes no longer than the path and the glob are long, multiplied.

    Raises:
        BadGlob: one of them cannot be read.
    """

    def __init__(self, globs: Sequence[str]) -> None:
        self._rules = [
            (not glob.startswith("!"), [_parts(one) for one in _alternatives(glob.removeprefix("!"))])
            for glob in globs
        ]
        self._chooses = any(wanted for wanted, _ in self._rules)
        self._leaves_out = not all(wanted for wanted, _ in self._rules)

    def match(self, path: str) -> bool:
        """Is `path`, relative and with slashes, one of those that are meant?"""
        parts = path.split("/")
        if self._leaves_out and any(self._rule(parts[:end]) is False for end in range(1, len(parts))):
            return False
        decided = self._rule(parts)
        return not self._chooses if decided is None else decided

    def _rule(self, parts: Sequence[str]) -> bool | None:
        """What the last glob that matches says; None when none does."""
        for wanted, alternatives in reversed(self._rules):
            if any(_fits(glob, parts) for glob in alternatives):
                return wanted
        return None


def _alternatives(glob: str) -> list[str]:
    found = list(islice(_expanded(glob), _MOST + 1))
    if len(found) > _MOST:
        raise BadGlob(f"{glob} stands for more than {_MOST} patterns.")
    return found


def _expanded(glob: str) -> Iterator[str]:
    """`glob` without braces, once for each of their alternatives."""
    if (braces := _BRACES.search(glob)) is None:
        yield glob
        return
    for one in braces[1].split(","):
        yield from _expanded(glob[: braces.start()] + one + glob[braces.end() :])


def _parts(glob: str) -> _Parts:
    anchored = glob.removeprefix("./").removeprefix("/")
    parts = anchored.split("/")
    if parts[-1] == "":
        parts[-1] = _ANY  # a folder: what is in it
    if len(parts) == 1 and not glob.startswith(("/", "./")):
        parts.insert(0, _ANY)
    return tuple(None if part == _ANY else _name(part) for part in parts)


def _name(glob: str) -> re.Pattern[str]:
    glob = _ESCAPED.sub(lambda escaped: f"[{escaped[1]}]", glob)
    for part in _CLASS.findall(glob):
        if part == "[":
            raise BadGlob(f"{glob} has a [ without its ].")
    return re.compile(translate(glob.replace("[^", "[!")))


def _fits(glob: _Parts, parts: Sequence[str]) -> bool:
    """Do the names `parts` follow `glob`? A `**` takes as few as it can and gets more only when what follows fails."""
    at = given = 0
    retry: tuple[int, int] | None = None
    while given < len(parts):
        if at < len(glob) and (one := glob[at]) is None:
            retry = (at, given)
            at += 1
        elif at < len(glob) and one is not None and one.match(parts[given]):
            at += 1
            given += 1
        elif retry is not None:
            at, given = retry[0] + 1, retry[1] + 1
            retry = (retry[0], given)
        else:
            return False
    return at == len(glob)  # a `**` left over would be for something in a folder that is a file
