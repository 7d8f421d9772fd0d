"""Markdown to rows: CommonMark with tables, strike-through and task lists, as it fits a terminal.

`render` takes one or several top-level blocks. Links open in the terminal (OSC 8) only where their scheme is
harmless, and say where they lead when their words do not. Raw HTML is shown as the text it is.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache, lru_cache
from typing import TYPE_CHECKING, Final

from rich.segment import Segment
from rich.style import Style

from h2a_tui.theme import Styles
from h2a_tui.transcript.code import LineLexer, code_rows, expand_tabs
from h2a_tui.transcript.lines import Line, Run, wrap
from h2a_tui.transcript.table import natural_widths, table_rows

if TYPE_CHECKING:
    from markdown_it import MarkdownIt
    from markdown_it.token import Token

__all__ = ["parse_blocks", "render", "safe_link", "warm_up"]

_BULLETS: Final = ("• ", "◦ ", "▪ ")
_TASK: Final = re.compile(r"\[([ xX])\] ")
_ADDRESS: Final = re.compile(r"https?://[^\s<>\"'`|\\^{}\[\]]*[^\s<>\"'`|\\^{}\[\]().,;:!?*_~]")
_LINK_LIMIT: Final = 2000  # characters of an address; terminals drop longer ones
_SHOWN_LINK: Final = 60
_LEAST_ROOM: Final = 8  # cells


@cache
def _parser() -> MarkdownIt:
    from markdown_it import MarkdownIt

    return MarkdownIt("commonmark").enable(["table", "strikethrough"])


@cache
def _block_parser() -> MarkdownIt:
    from markdown_it import MarkdownIt

    # Where blocks begin and end does not need what is inside them: 2.5 times as fast.
    return MarkdownIt("commonmark").enable(["table"]).disable(["inline"])


def parse_blocks(source: str) -> list[Token]:
    """The block structure of `source`, its inline content not parsed."""
    return _block_parser().parse(source)


def warm_up() -> None:
    """Import and build what the first answer would otherwise wait for (some 100 ms)."""
    from pygments.lexers import get_lexer_by_name

    parse_blocks("- warm\n")
    _parser().parse("- *warm* `up`\n")
    get_lexer_by_name("python")


# ---------------------------------------------------------------------- inline


def safe_link(address: str) -> str:
    """`address` if a terminal may be given it as a link, else "": http, https or mailto, plain ASCII."""
    harmless = address.lower().startswith(("http://", "https://", "mailto:"))
    plain = address.isascii() and address.isprintable() and " " not in address
    return address if harmless and plain and len(address) <= _LINK_LIMIT else ""


@lru_cache(maxsize=512)
def _link_style(base: Style, address: str, styles: Styles) -> Style:
    # One style object per address: its identity makes a wrapped link one link.
    return base + styles.link + Style(link=safe_link(address) or None)


def _text_runs(text: str, style: Style, styles: Styles) -> list[Run]:
    if "://" not in text or style.link:
        return [(text, style)]
    runs: list[Run] = []
    position = 0
    for match in _ADDRESS.finditer(text):
        runs += [(text[position : match.start()], style), (match[0], _link_style(style, match[0], styles))]
        position = match.end()
    return [*runs, (text[position:], style)]


def _inline_runs(token: Token, base: Style, styles: Styles) -> list[Run]:
    """The runs of an inline token; a hard break is a run of its own, a newline."""
    runs: list[Run] = []
    stack = [base]
    links: list[tuple[str, int]] = []
    for child in token.children or ():
        style = stack[-1]
        match child.type:
            case "text" | "html_inline":
                runs += _text_runs(expand_tabs(child.content), style, styles)
            case "code_inline":
                # Inside a link the words stay a link.
                code = style + styles.inline_code if style.link else styles.inline_code
                runs.append((expand_tabs(child.content).replace("\n", " "), code))
            case "softbreak":
                runs.append((" ", style))
            case "hardbreak":
                runs.append(("\n", style))
            case "strong_open":
                stack.append(style + styles.strong)
            case "em_open":
                stack.append(style + styles.emphasis)
            case "s_open":
                stack.append(style + styles.strike)
            case "link_open":
                address = str(child.attrs.get("href", ""))
                links.append((address, len(runs)))
                stack.append(_link_style(style, address, styles))
            case "link_close":
                stack.pop()
                address, first = links.pop()
                words = "".join([text for text, _ in runs[first:]])
                if safe_link(address) and not _says(words, address):
                    shown = address if len(address) <= _SHOWN_LINK else address[: _SHOWN_LINK - 1] + "…"
                    runs.append((f" ({shown})", base + Style(color=styles.dim.color)))
            case "image":
                runs.append(("▣ " + (child.content or "image"), style + styles.link))
            case _ if child.nesting < 0:
                stack.pop()
            case _:
                runs.append((child.content, style))
    return runs


def _says(words: str, address: str) -> bool:
    """Do a link's words already tell where it leads?"""
    bare = address.removeprefix("mailto:").rstrip("/")
    return bare in words or bare.split("://")[-1] == words.rstrip("/")


