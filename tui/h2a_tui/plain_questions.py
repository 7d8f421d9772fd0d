"""Questions in a conversation in lines: read out whole, one at a time, and answered with a word.

A question can be answered when it has been read out, and only then. A line that is no answer is a message, which steers
and so withdraws the question; what would run something else than was shown begins with a slash, so that no message
does it by chance.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Final

from h2a_agent.events import ApprovalRequested, Decision
from h2a_tui.client import Client
from h2a_tui.spoken import sentence

__all__ = ["Questions", "question_asked", "question_lines"]

_ANSWERS: Final[Mapping[str, Decision]] = {
    "y": Decision.ALLOW,
    "yes": Decision.ALLOW,
    "a": Decision.ALLOW_SESSION,
    "always": Decision.ALLOW_ALWAYS,
    "n": Decision.REJECT,
    "no": Decision.REJECT,
}
_ASKS: Final[Mapping[str, str]] = {
    "command": "run this command",
    "diff": "make this change",
    "text": "do this",
}


def question_asked(question: ApprovalRequested) -> list[str]:
    """An approval question whole."""
    what = f"{question.tool} {_ASKS[question.detail_kind]} in {question.cwd}"
    return [
        f"Question: may {what}? {sentence(question.reason)}",
        *question.detail.splitlines(),
        "End of question.",
    ]


def question_lines(question: ApprovalRequested) -> list[str]:
    """An approval question whole, and how to answer it."""
    ways = ["y for yes", "a for yes in this whole session"]
    if question.rule:
        ways.append(f"always for yes from now on to {question.rule}")
    if question.editable:
        ways.append("/change and other words to run those instead")
    ways.append("n for no")
    *asked, end = question_asked(question)
    return [*asked, f"{end} Answer {', '.join(ways)}. n and words say why."]


class Questions:
    """The open questions to a person. `read_out` says lines and returns when they have been said."""

    def __init__(self, client: Client, read_out: Callable[[str], Awaitable[None]]) -> None:
        self._client = client
        self._read_out = read_out
        self._waiting: list[ApprovalRequested] = []
        self._asked: ApprovalRequested | None = None  # the one that has been read out whole

    async def ask(self, question: ApprovalRequested) -> None:
        """Read it out as soon as no other is open."""
        self._waiting.append(question)
        await self._next()

    async def closed(self, call_id: str) -> None:
        """A question was answered or withdrawn."""
        self._waiting = [question for question in self._waiting if question.call_id != call_id]
        if self._asked is not None and self._asked.call_id == call_id:
            self._asked = None
        await self._next()

    def answer(self, words: str) -> str | None:
        """Answer with `words`; what there is to say about it, None when they are no answer."""
        question = self._asked
        if question is None:
            return None
        letter, _, why = words.strip().partition(" ")
        decision = _ANSWERS.get(letter.lower())
        if decision is None or (why and decision is not Decision.REJECT):
            return None
        if decision is Decision.ALLOW_ALWAYS and not question.rule:
            return "There is no rule that could be kept for this one. Answer y, a or n."
        done = self._client.answer(question.call_id, decision, why.strip(), digest=question.digest)
        return "" if done else None

    def change(self, words: str) -> str:
        """Let `words` run instead of what was shown; what there is to say about it."""
        question = self._asked
        if question is None:
            return "Nothing is asked."
        if not question.editable:
            return "This one cannot be changed. Answer y, a or n."
        if not words:
            return f"Now it reads: {question.editable}\n/change and what shall run instead allows that."
        try:
            done = self._client.answer(
                question.call_id, Decision.ALLOW_CHANGED, digest=question.digest, changed=words
            )
        except ValueError as wrong:
            return sentence(f"That does not fit: {wrong}")
        return "" if done else "It is asked no more."

    async def _next(self) -> None:
        if self._waiting and self._asked is None:
            question = self._waiting[0]
            await self._read_out("\n".join(question_lines(question)))
            self._asked = question
