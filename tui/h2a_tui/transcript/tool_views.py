"""Which view shows the result of which tool. One table; whatever is not in it, or not as expected, is shown as text."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any, Final, TypeAlias

from h2a_tui.transcript.diff_view import DiffView
from h2a_tui.transcript.hits_view import HitsView, hits_of, match_finder
from h2a_tui.transcript.view import CommandView, FileView, OutputView, View

__all__ = ["is_picture", "shown_brief", "view_of"]

Arguments: TypeAlias = Mapping[str, Any]

_READ_LINES: Final = re.compile(r"(\d+)(?: of (\d+))? lines?")
_PICTURE: Final = re.compile(r"[a-z]+ image, .+")


def view_of(tool: str, arguments: Arguments, text: str, brief: str, diff: str) -> View[Any]:
    """The view of a result with this text for the model, this brief and this diff."""
    if diff:
        return DiffView(diff)
    special = _VIEWS.get(tool)
    view = special(arguments, text, brief) if special else None
    return view or OutputView(_lines(text))


def shown_brief(tool: str, arguments: Arguments, brief: str) -> str:
    """The brief as a person wants it: of a file which lines, of a picture that it is one."""
    if tool != "read":
        return brief
    if is_picture(tool, brief):
        return f"▣ {brief}"
    count = _READ_LINES.fullmatch(brief)
    first = _first_line(arguments)
    if count is None or (first == 1 and count[2] is None):
        return brief
    of = f" of {count[2]}" if count[2] else ""
    return f"lines {first}–{first + int(count[1]) - 1}{of}"


def is_picture(tool: str, brief: str) -> bool:
    """Has this result a picture in it?"""
    return tool == "read" and _PICTURE.fullmatch(brief) is not None


def _lines(text: str) -> list[str]:
    return text.strip("\n").split("\n") if text.strip() else []


def _first_line(arguments: Arguments) -> int:
    offset = arguments.get("offset")
    return offset if isinstance(offset, int) and offset > 0 else 1


def _file(arguments: Arguments, text: str, brief: str) -> View[Any] | None:
    """The lines that were read. The brief says how many they are; what follows is for the model."""
    if _PICTURE.fullmatch(brief):
        return OutputView(())
    count = _READ_LINES.fullmatch(brief)
    path = arguments.get("path")
    if count is None or not isinstance(path, str):
        return None
    return FileView(path, _first_line(arguments), text.split("\n")[: int(count[1])])


def _hits(arguments: Arguments, text: str, _brief: str) -> View[Any] | None:
    if arguments.get("mode", "lines") != "lines":
        return None
    context = any(arguments.get(key) for key in ("context", "before", "after"))
    return HitsView(hits_of(_lines(text), context=context), match_finder(arguments))


def _command(_arguments: Arguments, text: str, _brief: str) -> View[Any]:
    return CommandView(_lines(text))


_VIEWS: Final[Mapping[str, Callable[[Arguments, str, str], View[Any] | None]]] = {
    "read": _file,
    "grep": _hits,
    "bash": _command,
    "job_output": _command,
    "!": _command,
    "!!": _command,
}
