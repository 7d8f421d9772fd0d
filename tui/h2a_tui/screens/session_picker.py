"""The list of sessions: go on with one, name one, move one to the trash; of this folder or of all."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import Any

from textual import on, work
from textual.screen import Screen
from textual.widgets import OptionList

from h2a_agent.session_loading import SessionError
from h2a_agent.session_search import Found
from h2a_tui.client import Sessions
from h2a_tui.format import folder
from h2a_tui.keymap import Action, Context, Keymap
from h2a_tui.overlays import Choice, Line, Note, Row
from h2a_tui.screens.ask import AskScreen
from h2a_tui.screens.filter_picker import FilterPicker
from h2a_tui.screens.picker import PickerScreen
from h2a_tui.session_rows import session_rows

__all__ = ["SessionPicker"]


class SessionPicker(FilterPicker):
    """Returns the id of the session to go on with. `wanted` is what was looked for in what was said, "" for nothing."""

    DEFAULT_CSS = "SessionPicker Vertical { width: 95%; }"

    def __init__(
        self,
        sessions: Sessions,
        found: Sequence[Found],
        keymap: Keymap,
        *,
        wanted: str = "",
        here: bool = True,
    ) -> None:
        """`found` is what there is `here`, or in all folders."""
        self._sessions = sessions
        self._wanted = wanted
        self._here = here
        self._last_words: dict[str, str] = {}
        self._found = {one.info.id: one for one in found}
        super().__init__("", self._rows(), keymap, placeholder="Type to find a session")
        self._show_title()

    def keys_line(self) -> str:
        """What the keys do."""
        return self.keymap.hints(
            Context.FILTER,
            Action.LIST_CHOOSE,
            Action.LIST_SCOPE,
            Action.LIST_RENAME,
            Action.LIST_DELETE,
            Action.LIST_CLOSE,
        )

    def footer(self, chosen: str) -> str:
        """What was looked for, else what was said last."""
        hits = self._found[chosen].hits
        return hits[0].snippet if hits else self._last_words.get(chosen, "")

    def act(self, action: Action) -> bool:
        """Name, delete, look elsewhere, besides what every list does."""
        chosen = self.current
        match action:
            case Action.LIST_SCOPE:
                self._here = not self._here
                self._work(self._reload())
            case Action.LIST_RENAME if chosen is not None:
                self._work(self._rename(chosen))
            case Action.LIST_DELETE if chosen is not None:
                self._work(self._delete(chosen))
            case Action.LIST_RENAME | Action.LIST_DELETE:
                pass
            case _:
                return super().act(action)
        return True

    # ------------------------------------------------------------------ private

    def _rows(self) -> tuple[Row, ...]:
        rows = tuple(session_rows(self._found.values(), self._sessions, here=self._here))
        return rows or (Note("There are no sessions here"),)

    def _show_title(self) -> None:
        where = "this folder" if self._here else "all folders"
        words = f"Sessions that say {self._wanted}" if self._wanted else "Sessions"
        self.set_title(f"{words} · {where}")

    def _work(self, job: Awaitable[None]) -> None:
        async def guarded() -> None:
            try:
                await job
            except SessionError as error:
                self.say(str(error))

        self.run_worker(guarded())

    async def _reload(self) -> None:
        found = await self._sessions.find(self._wanted, here=self._here)
        self._found = {one.info.id: one for one in found}
        self._show_title()
        self.show_rows(self._rows())

    async def _rename(self, chosen: str) -> None:
        named = self._sessions.name if chosen == self._sessions.id else self._found[chosen].info.name
        name = await self._ask(
            AskScreen(Line("Name of the session", text=named, placeholder="no name"), self.keymap)
        )
        if name is not None:
            await self._sessions.rename_other(chosen, name)
            await self._reload()

    async def _delete(self, chosen: str) -> None:
        if chosen == self._sessions.id:
            self.say("This is the session in use; it stays")
            return
        choices = [Choice("keep", "Keep it"), Choice("delete", "Move it to the trash folder")]
        title = f"Delete “{self._found[chosen].info.title[:40]}”?"
        if await self._ask(PickerScreen(title, choices, self.keymap)) == "delete":
            where = await self._sessions.delete(chosen)
            await self._reload()
            self.say(f"It is now {folder(where, 80)}")

    @property
    def _ask(self) -> Callable[[Screen[Any]], Awaitable[Any]]:
        return self.app.push_screen_wait

    @on(OptionList.OptionHighlighted)
    def _look(self, message: OptionList.OptionHighlighted) -> None:
        chosen = message.option_id
        if chosen is not None and chosen not in self._last_words:
            self._preview(chosen)

    @work(group="preview", exclusive=True)
    async def _preview(self, chosen: str) -> None:
        if (found := self._found.get(chosen)) is not None:
            self._last_words[chosen] = await self._sessions.last_words(found.info.path)
            self.refresh_footer()
