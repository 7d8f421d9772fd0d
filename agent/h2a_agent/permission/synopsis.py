"""What a program may be given, written as its synopsis, and whether given words fit it.

    "-abcw: -n? -# --all --width: --colour? =json * :: TEXT PATH..."

Before `::` the options: `-abn:` are three that may be bundled, of which `-n` takes a value, attached or as the next
word; `-n?` may have one attached, `-#` is a number such as -20, `--width:` and `--colour?` likewise, and `=json` is a long
option with one dash. Two colons take two values. A `~` behind means that the value is text and no path; `!` that it
also stands for the first operand (`grep -e`), `!!` that it is a path all the same (`grep -f`). A lone `*` allows every option: they are all harmless; `-*` says only that
file names which look like options do no harm.

Behind `::` the operands, in order: `TEXT` is never a path, `SCRIPT` is a program in the program's own language, `PATH` is read, `NAME` is looked at without reading it,
`REV` is git's; with `...` any number, with `?` one or none. A word that fits nothing means no.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum, auto
from functools import cache
from typing import Final

from h2a_agent.permission.shell import Word

__all__ = ["How", "Looked", "Misfit", "Synopsis", "synopsis"]


class How(Enum):
    """What a program does with an argument."""

    READ = auto()
    NAME = auto()  # looks whether and what it is, not into it
    SCRIPT = auto()


_KINDS: Final[Mapping[str, How | None]] = {
    "TEXT": None,
    "SCRIPT": How.SCRIPT,
    "PATH": How.READ,
    "NAME": How.NAME,
    "REV": How.READ,
}


class Misfit(ValueError):
    """The words are not what the synopsis allows."""


@dataclass(frozen=True, slots=True)
class Looked:
    """An argument that matters: a path, or a script."""

    path: str
    how: How = How.READ


@dataclass(frozen=True, slots=True)
class _Option:
    values: int = 0
    optional: bool = False
    text: bool = False
    stands_first: bool = False


@dataclass(frozen=True)
class Synopsis:
    """A parsed synopsis."""

    options: dict[str, _Option] = field(default_factory=dict)
    operands: tuple[str, ...] = ()
    any_option: bool = False
    any_name: bool = False

    def match(self, words: Sequence[Word]) -> tuple[Looked, ...]:
        """What the command with these arguments looks at.

        Raises:
            Misfit: an argument is not allowed.
        """
        return tuple(_Matcher(self, words).run())


class _Matcher:
    def __init__(self, of: Synopsis, words: Sequence[Word]) -> None:
        self._of = of
        self._left = list(words)
        self._operands: list[Word] = []
        self._first_given = False
        self._options_end = False

    def run(self) -> Iterator[Looked]:
        while self._left:
            word = self._left.pop(0)
            text = word.text
            if self._options_end or text == "-" or not text.startswith("-"):
                self._operands.append(self._operand(word))
            elif text == "--":
                self._options_end = True
            elif word.glob and not self._of.any_option and "=" not in re.split(r"[*?[]", text)[0]:
                raise Misfit(text)  # a file name may turn it into another option
            else:
                yield from self._option(text)
        yield from self._fit()

    def _operand(self, word: Word) -> Word:
        # File names that begin with a dash would be options.
        if word.glob and word.text[0] in "*?[" and not (self._options_end or self._of.any_name):
            raise Misfit(word.text)
        return word

    def _option(self, text: str) -> Iterator[Looked]:
        if self._of.any_option:
            yield from (Looked(piece) for piece in (text.partition("=")[2], text[2:]) if piece)
            return
        name, equals, value = text.partition("=")
        if text.startswith("--") or (len(name) > 2 and name in self._of.options):
            option = self._known(name)
            if equals and not (option.optional or option.values == 1):
                raise Misfit(text)
            yield from self._values(option, [value] if equals else [])
        elif text[1:].isdecimal() and "-#" in self._of.options:
            pass
        else:
            yield from self._bundle(text)

    def _bundle(self, text: str) -> Iterator[Looked]:
        for at, letter in enumerate(text[1:], start=2):
            option = self._known(f"-{letter}")
            rest = text[at:]
            if option.values or option.optional:
                yield from self._values(option, [rest] if rest else [])
                return

    def _known(self, name: str) -> _Option:
        option = self._of.options.get(name)
        if option is None:
            raise Misfit(name)
        return option

    def _values(self, option: _Option, given: list[str]) -> Iterator[Looked]:
        while len(given) < option.values:
            if not self._left or self._left[0].glob:
                raise Misfit("a missing value")
            given.append(self._left.pop(0).text)
        self._first_given |= option.stands_first
        if option.stands_first and option.text:
            yield from (Looked(value, How.SCRIPT) for value in given)
        elif not option.text:
            yield from map(Looked, given)

    def _fit(self) -> Iterator[Looked]:
        kinds = list(self._of.operands)
        if self._first_given and kinds:
            kinds.pop(0)
        for word in self._operands:
            if not kinds:
                raise Misfit(word.text)
            kind = kinds[0]
            if not kind.endswith("..."):
                kinds.pop(0)
            name = kind.rstrip(".?")
            # How many words a glob becomes is known to nobody, so it stands only where any number may.
            how = _KINDS[name]
            if word.glob and (how in (None, How.SCRIPT) or not kind.endswith("...")):
                raise Misfit(word.text)
            if name in ("PATH", "NAME") and word.text.startswith("@") and not self._of.any_option:
                raise Misfit(word.text)  # some read options from such a file
            if how is not None:
                yield Looked(word.text, how)
        if any(not kind.endswith(("...", "?")) for kind in kinds):
            raise Misfit("a missing operand")


@cache
def synopsis(text: str) -> Synopsis:
    """`text` read as described on top."""
    before, _, after = text.rpartition("::")
    options: dict[str, _Option] = {}
    words = before.split()
    for word in words:
        for name, marks in _named(word):
            options[name] = _Option(
                marks.count(":"), "?" in marks, "~" in marks or marks.endswith(":!"), "!" in marks
            )
    operands = tuple(after.split())
    assert all(kind.rstrip(".?") in _KINDS for kind in operands), text
    return Synopsis(options, operands, "*" in words, not {"*", "-*"}.isdisjoint(words))


def _named(word: str) -> Iterator[tuple[str, str]]:
    """The options `word` of a synopsis stands for, each with its marks."""
    if word.startswith("--"):
        name = word.rstrip(":?~!")
        yield name, word[len(name) :]
    elif word.startswith("="):
        name = word[1:].rstrip(":?~!")
        yield from ((f"{dashes}{name}", word[1 + len(name) :]) for dashes in ("-", "--"))
    elif word.startswith("-") and word != "-*":
        yield from ((f"-{letter}", marks) for letter, marks in re.findall(r"([^-:?~!])([:?~!]*)", word))
