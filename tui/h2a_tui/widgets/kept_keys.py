"""What is typed while another session is looked for: it is for that one's editor."""

from __future__ import annotations

from textual import events

__all__ = ["KeptKeys"]


class KeptKeys:
    """Keys and pastes, in the order in which they were typed, from `begin` to `end`."""

    def __init__(self) -> None:
        self._kept: list[events.Key | events.Paste] | None = None

    @property
    def begun(self) -> bool:
        """Is what comes kept?"""
        return self._kept is not None

    def begin(self) -> None:
        """Keep what comes from now on."""
        self._kept = []

    def take(self, event: events.Key | events.Paste) -> bool:
        """Keep `event`, so that nobody else deals with it; False when nothing is kept now."""
        if self._kept is None:
            return False
        event.stop()
        event.prevent_default()
        self._kept.append(_anew(event))
        return True

    def end(self) -> list[events.Key | events.Paste]:
        """What was kept, as if it came only now."""
        kept, self._kept = self._kept or [], None
        return kept


def _anew(event: events.Key | events.Paste) -> events.Key | events.Paste:
    if isinstance(event, events.Key):
        return events.Key(event.key, event.character)
    return events.Paste(event.text)