# ---------------------------------------------------------------------- blocks


@dataclass(slots=True)
class _Prefix:
    """What stands before the rows of a container. `first` stands before its first row, `rest` before the others."""

    first: list[Segment]
    rest: list[Segment]
    cells: int
    copied: bool  # the first row's part belongs to the text: a list mark
    opened_at: int  # how many rows there were before


class _Renderer:
    """One pass over the tokens of some blocks."""

    def __init__(
        self, width: int, styles: Styles, number: int | None, *, continued: bool, columns: str
    ) -> None:
        self.rows: list[Line] = []
        self._width = width
        self._styles = styles
        self._number = number
        self._continued = continued  # until the first container is open
        self._columns = columns
        self._base = [styles.page]
        self._prefixes: list[_Prefix] = []
        self._lists: list[int | None] = []
        self._after_block = False  # the container's previous child wants air below it

    def run(self, tokens: Sequence[Token]) -> list[Line]:
        index = 0
        while index < len(tokens):
            token = tokens[index]
            if token.type == "table_open":
                end = next(i for i in range(index, len(tokens)) if tokens[i].type == "table_close")
                self._table(tokens[index:end])
                index = end
            else:
                self._token(token)
            index += 1
        return self.rows

    def _token(self, token: Token) -> None:
        styles = self._styles
        match token.type:
            case "paragraph_open":
                self._air()
            case "paragraph_close":
                self._after_block = True
            case "heading_open":
                self._air()
                self._base.append(styles.headings[min(int(token.tag[1]), len(styles.headings)) - 1])
            case "heading_close":
                self._base.pop()
                self._after_block = True
            case "inline":
                self._inline(token)
            case "fence" | "code_block":
                self._air()
                self._code(token)
                self._after_block = True
            case "hr":
                self._air()
                self._emit([Line([Segment("─" * self._room, styles.rule)])])
                self._after_block = True
            case "html_block":
                self._air()
                for text in token.content.rstrip("\n").split("\n"):
                    self._emit(wrap([(expand_tabs(text), self._base[-1])], self._room))
                self._after_block = True
            case "bullet_list_open" | "ordered_list_open":
                if not self._prefixes:
                    self._air()
                self._after_block = False
                ordered = token.type[0] == "o"
                start = int(token.attrs.get("start", 1)) if ordered else None
                if ordered and self._number is not None and not self._lists:
                    start = self._number
                self._lists.append(start)
            case "bullet_list_close" | "ordered_list_close":
                self._lists.pop()
                self._after_block = True
            case "list_item_open":
                self._open_item()
                self._after_block = self._take_continued()
            case "list_item_close":
                self._close_container()
            case "blockquote_open":
                self._air()
                bar = Segment("▎ ", styles.quote_bar)
                self._push(bar, bar, copied=False)
                self._base.append(styles.quote)
                self._after_block = self._take_continued()
            case "blockquote_close":
                self._base.pop()
                self._close_container()
                self._after_block = True
            case _:
                pass

    @property
    def _room(self) -> int:
        return self._width - sum(prefix.cells for prefix in self._prefixes)

    def _push(self, mark: Segment, rest: Segment, *, copied: bool) -> None:
        """Open a container behind `mark`. So deep that no words would fit behind it, it is not indented."""
        fits = self._room - len(mark.text) >= _LEAST_ROOM
        first, then = ([mark], [rest]) if fits else ([], [])
        cells = len(mark.text) if fits else 0
        self._prefixes.append(_Prefix(first, then, cells, copied, len(self.rows)))

    def _air(self) -> None:
        """A blank row between two blocks of one container."""
        if self._after_block:
            self._emit([Line([])])
        self._after_block = False

    def _open_item(self) -> None:
        number = self._lists[-1]
        if number is None:
            mark = _BULLETS[min(len(self._lists), len(_BULLETS)) - 1]
        else:
            mark = f"{number}. "
            self._lists[-1] = number + 1
        rest = Segment(" " * len(mark), self._styles.page)
        self._push(rest if self._continued else Segment(mark, self._styles.bullet), rest, copied=True)

    def _take_continued(self) -> bool:
        """Does the container that was just opened go on from above? Then its first block wants air, too."""
        continued, self._continued = self._continued, False
        return continued

    def _close_container(self) -> None:
        if len(self.rows) == self._prefixes[-1].opened_at:
            self._emit([Line([])])  # an empty item still has its mark
        self._prefixes.pop()

    def _emit(self, rows: list[Line]) -> None:
        for row in rows:
            before: list[Segment] = []
            lead = 0
            for prefix in self._prefixes:
                part = prefix.first
                before += part
                if not prefix.copied or (part is prefix.rest and row.join is not None):
                    lead = sum(len(segment.text) for segment in before)
                prefix.first = prefix.rest
            if before:
                row.lead = sum(len(s.text) for s in before) + row.lead if row.lead else lead
                row.segments[:0] = before
            self.rows.append(row)

    def _inline(self, token: Token) -> None:
        runs = _inline_runs(token, self._base[-1], self._styles)
        if self._lists and runs and self._prefixes and self._prefixes[-1].copied:
            runs = self._task(runs)
        part: list[Run] = []
        for run in runs:
            if run[0] == "\n":
                self._emit(wrap(part, self._room))
                part = []
            else:
                part.append(run)
        self._emit(wrap(part, self._room))

    def _task(self, runs: list[Run]) -> list[Run]:
        """A task's box in place of its brackets and of its list mark."""
        text, style = runs[0]
        prefix = self._prefixes[-1]
        box = _TASK.match(text)
        if box is None or not prefix.first or prefix.first is prefix.rest:
            return runs
        done = box[1] != " "
        mark = "☑ " if done else "☐ "
        prefix.first = [Segment(mark, self._styles.success if done else self._styles.bullet)]
        prefix.rest = [Segment("  ", self._styles.page)]
        prefix.cells = 2
        return [(text[box.end() :], style), *runs[1:]]

    def _code(self, token: Token) -> None:
        words = token.info.split()
        lexer = LineLexer(words[0] if words else "")
        for text in token.content.removesuffix("\n").split("\n"):
            runs = lexer.line(expand_tabs(text), self._styles)
            rows = code_rows(runs, self._room, self._styles)
            if self._prefixes:  # the ground begins behind the prefix and ends at the column
                for row in rows:
                    used = sum(segment.cell_length for segment in row.segments)
                    row.segments.append(Segment(" " * (self._room - used), self._styles.code))
                    row.fill = None
            self._emit(rows)

    def _table(self, tokens: Sequence[Token]) -> None:
        self._air()
        table = _cells_of(tokens, self._base[-1], self._styles)
        natural = _natural_widths(self._columns, self._styles) if self._columns else None
        self._emit(table_rows(table.cells, table.align, self._room, self._styles, natural))
        self._after_block = True


