"""A list over the chat in which typing finds rows: sessions, models, themes, the tree, settings.

What is typed is matched as the completion of commands matches (`completion.score`): the best first, and no
headings then. Rows may be replaced at any time; the bar stays on the row it is on.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar, Final

from textual import on
from textual.app import ComposeResult
from textual.widgets import OptionList, Static, TextArea

from h2a_tui.completion import score
from h2a_tui.keymap import Action, Context, Keymap
from h2a_tui.overlays import Choice, Note, Row
from h2a_tui.screens.picker import PickerScreen, options_of
from h2a_tui.widgets.line_editor import LineEditor

__all__ = ["FilterPicker"]

_MOST: Final = 200  # rows of a search; nobody scrolls further


class _FilterEditor(LineEditor):
    """What is looked for."""

    context: ClassVar[Context] = Context.FILTER


class FilterPicker(PickerScreen):
    """Returns the id of the chosen row, None when the list was closed. `footer` may say more about the bar's row."""

    DEFAULT_CSS = """
    FilterPicker {
        & LineEditor { padding: 0 1; }
        & #about { height: 1; padding: 0 1; color: $h2a-muted; text-wrap: nowrap; text-overflow: ellipsis; }
        &.-tiny #about { display: none; }
    }
    """

    def __init__(
        self,
        title: str,
        rows: Sequence[Row],
        keymap: Keymap,
        *,
        chosen: str = "",
        placeholder: str = "Type to find",
    ) -> None:
        """`chosen` is the id of the row to begin at; without one it is the first that can be chosen."""
        super().__init__(title, (), keymap)
        self.rows = tuple(rows)
        self.editor = _FilterEditor(keymap, self._perform, placeholder=placeholder)
        self._about = Static("", id="about", markup=False)
        self._first = chosen
        self._query = ""
        self._said: tuple[str | None, str] = (None, "")  # of which row, and what

    def compose(self) -> ComposeResult:
        """What is typed, the rows, a line about the one the bar is on."""
        self.box.keys = self.keys_line()
        with self.box:
            yield self.editor
            yield self.list
            yield self._about

    def keys_line(self) -> str:
        """What the keys do, for the border."""
        return self.keymap.hints(Context.FILTER, Action.LIST_CHOOSE, Action.LIST_CLOSE)

    def other_rows(self, *, roomy: bool) -> int:
        """The line one types in; the line about the row."""
        return 2 if roomy else 1

    @property
    def wanted_rows(self) -> int:
        """All of them, also while only some fit what is typed."""
        return len(self.rows)

    def begin(self) -> None:
        """Show the rows, the keyboard in the line one types in."""
        self.set_focus(self.editor)
        self._fill(self._first)

    # ------------------------------------------------------------------- rows

    def show_rows(self, rows: Sequence[Row], *, chosen: str | None = None) -> None:
        """Show other rows, the bar on `chosen` or on the row it is on."""
        self.rows = tuple(rows)
        if self.is_mounted:
            self._fill(chosen or self.current or "")
            self.fit(self.size.height)
        else:
            self._first = chosen or self._first

    def footer(self, chosen: str) -> str:
        """One line about the row with the id `chosen`."""
        del chosen
        return ""

    def say(self, text: str) -> None:
        """Say something short in place of the footer, until the bar moves."""
        self._said = self.current, text
        self.refresh_footer()

    def refresh_footer(self) -> None:
        """Bring the line about the row up to date."""
        place, said = self._said
        if place == self.current and said:
            self._about.update(said)
        else:
            self._about.update(self.footer(self.current) if self.current is not None else "")

    def _shown(self) -> Sequence[Row]:
        if not self._query:
            return self.rows
        choices = [row for row in self.rows if isinstance(row, Choice)]
        ranks = [(score(self._query, row.full or row.text), row) for row in choices]
        fitting = sorted(((rank, row) for rank, row in ranks if rank is not None), key=lambda pair: pair[0])
        return [_outside(row) for _, row in fitting[:_MOST]] or [Note("Nothing fits")]

    def _fill(self, chosen: str) -> None:
        shown, options = self._shown(), self.list
        top, at = options.scroll_offset.y, options.highlighted
        options.set_options(options_of(shown))
        places = {row.id: place for place, row in enumerate(shown) if isinstance(row, Choice)}
        place = places.get(chosen, min(places.values(), default=None))
        options.highlighted = place
        if place is not None:
            at_top = not top and place < options.size.height
            self.call_after_refresh(self._keep_in_sight, 0 if at is None or at_top else place - at + top)
        self.refresh_footer()

    def _keep_in_sight(self, first: int) -> None:
        """Let the bar be where it was on the screen, as far as that is possible."""
        self.list.scroll_to(y=max(0, first), animate=False, immediate=True)
        self.list.scroll_to_highlight()

    # ------------------------------------------------------------------- keys

    def _perform(self, action: Action) -> bool:
        self._filter()  # the message about what was typed may still be on its way
        return self.act(action)

    def _filter(self) -> None:
        query = self.editor.line
        if query != self._query:
            self._query = query
            self._fill("" if query else self.current or "")

    @on(TextArea.Changed)
    def _typed(self, event: TextArea.Changed) -> None:
        event.stop()
        self._filter()

    @on(OptionList.OptionHighlighted)
    def _moved(self) -> None:
        self.refresh_footer()


def _outside(row: Choice) -> Choice:
    """`row` as it reads among rows of other groups."""
    return Choice(row.id, row.full or row.text, row.aside, row.strong)
