"""Files as the tools look at them: known for what they are before they are opened, and never through a link.

Every path here is a real one (`ToolContext.real`): permission was decided on it, so it is walked folder by folder
without following a link. One that has become a link since leads nowhere.

Everything here blocks and belongs in a thread. An expected failure is a `FileProblem`, whose words are for
the model; a tool returns it as its outcome.
"""

from __future__ import annotations

import hashlib
import os
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
    "NO_LINK",
    "WHOLE_FILE_BYTES",
    "FileProblem",
    "Snapshot",
    "content_hash",
    "display_path",
    "folder_of",
    "named",
    "no_such",
    "opened",
    "opened_folder",
    "problem",
    "snapshot",
    "up_to",
    "what_is",
]

WHOLE_FILE_BYTES: Final = 16 * 1024 * 1024  # larger files are read in parts only, and not edited

NO_LINK: Final = os.O_NOFOLLOW | os.O_CLOEXEC
_FOLDER: Final = getattr(os, "O_PATH", os.O_RDONLY) | os.O_DIRECTORY | NO_LINK
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
        with folder_of(real) as folder:
            return named(real.name, folder)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise problem(real, error) from None


@contextmanager
def opened(real: Path) -> Iterator[FileIO]:
    """The regular file `real`, open for reading.

    It is looked at first, since opening a named pipe can wait for ever and opening a device can do
    things; and once more when it is open, since it may have been exchanged meanwhile.

    Raises:
        FileProblem: it is missing, unreadable or not a regular file; also for a failure while it is read.
    """
    try:
        with folder_of(real) as folder:
            _check_regular(real, os.stat(real.name or ".", dir_fd=folder, follow_symlinks=False))
            descriptor = os.open(real.name, os.O_RDONLY | os.O_NONBLOCK | NO_LINK, dir_fd=folder)
        with os.fdopen(descriptor, "rb", buffering=0) as file:
            _check_regular(real, os.fstat(descriptor))
            yield file
    except OSError as error:
        raise problem(real, error) from None


@contextmanager
def opened_folder(real: Path) -> Iterator[int]:
    """The descriptor of the folder `real`, open for listing.

    Raises:
        FileProblem: it is missing, unreadable or not a folder; also for a failure while it is listed.
    """
    try:
        with folder_of(real) as parent:
            descriptor = os.open(real.name or ".", os.O_RDONLY | os.O_DIRECTORY | NO_LINK, dir_fd=parent)
        try:
            yield descriptor
        finally:
            os.close(descriptor)
    except OSError as error:
        raise problem(real, error, "folder") from None


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


# ------------------------------------------------------------------ private


@contextmanager
def folder_of(real: Path, *, make: bool = False) -> Iterator[int]:
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


def named(name: str, folder: int) -> os.stat_result | None:
    """The state of what has this name in the folder of this descriptor, None when nothing has."""
    try:
        return os.stat(name or ".", dir_fd=folder, follow_symlinks=False)
    except FileNotFoundError:
        return None


def _check_regular(path: Path, state: os.stat_result) -> None:
    for test, kind in _KINDS:
        if test(state.st_mode):
            advice = " Use ls to see what is in it." if stat.S_ISDIR(state.st_mode) else ""
            raise FileProblem(f"{path} is {kind}, not a file.{advice}", f"is {kind}")


def problem(path: Path, error: OSError, noun: str = "file") -> FileProblem:
    """What the system says, in words for the model."""
    if isinstance(error, FileNotFoundError):
        return no_such(path, noun=noun)
    if isinstance(error, PermissionError):
        return FileProblem(f"No permission for {path}.", "no permission")
    reason = error.strerror or str(error)
    return FileProblem(f"{path}: {reason}.", reason)
