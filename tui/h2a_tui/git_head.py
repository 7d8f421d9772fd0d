"""The branch a folder is on, read from its repository's `HEAD` without starting a program.

The repository may be anybody's: a `HEAD` that is a pipe does not hold us up, and of what it says only a branch
or a commit is taken.
"""

from __future__ import annotations

import os
import re
import stat
from pathlib import Path
from typing import Final

from h2a_agent.safe_text import one_line

__all__ = ["git_branch"]

_LONGEST: Final = 1024  # bytes of a HEAD, or of a `.git` file, that are looked at
_NAME_LIMIT: Final = 100
_REF: Final = re.compile(r"ref: refs/heads/(\S+)")
_COMMIT: Final = re.compile(r"[0-9a-f]{40,64}")
_SHORT: Final = 8


def git_branch(folder: Path) -> str:
    """The branch of the repository `folder` is in, the short commit when there is none, "" outside of any.

    Reads one or two small files: belongs in a thread where the disk may be slow.
    """
    for place in (folder, *folder.parents):
        head = _head_of(place / ".git")
        if head:
            return head
    return ""


def _head_of(git: Path) -> str:
    first = _first_line(git)
    if first.startswith("gitdir: "):  # a worktree, or a submodule
        git = git.parent / first.removeprefix("gitdir: ")
    head = _first_line(git / "HEAD")
    if match := _REF.fullmatch(head):
        return one_line(match[1], _NAME_LIMIT)
    return head[:_SHORT] if _COMMIT.fullmatch(head) else ""


def _first_line(path: Path) -> str:
    """The first line of a regular file; "" of anything else, and of what cannot be read."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except (OSError, ValueError):  # ValueError: a NUL in what a repository calls a path
        return ""
    try:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            return ""
        return os.read(descriptor, _LONGEST).decode("utf-8", "replace").partition("\n")[0].rstrip()
    except OSError:
        return ""
    finally:
        os.close(descriptor)
