"""Facts of the machine the model should know, taken once when a session starts.

They stay as they were: the system prompt is then the same bytes in every request, and the provider's cache of it
holds. `git status` runs a program in the project's folder, which what the repository's own configuration says may
make it run others, so it is only asked where the user trusts the folder; the branch is read from a file.
"""

from __future__ import annotations

import asyncio
import os
import platform
import re
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path
from typing import Final

from h2a_agent.safe_text import one_line
from h2a_agent.tools.process import Child

__all__ = ["Environment", "git_status", "look_round"]

_STATUS_S: Final = 1.0
_STATUS_BYTES: Final = 65_536
_STATUS: Final = (
    "git",
    "--no-optional-locks",
    "-c",
    "core.fsmonitor=false",
    "-c",
    "core.hooksPath=/dev/null",
    "status",
    "--porcelain=v1",
    "--ignore-submodules=all",
)
_GITDIR: Final = re.compile(r"gitdir: (.+)")
_HEAD: Final = re.compile(r"ref: refs/heads/(.+)")


@dataclass(frozen=True, slots=True)
class Environment:
    """`branch` is None outside a repository and "" on no branch; `status` is "" where nobody looked."""

    workspace: Path
    branch: str | None
    system: str
    shell: str
    day: str
    status: str = ""

    @property
    def git(self) -> str:
        """What there is to say of the repository."""
        if self.branch is None:
            return "not a git repository"
        branch = f"git repository, on branch {self.branch}" if self.branch else "git repository, on no branch"
        return f"{branch}; {self.status}" if self.status else branch

    def with_status(self, status: str) -> Environment:
        """The same with what `git_status` has found."""
        return replace(self, status=status)


def look_round(workspace: Path) -> Environment:
    """The facts of this machine and of `workspace`. Reads two small files at most."""
    return Environment(
        workspace,
        _branch(workspace),
        f"{platform.system()} {platform.release()} {platform.machine()}",
        Path(os.environ.get("SHELL") or "/bin/sh").name,
        date.today().isoformat(),  # noqa: DTZ011  the user's own day is meant
    )


def _branch(workspace: Path) -> str | None:
    for folder in (workspace, *workspace.parents):
        git = folder / ".git"
        try:
            if git.is_file():
                found = _GITDIR.match(git.read_text("utf-8", "replace"))
                git = folder / found[1].strip() if found else git
            head = _HEAD.match((git / "HEAD").read_text("utf-8", "replace"))
        except OSError:
            if git.is_dir():
                return ""
            continue
        return one_line(head[1].strip(), 100) if head else ""
    return None


async def git_status(workspace: Path, limit_s: float = _STATUS_S) -> str:
    """In a few words what `git status` says at this moment; "" where it says nothing within `limit_s` seconds.

    Only for a folder the user trusts.
    """
    output = b""
    try:
        async with asyncio.timeout(limit_s), await Child.start(_STATUS, workspace) as child:
            while len(output) < _STATUS_BYTES and (chunk := await child.read()):
                output += chunk
            if child.exit_code:
                return ""
    except (OSError, TimeoutError):
        return ""
    lines = output.splitlines()
    new = sum(line.startswith(b"??") for line in lines)
    words = [f"{len(lines) - new} changed" if len(lines) > new else "", f"{new} untracked" if new else ""]
    return " and ".join(filter(None, words)) + " files" if lines else "nothing changed"
