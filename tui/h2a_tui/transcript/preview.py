"""Small pictures in the conversation, two pixels to a cell: the upper one in the colour of `▀`, the lower one its ground.

Text is all that scrolls with text in every terminal, under tmux and over a slow line. The graphics of kitty and
sixel terminals do not: they would have to be placed, cropped and taken away again with each line that the page moves,
and a multiplexer in between keeps none of that right.

An item with pictures is drawn with a label first. Drawn at all, it wants them; a `Gallery` fetches them and makes
them small in a thread, and the item is drawn once more.
"""

from __future__ import annotations

import asyncio
import base64
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import Enum
from itertools import groupby
from typing import Final, TypeAlias

from rich.color import Color
from rich.segment import Segment
from rich.style import Style

from h2a_agent.content import ImageBlock
from h2a_agent.tools.images import BadPicture, media_type, thumbnail
from h2a_agent.tools.truncate import size_text
from h2a_tui.transcript.lines import Line, wrap

__all__ = ["Fetch", "Gallery", "Pictured", "Preview", "Wish"]

Fetch: TypeAlias = Callable[[str], Sequence[ImageBlock]]
"""The pictures of a message or of a result, by its id; none while there is no such thing."""

_COLUMNS: Final = 40
_ROWS: Final = 12
_DRAWN: Final = 3  # of the pictures of one item; the others are named
_OPAQUE: Final = 128  # of 255; a pixel with less of its colour is the page


@dataclass(frozen=True, slots=True)
class Preview:
    """One picture: what it is in words, and its pixels, four bytes each, where it can be drawn."""

    label: str
    width: int = 0
    rgba: bytes = b""

    def rows(self, ground: Style) -> list[Line]:
        """The picture on `ground`. Nobody copies it as text, so all of it is decoration."""
        stride = 4 * self.width
        lines = [self.rgba[at : at + stride] for at in range(0, len(self.rgba), stride)] if stride else []
        lines += [bytes(stride)] if len(lines) % 2 else []
        return [_row(upper, lower, ground) for upper, lower in zip(lines[::2], lines[1::2], strict=True)]


def _row(upper: bytes, lower: bytes, ground: Style) -> Line:
    cells = [(upper[at : at + 4], lower[at : at + 4]) for at in range(0, len(upper), 4)]
    segments = [_segment(*pair, sum(1 for _ in same), ground) for pair, same in groupby(cells)]
    return Line(segments, lead=len(cells))


def _segment(upper: bytes, lower: bytes, count: int, ground: Style) -> Segment:
    over, under = _colour(upper), _colour(lower)
    if over is None:
        return Segment(("▄" if under else " ") * count, ground + Style(color=under))
    return Segment("▀" * count, ground + Style(color=over, bgcolor=under))


def _colour(pixel: bytes) -> Color | None:
    red, green, blue, opacity = pixel
    return Color.from_rgb(red, green, blue) if opacity >= _OPAQUE else None


def _preview(image: ImageBlock, *, drawn: bool) -> Preview:
    """What `image` looks like, or what is wrong with it. Decodes a picture: belongs in a thread."""
    kind = "image"
    try:
        data = base64.b64decode(image.data)
        kind = media_type(data[:16]).removeprefix("image/") or kind  # what it is, not what it is said to be
        small = thumbnail(data, _COLUMNS, 2 * _ROWS)
    except BadPicture as error:
        return Preview(f"{kind} {error}")
    except Exception:  # noqa: BLE001  a decoder may fail in any way over bytes made for that; no preview is worth a crash
        return Preview(f"{kind} that cannot be shown")
    width, height = small.original
    label = f"{kind} · {width} × {height} · {size_text(len(data))}"
    return Preview(label, small.width, small.rgba) if drawn else Preview(label)


class Wish(Enum):
    """How far an item is with its pictures."""

    NONE = "nobody has looked yet"
    WANTED = "drawn without them"
    FETCHED = "on their way"
    MISSING = "not there yet"
    SHOWN = "there"


class Pictured:
    """The pictures of one item. `source` is the id they are fetched by, `count` how many there are."""

    def __init__(self, source: str, count: int = 1) -> None:
        self.source = source
        self.count = count
        self.wish = Wish.NONE
        self._previews: tuple[Preview, ...] = ()

    def show(self, previews: tuple[Preview, ...]) -> None:
        """Here they are; none: they cannot be had yet."""
        self._previews = previews
        self.wish = Wish.SHOWN if previews else Wish.MISSING

    def rows(self, width: int, ground: Style, *, named: bool) -> list[Line]:
        """Labels where they are to be `named`, and what can be drawn in `width` cells. `ground` is the style of words."""
        if self.wish is Wish.NONE:
            self.wish = Wish.WANTED
        if not self._previews:
            words = f"▣ {self.count} image{'s' if self.count > 1 else ''}"
            return [Line([Segment(words, ground)], lead=2)] if named else []
        rows: list[Line] = []
        for index, preview in enumerate(self._previews):
            if named:
                rows += wrap([(f"▣ {preview.label}", ground)], width)
            if index < _DRAWN and preview.width <= width:
                rows += preview.rows(ground)
        return rows

    @property
    def height(self) -> int:
        """About how many rows they take."""
        return self.count + sum(len(p.rgba) // max(1, 8 * p.width) for p in self._previews[:_DRAWN])


class Gallery:
    """Where pictures come from, and whether this terminal has the colours to draw them."""

    def __init__(self, fetch: Fetch, *, drawn: bool) -> None:
        self._fetch = fetch
        self._drawn = drawn

    async def previews(self, source: str) -> tuple[Preview, ...]:
        """The pictures of `source`, small; none where there are none yet."""
        images = tuple(self._fetch(source))
        return await asyncio.to_thread(lambda: tuple(_preview(image, drawn=self._drawn) for image in images))
