"""A question over the chat that is answered by choosing one of a few rows."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar, Final

from rich.cells import cell_len
from rich.text import Text
from textual import events, on
from textual.app import ComposeResult
from textual.containers import Vertical
from textual.content import Content
from textual.geometry import Size
from textual.screen import ModalScreen
from textual.widgets import OptionList
from textual.widgets.option_list import Option

from h2a_tui.keymap import Action, Context, Keymap
from h2a_tui.overlays import Choice, Note, Row

__all__ = ["PickerScreen", "options_of"]

_ROOMY: Final = 9  # rows from which on there is a border
_COLUMN: Final = 32  # cells a text may have for the quiet words to stand below each other
_GAP: Final = " · "
_CORNERS: Final = 6  # cells of a border that are not for words
_WIDE: Final = 40  # columns from which on something of the chat is left beside it


class _Box(Vertical):
    """The frame. Its lower border says the `keys` there is room for, and always the last one, which leaves."""

    keys = ""

    def on_resize(self) -> None:
        """Leave out what does not fit, from behind."""
        keys = self.keys.split(_GAP)
        while len(keys) > 1 and cell_len(_GAP.join(keys)) > self.outer_size.width - _CORNERS:
            del keys[-2]
        self.border_subtitle = _GAP.join(keys)


class PickerScreen(ModalScreen[str | None], inherit_bindings=False):
    """Returns the id of the chosen row, None when the list was closed."""

    AUTO_FOCUS: ClassVar[str | None] = ""
    DEFAULT_CSS = """
    PickerScreen {
        align: center middle;
        background: $h2a-background 60%;
        & Vertical {
            width: 90%;
            max-width: 110;
            height: auto;
            border: round $h2a-accent;
            border-title-color: $h2a-text;
            border-subtitle-color: $h2a-muted;
            background: $h2a-surface;
        }
        &.-narrow Vertical { width: 100%; }
        &.-tiny Vertical { border: none; }
        & OptionList {
            height: auto;
            border: none;
            padding: 0 1;
            background: $h2a-surface;
            scrollbar-size: 1 1;
            text-wrap: nowrap;
            text-overflow: ellipsis;
            & > .option-list--option-disabled { color: $h2a-dim; }
        }
    }
    """

    def __init__(self, title: str, rows: Sequence[Row], keymap: Keymap, *, chosen: int = 0) -> None:
        """`chosen` is the row to begin at."""
        super().__init__()
        self.keymap = keymap
        self.box = _Box()
        self.set_title(title)
        self.list = OptionList(*options_of(rows), markup=False)
        self.list.can_focus = False
        self._begin = chosen

    def compose(self) -> ComposeResult:
        """One box around the list."""
        self.box.keys = self.keys_line()
        with self.box:
            yield self.list

    def set_title(self, title: str) -> None:
        """Call it `title`, which is no markup."""
        self.box.border_title = Content(title)

    def keys_line(self) -> str:
        """What the keys do, for the border."""
        return self.keymap.hints(Context.LIST, Action.LIST_CHOOSE, Action.LIST_CLOSE)

    def on_mount(self) -> None:
        """Begin, with as many rows as there is room for already in the first frame."""
        self._adapt(self.app.size)
        self.begin()

    def begin(self) -> None:
        """Put the bar on the row that is current."""
        self.list.highlighted = self._begin
        self.call_after_refresh(self.list.scroll_to_highlight)

    def on_resize(self, event: events.Resize) -> None:
        """Take no more rows than the screen has, and no border where there are few."""
        self._adapt(event.size)

    def _adapt(self, screen: Size) -> None:
        self.set_class(screen.height < _ROOMY, "-tiny")
        self.set_class(screen.width < _WIDE, "-narrow")
        self.fit(screen.height)

    def fit(self, screen_rows: int) -> None:
        """Give the list its height, which does not change while rows are sought: nothing jumps."""
        roomy = screen_rows >= _ROOMY
        room = (screen_rows - 4 if roomy else screen_rows) - self.other_rows(roomy=roomy)
        self.list.styles.height = max(1, min(room, self.wanted_rows))
        self.call_after_refresh(self.list.scroll_to_highlight)

    @property
    def wanted_rows(self) -> int:
        """How many rows there are to show."""
        return self.list.option_count

    def other_rows(self, *, roomy: bool) -> int:
        """Rows of the box that are not the list's."""
        del roomy
        return 0

    def on_key(self, event: events.Key) -> None:
        """Move, choose, close."""
        event.stop()
        action = self.keymap.action(event.key, Context.LIST, Context.GLOBAL)
        if action is not None:
            self.act(action)

    def act(self, action: Action) -> bool:
        """Do what a key asks for; False: it means nothing here."""
        match action:
            case Action.LIST_UP:
                self.list.action_cursor_up()
            case Action.LIST_DOWN:
                self.list.action_cursor_down()
            case Action.PAGE_UP:
                self.list.action_page_up()  # type: ignore[no-untyped-call]
            case Action.PAGE_DOWN:
                self.list.action_page_down()  # type: ignore[no-untyped-call]
            case Action.LIST_CHOOSE:
                if (chosen := self.current) is not None:
                    self.choose(chosen)
            case Action.LIST_CLOSE | Action.COPY_CLEAR_QUIT:
                self.close(None)
            case _:
                return False
        return True

    @property
    def current(self) -> str | None:
        """The id of the row the bar is on."""
        option = self.list.highlighted_option
        return None if option is None else option.id

    def choose(self, chosen: str) -> None:
        """The row with this id is chosen."""
        self.close(chosen)

    def close(self, result: str | None) -> None:
        """Leave with `result`. A key that comes right behind the one that has closed it changes nothing."""
        if self.is_current:
            _ = self.dismiss(result)  # the screen goes by itself

    @on(OptionList.OptionSelected)
    def _clicked(self, message: OptionList.OptionSelected) -> None:
        if message.option_id is not None:
            self.choose(message.option_id)


def options_of(rows: Sequence[Row]) -> list[Option]:
    """The rows as the list wants them, the quiet words below each other where the texts are short."""
    texts = [row.text for row in rows if isinstance(row, Choice) and row.aside]
    column = max((cell_len(text) for text in texts if cell_len(text) <= _COLUMN), default=0)
    return [_option(row, column) for row in rows]


def _option(row: Row, column: int) -> Option:
    if isinstance(row, Note):
        style = "bold" if row.heading else ""
        return Option(Text(row.text, style, no_wrap=True, overflow="ellipsis"), disabled=True)
    text = Text(row.text, "bold" if row.strong else "", no_wrap=True, overflow="ellipsis")
    if row.aside:
        text.append(" " * (max(0, column - cell_len(row.text)) + 2))
        text.append(row.aside, "dim")
    return Option(text, id=row.id)
