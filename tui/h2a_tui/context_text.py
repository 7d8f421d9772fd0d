"""The breakdown of the context window for `/context`: as lines with bars, and in words that read well aloud."""

from __future__ import annotations

from typing import Final

from h2a_agent.context.breakdown import Breakdown
from h2a_agent.safe_text import one_line
from h2a_tui.format import tokens

__all__ = ["breakdown_sentences", "breakdown_text"]

_BAR: Final = 20  # cells of a whole window
_NAME: Final = 40


def breakdown_text(found: Breakdown) -> str:
    """A head line, then a line for each part: its size, its share of the window, its name."""
    about = "" if found.counted else "about "
    whole = max(found.window, found.total, 1)
    head = f"{about}{tokens(found.total)} tokens in the next request"
    if found.window:
        head += f", {found.total * 100 / found.window:.0f} % of {tokens(found.window)}"
    rows = [(one_line(share.name, _NAME), share.tokens) for share in found.shares]
    if found.window:
        rows.append(("free", found.free))
    lines = [
        f"{_bar(size / whole)} {tokens(size):>6} {size * 100 / whole:>4.0f} %  {name}" for name, size in rows
    ]
    return "\n".join([head, *lines])


def breakdown_sentences(found: Breakdown) -> list[str]:
    """The same in words: the whole, then each part and what is free."""
    about = "" if found.counted else "About "
    whole = max(found.window, found.total, 1)
    head = f"{about}{found.total:,} tokens in the next request"
    if found.window:
        head += f", {found.total * 100 / found.window:.0f} percent of {found.window:,}"
    rows = [(one_line(share.name, _NAME), share.tokens) for share in found.shares]
    if found.window:
        rows.append(("free", found.free))
    return [
        f"{head}.",
        *(f"{name}: {size:,} tokens, {size * 100 / whole:.0f} percent." for name, size in rows),
    ]


def _bar(share: float) -> str:
    filled = min(_BAR, round(share * _BAR))
    return "█" * filled + "░" * (_BAR - filled)
