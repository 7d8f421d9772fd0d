"""Questions that are answered from a list, or with a line, in the last rows of the terminal."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from time import monotonic
from typing import TYPE_CHECKING

from h2a_tui.bursts import KeysAtOnce
from h2a_tui.inline.editor import InlineEditor
from h2a_tui.inline.picking import Picking
from h2a_tui.inline.who_list import WhoList
from h2a_tui.keymap import Action, Context
from h2a_tui.overlays import Choice, Line
from h2a_tui.who_answers import WhoAnswers

if TYPE_CHECKING:
    from h2a_tui.inline.chat import InlineChat

__all__ = ["AskedLine", "InlineAsker"]


class AskedLine(Picking):
    """One line to be written. It is checked before it is taken; what is wrong is said, and nothing is lost.

    A `secret` that is pasted where pastes are not marked is not taken by the line end behind it.
    """

    context = Context.ASK

    def __init__(self, chat: InlineChat, line: Line) -> None:
        super().__init__(line.title, ())
        self.words = InlineEditor(line.placeholder, tags=False, secret=line.secret)
        self.words.reset(line.text)
        self.about = line.about
        self.ways = chat.keymap.hints(Context.ASK, Action.ASK_ANSWER, Action.LIST_CLOSE)
        self._again = f" · {chat.keymap.label(Action.ASK_ANSWER, Context.ASK)} again takes it all the same"
        self._chat = chat
        self._at_once = KeysAtOnce() if line.secret else None
        self._check = line.check
        self._busy = line.busy
        self._line = line.text
        self._refused = ""
        self._looking = False

    @property
    def _answer(self) -> str:
        return self.words.text.strip()

    def look(self) -> None:
        """What is said of another line is said no more."""
        if self.words.text == self._line:
            return
        self._line = self.words.text
        if self._at_once is not None:
            self._at_once.typed(monotonic())
        if not self._looking and self._answer != self._refused:
            self.trouble = ""

    def act(self, action: Action) -> bool:
        """Take the line, or go back; False: it is a key of an editor."""
        match action:
            case Action.ASK_ANSWER if self._at_once is not None and self._at_once.pasted(monotonic()):
                self.trouble = (
                    f"{self._chat.keymap.label(Action.ASK_ANSWER, Context.ASK)} takes what is pasted"
                )
            case Action.ASK_ANSWER:
                self._take(self._answer)
            case Action.LIST_CLOSE:
                self.taken(None)
            case _:
                return False
        return True

    def _take(self, answer: str) -> None:
        if answer and answer == self._refused:
            self.taken(answer)
        elif not self._looking:
            self._looking, self.trouble = True, self._busy
            self._chat.work(self._look_at(answer))

    async def _look_at(self, answer: str) -> None:
        trouble = await self._check(answer)
        self._looking, self.trouble = False, ""
        if answer != self._answer:
            pass  # it is being changed
        elif trouble is None:
            self.taken(answer)
        else:
            self._refused = answer if trouble.may_stand else ""
            self.trouble = f"✗ {trouble.text.removeprefix('✗ ')}{self._again if trouble.may_stand else ''}"
        self._chat.redraw()


class InlineAsker:
    """Asks in one chat. What had the keyboard before has it again with the answer."""

    def __init__(self, chat: InlineChat) -> None:
        self._chat = chat

    async def choose(self, title: str, choices: Sequence[Choice], *, chosen: int = 0) -> str | None:
        """The id of the row that is chosen, None when none is."""
        return await self._answer(Picking(title, choices, chosen=chosen))

    async def find(self, title: str, choices: Sequence[Choice]) -> str | None:
        """The same: typing narrows every list here."""
        return await self.choose(title, choices)

    async def write(self, line: Line) -> str | None:
        """The line that is written, None when there is none."""
        return await self._answer(AskedLine(self._chat, line))

    async def ask_who(self, who: WhoAnswers) -> str | None:
        """Who shall answer; what is found meanwhile comes in."""
        rows = WhoList(who, self._chat.redraw)
        self._chat.work(who.look_around(rows.show_anew))
        return await self._answer(rows)

    async def _answer(self, picking: Picking) -> str | None:
        keyboard = self._chat.keyboard
        before = keyboard.picking
        answer: asyncio.Future[str | None] = asyncio.get_running_loop().create_future()

        def taken(answered: str | None) -> None:
            if not answer.done():
                keyboard.pick(before)
                answer.set_result(answered)

        picking.taken = taken
        self._chat.end_notice()  # what was going on has led to this
        keyboard.pick(picking)
        return await answer
