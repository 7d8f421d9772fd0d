"""The waiting messages, in the order of delivery, and the keys to change them.

The panel is drawn from the inbox's snapshots and keeps nothing of them but which item is chosen. An item is
edited where it stands: its id, kind and place survive, and so does the text when the item leaves meanwhile.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from typing import ClassVar, Final

from rich.cells import cell_len
from rich.style import Style
from rich.text import Text
from textual import events
from textual.app import ComposeResult, RenderResult
from textual.containers import Vertical
from textual.geometry import Size
from textual.message import Message
from textual.timer import Timer
from textual.widget import Widget

from h2a_agent.events import Kind, QueueItem
from h2a_agent.safe_text import one_line
from h2a_tui import format as fmt
from h2a_tui.keymap import Action, Context, Keymap
from h2a_tui.widgets.editor import Editor, Perform, hand_on

__all__ = ["KIND_GLYPHS", "QueueEditor", "QueueList", "QueuePanel", "queue_row"]

KIND_GLYPHS: Final[Mapping[Kind, str]] = {
    Kind.PROMPT: "›",
    Kind.STEER: "↯",
    Kind.NUDGE: "→",
    Kind.FOLLOW_UP: "↳",
    Kind.COMPACT: "⋯",
}
_KIND_WORDS: Final[Mapping[Kind, str]] = {
    Kind.PROMPT: "prompt",
    Kind.STEER: "steer",
    Kind.NUDGE: "next step",
    Kind.FOLLOW_UP: "follow-up",
    Kind.COMPACT: "compact",
}
_WORD_WIDTH: Final = max(map(len, _KIND_WORDS.values()))
_AGES_S: Final = 5.0
_TEXT_LIMIT: Final = 400  # characters of an item that can ever be seen in its row


def queue_row(item: QueueItem, width: int, now: float, *, paused: bool = False) -> tuple[str, str, str]:
    """An item's row in three parts: glyph and kind, text, and what stands at the right edge."""
    narrow = width < 40
    kind = (
        KIND_GLYPHS[item.kind]
        if narrow
        else f"{KIND_GLYPHS[item.kind]} {_KIND_WORDS[item.kind]:{_WORD_WIDTH}}"
    )
    state = "going out" if item.state == "claimed" else "held" if paused else ""
    aside = " ".join(part for part in (state, fmt.age(now - item.accepted_at)) if part)
    aside = "" if narrow else aside
    pictures = f"[{item.images} image{'s' if item.images > 1 else ''}] " if item.images else ""
    room = max(1, width - cell_len(kind) - 2 - (cell_len(aside) + 2 if aside else 0))
    text = Text(pictures + one_line(item.text, _TEXT_LIMIT), no_wrap=True)
    text.truncate(room, overflow="ellipsis")
    return kind, f"{text.plain}{' ' * (room - text.cell_len)}", aside


