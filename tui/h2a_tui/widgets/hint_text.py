"""What the keys do now, in as many words as there is room for."""

from __future__ import annotations

from collections.abc import Sequence

from rich.text import Text

from h2a_tui.verbs import Hint

__all__ = ["hint_text"]

_GAP = " · "


def hint_text(hints: Sequence[Hint], width: int, key_style: str = "", text_style: str = "") -> Text:
    """As many of `hints` as fit into `width`: in full when possible, else the first two short and no more."""
    for count in range(len(hints), 1, -1):
        if _length(full := [(h.key, h.meaning) for h in hints[:count]]) <= width:
            return _joined(full, key_style, text_style)
    short = [(h.key, h.short or h.meaning) for h in hints]
    for count in range(min(len(hints), 3), 0, -1):
        if _length(short[:count]) <= width or count == 1:
            line = _joined(short[:count], key_style, text_style)
            line.truncate(width)
            return line
    return Text()


def _length(pairs: Sequence[tuple[str, str]]) -> int:
    return sum(len(key) + 1 + len(meaning) for key, meaning in pairs) + len(_GAP) * (len(pairs) - 1)


def _joined(pairs: Sequence[tuple[str, str]], key_style: str, text_style: str) -> Text:
    line = Text(no_wrap=True, end="")
    for index, (key, meaning) in enumerate(pairs):
        line.append(_GAP if index else "", text_style)
        line.append(key, key_style)
        line.append(f" {meaning}", text_style)
    return line
