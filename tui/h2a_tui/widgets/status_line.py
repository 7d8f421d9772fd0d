"""The bottom line: the run's state in one plain word, and what it costs.

Words that appear: ready, thinking, streaming, tools, approval, retrying, compacting, paused. While nothing
runs there is no timer; while something does, a tick repaints two cells, once a second the row, and lays
nothing out.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar, Final

from rich.cells import cell_len
from rich.text import Text
from textual.app import RenderResult
from textual.geometry import Region
from textual.timer import Timer
from textual.widget import Widget

from h2a_agent.events import Phase
from h2a_agent.state import State
from h2a_tui import format as fmt

__all__ = ["Facts", "StatusLine", "facts_line", "state_line"]

_SPINNER: Final = "⠋⠙⠹⠸⠼⠴⠦⠧⠇⠏"
_TICK_S: Final = 0.1
_TICKS_PER_S: Final = round(1 / _TICK_S)
_SPINNER_CELLS: Final = Region(0, 0, 2, 1)  # within the padding: only these two are sent ten times a second
_NOTICE_S: Final = 4.0
_GLYPHS: Final[Mapping[Phase, str]] = {
    Phase.IDLE: "●",
    Phase.SETTLING: "●",
    Phase.APPROVAL: "?",
    Phase.RETRYING: "↻",
    Phase.PAUSED: "‖",
}
_QUIET: Final = frozenset({Phase.IDLE, Phase.SETTLING, Phase.PAUSED})


@dataclass(frozen=True, slots=True)
class Facts:
    """What the line says that no event has changed."""

    model: str
    mode: str
    workspace: Path
    thinking: str = ""


def state_line(state: State, now: float) -> str:
    """The state's word with what belongs to it: how long it has run, what it waits for."""
    word = state.word
    if not state.busy:
        return word
    parts = [word]
    if state.phase is Phase.RETRYING and state.retry is not None:
        left = state.retry.time + state.retry.wait_s - now
        parts.append(f"in {fmt.duration(math.ceil(left))} ({state.retry.attempt} of {state.retry.limit})")
    elif len(state.tools) > 1 and state.phase is Phase.TOOLS:
        parts.append(f"({len(state.tools)})")
    if state.run_started_at:
        parts.append(fmt.duration(now - state.run_started_at))
    if state.note:
        parts.append(state.note)
    return " ".join(parts)


def facts_line(state: State, facts: Facts, width: int) -> str:
    """What is worth knowing, the least important left out until it fits into `width` cells."""
    usage = state.usage
    waiting = len(state.queue)
    chosen = state.chosen
    model, thinking = (chosen.model, chosen.thinking) if chosen else (facts.model, facts.thinking)
    # (importance, text) in the order shown; the least important goes first.
    segments: list[tuple[int, str]] = [
        (6, f"queue {waiting}" if waiting else ""),
        (7, facts.mode),
        (5, _context(state)),
        (3, "" if usage is None or usage.cost_usd is None else fmt.money(usage.cost_usd)),
        (4, model),
        (2, f"thinking {thinking}" if thinking else ""),
        (1, fmt.folder(facts.workspace)),
    ]
    shown = [segment for segment in segments if segment[1]]
    while shown and cell_len(_join(shown)) > width:
        shown.remove(min(shown))
    return _join(shown)


def _join(segments: Sequence[tuple[int, str]]) -> str:
    return " · ".join(text for _importance, text in segments)


def _context(state: State) -> str:
    usage = state.usage
    if usage is None:
        return ""
    if usage.context_window:
        return f"ctx {fmt.percent(usage.context_tokens, usage.context_window)}"
    return f"ctx {fmt.tokens(usage.context_tokens)}"


class StatusLine(Widget):
    """Draws the state at the left and the facts, or a short notice, at the right."""

    COMPONENT_CLASSES: ClassVar[set[str]] = {
        "status-line--ready",
        "status-line--thinking",
        "status-line--streaming",
        "status-line--tools",
        "status-line--approval",
        "status-line--retrying",
        "status-line--compacting",
        "status-line--paused",
        "status-line--notice",
    }
    DEFAULT_CSS = """
    StatusLine {
        height: 1;
        padding: 0 1;
        color: $h2a-muted;
        & .status-line--ready { color: $h2a-status-ready; }
        & .status-line--thinking { color: $h2a-status-thinking; }
        & .status-line--streaming { color: $h2a-status-streaming; }
        & .status-line--tools { color: $h2a-status-tools; }
        & .status-line--approval { color: $h2a-status-approval; text-style: bold; }
        & .status-line--retrying { color: $h2a-status-retrying; }
        & .status-line--compacting { color: $h2a-status-compacting; }
        & .status-line--paused { color: $h2a-status-paused; text-style: bold; }
        & .status-line--notice { color: $h2a-text; }
    }
    """

    def __init__(self, facts: Facts, clock: Callable[[], float] = time.time) -> None:
        super().__init__()
        self._facts = facts
        self._clock = clock
        self._state = State()
        self._frame = 0
        self._notice = ""
        self._ticker: Timer | None = None
        self._notice_end: Timer | None = None

    def show(self, state: State) -> None:
        """Show `state`."""
        self._state = state
        moving = state.phase not in _QUIET
        if moving and self._ticker is None:
            self._ticker = self.set_interval(_TICK_S, self._tick)
        elif not moving and self._ticker is not None:
            self._ticker.stop()
            self._ticker = None
        self.refresh()

    def notice(self, text: str) -> None:
        """Say `text` for a few seconds in place of the facts."""
        self._notice = text
        if self._notice_end is not None:
            self._notice_end.stop()
        self._notice_end = self.set_timer(_NOTICE_S, self._end_notice) if text else None
        self.refresh()

    def _end_notice(self) -> None:
        self._notice = ""
        self._notice_end = None
        self.refresh()

    def _tick(self) -> None:
        self._frame += 1
        if self._frame % _TICKS_PER_S:
            self.refresh(_SPINNER_CELLS)
        else:
            self.refresh()

    def render(self) -> RenderResult:
        """The line, at the widget's width."""
        width = self.content_size.width
        state = self._state
        glyph = _GLYPHS.get(state.phase) or _SPINNER[self._frame % len(_SPINNER)]
        left = Text(f"{glyph} {state_line(state, self._clock())}", no_wrap=True, end="")
        left.truncate(width)
        left.stylize(self.get_component_rich_style(f"status-line--{state.word}", partial=True))
        room = width - left.cell_len - 2
        right = Text(self._notice or facts_line(state, self._facts, room), no_wrap=True, end="")
        right.truncate(max(0, room), overflow="ellipsis")
        if self._notice:
            right.stylize(self.get_component_rich_style("status-line--notice", partial=True))
        return Text.assemble(left, " " * (width - left.cell_len - right.cell_len), right)
