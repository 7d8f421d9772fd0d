"""A page over the chat: something to read, until a key closes it."""

from __future__ import annotations

from typing import Final

from rich.console import RenderableType
from textual import events
from textual.app import ComposeResult
from textual.containers import VerticalScroll
from textual.screen import ModalScreen
from textual.widgets import Static

from h2a_tui.keymap import Action, Context, Keymap

__all__ = ["NARROW", "PageScreen"]

# On a narrow screen a dialog takes all of it: what would show at its sides are shreds of words.
NARROW: Final = [(0, "-narrow"), (72, "-wide")]


class PageScreen(ModalScreen[None], inherit_bindings=False):
    """Shows `content` under `title`."""

    HORIZONTAL_BREAKPOINTS: list[tuple[int, str]] | None = NARROW

    DEFAULT_CSS = """
    PageScreen {
        align: center middle;
        background: $h2a-background 60%;
        & VerticalScroll {
            width: 90%;
            max-width: 110;
            height: auto;
            max-height: 90%;
            border: round $h2a-accent;
            border-title-color: $h2a-text;
            border-subtitle-color: $h2a-muted;
            padding: 0 1;
            background: $h2a-surface;
            scrollbar-size: 1 1;
        }
        &.-narrow VerticalScroll { width: 100%; max-height: 100%; }
        & Static { height: auto; }
    }
    """

    def __init__(self, title: str, content: RenderableType, keymap: Keymap) -> None:
        super().__init__()
        self._title = title
        self._keymap = keymap
        self._static = Static(content)

    def compose(self) -> ComposeResult:
        """One scrollable box."""
        with VerticalScroll(can_focus=False) as box:
            box.border_title = self._title
            box.border_subtitle = f"{self._keymap.label(Action.CLOSE_HELP)} closes · ↑ ↓ scroll"
            yield self._static

    def show(self, content: RenderableType) -> None:
        """Show `content` instead of what is there."""
        self._static.update(content)

    def on_key(self, event: events.Key) -> None:
        """Close, or scroll."""
        event.stop()
        box = self.query_one(VerticalScroll)
        match self._keymap.action(event.key, Context.HELP, Context.GLOBAL):
            case Action.CLOSE_HELP:
                _ = self.dismiss()  # the screen goes by itself
            case Action.SCROLL_HELP_UP:
                box.scroll_relative(y=-1, animate=False, immediate=True)
            case Action.SCROLL_HELP_DOWN:
                box.scroll_relative(y=1, animate=False, immediate=True)
            case Action.PAGE_UP:
                box.scroll_page_up(animate=False)
            case Action.PAGE_DOWN:
                box.scroll_page_down(animate=False)
