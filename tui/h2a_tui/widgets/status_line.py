"""The bottom line: the run's state in one plain word, and what it costs.

Words that appear: ready, thinking, streaming, tools, approval, retrying, compacting, paused. While nothing
runs there is no timer; while something does, a tick repaints two cells, once a second the row, and lays
nothing out.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import ClassVar, Final

from rich.style import Style
from rich.text import Text
from textual.app import RenderResult
from textual.geometry import Region
from textual.timer import Timer
from textual.widget import Widget

from h2a_agent.events import Phase
from h2a_agent.state import State
from h2a_tui.widgets.status_facts import SEPARATOR, Facts, facts_shown, state_glyph, state_line

__all__ = ["NOTICE_S", "StatusLine"]

_TICK_S: Final = 0.1
_TICKS_PER_S: Final = round(1 / _TICK_S)
_SPINNER_CELLS: Final = Region(0, 0, 2, 1)  # within the padding: only these two are sent ten times a second
NOTICE_S: Final = 4.0
_QUIET: Final = frozenset({Phase.IDLE, Phase.SETTLING, Phase.PAUSED})


def _drawn_from(state: State) -> tuple[object, ...]:
    """What of `state` the line is made of: a token that changes none of it is none of its business."""
    return (
        state.phase,
        state.word,
        state.note,
        state.run_started_at,
        state.retry,
        state.queue,
        state.jobs,
        state.tools,
        state.usage,
        state.chosen,
    )


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
        "status-line--warning",
        "status-line--error",
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
        & .status-line--warning { color: $h2a-warning; }
        & .status-line--error { color: $h2a-error; text-style: bold; }
    }
    """

    def __init__(
        self, facts: Facts, clock: Callable[[], float] = time.time, *, reduced_motion: bool = False
    ) -> None:
        """`reduced_motion`: the spinner stands still; the seconds go on."""
        super().__init__()
        self._still = reduced_motion
        self._facts = facts
        self._clock = clock
        self._state = State()
        self._frame = 0
        self._notice = ""
        self._ticker: Timer | None = None
        self._notice_end: Timer | None = None

    def show(self, state: State, facts: Facts | None = None) -> None:
        """Show `state`, and `facts` where they are others than before. What changes nothing costs no paint."""
        facts = facts or self._facts
        same = facts == self._facts and _drawn_from(state) == _drawn_from(self._state)
        self._state, self._facts = state, facts
        if same:
            return
        moving = state.phase not in _QUIET
        if moving and self._ticker is None:
            self._ticker = self.set_interval(_TICK_S, self._tick)
        elif not moving and self._ticker is not None:
            self._ticker.stop()
            self._ticker = None
        self.refresh()

    def notice(self, text: str, seconds: float = NOTICE_S) -> None:
        """Say `text` for so many `seconds` in place of the facts."""
        self._notice = text
        if self._notice_end is not None:
            self._notice_end.stop()
        self._notice_end = self.set_timer(seconds, self._end_notice) if text else None
        self.refresh()

    def _end_notice(self) -> None:
        self._notice = ""
        self._notice_end = None
        self.refresh()

    def _tick(self) -> None:
        self._frame += 1
        if self._frame % _TICKS_PER_S == 0:
            self.refresh()
        elif not self._still:
            self.refresh(_SPINNER_CELLS)

    def render(self) -> RenderResult:
        """The line, at the widget's width."""
        width = self.content_size.width
        state = self._state
        glyph = state_glyph(state, None if self._still else self._frame)
        left = Text(f"{glyph} {state_line(state, self._clock())}", no_wrap=True, end="")
        left.truncate(width)
        left.stylize(self._style(state.word))
        room = width - left.cell_len - 2
        right = self._said() if self._notice else self._facts_text(room)
        right.truncate(max(0, room), overflow="ellipsis")
        return Text.assemble(left, " " * (width - left.cell_len - right.cell_len), right)

    def _said(self) -> Text:
        return Text(self._notice, self._style("notice"), no_wrap=True, end="")

    def _facts_text(self, room: int) -> Text:
        line = Text(no_wrap=True, end="")
        for index, fact in enumerate(facts_shown(self._state, self._facts, room)):
            line.append(SEPARATOR if index else "")
            line.append(fact.text, self._style(fact.tone) if fact.tone else "")
        return line

    def _style(self, name: str) -> Style:
        return self.get_component_rich_style(f"status-line--{name}", partial=True)
