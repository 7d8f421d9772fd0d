"""The parts of a transcript: what was said and what happened, each able to draw itself as rows.

An item is a source and, near the viewport, its rows. `Layout` owns `lines`; an item only knows how
to render and how tall it will roughly be. Every item begins with a blank row, unless it continues the one above.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import ClassVar, Final, TypeAlias, TypeVar

from rich.segment import Segment
from rich.style import Style

from h2a_agent.events import Kind
from h2a_tui.format import duration
from h2a_tui.theme import Styles
from h2a_tui.transcript.code import expand_tabs
from h2a_tui.transcript.lines import Line, Page, Run, crop_line, wrap
from h2a_tui.transcript.preview import Pictured

__all__ = [
    "UNFOLDED",
    "Excerpt",
    "Foldable",
    "Item",
    "Notice",
    "Size",
    "Summary",
    "Thought",
    "Tone",
    "UserMessage",
    "behind",
    "bounded",
    "estimate",
    "excerpt_rows",
    "excerpt_steps",
]

T = TypeVar("T")

LONG_LINE: Final = 4000  # characters of one source line that are ever drawn


Size: TypeAlias = tuple[int, int]
"""Characters of an item that may need rows of their own, and rows that there are in any case; at least one."""


def estimate(size: Size, column: int) -> int:
    """About how many rows an item has whose text is `column` cells wide."""
    return size[0] // column + size[1]


class Item:
    """One part. `lines` are its rows at the present width, None while nobody looks."""

    gap: bool = True

    def __init__(self) -> None:
        self.lines: list[Line] | None = None

    @property
    def words(self) -> str:
        """What a search looks through, and what is copied of the item as a whole."""
        raise NotImplementedError

    def rows(self, page: Page) -> list[Line]:
        """All rows but the gap."""
        raise NotImplementedError

    def length(self) -> tuple[int, int]:
        """Characters and line ends of what is drawn, for `estimate`. Cheap."""
        raise NotImplementedError

    def render(self, page: Page) -> list[Line]:
        """All rows. No rows, no gap."""
        rows = self.rows(page)
        return [Line([]), *rows] if rows and self.gap else rows

    def forget(self) -> None:
        """Let go of the rows; the source stays."""
        self.lines = None

    @property
    def size(self) -> Size:
        """From which to estimate how many rows `render` makes."""
        characters, ends = self.length()
        return characters, 1 + ends + self.gap


class Foldable(Item):
    """An item that shows its essence and, unfolded, all of it."""

    def __init__(self) -> None:
        super().__init__()
        self.folded = True

    @property
    def foldable(self) -> bool:
        """Is there something to fold or unfold?"""
        raise NotImplementedError

    def draw_ahead(self, page: Page) -> Iterator[None]:
        """Draw the unfolded form in steps, where that takes long; the next `rows` has it then."""
        return iter(())


# ------------------------------------------------------- folding long things


def bounded(text: str) -> str:
    """A source line with tabs as spaces, cut where nobody reads on."""
    if len(text) > LONG_LINE:
        text = f"{text[:LONG_LINE]}… {len(text) - LONG_LINE:,} more characters"
    return expand_tabs(text)


def _more_mark(count: int, styles: Styles, *, above: bool) -> list[Run]:
    """Says how much is folded away, and on which side."""
    lines = "lines" if count != 1 else "line"
    words = f"… {count:,} {lines} above " if above else f"… {count:,} more {lines} "
    return [(words, styles.dim), ("▸", styles.accent)]


@dataclass(frozen=True, slots=True)
class Excerpt:
    """How many source lines at the head and at the tail of a long text are shown."""

    head: int
    tail: int

    def of(self, lines: Sequence[T]) -> tuple[Sequence[T], int, Sequence[T]]:
        """Head, number of lines left out, tail. One line is never left out alone: its mark is no shorter."""
        if len(lines) <= self.head + self.tail + 1:
            return lines, 0, ()
        return lines[: self.head], len(lines) - self.head - self.tail, lines[len(lines) - self.tail :]


# Unfolded, everything a person may reasonably read; beyond it a screen is the wrong tool.
UNFOLDED: Final = Excerpt(1000, 200)


def excerpt_steps(
    lines: Sequence[T], excerpt: Excerpt, draw: Callable[[T], list[Line]], page: Page, width: int
) -> Iterator[list[Line]]:
    """The rows of what `excerpt` shows of `lines`, each drawn by `draw` when it is asked for."""
    head, left_out, tail = excerpt.of(lines)
    yield from map(draw, head)
    if left_out:
        mark = _more_mark(left_out, page.styles, above=not excerpt.head)
        yield [crop_line(mark, width, page.styles.dim)]
    yield from map(draw, tail)


def excerpt_rows(
    lines: Sequence[T], excerpt: Excerpt, draw: Callable[[T], list[Line]], page: Page, width: int
) -> list[Line]:
    """The same, all at once."""
    return [row for rows in excerpt_steps(lines, excerpt, draw, page, width) for row in rows]


def behind(segment: Segment, rows: list[Line]) -> list[Line]:
    """`rows` with a piece of decoration before each."""
    for row in rows:
        row.segments.insert(0, segment)
        row.lead += len(segment.text)
    return rows


# --------------------------------------------------------------- the others


KIND_WORDS: Final[Mapping[Kind, str]] = {
    Kind.PROMPT: "",
    Kind.STEER: "↯ steer",
    Kind.NUDGE: "→ next step",
    Kind.FOLLOW_UP: "↳ follow-up",
    Kind.COMPACT: "⋯ compact",
}


class _Text(Foldable):
    """A foldable item that is one text."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.text = text

    @property
    def words(self) -> str:
        """The text."""
        return self.text


