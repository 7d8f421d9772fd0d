"""Files as the tools touch them: looked at before they are opened, written whole or not at all.

Every path here is a real one (`ToolContext.real`): permission was decided on it, so it is walked folder by folder
without following a link. One that has become a link since leads nowhere.

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
from h2a_agent.tools.near_names import near_names
from h2a_agent.tools.truncate import size_text

__all__ = [
    "WHOLE_FILE_BYTES",
    "FileProblem",
    "Snapshot",
    "check_seen",
    "content_hash",
    "display_path",
    "no_such",
    "opened",
    "opened_folder",
    "remove_file",
    "replace_file",
    "snapshot",
    "up_to",
    "what_is",
]

WHOLE_FILE_BYTES: Final = 16 * 1024 * 1024  # larger files are read in parts only, and not edited

_NO_LINK: Final = os.O_NOFOLLOW | os.O_CLOEXEC
_FOLDER: Final = getattr(os, "O_PATH", os.O_RDONLY) | os.O_DIRECTORY | _NO_LINK
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
    def digest(self) -> str | None:
        """The digest of the content, None where there is no file."""
        return content_hash(self.data).hexdigest() if self.state is not None else None


def content_hash(data: bytes = b"") -> hashlib.blake2b:
    """The hash whose hexadecimal digest tells one content from another (what `Files.remember` keeps)."""
    return hashlib.blake2b(data, digest_size=16)


def display_path(path: Path, workspace: Path) -> str:
    """`path` relative to the workspace where it lies inside, else as it is."""
    try:
        return str(path.relative_to(workspace))
    except ValueError:
        return str(path)


def no_such(path: Path, advice: str = "", *, noun: str = "file") -> FileProblem:
    """There is nothing at `path`; names that are nearly that one are told. Blocks."""
    names = near_names(path)
    hint = f" Did you mean {' or '.join(names)}?" if names else ""
    return FileProblem(f"There is no {noun} {path}.{hint}{advice}", f"no such {noun}")


# ------------------------------------------------------------------ looking


def what_is(real: Path) -> os.stat_result | None:
    """The state of what is at `real`, None when there is nothing.

    Raises:
        FileProblem: it cannot be looked at.
    """
    try:
        with _folder_of(real) as folder:
            return _state(real, folder)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise _problem(real, error) from None


@contextmanager
def opened(real: Path) -> Iterator[FileIO]:
    """The regular file `real`, open for reading.

    It is looked at first, since opening a named pipe can wait for ever and opening a device can do
    things; and once more when it is open, since it may have been exchanged meanwhile.

    Raises:
        FileProblem: it is missing, unreadable or not a regular file; also for a failure while it is read.
    """
    try:
        with _folder_of(real) as folder:
            _check_regular(real, os.stat(real.name or ".", dir_fd=folder, follow_symlinks=False))
            descriptor = os.open(real.name, os.O_RDONLY | os.O_NONBLOCK | _NO_LINK, dir_fd=folder)
        with os.fdopen(descriptor, "rb", buffering=0) as file:
            _check_regular(real, os.fstat(descriptor))
            yield file
    except OSError as error:
        raise _problem(real, error) from None


@contextmanager
def opened_folder(real: Path) -> Iterator[int]:
    """The descriptor of the folder `real`, open for listing.

    Raises:
        FileProblem: it is missing, unreadable or not a folder; also for a failure while it is listed.
    """
    try:
        with _folder_of(real) as parent:
            descriptor = os.open(real.name or ".", os.O_RDONLY | os.O_DIRECTORY | _NO_LINK, dir_fd=parent)
        try:
            yield descriptor
        finally:
            os.close(descriptor)
    except OSError as error:
        raise _problem(real, error, "folder") from None


def snapshot(real: Path) -> Snapshot:
    """The whole of `real` as it is now; empty with no state where there is no file.

    Raises:
        FileProblem: as `opened`, and for a file too large to be changed as a whole.
    """
    if what_is(real) is None:
        return Snapshot(b"", None)
    with opened(real) as file:
        state = os.fstat(file.fileno())
        data = up_to(file, WHOLE_FILE_BYTES + 1)
        if len(data) > WHOLE_FILE_BYTES:
            limit = size_text(WHOLE_FILE_BYTES)
            raise FileProblem(
                f"{real} is larger than {limit}, too large to be changed as a whole. Use bash, for example sed.",
                f"larger than {limit}",
            )
    return Snapshot(data, state)


def up_to(file: FileIO, size: int) -> bytes:
    """The next `size` bytes of `file`; fewer at its end, or where the kernel would make us wait (some of /proc)."""
    pieces = []
    while size > 0 and (piece := file.read(size)):
        pieces.append(piece)
        size -= len(piece)
    return b"".join(pieces)


# ----------------------------------------------------------------- changing


def check_seen(real: Path, now: Snapshot, last_seen: str | None, *, unread_allowed: bool) -> None:
    """Refuse a change of what the model does not know: changed by somebody else, or never read.

    Raises:
        FileProblem: the content is another one than `last_seen`, or that is None and not `unread_allowed`.
    """
    if now.state is None:
        return
    if last_seen is None and not unread_allowed:
        raise FileProblem(
            f"{real} exists and you have not read it. Read it first, or use edit to change a part of it.",
            "exists, not read yet",
        )
    if last_seen is not None and now.digest != last_seen:
        raise FileProblem(
            f"{real} has changed since you last read it. Read it again, then make your change to what it holds now.",
            "changed since last read",
        )


def replace_file(real: Path, data: bytes, before: Snapshot) -> None:
    """Make `data` the content of `real`: after a crash the file is the old one or the new one, never a mixture.

    Missing folders are made. Mode, owner and extended attributes are kept; a hard link is cut off from its siblings,
    which keep the old content.

    Raises:
        FileProblem: it cannot be written, or it changed after `before` was taken.
    """
    try:
        with _folder_of(real, make=True) as folder:
            if before.state is not None and not os.access(real.name, os.W_OK, dir_fd=folder):
                raise FileProblem(f"{real} is write-protected.", "write-protected")
            fresh = f".{real.name[:60]}.{secrets.token_hex(6)}.tmp"
            descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL | _NO_LINK, 0o666, dir_fd=folder)
            try:
                with os.fdopen(descriptor, "wb") as file:
                    if before.state is not None:
                        _keep_attributes(real, folder, before.state, descriptor)
                    file.write(data)
                    file.flush()
                    os.fsync(descriptor)
                _check_unchanged(real, folder, before.state)
                os.rename(fresh, real.name, src_dir_fd=folder, dst_dir_fd=folder)
            except BaseException:
                _unlink_if_there(fresh, folder)
                raise
            _sync(folder)
    except OSError as error:
        raise _problem(real, error) from None


def remove_file(real: Path, before: Snapshot) -> None:
    """Remove the file `real`.

    Raises:
        FileProblem: it cannot be removed, or it changed after `before` was taken.
    """
    try:
        with _folder_of(real) as folder:
            _check_unchanged(real, folder, before.state)
            os.unlink(real.name, dir_fd=folder)
            _sync(folder)
    except OSError as error:
        raise _problem(real, error) from None


# ------------------------------------------------------------------ private


@contextmanager
def _folder_of(real: Path, *, make: bool = False) -> Iterator[int]:
    """The descriptor of the folder that `real` is in, reached without following a link."""
    descriptor = os.open(real.anchor, _FOLDER)
    try:
        for part in real.parent.parts[1:]:
            inner = _inner(part, descriptor, make=make)
            os.close(descriptor)
            descriptor = inner
        yield descriptor
    finally:
        os.close(descriptor)


def _inner(name: str, folder: int, *, make: bool) -> int:
    try:
        return os.open(name, _FOLDER, dir_fd=folder)
    except FileNotFoundError:
        if not make:
            raise
    try:
        os.mkdir(name, dir_fd=folder)
    except FileExistsError:
        pass  # somebody was quicker
    return os.open(name, _FOLDER, dir_fd=folder)


def _state(real: Path, folder: int) -> os.stat_result | None:
    try:
        return os.stat(real.name or ".", dir_fd=folder, follow_symlinks=False)
    except FileNotFoundError:
        return None


def _check_regular(path: Path, state: os.stat_result) -> None:
    for test, kind in _KINDS:
        if test(state.st_mode):
            advice = " Use ls to see what is in it." if stat.S_ISDIR(state.st_mode) else ""
            raise FileProblem(f"{path} is {kind}, not a file.{advice}", f"is {kind}")


def _check_unchanged(real: Path, folder: int, before: os.stat_result | None) -> None:
    now = _state(real, folder)
    if _identity(now) != _identity(before):
        raise FileProblem(
            f"{real} was changed by somebody else at this very moment; nothing was written. Read it again.",
            "changed meanwhile",
        )


def _identity(state: os.stat_result | None) -> tuple[int, int, int] | None:
    return None if state is None else (state.st_ino, state.st_size, state.st_mtime_ns)


def _keep_attributes(real: Path, folder: int, state: os.stat_result, descriptor: int) -> None:
    new = os.fstat(descriptor)
    if (new.st_uid, new.st_gid) != (state.st_uid, state.st_gid):
        try:
            os.fchown(descriptor, state.st_uid, state.st_gid)
        except PermissionError:
            pass  # only root may give files away; then it is ours from now on
    os.fchmod(descriptor, stat.S_IMODE(state.st_mode))
    if hasattr(os, "listxattr"):
        try:
            old = os.open(real.name, os.O_RDONLY | os.O_NONBLOCK | _NO_LINK, dir_fd=folder)
        except OSError:
            return  # not readable to us, or gone: what becomes of it is decided by `_check_unchanged`
        try:
            for name in os.listxattr(old):
                os.setxattr(descriptor, name, os.getxattr(old, name))
        except OSError:
            pass  # the file system has none, or keeps them to itself
        finally:
            os.close(old)


def _unlink_if_there(name: str, folder: int) -> None:
    try:
        os.unlink(name, dir_fd=folder)
    except FileNotFoundError:
        pass


def _sync(folder: int) -> None:
    try:
        descriptor = os.open(".", os.O_RDONLY | os.O_CLOEXEC, dir_fd=folder)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
    except OSError:
        pass  # some file systems cannot; the new content is in place all the same


def _problem(path: Path, error: OSError, noun: str = "file") -> FileProblem:
    if isinstance(error, FileNotFoundError):
        return no_such(path, noun=noun)
    if isinstance(error, PermissionError):
        return FileProblem(f"No permission for {path}.", "no permission")
    reason = error.strerror or str(error)
    return FileProblem(f"{path}: {reason}.", reason)
