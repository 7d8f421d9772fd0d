"""What terminals with extended keyboards send, brought to one form: `CSI code ; modifiers u`, or as ever, `CSI 1 ; 3 A`.

CSI 27 ; m ; c ~         xterm's modifyOtherKeys                    CSI c ; m u
CSI c:s:b ; m:e ; t u    kitty with sub-fields                      CSI c ; m ; t u; nothing for a release (e = 3)
CSI 1089::99 ; 5 u       Ctrl with a letter of another alphabet     CSI 99 ; 5 u, the key's letter on a Latin keyboard
SS3 5 A, CSI 5 A         modified keys of older terminals           CSI 1 ; 5 A
"""

from __future__ import annotations

import re
from typing import Final

__all__ = ["plain_sequence"]

_EXTENDED: Final = re.compile(r"\x1b\[([\d:]*(?:;[\d:]*){0,3})([u~A-HPQRS])")
_OLDER: Final = re.compile(r"\x1b(?:O([2-9]|1[0-6])([A-DFHP-S])|\[([2-9]|1[0-6])([A-DFH]))")
_RELEASE: Final = 3
_COMMANDS: Final = 2 | 4 | 8  # Alt, Ctrl, Super: with these a letter is a command and types nothing


def _number(field: str, default: int) -> int:
    """The first sub-field, which is the only one that names the key."""
    first = field.partition(":")[0]
    return int(first) if first else default


def _on_latin_keyboard(field: str, code: int) -> int:
    """The third sub-field, where it is a letter or sign of ASCII: what the key types on a keyboard of that layout."""
    base = field.split(":")[2:3]
    return int(base[0]) if base and base[0] and 0x20 < int(base[0]) < 0x7F else code


def _is_character(code: int) -> bool:
    return code < 0xD800 or 0xDFFF < code <= 0x10FFFF


def plain_sequence(sequence: str) -> str | None:
    """An extended key `sequence` in the form the base parser reads, None for one to be ignored.

    Sequences of any other kind come back as they are.
    """
    if (older := _OLDER.fullmatch(sequence)) is not None:
        return f"\x1b[1;{older[1] or older[3]}{older[2] or older[4]}"
    match = _EXTENDED.fullmatch(sequence)
    if match is None:
        return sequence
    fields, end = match[1].split(";"), match[2]
    if len(fields) == 1 and end != "u":
        return sequence if ":" not in fields[0] else f"\x1b[{_number(fields[0], 1)}{end}"
    code = _number(fields[0], 1)
    modifier_field = fields[1] if len(fields) > 1 else ""
    modifiers = _number(modifier_field, 1)
    text = fields[2] if len(fields) > 2 else ""
    if modifier_field.partition(":")[2].partition(":")[0] == str(_RELEASE):
        return None
    if end == "~" and code == 27 and text:
        code, text, end = _number(text, 0), "", "u"
    if end == "u" and code > 0x7F and modifiers - 1 & _COMMANDS:
        code = _on_latin_keyboard(fields[0], code)
    if not _is_character(code):
        return None
    characters = [int(part) for part in text.split(":") if part]
    if any(c < 0x20 or 0x7F <= c < 0xA0 or not _is_character(c) for c in characters):
        characters = []
    if not characters and modifiers <= 1:
        return f"\x1b[{code}{end}" if end in "u~" else f"\x1b[{end}"
    return f"\x1b[{code};{modifiers}{';' + ':'.join(map(str, characters)) if characters else ''}{end}"
