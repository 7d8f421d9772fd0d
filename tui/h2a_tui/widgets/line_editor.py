"""An editor for one line: what does not fit scrolls sideways, and a paste becomes one line."""

from __future__ import annotations

from typing import ClassVar

from h2a_tui.keymap import Keymap
from h2a_tui.widgets.editor import Editor, Perform

__all__ = ["LineEditor"]


class LineEditor(Editor):
    """One line. `context` names its keys in the keymap."""

    modal: ClassVar[bool] = False
    DEFAULT_CSS = """
    LineEditor { height: 1; max-height: 1; }
    """

    def __init__(self, keymap: Keymap, perform: Perform, *, placeholder: str = "") -> None:
        super().__init__(keymap, perform, placeholder=placeholder)
        self.soft_wrap = False

    @property
    def line(self) -> str:
        """What is written, without blanks around it."""
        return " ".join(self.text.split())

    def _insert_paste(self, text: str) -> None:
        self.replace(" ".join(text.split()), *self.selection, maintain_selection_offset=False)
