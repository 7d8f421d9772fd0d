"""A conversation as Markdown: headings to jump to, calls and thoughts folded where the reader's program can fold."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from datetime import UTC, datetime
from html import escape
from typing import Final

from h2a_agent.events import Kind
from h2a_agent.export.conversation import Answer, Call, Conversation, Prompt, Thought, Words
from h2a_agent.safe_text import one_line

__all__ = ["CUT_NOTES", "to_markdown", "when"]

CUT_NOTES: Final = {
    "steer": "cut here by the next message",
    "abort": "stopped here by the user",
    "connection": "the connection broke here",
    "crash": "the program ended here",
}
_TICKS: Final = re.compile(r"`{3,}")


def when(time: float) -> str:
    """A moment for people, in UTC."""
    return f"{datetime.fromtimestamp(time, UTC):%Y-%m-%d %H:%M} UTC" if time else ""


def to_markdown(conversation: Conversation) -> str:
    """The whole file."""
    return "\n\n".join(_blocks(conversation)) + "\n"


def _blocks(conversation: Conversation) -> Iterator[str]:
    yield f"# {conversation.title}"
    facts = [when(conversation.started), str(conversation.workspace), *conversation.models]
    yield " · ".join(fact for fact in facts if fact)
    for turn in conversation.turns:
        match turn:
            case Prompt():
                yield from _prompt(turn)
            case Answer():
                yield from _answer(turn)
            case Call():
                yield _call(turn)
    yield "---"
    yield f"h2a-chat session {conversation.id}"


def _prompt(prompt: Prompt) -> Iterator[str]:
    word = "Steer" if prompt.kind is Kind.STEER else "Prompt"
    label = f" · {prompt.label}" if prompt.label else ""
    yield f"## {prompt.number}. {word}: {one_line(prompt.text, 60) or 'an image'}{label}"
    if prompt.cut:
        yield "*This message cut the answer above.*"
    if prompt.text:
        yield "\n".join(f"> {line}".rstrip() for line in prompt.text.split("\n"))
    yield from (f"![image](data:{image.media_type};base64,{image.data})" for image in prompt.images)


def _answer(answer: Answer) -> Iterator[str]:
    for part in answer.parts:
        match part:
            case Words(text):
                yield text
            case Thought(text):
                yield _folded("Thinking", _fenced(text))
            case Call():
                yield _call(part)
    if answer.cut:
        yield f"*✂ {CUT_NOTES.get(answer.cut, answer.cut)}*"


def _call(call: Call) -> str:
    facts = [str(call.outcome or "no result"), call.brief]
    if call.elapsed_s >= 0.05:
        facts.append(f"{call.elapsed_s:.1f} s")
    heading = f"{call.name} <code>{escape(call.title)}</code> · {escape(' · '.join(f for f in facts if f))}"
    body = [_fenced(json.dumps(call.arguments, ensure_ascii=False, indent=2), "json")]
    if call.diff:
        body.append(_fenced(call.diff, "diff"))
    if call.text:
        body.append(_fenced(call.text))
    return _folded(heading, "\n\n".join(body))


def _folded(heading: str, body: str) -> str:
    return f"<details><summary>{heading}</summary>\n\n{body}\n\n</details>"


def _fenced(text: str, language: str = "") -> str:
    """`text` in a fence that nothing in it can close."""
    longest = max((len(ticks) for ticks in _TICKS.findall(text)), default=2)
    fence = "`" * (longest + 1)
    return f"{fence}{language}\n{text.rstrip()}\n{fence}"
