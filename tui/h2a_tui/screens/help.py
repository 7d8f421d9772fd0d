"""The help overlay: every key and command, printed from the tables they are read from."""

from __future__ import annotations

from collections.abc import Iterator

from rich.table import Table
from rich.text import Text
from textual import events
from textual.app import ComposeResult
from textual.containers import VerticalScroll
from textual.screen import ModalScreen
from textual.widgets import Static

from h2a_tui.commands import COMMANDS
from h2a_tui.keymap import Action, Context, Keymap, key_label

__all__ = ["HelpScreen", "help_table"]


def help_table(keymap: Keymap) -> Table:
    """The keys by context, then the commands."""
    table = Table.grid(padding=(0, 2, 0, 0))
    table.add_column(no_wrap=True, style="bold")
    table.add_column()
    for left, right in _lines(keymap):
        if right:
            table.add_row(f"  {left}", right)
        else:
            table.add_row(Text(left, "bold underline"), "")
    return table


def _lines(keymap: Keymap) -> Iterator[tuple[str, str]]:
    for context in Context:
        if context is Context.HELP:
            continue
        rows = [row for row in keymap.rows if row.context is context and row.keys]
        if rows:
            yield context.value, ""
            yield from ((", ".join(map(key_label, row.keys)), row.help) for row in rows)
            yield "", ""
    yield "Commands", ""
    for command in COMMANDS:
        yield f"/{command.name} {command.argument}".rstrip(), command.help


class HelpScreen(ModalScreen[None], inherit_bindings=False):
    """Shows `help_table` over the chat until a key closes it."""

    DEFAULT_CSS = """
    HelpScreen {
        align: center middle;
        background: $h2a-background 60%;
        & VerticalScroll {
            width: 90%;
            max-width: 100;
            height: auto;
            max-height: 90%;
            border: round $h2a-accent;
            border-title-color: $h2a-text;
            border-subtitle-color: $h2a-muted;
            padding: 0 1;
            background: $h2a-surface;
            scrollbar-size: 1 1;
        }
        & Static { height: auto; }
    }
    """

    def __init__(self, keymap: Keymap) -> None:
        super().__init__()
        self._keymap = keymap

    def compose(self) -> ComposeResult:
        """One scrollable box."""
        with VerticalScroll(can_focus=False) as box:
            box.border_title = "Keys"
            box.border_subtitle = f"{self._keymap.label(Action.CLOSE_HELP)} closes · ↑ ↓ scroll"
            yield Static(help_table(self._keymap))

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
