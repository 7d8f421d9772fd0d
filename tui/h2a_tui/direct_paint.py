"""Rows of a widget written straight to the terminal, past Textual's compositor.

Textual has no copy of the screen: whenever it paints, it asks the widget for rows (`render_lines`). So a widget may
bring its region of the terminal up to date itself, as long as two things hold:

  - what it gives Textual is always the rows it has last written or has asked Textual to paint;
  - nothing lies above it, and no paint of Textual's is still owed to the rows.

`DirectPaint.paint` looks whether they hold, for each frame; where they do not, it refuses, and the widget asks for a
`refresh` as any other would. So it may be switched off at any time, and is right with any driver. `show_row` only
comes before a paint of Textual's, with what that will bring: a key's echo does not wait for it.

The private names of Textual used here are `App._driver`, `App._batch_count`, `App._sync_available`,
`Screen._compositor` with its `visible_widgets` and `_dirty_regions`, and `Widget._repaint_regions`; a test fails when
one of them moves.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final, Protocol, runtime_checkable

from textual.geometry import Region
from textual.strip import Strip
from textual.widget import Widget

from h2a_tui.row_changes import update

__all__ = ["DirectPaint", "RowDriver"]

_BEHIND: Final = 2  # writes the terminal may have left waiting before frames are skipped
_SYNC_BEGIN: Final = "\x1b[?2026h"
_SYNC_END: Final = "\x1b[?2026l"


@runtime_checkable
class RowDriver(Protocol):
    """A driver of a terminal that understands scroll regions and positions."""

    @property
    def waiting(self) -> int | None:
        """How many writes the terminal has not taken yet; None: only Textual may write to it now."""

    def write(self, data: str) -> None:
        """Send `data`."""


class DirectPaint:
    """Writes rows of `widget`."""

    def __init__(self, widget: Widget) -> None:
        self._widget = widget

    @property
    def behind(self) -> bool:
        """Does the terminal read more slowly than it is written to? Then a frame is better left out."""
        driver = self._driver
        return driver is not None and (driver.waiting or 0) > _BEHIND

    def paint(self, old: Sequence[Strip], new: Sequence[Strip]) -> bool:
        """Turn rows `old`, which the terminal shows, into `new`; False: nothing was done, Textual has to."""
        region = self.region()
        if region is None or not len(old) == len(new) == region.height or self._is_owed:
            return False
        app = self._widget.app
        self._write(update(old, new, region, app.console, scrolls=region.width == app.size.width))
        return True

    def show_row(self, region: Region, y: int, strip: Strip) -> None:
        """Show `strip` at once in row `y` of `region`; Textual paints it again when it gets to it."""
        row = strip.render(self._widget.app.console)
        self._write(f"\x1b[{region.y + y + 1};{region.x + 1}H{row}")

    def region(self) -> Region | None:
        """Where the widget is on the screen, if all of it is to be seen and it may be written to."""
        widget = self._widget
        if not widget.is_attached:
            return None
        app, screen = widget.app, widget.screen
        if self._driver is None or app.screen is not screen or app._batch_count:
            return None
        places = screen._compositor.visible_widgets
        if widget not in places:
            return None
        region, clip = places[widget]
        around = {widget, *widget.ancestors}
        covered = any(other.overlaps(region) for w, (other, _) in places.items() if w not in around)
        return region if clip.contains_region(region) and not covered else None

    def _write(self, data: str) -> None:
        app, driver = self._widget.app, self._driver
        if data and driver is not None:
            x, y = app.cursor_position
            data += f"\x1b[{y + 1};{x + 1}H"
            driver.write(_SYNC_BEGIN + data + _SYNC_END if app._sync_available else data)

    @property
    def _driver(self) -> RowDriver | None:
        driver: Any = self._widget.app._driver
        usable = isinstance(driver, RowDriver) and driver.waiting is not None
        return driver if usable else None

    @property
    def _is_owed(self) -> bool:
        """Has Textual been asked for a paint, here or anywhere, that it has not done yet?"""
        return bool(self._widget._repaint_regions or self._widget.screen._compositor._dirty_regions)
