"""Ctrl+C: copy what is selected, else empty the editor, else leave with the second one."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final, Protocol

from h2a_tui.keymap import Action, Keymap
from h2a_tui.pressed_twice import PressedTwice

__all__ = ["AGAIN_S", "CopyClearQuit"]

AGAIN_S: Final = 1.0  # a second one within this time quits


class _Editor(Protocol):
    """What has the keyboard."""

    @property
    def text(self) -> str: ...
    @property
    def selected_text(self) -> str: ...
    def unselect(self) -> None: ...
    def clear(self) -> object:
        """Empty it; that can be undone."""
        ...


@dataclass(eq=False)
class CopyClearQuit:
    """One chat's Ctrl+C. `copy`, `quit` and `notice` are the chat's; `notice` says something for so many seconds."""

    keymap: Keymap
    copy: Callable[[str], None]
    quit: Callable[[], None]
    notice: Callable[[str, float], None]
    _presses: PressedTwice = field(default_factory=lambda: PressedTwice(AGAIN_S))

    def press(self, editor: _Editor) -> None:
        """It was pressed at `editor`."""
        if text := editor.selected_text:
            self.copy(text)
            editor.unselect()
            return
        again = self._presses.press()
        key = self.keymap.label(Action.COPY_CLEAR_QUIT)
        if editor.text:
            editor.clear()
            self.notice(f"Cleared; {key} again quits", AGAIN_S)
        elif again:
            self.quit()
        else:
            self.notice(f"Press {key} again to quit", AGAIN_S)
