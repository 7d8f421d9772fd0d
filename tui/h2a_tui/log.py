"""The program's log: what goes wrong unseen, and where the interpreter itself failed.

One file a process in the log folder, made at the start because a crash of the interpreter cannot make one any more, and removed
at the end when nothing was written. What a person needs to know is said on the screen, not here.
"""

from __future__ import annotations

import faulthandler
import logging
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from h2a_agent.paths import private_folder
from h2a_agent.redact import redact

__all__ = ["open_log"]


class _WithoutKeys(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        """The record with its traceback, no API key in it."""
        return redact(super().format(record))


@contextmanager
def open_log(folder: Path) -> Iterator[Path | None]:
    """Log into a new file of `folder` while the block runs; gives its path, None where none could be made."""
    path = folder / f"{time.strftime('%Y%m%d-%H%M%S')}-{os.getpid()}.log"
    try:
        private_folder(folder)
        file = path.open("a", encoding="utf-8", errors="backslashreplace")
    except OSError:
        yield None
        return
    handler = logging.StreamHandler(file)
    handler.setFormatter(_WithoutKeys("%(asctime)s %(levelname)s %(name)s: %(message)s"))
    root = logging.getLogger()
    root.addHandler(handler)
    faulthandler.enable(file)
    try:
        yield path
    finally:
        faulthandler.disable()
        root.removeHandler(handler)
        file.close()
        if path.stat().st_size == 0:
            path.unlink()
