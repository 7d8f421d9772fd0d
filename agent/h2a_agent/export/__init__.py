"""A session as a file for people (Markdown, one HTML page) or for programs (JSON lines, nothing left out).

Keys are taken out before anything is written: those we know by value, and whatever looks like one.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from h2a_agent.export.redact import Redactor
from h2a_agent.record_lines import encode_record, read_journal
from h2a_agent.session_loading import SessionError

__all__ = ["FORMATS", "Exported", "export_session", "render_session"]

_Records = Sequence[Mapping[str, Any]]


@dataclass(frozen=True, slots=True)
class Exported:
    """Where an export is, and how many secrets were taken out of it."""

    path: Path
    redacted: int


def _markdown(records: _Records) -> str:
    from h2a_agent.export.conversation import conversation_of
    from h2a_agent.export.markdown import to_markdown

    return to_markdown(conversation_of(records))


def _html(records: _Records) -> str:
    from h2a_agent.export.conversation import conversation_of
    from h2a_agent.export.html import to_html

    return to_html(conversation_of(records))


def _jsonl(records: _Records) -> str:
    return b"".join(
        encode_record(record["n"], {key: value for key, value in record.items() if key != "n"})
        for record in records
    ).decode()


FORMATS: Final[Mapping[str, Callable[[_Records], str]]] = {"html": _html, "md": _markdown, "jsonl": _jsonl}


def render_session(source: Path, format: str, *, secrets: Iterable[str] = ()) -> tuple[str, int]:
    """The session of `source` in one of `FORMATS`, and how many secrets were taken out.

    Raises:
        SessionError: it is not a session, or from a newer version.
        OSError: it cannot be read.
    """
    records = read_journal(source).records
    if not records:
        raise SessionError(f"{source} holds no readable session.")
    redactor = Redactor(secrets)
    text = FORMATS[format]([redactor.record(record) for record in records])
    return text, redactor.count


def export_session(source: Path, target: Path, format: str = "", *, secrets: Iterable[str] = ()) -> Exported:
    """Write the session of `source` to `target`, in one of `FORMATS` or the one that its suffix names.

    Raises:
        SessionError: there is no such format, `target` is there already, or `source` is not a session.
        OSError: it cannot be read or written.
    """
    format = format or target.suffix.removeprefix(".").lower()
    if format not in FORMATS:
        raise SessionError(f"An export ends with .html, .md or .jsonl; {target.name} does not.")
    if target.exists():
        raise SessionError(f"{target} is there already; name another file.")
    text, redacted = render_session(source, format, secrets=secrets)
    _write_whole(target, text)
    return Exported(target, redacted)


def _write_whole(target: Path, text: str) -> None:
    """The whole file or none, for this user's eyes only."""
    handle, unfinished = tempfile.mkstemp(prefix=f".{target.name}.", dir=target.parent)
    try:
        with os.fdopen(handle, "w", encoding="utf-8", errors="backslashreplace", newline="") as file:
            file.write(text)
        Path(unfinished).replace(target)
    except BaseException:
        Path(unfinished).unlink(missing_ok=True)
        raise