class UserMessage(_Text):
    """What a person wrote. `retracted`: it was taken back unanswered and is in the editor again."""

    EXCERPT: ClassVar[Excerpt] = Excerpt(12, 3)

    def __init__(self, text: str, kind: Kind, pictures: Pictured | None = None) -> None:
        super().__init__(text)
        self.kind = kind
        self.pictures = pictures
        self.retracted = False

    @property
    def foldable(self) -> bool:
        """Is there something to fold?"""
        return self.text.count("\n") > self.EXCERPT.head + self.EXCERPT.tail

    def rows(self, page: Page) -> list[Line]:
        """A block on a ground of its own with a bar in the colour of its kind."""
        styles = page.styles
        words = styles.user_muted + styles.strike if self.retracted else styles.user
        bar = styles.user_muted if self.retracted else styles.kinds[self.kind]
        rows: list[Line] = []
        label = "taken back" if self.retracted else KIND_WORDS[self.kind]
        if label:
            rows.append(Line([Segment(label, bar)], lead=len(label)))
        width = page.column - 3  # the bar, and air at both sides

        def draw(text: str) -> list[Line]:
            return wrap([(bounded(text), words)], width)

        shown = self.EXCERPT if self.folded else UNFOLDED
        if self.text.strip():
            rows += excerpt_rows(self.text.strip("\n").split("\n"), shown, draw, page, width)
        ground = Style(bgcolor=styles.user.bgcolor)
        if self.pictures is not None:
            rows += self.pictures.rows(width, styles.user_muted + ground, named=True)
        for row in rows:
            row.segments = [
                s if s.style is None or s.style.bgcolor else Segment(s.text, s.style + ground)
                for s in row.segments
            ]
            row.fill = styles.user
        return behind(Segment("▌ ", bar), rows)

    def length(self) -> tuple[int, int]:
        """Of what is shown."""
        ends = self.text.count("\n")
        if self.folded and self.foldable:
            ends = self.EXCERPT.head + self.EXCERPT.tail
            return ends * 40, ends
        more = self.pictures.height if self.pictures else 0
        return len(self.text), ends + bool(KIND_WORDS[self.kind]) + more


