"""The clipboard: through the terminal (OSC 52), and through the program of this machine where there is one.

A terminal may not know OSC 52, and tmux keeps it to itself unless it is told to pass it on (`set-clipboard on`).
So tmux is asked by its own command, and Wayland, X11 and macOS by theirs. Such a program gets the text from a
file only the user can read, which is gone afterwards. Wayland and X11 have no clipboard but a program that
answers for it: it goes on until the next copy or our end.
"""

from __future__ import annotations

import asyncio
import os
import shutil
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from h2a_agent.tools.keeper import Keeper
from h2a_agent.tools.process import Child

__all__ = ["Clipboard", "program_for"]

# The variable that says where we are, and what copies its standard input there.
_PROGRAMS: Final = (
    ("TMUX", ("tmux", "load-buffer", "-w", "-")),
    ("WAYLAND_DISPLAY", ("wl-copy",)),
    ("DISPLAY", ("xclip", "-selection", "clipboard")),
    ("DISPLAY", ("xsel", "--clipboard", "--input")),
)
_MACOS: Final = ("pbcopy",)
_LIMIT_S: Final = 2.0
_FROM_FILE: Final = ("/bin/sh", "-c", 'exec "$@" < "$0"')


def program_for(environ: Mapping[str, str], platform: str) -> tuple[str, ...]:
    """The program that copies its standard input, with its arguments; empty where there is none."""
    for variable, argv in _PROGRAMS:
        if environ.get(variable) and shutil.which(argv[0], path=environ.get("PATH")):
            return argv
    return _MACOS if platform == "darwin" else ()


class Clipboard:
    """Gives texts to the machine's own clipboard. A failure is no news: the terminal was asked as well."""

    def __init__(self) -> None:
        self._lock = asyncio.Lock()
        self._answering: Keeper | None = None

    async def put(self, text: str) -> bool:
        """Make `text` its content; False when there is no program for that, or it has failed."""
        async with self._lock:
            argv = await asyncio.to_thread(program_for, os.environ, sys.platform)
            if not argv:
                return False
            file = await asyncio.to_thread(_written, text)
            try:
                return await self._copy(file, argv)
            except (OSError, TimeoutError):
                return False
            finally:
                file.unlink(missing_ok=True)

    async def aclose(self) -> None:
        """End what still answers for the clipboard."""
        keeper, self._answering = self._answering, None
        if keeper is not None:
            await keeper.end(0)
            keeper.close()

    async def _copy(self, file: Path, argv: tuple[str, ...]) -> bool:
        async with await Child.start([*_FROM_FILE, file, *argv], file.parent) as child:
            async with asyncio.timeout(_LIMIT_S):
                while await child.read():
                    pass
            if child.exit_code:
                return False
            await self.aclose()
            self._answering = child.detach()
        return True


def _written(text: str) -> Path:
    handle, name = tempfile.mkstemp(prefix="h2a-copy-")
    with os.fdopen(handle, "w", encoding="utf-8", errors="replace", newline="") as file:
        file.write(text)
    return Path(name)
