"""Which part of a history the model is told, and what stands for the rest.

The newest compaction that counts divides the history: its summary comes first, then the entries it kept, then
all that has happened since. Of these the items that were taken back are left out, and what a server refused.
Nothing is taken away, so undoing a compaction is one more entry.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import TypeGuard

from h2a_agent.history import (
    CompactionEntry,
    CompactionSwitchEntry,
    Entry,
    OmitEntry,
    RetractEntry,
    UserEntry,
)
from h2a_agent.omissions import without

__all__ = ["Projection", "may_switch", "newest_compaction", "project", "retracted", "told"]


@dataclass(frozen=True, slots=True)
class Projection:
    """The summary in force (None: the whole history is told), and the index of the first entry told verbatim."""

    summary: CompactionEntry | None
    start: int

    def entries(self, history: Sequence[Entry]) -> tuple[Entry, ...]:
        """The entries of `history` that are told, the summary in front and no other compaction among them.

        What was left out of earlier requests is among them: settings that a server refused stay refused.
        """
        earlier = (e for e in history[: self.start] if isinstance(e, OmitEntry))
        verbatim = (
            e for e in history[self.start :] if not isinstance(e, CompactionEntry | CompactionSwitchEntry)
        )
        # Perhaps a preview that was accepted later: here it counts.
        summary = () if self.summary is None else (replace(self.summary, counts=True),)
        return (*summary, *earlier, *verbatim)


def project(history: Sequence[Entry]) -> Projection:
    """What of `history` is told now."""
    switched: dict[str, bool] = {}
    for index in range(len(history) - 1, -1, -1):
        entry = history[index]
        if isinstance(entry, CompactionSwitchEntry):
            switched.setdefault(entry.compaction, entry.counts)
        elif isinstance(entry, CompactionEntry) and switched.get(entry.id, entry.counts):
            return Projection(entry, max(0, index - entry.kept))
    return Projection(None, 0)


def told(history: Iterable[Entry]) -> list[Entry]:
    """What requests carry of `history`: entries that say something, none taken back, without what a server refused."""
    history = tuple(history)
    gone = retracted(history)
    kept = (
        entry
        for entry in project(history).entries(history)
        if not isinstance(entry, RetractEntry)
        and not (isinstance(entry, UserEntry) and entry.item_id in gone)
    )
    return without(kept)


def retracted(entries: Iterable[Entry]) -> set[str]:
    """The items the user took back."""
    return {item for entry in entries if isinstance(entry, RetractEntry) for item in entry.item_ids}


def newest_compaction(history: Sequence[Entry]) -> CompactionEntry | None:
    """The compaction made last, whether it counts or not."""
    return next((entry for entry in reversed(history) if isinstance(entry, CompactionEntry)), None)


def may_switch(history: Sequence[Entry], compaction: CompactionEntry, *, counts: bool) -> bool:
    """Is there something to say by making `compaction` count, or not? A preview nobody has decided on may be both."""
    words = (e.counts for e in reversed(history) if _is_about(e, compaction))
    said = next(words, None)
    return said is not counts and not (said is None and compaction.counts and counts)


def _is_about(entry: Entry, compaction: CompactionEntry) -> TypeGuard[CompactionSwitchEntry]:
    return isinstance(entry, CompactionSwitchEntry) and entry.compaction == compaction.id
