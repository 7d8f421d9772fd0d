"""Which folders a person vouches for: only there is what a repository says obeyed.

A repository may bring instructions for the agent, settings and hooks. Whoever wrote them is not the person at
the keyboard, so until a folder is trusted they are not read into a prompt, nothing is started because of them,
and nothing changes without a question (`at_most_ask`).

The answers are kept in one file of the user's own, by real path; the nearest folder that was answered for
decides, so trust covers what is below. A file that others may write, or that makes no sense, trusts nobody.
"""

from __future__ import annotations

import fcntl
import json
import os
import re
import stat
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from enum import StrEnum
from pathlib import Path
from typing import Final

from h2a_agent.paths import home_folder, private_folder
from h2a_agent.run_settings import RunSettings

__all__ = ["Trust", "TrustedFolders", "at_most_ask", "project_of", "things_to_obey"]

_FILE: Final = "trusted-folders.json"
_MAX_BYTES: Final = 4_000_000
# What agents, this one among them, read as instructions or settings, and what commands take in by themselves.
_OBEYED: Final = (
    "AGENTS.md",
    "CLAUDE.md",
    "GEMINI.md",
    ".h2a",
    ".h2a-chat",
    ".claude",
    ".mcp.json",
    ".env",
    ".envrc",
)
# Sections and keys of a git configuration that name a program to run.
_GIT_RUNS: Final = re.compile(
    r"^\s*(?:\[[^\]\n]*\]\s*)?(?:fsmonitor|hookspath|sshcommand|gitproxy|pager|editor|askpass|external|textconv"
    r"|helper|program|command|driver|clean|smudge|process)\s*="
    r"|^\s*\[\s*(?:alias|include|includeif)\b",
    re.IGNORECASE | re.MULTILINE,
)


class Trust(StrEnum):
    """What the person has said about a folder."""

    UNKNOWN = "unknown"
    TRUSTED = "trusted"
    DISTRUSTED = "distrusted"


class TrustedFolders:
    """The answers, kept in `config_dir` and read each time they are wanted, since another process may add one."""

    def __init__(self, config_dir: Path) -> None:
        self._file = config_dir / _FILE
        self._for_now: dict[str, Trust] = {}

    def of(self, folder: Path) -> Trust:
        """What was said about `folder`, or about the nearest folder above it."""
        real = folder.resolve()
        said = {**self._read(), **self._for_now}
        return next((said[str(one)] for one in (real, *real.parents) if str(one) in said), Trust.UNKNOWN)

    def is_trusted(self, folder: Path) -> bool:
        """Has somebody vouched for `folder`?"""
        return self.of(folder) is Trust.TRUSTED

    def remember(self, folder: Path, trust: Trust) -> None:
        """Keep the answer. For the home folder and what is above it only in this process: they hold everything else.

        Raises:
            OSError: it cannot be written; in this process it holds all the same.
        """
        real = folder.resolve()
        self._for_now[str(real)] = trust
        if home_folder().is_relative_to(real):
            return
        private_folder(self._file.parent)
        with self._locked():
            said = self._read()
            said[str(real)] = trust
            self._write(said)

    # ---------------------------------------------------------------- the file

    def _read(self) -> dict[str, Trust]:
        try:
            with self._file.open("rb") as file:
                state = os.fstat(file.fileno())
                if state.st_uid not in (os.geteuid(), 0) or state.st_mode & (stat.S_IWGRP | stat.S_IWOTH):
                    return {}
                content = json.loads(file.read(_MAX_BYTES))
            return {str(folder): Trust(trust) for folder, trust in content["folders"].items()}
        except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError):
            return {}  # then everybody is asked again

    def _write(self, said: dict[str, Trust]) -> None:
        """The old file or the new one, never a mixture."""
        descriptor, fresh = tempfile.mkstemp(prefix=f".{_FILE}.", dir=self._file.parent)  # mode 0600
        try:
            with os.fdopen(descriptor, "w", encoding="utf-8") as file:
                json.dump({"folders": said}, file, indent=1, sort_keys=True)
                file.flush()
                os.fsync(descriptor)
            Path(fresh).replace(self._file)
        except BaseException:
            Path(fresh).unlink(missing_ok=True)
            raise

    @contextmanager
    def _locked(self) -> Iterator[None]:
        """Among all processes: the kernel's lock, which ends with whoever holds it."""
        descriptor = os.open(self._file.with_suffix(".lock"), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            yield
        finally:
            os.close(descriptor)


def at_most_ask(settings: RunSettings) -> RunSettings:
    """`settings` for a folder nobody vouches for: every change and every command is asked about."""
    return settings if settings.mode in ("plan", "ask") else replace(settings, mode="ask")


# ------------------------------------------------------------- what is in a folder


def project_of(folder: Path) -> Path:
    """The folder a question about `folder` is about: the top of its repository, else itself.

    A `.git` that belongs to somebody else says nothing (in /tmp anybody can put one above ours), nor does one
    in the home folder, which holds all projects.
    """
    real = folder.resolve()
    home = home_folder()
    for one in (real, *real.parents):
        if one == home or home.is_relative_to(one):
            break
        try:
            if os.lstat(one / ".git").st_uid == os.geteuid():
                return one
        except OSError:
            continue
    return real


def things_to_obey(folder: Path) -> tuple[str, ...]:
    """What `folder`, or its project above it, holds that an agent or its commands would obey; in words for people."""
    top = project_of(folder)
    real = folder.resolve()
    between = [one for one in (real, *real.parents) if one.is_relative_to(top)]
    names = dict.fromkeys(name for one in between for name in _OBEYED if os.path.lexists(one / name))
    return (*names, *_of_git(top / ".git"))


def _of_git(git: Path) -> Iterator[str]:
    try:
        hooks = [hook.name for hook in os.scandir(git / "hooks") if not hook.name.endswith(".sample")]
    except OSError:
        hooks = []
    if hooks:
        yield "git hooks"
    try:
        with (git / "config").open("rb") as file:
            config = file.read(_MAX_BYTES).decode("utf-8", "replace")
    except OSError:
        return
    if _GIT_RUNS.search(config):
        yield "programs in its git configuration"
