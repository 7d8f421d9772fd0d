"""How the program ends, as numbers: one table for the code, `--help` and the tests."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

__all__ = [
    "BY_SIGNAL",
    "EXIT_CODES",
    "FAILED",
    "INTERRUPTED",
    "OK",
    "UNGUARDED",
    "UNREAD",
    "USAGE",
    "exit_codes_help",
]

OK: Final = 0
FAILED: Final = 1
USAGE: Final = 2
UNGUARDED: Final = 70  # EX_SOFTWARE
BY_SIGNAL: Final = 128
INTERRUPTED: Final = BY_SIGNAL + 2
UNREAD: Final = BY_SIGNAL + 13  # what a shell says of a program that SIGPIPE ended

EXIT_CODES: Final[Mapping[int, str]] = {
    OK: "done; of several runs, the last one completed",
    FAILED: "the (last) run failed or was stopped, or a file or terminal cannot be used, or not all of a file",
    USAGE: "wrong usage or settings; with --input, not one line was a command",
    UNGUARDED: "the guardian process was killed",
    INTERRUPTED: "ended by Ctrl+C; other signals: 128 + number",
    UNREAD: "nobody reads the output any more",
}


def exit_codes_help() -> str:
    """The table for `--help`."""
    return "\n".join(f"  {code:<4} {meaning}" for code, meaning in EXIT_CODES.items())
