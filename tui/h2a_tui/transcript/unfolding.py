"""Unfolding without holding up the keyboard: what is long is drawn ahead in slices, and unfolded when that is done."""

from __future__ import annotations

from collections.abc import Iterator
from time import perf_counter

from h2a_tui.transcript.document import Document
from h2a_tui.transcript.items import Foldable
from h2a_tui.transcript.lines import Page

__all__ = ["Unfolding"]


class Unfolding:
    """Items of `document` that are on their way from folded to unfolded."""

    def __init__(self, document: Document) -> None:
        self._document = document
        self._going: dict[int, Iterator[None]] = {}

    def toggle(self, index: int, page: Page, deadline: float) -> bool:
        """Fold or unfold item `index`, or think better of it. Was it done before `deadline`? `advance` does the rest."""
        item = self._document.items[index]
        if self._going.pop(index, None) is not None:
            return False
        if isinstance(item, Foldable) and item.foldable and item.folded:
            self._going[index] = item.draw_ahead(page)
            self.advance(deadline)
            return index not in self._going
        return self._document.toggle_fold(index)

    def advance(self, deadline: float) -> bool:
        """Draw on; True when there is more to draw."""
        while self._going:
            index, steps = next(iter(self._going.items()))
            for _ in steps:
                if perf_counter() > deadline:
                    return True
            del self._going[index]
            item = self._document.items[index]
            if isinstance(item, Foldable) and item.folded:
                self._document.toggle_fold(index)
        return False
