"""Takes secrets out of text that leaves the program: crash reports, error messages, logs.

Whoever loads a key tells it here, and `redact` then knows it by its exact value and in the forms it takes on
its way: escaped, URL-encoded, and inside base64 at any offset. Patterns of what keys look like would miss some and hit
what is none.
"""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Iterable
from typing import Final
from urllib.parse import quote

__all__ = ["REDACTED", "pattern_with", "redact", "remember"]

REDACTED: Final = "[API key]"
_SHORTEST: Final = 6  # characters; a shorter value is in half of all words

_forms: set[str] = set()  # of the process: a crash report knows nobody it could ask
_pattern: re.Pattern[str] | None = None


def remember(secret: str) -> None:
    """Take `secret` out of all text from now on."""
    global _pattern  # noqa: PLW0603  the compiled form of `_forms`, made where that changes
    if len(secret) >= _SHORTEST:
        _forms.update(_forms_of(secret))
        _pattern = _pattern_of(_forms)


def redact(text: str) -> str:
    """`text` with every known secret replaced."""
    return text if _pattern is None else _pattern.sub(REDACTED, text)


def pattern_with(secrets: Iterable[str]) -> re.Pattern[str] | None:
    """What finds every known secret and also `secrets`, which are not remembered; None when there is nothing to find."""
    return _pattern_of(_forms.union(*map(_forms_of, secrets)))


def _pattern_of(forms: set[str]) -> re.Pattern[str] | None:
    # The longest first: a form may be part of another.
    return re.compile("|".join(map(re.escape, sorted(forms, key=len, reverse=True)))) if forms else None


def _forms_of(secret: str) -> set[str]:
    raw = secret.encode("utf-8", "surrogatepass")
    forms = {secret, quote(secret, safe=""), quote(secret), json.dumps(secret)[1:-1], repr(raw)[2:-1]}
    for encode in (base64.b64encode, base64.urlsafe_b64encode):
        for offset in range(3):
            # Characters that also hold bits of what stands before or behind the secret are not its own.
            first, last = (offset * 8 + 5) // 6, (offset + len(raw)) * 8 // 6
            forms.add(encode(bytes(offset) + raw + bytes(2)).decode()[first:last])
    return forms
