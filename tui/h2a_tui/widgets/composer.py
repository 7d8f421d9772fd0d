"""The editor a person writes messages in."""

from __future__ import annotations

from collections.abc import Sequence
from time import monotonic
from typing import ClassVar

from textual import events

from h2a_agent.content import UserBlock
from h2a_agent.events import InputRestored
from h2a_tui.attachments import Attachments
from h2a_tui.keymap import Action, Context, Keymap
from h2a_tui.widgets.editor import Editor, Perform

__all__ = ["Composer"]


class Composer(Editor):
    """Grows with its text up to eight rows or a third of the screen; Up and Down reach earlier messages.

    The draft is the person's: nothing but sending, clearing and their own keys takes words out of it. What
    the agent gives back (`restore`) goes above it.
    """

    DEFAULT_CSS = """
    Composer { max-height: 8; }
    """

    context: ClassVar[Context] = Context.COMPOSER

    def __init__(self, keymap: Keymap, perform: Perform, history: Sequence[str] = ()) -> None:
        self._attachments = Attachments()
        super().__init__(keymap, perform, placeholder="Say what to do")
        self._history = list(history)
        self._at = len(self._history)
        self._draft = ""
        self.last_key_at = 0.0

    # ------------------------------------------------------------- the draft

    @property
    def message(self) -> str:
        """The words that would be sent now, pastes whole."""
        return self._attachments.expand(self.text)

    @property
    def is_blank(self) -> bool:
        """Is there nothing to send?"""
        return not self.text.strip()

    def take(self) -> str | tuple[UserBlock, ...]:
        """Empty the editor, remember what was in it, and return what to send."""
        # A space before a slash says "not a command"; it is not part of the message.
        text = self.text.rstrip().lstrip("\n").removeprefix(" ")
        content = self._attachments.content(text)
        self._remember_shown(self.text)
        self._draft = ""
        self.clear()
        return content

    def restore(self, returned: InputRestored) -> None:
        """Put what came back, in order, above the draft, the cursor where it was."""
        shown = [self._attachments.shown_blocks(blocks) for blocks in returned.content]
        shown = shown or [self._attachments.shown(text) for text in returned.texts]
        above = "\n".join(text for text in shown if text)
        if not above:
            return
        row, column = self.cursor_location
        draft = self.text
        self._replace_all(f"{above}\n{draft}" if draft else above)
        if draft:
            self.move_cursor((row + above.count("\n") + 1, column))

    def remember(self, text: str) -> None:
        """Add an earlier message (a resumed session's) to what Up reaches."""
        self._remember_shown(self._attachments.shown(text))

    def _remember_shown(self, shown: str) -> None:
        if shown.strip() and self._history[-1:] != [shown]:
            self._history.append(shown)
        self._at = len(self._history)

    def write(self, text: str) -> None:
        """Type `text` at the cursor."""
        self.insert(text, maintain_selection_offset=False)

    def limit_to(self, screen_rows: int) -> None:
        """Take no more than a third of a screen of `screen_rows`."""
        self.styles.max_height = max(1, min(8, screen_rows // 3))

    # ------------------------------------------------------------------ keys

    def on_key(self, _event: events.Key) -> None:  # type: ignore[override]
        """Note that somebody is typing; `Editor.on_key` does the rest."""
        self.last_key_at = monotonic()

    def _act(self, action: Action) -> bool:
        if action is Action.HISTORY_OLDER:
            return self.cursor_at_first_line and self._show(self._at - 1)
        if action is Action.HISTORY_NEWER:
            return self.cursor_at_last_line and self._show(self._at + 1)
        return super()._act(action)

    def _show(self, index: int) -> bool:
        """Show the message at `index` of the history; the draft stands behind the newest."""
        if not 0 <= index <= len(self._history):
            return False
        if self._at == len(self._history):
            self._draft = self.text
        self._at = index
        self._replace_all(self._draft if index == len(self._history) else self._history[index])
        return True

    def _replace_all(self, text: str) -> None:
        self.replace(text, (0, 0), self.document.end, maintain_selection_offset=False)
        self.move_cursor(self.document.end)

    def _unit(self, line: str, column: int) -> tuple[int, int]:
        """A tag is passed over and deleted as one."""
        return self._attachments.tag_around(line, column) or super()._unit(line, column)

    def on_paste(self, event: events.Paste) -> None:
        """Insert a paste, a long one as its tag."""
        event.stop()
        event.prevent_default()
        text = event.text.replace("\r\n", "\n").replace("\r", "\n")
        self.last_key_at = monotonic()
        self.replace(self._attachments.shown(text), *self.selection, maintain_selection_offset=False)
