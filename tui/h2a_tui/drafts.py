"""What is being written, on disk: so that it is there again after a crash.

A draft lies beside its session's file. Each state of it is appended as a line like the journal's, so there is always
a whole one; the file goes when the draft does. Its writer holds it locked. A draft that nobody holds and that
has no session (nothing was ever sent) is offered to whoever comes to the folder next.
"""

from __future__ import annotations

import asyncio
import fcntl
import os
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Final

from h2a_agent.journal import encode_record, read_journal
from h2a_agent.paths import private_folder
from h2a_agent.redact import redact

__all__ = ["DraftFile", "DraftKeeper"]

SUFFIX: Final = ".draft"
_KEEP_S: Final = 0.5  # between a change and the draft on disk
_SLACK: Final = 64 * 1024  # bytes of older states before they are left out


class DraftFile:
    """The draft of the session whose file is `session`; None: drafts are not kept. Its verbs block for a moment.

    A disk that refuses costs the draft on disk and nothing else.
    """

    def __init__(self, session: Path | None) -> None:
        self._session = session
        self._path = None if session is None else session.with_suffix(SUFFIX)
        self._descriptor = -1
        self._n = 0
        self._lock = threading.RLock()  # a thread writes while a key may send

    def load(self) -> str:
        """What was being written when this session ended, or, in a new one, in one that never began; "" for nothing."""
        if self._path is None or self._session is None:
            return ""
        if (own := _text_of(self._path)) or self._session.exists():
            return own
        orphans = (
            p for p in sorted(self._path.parent.glob(f"*{SUFFIX}")) if not p.with_suffix(".jsonl").exists()
        )
        return "\n".join(text for path in orphans if (text := _adopted(path)))

    def save(self, text: str) -> None:
        """Keep `text`; a blank one, or one with a key in it: nothing."""
        with self._lock:
            try:
                if not text.strip() or redact(text) != text:
                    self.remove()
                elif self._path is not None:
                    self._append(self._path, text)
            except OSError:
                pass

    def remove(self) -> None:
        """The draft has been sent, or there is none any more."""
        with self._lock:
            if self._path is not None:
                self._path.unlink(missing_ok=True)
            self.close()

    def close(self) -> None:
        """Let go of the file; what is in it stays."""
        with self._lock:
            if self._descriptor < 0:
                return
            os.close(self._descriptor)
            self._descriptor = -1

    def _append(self, path: Path, text: str) -> None:
        if self._descriptor < 0:
            private_folder(path.parent)
            flags = os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC | os.O_NOFOLLOW
            self._descriptor = os.open(path, flags, 0o600)
            fcntl.flock(self._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        self._n += 1
        # A newline first: what stands before may be torn.
        record = b"\n" + encode_record(self._n, {"type": "draft", "text": text})
        os.write(self._descriptor, record)
        size = os.fstat(self._descriptor).st_size
        if size > 4 * len(record) + _SLACK:
            os.ftruncate(self._descriptor, 0)
            os.write(self._descriptor, record)


class DraftKeeper:
    """Has what is `written` on disk within a second of every change. Needs a running event loop from the first change on."""

    def __init__(self, file: DraftFile, written: Callable[[], str]) -> None:
        self._file = file
        self._written = written
        self._begun = asyncio.Event()
        self._keeping: asyncio.Task[None] | None = None

    async def load(self) -> str:
        """What was left there. Nothing is kept before `begin`, so that it is not lost meanwhile."""
        return await asyncio.to_thread(self._file.load)

    def begin(self) -> None:
        """What was left there is in the editor."""
        self._begun.set()

    def changed(self) -> None:
        """Something else is written."""
        if self._keeping is None:
            self._keeping = asyncio.get_running_loop().create_task(self._keep(), name="h2a draft")

    def forget(self) -> None:
        """It has been sent."""
        self._file.remove()

    def end(self) -> None:
        """Keep what is there now, and nothing that comes later."""
        if self._keeping is not None:
            self._keeping.cancel()
        if self._begun.is_set():
            self._file.save(self._written())
            self._file.close()

    async def _keep(self) -> None:
        await self._begun.wait()
        kept = None
        while self._written() != kept:
            await asyncio.sleep(_KEEP_S)
            kept = self._written()
            await asyncio.to_thread(self._file.save, kept)
        self._keeping = None


def _text_of(path: Path) -> str:
    """The last whole state in `path`."""
    try:
        records = read_journal(path).records
    except OSError:
        return ""
    return str(records[-1].get("text", "")) if records else ""


def _adopted(path: Path) -> str:
    """What is in `path`, which then is gone; "" when its writer lives."""
    try:
        with path.open("rb") as file:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            text = _text_of(path)
            path.unlink()
    except OSError:
        return ""
    return text
