"""Where sessions lie and how to find one: newest first, by folder, by the beginning of an id or by name.

A list reads the first and the last bytes of each file. The title is the first prompt; name, labels, message
count and cost are in the summary a session ends with when it is closed. Where a crash left none, messages are
counted in files small enough to be read in passing.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from h2a_agent.codec import entry_of
from h2a_agent.content import plain_text
from h2a_agent.history import AssistantEntry, UserEntry
from h2a_agent.journal import Journal
from h2a_agent.paths import private_folder
from h2a_agent.record_lines import read_end, read_head, read_tail
from h2a_agent.safe_text import one_line
from h2a_agent.session_loading import SessionError

__all__ = [
    "SessionInfo",
    "delete_session",
    "find_session",
    "last_words",
    "latest_session",
    "list_sessions",
    "move_session",
    "session_info",
    "sessions_of",
]

_NOT_NAME: Final = re.compile(r"[^A-Za-z0-9._-]+")
_TRASH: Final = "trash"
_MESSAGE: Final = re.compile(rb'^\{"n":\d+,"type":"(?:user|assistant)"', re.MULTILINE)
_COUNTED_BYTES: Final = 2_000_000


@dataclass(frozen=True, slots=True)
class SessionInfo:
    """A session as a list shows it. `modified` is seconds since the epoch; `title` is its name or first prompt.

    `messages` and `cost_usd` are None where they are not known.
    """

    id: str
    path: Path
    workspace: Path
    modified: float
    title: str
    name: str = ""
    labels: tuple[str, ...] = ()
    messages: int | None = None
    cost_usd: float | None = None


def sessions_of(sessions_dir: Path, workspace: Path) -> Path:
    """The folder that holds the sessions of one workspace: its name for people, a hash against collisions."""
    real = workspace.resolve()
    digest = hashlib.sha256(str(real).encode("utf-8", "surrogateescape")).hexdigest()[:8]
    return sessions_dir / f"{_NOT_NAME.sub('-', real.name) or 'root'}-{digest}"


def list_sessions(sessions_dir: Path, workspace: Path | None = None) -> list[SessionInfo]:
    """All sessions (of `workspace` when given), newest first. What cannot be read is left out."""
    where = sessions_of(sessions_dir, workspace) if workspace else None
    infos = [info for path in _files(sessions_dir, where) if (info := session_info(path)) is not None]
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


def find_session(sessions_dir: Path, wanted: str) -> Path:
    """The file of the one session whose id begins with `wanted` (any case) or that has this name, in any folder.

    Raises:
        SessionError: there is none, or more than one.
    """
    prefix = wanted.upper()
    found = [path for path in _files(sessions_dir, None) if path.stem.upper().startswith(prefix)]
    if not found:
        found = [
            info.path for info in list_sessions(sessions_dir) if info.name.casefold() == wanted.casefold()
        ]
    if not found or not wanted:
        raise SessionError(f"There is no session {wanted!r}. List them with: h2a-chat sessions")
    if len(found) > 1:
        raise SessionError(f"{len(found)} sessions begin with {wanted!r}; give more of the id.")
    return found[0]


def move_session(path: Path, folder: Path) -> Path:
    """Move a session's file to another folder; returns where it is now.

    Raises:
        JournalLocked: the session is open.
        OSError: it cannot be moved.
    """
    journal = Journal(path, must_exist=True)
    try:
        path.replace(private_folder(folder) / path.name)
    finally:
        journal.close()
    return folder / path.name


def delete_session(sessions_dir: Path, path: Path) -> Path:
    """Move a session's file to the trash folder; returns where it is now. Raises as `move_session`."""
    return move_session(path, sessions_dir / _TRASH / path.parent.name)


def session_info(path: Path) -> SessionInfo | None:
    """What a list shows of one file; None when it cannot be read or holds no session."""
    try:
        stat = path.stat()
        session_id, workspace, title = _beginning(path)
        summary = _summary(path, stat.st_size)
    except OSError:
        return None
    if not session_id:
        return None
    name = one_line(str(summary.get("name", "")), 100)
    return SessionInfo(
        session_id,
        path,
        workspace,
        stat.st_mtime,
        name or title,
        name,
        tuple(one_line(str(label), 40) for label in summary.get("labels", ())),
        summary.get("messages"),
        summary.get("cost_usd"),
    )


def last_words(path: Path) -> str:
    """What was said last in a session's file, and by whom, on one line; "" when that is too far from its end.

    Raises:
        OSError: the file cannot be read.
    """
    for record in read_end(path):
        match entry_of(record):
            case UserEntry(content=content):
                return f"you: {one_line(plain_text(content), 300)}"
            case AssistantEntry(content=content) if text := plain_text(content).strip():
                return f"agent: {one_line(text, 300)}"
            case _:
                pass
    return ""


def _files(sessions_dir: Path, folder: Path | None) -> Iterator[Path]:
    found = folder.glob("*.jsonl") if folder else sessions_dir.glob("*/*.jsonl")
    yield from (path for path in found if path.parent.name != _TRASH)


def _beginning(path: Path) -> tuple[str, Path, str]:
    """Id, folder and first prompt; the id is "" when there is no record."""
    session_id, workspace = "", Path()
    for record in read_head(path):
        session_id = session_id or path.stem
        if record.get("type") == "session":
            session_id, workspace = str(record.get("id", path.stem)), Path(str(record.get("workspace", "")))
        elif isinstance(entry := entry_of(record), UserEntry):
            return session_id, workspace, one_line(plain_text(entry.content), 100)
    return session_id, workspace, ""


def _summary(path: Path, size: int) -> Mapping[str, Any]:
    last = read_tail(path)
    if last is not None and last.get("type") == "summary":
        return last
    if size > _COUNTED_BYTES:
        return {}
    return {"messages": sum(1 for _ in _MESSAGE.finditer(path.read_bytes()))}
