"""Questions that are answered from a list, or with a line, in the last rows of the terminal."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from h2a_tui.inline.picking import Picking
from h2a_tui.keymap import Action, Context
from h2a_tui.overlays import Check, Choice, no_check

if TYPE_CHECKING:
    from h2a_tui.inline.chat import InlineChat

__all__ = ["AskedLine", "InlineAsker"]


class AskedLine(Picking):
    """One line to be written. It is checked before it is taken; what is wrong is said, and nothing is lost."""

    context = Context.ASK

    def __init__(
        self,
        chat: InlineChat,
        title: str,
        taken: Callable[[str | None], None],
        *,
        about: str,
        text: str,
        check: Check,
    ) -> None:
        super().__init__(title, (), taken, placeholder="")
        self.ways = chat.keymap.hints(Context.ASK, Action.ASK_ANSWER, Action.LIST_CLOSE)
        self.words.reset(text)
        self._begins = f"{title} · {about}" if about else title
        self.title = self._begins
        self._chat = chat
        self._check = check
        self._checked = text
        self._refused = ""

    def look(self) -> None:
        """What was wrong with another line is said no more."""
        if self.words.text != self._checked:
            self.title = self._begins

    def act(self, action: Action) -> bool:
        """Take the line, or go back; False: it is a key of an editor."""
        match action:
            case Action.ASK_ANSWER:
                self._chat.work(self._look_at(self.words.text.strip()))
            case Action.LIST_CLOSE:
                self.taken(None)
            case _:
                return False
        return True

    async def _look_at(self, answer: str) -> None:
        if answer and answer == self._refused:
            self.taken(answer)
            return
        trouble = await self._check(answer)
        if answer != self.words.text.strip():
            return  # it is being changed
        if trouble is None:
            self.taken(answer)
        else:
            self._checked, self._refused = self.words.text, answer if trouble.may_stand else ""
            again = " · once more takes it all the same" if trouble.may_stand else ""
            self.title = f"✗ {trouble.text}{again}"
            self._chat.redraw()


class InlineAsker:
    """Asks in one chat. What had the keyboard before has it again with the answer."""

    def __init__(self, chat: InlineChat) -> None:
        self._chat = chat

    async def choose(self, title: str, choices: Sequence[Choice], *, chosen: int = 0) -> str | None:
        """The id of the row that is chosen, None when none is."""
        return await self._answer(lambda taken: Picking(title, choices, taken, chosen=chosen))

    async def write(
        self, title: str, *, about: str = "", text: str = "", check: Check = no_check
    ) -> str | None:
        """The line that is written, None when there is none."""
        chat = self._chat

        def line(taken: Callable[[str | None], None]) -> Picking:
            return AskedLine(chat, title, taken, about=about, text=text, check=check)

        return await self._answer(line)

    async def _answer(self, make: Callable[[Callable[[str | None], None]], Picking]) -> str | None:
        keyboard = self._chat.keyboard
        before = keyboard.picking
        answer: asyncio.Future[str | None] = asyncio.get_running_loop().create_future()

        def taken(answered: str | None) -> None:
            if not answer.done():
                keyboard.pick(before)
                answer.set_result(answered)

        keyboard.pick(make(taken))
        return await answer
