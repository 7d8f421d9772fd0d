"""The agent's question whether a tool may run, above the composer. Which keys answer it is in `answering.py`."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import ClassVar

from rich.style import Style
from textual import events
from textual.app import ComposeResult
from textual.containers import Vertical, VerticalScroll
from textual.message import Message
from textual.theme import Theme as TextualTheme
from textual.timer import Timer
from textual.widgets import Static

from h2a_agent.events import ApprovalRequested, Decision
from h2a_tui import answering
from h2a_tui.answering import ANSWERS, Answering, Asked, Lone, Typed
from h2a_tui.keymap import Action, Context, Keymap
from h2a_tui.verbs import Hint
from h2a_tui.widgets.editor import Editor, Perform, hand_on
from h2a_tui.widgets.hint_text import hint_text
from h2a_tui.widgets.question_text import question_detail, question_head

__all__ = ["ApprovalPanel", "ChangeEditor", "ReasonEditor"]


class ReasonEditor(Editor):
    """One line for the reason of a rejection."""

    context: ClassVar[Context] = Context.REASON
    DEFAULT_CSS = """
    ReasonEditor { display: none; max-height: 3; }
    ReasonEditor, ReasonEditor:focus { outline-left: wide $h2a-accent; padding: 0 0 0 2; }
    """


class ChangeEditor(Editor):
    """The command, or the arguments, for the user to change."""

    context: ClassVar[Context] = Context.CHANGE
    DEFAULT_CSS = """
    ChangeEditor { display: none; max-height: 8; }
    ChangeEditor, ChangeEditor:focus { outline-left: wide $h2a-accent; padding: 0 0 0 2; }
    """

    def _insert_paste(self, text: str) -> None:
        # What is allowed is what is seen, and a tag the model wrote is not a paste.
        self.replace(text, *self.selection, maintain_selection_offset=False)


class ApprovalPanel(Vertical, can_focus=True):
    """Shows the first open question: tool, place, reason, and everything that would run or change."""

    context: ClassVar[Context] = Context.APPROVAL
    COMPONENT_CLASSES: ClassVar[set[str]] = {
        "approval--title",
        "approval--aside",
        "approval--added",
        "approval--removed",
        "approval--hunk",
    }
    DEFAULT_CSS = """
    ApprovalPanel {
        height: auto;
        display: none;
        border: round $h2a-border;
        padding: 0 1;
        &.-open { display: block; }
        &:focus, &:focus-within { border: round $h2a-status-approval; }
        & #approval-head { height: auto; }
        & #approval-scroll { height: auto; scrollbar-size: 1 1; }
        & #approval-foot { height: auto; color: $h2a-muted; }
        &.-reason ReasonEditor, &.-change ChangeEditor { display: block; }
        &.-change #approval-scroll { display: none; }
        & .approval--title { color: $h2a-status-approval; text-style: bold; }
        & .approval--aside { color: $h2a-muted; }
        & .approval--added { color: $h2a-diff-added; }
        & .approval--removed { color: $h2a-diff-removed; }
        & .approval--hunk { color: $h2a-diff-hunk; }
    }
    """

    class Answered(Message):
        """The person has answered the question, with a reason, or with the call as they have changed it."""

        def __init__(
            self,
            question: ApprovalRequested,
            decision: Decision,
            note: str = "",
            changed: str | None = None,
        ) -> None:
            super().__init__()
            self.question = question
            self.decision = decision
            self.note = note
            self.changed = changed

    class Ready(Message):
        """The question could take the keyboard now, if nobody is typing."""

    def __init__(
        self,
        keymap: Keymap,
        perform: Perform,
        take_text: Callable[[str], None],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """`take_text` gives the keyboard and letters that were no answer to the composer, in the same tick.

        Not a message: keys that come right behind (the rest of the word, Enter) must find the keyboard moved.
        """
        super().__init__()
        self.reason = ReasonEditor(keymap, perform, placeholder="Why not? It steers the agent")
        self.change = ChangeEditor(keymap, perform)
        self._keymap = keymap
        self._perform = perform
        self._take_text = take_text
        self._answering = Answering(keymap, clock)
        self._count = 0
        self._alone: Timer | None = None
        self._offer: Timer | None = None

    def compose(self) -> ComposeResult:
        """Head, scrollable detail, reason, answers."""
        yield Static(id="approval-head", markup=False)
        with VerticalScroll(id="approval-scroll", can_focus=False):
            yield Static(id="approval-detail", markup=False)
        yield self.reason
        yield self.change
        yield Static(id="approval-foot", markup=False)

    def on_mount(self) -> None:
        """Say how much of the detail is out of sight, whatever moves it."""
        detail = self.query_one("#approval-scroll")
        for what in ("scroll_y", "virtual_size"):
            self.watch(detail, what, self._show_foot, init=False)
        self.app.theme_changed_signal.subscribe(self, self._recolour)

    def on_resize(self) -> None:
        """How much of the detail is in sight is known only now."""
        self._show_foot()

    # ----------------------------------------------------------- the question

    @property
    def question(self) -> ApprovalRequested | None:
        """The question on screen."""
        return self._answering.question

    def takes_keyboard(self, *, blank: bool, last_key_at: float) -> bool:
        """Is it time to give it the keyboard? As `Answering.takes_keyboard`."""
        return self._answering.takes_keyboard(blank=blank, last_key_at=last_key_at)

    def show(self, questions: tuple[ApprovalRequested, ...]) -> None:
        """Show the first of the open `questions`, or nothing."""
        question = questions[0] if questions else None
        changed = question != self.question
        if not changed and len(questions) == self._count:
            return
        self._count = len(questions)
        self.set_class(question is not None, "-open")
        if changed:
            self._answering.ask(question)
            self._stop_waiting()
            self._stop_offering()
            self.close_editors()
        if question is None:
            return
        if changed:
            self._offer = self.set_interval(answering.READABLE_S, lambda: self.post_message(self.Ready()))
            self._show_detail(question)
            self.query_one("#approval-scroll").scroll_home(animate=False)
        self._show_head(question)
        self._show_foot()

    def _recolour(self, _theme: TextualTheme) -> None:
        """What stands there had its colours when it was made."""
        if self.question is not None:
            self._show_detail(self.question)
            self._show_head(self.question)

    def _show_head(self, question: ApprovalRequested) -> None:
        self.query_one("#approval-head", Static).update(
            question_head(question, self._count, self._keymap, self._style)
        )

    def _show_detail(self, question: ApprovalRequested) -> None:
        self.query_one("#approval-detail", Static).update(question_detail(question, self._style))

    def _show_foot(self) -> None:
        self.query_one("#approval-foot", Static).update(self._foot())

    def _foot(self) -> str:
        focused = self.has_focus or self.reason.has_focus or self.change.has_focus
        if not focused:
            hints = [Hint(self._keymap.label(Action.FOCUS_APPROVAL), "to answer"), *self._below()]
            return hint_text(hints, self.content_size.width).plain
        if self.has_class("-reason"):
            return (
                f"{self._keymap.label(Action.SEND_REASON)} reject · {self._keymap.label(Action.ESCAPE)} back"
            )
        if self.has_class("-change"):
            return f"{self._keymap.label(Action.SEND_CHANGE)} allow this · {self._keymap.label(Action.ESCAPE)} back"
        return hint_text([*self._below(), *self._answering.offered()], self.content_size.width).plain

    def _below(self) -> list[Hint]:
        """How many rows of what would run are below the last one in sight."""
        detail = self.query_one("#approval-scroll")
        rows = detail.max_scroll_y - round(detail.scroll_y)
        return [Hint(self._keymap.label(Action.DETAIL_DOWN), f"{rows} more")] if rows > 0 else []

    def _style(self, name: str) -> Style:
        return self.get_component_rich_style(f"approval--{name}", partial=True)

    # ------------------------------------------------------------------- keys

    def on_key(self, event: events.Key) -> None:
        """Take an answer that stands alone; hand everything else that is text to the composer."""
        if hand_on(event, self):
            return
        event.stop()
        event.prevent_default()
        self._stop_waiting()
        match self._answering.press(event.key, event.character if event.is_printable else None):
            case Lone(action):
                self._alone = self.set_timer(answering.LONE_KEY_S, lambda: self._answer(action))
            case Typed(words, key_too):
                self._take_text(words)
                if key_too:
                    hand_on(event, self)
            case Asked(action):
                self._perform(action)
            case None:
                pass

    def _answer(self, action: Action) -> None:
        self._alone = None
        self._answering.alone()
        if self.question is None:
            return
        if action is Action.REJECT_WITH_REASON:
            self.add_class("-reason")
            self.screen.set_focus(self.reason)
        elif action is Action.CHANGE_CALL:
            self.add_class("-change")
            self.change.load_text(self.question.editable)
            self.change.move_cursor(self.change.document.end)
            self.screen.set_focus(self.change)
        else:
            self.post_message(self.Answered(self.question, ANSWERS[action]))

    def send_reason(self) -> None:
        """Reject with what the reason says, and steer with it; without one, just reject."""
        reason = self.reason.message.strip()
        if self.question is not None:
            decision = Decision.REJECT_AND_STEER if reason else Decision.REJECT
            self.post_message(self.Answered(self.question, decision, reason))

    def send_change(self) -> None:
        """Allow the call as it now reads."""
        question, text = self.question, self.change.text
        if question is None:
            return
        if text == question.editable:
            self.post_message(self.Answered(question, Decision.ALLOW))
        else:
            self.post_message(self.Answered(question, Decision.ALLOW_CHANGED, changed=text))

    def close_editors(self) -> None:
        """Put reason and change away."""
        self.remove_class("-reason", "-change")
        self.reason.load_text("")
        self.change.load_text("")

    def scroll_detail(self, rows: int) -> None:
        """Scroll the detail."""
        self.query_one("#approval-scroll").scroll_relative(y=rows, animate=False, immediate=True)

    def limit_to(self, screen_rows: int) -> None:
        """Take no more than half of a screen of `screen_rows`: the rest of the panel needs six."""
        self.query_one("#approval-scroll").styles.max_height = max(1, min(16, screen_rows // 2 - 6))

    def _stop_waiting(self) -> None:
        if self._alone is not None:
            self._alone.stop()
            self._alone = None

    def _stop_offering(self) -> None:
        if self._offer is not None:
            self._offer.stop()
            self._offer = None

    def on_descendant_focus(self) -> None:
        """The reason has the keyboard: say its keys."""
        self._show_foot()

    def watch_has_focus(self, has_focus: bool) -> None:
        """Say the keys that hold now. A question that had the keyboard once offers itself no more."""
        super().watch_has_focus(has_focus)
        if has_focus:
            self._stop_offering()
        if self.is_mounted:
            self._show_foot()
