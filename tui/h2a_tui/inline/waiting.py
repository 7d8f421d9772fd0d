"""The waiting messages of an inline chat: which one the keys act on, and the editor for it."""

from __future__ import annotations

from collections.abc import Callable

from h2a_agent.events import QueueItem
from h2a_tui.inline.editor import InlineEditor
from h2a_tui.keymap import Context
from h2a_tui.widgets.queue_choice import QueueChoice

__all__ = ["InlineWaiting"]


class InlineWaiting(QueueChoice):
    """They are drawn by `foot.py`; `give` gives the keyboard to the list or to the editor."""

    def __init__(self, give: Callable[[Context], None]) -> None:
        super().__init__()
        self.editor = InlineEditor()
        self.editing: QueueItem | None = None
        self._give = give

    def take_keyboard(self) -> None:
        """The keys choose one of them."""
        self._give(Context.QUEUE)

    def begin_edit(self, item: QueueItem) -> None:
        """The keys change `item`."""
        self.editing = item
        self.editor.reset(item.text)
        self._give(Context.QUEUE_EDIT)

    def end_edit(self) -> str:
        """Close the editor; returns what it held."""
        self.editing = None
        return self.editor.message
