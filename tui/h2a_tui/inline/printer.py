"""The conversation as rows that are written once: what of it is final, and what is still being written.

Order is that of the conversation. A call is final when its result is there, and what follows waits for it; only a
command of the person's own (`!make`) lets others pass, because the agent goes on beside it, and is written when it ends.
Of code that is being written each line is final with its end.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import inf
from time import perf_counter, time

from h2a_agent.events import AnyEvent, InputRestored, PathChanged, UserInput
from h2a_tui.transcript.answer import Code
from h2a_tui.transcript.document import Document
from h2a_tui.transcript.items import Foldable, Item, Notice, Tone, UserMessage, estimate
from h2a_tui.transcript.lines import Line, Page
from h2a_tui.transcript.tool_item import ShellItem, Stage, ToolItem

__all__ = ["Printer"]


class Printer:
    """Folds events in and hands rows out, each once."""

    def __init__(self, page: Page) -> None:
        self.page = page
        self.document = Document()
        self._next = 0  # the first item that is not written yet
        self._begun = 0  # lines of that one that are, if it is code
        self._passed: list[int] = []  # commands that run on while others are written
        self._notes: list[Item] = []  # what no event brought
        self._said: dict[str, int] = {}
        self._unfolded_to: int | None = None

    # --------------------------------------------------------------- content

    def apply(self, event: AnyEvent) -> None:
        """Show what happened."""
        match event:
            case PathChanged(past=past):
                self._begin_anew(past)
                return
            case InputRestored(retracted=retracted) if any(
                self._said.get(i, self._next) < self._next for i in retracted
            ):
                self._notes.append(Notice("▤", "taken back: it is in the editor again"))
            case UserInput(item_id=item_id):
                self._said.setdefault(item_id, len(self.document.items))
            case _:
                pass
        self.document.apply(event)

    def begin(self, past: Sequence[AnyEvent], rows: int) -> None:
        """Show the end of a session's past, some `rows` of it; what was before that is in its file."""
        for event in past:
            self.document.apply(event)
        while self.document.settle():
            pass
        items, first, room = self.document.items, len(self.document.items), rows
        while first and room > 0:
            first -= 1
            room -= estimate(items[first].size, self.page.column)
        # Whole exchanges, and at least the last one.
        prompts = self.document.prompts
        first = next((p for p in prompts if p >= first), prompts[-1] if prompts else first)
        if first > 0:
            self._notes.append(Notice("⋯", "what was said before is in the session"))
        self._next = first

    def _begin_anew(self, past: Sequence[AnyEvent]) -> None:
        """The conversation goes on from somewhere else: say so, and from what."""
        self._passed, self._said, self._unfolded_to = [], {}, None
        self.document = Document()
        self._next = self._begun = 0
        self.begin(past, 1)
        self._notes[:] = [Notice("⎇", "the conversation goes on from here", Tone.WARNING)]

    def tell(self, text: str) -> None:
        """Say something that no event brought, behind what is written."""
        self._notes.append(Notice("▤", text))

    def settle(self) -> bool:
        """Cut some of what has come into blocks; True when there is more."""
        return self.document.settle()

    @property
    def clock_runs(self) -> bool:
        """Does something in the live rows show how long it has been going on?"""
        return self.document.clock_runs

    def tick(self) -> None:
        """A second has gone by."""
        self.document.tell_time(time())

    # ---------------------------------------------------------------- drawing

    def finished(self, until: float) -> list[Line]:
        """Rows of what has become final, as far as they can be drawn before `until` (as of `perf_counter`)."""
        rows: list[Line] = []
        items = self.document.items
        for note in self._notes:
            rows += note.render(self.page)
        self._notes.clear()
        for index in [i for i in self._passed if self.document.is_final(i)]:
            self._passed.remove(index)
            rows += self._written(items[index])
        while self._next < len(items) and perf_counter() < until:
            item = items[self._next]
            if self.document.is_final(self._next):
                rows += self._written(item, self._begun)
            elif isinstance(item, ShellItem):
                self._passed.append(self._next)
            else:
                rows += self._whole_lines(item)
                break
            self._next, self._begun = self._next + 1, 0
        return rows

    @property
    def more_finished(self) -> bool:
        """Is there something left to write?"""
        items = self.document.items
        return self._next < len(items) and self.document.is_final(self._next)

    def live(self, most: int) -> list[Line]:
        """The last rows of what is not final, at most so many; none while there is final text that should be above them."""
        if self.more_finished:
            return []
        rows: list[Line] = []
        dirty, items = self.document.dirty, self.document.items
        for index in [*range(len(items) - 1, self._next - 1, -1), *reversed(self._passed)]:
            item = items[index]
            if isinstance(item, ToolItem) and item.stage is Stage.WAITING:
                continue  # its question is shown
            if item.lines is None or index in dirty:
                item.lines = self._rest(item, self._begun if index == self._next else 0)
            rows[:0] = item.lines
            if len(rows) >= most:
                break
        dirty.clear()
        return rows[-most:] if most > 0 else []

    def rest(self) -> list[Line]:
        """Everything that is not written yet, as it is now: nothing more will come."""
        while self.document.settle():
            pass
        rows = self.finished(inf)
        items = self.document.items
        for index in [*self._passed, *range(self._next, len(items))]:
            rows += self._written(items[index], self._begun if index == self._next else 0)
        self._next, self._passed = len(items), []
        return rows

    def set_page(self, page: Page) -> None:
        """Draw on another page from now on; what is written stays as it is."""
        self.page = page
        for index in [*self._passed, *range(self._next, len(self.document.items))]:
            self.document.items[index].forget()

    def unfold(self) -> list[Line]:
        """The newest result that was folded, whole; the next time the one before it. Nothing when there is none."""
        items = self.document.items
        last = self._next if self._unfolded_to is None else self._unfolded_to
        for index in range(min(last, len(items)) - 1, -1, -1):
            item = items[index]
            if (
                isinstance(item, Foldable)
                and not isinstance(item, UserMessage)
                and item.folded
                and item.foldable
            ):
                self._unfolded_to = index
                item.folded = False
                rows = item.render(self.page)
                item.folded = True
                item.forget()
                return rows
        return []

    def _whole_lines(self, item: Item) -> list[Line]:
        """Of code that is being written, the lines that are whole."""
        if not isinstance(item, Code) or len(item.source) == self._begun:
            return []
        gap = [Line([])] if item.gap and not self._begun else []
        rows = item.whole_rows(self.page, self._begun)
        self._begun, item.lines = len(item.source), None
        return gap + rows

    def _rest(self, item: Item, begun: int) -> list[Line]:
        """The rows of `item` but those of the lines that are written."""
        if not begun or not isinstance(item, Code):
            return item.render(self.page)
        return item.rows(self.page, begun)

    def _written(self, item: Item, begun: int = 0) -> list[Line]:
        rows = self._rest(item, begun)
        item.forget()
        self._unfolded_to = None
        return rows