@dataclass(frozen=True, slots=True)
class _Table:
    """The words of a table by row and column, the header first, and how its columns are aligned."""

    cells: list[list[list[Run]]]
    align: list[str]


def _cells_of(tokens: Sequence[Token], base: Style, styles: Styles) -> _Table:
    table = _Table([], [])
    for token in tokens:
        match token.type:
            case "tr_open":
                table.cells.append([])
            case "th_open":
                table.align.append(str(token.attrs.get("style", "")).removeprefix("text-align:"))
            case "inline":
                style = base + styles.strong if len(table.cells) == 1 else base
                runs = _inline_runs(token, style, styles)
                table.cells[-1].append([(text.replace("\n", " "), style) for text, style in runs])
    return table


@lru_cache(maxsize=8)
def _natural_widths(table: str, styles: Styles) -> tuple[int, ...]:
    """How wide the columns of this table would like to be."""
    return natural_widths(_cells_of(_parser().parse(table), styles.page, styles).cells)


def render(
    source: str,
    width: int,
    styles: Styles,
    *,
    number: int | None = None,
    tokens: Sequence[Token] | None = None,
    continued: bool = False,
    columns: str = "",
) -> list[Line]:
    """The rows of the blocks in `source`, at most `width` cells wide, blank rows between blocks.

    `number` is the number of a first list item that was taken out of its list. `continued`: the quote or the list
    item it begins with goes on from above. `columns` is the table that the one in `source` goes on from. Never
    raises for any text.
    """
    renderer = _Renderer(width, styles, number, continued=continued, columns=columns)
    return renderer.run(_parser().parse(source) if tokens is None else tokens)
