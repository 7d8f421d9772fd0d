"""One screen with everything on it that has a colour, and its colours as plain data."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from rich.style import Style

from h2a_agent.events import (
    AnyEvent,
    ApprovalRequested,
    Done,
    Error,
    Kind,
    Outcome,
    Phase,
    Status,
    Thinking,
    TokenStream,
    ToolCall,
    ToolResult,
    Usage,
    UserInput,
)
from support.chat_pilot import Chat

__all__ = ["SIZE", "colours_of_scene", "play_scene", "styled_rows"]

SIZE: Final = (100, 64)

_ANSWER: Final = """\
# What I found

The parser reads `load_config` **twice**; see [the notes](https://example.org/notes).

> Nothing here is cached.

| file | lines |
|---|---:|
| parse.py | 120 |

```python
@cached
class Parser(Base):
    \"\"\"Reads one file.\"\"\"

    def parse(self, path: str = "a.toml") -> int:  # slow
        return len(path) + 42
```
"""
_DIFF: Final = (
    "--- a/parse.py\n+++ b/parse.py\n@@ -1,3 +1,3 @@\n import os\n-x = load(load(path))\n+x = load(path)\n"
)
_EVENTS: Final[tuple[AnyEvent, ...]] = (
    Status(Phase.PREPARING, 1),
    UserInput("i1", Kind.PROMPT, "Why is the parser slow?"),
    Status(Phase.STREAMING, 1),
    Thinking(1, 0, "The file may be read more than once."),
    TokenStream(1, 1, _ANSWER),
    ToolCall(1, 2, "c1", "edit", "complete", title="parse.py"),
    Done(1, "tool_use"),
    ToolResult("c1", Outcome.OK, "edited", "+1 −1", 0.2, diff=_DIFF),
    UserInput("i2", Kind.STEER, "Leave the cache alone, please.", cut=True),
    Status(Phase.STREAMING, 2),
    TokenStream(2, 0, "As you say. I run the tests:\n\n1. the fast ones\n2. the slow ones\n"),
    ToolCall(2, 1, "c2", "bash", "complete", title="pytest -q"),
    Done(2, "tool_use"),
    ToolResult("c2", Outcome.FAILED, "1 failed, 119 passed in 3.1s", "exit 1", 3.1),
    Error("overloaded", "The provider is overloaded", "It is tried again."),
    Usage("opus-9", 1, 2, 3, 4, 23_100, 200_000, 0.4213),
)
_QUESTION: Final = ApprovalRequested("c3", "edit", "parse.py", _DIFF, "diff", "it changes a file", "/work")


async def play_scene(chat: Chat) -> None:
    """Play everything up to an open question."""
    await chat.say(*_EVENTS)
    chat.agent.follow_up("then the changelog")
    chat.agent.nudge("mind the types")
    await chat.say(Status(Phase.APPROVAL, 2), _QUESTION)
    await chat.type("and this is a draft")
    await chat.until(lambda: not chat.screen.transcript.busy)
    await chat.settle()


def styled_rows(chat: Chat) -> list[list[tuple[str, Style | None]]]:
    """The screen as runs of text, each with its style."""
    strips = chat.app.screen._compositor.render_strips(chat.app.size)
    return [[(segment.text, segment.style) for segment in strip.simplify()] for strip in strips]


def colours_of_scene(chat: Chat) -> list[str]:
    """Every pair of colours on the screen with the first words that have it, in the order of the screen."""
    return list(_pairs(chat))


def _pairs(chat: Chat) -> Iterator[str]:
    seen = set()
    for row in styled_rows(chat):
        for text, style in row:
            if style is None or not text.strip():
                continue
            pair = tuple(colour.name if colour else "-" for colour in (style.color, style.bgcolor))
            if pair not in seen:
                seen.add(pair)
                yield f"{pair[0]:14} {pair[1]:14} {text.strip()[:24]}"
