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
    `about` stands below the title, `trouble` in its place.
    """

    context: ClassVar[Context] = Context.POPUP
    ways = ""
    about = ""
    trouble = ""

    def __init__(
        self,
        title: str,
        choices: Sequence[Choice],
        taken: Callable[[str | None], None] = lambda _id: None,
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
        self._offer(chosen)

    def look(self) -> None:
        """Show the rows that hold every word that is typed."""
        if self.words.text != self._sought:
            self._sought = self.words.text
            self._offer(0)
            self._see()

    def paste(self, text: str) -> None:
        """Insert a paste, which becomes one line."""
        self.words.insert(" ".join(text.split()))
        self.look()

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
        """Show `choices` instead; the mark stays on the row it is on."""
        before, place = self.offered.chosen, self.offered.place or 0
        self._choices = choices
        self._offer(place, before.text if before is not None else "")

    def _offer(self, place: int, chosen: str = "") -> None:
        """Offer what fits, the mark on the row with the id `chosen`, without that on the one at `place`."""
        words = self._sought.lower().split()
        fitting = tuple(
            Entry(choice.id, choice.text, choice.aside)
            for choice in self._choices
            if all(word in f"{choice.text} {choice.aside}".lower() for word in words)
        )
        at = next(
            (n for n, entry in enumerate(fitting) if entry.text == chosen), min(place, len(fitting) - 1)
        )
        self.offered.show(Offer(0, fitting) if fitting else None, at if fitting else None)

    def _see(self) -> None:
        if self.offered.chosen is not None:
            self._looked(self.offered.chosen.text)
