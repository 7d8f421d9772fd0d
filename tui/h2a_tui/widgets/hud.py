"""The heads-up display: what the screen itself costs, in a few rows at the top.

Closed it has no timer and measures nothing. Open it looks at the loop ten times and draws once a second.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from time import monotonic, perf_counter
from typing import ClassVar, Final

from rich.style import Style
from rich.text import Text
from textual import events
from textual.app import RenderResult
from textual.geometry import Size
from textual.widget import Widget

from h2a_agent.events import AnyEvent, Interrupt, UserInput
from h2a_queue import QueueStats
from h2a_tui.vitals import Vitals
from h2a_tui.widgets.editor import Editor

__all__ = ["Hud"]

_SAMPLE_S: Final = 0.1
_SAMPLES_PER_DRAW: Final = 10
_LABEL: Final = 9
_COLUMN: Final = 19  # cells of a name, its number and the gap behind them
_NUMBERS: Final = 13


class Hud(Widget):
    """Shows `Vitals` while it is open. `queue` tells of the queue the screen reads, `written` how many bytes it has sent."""

    COMPONENT_CLASSES: ClassVar[set[str]] = {"hud--label", "hud--number"}
    DEFAULT_CSS = """
    Hud {
        dock: top;
        height: auto;
        max-height: 40%;
        padding: 0 1;
        display: none;
        background: $h2a-panel;
        &.-open { display: block; }
        & .hud--label { color: $h2a-muted; }
        & .hud--number { color: $h2a-text; }
    }
    """

    def __init__(self, queue: Callable[[], QueueStats | None], written: Callable[[], int | None]) -> None:
        super().__init__()
        self._queue = queue
        self._written = written
        self._vitals: Vitals | None = None
        self._sampler: asyncio.TimerHandle | None = None
        self._samples = 0

    @property
    def is_open(self) -> bool:
        """Is it measuring?"""
        return self._vitals is not None

    def toggle(self) -> None:
        """Open it, or close it and forget what was measured."""
        opening = self._vitals is None
        self._vitals = Vitals() if opening else None
        self.set_class(opening, "-open")
        self._stop()
        if opening:
            self._samples = 0
            self._wait()

    def on_unmount(self) -> None:
        """Look no more."""
        self._stop()

    # -------------------------------------------------------------- measuring

    def follow(self, happened: Sequence[AnyEvent], began: float) -> None:
        """The screen has taken in `happened` since `began` (of `perf_counter`) and is about to be painted."""
        vitals = self._vitals
        if vitals is None:
            return
        for event in happened:
            if isinstance(event, Interrupt) and event.cause == "steer":
                vitals.steered(event.time)
            elif isinstance(event, UserInput):
                vitals.delivered(event.time)
        self.screen.call_after_refresh(lambda: vitals.frame.add(perf_counter() - began))

    def saw_key(self, key: events.Key, target: Widget) -> None:
        """`key` has come and is on its way to `target`."""
        vitals = self._vitals
        if vitals is None:
            return

        def obeyed() -> None:
            if isinstance(target, Editor) and target.echoed_at >= key.time:
                vitals.echo.add(target.echoed_at - key.time)
            else:  # only Textual will show it
                target.call_after_refresh(lambda: vitals.echo.add(monotonic() - key.time))

        target.call_later(obeyed)

    def _wait(self) -> None:
        loop = asyncio.get_running_loop()
        due = loop.time() + _SAMPLE_S
        self._sampler = loop.call_at(due, self._sample, due)

    def _sample(self, due: float) -> None:
        vitals = self._vitals
        if vitals is None:
            return
        now = asyncio.get_running_loop().time()
        vitals.lag.add(now - due)
        self._samples += 1
        if self._samples % _SAMPLES_PER_DRAW == 0:
            if (written := self._written()) is not None:
                vitals.wrote(now, written)
            self.refresh()
        self._wait()

    def _stop(self) -> None:
        if self._sampler is not None:
            self._sampler.cancel()
            self._sampler = None

    # ---------------------------------------------------------------- drawing

    def get_content_height(self, container: Size, viewport: Size, width: int) -> int:
        """As many rows as the numbers need at this width; they never change it."""
        return -(-_NUMBERS // self._columns(width))

    @staticmethod
    def _columns(width: int) -> int:
        return max(1, width // _COLUMN)

    def render(self) -> RenderResult:
        """The numbers, column by column."""
        if self._vitals is None:
            return ""
        numbers = self._vitals.rows(self._queue())
        columns = self._columns(self.content_size.width)
        label, number = self._style("label"), self._style("number")
        text = Text(no_wrap=True, end="")
        for index, (name, value) in enumerate(numbers):
            if index:
                text.append("\n" if index % columns == 0 else " ")
            text.append(f"{name:<{_LABEL}}", label)
            text.append(f"{value:>{_COLUMN - _LABEL - 1}}", number)
        return text

    def _style(self, name: str) -> Style:
        return self.get_component_rich_style(f"hud--{name}", partial=True)
