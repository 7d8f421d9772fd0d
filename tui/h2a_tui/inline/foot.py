"""The rows below the conversation: what is to be done, what waits, what can be taken, the prompt, the keys, the state."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

from rich.cells import cell_len
from rich.style import Style
from rich.text import Text

from h2a_agent.events import QueueItem, TodoItem
from h2a_agent.safe_text import one_line
from h2a_agent.state import State
from h2a_tui.inline.ansi import Ink
from h2a_tui.inline.editor import InlineEditor, Look
from h2a_tui.theme import Styles
from h2a_tui.verbs import Hint
from h2a_tui.widgets.hint_text import hint_text
from h2a_tui.widgets.offered import Offered
from h2a_tui.widgets.queue_choice import QueueChoice
from h2a_tui.widgets.queue_row import queue_row, queue_title
from h2a_tui.widgets.status_facts import SEPARATOR, Fact, Facts, facts_shown, state_glyph, state_line
from h2a_tui.widgets.todo_rows import current_todo, todo_window, todo_words

__all__ = ["Painter"]

_QUEUE_ROWS = 6
_TODO_ROWS = 8
_MARK = "› "
_WORDS = 400  # characters about what is asked


@dataclass(frozen=True, slots=True)
class Painter:
    """Draws each of them in `width` cells with these `styles`, as ready rows."""

    ink: Ink
    styles: Styles
    width: int

    def row(self, *parts: tuple[str, Style] | str) -> str:
        """Words, cut where there is no more room."""
        return self.text(Text.assemble(*parts, no_wrap=True, end=""))

    def text(self, text: Text) -> str:
        """One row."""
        return self.ink.text(text, self.width)

    def wrapped(self, words: str | Text) -> list[str]:
        """Words that must not be cut, in as many rows as they need."""
        text = Text(words) if isinstance(words, str) else words
        return self.ink.rendered(text, self.width, self.styles.page)

    def fitting(self, words: str, style: Style, most: int) -> list[str]:
        """Words in at most `most` rows, cut at a word where they need more."""
        return list(_fitting_rows(self, one_line(words, _WORDS), style, most)) if words and most > 0 else []

    # ------------------------------------------------------------------ the state

    def status(self, state: State, facts: Facts, notice: str, now: float, frame: int | None) -> str:
        """The state at the left; facts, or a short notice, at the right."""
        left = f"{state_glyph(state, frame)} {state_line(state, now)}"
        room = max(0, self.width - cell_len(left) - 2)
        shown = () if notice else tuple(facts_shown(state, facts, room))
        return _status_row(self, left, state.word, shown, notice)

    def hints(self, hints: tuple[Hint, ...], mode: str = "") -> str:
        """What the keys do now, behind the word for the mode of an editor that has modes."""
        return _hint_row(self, hints, mode)

    # ------------------------------------------------------------------ the prompt

    def prompt(self, editor: InlineEditor, most: int) -> list[str]:
        """The editor behind its mark."""
        page = self.styles.page
        look = Look(page, page + Style(reverse=True), self.styles.selection, self.styles.dim)
        rows = editor.rows(self.width - len(_MARK), most, look)
        mark = self.row((_MARK, self.styles.accent + Style(bold=True)))
        return [(mark if not place else "  ") + self.ink.line(row) for place, row in enumerate(rows)]

    def offered(self, offered: Offered, most: int) -> list[str]:
        """What can be taken, the chosen one marked."""
        styles = {
            "chosen": self.styles.accent + Style(bold=True),
            "label": self.styles.page,
            "help": self.styles.dim,
        }
        return [self.text(line) for line in offered.lines(self.width, most, styles.__getitem__)]

    # ------------------------------------------------------------ what waits, what is to be done

    def queue(
        self, queue: QueueChoice, *, paused: bool, choosing: bool, most: int, now: float, key: str
    ) -> list[str]:
        """Waiting messages in the order of delivery, below what was just delivered."""
        if not queue.items and not queue.receipts:
            return []
        sight = queue.in_sight(max(1, min(_QUEUE_ROWS, most - 1)), choosing=choosing)
        rows = [
            self._queued("✓", item, queue, now, delivered=True) for item in queue.receipts[: sight.receipts]
        ]
        for place, item in enumerate(queue.items[sight.first : sight.first + sight.items], sight.first + 1):
            chosen = choosing and item is queue.chosen
            rows.append(self._queued(str(place), item, queue, now, paused=paused, chosen=chosen))
        oldest_s = now - min((item.accepted_at for item in queue.items), default=now)
        title, held, advice = queue_title(len(queue.items), oldest_s, self.width, paused=paused, key=key)
        styles = self.styles
        head = self.row(
            (title, styles.muted),
            (held, styles.rich("status_paused") + Style(bold=True)),
            (advice, styles.muted),
        )
        return [head, *rows] if most > 1 else rows

    def _queued(
        self,
        place: str,
        item: QueueItem,
        queue: QueueChoice,
        now: float,
        *,
        paused: bool = False,
        chosen: bool = False,
        delivered: bool = False,
    ) -> str:
        styles = self.styles
        mark = f"{'▸' if chosen else ' '} {place:>{len(str(len(queue.items)))}} "
        kind, text, aside = queue_row(item, self.width - len(mark), now, paused=paused, delivered=delivered)
        quiet = styles.success if delivered else styles.dim
        kinds = {"next-step": "nudge", "follow-up": "follow_up", "compact": "muted"}
        of_kind = styles.rich(kinds.get(item.kind.value, item.kind.value), on="background")
        row = Text.assemble((mark, quiet), (kind, of_kind), ("  ", styles.page), (text.rstrip(), styles.page))
        if aside:
            row.append(f"  {aside}", quiet)
        if chosen:
            row.stylize(Style(bold=True))
        return self.text(row)

    def todos(self, items: Sequence[TodoItem], *, unfolded: bool, most: int) -> list[str]:
        """The agent's list, folded to what is next."""
        styles = self.styles
        done = sum(item.status.value == "done" for item in items)
        by_status = {"pending": styles.page, "in_progress": styles.accent, "done": styles.dim}

        def row(place: int, before: str) -> str:
            item = items[place]
            return self.row((before, styles.muted), (todo_words(item), by_status[item.status.value]))

        if not unfolded:
            return [row(current_todo(items), f"{done}/{len(items)} ")]
        shown = todo_window(items, max(1, min(_TODO_ROWS, most - 1)))
        return [
            self.row((f"{done}/{len(items)} to do", styles.muted)),
            *(row(place, "  ") for place in shown),
        ]


