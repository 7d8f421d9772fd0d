"""New session files made of old ones: a fork goes on from one point, a clone is the whole of it.

The original is only read, so it may be open in another process. Entries keep their ids. What waits in the
original's queue and what it was streaming stay with it; calls that were under way get a result that says so.
Records of types this program does not know are carried over.
"""

from __future__ import annotations

import os
import re
import time
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Final

from h2a_agent.codec import ENTRY_TYPES, node_record
from h2a_agent.events import Outcome
from h2a_agent.history import History, Node, ToolEntry
from h2a_agent.inbox import new_item_id
from h2a_agent.record_lines import encode_record, read_journal
from h2a_agent.session_loading import Loaded, SessionError, load_records
from h2a_agent.session_records import session_header, summary_record

__all__ = ["clone_session", "fork_session", "import_session"]

# Written anew, or the original's own business.
_NOT_CARRIED: Final = ENTRY_TYPES | frozenset(
    {"session", "item", "call", "stream", "branch", "label", "name", "repair", "summary"}
)
_UNDER_WAY: Final = "Outcome unknown: this session was copied while the call was under way. It may have had side effects; verify."


_ID: Final = re.compile(r"[0-9A-Z]{26}")


def fork_session(source: Path, folder: Path, workspace: Path, at: str | None = None) -> Path:
    """A new session in `folder` that holds the conversation up to the entry `at` (the head, when not given).

    Raises:
        SessionError: the source is not a session, or has no such entry.
        OSError: it cannot be read, or the copy not be written.
    """
    records, loaded = _read(source)
    history = loaded.history
    head = history.head if at is None else at
    if head and history.node(head) is None:
        raise SessionError(f"There is no entry {head!r} in this session.")
    return _write(records, loaded, history.path_to(head), head, folder, workspace)


def clone_session(source: Path, folder: Path, workspace: Path) -> Path:
    """A new session in `folder` with every branch of `source`, its name and its labels. Raises as `fork_session`."""
    records, loaded = _read(source)
    return _write(records, loaded, loaded.history.nodes, loaded.history.head, folder, workspace)


def import_session(source: Path, folder: Path, workspace: Path) -> Path:
    """A session in `folder` with every record of an exported one, for another folder or machine.

    It keeps its id where that is free. Raises as `fork_session`.
    """
    records, loaded = _read(source)
    session_id = loaded.session_id
    if not _ID.fullmatch(session_id) or any(folder.parent.glob(f"*/{session_id}.jsonl")):
        session_id = new_item_id()
    # The numbers stay: entries of format 1 have their ids from them.
    header = {**session_header(session_id, workspace, forked_from=loaded.session_id), "n": 0}
    rest = [record for record in records if record.get("type") != "session"]
    return _write_lines(folder, session_id, [header, *rest])


def _write_lines(folder: Path, session_id: str, records: Iterable[Mapping[str, Any]]) -> Path:
    """A session's file with `records`, whole on the disk or not there at all; returns its path.

    Raises:
        OSError: it cannot be written, or is there already.
    """
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    path, unfinished = folder / f"{session_id}.jsonl", folder / f".{session_id}.unfinished"
    try:
        with os.fdopen(os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
            for record in records:
                file.write(encode_record(record["n"], {k: v for k, v in record.items() if k != "n"}))
            file.flush()
            os.fsync(file.fileno())
        path.hardlink_to(unfinished)  # unlike a rename it never replaces what is there
    finally:
        unfinished.unlink(missing_ok=True)
    return path


def _read(source: Path) -> tuple[tuple[Mapping[str, Any], ...], Loaded]:
    records = read_journal(source).records
    if not records:
        raise SessionError(f"{source} holds no readable session.")
    return records, load_records(records)


def _write(
    records: Iterable[Mapping[str, Any]],
    loaded: Loaded,
    nodes: Iterable[Node],
    head: str,
    folder: Path,
    workspace: Path,
) -> Path:
    session_id = new_item_id()
    copy = History()
    copied = [session_header(session_id, workspace, forked_from=loaded.session_id)]
    copied += [record for record in records if record.get("type") not in _NOT_CARRIED]
    copied += [node_record(copy.add(node)) for node in nodes]
    if head != copy.head:
        copy.branch(head)
        copied.append({"type": "branch", "to": head, "time": time.time()})
    for call in copy.open_calls():
        result = ToolEntry(call.id, Outcome.UNKNOWN, _UNDER_WAY, "outcome unknown", 0.0, time.time())
        copied.append(node_record(copy.append(result)))
    labels = {entry_id: label for entry_id, label in loaded.labels.items() if copy.node(entry_id) is not None}
    copied += [{"type": "label", "entry": entry_id, "label": label} for entry_id, label in labels.items()]
    if loaded.name:
        copied.append({"type": "name", "name": loaded.name})
    copied.append(summary_record(copy, loaded.spent, loaded.name, labels))
    return _write_lines(folder, session_id, [{**record, "n": n} for n, record in enumerate(copied, 1)])
