"""A text editor whose keys all come from the keymap, handled one after the other in the order typed.

Textual lets a key bubble up to the app before it runs an editor's binding, so in a burst (a slow line, a
fast typist) an arrow could take effect after the letters typed behind it. Here a key has been dealt with
before the next one is looked at.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any, ClassVar

from textual import actions, events
from textual.widgets import TextArea

from h2a_tui.keymap import EDITING, Action, Context, Keymap

__all__ = ["Editor", "Perform", "hand_on"]

Perform = Callable[[Action], bool]
"""Does what a key asks for, in the same tick; False: nothing to do, the key keeps its plain meaning."""


def hand_on(event: events.Key, receiver: Any) -> bool:
    """Give a key to the widget that has the keyboard, when that changed while the key was on its way."""
    target = receiver.app.screen.focused
    if target is None or target is receiver:
        return False
    event.stop()
    event.prevent_default()
    target.post_message(events.Key(event.key, event.character))
    return True


class Editor(TextArea, inherit_bindings=False):
    """A plain, growing text editor. `context` names its keys in the keymap."""

    DEFAULT_CSS = """
    Editor {
        height: auto;
        min-height: 1;
        border: none;
        padding: 0;
        background: transparent;
        scrollbar-size: 0 0;
        &:focus { border: none; background: transparent; }
        & .text-area--cursor-line { background: transparent; }
    }
    """

    context: ClassVar[Context] = Context.COMPOSER

    def __init__(self, keymap: Keymap, perform: Perform, *, placeholder: str = "", id: str | None = None):
        super().__init__(
            soft_wrap=True,
            show_line_numbers=False,
            highlight_cursor_line=False,
            tab_behavior="focus",
            compact=True,
            placeholder=placeholder,
            id=id,
        )
        self.cursor_blink = False
        self._keymap = keymap
        self._perform = perform

    async def on_key(self, event: events.Key) -> None:
        """Do what the key means here, or leave it to be typed."""
        if hand_on(event, self):
            return
        action = self._keymap.action(event.key, self.context, Context.GLOBAL)
        editing = EDITING.get(event.key)
        if action is not None and self._act(action):
            pass
        elif editing is not None:
            await self._edit(editing)
        elif event.is_printable:
            return
        event.stop()
        event.prevent_default()

    def _act(self, action: Action) -> bool:
        if action is Action.NEWLINE or (action in (Action.SUBMIT, Action.EDIT_SAVE) and self._continues()):
            self.insert("\n")
            return True
        return self._perform(action)

    def _continues(self) -> bool:
        """A backslash before the cursor asks for a new line; it is taken away."""
        row, column = self.cursor_location
        if not self.selection.is_empty or self.document.get_line(row)[:column][-1:] != "\\":
            return False
        self.delete((row, column - 1), (row, column))
        return True

    async def _edit(self, expression: str) -> None:
        _namespace, name, arguments = actions.parse(expression)
        result = getattr(self, f"action_{name}")(*arguments)
        if inspect.isawaitable(result):
            await result
