"""What this terminal can carry: the app, the inline mode, or lines."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, Literal, TypeAlias

__all__ = ["Screen", "screen_for"]

Screen: TypeAlias = Literal["app", "inline", "plain"]

_LINES_ONLY: Final = frozenset({"", "dumb", "unknown"})
_LEAST_COLUMNS: Final = 20
_LEAST_ROWS: Final = 5


def screen_for(wanted: Literal["app", "inline"], environ: Mapping[str, str], size: tuple[int, int]) -> Screen:
    """What can be shown of what is `wanted` in a terminal of `size` (columns, rows; 0: not known).

    Where nothing can be drawn twice only lines are left. The app needs a screen of its own that it can put in the
    place of the shell's, and some room on it.
    """
    term = environ.get("TERM", "")
    if term in _LINES_ONLY or not _can(term, "cup"):
        return "plain"
    columns, rows = size
    tiny = 0 < columns < _LEAST_COLUMNS or 0 < rows < _LEAST_ROWS
    return "inline" if wanted == "inline" or tiny or not _can(term, "smcup") else "app"


def _can(term: str, capability: str) -> bool:
    """Does the terminfo entry of `term` have this? Who has no entry is taken for able: most are some xterm."""
    try:
        import curses

        curses.setupterm(term, 2)
        return bool(curses.tigetstr(capability))
    except (ImportError, OSError, curses.error):
        return True
