"""Which keys answer the question whether a folder may be obeyed.

Nothing typed ahead can say yes. The safe answer is the one already chosen, trusting takes an arrow key and then
Enter, and Enter counts only when the question has been readable for half a second and no text has come for a
second: what was meant for an editor is over by then. It is kept for the editor that comes next.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from enum import Enum
from typing import Final

from h2a_agent.safe_text import one_line
from h2a_tui.keymap import Action, Context, Keymap
from h2a_tui.typed_ahead import TypedAhead
from h2a_tui.typing_guard import TypingGuard

__all__ = ["Answer", "TrustAnswering"]


class Answer(Enum):
    """What a person can answer."""

    LOOK = "Look only: nothing in it is obeyed, changes and commands are asked about"
    TRUST = "Trust it: what is in it is obeyed, here and in the folders below"
    QUIT = "Quit"


_KEPT_SHOWN: Final = 60  # characters
_ORDER: Final = tuple(Answer)
_KEYS: Final = (Action.TRUST_PREVIOUS, Action.TRUST_NEXT, Action.TRUST_ANSWER, Action.TRUST_QUIT)


class TrustAnswering:
    """The answer that is chosen, and whether Enter gives it."""

    def __init__(self, keymap: Keymap, clock: Callable[[], float] = time.monotonic) -> None:
        self.chosen = Answer.LOOK
        self._keymap = keymap
        self._guard = TypingGuard(clock)
        self._ahead = TypedAhead(keymap, self._guard)

    def shown(self) -> None:
        """The question is on the screen now."""
        self._guard.shown()

    def pasted(self, text: str) -> None:
        """A paste is text, which was meant for somebody else."""
        self._ahead.pasted(text)

    @property
    def kept(self) -> str:
        """The text that was typed meanwhile."""
        return self._ahead.text.strip("\n")

    def press(self, key: str, character: str | None) -> Answer | None:
        """The answer that `key` gives, which types `character`; None: none yet."""
        match self._keymap.action(key, Context.TRUST):
            case Action.TRUST_QUIT:
                return Answer.QUIT
            case None:
                self._ahead.typed(key, character)
            case _ if not self._guard.readable:
                self._ahead.typed(key, character)
            case Action.TRUST_PREVIOUS:
                self._move(-1)
            case Action.TRUST_NEXT:
                self._move(1)
            case Action.TRUST_ANSWER if self._guard.nobody_types:
                return self.chosen
            case _:
                self._ahead.typed(key, character)
        return None

    def _move(self, step: int) -> None:
        self.chosen = _ORDER[(_ORDER.index(self.chosen) + step) % len(_ORDER)]

    def rows(self) -> list[tuple[str, bool]]:
        """The answers, marked, and whether each is the chosen one."""
        return [(f"{'›' if one is self.chosen else ' '} {one.value}", one is self.chosen) for one in _ORDER]

    def words(self) -> str:
        """How to answer."""
        up, down, answer, leave = (self._keymap.label(action) for action in _KEYS)
        ways = f"{up} {down} choose · {answer} answers · {leave} quits"
        return f"{ways}\nKept for the editor: {one_line(self.kept, _KEPT_SHOWN)}" if self.kept else ways
