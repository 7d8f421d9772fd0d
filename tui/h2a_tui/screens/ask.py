"""A question over the chat that is answered with a line: a name, a number, an address, a key.

What is written is checked before the screen goes; what is wrong is said where it was written, and nothing is lost. A
`secret` line is drawn as dots and can be pasted into.
"""

from __future__ import annotations

from typing import ClassVar

from rich.text import Text
from textual import events, on
from textual.app import ComposeResult
from textual.containers import Vertical
from textual.content import Content
from textual.screen import ModalScreen
from textual.widgets import Static, TextArea

from h2a_tui.keymap import Action, Context, Keymap
from h2a_tui.overlays import Line
from h2a_tui.widgets.line_editor import LineEditor

__all__ = ["AskScreen"]


class _Line(LineEditor):
    """The answer."""

    context: ClassVar[Context] = Context.ASK


class _Secret(_Line):
    """One line that nobody looking over a shoulder, and no recording of the screen, can read."""

    def get_line(self, line_index: int) -> Text:
        """A dot for each character."""
        return Text("•" * len(self.document.get_line(line_index)), end="", no_wrap=True)

    def action_cut(self) -> None:
        """Take it out, and not into the clipboard, which is for everybody to read; it can be undone."""
        self.delete(*self.selection)


class AskScreen(ModalScreen[str | None], inherit_bindings=False):
    """Returns the answer, None when there was none."""

    AUTO_FOCUS: ClassVar[str | None] = ""
    DEFAULT_CSS = """
    AskScreen {
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
        & Static { height: auto; color: $h2a-muted; }
        & #trouble { color: $h2a-warning; }
        &.-tiny Vertical { border: none; width: 100%; }
        &.-tiny #about { display: none; }
    }
    """

    def __init__(self, line: Line, keymap: Keymap) -> None:
        super().__init__()
        self._title = line.title
        self._keymap = keymap
        self._check = line.check
        self._busy = line.busy
        self._text = line.text
        self._about = Static(line.about, id="about", markup=False)
        self._trouble = Static("", id="trouble", markup=False)
        self.editor = (_Secret if line.secret else _Line)(keymap, self._perform, placeholder=line.placeholder)
        self._refused = ""
        self._looking = False

    def compose(self) -> ComposeResult:
        """What it is about, the line, what is wrong with it."""
        with Vertical() as box:
            box.border_title = Content(self._title)
            box.border_subtitle = self._keymap.hints(Context.ASK, Action.ASK_ANSWER, Action.LIST_CLOSE)
            yield self._about
            yield self.editor
            yield self._trouble

    def on_mount(self) -> None:
        """Begin to write."""
        self.editor.show(self._text)
        self.set_focus(self.editor)

    def on_resize(self, event: events.Resize) -> None:
        """Only the line itself where there is no room."""
        self.set_class(event.size.height < 9, "-tiny")

    @on(TextArea.Changed)
    def _changed(self, event: TextArea.Changed) -> None:
        event.stop()
        if self.editor.line != self._refused and not self._looking:
            self._trouble.update("")

    def _perform(self, action: Action) -> bool:
        match action:
            case Action.ASK_ANSWER:
                self._take(self.editor.line)
            case Action.LIST_CLOSE | Action.COPY_CLEAR_QUIT:
                self._leave(None)
            case _:
                return False
        return True

    def _take(self, answer: str) -> None:
        if answer and answer == self._refused:
            self._leave(answer)
        elif not self._looking:
            self._looking = True
            self._trouble.update(self._busy)
            self.run_worker(self._look_at(answer), exit_on_error=True)

    async def _look_at(self, answer: str) -> None:
        trouble = await self._check(answer)
        self._looking = False
        if answer != self.editor.line:
            self._trouble.update("")  # it is being changed
        elif trouble is None:
            self._leave(answer)
        else:
            self._refused = answer if trouble.may_stand else ""
            again = f" · {self._keymap.label(Action.ASK_ANSWER, Context.ASK)} again takes it all the same"
            self._trouble.update(trouble.text + (again if trouble.may_stand else ""))

    def _leave(self, answer: str | None) -> None:
        if self.is_current:
            _ = self.dismiss(answer)  # the screen goes by itself
