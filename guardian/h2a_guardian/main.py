"""`h2a-chat`: the guardian, with the program as its child."""

from __future__ import annotations

import os
import sys

from h2a_guardian.guardian import Guardian
from h2a_guardian.terminal import Terminal
from h2a_guardian.vault import take_secrets

__all__ = ["main"]


def main() -> int:
    """Guard `h2a-chat` with this process's arguments; returns its exit code."""
    _open_standard_streams()
    secrets = take_secrets(os.environ)
    # -P: the folder one works in is not a place to import from.
    argv = [sys.executable, "-P", "-m", "h2a_tui", *sys.argv[1:]]
    return Guardian(secrets, Terminal.found()).run(argv, os.environ)


def _open_standard_streams() -> None:
    """Let a standard stream that was closed (`<&-`, `>&-`) lead nowhere, before a file or socket gets its number."""
    while (descriptor := os.open(os.devnull, os.O_RDWR)) <= 2:
        os.set_inheritable(descriptor, True)
    os.close(descriptor)
