"""How the result of a tool is drawn: entries, a few of them while it is folded, each as its rows.

`View` knows how many entries are shown; its kinds know what an entry is. `OutputView` shows what was printed,
`FileView` a part of a file with its line numbers; diffs and hits have files of their own.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import ClassVar, Final, Generic, TypeVar

from rich.segment import Segment
from rich.style import Style

from h2a_tui.transcript.code import LineLexer, language_of
from h2a_tui.transcript.items import UNFOLDED, Excerpt, bounded, excerpt_steps
from h2a_tui.transcript.lines import Line, Page, Run, crop_line, wrap

__all__ = ["COLOURED", "CommandView", "FileView", "OutputView", "View", "behind_gutter", "on_ground"]

E = TypeVar("E")

COLOURED: Final = 120  # lines of one result that get syntax colours; each costs some 0.5 ms


class View(Generic[E]):
    """A result as `entries`. `excerpt` says which of them the folded form shows."""

    excerpt: ClassVar[Excerpt]

    def __init__(self, entries: Sequence[E]) -> None:
        self.entries = entries

    @property
    def foldable(self) -> bool:
        """Is there more than the folded form shows?"""
        return len(self.entries) > self.excerpt.head + self.excerpt.tail + 1

    def shown(self, *, folded: bool) -> int:
        """About how many rows are drawn."""
        excerpt = self.excerpt if folded else UNFOLDED
        return min(len(self.entries), excerpt.head + excerpt.tail + 1)

    def rows(self, page: Page, width: int, *, folded: bool) -> list[Line]:
        """The rows, at most `width` cells wide: cropped while it is folded, else wrapped."""
        return [row for rows in self.steps(page, width, folded=folded) for row in rows]

    def steps(self, page: Page, width: int, *, folded: bool) -> Iterator[list[Line]]:
        """The same, some rows at a time."""
        excerpt = self.excerpt if folded else UNFOLDED
        return excerpt_steps(self.entries, excerpt, self.drawer(page, width, whole=not folded), page, width)

    def drawer(self, page: Page, width: int, *, whole: bool) -> Callable[[E], list[Line]]:
        """A function that draws the entries, called from top to bottom. `whole`: wrapped, not cropped."""
        raise NotImplementedError


def on_ground(runs: Sequence[Run], ground: Style) -> list[Run]:
    """`runs` in their colours, on the ground of another style."""
    below = Style(bgcolor=ground.bgcolor)
    return [(text, style + below) for text, style in runs]


def behind_gutter(gutter: Sequence[Segment], runs: Sequence[Run], width: int, *, whole: bool) -> list[Line]:
    """`runs` as rows behind a gutter, which is empty before wrapped rows."""
    cells = sum(segment.cell_length for segment in gutter)
    room = max(2, width - cells)
    ground = gutter[-1].style or Style()
    rows = wrap(runs, room) if whole else [crop_line(runs, room, ground)]
    for row in rows:
        before = gutter if row.join is None else [Segment(" " * s.cell_length, s.style) for s in gutter]
        row.segments[:0] = before
        row.lead += sum(len(segment.text) for segment in before)
    return rows


class OutputView(View[str]):
    """Lines as a tool wrote them: both ends of them."""

    excerpt = Excerpt(2, 2)

    def drawer(self, page: Page, width: int, *, whole: bool) -> Callable[[str], list[Line]]:
        """Plain text."""
        style, dim = page.styles.tool_output, page.styles.dim

        def draw(text: str) -> list[Line]:
            run = (bounded(text), style)
            return wrap([run], width) if whole else [crop_line([run], width, dim)]

        return draw


class CommandView(OutputView):
    """What a command printed. How it ended stands at its end."""

    excerpt = Excerpt(0, 5)


class FileView(View[tuple[int, str]]):
    """Lines of the file `name` from number `first` on, in the colours of its language."""

    excerpt = Excerpt(3, 0)

    def __init__(self, name: str, first: int, lines: Sequence[str]) -> None:
        super().__init__(list(enumerate(lines, first)))
        self._name = name

    def drawer(self, page: Page, width: int, *, whole: bool) -> Callable[[tuple[int, str]], list[Line]]:
        """Code behind its line numbers."""
        styles = page.styles
        lexer = LineLexer(language_of(self._name))
        first = self.entries[0][0] if self.entries else 1
        digits = len(str(first + len(self.entries)))

        def draw(entry: tuple[int, str]) -> list[Line]:
            number, text = entry[0], bounded(entry[1])
            coloured = number - first < COLOURED
            runs = lexer.line(text, styles) if coloured else [(text, styles.tool_output)]
            gutter = Segment(f"{number:>{digits}} ", styles.dim)
            return behind_gutter([gutter], on_ground(runs, styles.page), width, whole=whole)

        return draw
