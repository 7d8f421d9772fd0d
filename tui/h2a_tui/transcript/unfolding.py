"""Unfolding without holding up the keyboard: what is long is drawn ahead in slices, and unfolded when that is done."""

from __future__ import annotations

from collections.abc import Iterator
from time import perf_counter

from h2a_tui.transcript.items import Foldable
from h2a_tui.transcript.viewport import Viewport

__all__ = ["Unfolding"]


class Unfolding:
    """Items of a view's document that are on their way from folded to unfolded."""

    def __init__(self, view: Viewport) -> None:
        self._view = view
        self._document = view.document
        self._going: dict[int, Iterator[None]] = {}
        self._all: Iterator[None] | None = None

    def toggle(self, index: int, deadline: float) -> bool:
        """Fold or unfold item `index`, or think better of it. Was it done before `deadline`? `advance` does the rest."""
        item = self._document.items[index]
        if self._going.pop(index, None) is not None:
            return False
        if isinstance(item, Foldable) and item.foldable and item.folded:
            self._going[index] = item.draw_ahead(self._view.page)
            self.advance(deadline)
            return index not in self._going
        return self._document.toggle_fold(index)

    def toggle_all(self) -> None:
        """Unfold everything, or fold it when nothing is folded, or think better of it. `advance` does it."""
        self._all = self._toggle_all() if self._all is None else None

    def advance(self, deadline: float) -> bool:
        """Draw on; True when there is more to draw."""
        for _ in self._all or ():
            if perf_counter() > deadline:
                return True
        self._all = None
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

    def _toggle_all(self) -> Iterator[None]:
        """Look at each item, then turn them at once."""
        self._going.clear()
        found: list[int] = []
        fold = True
        for index, item in enumerate(self._document.items):
            if isinstance(item, Foldable) and item.foldable:
                found.append(index)
                fold = fold and not item.folded
            if item.lines is None:
                item.forget()  # what it took to say whether it can be folded
            yield
        if not fold:
            yield from self._draw_screenful()
        self._document.fold(found, fold)

    def _draw_screenful(self) -> Iterator[None]:
        """Draw ahead what will be seen first when everything is unfolded."""
        view = self._view
        room = view.height
        for index in reversed(view.items) if view.follow else view.items:
            item = self._document.items[index]
            if isinstance(item, Foldable) and item.foldable and item.folded:
                for _ in item.draw_ahead(view.page):
                    room -= 1
                    yield
            if room <= 0:
                return
