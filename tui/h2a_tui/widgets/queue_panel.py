"""The waiting messages, in the order of delivery, and the keys to change them.

The panel is drawn from the inbox's snapshots and keeps nothing of them but which item is chosen. An item is
edited where it stands: its id, kind and place survive, and so does the text when the item leaves meanwhile.
One that is delivered stays for a moment, marked, in front of what still waits.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import ClassVar, Final

from rich.style import Style
from rich.text import Text
from textual import events
from textual.app import ComposeResult, RenderResult
from textual.containers import Vertical
from textual.geometry import Size
from textual.timer import Timer
from textual.widget import Widget

from h2a_agent.events import QueueItem
from h2a_tui.keymap import Action, Context, Keymap
from h2a_tui.widgets.editor import Editor, Perform, hand_on
from h2a_tui.widgets.queue_choice import InSight, QueueChoice
from h2a_tui.widgets.queue_row import KIND_WORDS, queue_row, queue_title
from h2a_tui.widgets.receipts import RECEIPT_S, Receipts

__all__ = ["QueueEditor", "QueueList", "QueuePanel"]

_AGES_S: Final = 5.0


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
        "queue--delivered",
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
        & .queue--delivered { color: $h2a-success; }
        & .queue--chosen { background: $h2a-panel; color: $h2a-text; }
        & .queue--paused { color: $h2a-status-paused; text-style: bold; }
    }
    """
    MAX_ROWS: ClassVar[int] = 6

    def __init__(self, keymap: Keymap, perform: Perform, clock: Callable[[], float] = time.time) -> None:
        super().__init__()
        self._keymap = keymap
        self._perform = perform
        self._clock = clock
        self._queue = QueueChoice()
        self._paused = False
        self._edited_id = ""

    # -------------------------------------------------------------- the items

    @property
    def is_blank(self) -> bool:
        """Is there nothing to draw, no receipt either?"""
        return not self._queue.items and not self._queue.receipts

    def mark_delivered(self, receipts: tuple[QueueItem, ...]) -> None:
        """Show `receipts` in front of what waits."""
        self.show(self._queue.items, self._paused, receipts)

    @property
    def chosen(self) -> QueueItem | None:
        """The item the queue keys act on."""
        return self._queue.chosen

    def mark_edited(self, item_id: str) -> None:
        """The item with this id is in the editor; "" for none."""
        self._edited_id = item_id
        self.refresh()

    def show(self, items: tuple[QueueItem, ...], paused: bool, receipts: tuple[QueueItem, ...] = ()) -> None:
        """Show `items` behind `receipts`. When the chosen one has gone, the one in its row is chosen."""
        before = len(self._queue.items) + len(self._queue.receipts)
        self._paused = paused
        self._queue.show(items, receipts)
        self.refresh(layout=len(items) + len(receipts) != before)

    def choose_newest(self) -> None:
        """Choose the item accepted last."""
        self._queue.choose_newest()
        self.refresh()

    def choose_beside(self, offset: int) -> None:
        """Choose the item `offset` rows down."""
        self._queue.choose_beside(offset)
        self.refresh()

    # ---------------------------------------------------------------- drawing

    def get_content_height(self, container: Size, viewport: Size, width: int) -> int:
        """One row for the title and one per item, up to a limit that leaves the conversation its room."""
        wanted = len(self._queue.receipts) + len(self._queue.items)
        return 1 + max(1, min(wanted, self.MAX_ROWS, viewport.height // 4))

    def render(self) -> RenderResult:
        """Title and rows; where there is one row in all, the item goes before the title."""
        lines = self._rows() if self.content_size.height < 2 else [self._title(), *self._rows()]
        return Text("\n", no_wrap=True, end="").join(lines)

    def _rows(self) -> list[Text]:
        receipts, first, count = self._in_sight()
        rows = [self._row("✓", item, delivered=True) for item in self._queue.receipts[:receipts]]
        waiting = enumerate(self._queue.items[first : first + count], first + 1)
        return rows + [self._row(str(place), item) for place, item in waiting]

    def _in_sight(self) -> InSight:
        room = max(1, self.content_size.height - 1)
        return self._queue.in_sight(room, choosing=bool(self._marked_id))

    @property
    def _marked_id(self) -> str:
        """What is edited, else what the keys act on while the list has the keyboard."""
        chosen = self._queue.chosen if self.has_focus else None
        return self._edited_id or (chosen.id if chosen else "")

    def _title(self) -> Text:
        oldest_s = self._clock() - min(
            (item.accepted_at for item in self._queue.items), default=self._clock()
        )
        title, held, advice = queue_title(
            len(self._queue.items),
            oldest_s,
            self.content_size.width,
            paused=self._paused,
            key=self._keymap.label(Action.PAUSE_RESUME),
        )
        return Text.assemble(
            (title, self._style("title")),
            (held, self._style("paused")),
            (advice, self._style("title")),
            no_wrap=True,
            end="",
        )

    def _row(self, place: str, item: QueueItem, *, delivered: bool = False) -> Text:
        chosen = item.id == self._marked_id and not delivered
        mark = f"{'▸' if chosen else ' '} {place:>{len(str(len(self._queue.items)))}} "
        room = self.content_size.width - len(mark)
        kind, text, aside = queue_row(item, room, self._clock(), paused=self._paused, delivered=delivered)
        row = Text(mark, self._style("delivered" if delivered else "aside"), no_wrap=True, end="")
        row.append(kind, self._style(KIND_WORDS[item.kind].replace(" ", "-")))
        row.append(f"  {text}")
        if aside:
            row.append(f"  {aside}", self._style("delivered" if delivered else "aside"))
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
        receipts, first, count = self._in_sight()
        row = event.y - (self.content_size.height > 1) - receipts
        if 0 <= row < count:
            self._queue.choose(first + row)
            self.refresh()


class QueueEditor(Editor):
    """Edits one waiting item where it stands."""

    context: ClassVar[Context] = Context.QUEUE_EDIT
    DEFAULT_CSS = """
    QueueEditor { max-height: 6; margin: 0 0 0 2; }
    QueueEditor, QueueEditor:focus { outline-left: wide $h2a-accent; padding: 0 0 0 2; }
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

    def __init__(self, keymap: Keymap, perform: Perform, clock: Callable[[], float] = time.time) -> None:
        super().__init__()
        self.list = QueueList(keymap, perform, clock)
        self.editor = QueueEditor(keymap, perform)
        self._receipts = Receipts(clock)
        self._editing: QueueItem | None = None
        self._ages: Timer | None = None

    def compose(self) -> ComposeResult:
        """List above editor."""
        yield self.list
        yield self.editor

    def show(self, items: Sequence[QueueItem], paused: bool) -> None:
        """Show the inbox."""
        self._receipts.see(items)
        self.list.show(tuple(items), paused, self._receipts.current())
        self._set_filled()

    def deliver(self, item_id: str) -> None:
        """Mark an item as delivered, for a moment, if it was in sight."""
        if self._receipts.deliver(item_id):
            self._show_receipts()
            self.set_timer(RECEIPT_S, self._show_receipts)

    def _show_receipts(self) -> None:
        self.list.mark_delivered(self._receipts.current())
        self._set_filled()

    def _set_filled(self) -> None:
        filled = not self.list.is_blank or self._editing is not None
        self.set_class(filled, "-filled")
        if filled and self._ages is None:
            self._ages = self.set_interval(_AGES_S, self.list.refresh)
        elif not filled and self._ages is not None:
            self._ages.stop()
            self._ages = None

    # ---------------------------------------------------- choosing and editing

    @property
    def chosen(self) -> QueueItem | None:
        """The item the queue keys act on."""
        return self.list.chosen

    def choose_newest(self) -> None:
        """Choose the item accepted last."""
        self.list.choose_newest()

    def choose_beside(self, offset: int) -> None:
        """Choose the item `offset` rows down."""
        self.list.choose_beside(offset)

    def take_keyboard(self) -> None:
        """The keys choose an item."""
        self.screen.set_focus(self.list)

    @property
    def editing(self) -> QueueItem | None:
        """The item in the editor."""
        return self._editing

    def begin_edit(self, item: QueueItem) -> None:
        """Load `item` into the editor, which has the keyboard from now on."""
        self._editing = item
        self.list.mark_edited(item.id)
        self.editor.show(item.text)
        self.add_class("-editing")
        self._set_filled()
        self.screen.set_focus(self.editor)

    def end_edit(self) -> str:
        """Close the editor and return what it held."""
        text = self.editor.message
        self._editing = None
        self.list.mark_edited("")
        self.remove_class("-editing")
        self.editor.load_text("")
        self._set_filled()
        return text
