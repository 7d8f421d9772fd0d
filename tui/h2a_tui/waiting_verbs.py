"""What the keys do with the messages that wait: choose, edit, deliver otherwise, move and take back."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Protocol

from h2a_agent.events import Kind, QueueItem
from h2a_tui.client import Client
from h2a_tui.keymap import Action, Keymap

__all__ = ["Waiting", "WaitingVerbs"]


class Waiting(Protocol):
    """The waiting messages on a screen, one of them chosen, and the editor for one of them."""

    @property
    def chosen(self) -> QueueItem | None:
        """What the keys act on; None: nothing waits."""
        ...

    @property
    def editing(self) -> QueueItem | None:
        """What is in the editor."""
        ...

    def choose_newest(self) -> None: ...
    def choose_beside(self, offset: int) -> None:
        """Choose the one `offset` rows down."""
        ...

    def take_keyboard(self) -> None: ...
    def begin_edit(self, item: QueueItem) -> None:
        """Put `item` into the editor, which has the keyboard from now on."""
        ...

    def end_edit(self) -> str:
        """Close the editor; returns what it held."""
        ...


@dataclass(eq=False)
class WaitingVerbs:
    """The verbs of one chat. `leave` gives the keyboard back to the message, `write` types into it as well."""

    waiting: Waiting
    client: Client
    keymap: Keymap
    leave: Callable[[], None]
    write: Callable[[str], None]
    notice: Callable[[str], None]

    @property
    def actions(self) -> Mapping[Action, Callable[[], object]]:
        """Which verb an action is."""
        return {
            Action.FOCUS_QUEUE: self._focus,
            Action.QUEUE_NEXT: partial(self.waiting.choose_beside, 1),
            Action.QUEUE_PREVIOUS: partial(self.waiting.choose_beside, -1),
            Action.QUEUE_EDIT: self._edit,
            Action.QUEUE_STEER: partial(self._promote, Kind.STEER),
            Action.QUEUE_NUDGE: partial(self._promote, Kind.NUDGE),
            Action.QUEUE_FOLLOW_UP: partial(self._promote, Kind.FOLLOW_UP),
            Action.QUEUE_WITHDRAW: self._withdraw,
            Action.QUEUE_EARLIER: partial(self._reorder, -1),
            Action.QUEUE_LATER: partial(self._reorder, 1),
            Action.EDIT_SAVE: self._save,
        }

    def cancel_edit(self) -> None:
        """The one that is edited stays as it was."""
        self._focus()
        self.waiting.end_edit()

    def _focus(self) -> None:
        if self.waiting.editing is None:
            self.waiting.choose_newest()
        if not self._go_to_list():
            self.notice("Nothing is waiting")

    def _go_to_list(self) -> bool:
        """Choose one of them, or, when nothing waits any more (False), go on with the message."""
        waits = self.waiting.chosen is not None
        (self.waiting.take_keyboard if waits else self.leave)()
        return waits

    def _promote(self, kind: Kind) -> None:
        if (item := self.waiting.chosen) is not None and not self.client.promote(item.id, kind):
            self._too_late()

    def _reorder(self, offset: int) -> None:
        if (item := self.waiting.chosen) is not None:
            self.client.reorder(item.id, offset)

    def _withdraw(self) -> None:
        if (item := self.waiting.chosen) is not None and not self.client.withdraw(item.id):
            self._too_late()

    def _edit(self) -> None:
        item = self.waiting.chosen
        if item is not None and item.images:
            key = self.keymap.label(Action.QUEUE_WITHDRAW)
            self.notice(f"It has pictures: {key} takes it back into the editor")
        elif item is not None:
            self.waiting.begin_edit(item)

    def _save(self) -> None:
        item, text = self.waiting.editing, self.waiting.end_edit()
        if item is not None and text.strip() and not self.client.edit(item.id, text):
            self.write(text)
            self.notice("It was delivered meanwhile; your text is in the editor")
        else:
            self._go_to_list()

    def _too_late(self) -> None:
        self.notice("It was delivered already")
