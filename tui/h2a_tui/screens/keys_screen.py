"""Press a key and see what the terminal sends for it, which key that is, and what it does; as `h2a-chat keys` does.

Every key is shown here and does nothing, so there are two ways out: Escape twice in a row, or pressing nothing for
a while.
"""

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

from h2a_tui.keymap import Action, Context, Keymap
from h2a_tui.keys import KeyDriver
from h2a_tui.keys_command import meaning_of, spelled

__all__ = ["KeysScreen"]

_LINES: Final = 12
_QUIET_S: Final = 20.0


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
        self._keymap = keymap
        self._lines: deque[Text] = deque(maxlen=_LINES)
        self._shown = Static("", markup=False)
        self._heard = bytearray()
        self._leaves = False  # was the last key the one that leaves when it is pressed again?
        self._quiet: Timer | None = None

    def compose(self) -> ComposeResult:
        """One box."""
        with Vertical() as box:
            leave = self._keymap.label(Action.KEYS_LEAVE)
            box.border_title = "Press keys"
            box.border_subtitle = f"{leave} {leave} leaves, or {_QUIET_S:.0f} s without a key"
            yield self._shown

    def on_mount(self) -> None:
        """Listen to the bytes, too."""
        driver = self.app._driver  # noqa: SLF001 (Textual has no public way to it)
        if isinstance(driver, KeyDriver):
            driver.listener = self._heard.extend
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
        leaves = self._keymap.action(event.key, Context.KEYS) is Action.KEYS_LEAVE
        if leaves and self._leaves:
            self._leave()
            return
        self._leaves = leaves
        self._tell(event.key, meaning_of(event.key, self._keymap))

    def on_paste(self, event: events.Paste) -> None:
        """A paste is one thing."""
        event.stop()
        self._leaves = False
        self._tell("paste", f"{len(event.text)} characters, as one paste")

    def _tell(self, key: str, meaning: str) -> None:
        data = bytes(self._heard[:40])
        self._heard.clear()
        line = Text.assemble(f"{spelled(data):24}  ", (f"{key:18}", "bold"), f"  {meaning}")
        line.no_wrap, line.overflow = True, "ellipsis"
        self._lines.append(line)
        self._shown.update(Text("\n").join(self._lines))
        self._wait()

    def _wait(self) -> None:
        if self._quiet is not None:
            self._quiet.stop()
        self._quiet = self.set_timer(_QUIET_S, self._leave)

    def _leave(self) -> None:
        if self.is_current:
            _ = self.dismiss()  # the screen goes by itself
