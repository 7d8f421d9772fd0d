"""Copying: to the terminal's clipboard and to the machine's own, and saying so."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field
from typing import Any

from h2a_tui.clipboard import Clipboard

__all__ = ["Copying"]


@dataclass(eq=False)
class Copying:
    """`to_terminal` asks the terminal, `work` lets a job go on in the background, `notice` says something short."""

    to_terminal: Callable[[str], None]
    work: Callable[[Coroutine[Any, Any, None]], None]
    notice: Callable[[str], None]
    _clipboard: Clipboard = field(default_factory=Clipboard)

    def copy(self, text: str) -> None:
        """Put `text` into both."""
        self.to_terminal(text)
        self.work(self._copy_here(text))
        self.notice(f"Copied {len(text):,} character{'s' if len(text) != 1 else ''}")

    async def _copy_here(self, text: str) -> None:
        await self._clipboard.put(text)

    async def aclose(self) -> None:
        """Answer for the clipboard no more."""
        await self._clipboard.aclose()
