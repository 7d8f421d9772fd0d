"""Rows of a widget written straight to the terminal, past Textual's compositor.

Textual has no copy of the screen: whenever it paints, it asks the widget for rows (`render_lines`). So a widget may
bring its region of the terminal up to date itself, as long as two things hold:

  - what it gives Textual is always the rows it has last written or has asked Textual to paint;
  - nothing lies above it, and no paint of Textual's is still owed to the rows.

`DirectPaint.paint` looks whether they hold, for each frame; where they do not, it refuses, and the widget asks for a
`refresh` as any other would. So it may be switched off at any time, and is right with any driver.

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
        """How many writes the terminal has not taken yet; None while it is not ours."""

    def write(self, data: str) -> None:
        """Send `data`."""


class DirectPaint:
    """Paints `widget`. Not `enabled`, it never does."""

    def __init__(self, widget: Widget, *, enabled: bool = True) -> None:
        self._widget = widget
        self._enabled = enabled

    @property
    def behind(self) -> bool:
        """Does the terminal read more slowly than it is written to? Then a frame is better left out."""
        driver = self._driver
        return driver is not None and (driver.waiting or 0) > _BEHIND

    def paint(self, old: Sequence[Strip], new: Sequence[Strip]) -> bool:
        """Turn rows `old`, which the terminal shows, into `new`; False: nothing was done, Textual has to."""
        region = self._region() if self._enabled and len(old) == len(new) else None
        driver = self._driver
        if region is None or driver is None or region.height != len(new):
            return False
        app = self._widget.app
        scrolls = region.width == app.size.width
        if data := update(old, new, region, app.console, scrolls=scrolls):
            x, y = app.cursor_position
            data += f"\x1b[{y + 1};{x + 1}H"
            driver.write(_SYNC_BEGIN + data + _SYNC_END if app._sync_available else data)
        return True

    @property
    def _driver(self) -> RowDriver | None:
        driver: Any = self._widget.app._driver
        usable = (
            isinstance(driver, RowDriver) and driver.waiting is not None and not self._widget.app.is_inline
        )
        return driver if usable else None

    def _region(self) -> Region | None:
        """Where the rows are on the screen, if they are all there and as they were painted last."""
        widget = self._widget
        app, screen = widget.app, widget.screen
        compositor = screen._compositor
        if (
            app.screen is not screen
            or app._batch_count
            or widget._repaint_regions
            or compositor._dirty_regions
        ):
            return None
        places = compositor.visible_widgets
        if widget not in places:
            return None
        region, clip = places[widget]
        around = {widget, *widget.ancestors}
        covered = any(other.overlaps(region) for w, (other, _) in places.items() if w not in around)
        return region if clip.contains_region(region) and not covered else None
