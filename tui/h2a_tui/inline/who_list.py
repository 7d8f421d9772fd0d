"""Who shall answer, as a list in the last rows."""

from __future__ import annotations

from collections.abc import Callable

from h2a_tui.inline.picking import Picking
from h2a_tui.overlays import Choice
from h2a_tui.who_answers import WhoAnswers

__all__ = ["WhoList"]


class WhoList(Picking):
    """The rows of `who` without their headings, which would take the place of rows. `changed` asks for a frame."""

    def __init__(self, who: WhoAnswers, changed: Callable[[], None]) -> None:
        self._who = who
        self._changed = changed
        rows = self._rows()
        super().__init__(
            who.title,
            rows,
            looked=self._tell,
            placeholder="Type to find a provider, another server, the demo",
        )
        self.trouble = f"✗ {who.trouble}" if who.trouble else ""
        self._tell(rows[0].id)

    def show_anew(self) -> None:
        """More is known of who could answer."""
        self.offer_anew(self._rows())
        if self.offered.chosen is not None:
            self._tell(self.offered.chosen.text)
        self._changed()

    def _rows(self) -> list[Choice]:
        return [
            Choice(row.id, row.full or row.text, row.aside)
            for row in self._who.rows()
            if isinstance(row, Choice)
        ]

    def _tell(self, chosen: str) -> None:
        here = self._who.here
        self.title = f"{self._who.title} · on this machine: {here}" if here else self._who.title
        self.about = self._who.about(chosen)
