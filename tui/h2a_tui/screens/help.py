"""The help overlay: every key and command."""

from __future__ import annotations

from h2a_tui.help_table import help_table
from h2a_tui.keymap import Keymap
from h2a_tui.screens.page import PageScreen

__all__ = ["HelpScreen"]


class HelpScreen(PageScreen):
    """Shows `help_table` over the chat until a key closes it."""

    def __init__(self, keymap: Keymap) -> None:
        super().__init__("Keys", help_table(keymap), keymap)
