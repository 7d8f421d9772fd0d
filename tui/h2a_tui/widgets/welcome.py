"""What stands where the conversation will be, until there is one: who answers, where, and the keys that matter."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from rich.table import Table
from rich.text import Text
from textual import events
from textual.app import ComposeResult
from textual.containers import Container
from textual.widgets import Static

from h2a_agent import __version__
from h2a_tui.format import folder
from h2a_tui.keymap import Action, Context, Keymap

__all__ = ["Welcome"]

_MEASURE: Final = 72  # cells of a line that is easily read
_LINES = (
    (Action.SUBMIT, "steers: the answer is cut, your words go first"),
    (Action.FOLLOW_UP, "queues a follow-up for when it has finished"),
    (Action.NUDGE, "delivers at the next step, cutting nothing"),
    (Action.ESCAPE, "stops"),
    (Action.HELP, "all keys"),
)


class Welcome(Container):
    """A calm first page. `notice` is something a newcomer must know, such as that no model is set."""

    DEFAULT_CSS = """
    Welcome {
        height: 1fr;
        align: center middle;
        & > Static { width: auto; height: auto; padding: 0 2; }
        & > #welcome-notice { color: $h2a-warning; margin-top: 1; }
    }
    """

    def __init__(self, keymap: Keymap, model: str, mode: str, workspace: Path, notice: str = "") -> None:
        super().__init__()
        self._keymap = keymap
        self._model = model
        self._where = f"{mode} · {folder(workspace)}"
        self._notice = notice
        self._shown_keys = Static(self._keys())

    def compose(self) -> ComposeResult:
        """Name and facts, then the keys, then the notice."""
        yield Static(self._head(), id="welcome-head")
        yield Static(Text("\nWrite what to do and press Enter. While the agent works:\n"))
        yield self._shown_keys
        yield Static(Text(self._notice), id="welcome-notice")

    def show_keys(self) -> None:
        """Other keys are to be shown."""
        self._shown_keys.update(self._keys())

    def _keys(self) -> Table:
        keys = Table.grid(padding=(0, 2, 0, 0))
        keys.add_column(style="bold", no_wrap=True)
        keys.add_column()
        for action, meaning in _LINES:
            if label := self._keymap.label(
                action, None if action in (Action.ESCAPE, Action.HELP) else Context.COMPOSER
            ):
                keys.add_row(label, meaning)
        return keys

    def on_resize(self, event: events.Resize) -> None:
        """Wrap what is too long for the screen, or to be read."""
        for part in self.query(Static):
            part.styles.max_width = min(_MEASURE, event.size.width)

    def show_model(self, model: str) -> None:
        """Another model answers now; what was said of the first one no longer holds."""
        if model != self._model:
            self._model = model
            self.query_one("#welcome-head", Static).update(self._head())
            self.query_one("#welcome-notice", Static).update("")

    def _head(self) -> Text:
        facts = f"{self._model} · {self._where}"
        return Text.assemble(("h2a-chat", "bold"), f" {__version__}\n", (facts, "dim"))
