"""A file for output that is too long for the model, so that it can look at the rest."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path
from typing import Final

from h2a_agent.tools.finish import in_thread
from h2a_agent.tools.truncate import size_text

__all__ = ["Spill"]

MAX_BYTES: Final = 64 * 1024 * 1024
_BATCH: Final = 256 * 1024  # characters; a thread for each small piece would cost more than writing it


class Spill:
    """The whole output in a file of `folder`, up to 64 MB; made with the first byte.

    A disk that is full ends the file, not the command: `notice` says what there is.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._path: Path | None = None
        self._descriptor = -1
        self._waiting: list[str] = []
        self._characters = 0
        self._written = 0
        self._failure = ""

    async def feed(self, text: str) -> None:
        """Take the next piece."""
        if self._failure or self._written >= MAX_BYTES:
            return
        self._waiting.append(text)
        self._characters += len(text)
        if self._characters >= _BATCH:
            await self._write_waiting()

    async def close(self) -> None:
        """Write what is left and close the file."""
        await self._write_waiting()
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1

    @property
    def notice(self) -> str:
        """Where the output is, as part of a sentence."""
        if self._failure:
            return f"the whole output could not be kept: {self._failure}"
        if self._written >= MAX_BYTES:
            return f"the first {size_text(MAX_BYTES)} of the output are in {self._path}"
        return f"the whole output is in {self._path}"

    async def _write_waiting(self) -> None:
        data = "".join(self._waiting).encode("utf-8", "replace")[: MAX_BYTES - self._written]
        self._waiting.clear()
        self._characters = 0
        if not data or self._failure:
            return
        try:
            await in_thread(self._write, data)
        except OSError as error:
            self._failure = error.strerror or str(error)

    def _write(self, data: bytes) -> None:
        if self._descriptor < 0:
            self._descriptor, name = tempfile.mkstemp(prefix="bash-", suffix=".txt", dir=self._folder)
            self._path = Path(name)
        self._written += len(data)
        while data:
            data = data[os.write(self._descriptor, data) :]
