"""The agent's question whether a tool may run.

It stands above the composer and never takes a key that was meant for it (half of what people report about
such dialogs is a command approved by a word they were typing):

- it takes the keyboard only when the editor is empty, it has been readable for 300 ms, and nobody has typed for
  a second; otherwise it waits for the key that goes to it;
- an answer is a letter that stands alone: when another key follows within a quarter of a second, both were text
  and go to the composer, as does every other letter; the keyboard goes with the first of them, so that the rest
  of a word or line, however quickly it comes, is the composer's too;
- Enter, Space and Escape never answer.

Enter in the composer steers, which withdraws the question (steering contract).
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import ClassVar, Final

from rich.style import Style
from rich.text import Text
from textual import events
from textual.app import ComposeResult
from textual.containers import Vertical, VerticalScroll
from textual.message import Message
from textual.theme import Theme as TextualTheme
from textual.timer import Timer
from textual.widgets import Static

from h2a_agent.events import ApprovalRequested, Decision
from h2a_agent.safe_text import one_line, safe_text
from h2a_tui.keymap import Action, Context, Keymap
from h2a_tui.verbs import ANSWER_ACTIONS, Hint, is_offered
from h2a_tui.widgets.editor import Editor, Perform, hand_on
from h2a_tui.widgets.hint_line import hint_text

__all__ = ["ANSWERS", "ApprovalPanel", "ChangeEditor", "ReasonEditor"]

READABLE_S: Final = 0.3
TYPING_PAUSE_S: Final = 1.0
LONE_KEY_S: Final = 0.25

ANSWERS: Final[Mapping[Action, Decision]] = {
    Action.ALLOW: Decision.ALLOW,
    Action.ALLOW_SESSION: Decision.ALLOW_SESSION,
    Action.ALLOW_ALWAYS: Decision.ALLOW_ALWAYS,
    Action.REJECT: Decision.REJECT,
}


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
        self._clock = clock
        self._question: ApprovalRequested | None = None
        self._count = 0
        self._shown_at = 0.0
        self._pending: tuple[str, Timer] | None = None
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
        for what in ("scroll_y", "virtual_size", "size"):
            self.watch(detail, what, self._show_foot, init=False)
        self.app.theme_changed_signal.subscribe(self, self._recolour)

    # ----------------------------------------------------------- the question

    @property
    def question(self) -> ApprovalRequested | None:
        """The question on screen."""
        return self._question

    @property
    def readable(self) -> bool:
        """Has the question been on screen long enough to be read?"""
        return self._question is not None and self._clock() - self._shown_at >= READABLE_S

    def show(self, questions: tuple[ApprovalRequested, ...]) -> None:
        """Show the first of the open `questions`, or nothing."""
        question = questions[0] if questions else None
        changed = question != self._question
        if not changed and len(questions) == self._count:
            return
        self._question, self._count = question, len(questions)
        self.set_class(question is not None, "-open")
        if changed:
            self._forget_pending()
            self._stop_offering()
            self.close_editors()
        if question is None:
            return
        if changed:
            self._shown_at = self._clock()
            self._offer = self.set_interval(READABLE_S, lambda: self.post_message(self.Ready()))
            self._show_detail(question)
            self.query_one("#approval-scroll").scroll_home(animate=False)
        self._show_head(question)
        self._show_foot()

    def _recolour(self, _theme: TextualTheme) -> None:
        """What stands there had its colours when it was made."""
        if self._question is not None:
            self._show_detail(self._question)
            self._show_head(self._question)

    def _show_head(self, question: ApprovalRequested) -> None:
        self.query_one("#approval-head", Static).update(self._head(question))

    def _show_detail(self, question: ApprovalRequested) -> None:
        self.query_one("#approval-detail", Static).update(self._detail(question))

    def _show_foot(self) -> None:
        self.query_one("#approval-foot", Static).update(self._foot())

    def _head(self, question: ApprovalRequested) -> Text:
        title, aside = self._style("title"), self._style("aside")
        of = f" (1 of {self._count})" if self._count > 1 else ""
        head = Text(end="", overflow="fold")
        head.append(f"May {one_line(question.tool, 40)} run?{of}", title)
        if question.detail_kind != "command":
            head.append(f"  {one_line(question.title)}")
        where = f"in {one_line(question.cwd)}" if question.cwd else ""
        about = " · ".join(part for part in (where, one_line(question.reason)) if part)
        if about:
            head.append(f"\n{about}", aside)
        if question.rule:
            key = self._keymap.label(Action.ALLOW_ALWAYS)
            head.append(f"\n{key} keeps the rule {safe_text(question.rule)}", aside)
        return head

    def _detail(self, question: ApprovalRequested) -> Text:
        detail = Text(end="", overflow="fold")
        for line in safe_text(question.detail).expandtabs(4).split("\n"):
            style = self._line_style(line) if question.detail_kind == "diff" else None
            detail.append(line + "\n", style)
        detail.rstrip()
        return detail

    def _line_style(self, line: str) -> Style | None:
        if line.startswith("@@"):
            return self._style("hunk")
        if line.startswith(("+++", "---")):
            return self._style("aside")
        if line.startswith("+"):
            return self._style("added")
        return self._style("removed") if line.startswith("-") else None

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
        rows = {row.action: row for row in self._keymap.rows if row.context is self.context and row.keys}
        offered = [rows[action] for action in ANSWER_ACTIONS if action in rows and self._is_answer(action)]
        answers = [Hint(self._keymap.label(row.action), row.label) for row in offered]
        return hint_text([*self._below(), *answers], self.content_size.width).plain

    def _is_answer(self, action: Action) -> bool:
        return action in _SAID and self._question is not None and is_offered(action, self._question)

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
        text = event.character if event.is_printable else None
        if self._pending is not None:
            self._take_text(self._forget_pending() + (text or ""))
            if text is None:
                hand_on(event, self)
            return
        action = self._keymap.action(event.key, self.context, Context.GLOBAL)
        answers = action is not None and self._is_answer(action)
        if answers and action is not None and text is not None and self.readable:
            self._pending = (text, self.set_timer(LONE_KEY_S, lambda: self._answer(action)))
        elif answers and text is not None:
            self._take_text(text)  # nobody can have answered what nobody has read
        elif action is not None and action not in _SAID:
            self._perform(action)
        elif text is not None:
            self._take_text(text)

    def _answer(self, action: Action) -> None:
        self._pending = None
        if self._question is None:
            return
        if action is Action.REJECT_WITH_REASON:
            self.add_class("-reason")
            self.screen.set_focus(self.reason)
        elif action is Action.CHANGE_CALL:
            self.add_class("-change")
            self.change.load_text(self._question.editable)
            self.change.move_cursor(self.change.document.end)
            self.screen.set_focus(self.change)
        else:
            self.post_message(self.Answered(self._question, ANSWERS[action]))

    def send_reason(self) -> None:
        """Reject with what the reason says, and steer with it; without one, just reject."""
        reason = self.reason.message.strip()
        if self._question is not None:
            decision = Decision.REJECT_AND_STEER if reason else Decision.REJECT
            self.post_message(self.Answered(self._question, decision, reason))

    def send_change(self) -> None:
        """Allow the call as it now reads."""
        question, text = self._question, self.change.text
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

    def _forget_pending(self) -> str:
        if self._pending is None:
            return ""
        letter, timer = self._pending
        timer.stop()
        self._pending = None
        return letter

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


_SAID: Final = (*ANSWERS, Action.CHANGE_CALL, Action.REJECT_WITH_REASON)
