"""A tool call in the transcript: forming, running, done.

What it shows is bounded in every state: the end of the arguments while they form, the last lines of what a
running tool prints, then the brief and the result as what it is (`tool_views`).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from enum import Enum
from typing import Any, ClassVar, Final

from rich.segment import Segment
from rich.style import Style

from h2a_agent.events import Outcome
from h2a_tui.format import duration
from h2a_tui.theme import Styles
from h2a_tui.transcript.items import Foldable, behind, bounded
from h2a_tui.transcript.lines import Line, Page, Run, crop_line
from h2a_tui.transcript.preview import Pictured
from h2a_tui.transcript.tool_views import shown_brief, view_of
from h2a_tui.transcript.view import OutputView, View

__all__ = ["Stage", "ToolItem"]

_TAIL_CHARACTERS: Final = 4000  # of arguments or output that are kept while more come
_UNESCAPED: Final = (("\\n", "\n"), ("\\t", "    "), ('\\"', '"'))


class Stage(Enum):
    """Where a call is. After `DONE` its outcome says how it went."""

    FORMING = "forming"
    RUNNING = "running"
    WAITING = "waiting for your answer"
    DROPPED = "cut while it formed"
    DONE = "done"


_GLYPHS: Final[Mapping[Outcome, str]] = {
    Outcome.OK: "✓",
    Outcome.FAILED: "✗",
    Outcome.STOPPED: "⊘",
    Outcome.NOT_STARTED: "○",
    Outcome.REJECTED: "⊘",
    Outcome.UNKNOWN: "?",
}


# Their text explains to the model why there is no output; the brief has told the person.
_NEVER_RAN: Final = frozenset({Outcome.NOT_STARTED, Outcome.REJECTED})


class ToolItem(Foldable):
    """One call and what became of it. `Document` sets the fields."""

    LIVE_ROWS: ClassVar[int] = 5

    def __init__(self, name: str) -> None:
        super().__init__()
        self.name = name
        self.title = ""
        self.arguments: Mapping[str, Any] = {}
        self.stage = Stage.FORMING
        self.note = ""
        self.outcome = Outcome.UNKNOWN
        self.brief = ""
        self.text = ""
        self.diff = ""
        self.elapsed_s = 0.0
        self.pictures: Pictured | None = None
        self._tail = ""
        self._received = 0
        self._made: View[Any] | None = None
        self._ahead: tuple[Page, list[Line]] | None = None  # the unfolded result, drawn for this page

    # ------------------------------------------------------------ what happens

    def receive(self, text: str) -> None:
        """More of the arguments, or of the output. Only the end is kept."""
        self._received += len(text)
        self._tail = (self._tail + text)[-_TAIL_CHARACTERS:]

    def start(self, title: str, arguments: Mapping[str, Any]) -> None:
        """The call is whole and will run."""
        self.stage, self.title, self.arguments = Stage.RUNNING, title, arguments
        self._tail, self._received = "", 0

    def finish(self, outcome: Outcome, text: str, brief: str, diff: str, elapsed_s: float) -> None:
        """Its one result."""
        self.stage, self.outcome = Stage.DONE, outcome
        self.text, self.brief, self.diff, self.elapsed_s = text, brief, diff, elapsed_s
        self._tail = ""

    def draw_ahead(self, page: Page) -> Iterator[None]:
        """Draw the unfolded result, line by line."""
        rows: list[Line] = []
        for some in self._view.steps(page, page.column - 2, folded=False):
            rows += some
            yield
        self._ahead = page, rows

    def forget(self) -> None:
        """Let go of the rows, and of what they are made from."""
        super().forget()
        self._made = None

    @property
    def words(self) -> str:
        """What it did and what came of it."""
        return "\n".join(part for part in (self.title, self.brief, self.diff or self.text) if part)

    # ----------------------------------------------------------------- drawing

    @property
    def foldable(self) -> bool:
        """Is there more than the folded form shows?"""
        return self.stage is Stage.DONE and self._view.foldable

    def rows(self, page: Page) -> list[Line]:
        """The title, and what there is behind a rail."""
        styles = page.styles
        head = crop_line(self._head(styles), page.column, styles.dim)
        head.lead = 2
        width = page.column - 2
        return [head, *behind(Segment("│ ", styles.rail), self._body(page, width))]

    def length(self) -> tuple[int, int]:
        """Of what is shown."""
        if self.stage is not Stage.DONE:
            return 0, min(self.LIVE_ROWS, self._tail.count("\n") + 1) if self._tail else 0
        # No view is made for what nobody looks at.
        lines = min((self.diff or self.text).count("\n") + 1, 6 if self.folded else 1200)
        return 0, lines + bool(self.brief) + (self.pictures.height if self.pictures else 0)

    @property
    def _view(self) -> View[Any]:
        if self._made is None:
            silent = self.outcome in _NEVER_RAN or self._says_no_more
            self._made = (
                OutputView(())
                if silent
                else view_of(self.name, self.arguments, self.text, self.brief, self.diff)
            )
        return self._made

    @property
    def _says_no_more(self) -> bool:
        """Is the text only the brief once more?"""
        return not self.diff and self.text.strip("\n").rstrip(".").lower() in ("", self.brief)

    def _head(self, styles: Styles) -> list[Run]:
        glyph, style = self._glyph(styles)
        runs: list[Run] = [(f"{glyph} ", style), (self.name, styles.tool_title)]
        if self.title:
            runs.append((f"  {bounded(self.title)}", styles.page))
        match self.stage:
            case Stage.FORMING if self._received > _TAIL_CHARACTERS:
                runs.append((f"  {self._received:,} characters", styles.dim))
            case Stage.WAITING | Stage.DROPPED:
                runs.append(
                    (f"  {self.stage.value}", styles.warning if self.stage is Stage.WAITING else styles.muted)
                )
            case Stage.RUNNING | Stage.DONE if self.elapsed_s >= 1:
                runs.append((f"  {duration(self.elapsed_s)}", styles.dim))
        return runs

    def _glyph(self, styles: Styles) -> tuple[str, Style]:
        match self.stage:
            case Stage.FORMING:
                return "◌", styles.tool_running
            case Stage.RUNNING:
                return "●", styles.tool_running
            case Stage.WAITING:
                return "?", styles.warning
            case Stage.DROPPED:
                return "⊘", styles.muted
            case Stage.DONE:
                good = {Outcome.OK: styles.success, Outcome.FAILED: styles.error}
                return _GLYPHS[self.outcome], good.get(self.outcome, styles.muted)

    def _body(self, page: Page, width: int) -> list[Line]:
        styles = page.styles
        match self.stage:
            case Stage.FORMING:
                text = self._tail
                for escaped, meant in _UNESCAPED:
                    text = text.replace(escaped, meant)
                return self._live(text, width, styles.dim)
            case Stage.RUNNING | Stage.WAITING:
                return self._live(self._tail, width, styles.tool_output)
            case Stage.DROPPED:
                return []
            case Stage.DONE:
                return self._result(page, width)

    def _live(self, text: str, width: int, style: Style) -> list[Line]:
        lines = text.rstrip("\n").split("\n")[-self.LIVE_ROWS :]
        return [crop_line([(bounded(line), style)], width, style) for line in lines if text.strip()]

    def _result(self, page: Page, width: int) -> list[Line]:
        styles = page.styles
        said = shown_brief(self.name, self.arguments, self.brief)
        brief = " · ".join(part for part in (self._word(), said, self.note) if part)
        style = styles.error if self.outcome is Outcome.FAILED else styles.muted
        rows = [crop_line([(brief, style)], width, styles.dim)] if brief else []
        ahead, self._ahead = self._ahead, None
        if ahead is not None and ahead[0] == page and not self.folded:
            return rows + ahead[1]
        rows += self._view.rows(page, width, folded=self.folded)
        return rows + (self.pictures.rows(width, styles.page, named=False) if self.pictures else [])

    def _word(self) -> str:
        """The outcome in a word where the glyph alone would not say it."""
        never_ran = self.outcome in _NEVER_RAN and self.brief.startswith("not ")  # which says as much
        silent = self.outcome in (Outcome.OK, Outcome.FAILED) or self.outcome.value in self.brief or never_ran
        return "" if silent else self.outcome.value


class ShellItem(ToolItem):
    """A command of the user's own; `!!`: the model never hears of it."""

    LIVE_ROWS: ClassVar[int] = 10

    def __init__(self, command: str, private: bool) -> None:
        super().__init__("!!" if private else "!")
        self.start(command, {"command": command})
        self.note = "private" if private else ""
