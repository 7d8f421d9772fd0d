"""Text that is being written: prompt_toolkit's buffer, with the keys of the keymap, whole characters and paste tags.

The verbs are those of `keymap.EDITING`, so the same keys do here what they do in the app's editor.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import ClassVar, Final, NamedTuple

from prompt_toolkit.buffer import Buffer
from prompt_toolkit.document import Document
from rich.cells import cell_len
from rich.segment import Segment
from rich.style import Style
from wcwidth import iter_graphemes

from h2a_tui.attachments import Attachments
from h2a_tui.graphemes import cluster, word_left, word_right
from h2a_tui.inline.ansi import fitted
from h2a_tui.inline.vim_keys import InlineVim
from h2a_tui.transcript.lines import Line
from h2a_tui.vim.page import Unit

__all__ = ["InlineEditor", "Look"]

_SELECTING: Final = "(True)"
_TAB: Final = "    "
_DOT: Final = "•"


class Look(NamedTuple):
    """How an editor looks: its text, the cursor, what is selected, and what stands there while it is empty."""

    text: Style
    cursor: Style
    selection: Style
    placeholder: Style


class InlineEditor:
    """One text and a cursor. Columns are code points; a cursor never stands inside a character or a tag."""

    def __init__(self, placeholder: str = "", *, tags: bool = True, secret: bool = False) -> None:
        """`tags`: a long paste stands there as its tag; else what is seen is what there is.

        Of a `secret` a dot for each character is seen, and it cannot be copied.
        """
        self.attachments = Attachments()
        self.changed: Callable[[], None] = lambda: None
        self._placeholder = placeholder
        self._tags = tags and not secret
        self._secret = secret
        self._buffer = Buffer(multiline=True)
        self._anchor: int | None = None
        self._killed = ""
        self._last = ""  # the verb before, for kills that are one and letters that are undone together
        self._one_step = self._step_begun = False
        self.vim = InlineVim(self, self._leave)
        self.beyond: Callable[[int], object] = lambda _direction: None  # where vim's j and k leave the text

    # ------------------------------------------------------------------ the text

    @property
    def text(self) -> str:
        """As it is shown, with tags."""
        return self._buffer.text

    @property
    def message(self) -> str:
        """The words in it, pastes whole."""
        return self.attachments.expand(self.text)

    @property
    def is_blank(self) -> bool:
        """Is there nothing to send?"""
        return not self.text.strip()

    @property
    def cursor(self) -> int:
        """Its place in the text."""
        return self._buffer.cursor_position

    @property
    def before(self) -> tuple[int, str]:
        """The row of the cursor, and its line up to there."""
        document = self._buffer.document
        return document.cursor_position_row, document.current_line_before_cursor

    @property
    def on_first_line(self) -> bool:
        """Is there no line above?"""
        return self._buffer.document.on_first_line

    @property
    def on_last_line(self) -> bool:
        """Is there no line below?"""
        return self._buffer.document.on_last_line

    @property
    def selected_text(self) -> str:
        """The text that is selected, for whoever may see it."""
        return "" if self._secret else self._selected

    @property
    def _selected(self) -> str:
        begin, end = self._selection
        return self.text[begin:end]

    def load(self, text: str, cursor: int | None = None) -> None:
        """Hold `text` and nothing else, to be undone as one step."""
        self._set(text, len(text) if cursor is None else cursor, "load")

    def reset(self, text: str = "") -> None:
        """Begin anew with `text`; nothing is to be undone."""
        self._buffer.reset(Document(self.attachments.shown(text) if self._tags else text))
        self._anchor, self._last = None, ""
        self.vim.begin()
        self.changed()

    def insert(self, text: str) -> None:
        """Type `text` in the place of what is selected."""
        begin, end = self._selection
        self._replace(begin, end, text, "insert")

    def paste(self, text: str) -> None:
        """Insert a paste, a long one as its tag."""
        text = text.replace("\r\n", "\n").replace("\r", "\n")
        self._last = ""
        self.insert(self.attachments.pasted(text) if self._tags else text)
        self._last = ""

    def replace_before(self, count: int, text: str) -> None:
        """Put `text` in the place of the last `count` characters before the cursor."""
        self._replace(self.cursor - count, self.cursor, text, "take")

    def continues(self) -> bool:
        """A backslash before the cursor asks for a new line; it is taken away."""
        if self._anchor is not None or not self._buffer.document.text_before_cursor.endswith("\\"):
            return False
        self.replace_before(1, "\n")
        return True

    def expand_paste(self) -> bool:
        """Put the paste in the place of its tag before the cursor; False when there is none."""
        begin = self._left()
        text = self.attachments.expandable(self.text[begin : self.cursor])
        if text:
            self._replace(begin, self.cursor, text, "expand")
        return bool(text)

    def clear(self) -> None:
        """Hold nothing; it can be undone."""
        self.load("")

    def unselect(self) -> None:
        """Select nothing; it ends vim's visual mode."""
        self._anchor = None
        if self.vim.state.is_visual:
            self.vim.escape()

    # ------------------------------------------------------------------ editing

    def edit(self, expression: str) -> None:
        """Do what a verb of `keymap.EDITING` says."""
        verb = expression.removesuffix(_SELECTING)
        if (target := self._TARGETS.get(verb)) is not None:
            self._move(target(self), select=expression != verb)
        elif verb in _UPRIGHT:
            self._move_upright(verb, select=expression != verb)
        elif (delete := self._DELETIONS.get(verb)) is not None:
            kills = verb.startswith(_KILLS)
            self._delete(delete(self), verb, kills=kills)
        elif verb in ("undo", "redo"):
            self._anchor, self._last = None, verb
            (self._buffer.undo if verb == "undo" else self._buffer.redo)()
            self.changed()
        elif verb in ("yank", "paste"):
            self._last = ""
            self.insert(self._killed)
        elif verb == "cut" and self._anchor is not None:
            self._killed = self._selected
            self._delete(self.cursor, verb, kills=False)

    def _move(self, to: int, *, select: bool) -> None:
        self._select(select)
        self._buffer.cursor_position = to
        self._last = "move"

    def _move_upright(self, verb: str, *, select: bool) -> None:
        self._select(select)
        (self._buffer.cursor_up if verb == "cursor_up" else self._buffer.cursor_down)()
        self._buffer.cursor_position = self._unit(self.cursor)[
            1
        ]  # changes no preferred column of prompt_toolkit's
        self._last = verb

    def _select(self, select: bool) -> None:
        if not select:
            self._anchor = None
        elif self._anchor is None:
            self._anchor = self.cursor

    def _delete(self, to: int, verb: str, *, kills: bool) -> None:
        """Delete the selection, or from the cursor to `to`. Kills in a row are kept as one."""
        selected = self._anchor is not None
        begin, end = self._selection if selected else sorted((self.cursor, to))
        if kills:
            killed = self.text[begin:end]
            joins = self._last.startswith(_KILLS)
            if joins:
                killed = killed + self._killed if to < self.cursor else self._killed + killed
            self._killed = killed
        self._replace(begin, end, "", verb)

    @property
    def _selection(self) -> tuple[int, int]:
        if self._anchor is None:
            return self.cursor, self.cursor
        return min(self._anchor, self.cursor), max(self._anchor, self.cursor)

    def _replace(self, begin: int, end: int, new: str, verb: str) -> None:
        text = self.text
        self._set(text[:begin] + new + text[end:], begin + len(new), verb)

    def _set(self, text: str, cursor: int, verb: str) -> None:
        joins = self._step_begun if self._one_step else verb == self._last == "insert"
        if not joins:
            self._buffer.save_to_undo_stack()
        self._step_begun = self._one_step
        self._buffer.set_document(Document(text, cursor))
        self._anchor, self._last = None, verb
        self.changed()

    # -------------------------------------------------------------- for vim's keys

    @property
    def unit(self) -> Unit:
        """First and last column of what a column of a line lies inside of."""
        return self._unit_of

    def change(self, begin: int, end: int, new: str) -> None:
        """Put `new` in the place of what is between `begin` and `end`."""
        self._replace(begin, end, new, "change")

    def step_back(self, steps: int) -> None:
        """Undo so many steps, or make them again when negative."""
        for _ in range(abs(steps)):
            self.edit("undo" if steps > 0 else "redo")

    def select(self, anchor: int | None, cursor: int) -> None:
        """Go to `cursor`, with everything from `anchor` on selected."""
        self._buffer.cursor_position = cursor
        self._anchor = anchor

    def _leave(self, direction: int) -> None:
        self.beyond(direction)

    def as_one_step(self, *, begins: bool) -> None:
        """From here to its end what is written is one step of undo."""
        self._one_step, self._step_begun, self._last = begins, False, ""

    # ------------------------------------------------------------- by characters

    def _unit(self, position: int) -> tuple[int, int]:
        """First and last place of what `position` lies inside of; twice `position` where a cursor may stand."""
        row, column = self._buffer.document.translate_index_to_position(position)
        line = self._buffer.document.lines[row]
        begin, end = self._unit_of(line, column)
        return position - column + begin, position - column + end

    def _unit_of(self, line: str, column: int) -> tuple[int, int]:
        return self.attachments.tag_around(line, column) or cluster(line, column)

    def _left(self) -> int:
        if not self.cursor or self.text[self.cursor - 1] == "\n":
            return max(0, self.cursor - 1)
        return self._unit(self.cursor - 1)[0]

    def _right(self) -> int:
        if self.cursor == len(self.text) or self.text[self.cursor] == "\n":
            return min(len(self.text), self.cursor + 1)
        return self._unit(self.cursor + 1)[1]

    def _word_left(self) -> int:
        column = self._buffer.document.cursor_position_col
        if not column:
            return self._left()
        line = self._buffer.document.current_line
        return self._unit(self.cursor - column + word_left(line, column))[0]

    def _word_right(self) -> int:
        column, line = self._buffer.document.cursor_position_col, self._buffer.document.current_line
        if column == len(line):
            return self._right()
        return self._unit(self.cursor - column + word_right(line, column))[1]

    def _line_start(self) -> int:
        return self.cursor - self._buffer.document.cursor_position_col

    def _line_end(self) -> int:
        return self.cursor + len(self._buffer.document.current_line_after_cursor)

    def _to_start(self) -> int:
        return self._line_start() if self._line_start() != self.cursor else self._left()

    def _to_end(self) -> int:
        return self._line_end() if self._line_end() != self.cursor else self._right()

    _TARGETS: ClassVar[Mapping[str, Callable[[InlineEditor], int]]] = {
        "cursor_left": _left,
        "cursor_right": _right,
        "cursor_word_left": _word_left,
        "cursor_word_right": _word_right,
        "cursor_line_start": _line_start,
        "cursor_line_end": _line_end,
    }
    _DELETIONS: ClassVar[Mapping[str, Callable[[InlineEditor], int]]] = {
        "delete_left": _left,
        "delete_right": _right,
        "delete_word_left": _word_left,
        "delete_word_right": _word_right,
        "delete_to_start_of_line": _to_start,
        "delete_to_end_of_line": _to_end,
    }

    # ----------------------------------------------------------------- drawing

    def rows(self, width: int, most: int, look: Look) -> list[Line]:
        """At most `most` rows of at most `width` cells around the cursor."""
        if not self.text and self._placeholder:
            words = self._placeholder[: max(0, width)]
            return [
                Line(
                    [
                        Segment(words[:1] or " ", look.placeholder + look.cursor),
                        Segment(words[1:], look.placeholder),
                    ]
                )
            ]
        begin, end = self._selection
        lines: list[Line] = []
        row: list[Segment] = []
        used = at = position = 0
        seen = _DOT * len(self.text) if self._secret else self.text
        for character in [*iter_graphemes(seen), ""]:
            shown = {"\t": _TAB, "\n": " ", "": " "}.get(character, character)
            cells = cell_len(shown)
            here = position == self.cursor
            if used + cells > width and (character not in ("\n", "") or here):
                lines.append(Line(row))
                row, used = [], 0
            if here:
                at = len(lines)
            style = look.cursor if here else look.selection if begin <= position < end else look.text
            if here or character not in ("\n", ""):
                shown = shown if cells <= width else fitted(shown, max(1, width))
                if row and row[-1].style is style:
                    shown = row.pop().text + shown
                row.append(Segment(shown, style))
                used += cells
            if character == "\n":
                lines.append(Line(row))
                row, used = [], 0
            position += len(character)
        lines.append(Line(row))
        first = min(max(0, at - most + 1), max(0, len(lines) - most))
        return lines[first : first + most]


_UPRIGHT: Final = frozenset({"cursor_up", "cursor_down"})
_KILLS: Final = ("delete_word", "delete_to")
