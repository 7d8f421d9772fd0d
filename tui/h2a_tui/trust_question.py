"""The question whether a folder may be obeyed, asked before there is an agent: nothing of the folder has been used yet."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import ClassVar, Final

from rich.console import Group
from rich.table import Table
from rich.text import Text
from textual import events
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.widgets import Static

from h2a_agent.safe_text import one_line
from h2a_tui.handover import Handover
from h2a_tui.keymap import Keymap
from h2a_tui.theme_choice import ThemeChoice
from h2a_tui.themed_app import ThemedApp
from h2a_tui.trust_answering import Answer, TrustAnswering

__all__ = ["Answer", "TrustQuestion"]


_ROOMY_ROWS: Final = 18
_ROOMY_COLUMNS: Final = 48


class TrustQuestion(ThemedApp[Answer], inherit_bindings=False):
    """Asks once and ends with the answer; `Answer.QUIT` also when it is closed in any other way.

    With another answer the terminal is `handover`'s, and so is what was typed: it was meant for the app that comes next.
    """

    BINDINGS: ClassVar[list[BindingType]] = []
    ENABLE_COMMAND_PALETTE = False
    TITLE: str | None = "h2a-chat"
    CSS: ClassVar[str] = (
        ThemedApp.CSS
        + """
    Screen { align: center middle; }
    Screen.-small #question { width: 100%; border: none; padding: 0; }
    #question { width: 90%; max-width: 84; height: auto; max-height: 100%; border: round $h2a-border; padding: 0 1; }
    """
    )

    def __init__(
        self,
        folder: Path,
        things: Sequence[str],
        keymap: Keymap,
        themes: ThemeChoice | None = None,
        handover: Handover | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """`things` are what in `folder` wants to be obeyed."""
        super().__init__(themes or ThemeChoice("dark"))
        self.handover = handover
        self._behind: list[events.Key | events.Paste] = []  # typed when the answer was given
        self._folder = one_line(str(folder))
        self._things = one_line(", ".join(things))
        self._answering = TrustAnswering(keymap, clock)

    def compose(self) -> ComposeResult:
        """One box."""
        yield Static(id="question", markup=False)

    def on_mount(self) -> None:
        """Show it; only what is pressed after that can be an answer."""
        self._show()
        self.call_after_refresh(self._answering.shown)

    async def on_event(self, event: events.Event) -> None:
        """Take keys and pastes before any widget does, so that they are dealt with before `HandedOn`, which comes behind them."""
        if not isinstance(event, events.Key | events.Paste):
            await super().on_event(event)
        elif self._left_with is not None:
            self._behind.append(event)
        else:
            self._take(event)

    def _take(self, event: events.Key | events.Paste) -> None:
        """Move, answer, or leave; any other key was meant for somebody else, and a paste is text."""
        if isinstance(event, events.Paste):
            self._answering.pasted(event.text)
            answer = None
        else:
            answer = self._answering.press(event.key, event.character if event.is_printable else None)
        if answer is Answer.QUIT:
            self.exit(answer)
        elif answer is not None:
            self.hand_over(answer)
        else:
            self._show()

    def on_unmount(self) -> None:
        """What was typed is for the app that comes next."""
        if self.handover is not None:
            kept = self._answering.kept
            self.handover.keep_first([*([events.Paste(kept)] if kept else ()), *self._behind])

    def _show(self) -> None:
        small = self.size.height < _ROOMY_ROWS or self.size.width < _ROOMY_COLUMNS
        self.screen.set_class(small, "-small")
        self.query_one("#question", Static).update(self._small() if small else self._roomy())

    def _roomy(self) -> Group:
        return Group(
            Text("Do you trust this folder?\n", "bold"),
            Text(f"{self._folder}\n"),
            Text(f"It holds {self._things}. Whoever wrote that can tell the agent what to do.\n"),
            self._answers(lambda answer: answer.value),
            Text(f"\n{self._answering.words()}", "dim"),
        )

    def _small(self) -> Group:
        """The same in few words, for a screen where the answers would be out of sight."""
        name = Path(self._folder).name or self._folder
        lines = [Text(f"Trust {name}?", "bold"), Text(f"It holds {self._things}")]
        for line in lines:
            line.truncate(max(1, self.size.width), overflow="ellipsis")
        return Group(*lines, self._answers(lambda answer: answer.value.partition(":")[0]))

    def _answers(self, words: Callable[[Answer], str]) -> Table:
        table = Table.grid(padding=(0, 1, 0, 0))
        for one in Answer:
            chosen = one is self._answering.chosen
            table.add_row("›" if chosen else " ", words(one), style="bold" if chosen else "")
        return table

    def on_resize(self) -> None:
        """Say it in as many words as there is room for."""
        _ = self.call_later(self._show)  # the size is known when this has been dealt with
