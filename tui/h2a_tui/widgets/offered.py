"""An offer as a list: which entry is chosen, which are in sight, and how a row reads."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from rich.style import Style
from rich.text import Text

from h2a_agent.safe_text import one_line
from h2a_tui.completion import Entry, Offer

__all__ = ["Offered"]

_ROWS: Final = 8
_LABEL_SHARE: Final = 0.6  # of the width, at most, where there is help beside it


class Offered:
    """Nothing, or an offer with at most one of its entries chosen."""

    def __init__(self) -> None:
        self.offer: Offer | None = None
        self._at: int | None = None
        self._most = _ROWS
        self._first = 0

    def show(self, offer: Offer | None, chosen: int | None = None) -> None:
        """Offer something else; None: nothing. Without `chosen` the offer says whether its first entry is."""
        self.offer = offer
        self._at = chosen if chosen is not None else 0 if offer is not None and offer.eager else None
        self._first = max(0, (self._at or 0) - self.rows + 1)

    def limit_to(self, screen_rows: int) -> None:
        """Take no more than a quarter of a screen of `screen_rows`."""
        self._most = max(1, min(_ROWS, screen_rows // 4))

    @property
    def rows(self) -> int:
        """How many rows it wants."""
        return 0 if self.offer is None else min(len(self.offer.entries), self._most)

    @property
    def chosen(self) -> Entry | None:
        """The entry that would be taken."""
        return None if self.offer is None or self._at is None else self.offer.entries[self._at]

    @property
    def place(self) -> int | None:
        """Where that is."""
        return self._at

    def move(self, offset: int) -> None:
        """Choose the entry `offset` further down, around the ends."""
        if self.offer is None:
            return
        count = len(self.offer.entries)
        at = (0 if offset > 0 else count - 1) if self._at is None else (self._at + offset) % count
        self._at = at
        self._first = min(max(self._first, at - self.rows + 1), at)

    def choose_row(self, row: int) -> bool:
        """Choose what is in that row; False where there is nothing."""
        if self.offer is None or self._first + row >= len(self.offer.entries):
            return False
        self._at = self._first + row
        return True

    def lines(self, width: int, height: int, style: Callable[[str], Style]) -> list[Text]:
        """The entries around the chosen one; `style` has one for each of `chosen`, `label` and `help`."""
        if self.offer is None:
            return []
        rows = max(1, min(self.rows, height))
        first = max(self._first, 0 if self._at is None else self._at - rows + 1)
        shown = list(enumerate(self.offer.entries))[first : first + rows]
        helped = any(entry.help for _, entry in shown)
        column = int(width * _LABEL_SHARE) if helped else width - 2
        column = min(column, max(Text(_label(entry)).cell_len for _, entry in shown))
        return [self._line(index, entry, column, width, style) for index, entry in shown]

    def _line(self, index: int, entry: Entry, column: int, width: int, style: Callable[[str], Style]) -> Text:
        chosen = index == self._at
        label = Text(_label(entry), style("chosen" if chosen else "label"), no_wrap=True, end="")
        label.truncate(column, overflow="ellipsis", pad=bool(entry.help))
        row = Text.assemble("▸ " if chosen else "  ", label, no_wrap=True, end="")
        if entry.help:
            row.append(f"  {one_line(entry.help)}", style("help"))
        row.truncate(width, overflow="ellipsis")
        return row


def _label(entry: Entry) -> str:
    return one_line(entry.label, 300)
