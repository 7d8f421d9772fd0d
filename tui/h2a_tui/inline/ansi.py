"""Styled rows as what a terminal understands, in as many colours as it has; on the terminal's own ground."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from rich.cells import cell_len, set_cell_size
from rich.color import ColorSystem
from rich.console import COLOR_SYSTEMS, Console, RenderableType
from rich.segment import Segment
from rich.style import Style
from rich.text import Text

from h2a_themes import Palette, Theme
from h2a_tui.theme import for_terminal
from h2a_tui.transcript.lines import Line, Page, printable

__all__ = ["Ink", "InlinePage", "on_own_ground"]


@dataclass(frozen=True, slots=True)
class InlinePage(Page):
    """A page without margins, which leaves the last column free: a full row and the next would be one to a terminal."""

    @property
    def margin(self) -> int:
        """None: whoever copies from the scrollback wants the words."""
        return 0

    @property
    def column(self) -> int:
        """Cells for text."""
        return max(8, min(self.width - 1, 108))


def on_own_ground(theme: Theme, palette: Palette) -> Theme:
    """`theme` for text among a shell's: on the terminal's own ground, if that is dark or light as the theme is.

    Where the terminal does not say what its ground is, plain text is in its own colour, too, so that it can be read.
    """
    if palette.dark is None:
        return theme.recoloured({"background": "", "text": ""})
    return theme.recoloured({"background": ""}) if palette.dark is theme.dark else theme


class Ink:
    """Writes in the colours this terminal has, as the environment tells them."""

    def __init__(self, environ: Mapping[str, str]) -> None:
        self._console = Console(_environ=environ, force_terminal=True, legacy_windows=False)
        self._plain = "NO_COLOR" in environ
        name = self._console.color_system
        # Without colour there is still bold and underlined; a theme without colours asks for none.
        self._system: ColorSystem = COLOR_SYSTEMS[name or "standard"]
        self._name = name

    def theme(self, theme: Theme, palette: Palette) -> Theme:
        """What of `theme` this terminal can show."""
        return for_terminal(on_own_ground(theme, palette), self._name, no_color=self._plain)

    def line(self, line: Line) -> str:
        """A row of the conversation."""
        return self._written(printable(line))

    def text(self, text: Text, width: int) -> str:
        """One row of at most `width` cells."""
        shown = text.copy()
        shown.end = ""
        shown.truncate(max(0, width), overflow="crop")
        return self._written(segment for segment in shown.render(self._console))

    def rendered(self, content: RenderableType, width: int, style: Style) -> list[str]:
        """Anything Rich can draw, as rows of at most `width` cells."""
        options = self._console.options.update(width=max(1, width))
        rows = self._console.render_lines(content, options, style=style, pad=False)
        return [self._written(_stripped(row)) for row in rows]

    def _written(self, segments: Iterable[Segment]) -> str:
        return "".join(
            style.render(text, color_system=self._system) if style else text
            for text, style, control in segments
            if not control
        )


def _stripped(row: list[Segment]) -> list[Segment]:
    """`row` without blanks at its end: a terminal that wraps anew would wrap them, too."""
    width = len("".join(segment.text for segment in row).rstrip())
    kept: list[Segment] = []
    for segment in row:
        if width <= 0:
            break
        kept.append(Segment(segment.text[:width], segment.style))
        width -= len(segment.text)
    return kept


def fitted(text: str, width: int) -> str:
    """`text` in exactly `width` cells."""
    return text if cell_len(text) == width else set_cell_size(text, width)
