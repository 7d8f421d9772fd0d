"""A list in the last rows to choose one row from; what is typed narrows it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import ClassVar

from h2a_tui.completion import Entry, Offer
from h2a_tui.inline.editor import InlineEditor
from h2a_tui.keymap import Action, Context
from h2a_tui.overlays import Choice
from h2a_tui.widgets.offered import Offered

__all__ = ["Picking"]


class Picking:
    """`taken` gets the id of the chosen row, None when the list was closed; `looked` the one the mark is on.

    `context` names its keys in the keymap; `ways` says what they do, where that is not what they do in every list.
    """

    context: ClassVar[Context] = Context.POPUP
    ways = ""

    def __init__(
        self,
        title: str,
        choices: Sequence[Choice],
        taken: Callable[[str | None], None],
        *,
        chosen: int = 0,
        looked: Callable[[str], None] = lambda _id: None,
        placeholder: str = "Type to narrow the list",
    ) -> None:
        self.title = title
        self.words = InlineEditor(placeholder)
        self.offered = Offered()
        self.taken = taken
        self._choices = choices
        self._looked = looked
        self._sought = ""
        self._offer("", chosen)

    def look(self) -> None:
        """Show the rows that hold every word that is typed."""
        if self.words.text != self._sought:
            self._sought = self.words.text
            self._offer(self._sought, 0)
            self._see()

    def act(self, action: Action) -> bool:
        """Move, choose or close; False: it is no key of a list."""
        match action:
            case Action.POPUP_NEXT | Action.POPUP_PREVIOUS:
                self.move(1 if action is Action.POPUP_NEXT else -1)
            case Action.POPUP_TAKE | Action.POPUP_COMPLETE if self.offered.chosen is not None:
                self.taken(self.offered.chosen.text)
            case Action.POPUP_TAKE | Action.POPUP_COMPLETE:
                pass
            case _:
                return False
        return True

    def move(self, offset: int) -> None:
        """Put the mark `offset` rows further down, around the ends."""
        self.offered.move(offset)
        self._see()

    def offer_anew(self, choices: Sequence[Choice]) -> None:
        """Show `choices` instead, of the same ids; the mark stays where it is."""
        self._choices = choices
        self._offer(self._sought, self.offered.place or 0)

    def _offer(self, sought: str, chosen: int) -> None:
        words = sought.lower().split()
        fitting = tuple(
            Entry(choice.id, choice.text, choice.aside)
            for choice in self._choices
            if all(word in f"{choice.text} {choice.aside}".lower() for word in words)
        )
        self.offered.show(Offer(0, fitting) if fitting else None, chosen if fitting else None)

    def _see(self) -> None:
        if self.offered.chosen is not None:
            self._looked(self.offered.chosen.text)
