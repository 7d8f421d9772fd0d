"""Keys that are tried: each is told in a row of the scrollback, and does nothing."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from h2a_tui.inline.key_reader import Key
from h2a_tui.key_trial import QUIET_S, KeyTrial
from h2a_tui.keymap import Context

if TYPE_CHECKING:
    from h2a_tui.inline.chat import InlineChat

__all__ = ["Trying"]


class Trying:
    """The trial of one chat, while there is one."""

    def __init__(self, chat: InlineChat) -> None:
        self._chat = chat
        self._trial = KeyTrial(chat.keymap)
        self._quiet: asyncio.TimerHandle | None = None

    @property
    def ways_out(self) -> str:
        """How it is left."""
        return self._trial.ways_out

    def begin(self) -> None:
        """Take the keyboard."""
        self._trial = KeyTrial(self._chat.keymap)
        self._chat.terminal.listener = self._trial.hear
        self._chat.keyboard.give(Context.KEYS)
        self._wait()

    def press(self, key: Key) -> None:
        """Tell of it, or leave."""
        line = self._trial.key(key.name)
        if line is None:
            self._leave()
            return
        self._chat.screen.write_line(line)
        self._wait()

    def paste(self, text: str) -> None:
        """Tell of it."""
        self._chat.screen.write_line(self._trial.paste(text))
        self._wait()

    def end(self) -> None:
        """Wait for nothing any more."""
        self._chat.terminal.listener = None
        if self._quiet is not None:
            self._quiet.cancel()

    def _wait(self) -> None:
        if self._quiet is not None:
            self._quiet.cancel()
        self._quiet = asyncio.get_running_loop().call_later(QUIET_S, self._leave)

    def _leave(self) -> None:
        self.end()
        self._chat.keyboard.give(Context.COMPOSER)