class Thought(_Text):
    """The model's reasoning: its last lines while it comes, one row with its length afterwards."""

    LIVE_ROWS: ClassVar[int] = 5

    def __init__(self) -> None:
        super().__init__("")
        self.live = True
        self.began_at = 0.0
        self.ended_at = 0.0

    @property
    def foldable(self) -> bool:
        """Always, once there are words."""
        return bool(self.text.strip())

    def rows(self, page: Page) -> list[Line]:
        """The head and, live or unfolded, words behind a rail."""
        styles = page.styles
        if not self.foldable:
            return [Line([Segment("✻ thinking…", styles.thinking_mark)])] if self.live else []
        width = page.column - 2
        rail = Segment("│ ", styles.rail)
        if not self.folded:
            lines = self.text.strip("\n").split("\n")
            words = excerpt_rows(
                lines, UNFOLDED, lambda text: wrap([(bounded(text), styles.thinking)], width), page, width
            )
        elif self.live:
            tail = self.text[-self.LIVE_ROWS * width :].strip("\n").split("\n")
            words = [row for text in tail for row in wrap([(expand_tabs(text), styles.thinking)], width)]
            words = words[-self.LIVE_ROWS :]
            words[0].join = None
        else:
            words = []
        return [crop_line(self._head(styles), page.column, styles.dim), *behind(rail, words)]

    def length(self) -> tuple[int, int]:
        """Of what is shown."""
        if not self.folded:
            return len(self.text), self.text.count("\n") + 1
        return 0, min(self.LIVE_ROWS, len(self.text) // 80) if self.live else 0

    def _head(self, styles: Styles) -> list[Run]:
        if self.live:
            return [("✻ thinking…", styles.thinking_mark)]
        took = self.ended_at - self.began_at
        words = f"✻ thought for {duration(took)}" if took >= 1 else "✻ thought"
        return [
            (words, styles.thinking_mark),
            (f" · {len(self.text.split()):,} words ", styles.dim),
            ("▸" if self.folded else "▾", styles.accent),
        ]


class Summary(_Text):
    """What a compaction wrote: folded away when it counts, open when a person is to judge it."""

    def __init__(self, text: str, *, folded: bool) -> None:
        super().__init__(text)
        self.folded = folded

    @property
    def foldable(self) -> bool:
        """There is always something to fold."""
        return True

    def rows(self, page: Page) -> list[Line]:
        """One line that says how long it is; unfolded, its words behind a rail."""
        styles, width = page.styles, page.column - 2
        head: list[Run] = [
            ("summary", styles.muted),
            (f" · {len(self.text.split()):,} words ", styles.dim),
            ("▸" if self.folded else "▾", styles.accent),
        ]
        words: list[Line] = []
        if not self.folded:
            lines = self.text.strip("\n").split("\n")
            words = excerpt_rows(
                lines, UNFOLDED, lambda text: wrap([(bounded(text), styles.muted)], width), page, width
            )
        return [crop_line(head, page.column, styles.dim), *behind(Segment("│ ", styles.rail), words)]

    def length(self) -> tuple[int, int]:
        """Of what is shown."""
        return (0, 0) if self.folded else (len(self.text), self.text.count("\n") + 1)


class Tone(Enum):
    """How loud a notice is."""

    PLAIN = "plain"
    CUT = "cut"
    GOOD = "good"
    WARNING = "warning"
    FAILURE = "failure"


class Notice(Item):
    """One thing that happened, after a glyph; `advice` says what to do about it."""

    def __init__(self, glyph: str, text: str, tone: Tone = Tone.PLAIN, advice: str = "") -> None:
        super().__init__()
        self.glyph = glyph
        self.text = text
        self.tone = tone
        self.advice = advice

    @property
    def words(self) -> str:
        """Message and advice."""
        return f"{self.text}\n{self.advice}" if self.advice else self.text

    def rows(self, page: Page) -> list[Line]:
        """The glyph, the words, and below them the advice."""
        styles = page.styles
        style = {
            Tone.PLAIN: styles.muted,
            Tone.CUT: styles.cut,
            Tone.GOOD: styles.success,
            Tone.WARNING: styles.warning,
            Tone.FAILURE: styles.error,
        }[self.tone]
        width = page.column - 2
        rows = [row for text in self.text.split("\n") for row in wrap([(bounded(text), style)], width)]
        rows += [
            row
            for text in self.advice.split("\n")
            if text
            for row in wrap([(bounded(text), styles.muted)], width)
        ]
        for index, row in enumerate(rows):
            behind(Segment("  " if index else f"{self.glyph} ", style), [row])
        return rows

    def length(self) -> tuple[int, int]:
        """Of the words."""
        return len(self.text) + len(self.advice), bool(self.advice) + self.text.count("\n")
