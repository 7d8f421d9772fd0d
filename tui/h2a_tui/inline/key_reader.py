"""From what a terminal sends to keys, pastes and reports, however it is cut into pieces.

    ESC CR, ESC LF     alt+enter, at once        CSI 200 ~ … CSI 201 ~   a paste
    ESC x              alt+x, at once            CSI I, CSI O            the terminal has the focus, or has lost it
    ESC CSI A          alt+up, not escape and up  OSC …, unknown CSI      a terminal's late answer: ignored, never typed

An ESC that stays alone is the key of that name once `escape_s` have passed, so nothing is held back without a clock; what
else is unfinished then was cut on a slow line, is waited for a little longer, and is nobody's key when it never comes.
"""

from __future__ import annotations

import re
from collections.abc import Generator, Iterator
from dataclasses import dataclass
from typing import Final, TypeAlias

from h2a_tui.inline.key_names import character_name, key_name, with_alt

__all__ = ["Focus", "Input", "Key", "KeyReader", "Paste"]

_PASTE_BEGINS: Final = "\x1b[200~"
_PASTE_ENDS: Final = "\x1b[201~"
_CSI: Final = re.compile(r"\x1b\[(?:\[[A-E]|[0-?]*[ -/]*[@-~])")
_CSI_BEGUN: Final = re.compile(r"\x1b\[(?:\[|[0-?]*[ -/]*)\Z")
_STRING: Final = re.compile(r"\x1b[\]P_^X][^\x07\x1b]*(?:\x07|\x1b\\)")
_STRING_BEGUN: Final = re.compile(r"\x1b[\]P_^X][^\x07\x1b]*\x1b?\Z")
_MOVES: Final = frozenset({"up", "down", "left", "right", "home", "end", "pageup", "pagedown"})
_JOINERS: Final = frozenset({"\u200c", "\u200d"})  # invisible, but parts of characters people type
_UNFINISHED_S: Final = 1.0


@dataclass(frozen=True, slots=True)
class Key:
    """A key by its name in the keymap; `text` is what it types, None for nothing."""

    name: str
    text: str | None = None


@dataclass(frozen=True, slots=True)
class Paste:
    """A text that was pasted."""

    text: str


@dataclass(frozen=True, slots=True)
class Focus:
    """The terminal has the focus, or has lost it."""

    here: bool


Input: TypeAlias = Key | Paste | Focus


class KeyReader:
    """Takes what comes with `feed`; `late` at `deadline` gives what has turned out to be whole. Times are seconds."""

    def __init__(self, escape_s: float) -> None:
        self._escape_s = escape_s
        self._rest = ""
        self._pasted: list[str] | None = None
        self.deadline: float | None = None

    def feed(self, text: str, now: float) -> list[Input]:
        """The keys in `text`, and in what was unfinished before it."""
        self._rest += text
        found = list(self._whole())
        if not self._rest or self._pasted is not None:
            self.deadline = None
        else:
            self.deadline = now + (self._escape_s if self._rest in ("\x1b", "\x1b\x1b") else _UNFINISHED_S)
        return found

    def late(self, now: float) -> list[Input]:
        """What nothing more has come for."""
        if self.deadline is None or now < self.deadline:
            return []
        rest, self._rest, self.deadline = self._rest, "", None
        if rest == "\x1b[":
            return [Key("alt+left_square_bracket")]
        if rest == "\x1bO":
            return [Key("alt+shift+o")]
        return [Key("escape")] * rest.count("\x1b") if set(rest) == {"\x1b"} else []

    # ---------------------------------------------------------------- private

    def _whole(self) -> Iterator[Input]:
        """Take from the rest whatever is whole."""
        while self._rest:
            if self._pasted is not None:
                if not (yield from self._paste(self._pasted)):
                    return
                continue
            taken, found = self._next(self._rest)
            if not taken:
                return
            self._rest = self._rest[taken:]
            if found is not None:
                yield found

    def _paste(self, pasted: list[str]) -> Generator[Input, None, bool]:
        """Collect a paste; returns whether it has ended."""
        text, mark, rest = self._rest.partition(_PASTE_ENDS)
        if not mark:
            # The mark itself may come in pieces.
            kept = next((n for n in range(len(_PASTE_ENDS) - 1, 0, -1) if text.endswith(_PASTE_ENDS[:n])), 0)
            pasted.append(text[: len(text) - kept])
            self._rest = text[len(text) - kept :]
            return False
        self._pasted, self._rest = None, rest
        yield Paste("".join([*pasted, text]))
        return True

    def _next(self, rest: str) -> tuple[int, Input | None]:
        """How many characters the first thing in `rest` takes, 0 when it is not whole yet, and what it is."""
        if rest[0] != "\x1b":
            return 1, _typed(rest[0])
        if match := _CSI.match(rest):
            return match.end(), self._control(match[0])
        if _CSI_BEGUN.match(rest) or _STRING_BEGUN.match(rest) or rest in ("\x1b", "\x1bO", "\x1b\x1b"):
            return 0, None
        if match := _STRING.match(rest):
            return match.end(), None
        if rest[1] == "O":
            name = key_name(rest[:3])
            return 3, Key(name) if name else None
        if rest[1] == "\x1b":
            return self._after_escape(rest)
        if rest[1] in "\r\n":
            return 2, Key("alt+enter")
        if name := key_name(rest[:2]):
            return 2, Key(name if name.startswith("alt+") else with_alt(name))
        return 2, Key(with_alt(character_name(rest[1])))

    def _after_escape(self, rest: str) -> tuple[int, Input | None]:
        """ESC ESC: the Alt of a moving key in some terminals, else Escape and something else."""
        if match := _CSI.match(rest, 1):
            name = key_name(match[0])
            return (match.end(), Key(f"alt+{name}")) if name in _MOVES else (1, Key("escape"))
        return (0, None) if _CSI_BEGUN.match(rest[1:]) else (1, Key("escape"))

    def _control(self, sequence: str) -> Input | None:
        if sequence == _PASTE_BEGINS:
            self._pasted = []
            return None
        if sequence in ("\x1b[I", "\x1b[O"):
            return Focus(sequence == "\x1b[I")
        name = key_name(sequence)
        return _named(name) if name else None


def _typed(character: str) -> Key | None:
    if character.isprintable() or character in _JOINERS:
        return Key(character_name(character), character)
    name = key_name(character)
    return Key(name) if name else None


def _named(name: str) -> Key:
    """A key that came as a sequence; one without a modifier may still type something."""
    return Key(name, name) if len(name) == 1 else Key("space", " ") if name == "space" else Key(name)
