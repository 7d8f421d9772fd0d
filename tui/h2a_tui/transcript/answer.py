"""What an answer is made of: Markdown blocks, and the parts of a code fence."""

from __future__ import annotations

from dataclasses import dataclass

from h2a_tui.theme import Styles
from h2a_tui.transcript.code import FIRST_STATE, LexerState, LineLexer, code_rows
from h2a_tui.transcript.items import Item, bounded
from h2a_tui.transcript.lines import Line, Page
from h2a_tui.transcript.markdown import render

__all__ = ["Code", "GoesOn", "Prose"]


@dataclass(frozen=True, slots=True)
class GoesOn:
    """A further part of a container or a table, whose opening stands in its source once more.

    Of a list item `mark` characters of its first line are the mark; of a quote none. Of a table `columns` is the
    source of the first part, which has set the widths.
    """

    mark: int = 0
    columns: str = ""


class Prose(Item):
    """Markdown of an answer: one closed block, a short whole answer, or the block that is being written.

    `number` is the number of its first list item where the list began in the item above. `join` says that it
    continues the paragraph above after this white space. `goes_on` says of what else it is a further part.
    """

    def __init__(
        self,
        source: str = "",
        *,
        gap: bool = True,
        number: int | None = None,
        join: str | None = None,
        goes_on: GoesOn | None = None,
    ) -> None:
        super().__init__()
        self.source = source
        self.gap = gap
        self.number = number
        self.join = join
        self.goes_on = goes_on

    @property
    def words(self) -> str:
        """The Markdown, without what stands in it once more to be understood alone."""
        match self.goes_on:
            case GoesOn(columns=columns) if columns:
                return self.source.split("\n", 2)[-1]
            case GoesOn(mark=mark):
                return " " * mark + self.source[mark:]
            case _:
                return self.source

    def rows(self, page: Page) -> list[Line]:
        """The rendered Markdown."""
        if not self.source:
            return []
        columns = self.goes_on.columns if self.goes_on else ""
        rows = render(
            self.source,
            page.column,
            page.styles,
            number=self.number,
            continued=self.goes_on is not None and not columns,
            columns=columns,
        )
        if rows and self.join is not None:
            rows[0].join = self.join
        return rows

    def length(self) -> tuple[int, int]:
        """Of the source."""
        return len(self.source), self.source.count("\n")


class Code(Item):
    """Lines of a code fence: its first ones, or those that follow the part `above`.

    While it is being written, `partial` is its unfinished last line; whole lines are coloured once.
    """

    def __init__(self, language: str, above: Code | None = None) -> None:
        super().__init__()
        self.language = language
        self.above = above
        self.gap = above is None
        self.source: list[str] = []
        self.partial = ""
        self._lexer: LineLexer | None = None
        self._drawn: list[Line] = []
        self._drawn_lines = 0
        self._ends = [0]  # rows drawn up to each line
        self._page: Page | None = None
        self._end: LexerState | None = None

    @property
    def words(self) -> str:
        """The code, without its fence."""
        return "\n".join([*self.source, self.partial] if self.partial else self.source)

    def forget(self) -> None:
        """Let go of the rows."""
        super().forget()
        self._end = self.end_state
        self._lexer, self._drawn, self._drawn_lines, self._ends = None, [], 0, [0]

    def rows(self, page: Page, first: int = 0) -> list[Line]:
        """The coloured lines from line `first` on; a fence with nothing in it yet is one empty row."""
        rows = self.whole_rows(page, first)
        if self.partial or not (rows or first):
            assert self._lexer is not None
            runs = self._lexer.peek(bounded(self.partial), page.styles)
            rows += code_rows(runs, page.column, page.styles)
        return rows

    def whole_rows(self, page: Page, first: int = 0) -> list[Line]:
        """The rows of the whole lines from line `first` on; they will not change any more."""
        if self._lexer is None or page != self._page:
            self._page = page
            self._lexer = LineLexer(self.language, self._first_state(page))
            self._drawn, self._drawn_lines, self._ends = [], 0, [0]
        for text in self.source[self._drawn_lines :]:
            runs = self._lexer.line(bounded(text), page.styles)
            self._drawn += code_rows(runs, page.column, page.styles)
            self._ends.append(len(self._drawn))
        self._drawn_lines = len(self.source)
        return self._drawn[self._ends[first] :]

    def length(self) -> tuple[int, int]:
        """Of the lines: the long ones are what wraps."""
        return sum(map(len, self.source)) // 2, max(0, len(self.source) - 1)

    @property
    def end_state(self) -> LexerState | None:
        """The lexer's state after the last line, if somebody has looked at all of them."""
        if self._end is None and self._lexer is not None and self._drawn_lines == len(self.source):
            return self._lexer.state
        return self._end

    def lex(self, state: LexerState, styles: Styles) -> LexerState:
        """Find the state after the last line, from the one before the first."""
        lexer = LineLexer(self.language, state)
        for text in self.source:
            lexer.line(bounded(text), styles)
        self._end = lexer.state
        return lexer.state

    def _first_state(self, page: Page) -> LexerState:
        """The state at the end of the part above. Parts nobody has looked at are lexed now."""
        unknown: list[Code] = []
        state, part = FIRST_STATE, self.above
        while part is not None:
            if part.end_state is not None:
                state = part.end_state
                break
            unknown.append(part)
            part = part.above
        for part in reversed(unknown):
            state = part.lex(state, page.styles)
        return state
