"""Screens as readable text files, and what differs when one has changed.

A file in `tests/tui/snapshots` holds one screen: its rows at each size, then the colours it has in each theme,
one line for every combination that is drawn. `H2A_UPDATE_SNAPSHOTS=1` writes the files anew; look at the diff.
`H2A_SCREEN_PICTURES=folder` draws every screen there as SVG, at every size and in every theme.
"""

from __future__ import annotations

import difflib
import os
import tempfile
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, NamedTuple

import pytest
from rich.color import Color
from rich.style import Style
from textual._compositor import LayoutUpdate
from textual.app import App
from textual.strip import Strip

from h2a_themes import contrast

__all__ = ["Look", "Picture", "Screen", "check", "colour_table", "faint_words", "look_at"]

FOLDER: Final = Path(__file__).parents[1] / "tui" / "snapshots"
_UPDATE: Final = "H2A_UPDATE_SNAPSHOTS"
_PICTURES: Final = "H2A_SCREEN_PICTURES"
_ATTRIBUTES: Final = (
    ("bold", "b"),
    ("dim", "d"),
    ("italic", "i"),
    ("underline", "u"),
    ("reverse", "r"),
    ("strike", "s"),
)
READABLE: Final = 4.5
_SAMPLE: Final = 24  # characters of what a combination of colours is shown on


class Look(NamedTuple):
    """How a cell is drawn. Colours are `#rrggbb`, a name of the terminal's own, or "-" for its default."""

    colour: str
    ground: str
    attributes: str

    def __str__(self) -> str:
        return f"{self.colour} {self.ground}{' ' + self.attributes if self.attributes else ''}"

    @property
    def contrast(self) -> float | None:
        """Between letter and ground, None where the terminal has the last word."""
        known = self.colour.startswith("#") and self.ground.startswith("#")
        return contrast(self.colour, self.ground) if known else None


@dataclass(frozen=True)
class Picture:
    """What is on the screen: each row as characters with their looks. `svg` is the same for eyes."""

    cells: list[list[tuple[str, Look]]]
    svg: str

    @property
    def rows(self) -> list[str]:
        """The rows as text."""
        return ["".join(character for character, _ in row).rstrip() for row in self.cells]


@dataclass(frozen=True)
class Screen:
    """One screen: what it looks like at each size, and in each theme at one size."""

    name: str
    sizes: Mapping[tuple[int, int], Picture]
    themes: Mapping[str, Picture]

    def text(self) -> str:
        """The content of its file."""
        parts = []
        for (width, height), picture in self.sizes.items():
            parts.append(f"==== {width} x {height}")
            parts += [f"|{row}" for row in picture.rows]
        parts.append("==== " + " | ".join(self.themes))
        parts += colour_table(list(self.themes.values()))
        return "\n".join(parts) + "\n"

    def draw(self, folder: Path) -> None:
        """Write the pictures."""
        folder.mkdir(parents=True, exist_ok=True)
        for (width, height), picture in self.sizes.items():
            (folder / f"{self.name}-{width}x{height}.svg").write_text(picture.svg)
        for theme, picture in self.themes.items():
            (folder / f"{self.name}-{theme}.svg").write_text(picture.svg)


def look_at(app: App[Any]) -> Picture:
    """What `app` shows now, the screens behind a dialog included."""
    # Whoever has looked at a dialog without what lies behind it has left it so in its cache.
    app.screen.refresh()
    update = app.screen._compositor.render_update(full=True, screen_stack=app._background_screens)
    assert isinstance(update, LayoutUpdate)
    rows = [Strip.join(list(strips)) for strips in update.strips]
    cells = [[cell for part in row for cell in _cells(part.text, part.style)] for row in rows]
    return Picture(cells, app.export_screenshot(title=""))


def _cells(text: str, style: Style | None) -> Iterable[tuple[str, Look]]:
    style = style or Style()
    attributes = "".join(letter for name, letter in _ATTRIBUTES if getattr(style, name))
    look = Look(_name(style.color), _name(style.bgcolor), attributes)
    return ((character, look) for character in text)


def _name(colour: Color | None) -> str:
    return "-" if colour is None or colour.is_default else colour.name


def colour_table(pictures: list[Picture]) -> list[str]:
    """The looks of what is drawn, one column for each of `pictures`, with the first words that have them."""
    samples: dict[tuple[Look, ...], str] = {}
    for rows in zip(*(picture.cells for picture in pictures), strict=True):
        before: tuple[Look, ...] | None = None
        sampling = False
        for cell in zip(*rows, strict=True):
            characters = {character for character, _ in cell}
            assert len(characters) == 1, f"a theme changes colours, not words: {sorted(characters)}"
            character, looks = characters.pop(), tuple(look for _, look in cell)
            if looks != before:
                before, sampling = looks, False
            if not sampling and looks not in samples and not character.isspace():
                samples[looks], sampling = "", True
            if sampling and len(samples[looks]) < _SAMPLE:
                samples[looks] += character
    return [
        f"{sample.strip():<{_SAMPLE}} {' | '.join(str(look) for look in looks)}"
        for looks, sample in samples.items()
    ]


def faint_words(picture: Picture) -> set[tuple[str, str]]:
    """Rows with letters that cannot be read on their ground (WCAG AA), and in which colours."""
    return {
        (text, str(look))
        for row, text in zip(picture.cells, picture.rows, strict=True)
        for character, look in row
        if character.isalnum() and (look.contrast or READABLE) < READABLE
    }


def check(screen: Screen) -> None:
    """Compare `screen` with its file, or write the file where that is asked for."""
    file = FOLDER / f"{screen.name}.txt"
    text = screen.text()
    if pictures := os.environ.get(_PICTURES):
        screen.draw(Path(pictures))
    if os.environ.get(_UPDATE):
        file.parent.mkdir(exist_ok=True)
        file.write_text(text)
        return
    expected = file.read_text() if file.exists() else ""
    if text == expected:
        return
    folder = Path(tempfile.gettempdir()) / "h2a-screens"
    screen.draw(folder)
    difference = difflib.unified_diff(
        expected.splitlines(), text.splitlines(), "as it was", "as it is", lineterm="", n=2
    )
    pytest.fail(
        f"{screen.name} looks different. Pictures: {folder}/{screen.name}-*.svg\n"
        f"When it is meant to: {_UPDATE}=1 pytest tests/tui/test_screens.py -k {screen.name}\n"
        + "\n".join(difference),
        pytrace=False,
    )
