"""Who shall answer: the one screen somebody sees first who has neither a key nor a server, and `/setup` later.

At the first start it comes up while somebody may already be typing: see `typed_ahead.py`.
"""

from __future__ import annotations

from textual import events

from h2a_agent.safe_text import one_line
from h2a_tui.keymap import Keymap
from h2a_tui.screens.filter_picker import FilterPicker
from h2a_tui.typed_ahead import TypedAhead
from h2a_tui.who_answers import WhoAnswers
from h2a_tui.widgets.editor import hand_on

__all__ = ["SetupScreen"]


class SetupScreen(FilterPicker):
    """Returns the answer of `who`, None for "not now"."""

    def __init__(self, who: WhoAnswers, keymap: Keymap, early: TypedAhead | None = None) -> None:
        """`early` takes what is typed before the question can be read."""
        super().__init__(who.title, tuple(who.rows()), keymap, placeholder=who.placeholder)
        self._who = who
        self._early = early

    def begin(self) -> None:
        """Look around: what runs here, what has a key."""
        super().begin()
        self.run_worker(self._who.look_around(self._show_anew), name="setup")
        if self._early is not None:
            self.set_focus(None)
            self.call_after_refresh(self._early.shown)

    def footer(self, chosen: str) -> str:
        """What happens when the row is chosen."""
        return self._who.about(chosen)

    def _show_anew(self) -> None:
        self.show_rows(tuple(self._who.rows()))

    # ------------------------------------------------------------- typed ahead

    def on_key(self, event: events.Key) -> None:
        """A key that comes too early is kept; the first that does not takes the guard away."""
        if self._early is None:
            hand_on(event, self)  # it was on its way here when the guard went
            return
        event.stop()
        event.prevent_default()
        if self._early.takes(event.key, event.character if event.is_printable else None):
            self._tell_kept(self._early)
        else:
            self._let_answer()
            self.editor.post_message(events.Key(event.key, event.character))

    def on_paste(self, event: events.Paste) -> None:
        """A paste is text."""
        if self._early is not None:
            event.stop()
            self._early.pasted(event.text)
            self._tell_kept(self._early)

    def close(self, result: str | None) -> None:
        """Leave; what was typed too early is in the editor then."""
        self._let_answer()
        super().close(result)

    def _tell_kept(self, early: TypedAhead) -> None:
        if early.text:
            self.say(f"Kept for the editor: {one_line(early.text, 200)}")

    def _let_answer(self) -> None:
        early, self._early = self._early, None
        if early is not None:
            self.set_focus(self.editor)
            early.hand_over()
