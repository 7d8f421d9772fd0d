"""A list over the chat to choose one row from: the session's tree, other sessions."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from rich.text import Text
from textual import events, on
from textual.app import ComposeResult
from textual.containers import Vertical
from textual.screen import ModalScreen
from textual.widgets import OptionList
from textual.widgets.option_list import Option

from h2a_tui.keymap import Action, Context, Keymap
from h2a_tui.overlays import Choice
from h2a_tui.screens.page import NARROW

__all__ = ["PickerScreen"]


class PickerScreen(ModalScreen[str | None], inherit_bindings=False):
    """Returns the id of the chosen row, None when the list was closed."""

    AUTO_FOCUS: ClassVar[str | None] = ""
    HORIZONTAL_BREAKPOINTS: list[tuple[int, str]] | None = NARROW
    DEFAULT_CSS = """
    PickerScreen {
        align: center middle;
        background: $h2a-background 60%;
        & Vertical {
            width: 90%;
            max-width: 110;
            height: auto;
            max-height: 90%;
            border: round $h2a-accent;
            border-title-color: $h2a-text;
            border-subtitle-color: $h2a-muted;
            background: $h2a-surface;
        }
        &.-narrow Vertical { width: 100%; max-height: 100%; }
        & OptionList {
            height: auto;
            max-height: 100%;
            border: none;
            padding: 0 1;
            background: $h2a-surface;
            scrollbar-size: 1 1;
            text-wrap: nowrap;
            text-overflow: ellipsis;
        }
    }
    """

    def __init__(self, title: str, choices: Sequence[Choice], keymap: Keymap, *, chosen: int = 0) -> None:
        super().__init__()
        self._title = title
        self._keymap = keymap
        self._chosen = chosen
        self._list = OptionList(*(Option(_row(choice), id=choice.id) for choice in choices), markup=False)
        self._list.can_focus = False

    def compose(self) -> ComposeResult:
        """One box around the list."""
        with Vertical() as box:
            choose, close = (
                self._keymap.label(action, Context.LIST) for action in (Action.LIST_CHOOSE, Action.LIST_CLOSE)
            )
            box.border_title = self._title
            box.border_subtitle = f"{choose} chooses · {close} closes"
            yield self._list

    def on_mount(self) -> None:
        """Begin at the row that is current."""
        self._list.highlighted = self._chosen
        self.call_after_refresh(self._list.scroll_to_highlight)

    def on_resize(self) -> None:
        """Keep the row that is chosen in sight."""
        self.call_after_refresh(self._list.scroll_to_highlight)

    def on_key(self, event: events.Key) -> None:
        """Move, choose, close."""
        event.stop()
        match self._keymap.action(event.key, Context.LIST, Context.GLOBAL):
            case Action.LIST_UP:
                self._list.action_cursor_up()
            case Action.LIST_DOWN:
                self._list.action_cursor_down()
            case Action.PAGE_UP:
                self._list.action_page_up()  # type: ignore[no-untyped-call]
            case Action.PAGE_DOWN:
                self._list.action_page_down()  # type: ignore[no-untyped-call]
            case Action.LIST_CHOOSE:
                self._list.action_select()
            case Action.LIST_CLOSE:
                _ = self.dismiss(None)  # the screen goes by itself

    @on(OptionList.OptionSelected)
    def _take(self, message: OptionList.OptionSelected) -> None:
        _ = self.dismiss(message.option_id)


def _row(choice: Choice) -> Text:
    row = Text(choice.text, "bold" if choice.strong else "", no_wrap=True, overflow="ellipsis")
    return row.append(f"  {choice.aside}", "dim") if choice.aside else row
