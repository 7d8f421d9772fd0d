"""The bytes terminals send for keys, in the three ways there are.

`legacy` is every terminal before extended protocols, `kitty` the kitty keyboard protocol with the flags
Textual asks for (25: all keys as escapes, with their text), `modify-other-keys` xterm's own at level 2.
Key names are the program's: `enter`, `alt+enter`, `ctrl+s`, `f8`, `A`.
"""

from __future__ import annotations

import re
import string
from typing import Final, Literal, TypeAlias, get_args

from textual.keys import _character_to_key

__all__ = ["ENCODINGS", "Encoding", "encode", "kitty_forms"]

Encoding: TypeAlias = Literal["legacy", "kitty", "modify-other-keys"]
ENCODINGS: Final[tuple[Encoding, ...]] = get_args(Encoding)

_BITS: Final = {"shift": 1, "alt": 2, "ctrl": 4, "super": 8}
_CODES: Final = {"enter": 13, "tab": 9, "escape": 27, "backspace": 127, "space": 32}
_SIGNS: Final = {_character_to_key(sign): sign for sign in string.punctuation} | {"vertical_line": "|"}
_CONTROLS: Final = frozenset(string.ascii_letters) | frozenset("\\]^_")
_LETTERS: Final = {"up": "A", "down": "B", "right": "C", "left": "D", "end": "F", "home": "H"}
_FUNCTIONS: Final = {"f1": "P", "f2": "Q", "f4": "S"}
_TILDES: Final = {
    "insert": 2,
    "delete": 3,
    "pageup": 5,
    "pagedown": 6,
    "f3": 13,
    "f5": 15,
    "f6": 17,
    "f7": 18,
    "f8": 19,
    "f9": 20,
    "f10": 21,
    "f11": 23,
    "f12": 24,
}


def encode(key: str, encoding: Encoding = "legacy") -> bytes:
    """What a terminal of this kind sends for `key`.

    Raises:
        ValueError: it cannot send that key (legacy Shift+Enter is plain Enter), or there is no such key.
    """
    *modifiers, name = key.split("+") if key != "+" else ["+"]
    name = _SIGNS.get(name, name)
    bits = sum(_BITS[modifier] for modifier in modifiers)
    if name in _LETTERS or name in _FUNCTIONS:
        final = _LETTERS.get(name) or _FUNCTIONS[name]
        if bits:
            return f"\x1b[1;{bits + 1}{final}".encode()
        return f"\x1b{'O' if name in _FUNCTIONS and encoding != 'kitty' else '['}{final}".encode()
    if name in _TILDES:
        return f"\x1b[{_TILDES[name]}{f';{bits + 1}' if bits else ''}~".encode()
    if name not in _CODES and len(name) != 1:
        raise ValueError(f"no such key: {key}")
    code = _CODES.get(name) or ord(name)
    if encoding == "kitty":
        return _kitty(name, code, bits)
    if encoding == "modify-other-keys" and bits:
        return f"\x1b[27;{bits + 1};{code}~".encode()
    return _legacy(key, name, code, bits)


def kitty_forms(key: str) -> list[bytes]:
    """Other forms of `key` in kitty's protocol: with sub-fields for the event, other letters, locks, and with its text."""
    plain = encode(key, "kitty")
    match = re.fullmatch(rb"\x1b\[(\d*)(?:;(\d*))?(?:;(\d+))?([u~A-Z])", plain)
    if match is None:
        return []
    code, held, text, end = match.groups(b"")
    bits = int(held or 1) - 1
    tail = (b";" + text if text else b"") + end
    forms = [b"\x1b[%s;%d%s%s" % (code or b"1", bits + 1, event, tail) for event in (b":1", b":2")]
    forms += [b"\x1b[%s;%d%s" % (code or b"1", bits + lock + 1, tail) for lock in (64, 128, 192)]
    if end == b"u":
        forms += [
            b"\x1b[%s%s;%d%s" % (code, others, bits + 1, tail) for others in (b":65", b"::97", b":65:97")
        ]
    return forms


def _kitty(name: str, code: int, bits: int) -> bytes:
    if len(name) == 1 and not bits & ~_BITS["shift"]:
        shifted = name if bits == 0 else name.upper()
        bits |= _BITS["shift"] if shifted.isupper() else 0
        return f"\x1b[{ord(name.lower())};{bits + 1 if bits else ''};{ord(shifted)}u".encode()
    return f"\x1b[{code}{f';{bits + 1}' if bits else ''}u".encode()


def _legacy(key: str, name: str, code: int, bits: int) -> bytes:
    data = chr(code)
    if bits & _BITS["ctrl"]:
        if name not in _CONTROLS or bits & _BITS["shift"]:
            raise ValueError(f"a legacy terminal cannot send {key}")
        data = chr(ord(name.upper()) & 0x1F)
    elif key == "shift+tab":
        return b"\x1b[Z"
    elif bits & _BITS["shift"]:
        if len(name) > 1:
            raise ValueError(f"a legacy terminal cannot send {key}")
        data = name.upper()
    return ("\x1b" if bits & _BITS["alt"] else "").encode() + data.encode()
