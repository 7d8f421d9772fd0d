"""The list over the editor: what can be taken in place of what is typed."""

from __future__ import annotations

from typing import ClassVar, Final

from rich.style import Style
from rich.text import Text
from textual import events
from textual.app import RenderResult
from textual.message import Message
from textual.widget import Widget

from h2a_agent.safe_text import one_line
from h2a_tui.completion import Entry, Offer

__all__ = ["Popup"]

_ROWS: Final = 8
_LABEL_SHARE: Final = 0.6  # of the width, at most, where there is help beside it


class Popup(Widget):
    """Draws an offer and knows which of its entries is chosen. Hidden where there is none."""

    COMPONENT_CLASSES: ClassVar[set[str]] = {"popup--chosen", "popup--label", "popup--help"}
    DEFAULT_CSS = """
    Popup {
        display: none;
        height: auto;
        max-height: 8;
        padding: 0 1;
        background: $h2a-surface;
        &.-open { display: block; }
        & .popup--label { color: $h2a-text; }
        & .popup--help { color: $h2a-dim; }
        & .popup--chosen { color: $h2a-accent; text-style: bold; }
    }
    """

    class Clicked(Message):
        """Somebody has clicked an entry, which is the chosen one now."""

    def __init__(self) -> None:
        super().__init__()
        self.offer: Offer | None = None
        self._at: int | None = None
        self._most = _ROWS
        self._first = 0

    # ------------------------------------------------------------- what it shows

    def show(self, offer: Offer | None) -> None:
        """Show `offer`; None: nothing."""
        if offer == self.offer:
            return
        rows = self._rows
        self.offer = offer
        self._at = 0 if offer is not None and offer.eager else None
        self._first = 0
        self.set_class(offer is not None, "-open")
        self.refresh(layout=rows != self._rows)

    def limit_to(self, screen_rows: int) -> None:
        """Take no more than a quarter of a screen of `screen_rows`."""
        self._most = max(1, min(_ROWS, screen_rows // 4))

    @property
    def chosen(self) -> Entry | None:
        """The entry that would be taken."""
        return None if self.offer is None or self._at is None else self.offer.entries[self._at]

    def move(self, offset: int) -> None:
        """Choose the entry `offset` further down, around the ends."""
        if self.offer is None:
            return
        count = len(self.offer.entries)
        at = (0 if offset > 0 else count - 1) if self._at is None else (self._at + offset) % count
        self._at = at
        self._first = min(max(self._first, at - self._rows + 1), at)
        self.refresh()

    @property
    def _rows(self) -> int:
        return 0 if self.offer is None else min(len(self.offer.entries), self._most)

    # ------------------------------------------------------------------ drawing

    def get_content_height(self, *_args: object) -> int:
        """A row for each entry."""
        return self._rows

    def render(self) -> RenderResult:
        """The entries around the chosen one."""
        if self.offer is None:
            return ""
        width = self.content_size.width
        rows = max(1, min(self._rows, self.content_size.height))
        first = max(self._first, 0 if self._at is None else self._at - rows + 1)
        shown = list(enumerate(self.offer.entries))[first : first + rows]
        helped = any(entry.help for _, entry in shown)
        column = int(width * _LABEL_SHARE) if helped else width - 2
        column = min(column, max(Text(_label(entry)).cell_len for _, entry in shown))
        return Text("\n", no_wrap=True, end="").join(self._row(i, entry, column, width) for i, entry in shown)

    def _row(self, index: int, entry: Entry, column: int, width: int) -> Text:
        chosen = index == self._at
        label = Text(_label(entry), self._style("chosen" if chosen else "label"), no_wrap=True, end="")
        label.truncate(column, overflow="ellipsis", pad=bool(entry.help))
        row = Text.assemble("▸ " if chosen else "  ", label, no_wrap=True, end="")
        if entry.help:
            row.append(f"  {one_line(entry.help)}", self._style("help"))
        row.truncate(width, overflow="ellipsis")
        return row

    def _style(self, name: str) -> Style:
        return self.get_component_rich_style(f"popup--{name}", partial=True)

    def on_click(self, event: events.Click) -> None:
        """Take the entry that was clicked."""
        event.stop()
        if self.offer is not None and self._first + event.y < len(self.offer.entries):
            self._at = self._first + event.y
            self.post_message(self.Clicked())


def _label(entry: Entry) -> str:
    return one_line(entry.label, 300)
