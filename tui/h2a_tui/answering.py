"""Which keys answer the agent's question whether a tool may run, and which were meant for the editor.

Half of what people report about such questions is a command approved by a word they were typing. So:

- a question takes the keyboard only when the editor is empty, it has been readable for 300 ms, and nobody has typed for
  a second; otherwise it waits for the key that goes to it;
- an answer is a letter that stands alone: when another key follows within a quarter of a second, both were text
  and go to the editor, as does every other letter; the keyboard goes with the first of them, so that the rest
  of a word or line, however quickly it comes, is the editor's too;
- Enter, Space and Escape never answer.

Enter in the editor steers, which withdraws the question (steering contract).
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final, TypeAlias

from h2a_agent.events import ApprovalRequested, Decision
from h2a_tui.keymap import Action, Context, Keymap
from h2a_tui.verbs import ANSWER_ACTIONS, Hint, is_offered

__all__ = ["ANSWERS", "LONE_KEY_S", "READABLE_S", "TYPING_PAUSE_S", "Answering", "Asked", "Lone", "Typed"]

READABLE_S: Final = 0.3
TYPING_PAUSE_S: Final = 1.0
LONE_KEY_S: Final = 0.25

ANSWERS: Final[Mapping[Action, Decision]] = {
    Action.ALLOW: Decision.ALLOW,
    Action.ALLOW_SESSION: Decision.ALLOW_SESSION,
    Action.ALLOW_ALWAYS: Decision.ALLOW_ALWAYS,
    Action.REJECT: Decision.REJECT,
}
_SAID: Final = (*ANSWERS, Action.CHANGE_CALL, Action.REJECT_WITH_REASON)


@dataclass(frozen=True, slots=True)
class Lone:
    """`action` is the answer, if no other key comes within `LONE_KEY_S`; `Answering.alone` says when it has not."""

    action: Action


@dataclass(frozen=True, slots=True)
class Typed:
    """`words` are the editor's, and so is the keyboard; with `key_too` also the key itself."""

    words: str
    key_too: bool = False


@dataclass(frozen=True, slots=True)
class Asked:
    """A key that does something, but answers nothing."""

    action: Action


Pressed: TypeAlias = Lone | Typed | Asked | None


class Answering:
    """One question at a time, and the keys that are pressed while it has the keyboard."""

    def __init__(self, keymap: Keymap, clock: Callable[[], float] = time.monotonic) -> None:
        self.question: ApprovalRequested | None = None
        self._keymap = keymap
        self._clock = clock
        self._shown_at = 0.0
        self._letter = ""  # of an answer that still has to stand alone

    def ask(self, question: ApprovalRequested | None) -> None:
        """Ask something else, or nothing."""
        self.question = question
        self._shown_at = self._clock()
        self._letter = ""

    @property
    def readable(self) -> bool:
        """Has the question been on the screen long enough to be read?"""
        return self.question is not None and self._clock() - self._shown_at >= READABLE_S

    def takes_keyboard(self, *, blank: bool, last_key_at: float) -> bool:
        """Is it time to give it the keyboard, the editor being `blank` and the last key in it pressed then?"""
        return self.readable and blank and self._clock() - last_key_at >= TYPING_PAUSE_S

    def is_answer(self, action: Action) -> bool:
        """Can the present question be answered so?"""
        return action in _SAID and self.question is not None and is_offered(action, self.question)

    def words(self) -> str:
        """The answers, as a line says them."""
        return " · ".join(f"{hint.key} {hint.meaning}" for hint in self.offered())

    def offered(self) -> list[Hint]:
        """The answers there are, the most common first."""
        rows = {row.action: row for row in self._keymap.rows if row.context is Context.APPROVAL and row.keys}
        actions = (action for action in ANSWER_ACTIONS if action in rows and self.is_answer(action))
        return [Hint(self._keymap.label(action), rows[action].label) for action in actions]

    def press(self, key: str, text: str | None) -> Pressed:
        """What `key` means, which types `text` (None: nothing)."""
        if self._letter:
            return Typed(self.alone() + (text or ""), key_too=text is None)
        action = self._keymap.action(key, Context.APPROVAL, Context.GLOBAL)
        if action is not None and self.is_answer(action) and text is not None:
            if not self.readable:
                return Typed(text)  # nobody can have answered what nobody has read
            self._letter = text
            return Lone(action)
        if action is not None and action not in _SAID:
            return Asked(action)
        return Typed(text) if text is not None else None

    def alone(self) -> str:
        """The letter that was pressed has to wait no longer; "" when none does."""
        letter, self._letter = self._letter, ""
        return letter
