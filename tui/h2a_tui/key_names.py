"""The names of keys: which there are, how people may write them, and which need more than an old terminal.

A name is Textual's: modifiers in the order of the alphabet, then the key, joined by `+`: `alt+enter`, `ctrl+shift+up`,
`slash`. A letter alone is the letter as typed: `A` is Shift and `a`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final

__all__ = ["ALWAYS_TYPED", "key_name", "needs_protocol"]

_MODIFIERS: Final[Mapping[str, str]] = {
    "ctrl": "ctrl",
    "control": "ctrl",
    "alt": "alt",
    "option": "alt",
    "opt": "alt",
    "shift": "shift",
    "super": "super",
    "cmd": "super",
    "command": "super",
    "hyper": "hyper",
    "meta": "meta",
}
_MOVING: Final = frozenset({"up", "down", "left", "right", "home", "end", "pageup", "pagedown"})
_FUNCTIONS: Final = frozenset(f"f{number}" for number in range(1, 13))
_LATE_FUNCTION: Final = re.compile("f(?:1[3-9]|2[0-9]|3[0-5])")  # what sends these differs by terminal
_NAMED: Final = frozenset({"enter", "tab", "escape", "space", "backspace", "delete", "insert"})
_ALSO: Final[Mapping[str, str]] = {
    "return": "enter",
    "esc": "escape",
    "del": "delete",
    "ins": "insert",
    "pgup": "pageup",
    "pgdn": "pagedown",
    "page_up": "pageup",
    "page_down": "pagedown",
}
# Signs whose names are Textual's, which are Unicode's.
_SIGNS: Final[Mapping[str, str]] = {
    "!": "exclamation_mark",
    '"': "quotation_mark",
    "#": "number_sign",
    "$": "dollar_sign",
    "%": "percent_sign",
    "&": "ampersand",
    "'": "apostrophe",
    "(": "left_parenthesis",
    ")": "right_parenthesis",
    "*": "asterisk",
    "+": "plus",
    ",": "comma",
    "-": "minus",
    ".": "full_stop",
    "/": "slash",
    ":": "colon",
    ";": "semicolon",
    "<": "less_than_sign",
    "=": "equals_sign",
    ">": "greater_than_sign",
    "?": "question_mark",
    "@": "at",
    "[": "left_square_bracket",
    "\\": "backslash",
    "]": "right_square_bracket",
    "^": "circumflex_accent",
    "_": "underscore",
    "`": "grave_accent",
    "{": "left_curly_bracket",
    "|": "vertical_line",
    "}": "right_curly_bracket",
    "~": "tilde",
}
_SIGN_NAMES: Final = frozenset(_SIGNS.values())
ALWAYS_TYPED: Final = _SIGN_NAMES | {"space"}
"""Keys with a long name that are text wherever one can type; so is every name of one character."""

_OLD: Final = frozenset({"shift+tab", "alt+enter", "alt+backspace", "alt+space", "ctrl+space"})
# In bytes, Ctrl with these is another key: I is Tab, M is Enter, H is Backspace, [ is Escape.
_CTRL_IS_ANOTHER: Final = frozenset({"i", "m", "h", "left_square_bracket"})
_CTRL_SIGNS: Final = frozenset({"backslash", "right_square_bracket", "circumflex_accent", "underscore"})
# ESC with one of these begins a longer sequence.
_ALT_BEGINS: Final = frozenset(
    {"left_square_bracket", "right_square_bracket", "circumflex_accent", "underscore"}
)
_ALT_SHIFT_BEGINS: Final = frozenset("opxn")


def key_name(written: str) -> str | None:
    """The name of the key that somebody `written` so, in any case and with `esc`, `option`, `/` and the like; None: no key."""
    if written in ("+", " "):
        return _SIGNS.get(written, "space")
    *modifiers, key = re.split(r"\s*\+\s*(?=.)", written.strip())
    names = [_MODIFIERS.get(modifier.lower()) for modifier in modifiers]
    if None in names or len(set(names)) != len(names):
        return None
    held = sorted(name for name in names if name)
    if len(key) == 1 and key.isprintable() and key.isalnum():
        return _letter(key, held)
    name = _SIGNS.get(key) or _ALSO.get(key.lower(), key.lower())
    known = name in _MOVING | _FUNCTIONS | _NAMED | _SIGN_NAMES or _LATE_FUNCTION.fullmatch(name)
    return "+".join([*held, name]) if known else None


def _letter(key: str, held: list[str]) -> str:
    if held == ["shift"]:
        return key.upper()
    return "+".join([*held, key.lower()]) if held else key


def needs_protocol(key: str) -> bool:
    """Must a terminal speak more than the bytes of old to send `key`, a name of ours, as itself?

    Such as kitty's keyboard protocol or xterm's modifyOtherKeys. Without them Shift+Enter is Enter, Ctrl+I is Tab.
    """
    *modifiers, name = key.split("+")
    held = frozenset(modifiers)
    if not held:
        return _LATE_FUNCTION.fullmatch(name) is not None
    if held & {"super", "hyper", "meta"}:
        return True
    if name in _MOVING | _FUNCTIONS | {"delete", "insert"}:
        return False
    if key in _OLD:
        return False
    if name in _NAMED:
        return True
    if "ctrl" in held:
        letter = len(name) == 1 and name.isascii() and name.isalpha()
        return "shift" in held or name in _CTRL_IS_ANOTHER or not (letter or name in _CTRL_SIGNS)
    if "shift" in held:
        return name in _ALT_SHIFT_BEGINS or len(name) > 1
    return name in _ALT_BEGINS
