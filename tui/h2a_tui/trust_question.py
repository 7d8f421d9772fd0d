"""The question whether a folder may be obeyed, asked before there is an agent: nothing of the folder has been used yet."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import ClassVar

from rich.text import Text
from textual import events
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.widgets import Static

from h2a_agent.safe_text import one_line
from h2a_tui.keymap import Keymap
from h2a_tui.theme_choice import ThemeChoice
from h2a_tui.themed_app import ThemedApp
from h2a_tui.trust_answering import Answer, TrustAnswering

__all__ = ["Answer", "TrustQuestion"]


class TrustQuestion(ThemedApp[Answer], inherit_bindings=False):
    """Asks once and ends with the answer; `Answer.QUIT` also when it is closed in any other way."""

    BINDINGS: ClassVar[list[BindingType]] = []
    ENABLE_COMMAND_PALETTE = False
    TITLE: str | None = "h2a-chat"
    CSS: ClassVar[str] = (
        ThemedApp.CSS
        + """
    Screen { align: center middle; }
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
        self._answering = TrustAnswering(keymap, clock)

    def compose(self) -> ComposeResult:
        """One box."""
        yield Static(id="question", markup=False)

    def on_mount(self) -> None:
        """Show it; only what is pressed after that can be an answer."""
        self._show()
        self.call_after_refresh(self._answering.shown)

    def on_key(self, event: events.Key) -> None:
        """Move, answer, or leave; any other key was meant for somebody else."""
        event.stop()
        event.prevent_default()
        if (answer := self._answering.press(event.key)) is not None:
            self.exit(answer)
        else:
            self._show()

    def on_paste(self, event: events.Paste) -> None:
        """A paste is text."""
        event.stop()
        self._answering.pasted()

    def _show(self) -> None:
        text = Text.assemble(
            ("Do you trust this folder?\n\n", "bold"),
            f"{self._folder}\n\n",
            f"It holds {self._things}. Whoever wrote that can tell the agent what to do.\n\n",
        )
        for row, chosen in self._answering.rows():
            text.append(f"{row}\n", "bold" if chosen else "")
        text.append(f"\n{self._answering.words()}", "dim")
        self.query_one("#question", Static).update(text)