# Drawn with every frame, and nearly always what they were in the last one.


@lru_cache(maxsize=8)
def _status_row(painter: Painter, left: str, word: str, facts: tuple[Fact, ...], notice: str) -> str:
    styles = painter.styles
    tones = {"": styles.muted, "warning": styles.warning, "error": styles.error + Style(bold=True)}
    # Facts are not pushed to the right edge: a row of blanks would be wrapped when the window is made narrower.
    row = Text.assemble((left, styles.rich(f"status_{word}")), ("  ", styles.muted), no_wrap=True)
    for index, fact in enumerate(facts):
        row.append(SEPARATOR if index else "", styles.muted)
        row.append(fact.text, tones[fact.tone])
    row.append(notice, styles.page)
    row.truncate(painter.width, overflow="ellipsis")
    return painter.text(row)


@lru_cache(maxsize=8)
def _hint_row(painter: Painter, hints: tuple[Hint, ...], mode: str) -> str:
    before = f"{mode}  " if mode else ""
    line = hint_text(hints, painter.width - len(before), "key", "text")
    styles = {"key": painter.styles.page, "text": painter.styles.dim}
    for index, span in enumerate(line.spans):
        line.spans[index] = span._replace(style=styles[str(span.style)])
    return painter.text(Text.assemble((before, painter.styles.accent + Style(bold=True)), line))


@lru_cache(maxsize=8)
def _fitting_rows(painter: Painter, words: str, style: Style, most: int) -> tuple[str, ...]:
    kept = words
    while len(rows := painter.wrapped(Text(words, style))) > most and " " in kept:
        kept = kept.rpartition(" ")[0]
        words = f"{kept} …"
    return tuple(rows[:most])
