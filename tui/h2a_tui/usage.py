"""What every part of the command line shares: how it is refused."""

from __future__ import annotations

import argparse
from typing import NoReturn

from h2a_tui.exit_codes import OK, USAGE

__all__ = ["OK", "USAGE", "Parser", "UsageError"]


class UsageError(Exception):
    """The program was not asked in a way it understands; the message says how to ask."""


class Parser(argparse.ArgumentParser):
    """A parser that raises `UsageError`, one line instead of argparse's usage block."""

    def error(self, message: str) -> NoReturn:
        """Say what is wrong, and where to look."""
        raise UsageError(f"{message}. See: {self.prog} --help")
