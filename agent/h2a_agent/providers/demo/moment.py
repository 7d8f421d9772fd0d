"""Where a conversation stands, read from a request alone: the demo keeps nothing in mind between requests."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, Literal, TypeAlias

from h2a_agent.content import ImageBlock, Message, TextBlock, ToolResultBlock, ToolUseBlock, plain_text
from h2a_agent.history import Cut
from h2a_agent.providers.base import Request
from h2a_agent.request import CUT_MARKERS, SUMMARY_MARKER

__all__ = ["Moment", "Result", "ResultState", "read_moment"]

ResultState: TypeAlias = Literal["ok", "failed", "stopped", "not started", "refused", "not allowed"]

_CUTS: Final[Mapping[str, Cut]] = {marker: cut for cut, marker in CUT_MARKERS.items()}

# How the runner words a result that is none; whatever else comes is what the tool said.
_STATES: Final[tuple[tuple[str, ResultState], ...]] = (
    ("Stopped after", "stopped"),
    ("Not run: the user refused", "refused"),
    ("Not started", "not started"),
    ("Not run", "not started"),
    ("Not allowed", "not allowed"),
)
# How the tools say that there is nothing, or that there is more.
_REMARK: Final = re.compile(r"\[.*\]|\(.*\)")
_NOTHING: Final = frozenset({"No matches.", "No files match."})
_LONGEST: Final = 20_000  # characters of a message that are looked at; the rest of a huge paste is not
_STEERED: Final = re.compile(r"the user(?:'s)? steer(?:ed|ing)")
_SAID: Final = re.compile(r"They said: (.+)")


@dataclass(frozen=True, slots=True)
class Result:
    """One call of the answer before, and what came of it."""

    name: str
    arguments: Mapping[str, Any]
    text: str
    state: ResultState

    @property
    def lines(self) -> list[str]:
        """What the tool printed, without its remarks at the end and blank lines round them."""
        lines = [line.rstrip() for line in self.text.splitlines()]
        while lines and (not lines[-1] or lines[-1] in _NOTHING or _REMARK.fullmatch(lines[-1])):
            lines.pop()
        return lines

    @property
    def reason(self) -> str:
        """Why the user refused the call, in their words; "" when they gave none."""
        said = _SAID.search(self.text)
        return said[1].strip() if said and self.state == "refused" else ""


@dataclass(frozen=True, slots=True)
class Moment:
    """What the script may look at.

    `words` is the user's latest wish, `also` what came together with it, and `turn` the number of answers it
    has had. `first` is true while nothing was answered before that wish. `cut` says how the answer before was
    cut, after `cut_words` words; `results` are those of its calls. `said` is all the demo has said so far,
    `done` the facts a hint may rest on: how answers were cut and which tools were called. `tools` are those that
    can be called.
    """

    words: str
    also: tuple[str, ...]
    turn: int
    first: bool
    images: int
    cut: Cut
    cut_words: int
    results: tuple[Result, ...]
    said: str
    done: frozenset[str]
    tools: frozenset[str]

    @property
    def steered_in_tools(self) -> bool:
        """Did the words come while tools ran or a question was open, and end them?"""
        return any(r.state in ("stopped", "not started") and _STEERED.search(r.text) for r in self.results)

    def result(self, name: str) -> Result | None:
        """What came of the first call of the tool `name` in the answer before."""
        return next((r for r in self.results if r.name == name), None)


def read_moment(request: Request) -> Moment:
    """The moment `request` is sent at."""
    messages = request.messages
    wish = max((i for i, m in enumerate(messages) if m.role == "user" and _has_words(m)), default=0)
    last = messages[-1] if messages else Message("user", ())
    before = messages[-2] if len(messages) > 1 else Message("assistant", ())
    calls = {b.id: b for m in messages for b in m.content if isinstance(b, ToolUseBlock)}
    results = tuple(
        _result(calls[block.call_id], block)
        for block in last.content
        if isinstance(block, ToolResultBlock) and block.call_id in calls
    )
    cuts = [_CUTS[b.text] for b in last.content if isinstance(b, TextBlock) and b.text in _CUTS]
    answers = [m for m in messages if m.role == "assistant"]
    turn = sum(m.role == "assistant" for m in messages[wish:])
    texts, images = _words(messages[wish]) if messages else ([], 0)
    return Moment(
        words=texts[-1] if texts else "",
        also=tuple(texts[:-1]),
        turn=turn,
        first=len(answers) == turn,
        images=images,
        cut=cuts[-1] if cuts else "",
        cut_words=len(plain_text(before.content).split()),
        results=results,
        said="\n".join(plain_text(m.content) for m in answers),
        done=frozenset(c.name for c in calls.values()) | _cuts_of(messages),
        tools=frozenset(tool.name for tool in request.tools),
    )


def _has_words(message: Message) -> bool:
    return any(
        isinstance(b, ImageBlock) or (isinstance(b, TextBlock) and not _is_ours(b.text))
        for b in message.content
    )


def _is_ours(text: str) -> bool:
    """A marker or a summary: not the user's words."""
    return text in _CUTS or text.startswith(SUMMARY_MARKER)


def _words(message: Message) -> tuple[list[str], int]:
    """What was said, in the order of delivery, and how many pictures came along."""
    texts = [
        b.text[:_LONGEST].strip()
        for b in message.content
        if isinstance(b, TextBlock) and not _is_ours(b.text)
    ]
    return texts, sum(isinstance(b, ImageBlock) for b in message.content)


def _cuts_of(messages: tuple[Message, ...]) -> frozenset[str]:
    """`steer`, `abort`, ... : every way in which something was cut so far, answers and tools alike."""
    cuts: set[str] = set()
    for message in messages:
        for block in message.content:
            if isinstance(block, TextBlock) and block.text in _CUTS:
                cuts.add(_CUTS[block.text])
            elif isinstance(block, ToolResultBlock) and _STEERED.search(plain_text(block.content)[:200]):
                cuts.add("steer")
    return frozenset(cuts)


def _result(call: ToolUseBlock, block: ToolResultBlock) -> Result:
    text = plain_text(block.content)
    state: ResultState = "failed" if block.is_error else "ok"
    for beginning, meaning in _STATES:
        if text.startswith(beginning):
            state = meaning
            break
    return Result(call.name, call.arguments, text, state)
