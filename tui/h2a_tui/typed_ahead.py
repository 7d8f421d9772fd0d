"""What somebody types while a question comes up that they cannot have read yet: it answers nothing, and is kept.

Until the question has been readable for a moment and nobody types, every key is text for an editor or nothing. The
first that comes later is the question's, and what was kept goes where it was meant for.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from h2a_tui.keymap import EDITING, Action, Context, Keymap
from h2a_tui.typing_guard import TypingGuard

__all__ = ["TypedAhead", "below"]


class _Editor(Protocol):
    @property
    def text(self) -> str: ...
    def write(self, text: str) -> None: ...


def below(editor: _Editor) -> Callable[[str], None]:
    """What keeps words in `editor`: under what it holds, such as the prompt of the command line."""
    return lambda words: editor.write(f"\n{words}" if editor.text else words)


class TypedAhead:
    """One question's. `keep` gets what was typed too early, once, when the question begins to be answered."""

    def __init__(self, keymap: Keymap, guard: TypingGuard, keep: Callable[[str], object] = str) -> None:
        self.text = ""
        self._keymap = keymap
        self._guard = guard
        self._keep = keep
        self._shown = False

    def shown(self) -> None:
        """The question is on the screen; only the first time counts."""
        if not self._shown:
            self._shown = True
            self._guard.shown()

    def takes(self, key: str, character: str | None) -> bool:
        """Does `key`, which types `character`, come too early? Then it has been kept, or was none to keep."""
        if self._shown and self._guard.readable and self._guard.nobody_types:
            return False
        self.typed(key, character)
        return True

    def typed(self, key: str, character: str | None) -> None:
        """Keep what `key` types, whenever it comes."""
        match self._keymap.action(key, Context.COMPOSER):
            case Action.SUBMIT | Action.NEWLINE:
                self.text = f"{self.text}\n" if self.text else ""
            case None if character:
                self._guard.typed()
                self.text += character
            case _ if EDITING.get(key) == "delete_left":
                self.text = self.text[:-1]
            case _:
                pass

    def pasted(self, text: str) -> None:
        """A paste is text."""
        self._guard.typed()
        self.text += text

    def hand_over(self) -> None:
        """From now on keys answer."""
        if text := self.text.strip("\n"):
            self._keep(text)
