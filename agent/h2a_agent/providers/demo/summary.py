"""The demo asked to summarise: no model, so it copies out what a script can find, in the order a summary has."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from h2a_agent.compaction import compact_prompt
from h2a_agent.content import TextBlock, ToolUseBlock
from h2a_agent.providers.base import Request
from h2a_agent.providers.demo.parts import Part, Say
from h2a_agent.request import SUMMARY_MARKER
from h2a_agent.safe_text import one_line

__all__ = ["is_order_to_summarise", "summary"]

_LAST: Final = 5  # wishes, answers and files that are copied
_SPEED: Final = 0.1  # nobody reads along


def is_order_to_summarise(request: Request) -> bool:
    """Is this the request of a compaction?"""
    return request.system == compact_prompt()


def summary(request: Request) -> list[Part]:
    """What was wished, said and touched, newest last. It says that a script wrote it."""
    texts = {
        role: [
            block.text
            for message in request.messages
            if message.role == role
            for block in message.content
            if isinstance(block, TextBlock)
        ]
        for role in ("user", "assistant")
    }
    wishes = [text for text in texts["user"] if not text.startswith("[")]
    earlier = [text for text in texts["user"] if text.startswith(SUMMARY_MARKER)]
    calls = [b for m in request.messages for b in m.content if isinstance(b, ToolUseBlock)]
    paths = dict.fromkeys(str(call.arguments["path"]) for call in calls if "path" in call.arguments)
    sections = {
        "Goal": [one_line(wishes[0], 200)] if wishes else [],
        "State of the work": [one_line(text, 200) for text in texts["assistant"][-_LAST:]],
        "Files": [f"`{one_line(path, 100)}`" for path in list(paths)[-_LAST:]],
        "The user's last wishes": [one_line(text, 400) for text in wishes[-_LAST:]],
    }
    note = "This summary was written by the demo, a script and not a language model: it only copies."
    if earlier:
        note += " There was a summary before it."
    listed = "".join(f"\n\n## {heading}\n{_list(lines)}" for heading, lines in sections.items() if lines)
    return [Say(note + listed, _SPEED)]


def _list(lines: Iterable[str]) -> str:
    return "\n".join(f"- {line}" for line in lines)
