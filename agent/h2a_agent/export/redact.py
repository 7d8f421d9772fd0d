"""Take secrets out of what leaves the machine: values we know, and what has the shape of a key.

Known are what was given and every key the program has loaded, each in all forms of `h2a_agent.redact`. Shapes are
those of well-known issuers, which hardly anything else has; a password in prose is not found by any of them, so an
export is still to be read before it is given away.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any, Final

from h2a_agent.redact import pattern_with
from h2a_guardian.vault import is_secret

__all__ = ["REDACTED", "Redactor", "secrets_of"]

REDACTED: Final = "[redacted]"
_SHORTEST: Final = 8  # characters; a shorter "secret" would take half the words with it

_SHAPES: Final = re.compile(
    r"\bsk-[A-Za-z0-9_-]{20,}"  # Anthropic, OpenAI and many who copy them
    r"|\bgh[pousr]_[A-Za-z0-9]{30,}|\bgithub_pat_[A-Za-z0-9_]{30,}|\bglpat-[A-Za-z0-9_-]{20,}"
    r"|\b(?:AKIA|ASIA)[0-9A-Z]{16}\b"  # AWS
    r"|\bAIza[0-9A-Za-z_-]{35}|\bya29\.[0-9A-Za-z_-]{20,}"  # Google
    r"|\bxox[abeoprs]-[A-Za-z0-9-]{10,}"  # Slack
    r"|\bhf_[A-Za-z0-9]{30,}|\bnpm_[A-Za-z0-9]{30,}|\bpypi-[A-Za-z0-9_-]{40,}"
    r"|\b[rs]k_(?:live|test)_[A-Za-z0-9]{16,}"  # Stripe
    r"|\beyJ[A-Za-z0-9_-]{10,}\.eyJ[A-Za-z0-9_-]{10,}\.[A-Za-z0-9_-]{10,}"  # JSON web tokens
    r"|-----BEGIN (?:[A-Z0-9]+ )*PRIVATE KEY-----[\s\S]*?(?:-----END (?:[A-Z0-9]+ )*PRIVATE KEY-----|\Z)"
)
# More than `is_secret`, which decides what commands have to do without.
_SECRET_NAME: Final = re.compile(r"(?:^|_)(?:KEY|CREDENTIALS?)$", re.IGNORECASE)
_OPAQUE: Final = frozenset({"data", "signature"})  # base64 of pictures and of a provider's own


def secrets_of(environ: Mapping[str, str]) -> list[str]:
    """The values in an environment whose names say that they are secret."""
    return [value for name, value in environ.items() if is_secret(name) or _SECRET_NAME.search(name)]


class Redactor:
    """Replaces secrets in texts and counts them."""

    def __init__(self, secrets: Iterable[str] = ()) -> None:
        self.count = 0
        self._known = pattern_with(value for secret in secrets if len(value := secret.strip()) >= _SHORTEST)

    def text(self, text: str) -> str:
        """`text` without secrets."""
        if self._known is not None:
            text = self._known.sub(self._taken, text)
        return _SHAPES.sub(self._taken, text)

    def record(self, record: Mapping[str, Any]) -> dict[str, Any]:
        """A journal record without secrets."""
        result: dict[str, Any] = self._value(record)
        return result

    def _value(self, value: Any) -> Any:
        match value:
            case str():
                return self.text(value)
            case list():
                return [self._value(item) for item in value]
            case dict():
                clean = {
                    key: item if key in _OPAQUE and isinstance(item, str) else self._value(item)
                    for key, item in value.items()
                }
                if clean.get("type") == "thinking" and clean != value:
                    clean["signature"] = (
                        ""  # it was for the words as they were; a provider would refuse them now
                    )
                return clean
            case _:
                return value

    def _taken(self, _match: re.Match[str]) -> str:
        self.count += 1
        return REDACTED
