"""Where sessions lie and how to find one: newest first, by folder, by the beginning of an id."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from h2a_agent.codec import entry_of
from h2a_agent.content import plain_text
from h2a_agent.history import UserEntry
from h2a_agent.journal import read_head
from h2a_agent.safe_text import one_line
from h2a_agent.session import SessionError

__all__ = ["SessionInfo", "find_session", "latest_session", "list_sessions", "sessions_of"]

_NOT_NAME: Final = re.compile(r"[^A-Za-z0-9._-]+")


@dataclass(frozen=True, slots=True)
class SessionInfo:
    """A session as a list shows it. `modified` is seconds since the epoch; `title` is its first prompt."""

    id: str
    path: Path
    workspace: Path
    modified: float
    title: str


def sessions_of(sessions_dir: Path, workspace: Path) -> Path:
    """The folder that holds the sessions of one workspace: its name for people, a hash against collisions."""
    real = workspace.resolve()
    digest = hashlib.sha256(str(real).encode("utf-8", "surrogateescape")).hexdigest()[:8]
    return sessions_dir / f"{_NOT_NAME.sub('-', real.name) or 'root'}-{digest}"


def list_sessions(sessions_dir: Path, workspace: Path | None = None) -> list[SessionInfo]:
    """All sessions (of `workspace` when given), newest first. What cannot be read is left out."""
    where = sessions_of(sessions_dir, workspace) if workspace else None
    infos = [info for path in _files(sessions_dir, where) if (info := _info(path)) is not None]
    return sorted(infos, key=lambda info: info.modified, reverse=True)


def latest_session(sessions_dir: Path, workspace: Path) -> Path:
    """The file of the newest session of `workspace`.

    Raises:
        SessionError: there is none.
    """
    infos = list_sessions(sessions_dir, workspace)
    if not infos:
        raise SessionError("There is no session of this folder to continue. Start one with: h2a-chat")
    return infos[0].path


def find_session(sessions_dir: Path, id_prefix: str) -> Path:
    """The file of the one session whose id begins with `id_prefix` (any case), in any folder.

    Raises:
        SessionError: there is none, or more than one.
    """
    prefix = id_prefix.upper()
    found = [path for path in _files(sessions_dir, None) if path.stem.upper().startswith(prefix)]
    if not found:
        raise SessionError(f"There is no session {id_prefix!r}. List them with: h2a-chat -r")
    if len(found) > 1:
        raise SessionError(f"{len(found)} sessions begin with {id_prefix!r}; give more of the id.")
    return found[0]


def _files(sessions_dir: Path, folder: Path | None) -> Iterator[Path]:
    yield from (folder.glob("*.jsonl") if folder else sessions_dir.glob("*/*.jsonl"))


def _info(path: Path) -> SessionInfo | None:
    try:
        head = read_head(path)
        modified = path.stat().st_mtime
    except OSError:
        return None
    session_id, workspace, title = path.stem, Path(), ""
    for record in head:
        if record.get("type") == "session":
            session_id, workspace = str(record.get("id", path.stem)), Path(str(record.get("workspace", "")))
        elif not title and isinstance(entry := entry_of(record), UserEntry):
            title = one_line(plain_text(entry.content), 100)
    return SessionInfo(session_id, path, workspace, modified, title) if head else None
