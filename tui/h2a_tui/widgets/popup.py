"""The list over the editor: what can be taken in place of what is typed."""

from __future__ import annotations

from typing import ClassVar

from rich.style import Style
from rich.text import Text
from textual import events
from textual.app import RenderResult
from textual.message import Message
from textual.widget import Widget

from h2a_tui.completion import Entry, Offer
from h2a_tui.widgets.offered import Offered

__all__ = ["Popup"]


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
        self._list = Offered()

    # ------------------------------------------------------------- what it shows

    @property
    def offer(self) -> Offer | None:
        """What can be taken."""
        return self._list.offer

    def show(self, offer: Offer | None) -> None:
        """Show `offer`; None: nothing."""
        if offer == self.offer:
            return  # not even a paint
        rows = self._list.rows
        self._list.show(offer)
        self.set_class(offer is not None, "-open")
        self.refresh(layout=rows != self._list.rows)

    def limit_to(self, screen_rows: int) -> None:
        """Take no more than a quarter of a screen of `screen_rows`."""
        self._list.limit_to(screen_rows)

    @property
    def chosen(self) -> Entry | None:
        """The entry that would be taken."""
        return self._list.chosen

    def move(self, offset: int) -> None:
        """Choose the entry `offset` further down, around the ends."""
        self._list.move(offset)
        self.refresh()

    # ------------------------------------------------------------------ drawing

    def get_content_height(self, *_args: object) -> int:
        """A row for each entry."""
        return self._list.rows

    def render(self) -> RenderResult:
        """The entries around the chosen one."""
        rows = self._list.lines(self.content_size.width, self.content_size.height, self._style)
        return Text("\n", no_wrap=True, end="").join(rows)

    def _style(self, name: str) -> Style:
        return self.get_component_rich_style(f"popup--{name}", partial=True)

    def on_click(self, event: events.Click) -> None:
        """Take the entry that was clicked."""
        event.stop()
        if self._list.choose_row(event.y):
            self.post_message(self.Clicked())
