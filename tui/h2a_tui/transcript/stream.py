"""Cutting an answer into blocks while it is written, so that each is rendered once.

Only whole source lines decide: a block is closed when a later one has begun, a list item when the next item of
its list has; a fence goes line by line. What is decided so never changes with what comes later, so any way of
cutting the answer into pieces gives the rows of the whole (but for link references, which would reach across
blocks). The unfinished block is drawn again per frame, and more cuts keep it small: a fence is divided after 64
lines, a paragraph without end after some 2,000 characters, between two words, a table after 4,000, between two rows;
of a quote or a list item with many blocks only the last stays open.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Final

from h2a_tui.transcript.answer import Code, GoesOn, Prose
from h2a_tui.transcript.items import Item
from h2a_tui.transcript.markdown import parse_blocks

if TYPE_CHECKING:
    from markdown_it.token import Token

__all__ = ["LONG_PARAGRAPH", "LONG_TABLE", "Splitter"]

LONG_PARAGRAPH: Final = 2000  # characters; what is open is drawn again with each frame
LONG_TABLE: Final = 4000  # characters; the first part sets the widths of the columns, so it is to be typical
_TABLE_PART: Final = 1000  # characters of each further part, which sets nothing
_PART_LINES: Final = 64
# What a line consists of while only its mark has come; drawn, it would flicker as a heading or a rule.
_BARE_MARK: Final = re.compile(r"[\s`~=*#+|>_-]*(?:\d{1,3}[.)]?)?")
_LIST_OPEN: Final = frozenset({"bullet_list_open", "ordered_list_open"})
# Between words that can begin no block, and between two ideographs.
_WORD_GAP: Final = re.compile(r" (?=[^\W\d_])")
_GLYPH_GAP: Final = re.compile(r"(?<=[\u3041-\u30ff\u4e00-\u9fff])(?=[\u3041-\u30ff\u4e00-\u9fff])")
_LIST_MARK: Final = re.compile(r"(?:[-*+]|\d{1,9}[.)]) {1,4}(?=[^ \n])")
_CUTS_TRIED: Final = 40


@dataclass(frozen=True, slots=True)
class _Fence:
    mark: str
    indent: int
    language: str

    def closes(self, line: str) -> bool:
        bare = line.strip(" \t")
        indent = len(line) - len(line.lstrip(" "))
        return indent <= 3 and bare.startswith(self.mark) and not bare.strip(self.mark[0])

    def content(self, line: str) -> str:
        return line[min(self.indent, len(line) - len(line.lstrip(" "))) :]


class Splitter:
    """Takes an answer in pieces. `open` is the item that is being written; closed ones are returned once."""

    def __init__(self) -> None:
        self.open: Prose | Code = Prose()
        self._rest = ""  # source of the open block, and of a partial line after it
        self._fence: _Fence | None = None
        self._number: int | None = None  # of the first list item in the rest, where its list began earlier
        self._join: str | None = None  # the rest continues a paragraph
        self._goes_on: GoesOn | None = None  # the rest is a further part of what it begins with
        self._gap = True

    def feed(self, text: str) -> list[Item]:
        """Take `text`; returns the items it has closed. `open` is then what follows them."""
        closed: list[Item] = []
        self._rest += text
        if "\n" in text or self._fence is not None:
            while self._advance(closed):
                pass
        if self._fence is None:
            if len(self._rest) > LONG_PARAGRAPH:
                self._cut_open_paragraph(closed)
            self._show_rest(fresh=bool(closed))
        return closed

    def finish(self) -> list[Item]:
        """The answer has ended: everything still open, closed."""
        if self._fence is None:
            tokens = parse_blocks(self._rest)
            closed: list[Item] = []
            starts = _block_starts(tokens)
            if tokens and len(self._rest) > LONG_PARAGRAPH:
                self._close_blocks(tokens, [*starts, self._rest.count("\n") + 1], closed)
                return closed
            self._close(self._rest, closed)
            return closed
        assert isinstance(self.open, Code)
        if self._rest.strip() and not self._fence.closes(self._rest):
            self.open.source.append(self._fence.content(self._rest))
        self.open.partial = ""
        return [self.open]

    # ---------------------------------------------------------------- closing

    def _advance(self, closed: list[Item]) -> bool:
        """Close what the whole lines of the rest allow; True when there may be more."""
        if self._fence is not None:
            return self._take_code(self._fence, closed)
        whole = self._rest[: self._rest.rfind("\n") + 1]
        tokens = parse_blocks(whole)
        starts = _block_starts(tokens)
        if not starts:
            return False
        fence = next((t for t in tokens if t.type == "fence" and t.level == 0), None)
        if fence is not None and fence.map is not None:
            first = fence.map[0]
            self._close_blocks(tokens, [s for s in starts if s < first] + [first], closed)
            self._drop_lines(first)
            self._begin_fence(fence)
            return True
        self._close_blocks(tokens, starts, closed)
        self._drop_lines(starts[-1])  # with one block, only what is blank before it
        self._close_list_items(tokens, starts[-1], closed)
        self._close_children(closed)
        self._rest = self._close_table_parts(self._rest, closed)
        return False

    def _close_blocks(self, tokens: list[Token], starts: list[int], closed: list[Item]) -> None:
        """Close the blocks that begin at `starts`; the last of them is where the open part begins."""
        lines = self._rest.split("\n")
        paragraphs = {t.map[0] for t in tokens if t.type == "paragraph_open" and t.level == 0 and t.map}
        tables = {t.map[0] for t in tokens if t.type == "table_open" and t.level == 0 and t.map}
        begin = 0
        for start, end in pairwise(starts):
            source = "\n".join(lines[begin:end])
            begin = end
            if start in tables:
                source = self._close_table_parts(source.lstrip("\n") + "\n", closed).removesuffix("\n")
            if start in paragraphs:
                while len(source) > LONG_PARAGRAPH and (cut := _soft_cut(source)) is not None:
                    self._close(source[: cut.start()], closed)
                    self._continue(cut[0])
                    source = source[cut.end() :]
            self._close(source, closed)
            self._begin_block()

    def _close(self, source: str, closed: list[Item]) -> None:
        closed.append(self._prose(source))

    def _prose(self, source: str) -> Prose:
        return Prose(source, gap=self._gap, number=self._number, join=self._join, goes_on=self._goes_on)

    def _begin_block(self) -> None:
        self._number, self._join, self._goes_on, self._gap = None, None, None, True

    def _continue(self, join: str) -> None:
        self._number, self._join, self._goes_on, self._gap = None, join, None, False

    def _close_list_items(self, tokens: list[Token], start: int, closed: list[Item]) -> None:
        """Close all but the last item of the open block, when it is a list."""
        index = next((i for i, t in enumerate(tokens) if t.level == 0 and t.map and t.map[0] == start), None)
        if index is None or tokens[index].type not in _LIST_OPEN:
            return
        begun = [t.map[0] for t in tokens[index:] if t.type == "list_item_open" and t.level == 1 and t.map]
        if len(begun) < 2:
            return
        count = begun[-1] - start
        self._close("\n".join(self._rest.split("\n")[:count]), closed)
        self._drop_lines(count)
        self._gap, self._join, self._goes_on = False, None, None
        if tokens[index].type == "ordered_list_open":
            first = int(tokens[index].attrs.get("start", 1)) if self._number is None else self._number
            self._number = first + len(begun) - 1

    def _close_children(self, closed: list[Item]) -> None:
        """Close all but the last block of the quote or the list item that is open."""
        container = _container(self._rest)
        if container is None or len(container.children) < 2 or "\t" in self._rest:
            return  # how far a tab reaches depends on what stands before it
        last, mark = container.children[-1], container.mark
        lines = self._rest.split("\n")
        at = last.map[0] if last.map else 0
        if lines[at][:mark].strip(" "):
            return
        # The rest opens the container once more; not every block can stand right behind a mark.
        again = "\n".join([lines[0][:mark] + lines[at][mark:], *lines[at + 1 :]])
        reopened = _container(again)
        if reopened is None or reopened.mark != mark:
            return
        self._close("\n".join(lines[:at]), closed)
        self._rest = again
        self._gap, self._join, self._goes_on = False, None, GoesOn(mark)

    def _close_table_parts(self, source: str, closed: list[Item]) -> str:
        """Close full parts of the table that `source` is, if it is one; returns what is left of it."""
        while cut := _table_cut(source, _TABLE_PART if self._goes_on else LONG_TABLE):
            lines = source.split("\n")
            part = "\n".join(lines[:cut])
            self._close(part, closed)
            columns = self._goes_on.columns if self._goes_on else part
            self._begin_block()
            self._gap, self._goes_on = False, GoesOn(columns=columns)
            source = "\n".join([*lines[:2], *lines[cut:]])
        return source

    def _cut_open_paragraph(self, closed: list[Item]) -> None:
        tokens = parse_blocks(self._rest)
        while (
            len(self._rest) > LONG_PARAGRAPH
            and len(_block_starts(tokens)) == 1
            and tokens[0].type == "paragraph_open"
            and (cut := _soft_cut(self._rest)) is not None
        ):
            self._close(self._rest[: cut.start()], closed)
            self._continue(cut[0])
            self._rest = self._rest[cut.end() :]
            tokens = parse_blocks(self._rest)

    def _drop_lines(self, count: int) -> None:
        self._rest = "\n".join(self._rest.split("\n")[count:])

    def _show_rest(self, *, fresh: bool) -> None:
        """Make the rest the open item, without a last line of which only the mark has come."""
        if fresh or isinstance(self.open, Code):
            self.open = self._prose("")
        source, _, partial = self._rest.rpartition("\n")
        self.open.source = source if _BARE_MARK.fullmatch(partial) else self._rest

    # ------------------------------------------------------------------ fences

    def _begin_fence(self, token: Token) -> None:
        opener, _, self._rest = self._rest.partition("\n")
        words = token.info.split()
        self._fence = _Fence(token.markup, len(opener) - len(opener.lstrip(" ")), words[0] if words else "")
        self.open = Code(self._fence.language)

    def _take_code(self, fence: _Fence, closed: list[Item]) -> bool:
        """Move whole code lines into the open item; True when the fence has closed."""
        assert isinstance(self.open, Code)
        *lines, partial = self._rest.split("\n")
        for index, line in enumerate(lines):
            if fence.closes(line):
                self._rest = "\n".join([*lines[index + 1 :], partial])
                self.open.partial = ""
                closed.append(self.open)
                self._fence = None
                self._begin_block()
                self.open = Prose()
                return True
            if len(self.open.source) == _PART_LINES:
                self.open.partial = ""
                closed.append(self.open)
                self.open = Code(fence.language, above=self.open)
            self.open.source.append(fence.content(line))
        self._rest = partial
        # What may become the closing line is not drawn as code.
        maybe_end = not partial.strip(" \t" + fence.mark[0])
        self.open.partial = "" if maybe_end else fence.content(partial)
        return False


def _block_starts(tokens: list[Token]) -> list[int]:
    """The source lines where top-level blocks begin."""
    return [token.map[0] for token in tokens if token.level == 0 and token.nesting >= 0 and token.map]


@dataclass(frozen=True, slots=True)
class _Container:
    """A quote, or a list of one item, whose mark takes `mark` characters (of a quote: 0), and its blocks."""

    mark: int
    children: list[Token]


def _container(source: str) -> _Container | None:
    """The container that the whole lines of `source` are; None when they are something else, or more."""
    tokens = parse_blocks(source[: source.rfind("\n") + 1])
    if _block_starts(tokens) != [0]:
        return None
    if tokens[0].type == "blockquote_open":
        return _Container(0, [t for t in tokens if t.level == 1 and t.nesting >= 0 and t.map])
    mark = _LIST_MARK.match(source)
    items = sum(t.type == "list_item_open" and t.level == 1 for t in tokens)
    if tokens[0].type not in _LIST_OPEN or items != 1 or mark is None:
        return None
    return _Container(mark.end(), [t for t in tokens if t.level == 2 and t.nesting >= 0 and t.map])


def _table_cut(source: str, long: int) -> int:
    """How many lines of a table make a full part of `long` characters; 0 when it is no table, or not more than one.

    Depends on nothing but these lines and one more, so it is the same however the text arrives.
    """
    whole = source[: source.rfind("\n") + 1]
    tokens = parse_blocks(whole) if len(source) > long else []
    if not tokens or tokens[0].type != "table_open" or tokens[0].map is None or tokens[0].map[0]:
        return 0
    size = 0
    for index, line in enumerate(whole.split("\n")[: tokens[0].map[1]]):
        size += len(line) + 1
        if size > long:
            return max(3, index)
    return 0


def _soft_cut(source: str) -> re.Match[str] | None:
    """Where to cut a long paragraph: the last gap of its first part with no open code or emphasis before it.

    Depends on nothing but those first characters, so it is the same however the text arrives.
    """
    head = source[:LONG_PARAGRAPH]
    for pattern in (_WORD_GAP, _GLYPH_GAP):
        gaps = [match for match in pattern.finditer(head) if match.start() > LONG_PARAGRAPH // 2]
        for gap in gaps[: -_CUTS_TRIED - 1 : -1]:
            before = head[: gap.start()]
            if (
                before.count("`") % 2 == 0
                and before.count("*") % 2 == 0
                and before.count("[") == before.count("]")
            ):
                return gap
        if gaps:
            return gaps[-1]
    return None
