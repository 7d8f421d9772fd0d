"""What a row of keys of normal mode says: `2d3w` is an operator with a motion, `"` of `ci"` an object, `rx` a command."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

from h2a_tui.vim.motions import MOTIONS, TAKES_CHARACTER
from h2a_tui.vim.objects import OBJECTS

__all__ = ["COMMANDS", "OPERATORS", "VISUAL_COMMANDS", "Spoken", "parse"]

OPERATORS: Final = "dcy"
COMMANDS: Final = "xXDCYsSr~JpPu\x12.iIaAoOvV"
"""What normal mode has beside motions and operators; `\\x12` is Ctrl+R."""
VISUAL_COMMANDS: Final = "xXDCYsSRr~JpPuUovV"
_REPLACE: Final = "r"
_COUNT: Final = re.compile("(?:[1-9][0-9]*)?")
_MOST: Final = 9999  # nobody means more


@dataclass(frozen=True, slots=True)
class Spoken:
    """One whole command. `verb` is a motion, an object (`iw`) or a command's letter; "" for an operator doubled (`dd`)."""

    verb: str
    argument: str = ""
    operator: str = ""
    count: int = 0


def parse(keys: str, *, visual: bool = False) -> Spoken | bool:
    """The command that `keys` are; True while something is still to come, False when nothing can come of them."""
    count, rest = _counted(keys)
    if not rest:
        return True
    if visual:
        return _verb(rest, VISUAL_COMMANDS + OPERATORS, count, objects=True)
    operator = rest[0]
    if operator not in OPERATORS:
        return _verb(rest, COMMANDS, count)
    again, rest = _counted(rest[1:])
    both = min(_MOST, max(1, count) * max(1, again)) if count or again else 0
    if not rest:
        return True
    if rest == operator:
        return Spoken("", operator=operator, count=both)
    spoken = _verb(rest, "", both, objects=True)
    if isinstance(spoken, bool):
        return spoken
    return Spoken(spoken.verb, spoken.argument, operator, spoken.count)


def _counted(keys: str) -> tuple[int, str]:
    digits = _COUNT.match(keys)
    assert digits is not None
    return min(_MOST, int(digits[0][:6] or 0)), keys[digits.end() :]


def _verb(keys: str, commands: str, count: int, *, objects: bool = False) -> Spoken | bool:
    first, argument = keys[0], keys[1:]
    if objects and first in "ia":
        return Spoken(keys, count=count) if argument in OBJECTS else not argument
    if first in TAKES_CHARACTER or (first == _REPLACE and first in commands):
        return Spoken(first, argument, count=count) if argument else True
    if keys in MOTIONS or keys in tuple(commands):
        return Spoken(keys, count=count)
    return keys == "g"
