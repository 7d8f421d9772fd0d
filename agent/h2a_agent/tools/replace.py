"""Files as the tools change them: a file is written whole or not at all, and only over what was looked at.

As in `disk.py`, paths are real ones, everything blocks, and what can be expected to fail is a `FileProblem`.
"""

from __future__ import annotations

import os
import secrets
import stat
from pathlib import Path

from h2a_agent.tools.disk import NO_LINK, FileProblem, Snapshot, folder_of, named, problem
from h2a_agent.tools.exchange import exchange

__all__ = ["check_seen", "remove_file", "replace_file"]


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
        with folder_of(real, make=True) as folder:
            if before.state is not None and not os.access(real.name, os.W_OK, dir_fd=folder):
                raise FileProblem(f"{real} is write-protected.", "write-protected")
            fresh = f".{real.name[:50]}.{secrets.token_hex(6)}.tmp"
            descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL | NO_LINK, 0o666, dir_fd=folder)
            try:
                with os.fdopen(descriptor, "wb") as file:
                    if before.state is not None:
                        _keep_attributes(real, folder, before.state, descriptor)
                    file.write(data)
                    file.flush()
                    os.fsync(descriptor)
                _put_in_place(fresh, real, folder, before)
            finally:
                _unlink_if_there(fresh, folder)
            _sync(folder)
    except OSError as error:
        raise problem(real, error) from None


def remove_file(real: Path, before: Snapshot) -> None:
    """Remove the file `real`.

    Raises:
        FileProblem: it cannot be removed, or it changed after `before` was taken.
    """
    try:
        with folder_of(real) as folder:
            _check_unchanged(real, folder, before.state)
            os.unlink(real.name, dir_fd=folder)
            _sync(folder)
    except OSError as error:
        raise problem(real, error) from None


def _put_in_place(fresh: str, real: Path, folder: int, before: Snapshot) -> None:
    """Give the file `fresh` the name of `real`, unless another than `before` has it, and then it stays there."""
    _check_unchanged(real, folder, before.state)
    if before.state is None:
        _put_new(fresh, real, folder)
    elif exchange(fresh, real.name, folder):
        # `fresh` is now what was there at that very moment. If that was somebody's new content, it goes back.
        if not _is_still(fresh, folder, before):
            exchange(fresh, real.name, folder)
            raise _changed_meanwhile(real)
    else:
        os.rename(fresh, real.name, src_dir_fd=folder, dst_dir_fd=folder)


def _is_still(name: str, folder: int, before: Snapshot) -> bool:
    """Is it the same file with the same content? Two writes in one tick of the clock have the same time."""
    if _identity(named(name, folder)) != _identity(before.state):
        return False
    descriptor = os.open(name, os.O_RDONLY | os.O_NONBLOCK | NO_LINK, dir_fd=folder)
    with os.fdopen(descriptor, "rb") as file:
        return file.read(len(before.data) + 1) == before.data


def _put_new(fresh: str, real: Path, folder: int) -> None:
    try:
        os.link(fresh, real.name, src_dir_fd=folder, dst_dir_fd=folder, follow_symlinks=False)
    except FileExistsError:
        raise _changed_meanwhile(real) from None
    except OSError:  # a file system without hard links
        os.rename(fresh, real.name, src_dir_fd=folder, dst_dir_fd=folder)


def _check_unchanged(real: Path, folder: int, before: os.stat_result | None) -> None:
    if _identity(named(real.name, folder)) != _identity(before):
        raise _changed_meanwhile(real)


def _changed_meanwhile(real: Path) -> FileProblem:
    return FileProblem(
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
            old = os.open(real.name, os.O_RDONLY | os.O_NONBLOCK | NO_LINK, dir_fd=folder)
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
