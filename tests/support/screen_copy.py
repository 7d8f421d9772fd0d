"""A terminal inside the process: what an app writes goes to pyte, cell by cell, colours included.

class App(textual.app.App): ...
app = App(driver_class=CopyDriver)
async with app.run_test(headless=False, size=(80, 24)): ...
app._driver.cells()
"""

from __future__ import annotations

import re
from typing import Any

import pyte
from pyte.screens import Char
from textual.app import App
from textual.drivers.headless_driver import HeadlessDriver
from textual.geometry import Size

__all__ = ["CopyDriver", "cells_of_compositor", "draw"]

_NOT_FOR_PYTE = re.compile(r"\x1b\[[<>=?][\d;]*[um]|\x1b\[\?\d+\$p|\x1b\][^\x07\x1b]*(?:\x07|\x1b\\)")


_LARGE = (200, 60)


class CopyDriver(HeadlessDriver):
    """Has a screen of its own. `frames` is everything that was written; `waiting` is for a test to set.

    The screen is larger than an app's should be: a resize moves nothing on it, as in a terminal's alternate screen.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._screen = pyte.Screen(*_LARGE)
        self.frames: list[str] = []
        self.waiting: int | None = 0

    @property
    def is_headless(self) -> bool:
        """No: the app is to paint."""
        return False

    def write(self, data: str) -> None:
        """Draw it."""
        self.frames.append(data)
        draw(self._screen, data)

    def cells(self) -> list[list[Char]]:
        """All cells of the app, row by row."""
        return _cells(self._screen, self._app.size)


def cells_of_compositor(app: App[Any]) -> list[list[Char]]:
    """What a terminal would show if Textual painted everything anew now."""
    screen = pyte.Screen(*_LARGE)
    # A compositor of its own would be cleaner, but only the screen's has the places.
    compositor = app.screen._compositor
    owed = set(compositor._dirty_regions)
    update = compositor.render_update(full=True, screen_stack=app._background_screens)
    compositor._dirty_regions.update(owed)
    assert update is not None
    draw(screen, update.render_segments(app.console))  # type: ignore[union-attr]
    return _cells(screen, app.size)


def draw(screen: pyte.Screen, data: str) -> None:
    """Give `screen` what was written to a terminal."""
    # As the kernel does it for a terminal, a line feed returns the cursor, too.
    pyte.Stream(screen).feed(_NOT_FOR_PYTE.sub("", data).replace("\n", "\r\n"))


def _cells(screen: pyte.Screen, size: Size) -> list[list[Char]]:
    return [[screen.buffer[y][x] for x in range(size.width)] for y in range(size.height)]