class QueueList(Widget, can_focus=True):
    """The rows. The chosen one is marked while the list has the keyboard."""

    context: ClassVar[Context] = Context.QUEUE
    COMPONENT_CLASSES: ClassVar[set[str]] = {
        "queue--prompt",
        "queue--steer",
        "queue--next-step",
        "queue--follow-up",
        "queue--compact",
        "queue--aside",
        "queue--chosen",
        "queue--paused",
        "queue--title",
    }
    DEFAULT_CSS = """
    QueueList {
        height: auto;
        & .queue--prompt { color: $h2a-prompt; }
        & .queue--steer { color: $h2a-steer; }
        & .queue--next-step { color: $h2a-nudge; }
        & .queue--follow-up { color: $h2a-follow-up; }
        & .queue--compact { color: $h2a-muted; }
        & .queue--aside { color: $h2a-dim; }
        & .queue--title { color: $h2a-muted; }
        & .queue--chosen { background: $h2a-panel; }
        & .queue--paused { color: $h2a-status-paused; text-style: bold; }
    }
    """
    MAX_ROWS: ClassVar[int] = 6

    def __init__(self, keymap: Keymap, perform: Perform, clock: Callable[[], float] = time.time) -> None:
        super().__init__()
        self._keymap = keymap
        self._perform = perform
        self._clock = clock
        self._items: tuple[QueueItem, ...] = ()
        self._paused = False
        self._chosen_id = ""
        self._chosen_at = 0

    # -------------------------------------------------------------- the items

    @property
    def is_empty(self) -> bool:
        """Does nothing wait?"""
        return not self._items

    @property
    def chosen(self) -> QueueItem | None:
        """The item the queue keys act on."""
        return next((item for item in self._items if item.id == self._chosen_id), None)

    def show(self, items: tuple[QueueItem, ...], paused: bool) -> None:
        """Show `items`. When the chosen one has gone, the one in its row is chosen."""
        resize = len(items) != len(self._items)
        self._items, self._paused = items, paused
        if items and self.chosen is None:
            self._choose(min(self._chosen_at, len(items) - 1))
        elif self.chosen is not None:
            self._chosen_at = items.index(self.chosen)
        self.refresh(layout=resize)

    def choose_newest(self) -> None:
        """Choose the item accepted last."""
        if self._items:
            newest = max(self._items, key=lambda item: (item.accepted_at, item.id))
            self._choose(self._items.index(newest))

    def move(self, offset: int) -> None:
        """Choose the item `offset` rows down."""
        if self._items:
            self._choose(min(max(self._chosen_at + offset, 0), len(self._items) - 1))

    def _choose(self, index: int) -> None:
        self._chosen_at = index
        self._chosen_id = self._items[index].id
        self.refresh()

    # ---------------------------------------------------------------- drawing

    def get_content_height(self, container: Size, viewport: Size, width: int) -> int:
        """One row for the title and one per item, up to a limit that leaves the conversation its room."""
        return 1 + self._rows(viewport.height)

    def _rows(self, screen_height: int) -> int:
        return max(1, min(len(self._items), self.MAX_ROWS, screen_height // 4))

    def render(self) -> RenderResult:
        """Title and rows."""
        width, height = self.content_size
        lines = [self._title()]
        rows = max(1, height - 1)
        first = (
            min(max(self._chosen_at - rows + 1, 0), max(len(self._items) - rows, 0)) if self.has_focus else 0
        )
        now = self._clock()
        lines += [self._row(item, width, now) for item in self._items[first : first + rows]]
        return Text("\n", no_wrap=True, end="").join(lines)

    def _title(self) -> Text:
        title = Text(f"Waiting · {len(self._items)}", self._style("title"), no_wrap=True, end="")
        if self._paused:
            key = self._keymap.label(Action.PAUSE_RESUME)
            title.append("  ‖ paused", self._style("paused"))
            title.append(f" · {key} or /resume goes on", self._style("title"))
        return title

    def _row(self, item: QueueItem, width: int, now: float) -> Text:
        kind, text, aside = queue_row(item, width - 2, now, paused=self._paused)
        chosen = self.has_focus and item.id == self._chosen_id
        row = Text("▸ " if chosen else "  ", no_wrap=True, end="")
        row.append(kind, self._style(_KIND_WORDS[item.kind].replace(" ", "-")))
        row.append(f"  {text}")
        if aside:
            row.append(f"  {aside}", self._style("aside"))
        if chosen:
            row.stylize(self._style("chosen"))
        return row

    def _style(self, name: str) -> Style:
        return self.get_component_rich_style(f"queue--{name}", partial=True)

    # ----------------------------------------------------------------- events

    def on_key(self, event: events.Key) -> None:
        """Do what the key means here."""
        if hand_on(event, self):
            return
        action = self._keymap.action(event.key, self.context, Context.GLOBAL)
        if action is not None:
            self._perform(action)
        event.stop()
        event.prevent_default()

    def on_click(self, event: events.Click) -> None:
        """Choose the row that was clicked."""
        row = event.y - 1
        if 0 <= row < len(self._items):
            self._choose(row)


class QueueEditor(Editor):
    """Edits one waiting item where it stands."""

    context: ClassVar[Context] = Context.QUEUE_EDIT
    DEFAULT_CSS = """
    QueueEditor { max-height: 6; margin: 0 0 0 2; }
    """


class QueuePanel(Vertical):
    """The list and, while an item is edited, its editor. Hidden when nothing waits."""

    DEFAULT_CSS = """
    QueuePanel {
        height: auto;
        padding: 0 1;
        display: none;
        &.-filled { display: block; }
        & QueueEditor { display: none; }
        &.-editing QueueEditor { display: block; }
    }
    """

    class Emptied(Message):
        """The last waiting item has gone."""

    def __init__(self, keymap: Keymap, perform: Perform, clock: Callable[[], float] = time.time) -> None:
        super().__init__()
        self.list = QueueList(keymap, perform, clock)
        self.editor = QueueEditor(keymap, perform)
        self._editing: QueueItem | None = None
        self._ages: Timer | None = None

    def compose(self) -> ComposeResult:
        """List above editor."""
        yield self.list
        yield self.editor

    def show(self, items: Sequence[QueueItem], paused: bool) -> None:
        """Show the inbox."""
        was_filled = self.has_class("-filled")
        self.list.show(tuple(items), paused)
        self._set_filled()
        if was_filled and not self.has_class("-filled"):
            self.post_message(self.Emptied())

    def _set_filled(self) -> None:
        filled = not self.list.is_empty or self._editing is not None
        self.set_class(filled, "-filled")
        if filled and self._ages is None:
            self._ages = self.set_interval(_AGES_S, self.list.refresh)
        elif not filled and self._ages is not None:
            self._ages.stop()
            self._ages = None

    # --------------------------------------------------------------- editing

    @property
    def editing(self) -> QueueItem | None:
        """The item in the editor."""
        return self._editing

    def begin_edit(self) -> bool:
        """Load the chosen item into the editor; False when there is none."""
        item = self.list.chosen
        if item is None:
            return False
        self._editing = item
        self.editor.show(item.text)
        self.add_class("-editing")
        self._set_filled()
        self.screen.set_focus(self.editor)
        return True

    def end_edit(self) -> str:
        """Close the editor and return what it held."""
        text = self.editor.message
        self._editing = None
        self.remove_class("-editing")
        self.editor.load_text("")
        self._set_filled()
        return text
