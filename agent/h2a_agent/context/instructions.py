"""The instruction files a person or a project has written for agents: which there are, and what they say.

The user's own comes first, then those of the project, from the repository's root down to the working folder, so
that the nearest has the last word. They are words for the model and never configuration; a project's are read only where
the user trusts the folder. Whoever wrote them may be a stranger: what is no plain file, or leads out of the
project through a link, is not read, and hidden characters are made visible.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final, TypeAlias

from h2a_agent.safe_text import safe_text

__all__ = ["NAMES", "InstructionFile", "InstructionFiles", "project_folders"]

NAMES: Final = ("AGENTS.md", "CLAUDE.md")
FILE_BYTES: Final = 32_768  # of one file; more than anybody should tell an agent each time
TOTAL_BYTES: Final = 98_304

_Signature: TypeAlias = tuple[tuple[Path, int, int, int], ...]


@dataclass(frozen=True, slots=True)
class InstructionFile:
    """One file's words, fit to be shown. `size` is that of the whole file in bytes."""

    path: Path
    text: str
    size: int


class InstructionFiles:
    """The files for one workspace, read again when one of them has changed.

    `own` is the user's own folder (None: there is none). `trusted` says whether the project's may be read.
    """

    def __init__(self, workspace: Path, *, own: Path | None = None, trusted: bool = False) -> None:
        self._own = own
        self._workspace = workspace if trusted else None
        self._signature: _Signature = ()
        self._files: tuple[InstructionFile, ...] = ()

    @property
    def possible(self) -> bool:
        """May there be any?"""
        return self._own is not None or self._workspace is not None

    def read(self) -> tuple[InstructionFile, ...]:
        """What they say now. Blocks for as long as the disk does, so not on the event loop."""
        found = tuple(self._candidates())
        signature = tuple((path, s.st_mtime_ns, s.st_size, s.st_ino) for path, _, s in found)
        if signature != self._signature:
            self._files = tuple(_read_all((path, within) for path, within, _ in found))
            self._signature = signature
        return self._files

    def _candidates(self) -> Iterator[tuple[Path, Path, os.stat_result]]:
        """Each file there is, with the folder it must not lead out of."""
        places: list[tuple[Path, Path, tuple[str, ...]]] = []
        if self._own is not None:
            places.append((self._own, self._own, NAMES[:1]))
        if self._workspace is not None:
            folders = project_folders(self._workspace)
            places += [(folder, folders[0], NAMES) for folder in folders]
        for folder, within, names in places:
            for name in names:
                path = folder / name
                try:
                    status = path.stat()
                except OSError:
                    continue
                if stat.S_ISREG(status.st_mode):
                    yield path, within, status


def project_folders(workspace: Path) -> tuple[Path, ...]:
    """From the root of the repository down to `workspace`; without a repository up to, not into, the home folder."""
    workspace = workspace.resolve()
    above = (workspace, *workspace.parents)
    root = next((n for n, folder in enumerate(above) if (folder / ".git").exists()), None)
    if root is None:
        home = _home()
        root = above.index(home) - 1 if home in above and home != workspace else 0
    return above[root::-1]


def _home() -> Path | None:
    try:
        return Path.home().resolve()
    except (OSError, RuntimeError):
        return None


def _read_all(candidates: Iterable[tuple[Path, Path]]) -> Iterator[InstructionFile]:
    """The files, each text once: a project often has one under both names."""
    seen: set[str] = set()
    left = TOTAL_BYTES
    for path, within in candidates:
        file = _read(path, within, min(FILE_BYTES, left))
        if file is not None and file.text not in seen:
            seen.add(file.text)
            left -= min(file.size, FILE_BYTES, left)
            yield file


def _read(path: Path, within: Path, limit: int) -> InstructionFile | None:
    try:
        real = path.resolve(strict=True)
        if not real.is_relative_to(within.resolve()):
            return None
        fd = os.open(real, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
        with open(fd, "rb") as file:  # noqa: PTH123  a descriptor that is known not to be a link
            status = os.fstat(fd)
            data = file.read(limit) if stat.S_ISREG(status.st_mode) else b""
    except OSError:
        return None
    text = safe_text(data.decode("utf-8-sig", "replace").replace("\r\n", "\n")).strip()
    if not text:
        return None
    if status.st_size > len(data):
        text += f"\n[cut here: the file has {status.st_size:,} bytes]"
    return InstructionFile(path, text, status.st_size)
