"""What is being written, on disk: so that it is there again after a crash.

A draft lies beside its session's file. Each state of it is appended as a line like the journal's, so there is always
a whole one; the file goes when the draft does. Its writer holds it locked. A draft that nobody holds and that
has no session (nothing was ever sent) is offered to whoever comes to the folder next.
"""

from __future__ import annotations

import fcntl
import os
import threading
from pathlib import Path
from typing import Final

from h2a_agent.journal import encode_record, read_journal
from h2a_agent.paths import private_folder
from h2a_agent.redact import redact

__all__ = ["DraftFile"]

SUFFIX: Final = ".draft"
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
