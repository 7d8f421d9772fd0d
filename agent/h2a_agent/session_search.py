"""Find words in all sessions: what was said, what was called, what came of it.

Files are read as streams, one record at a time, newest session first, so that a search can be shown while it
goes on and ended at any hit. It is all CPU and disk: run it in a thread.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from h2a_agent.codec import Record
from h2a_agent.record_lines import RecordReader
from h2a_agent.safe_text import one_line
from h2a_agent.session_files import SessionInfo, list_sessions
from h2a_agent.session_loading import SessionError

__all__ = ["Found", "Hit", "search_sessions"]

_AROUND: Final = 60  # characters of a snippet before and after the match
Finder = Callable[[str], tuple[int, int] | None]


@dataclass(frozen=True, slots=True)
class Hit:
    """One place: who said it, the entry's id, and the words around the match on one line."""

    speaker: str
    entry_id: str
    snippet: str


@dataclass(frozen=True, slots=True)
class Found:
    """A session that holds what was looked for: how often, and the first places."""

    info: SessionInfo
    count: int
    hits: tuple[Hit, ...]


def search_sessions(
    sessions_dir: Path,
    wanted: str,
    *,
    regex: bool = False,
    workspace: Path | None = None,
    hits_per_session: int = 3,
    go_on: Callable[[], bool] = lambda: True,
) -> Iterator[Found]:
    """The sessions (of `workspace` when given) in which `wanted` occurs, the case of letters aside.

    `go_on` is asked between records; False ends the search.

    Raises:
        SessionError: `wanted` is no regular expression, or nothing at all.
    """
    finder = _finder(wanted, regex=regex)
    for info in list_sessions(sessions_dir, workspace):
        count = 0
        hits: list[Hit] = []
        try:
            with info.path.open("rb") as file:
                for record in RecordReader(file):
                    if not go_on():
                        return
                    for speaker, text in _texts(record):
                        if (place := finder(text)) is not None:
                            count += 1
                            if len(hits) < hits_per_session:
                                entry_id = str(record.get("id", f"{record['n']:08x}"))
                                hits.append(Hit(speaker, entry_id, _snippet(text, *place)))
        except OSError:
            continue  # it went while we looked
        in_title = finder(info.title) is not None
        if count or in_title:
            yield Found(info, count, tuple(hits))


def _finder(wanted: str, *, regex: bool) -> Finder:
    if not wanted:
        raise SessionError("There is nothing to look for.")
    if regex:
        try:
            pattern = re.compile(wanted, re.IGNORECASE)
        except re.error as error:
            raise SessionError(f"{wanted!r} is no regular expression: {error}.") from None
        return lambda text: match.span() if (match := pattern.search(text)) else None
    lowered = wanted.lower()

    def find(text: str) -> tuple[int, int] | None:
        # Lower case can be longer by a letter where it is not ASCII; the snippet is a little off then.
        at = text.lower().find(lowered)
        return None if at < 0 else (at, at + len(lowered))

    return find


def _texts(record: Record) -> Iterator[tuple[str, str]]:
    """The words of a record, and who they are from."""
    match record.get("type"):
        case "user":
            yield from (("you", text) for text in _block_texts(record))
        case "assistant":
            yield from (("agent", text) for text in _block_texts(record))
        case "result":
            if isinstance(text := record.get("text"), str):
                yield "tool", text
        case "name":
            yield "name", str(record.get("name"))
        case "label":
            yield "label", str(record.get("label"))


def _block_texts(record: Record) -> Iterator[str]:
    blocks = record.get("content")
    for block in blocks if isinstance(blocks, list) else ():
        if isinstance(block, dict):
            match block.get("type"):
                case "text" | "thinking":
                    yield str(block.get("text"))
                case "tool_use":
                    yield " ".join([str(block.get("name")), *_strings(block.get("arguments"))])


def _strings(value: Any) -> Iterator[str]:
    match value:
        case str():
            yield value
        case dict():
            for item in value.values():
                yield from _strings(item)
        case list():
            for item in value:
                yield from _strings(item)


def _snippet(text: str, begin: int, end: int) -> str:
    before, after = max(0, begin - _AROUND), min(end, begin + _AROUND) + _AROUND
    line = one_line(text[before:after], 3 * _AROUND)
    return ("…" if before else "") + line + ("…" if after < len(text) else "")
