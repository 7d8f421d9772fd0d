"""Press a key and see what the terminal sends for it, which key that is, and what it does; as `h2a-chat keys` does."""

from __future__ import annotations

from collections import deque
from typing import Final

from rich.text import Text
from textual import events
from textual.app import ComposeResult
from textual.containers import Vertical
from textual.screen import ModalScreen
from textual.timer import Timer
from textual.widgets import Static

from h2a_tui.key_trial import QUIET_S, KeyTrial
from h2a_tui.keymap import Keymap
from h2a_tui.keys import KeyDriver

__all__ = ["KeysScreen"]

_LINES: Final = 12


class KeysScreen(ModalScreen[None], inherit_bindings=False):
    """Shows the last keys until it is left."""

    DEFAULT_CSS = """
    KeysScreen {
        align: center middle;
        background: $h2a-background 60%;
        & Vertical {
            width: 90%;
            max-width: 110;
            height: auto;
            max-height: 100%;
            border: round $h2a-accent;
            border-title-color: $h2a-text;
            border-subtitle-color: $h2a-muted;
            padding: 0 1;
            background: $h2a-surface;
        }
        & Static { height: auto; text-wrap: nowrap; text-overflow: ellipsis; }
    }
    """

    def __init__(self, keymap: Keymap) -> None:
        super().__init__()
        self._trial = KeyTrial(keymap)
        self._lines: deque[Text] = deque(maxlen=_LINES)
        self._shown = Static("", markup=False)
        self._quiet: Timer | None = None

    def compose(self) -> ComposeResult:
        """One box."""
        with Vertical() as box:
            box.border_title = "Press keys"
            box.border_subtitle = self._trial.ways_out
            yield self._shown

    def on_mount(self) -> None:
        """Listen to the bytes, too."""
        driver = self.app._driver  # noqa: SLF001 (Textual has no public way to it)
        if isinstance(driver, KeyDriver):
            driver.listener = self._trial.hear
        self._shown.update(
            Text("See what your terminal sends for a key, and what it does in the editor.", "dim")
        )
        self._wait()

    def on_unmount(self) -> None:
        """Listen no more."""
        driver = self.app._driver  # noqa: SLF001 (as above)
        if isinstance(driver, KeyDriver):
            driver.listener = None

    def on_resize(self, event: events.Resize) -> None:
        """Show as many keys as there is room for."""
        self._lines = deque(self._lines, maxlen=max(1, min(_LINES, event.size.height - 2)))

    def on_key(self, event: events.Key) -> None:
        """Tell of it."""
        event.stop()
        event.prevent_default()
        line = self._trial.key(event.key)
        if line is None:
            self._leave()
        else:
            self._tell(line)

    def on_paste(self, event: events.Paste) -> None:
        """A paste is one thing."""
        event.stop()
        self._tell(self._trial.paste(event.text))

    def _tell(self, line: Text) -> None:
        self._lines.append(line)
        self._shown.update(Text("\n").join(self._lines))
        self._wait()

    def _wait(self) -> None:
        if self._quiet is not None:
            self._quiet.stop()
        self._quiet = self.set_timer(QUIET_S, self._leave)

    def _leave(self) -> None:
        if self.is_current:
            _ = self.dismiss()  # the screen goes by itself
