"""Files as the tools touch them: looked at before they are opened, written whole or not at all.

Everything here blocks and belongs in a thread. An expected failure is a `FileProblem`, whose words are for
the model; a tool returns it as its outcome.
"""

from __future__ import annotations

import hashlib
import os
import secrets
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from io import FileIO
from pathlib import Path
from typing import Final

from h2a_agent.tools.base import ToolOutcome
from h2a_agent.tools.truncate import size_text

__all__ = [
    "WHOLE_FILE_BYTES",
    "FileProblem",
    "Snapshot",
    "check_seen",
    "content_hash",
    "display_path",
    "opened",
    "replace_file",
    "snapshot",
    "what_is",
]

WHOLE_FILE_BYTES: Final = 16 * 1024 * 1024  # larger files are read in parts only, and not edited

_KINDS: Final = (
    (stat.S_ISDIR, "a folder"),
    (stat.S_ISFIFO, "a named pipe"),
    (stat.S_ISSOCK, "a socket"),
    (stat.S_ISCHR, "a device"),
    (stat.S_ISBLK, "a device"),
)


class FileProblem(Exception):
    """Why a file cannot be read or changed. `brief` is the short form for people."""

    def __init__(self, text: str, brief: str) -> None:
        super().__init__(text)
        self.text = text
        self.brief = brief

    def outcome(self) -> ToolOutcome:
        """The problem as a tool's answer."""
        return ToolOutcome(self.text, self.brief, is_error=True)


@dataclass(frozen=True, slots=True)
class Snapshot:
    """A file's whole content, and the state of the file it was read from (None: there is no file)."""

    data: bytes
    state: os.stat_result | None

    @property
    def digest(self) -> str:
        """The digest of the content."""
        return content_hash(self.data).hexdigest()


def content_hash(data: bytes = b"") -> hashlib.blake2b:
    """The hash whose hexadecimal digest tells one content from another (what `Files.remember` keeps)."""
    return hashlib.blake2b(data, digest_size=16)


def display_path(path: Path, workspace: Path) -> str:
    """`path` relative to the workspace where it lies inside, else as it is."""
    try:
        return str(path.relative_to(workspace))
    except ValueError:
        return str(path)


def what_is(path: Path) -> os.stat_result | None:
    """The state of the file `path` leads to, None when there is none.

    Raises:
        FileProblem: it cannot be looked at.
    """
    try:
        return path.stat()
    except FileNotFoundError:
        return None
    except OSError as error:
        raise _problem(path, error) from None


@contextmanager
def opened(path: Path) -> Iterator[FileIO]:
    """The regular file `path`, open for reading.

    It is looked at first, since opening a named pipe can wait for ever and opening a device can do
    things; and once more when it is open, since it may have been exchanged meanwhile.

    Raises:
        FileProblem: it is missing, unreadable or not a regular file; also for a failure while it is read.
    """
    try:
        _check_regular(path, path.stat())
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        with os.fdopen(descriptor, "rb", buffering=0) as file:
            _check_regular(path, os.fstat(descriptor))
            yield file
    except OSError as error:
        raise _problem(path, error) from None


def snapshot(path: Path) -> Snapshot:
    """The whole of `path` as it is now; empty with no state where there is no file.

    Raises:
        FileProblem: as `opened`, and for a file too large to be changed as a whole.
    """
    if what_is(path) is None:
        return Snapshot(b"", None)
    with opened(path) as file:
        state = os.fstat(file.fileno())
        pieces = []
        left = WHOLE_FILE_BYTES + 1
        while left and (piece := file.read(left)):
            pieces.append(piece)
            left -= len(piece)
        if not left:
            limit = size_text(WHOLE_FILE_BYTES)
            raise FileProblem(
                f"{path} is larger than {limit}, too large to be changed as a whole. Use bash, for example sed.",
                f"larger than {limit}",
            )
    return Snapshot(b"".join(pieces), state)


def check_seen(path: Path, now: Snapshot, last_seen: str | None) -> None:
    """Refuse a change of what somebody else has changed since the model last saw it.

    Raises:
        FileProblem: the content is another one than `last_seen`.
    """
    if last_seen is not None and now.digest != last_seen:
        raise FileProblem(
            f"{path} has changed since you last read it. Read it again, then make your change to what it holds now.",
            "changed since last read",
        )


def replace_file(path: Path, data: bytes, before: Snapshot) -> None:
    """Make `data` the content of `path`: after a crash the file is the old one or the new one, never a mixture.

    Missing folders are made. A symbolic link stays one and its target changes. Mode, owner and extended attributes
    are kept; a hard link is cut off from its siblings, which keep the old content.

    Raises:
        FileProblem: it cannot be written, or it changed after `before` was taken.
    """
    try:
        target = Path(os.path.realpath(path))
        target.parent.mkdir(parents=True, exist_ok=True)
        if before.state is not None and not os.access(target, os.W_OK):
            raise FileProblem(f"{path} is write-protected.", "write-protected")
        fresh = target.with_name(f".{target.name[:100]}.{secrets.token_hex(6)}.tmp")
        descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o666)
        try:
            with os.fdopen(descriptor, "wb") as file:
                if before.state is not None:
                    _keep_attributes(target, before.state, descriptor)
                file.write(data)
                file.flush()
                os.fsync(descriptor)
            _check_unchanged(target, before.state)
            fresh.replace(target)
        except BaseException:
            fresh.unlink(missing_ok=True)
            raise
        _sync_folder(target.parent)
    except OSError as error:
        raise _problem(path, error) from None


def _check_regular(path: Path, state: os.stat_result) -> None:
    for test, kind in _KINDS:
        if test(state.st_mode):
            advice = " Use ls to see what is in it." if stat.S_ISDIR(state.st_mode) else ""
            raise FileProblem(f"{path} is {kind}, not a file.{advice}", f"is {kind}")


def _check_unchanged(target: Path, before: os.stat_result | None) -> None:
    now = what_is(target)
    if (now is None) != (before is None) or (
        now is not None
        and before is not None
        and (now.st_ino, now.st_size, now.st_mtime_ns) != (before.st_ino, before.st_size, before.st_mtime_ns)
    ):
        raise FileProblem(
            f"{target} was changed by somebody else at this very moment; nothing was written. Read it again.",
            "changed meanwhile",
        )


def _keep_attributes(target: Path, state: os.stat_result, descriptor: int) -> None:
    new = os.fstat(descriptor)
    if (new.st_uid, new.st_gid) != (state.st_uid, state.st_gid):
        try:
            os.fchown(descriptor, state.st_uid, state.st_gid)
        except PermissionError:
            pass  # only root may give files away; then it is ours from now on
    os.fchmod(descriptor, stat.S_IMODE(state.st_mode))
    if hasattr(os, "listxattr"):
        try:
            for name in os.listxattr(target):
                os.setxattr(descriptor, name, os.getxattr(target, name))
        except OSError:
            pass  # the file system has none, or keeps them to itself


def _sync_folder(folder: Path) -> None:
    try:
        descriptor = os.open(folder, os.O_RDONLY | os.O_CLOEXEC)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
    except OSError:
        pass  # some file systems cannot; the new content is in place all the same


def _problem(path: Path, error: OSError) -> FileProblem:
    if isinstance(error, FileNotFoundError):
        return FileProblem(f"There is no file {path}.", "no such file")
    if isinstance(error, PermissionError):
        return FileProblem(f"No permission for {path}.", "no permission")
    reason = error.strerror or str(error)
    return FileProblem(f"{path}: {reason}.", reason)
