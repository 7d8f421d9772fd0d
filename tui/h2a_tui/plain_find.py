"""`/find` in a conversation in lines: the places where something was said, newest first."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Final

from h2a_agent.events import AnyEvent, TokenStream, ToolCall, ToolResult, UserInput
from h2a_agent.safe_text import one_line

__all__ = ["find_in"]

_MOST: Final = 20  # places that are read out
_AROUND: Final = 60  # characters before and after


def find_in(past: Iterable[AnyEvent], wanted: str) -> list[str]:
    """What to say about `wanted` in `past`. Written in small letters only, it is found in capitals, too."""
    if not wanted:
        return ["/find needs a text, such as /find port 8080"]
    pattern = re.compile(re.escape(wanted), re.IGNORECASE if wanted == wanted.lower() else 0)
    places = [
        f"{who}: {_around(text, *match.span())}"
        for who, text in _said(past)
        for match in pattern.finditer(text)
    ]
    if not places:
        return [f"Nobody has said {wanted!r} in this conversation."]
    more = f", of which the newest {_MOST} are" if len(places) > _MOST else ""
    count = "1 place" if len(places) == 1 else f"{len(places)} places"
    return [f"{count}{more}, the newest first:", *places[: -_MOST - 1 : -1]]


def _said(past: Iterable[AnyEvent]) -> Iterable[tuple[str, str]]:
    for event in past:
        match event:
            case UserInput(text=text):
                yield "You", text
            case TokenStream(text=text):
                yield "Agent", text
            case ToolCall(stage="complete", name=name, title=title):
                yield f"Tool {name}", title
            case ToolResult(text=text):
                yield "Result", text
            case _:
                pass


def _around(text: str, begin: int, end: int) -> str:
    before, after = max(0, begin - _AROUND), end + _AROUND
    words = one_line(text[before:after], 4 * _AROUND)
    return ("… " if before else "") + words + (" …" if after < len(text) else "")
