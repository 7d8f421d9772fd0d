"""Reading the conversation with the keyboard: a cursor on its blocks, finding words, copying from it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import TYPE_CHECKING

from h2a_tui.keymap import Action, Context
from h2a_tui.transcript.blocks import BlockCursor

if TYPE_CHECKING:
    from h2a_tui.screens.chat import ChatScreen

__all__ = ["Reading"]


class Reading:
    """The reader's verbs of one chat screen. `copy` copies a text."""

    def __init__(self, chat: ChatScreen, copy: Callable[[str], None]) -> None:
        self._chat = chat
        self._transcript = chat.transcript
        self._copy = copy

    @property
    def actions(self) -> Mapping[Action, Callable[[], object]]:
        """Which verb an action is."""
        transcript = self._transcript
        return {
            Action.TOGGLE_OUTPUT: transcript.toggle_all,
            Action.PAGE_UP: partial(transcript.scroll_page, -1),
            Action.PAGE_DOWN: partial(transcript.scroll_page, 1),
            Action.TRANSCRIPT_TOP: partial(transcript.scroll_home, animate=False),
            Action.TRANSCRIPT_END: transcript.scroll_end_now,
            Action.PROMPT_PREVIOUS: partial(transcript.scroll_to_prompt, -1),
            Action.PROMPT_NEXT: self._next_prompt,
            Action.FIND: self._find_or_stay,
            Action.FIND_NEXT: partial(self._find_step, 1),
            Action.FIND_PREVIOUS: partial(self._find_step, -1),
            Action.READ: self._read_or_leave,
            Action.BLOCK_PREVIOUS: partial(transcript.move_cursor, -1),
            Action.BLOCK_NEXT: partial(transcript.move_cursor, 1),
            Action.BLOCK_ADD_PREVIOUS: partial(transcript.move_cursor, -1, extend=True),
            Action.BLOCK_ADD_NEXT: partial(transcript.move_cursor, 1, extend=True),
            Action.BLOCK_FOLD: self._fold_block,
            Action.COPY_BLOCK: partial(self._copy_from, BlockCursor.text),
            Action.COPY_CODE: partial(self._copy_from, BlockCursor.code),
            Action.COPY_MESSAGE: partial(self._copy_from, BlockCursor.answer),
        }

    def leave(self) -> None:
        """Back to the editor; the conversation stays at its place."""
        self._transcript.end_reading()
        self._chat.set_focus(self._chat.composer)

    def find(self, text: str) -> None:
        """Find `text` in the conversation, or ask what to find."""
        chat = self._chat
        self._transcript.begin_search()
        chat.find_bar.open(text)
        chat.set_focus(chat.find_bar.editor)
        if text:
            self._transcript.find(text)

    def end_find(self, *, stay: bool) -> None:
        """Look for nothing more; `stay` where it was found, or go back to where the search began."""
        chat = self._chat
        self._transcript.end_search(stay=stay)
        chat.find_bar.close()
        chat.set_focus(self._transcript if self._transcript.cursor else chat.composer)

    def _read_or_leave(self) -> None:
        chat = self._chat
        if chat.context is Context.READING:
            self.leave()
        elif self._transcript.document.items:
            self._transcript.read()
            chat.set_focus(self._transcript)
        else:
            chat.notice("Nothing has been said yet")

    def _fold_block(self) -> None:
        if (cursor := self._transcript.cursor) is not None:
            self._transcript.toggle_fold(cursor.index)

    def _copy_from(self, text_of: Callable[[BlockCursor], str]) -> None:
        cursor = self._transcript.cursor
        if cursor is not None and (text := text_of(cursor)):
            self._copy(text)
        else:
            self._chat.notice("There is none here")

    def _find_or_stay(self) -> None:
        if self._chat.find_bar.display:
            self.end_find(stay=True)
        else:
            self.find("")

    def _find_step(self, step: int) -> None:
        # Its text may be newer than what the bar has told the transcript.
        self._transcript.find(self._chat.find_bar.text)
        self._transcript.find_next(step)

    def _next_prompt(self) -> None:
        if not self._transcript.scroll_to_prompt(1):
            self._transcript.scroll_end_now()
