"""What has to be in the environment before Textual is imported: it reads these once, at import.

`prepare` is called by the command line first of all; this file must not import Textual itself.
"""

from __future__ import annotations

from collections.abc import Mapping, MutableMapping
from typing import Final

__all__ = ["accessible", "escape_s", "motionless", "prepare"]

# A lone ESC may be the first byte of Alt+Enter. Locally the rest follows within a millisecond; over a slow
# line it may come in the next packet, and an Escape reported too early would abort the run.
_ESCAPE_MS_LOCAL: Final = "25"
_ESCAPE_MS_REMOTE: Final = "100"
_FRAMES_PER_S: Final = (
    "240"  # an upper bound, not a rate: echo p95 falls from 29 to 9 ms, idle costs the same
)


def prepare(environ: MutableMapping[str, str]) -> None:
    """Choose the terminal timings the user has not chosen, and forget what size somebody says the terminal had.

    Some shells export it; Textual would believe that before the terminal, and never see it change.
    """
    for name in ("COLUMNS", "LINES"):
        environ.pop(name, None)
    remote = any(environ.get(name) for name in ("SSH_CONNECTION", "SSH_CLIENT", "SSH_TTY", "MOSH_IP"))
    environ.setdefault("ESCDELAY", _ESCAPE_MS_REMOTE if remote else _ESCAPE_MS_LOCAL)
    environ.setdefault("TEXTUAL_FPS", _FRAMES_PER_S)


def escape_s(environ: Mapping[str, str]) -> float:
    """How long an ESC waits for what may belong to it, in seconds; after `prepare`."""
    try:
        return max(0, int(environ.get("ESCDELAY", _ESCAPE_MS_LOCAL))) / 1000
    except ValueError:
        return int(_ESCAPE_MS_LOCAL) / 1000


def accessible(environ: Mapping[str, str]) -> bool:
    """Has somebody who uses a screen reader said so, as other programs understand it too?"""
    return _is_on(environ, "ACCESSIBLE")


def motionless(environ: Mapping[str, str]) -> bool:
    """Has somebody said that nothing is to move by itself?"""
    return _is_on(environ, "NO_MOTION")


def _is_on(environ: Mapping[str, str], name: str) -> bool:
    return environ.get(name, "").lower() not in ("", "0", "false", "no")
