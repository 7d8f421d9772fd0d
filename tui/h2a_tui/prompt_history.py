"""What was written in a folder before, in all its sessions: one file of the user's, JSON lines as in the journal.

    {"n":1764263461000,"type":"prompt","workspace":"/home/me/project","text":"why does it fail?","crc":"…"}

`n` is milliseconds since the epoch. Several programs append at once: a record is one `os.write`, under a shared lock;
whoever finds the file too long at its start rewrites it under an exclusive one. A message that contains a key
is not written, nor one that is very long. A disk that refuses costs the record and nothing else.
"""

from __future__ import annotations

import fcntl
import os
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

from h2a_agent.journal import encode_record, read_journal
from h2a_agent.paths import private_folder
from h2a_agent.redact import redact

__all__ = ["PromptHistory", "newest_once"]

LIMIT_BYTES: Final = 1024 * 1024  # a file longer than this is cut to its newest half
LONGEST: Final = 32 * 1024  # characters; a longer message is a paste that nobody wants back
_TYPE: Final = "prompt"


class PromptHistory:
    """The messages written in `workspace`, kept in `path`; None: nothing is kept."""

    def __init__(self, path: Path | None, workspace: Path) -> None:
        self._path = path
        self._workspace = os.fspath(workspace)

    def load(self) -> list[str]:
        """Earlier messages, the oldest first, each where it was written last. Blocks: belongs in a thread."""
        if self._path is None:
            return []
        try:
            self._shorten(self._path)
            records = read_journal(self._path).records
        except OSError:
            return []
        here = (r for r in records if r.get("type") == _TYPE and r.get("workspace") == self._workspace)
        return newest_once([str(record.get("text", "")) for record in here])

    def add(self, text: str) -> None:
        """Keep `text`, which has been sent."""
        if self._path is None or len(text) > LONGEST or redact(text) != text:
            return
        record = {"type": _TYPE, "workspace": self._workspace, "text": text}
        try:
            private_folder(self._path.parent)
            with _opened(self._path, os.O_RDWR | os.O_CREAT | os.O_APPEND, fcntl.LOCK_SH) as file:
                size = os.fstat(file).st_size
                torn = size > 0 and os.pread(file, 1, size - 1) != b"\n"
                os.write(file, b"\n" * torn + encode_record(int(time.time() * 1000), record))
        except OSError:
            pass  # the message itself is in the session

    @staticmethod
    def _shorten(path: Path) -> None:
        """Leave the newest half of a file that has grown too long."""
        if path.stat().st_size <= LIMIT_BYTES:
            return
        with _opened(path, os.O_RDWR, fcntl.LOCK_EX):
            kept: list[bytes] = []
            size = 0
            for record in reversed(read_journal(path).records):
                line = _line(record)
                size += len(line)
                if size > LIMIT_BYTES // 2:
                    break
                kept.append(line)
            descriptor, name = tempfile.mkstemp(prefix=path.name, dir=path.parent)  # mode 0600
            with os.fdopen(descriptor, "wb") as file:
                file.writelines(reversed(kept))
            Path(name).replace(path)


def newest_once(texts: Sequence[str]) -> list[str]:
    """`texts` without blank ones and without those that come again later."""
    return list(dict.fromkeys(text for text in reversed(texts) if text.strip()))[::-1]


def _line(record: Any) -> bytes:
    return encode_record(int(record["n"]), {k: v for k, v in record.items() if k not in ("n", "crc")})


@contextmanager
def _opened(path: Path, flags: int, lock: int) -> Iterator[int]:
    """`path` open and locked, and still the file of that name.

    Raises:
        OSError: it cannot be opened, or somebody else is rewriting it just now.
    """
    while True:
        descriptor = os.open(path, flags | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
        try:
            fcntl.flock(descriptor, lock | fcntl.LOCK_NB)
            if os.path.samestat(os.fstat(descriptor), path.stat()):
                yield descriptor
                return
        finally:
            os.close(descriptor)
