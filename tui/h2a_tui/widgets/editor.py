"""A text editor whose keys all come from the keymap, handled one after the other in the order typed.

Textual lets a key bubble up to the app before it runs an editor's binding, so in a burst (a slow line, a
fast typist) an arrow could take effect after the letters typed behind it. Here a key has been dealt with
before the next one is looked at.

Textual's cursor goes by code points. Here it goes by *units* (`_unit`): characters as people see them, and
whatever else an editor wants to be passed over, deleted and undone as one.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from time import monotonic
from typing import Any, ClassVar, Final

from textual import actions, events
from textual.document._document import Location
from textual.document._edit import Edit
from textual.geometry import Offset, Region
from textual.message import Message
from textual.strip import Strip
from textual.widgets import TextArea
from textual.widgets.text_area import Selection

from h2a_tui.attachments import Attachments
from h2a_tui.direct_paint import DirectPaint
from h2a_tui.graphemes import cluster, word_left, word_right
from h2a_tui.keymap import EDITING, Action, Context, Keymap
from h2a_tui.vim import Mode, State
from h2a_tui.widgets.undo import Undo, within_a_line
from h2a_tui.widgets.vim_keys import VimKeys

__all__ = ["Editor", "Perform", "hand_on"]

Perform = Callable[[Action], bool]
"""Does what a key asks for, in the same tick; False: nothing to do, the key keeps its plain meaning."""

# Invisible, so not printable to Python, but parts of characters people type: ZWNJ and ZWJ.
_JOINERS: Final = frozenset({"\u200c", "\u200d"})


def hand_on(event: events.Key, receiver: Any) -> bool:
    """Give a key to the widget that has the keyboard, when that changed while the key was on its way."""
    target = receiver.app.screen.focused
    if target is None or target is receiver:
        return False
    event.stop()
    event.prevent_default()
    target.post_message(events.Key(event.key, event.character))
    return True


class Editor(TextArea, inherit_bindings=False):
    """A plain, growing text editor. `context` names its keys in the keymap."""

    DEFAULT_CSS = """
    Editor {
        height: auto;
        min-height: 1;
        border: none;
        padding: 0;
        background: transparent;
        scrollbar-size: 0 0;
        &:focus { border: none; background: transparent; }
        & .text-area--cursor-line { background: transparent; }
        & .text-area--placeholder { color: $h2a-dim; }
        &.-vim-insert .text-area--cursor { text-style: underline; color: $h2a-text; background: transparent; }
    }
    """

    context: ClassVar[Context] = Context.COMPOSER
    modal: ClassVar[bool] = True
    """Are vim's keys understood, where somebody wants them? One line that is over with the first Enter needs none."""

    class VimChanged(Message):
        """Another of vim's modes has begun in an editor, so the keys mean something else."""

    def __init__(self, keymap: Keymap, perform: Perform, *, placeholder: str = "", id: str | None = None):
        self._attachments = Attachments()
        super().__init__(
            soft_wrap=True,
            show_line_numbers=False,
            highlight_cursor_line=False,
            tab_behavior="focus",
            compact=True,
            placeholder=placeholder,
            id=id,
        )
        self.cursor_blink = False
        self.match_cursor_bracket = False  # it searches the whole text with every key
        self.history = undo = Undo(self._joins)
        self._direct = DirectPaint(self)
        self.echoed_at = 0.0  # of `monotonic`: when a key was last shown before Textual painted
        self._styled = False  # are the styles those of the style sheet?
        self._keymap = keymap
        self._perform = perform
        self._killed = ""
        self._vim = VimKeys(self, undo, self._unit, self._leave_text)
        self._vim_told: State | None = None
        self._killing = False  # was the last key one that kills, so that the next adds to it?

    @property
    def message(self) -> str:
        """The words in it, pastes whole."""
        return self._attachments.expand(self.text)

    def unselect(self) -> None:
        """Select nothing; it ends vim's visual mode."""
        self.selection = Selection.cursor(self.cursor_location)
        if self.vim is not None and self.vim.is_visual:
            self.escape_in_vim()

    def show(self, text: str) -> None:
        """Hold `text` and nothing else, the cursor at its end; nothing is to be undone."""
        self.load_text(self._attachments.shown(text))
        self.move_cursor(self.document.end)
        self._vim.begin()
        self.tell_vim()

    def on_mount(self) -> None:
        """Show in which mode one begins."""
        self.tell_vim()

    # ------------------------------------------------------------------ keys

    async def on_key(self, event: events.Key) -> None:
        """Do what the key means here, or type it."""
        if hand_on(event, self):
            return
        event.stop()
        event.prevent_default()
        rows = self.wrapped_document.height
        await self._deal_with(event)
        self._after_key()
        self.tell_vim()
        if rows == self.wrapped_document.height:
            self._echo()

    async def _deal_with(self, event: events.Key) -> None:
        if self.vim is not None and self._vim.takes(event):
            return
        await self._do_or_type(event)
        self._vim.forget_keys()

    async def _do_or_type(self, event: events.Key) -> None:
        action = self._keymap.action(event.key, *self._contexts)
        writes = self.vim is None or self.vim.mode is Mode.INSERT
        editing = EDITING.get(event.key) if writes else None
        self._killing = self._killing and editing in _KILLS
        if action is not None and self._act(action):
            pass
        elif editing is not None:
            await self._edit(editing)
        elif writes and event.character is not None and (event.is_printable or event.character in _JOINERS):
            self.replace(event.character, *self.selection, maintain_selection_offset=False)

    def _echo(self) -> None:
        """Show the cursor's row at once, before Textual paints."""
        region = self._direct.region()
        y = self.cursor_screen_offset.y - region.y if region is not None else -1
        if region is not None and 0 <= y < region.height:
            [strip] = self.render_lines(Region(0, y, region.width, 1))
            self._direct.show_row(region, y, strip)
            self.echoed_at = monotonic()

    def notify_style_update(self) -> None:
        """Other styles: they are to be looked up once more."""
        self._styled = False
        super().notify_style_update()

    def render_lines(self, crop: Region) -> list[Strip]:
        """As Textual's, which looks up all its styles for each row that is drawn anywhere near: 0.3 ms."""
        if self._styled:
            return super(TextArea, self).render_lines(crop)
        self._styled = True
        return super().render_lines(crop)

    def render_line(self, y: int) -> Strip:
        """As Textual's, which cannot wrap a placeholder where there is no room at all."""
        return super().render_line(y) if self.content_size.width > 0 else Strip.blank(self.size.width)

    @property
    def _contexts(self) -> tuple[Context, ...]:
        """Where a key is looked up, one after the other."""
        return self.context, Context.GLOBAL

    def _after_key(self) -> None:
        """A key, or a paste, has been dealt with."""

    def on_paste(self, event: events.Paste) -> None:
        """Insert a paste, a long one as its tag."""
        event.stop()
        event.prevent_default()
        self._insert_paste(event.text.replace("\r\n", "\n").replace("\r", "\n"))
        self._after_key()

    def _insert_paste(self, text: str) -> None:
        self.replace(self._attachments.pasted(text), *self.selection, maintain_selection_offset=False)

    def _act(self, action: Action) -> bool:
        if action is Action.NEWLINE or (action in (Action.SUBMIT, Action.EDIT_SAVE) and self._continues()):
            self.insert("\n")
            return True
        return self._perform(action)

    def _continues(self) -> bool:
        """A backslash before the cursor asks for a new line; it is taken away."""
        row, column = self.cursor_location
        if not self.selection.is_empty or self.document.get_line(row)[:column][-1:] != "\\":
            return False
        self.delete((row, column - 1), (row, column))
        return True

    async def _edit(self, expression: str) -> None:
        _namespace, name, arguments = actions.parse(expression)
        result = getattr(self, f"action_{name}")(*arguments)
        if inspect.isawaitable(result):
            await result

    # ----------------------------------------------------------------- vim's keys

    @property
    def vim(self) -> State | None:
        """In which mode of vim's this editor is; None where it has none."""
        return self._vim.state if self.modal and self._keymap.editing == "vim" else None

    def escape_in_vim(self) -> None:
        """Go to normal mode, or forget what of a command has been typed."""
        self._vim.escape()
        self.tell_vim()

    def tell_vim(self) -> None:
        """Tell when another mode has begun, or vim's keys have been turned on or off."""
        now = self.vim
        if now is None and self._vim_told is not None:
            self._vim.begin()
        self.set_class(now is not None and now.mode is Mode.INSERT, "-vim-insert")
        if _shown(now) != _shown(self._vim_told):
            self.post_message(self.VimChanged())
        self._vim_told = now

    def _leave_text(self, direction: int) -> None:
        """The cursor would leave the text, upwards (-1) or downwards (1)."""

    # ------------------------------------------------------------ by characters

    def _unit(self, line: str, column: int) -> tuple[int, int]:
        """First and last column of what `column` lies inside of; twice `column` where a cursor may stand."""
        return self._attachments.tag_around(line, column) or cluster(line, column)

    def clamp_visitable(self, location: Location) -> Location:
        """The nearest place a cursor may stand: behind the character that `location` lies inside of."""
        row, column = super().clamp_visitable(location)
        return row, self._unit(self.document.get_line(row), column)[1]

    def _undo_batch(self, edits: Sequence[Edit]) -> None:
        """As Textual's, which wraps the wrong lines again where several edits of a step have changed their number."""
        for part in (edits,) if within_a_line(edits) else ([edit] for edit in reversed(edits)):
            super()._undo_batch(part)

    def _redo_batch(self, edits: Sequence[Edit]) -> None:
        for part in (edits,) if within_a_line(edits) else ([edit] for edit in edits):
            super()._redo_batch(part)

    def scroll_cursor_visible(self, center: bool = False, animate: bool = False) -> Offset:
        """As Textual's, which asks for it in the middle of an undo, too, when the cursor's line is gone."""
        if self.cursor_location[0] >= self.document.line_count:
            return Offset(0, 0)
        return super().scroll_cursor_visible(center, animate)

    def get_cursor_left_location(self) -> Location:
        """One character to the left, from the first of a line to the end of the one above."""
        row, column = self.cursor_location
        if not column:
            return super().get_cursor_left_location()
        return row, self._unit(self.document.get_line(row), column - 1)[0]

    def get_cursor_right_location(self) -> Location:
        """One character to the right, from the last of a line to the start of the one below."""
        row, column = self.cursor_location
        line = self.document.get_line(row)
        if column == len(line):
            return super().get_cursor_right_location()
        return row, self._unit(line, column + 1)[1]

    def get_cursor_word_left_location(self) -> Location:
        """The beginning of a word."""
        row, column = self.cursor_location
        if not column:
            return super().get_cursor_left_location()
        line = self.document.get_line(row)
        return row, self._unit(line, word_left(line, column))[0]

    def get_cursor_word_right_location(self) -> Location:
        """The end of a word."""
        row, column = self.cursor_location
        line = self.document.get_line(row)
        if column == len(line):
            return super().get_cursor_right_location()
        return row, self._unit(line, word_right(line, column))[1]

    def _joins(self, edit: Edit) -> bool:
        """Was a code point put inside a character, or at its end, that was there already?"""
        row, column = edit.top
        return edit.top == edit.bottom and cluster(self.document.get_line(row), column) != (column, column)

    def _expand_paste(self) -> bool:
        """Put the paste in the place of its tag before the cursor; False when there is none."""
        row, column = self.cursor_location
        line = self.document.get_line(row)
        begin, _ = self._unit(line, column - 1) if column else (column, column)
        text = self._attachments.expandable(line[begin:column])
        if text:
            self.replace(text, (row, begin), (row, column), maintain_selection_offset=False)
        return bool(text)

    # --------------------------------------------------------- kill and yank

    def action_delete_word_left(self) -> None:
        """Kill the word before the cursor."""
        self._kill(self.get_cursor_word_left_location())

    def action_delete_word_right(self) -> None:
        """Kill the word behind the cursor."""
        self._kill(self.get_cursor_word_right_location())

    def action_delete_to_start_of_line(self) -> None:
        """Kill what is before the cursor on its line; there is nothing: the line's beginning."""
        start = self.get_cursor_line_start_location()
        self._kill(start if start != self.cursor_location else self.get_cursor_left_location())

    def action_delete_to_end_of_line(self) -> None:
        """Kill what is behind the cursor on its line; there is nothing: the line's end."""
        end = self.get_cursor_line_end_location()
        self._kill(end if end != self.cursor_location else self.get_cursor_right_location())

    def action_yank(self) -> None:
        """Put back what was killed last."""
        self.replace(self._killed, *self.selection, maintain_selection_offset=False)

    def _kill(self, to: Location) -> None:
        """Delete the selection, or from the cursor to `to`, and keep it; kills in a row are kept as one."""
        start, end = self.selection if not self.selection.is_empty else (self.cursor_location, to)
        text = self.get_text_range(min(start, end), max(start, end))
        if self._killing:
            text = self._killed + text if to >= self.cursor_location else text + self._killed
        self._killed, self._killing = text, True
        self.delete(start, end, maintain_selection_offset=False)


def _shown(vim: State | None) -> object:
    return vim and (vim.mode, vim.keys)


_KILLS: Final = frozenset(
    {"delete_word_left", "delete_word_right", "delete_to_start_of_line", "delete_to_end_of_line"}
)
