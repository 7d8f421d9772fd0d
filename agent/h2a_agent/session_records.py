"""What a session's file begins and ends with, and what is said and kept when it was found damaged."""

from __future__ import annotations

import shutil
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from h2a_agent import __version__
from h2a_agent.history import AssistantEntry, History, UserEntry
from h2a_agent.session_loading import FORMAT_VERSION
from h2a_agent.spending import Spent, spending_of

__all__ = ["NO_BACKUP", "back_up", "damage_notes", "session_header", "summary_record"]

NO_BACKUP: Final = "No copy of the damaged file could be made; nothing in it is overwritten."


def session_header(session_id: str, workspace: Path | str, **more: str) -> Mapping[str, Any]:
    """The first record of a session's file."""
    return {
        "type": "session",
        "version": FORMAT_VERSION,
        "id": session_id,
        "created": datetime.now(UTC).isoformat(timespec="seconds"),
        "workspace": str(workspace),
        "program": f"h2a-chat {__version__}",
        **more,
    }


def summary_record(
    history: History, spent: Iterable[Spent], name: str, labels: Mapping[str, str]
) -> Mapping[str, Any]:
    """What a list of sessions shows of one without reading all of it; the last record of a closed session."""
    messages = sum(isinstance(node.entry, UserEntry | AssistantEntry) for node in history.nodes)
    marks = sorted(set(labels.values()))
    cost = spending_of(history, spent).total_usd
    return {"type": "summary", "messages": messages, "cost_usd": cost, "name": name, "labels": marks}


def damage_notes(damaged: int, doubled: int) -> tuple[str, ...]:
    notes = []
    if damaged > 0:
        notes.append(
            f"{damaged} damaged record(s) of this session could not be read and were skipped; all others are here."
        )
    if doubled > 0:
        notes.append(f"{doubled} record(s) were in the file twice and count once.")
    return tuple(notes)


def back_up(path: Path) -> str:
    """Copy a damaged file beside itself; the copy's name, "" when that failed."""
    copy = path.with_suffix(f".damaged-{datetime.now(UTC):%Y%m%dT%H%M%S}")
    try:
        shutil.copy2(path, copy)
    except OSError:
        return ""
    return copy.name
