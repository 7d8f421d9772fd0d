"""The question whether a folder may be obeyed, asked before there is an agent: nothing of the folder has been used yet.

Nothing typed ahead can say yes. The safe answer is the one already chosen, trusting takes an arrow key and then
Enter, and Enter counts only when the question has been readable for half a second and no text has come for a
second: what was meant for an editor is over by then.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from enum import Enum
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
from h2a_tui.keymap import Action, Context, Keymap
from h2a_tui.theme_choice import ThemeChoice
from h2a_tui.themed_app import ThemedApp
from h2a_tui.typing_guard import TypingGuard

__all__ = ["Answer", "TrustQuestion"]


class Answer(Enum):
    """What a person can answer."""

    LOOK = "Look only: nothing in it is obeyed, changes and commands are asked about"
    TRUST = "Trust it: what is in it is obeyed, here and in the folders below"
    QUIT = "Quit"


_ORDER: Final = tuple(Answer)
_ROOMY_ROWS: Final = 18
_ROOMY_COLUMNS: Final = 48
_KEYS: Final = (Action.TRUST_PREVIOUS, Action.TRUST_NEXT, Action.TRUST_ANSWER, Action.TRUST_QUIT)


class TrustQuestion(ThemedApp[Answer], inherit_bindings=False):
    """Asks once and ends with the answer; `Answer.QUIT` also when it is closed in any other way."""

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
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """`things` are what in `folder` wants to be obeyed."""
        super().__init__(themes or ThemeChoice("dark"))
        self._folder = one_line(str(folder))
        self._things = one_line(", ".join(things))
        self._bound = keymap
        self._guard = TypingGuard(clock)
        self._chosen = Answer.LOOK

    def compose(self) -> ComposeResult:
        """One box."""
        yield Static(id="question", markup=False)

    def on_mount(self) -> None:
        """Show it; only what is pressed after that can be an answer."""
        self._show()
        self.call_after_refresh(self._guard.shown)

    def on_key(self, event: events.Key) -> None:
        """Move, answer, or leave; any other key was meant for somebody else."""
        event.stop()
        event.prevent_default()
        match self._bound.action(event.key, Context.TRUST):
            case Action.TRUST_QUIT:
                self.exit(Answer.QUIT)
            case None:
                self._guard.typed()
            case _ if not self._guard.readable:
                pass
            case Action.TRUST_PREVIOUS:
                self._move(-1)
            case Action.TRUST_NEXT:
                self._move(1)
            case Action.TRUST_ANSWER if self._guard.nobody_types:
                self.exit(self._chosen)

    def on_paste(self, event: events.Paste) -> None:
        """A paste is text."""
        event.stop()
        self._guard.typed()

    def _move(self, step: int) -> None:
        self._chosen = _ORDER[(_ORDER.index(self._chosen) + step) % len(_ORDER)]
        self._show()

    def _show(self) -> None:
        small = self.size.height < _ROOMY_ROWS or self.size.width < _ROOMY_COLUMNS
        self.screen.set_class(small, "-small")
        self.query_one("#question", Static).update(self._small() if small else self._roomy())

    def _roomy(self) -> Group:
        up, down, answer, leave = (self._bound.label(action) for action in _KEYS)
        return Group(
            Text("Do you trust this folder?\n", "bold"),
            Text(f"{self._folder}\n"),
            Text(f"It holds {self._things}. Whoever wrote that can tell the agent what to do.\n"),
            self._answers(lambda answer: answer.value),
            Text(f"\n{up} {down} choose · {answer} answers · {leave} quits", "dim"),
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
        for one in _ORDER:
            chosen = one is self._chosen
            table.add_row("›" if chosen else " ", words(one), style="bold" if chosen else "")
        return table

    def on_resize(self) -> None:
        """Say it in as many words as there is room for."""
        _ = self.call_later(self._show)  # the size is known when this has been dealt with
