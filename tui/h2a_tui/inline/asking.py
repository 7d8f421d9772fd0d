"""The agent's question whether a tool may run: written whole into the scrollback, answered from the last rows.

Which keys answer is `answering.py`'s to say, as in the app. The question counts as shown when its rows have been handed to
the terminal, not when it came: nobody answers what still waits behind a slow line.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from rich.style import Style

from h2a_agent.events import ApprovalRequested, Decision
from h2a_agent.safe_text import one_line
from h2a_tui import answering
from h2a_tui.answering import ANSWERS, Answering, Asked, Lone, Typed
from h2a_tui.inline.editor import InlineEditor
from h2a_tui.inline.foot import Painter
from h2a_tui.inline.key_reader import Key
from h2a_tui.keymap import Action, Context
from h2a_tui.widgets.question_text import question_detail, question_head

if TYPE_CHECKING:
    from h2a_tui.inline.chat import InlineChat

__all__ = ["ANSWERING", "Asking"]

ANSWERING = frozenset({Context.APPROVAL, Context.REASON, Context.CHANGE})


class Asking:
    """The first of the open questions, and what is being answered."""

    def __init__(self, chat: InlineChat) -> None:
        self.reason = InlineEditor("Why not? It steers the agent")
        self.change = InlineEditor(tags=False)  # what is allowed is what is seen
        self._chat = chat
        self._answering = Answering(chat.keymap)
        self._question: ApprovalRequested | None = None
        self._count = 0
        self._written = True
        self._alone: asyncio.TimerHandle | None = None
        self._offer: asyncio.TimerHandle | None = None

    @property
    def question(self) -> ApprovalRequested | None:
        """The one that is asked."""
        return self._question

    def show(self, questions: tuple[ApprovalRequested, ...]) -> None:
        """Ask the first of the open `questions`, or nothing."""
        self._count = len(questions)
        question = questions[0] if questions else None
        if question == self._question:
            return
        self._question, self._written = question, question is None
        self._answering.ask(None)
        self._stop_timers()
        self.reason.reset()
        if self._chat.keyboard.focus in ANSWERING:
            self._chat.keyboard.give(Context.COMPOSER)

    def rows_to_write(self, painter: Painter) -> list[str]:
        """The question whole, once."""
        if self._written or self._question is None:
            return []
        self._written = True
        self._answering.ask(self._question)
        self._offer_keyboard()
        styles = painter.styles
        named = {
            "title": styles.rich("status_approval") + Style(bold=True),
            "aside": styles.muted,
            "added": styles.diff_added,
            "removed": styles.diff_removed,
            "hunk": styles.diff_hunk,
        }
        head = question_head(self._question, self._count, self._chat.keymap, named.__getitem__)
        detail = question_detail(self._question, named.__getitem__)
        return ["", *painter.wrapped(head), *painter.wrapped(detail)]

    @property
    def asked(self) -> str:
        """What is asked, in short; "" for nothing."""
        question = self._question
        if question is None:
            return ""
        key = self._chat.keymap.label(Action.FOCUS_APPROVAL)
        how = "" if self._chat.keyboard.focus in ANSWERING else f" · {key} to answer"
        return f"? May {one_line(question.tool, 40)} run?{how}  {one_line(question.title)}"

    @property
    def answers(self) -> str:
        """How it is answered, all of it; "" while something else has the keyboard."""
        keymap = self._chat.keymap
        back = f" · {keymap.label(Action.ESCAPE)} back"
        match self._chat.keyboard.focus:
            case Context.APPROVAL:
                return self._answering.words() + back
            case Context.REASON:
                return f"{keymap.label(Action.SEND_REASON)} reject{back}"
            case Context.CHANGE:
                return f"{keymap.label(Action.SEND_CHANGE)} allow this{back}"
            case _:
                return ""

    # ------------------------------------------------------------------ keys

    def press(self, key: Key) -> None:
        """Take an answer that stands alone; hand everything else that is text to the composer."""
        self._stop_waiting()
        match self._answering.press(key.name, key.text):
            case Lone(action):
                loop = asyncio.get_running_loop()
                self._alone = loop.call_later(answering.LONE_KEY_S, self._answer, action)
            case Typed(words, key_too):
                self._chat.keyboard.write(words)
                if key_too:
                    self._chat.keyboard.press(key)
            case Asked(action):
                self._chat.perform(action)
            case None:
                pass

    def _answer(self, action: Action) -> None:
        self._alone = None
        self._answering.alone()
        if self._question is None:
            return
        if action is Action.REJECT_WITH_REASON:
            self._chat.keyboard.give(Context.REASON)
        elif action is Action.CHANGE_CALL:
            self.change.reset(self._question.editable)
            self.change.load(self._question.editable)
            self._chat.keyboard.give(Context.CHANGE)
        else:
            self._send(ANSWERS[action])

    def send_reason(self) -> None:
        """Reject with what the reason says, and steer with it; without one, just reject."""
        reason = self.reason.message.strip()
        self._send(Decision.REJECT_AND_STEER if reason else Decision.REJECT, reason)

    def send_change(self) -> None:
        """Allow the call as it now reads."""
        if self._question is not None and self.change.text == self._question.editable:
            self._send(Decision.ALLOW)
        else:
            self._send(Decision.ALLOW_CHANGED, changed=self.change.text)

    def _send(self, decision: Decision, note: str = "", changed: str | None = None) -> None:
        question, chat = self._question, self._chat
        if question is None:
            return
        try:
            taken = chat.client.answer(
                question.call_id, decision, note, digest=question.digest, changed=changed
            )
        except ValueError as error:
            chat.notice(f"It cannot run like this: {error}")
            return
        chat.keyboard.give(Context.COMPOSER)
        if not taken:
            chat.notice("That question is no longer open")

    # ------------------------------------------------------------------ timers

    def _offer_keyboard(self) -> None:
        """Give the question the keyboard as soon as nobody is writing."""
        composer = self._chat.composer
        blank = self._chat.keyboard.focus is Context.COMPOSER and composer.is_blank
        if self._answering.takes_keyboard(blank=blank, last_key_at=composer.last_key_at):
            self._offer = None
            self._chat.keyboard.give(Context.APPROVAL)
        else:
            loop = asyncio.get_running_loop()
            self._offer = loop.call_later(answering.READABLE_S, self._offer_keyboard)

    def had_keyboard(self) -> None:
        """A question that had the keyboard once offers itself no more."""
        if self._offer is not None:
            self._offer.cancel()
            self._offer = None

    def _stop_waiting(self) -> None:
        if self._alone is not None:
            self._alone.cancel()
            self._alone = None

    def _stop_timers(self) -> None:
        self._stop_waiting()
        self.had_keyboard()
