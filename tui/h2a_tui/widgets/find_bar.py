"""Where one types what to look for in the conversation, with the count of what was found."""

from __future__ import annotations

from typing import ClassVar

from textual import on
from textual.app import ComposeResult
from textual.containers import Horizontal
from textual.message import Message
from textual.widgets import Static, TextArea

from h2a_tui.keymap import Context, Keymap
from h2a_tui.widgets.editor import Editor, Perform

__all__ = ["FindBar"]


class _FindEditor(Editor):
    """One line."""

    context: ClassVar[Context] = Context.FIND
    modal: ClassVar[bool] = False


class FindBar(Horizontal):
    """One row, hidden until something is looked for."""

    DEFAULT_CSS = """
    FindBar {
        height: 1;
        display: none;
        padding: 0 1;
        & #find-mark { width: auto; color: $h2a-accent; }
        & Editor { width: 1fr; height: 1; max-height: 1; }
        & #find-count { width: auto; color: $h2a-muted; }
    }
    """

    class Sought(Message):
        """`text` is looked for now."""

        def __init__(self, text: str) -> None:
            super().__init__()
            self.text = text

    def __init__(self, keymap: Keymap, perform: Perform) -> None:
        super().__init__()
        self.editor = _FindEditor(keymap, perform, placeholder="Find in the conversation")
        self._count = Static("", id="find-count")

    def compose(self) -> ComposeResult:
        """What it is, the words, how often they were found."""
        yield Static("find ", id="find-mark")
        yield self.editor
        yield self._count

    @property
    def text(self) -> str:
        """What is looked for."""
        return self.editor.text.partition("\n")[0]

    def open(self, text: str) -> None:
        """Begin with `text`, all of it selected."""
        self.display = True
        self._count.update("")
        self.editor.text = text
        self.editor.select_all()

    def close(self) -> None:
        """Hide."""
        self.display = False

    def show_count(self, position: int, total: int) -> None:
        """Say at which of how many places the reader is."""
        words = f" {position:,} of {total:,}" if total else " not found" if self.text else ""
        self._count.update(words)

    @on(TextArea.Changed)
    def _changed(self, event: TextArea.Changed) -> None:
        event.stop()
        self.post_message(self.Sought(self.text))
