"""How the keymap calls what prompt_toolkit's table, and terminals with extended keyboards, name in their own ways.

CSI A, SS3 P, ^S ...       prompt_toolkit's table of sequences (`up`, `f1`, `c-s`)
CSI 13 ; 2 u               kitty's protocol, and after `plain_sequence` also xterm's modifyOtherKeys
CSI 1 ; 3 A, CSI 3 ; 5 ~   xterm's modified moving and function keys
ESC CR, ESC x              Alt with a key, in every terminal without such a protocol
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping
from typing import Final

from prompt_toolkit.input.ansi_escape_sequences import ANSI_SEQUENCES
from prompt_toolkit.keys import Keys

from h2a_tui.key_sequences import plain_sequence

__all__ = ["character_name", "key_name", "with_alt"]

_MODIFIERS: Final = (
    (4, "ctrl"),
    (2, "alt"),
    (1, "shift"),
    (8, "super"),
)  # in the order the keymap writes them
_CODES: Final[Mapping[int, str]] = {
    8: "backspace",
    9: "tab",
    13: "enter",
    27: "escape",
    127: "backspace",
    57414: "enter",
    57417: "left",
    57418: "right",
    57419: "up",
    57420: "down",
    57421: "pageup",
    57422: "pagedown",
    57423: "home",
    57424: "end",
    57426: "delete",
}
_FINALS: Final[Mapping[str, str]] = {
    "A": "up",
    "B": "down",
    "C": "right",
    "D": "left",
    "H": "home",
    "F": "end",
    "P": "f1",
    "Q": "f2",
    "R": "f3",
    "S": "f4",
}
_TILDES: Final[Mapping[int, str]] = {
    1: "home",
    2: "insert",
    3: "delete",
    4: "end",
    5: "pageup",
    6: "pagedown",
    7: "home",
    8: "end",
    11: "f1",
    12: "f2",
    13: "f3",
    14: "f4",
    15: "f5",
    17: "f6",
    18: "f7",
    19: "f8",
    20: "f9",
    21: "f10",
    23: "f11",
    24: "f12",
}
# Where prompt_toolkit's table says less: Backspace is not Ctrl+H, and the keypad has an Enter of its own.
_KEYS: Final[Mapping[str, str]] = {"\x7f": "backspace", "\x1b\x7f": "alt+backspace", "\x1bOM": "enter"}
_SIGNS: Final[Mapping[str, str]] = {
    "/": "slash",
    "_": "underscore",
    "-": "minus",
    "\\": "backslash",
    "@": "at",
}
_SAME_KEY: Final[Mapping[str, str]] = {"ctrl+m": "enter", "ctrl+i": "tab", "ctrl+at": "ctrl+space"}
_EXTENDED: Final = re.compile(r"\x1b\[(\d*)(?:;(\d+))?(?:;[\d:]+)?([u~A-HPQRS])")


def key_name(sequence: str) -> str:
    """The key that sends `sequence`, a control character or a whole escape sequence; "" for none."""
    plain = plain_sequence(sequence)
    if plain is None:
        return ""
    if plain in _KEYS:
        return _KEYS[plain]
    if (known := ANSI_SEQUENCES.get(plain)) is not None:
        names = [_of_prompt_toolkit(key) for key in (known if isinstance(known, tuple) else (known,))]
        if names[0] == "escape" and len(names) == 2:
            return with_alt(names[1])
        return names[0] if len(names) == 1 else ""
    match = _EXTENDED.fullmatch(plain)
    return "" if match is None else _extended(int(match[1] or 1), int(match[2] or 1) - 1, match[3])


def character_name(character: str) -> str:
    """The key that types `character`: itself, or for a sign its name, as in `left_square_bracket`."""
    if character.isalnum():
        return character
    if character in _SIGNS:
        return _SIGNS[character]
    return unicodedata.name(character, character).lower().replace("-", "_").replace(" ", "_")


def with_alt(name: str) -> str:
    """The key `name` pressed together with Alt."""
    if len(name) == 1 and name.isupper():
        return f"alt+shift+{name.lower()}"
    modifiers, _, key = name.rpartition("+")
    before = "ctrl+alt" if modifiers.startswith("ctrl") else "alt"
    rest = modifiers.removeprefix("ctrl").strip("+")
    return "+".join(part for part in (before, rest, key) if part)


def _of_prompt_toolkit(key: Keys | str) -> str:
    value = str(key.value if isinstance(key, Keys) else key)
    if value.startswith("<"):
        return ""
    *modifiers, name = value.split("-") if value != "c--" else ["c", "-"]
    words = [{"c": "ctrl", "s": "shift"}.get(modifier, modifier) for modifier in modifiers]
    spelled = "+".join([*words, name if len(name) > 1 else character_name(name)])
    return _SAME_KEY.get(spelled, spelled)


def _extended(code: int, bits: int, end: str) -> str:
    if end == "u":
        character = chr(code) if 0x20 < code < 0x110000 and code not in _CODES else ""
        if character and not bits & ~1:
            return character_name(character.upper() if bits else character)
        name = _CODES.get(code) or (
            "space" if code == 0x20 else character_name(character) if character else ""
        )
    elif end == "~":
        name = _TILDES.get(code, "")
    else:
        name = _FINALS.get(end, "") if code == 1 else ""  # a cursor's position also ends in R
    if not name:
        return ""
    return "+".join([*(word for bit, word in _MODIFIERS if bits & bit), name])
