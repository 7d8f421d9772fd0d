"""One waiting message as a row: its place, its kind in a glyph and a word, its text, and what becomes of it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, NamedTuple

from rich.cells import cell_len
from rich.text import Text

from h2a_agent.events import Kind, QueueItem
from h2a_agent.safe_text import one_line
from h2a_tui import format as fmt

__all__ = ["KIND_WORDS", "QueueRow", "queue_row", "queue_title"]

_GLYPHS: Final[Mapping[Kind, str]] = {
    Kind.PROMPT: "›",
    Kind.STEER: "↯",
    Kind.NUDGE: "→",
    Kind.FOLLOW_UP: "↳",
    Kind.COMPACT: "⋯",
}
KIND_WORDS: Final[Mapping[Kind, str]] = {
    Kind.PROMPT: "prompt",
    Kind.STEER: "steer",
    Kind.NUDGE: "next step",
    Kind.FOLLOW_UP: "follow-up",
    Kind.COMPACT: "compact",
}
_WORD_WIDTH: Final = max(map(len, KIND_WORDS.values()))
_TEXT_LIMIT: Final = 400  # characters of an item that can ever be seen in its row
_NARROW: Final = 30  # cells; below that there is room for the glyph and the text


class QueueRow(NamedTuple):
    """A row in its parts; together they are as wide as was asked for, two cells between them."""

    kind: str
    text: str
    aside: str


def queue_row(
    item: QueueItem, width: int, now: float, *, paused: bool = False, delivered: bool = False
) -> QueueRow:
    """`item` in `width` cells. `aside` is its way so far, and its age."""
    kind, aside = _GLYPHS[item.kind], ""
    if width >= _NARROW:
        kind = f"{kind} {KIND_WORDS[item.kind]:{_WORD_WIDTH}}"
        way = _way(item, paused=paused, delivered=delivered)
        aside = " ".join(part for part in (way, fmt.age(now - item.accepted_at)) if part)
    pictures = f"[{item.images} image{'s' if item.images > 1 else ''}] " if item.images else ""
    room = max(1, width - cell_len(kind) - 2 - (cell_len(aside) + 2 if aside else 0))
    text = Text(pictures + one_line(item.text, _TEXT_LIMIT), no_wrap=True)
    text.truncate(room, overflow="ellipsis")
    return QueueRow(kind, f"{text.plain}{' ' * (room - text.cell_len)}", aside)


def _way(item: QueueItem, *, paused: bool, delivered: bool) -> str:
    if delivered:
        return "✓ delivered"
    if item.state == "claimed":
        return "going out"
    return "held" if paused else ""


def queue_title(waiting: int, oldest_s: float, width: int, *, paused: bool, key: str) -> tuple[str, str, str]:
    """How many wait and for how long; what holds them; and which `key` lets go, as far as `width` cells reach."""
    if not waiting:
        return "Delivered", "", ""
    title = f"Waiting · {waiting}"
    if not paused:
        age = fmt.age(oldest_s)
        oldest = f" · oldest {age}" if waiting > 1 and age != "now" else ""
        return (title + oldest if len(title + oldest) <= width else title), "", ""
    held = "  ‖ paused"
    for advice in (f" · {key} or /resume goes on", f" · {key} goes on"):
        if len(title + held + advice) <= width:
            return title, held, advice
    return (title if len(title + held) <= width else str(waiting)), held, ""
