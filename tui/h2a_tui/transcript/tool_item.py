"""A tool call in the transcript: forming, running, done.

What it shows is bounded in every state: the end of the arguments while they form, the last lines of what a
running tool prints, then the brief and the two ends of the result, or its diff.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from enum import Enum
from typing import ClassVar, Final

from rich.segment import Segment
from rich.style import Style

from h2a_agent.events import Outcome
from h2a_tui.format import duration
from h2a_tui.theme import Styles
from h2a_tui.transcript.items import UNFOLDED, Excerpt, Foldable, behind, bounded, excerpt_rows
from h2a_tui.transcript.lines import Line, Page, Run, crop_line, wrap

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
    RESULT: ClassVar[Excerpt] = Excerpt(2, 2)
    DIFF: ClassVar[Excerpt] = Excerpt(14, 0)

    def __init__(self, name: str) -> None:
        super().__init__()
        self.name = name
        self.title = ""
        self.stage = Stage.FORMING
        self.note = ""
        self.outcome = Outcome.UNKNOWN
        self.brief = ""
        self.text = ""
        self.diff = ""
        self.elapsed_s = 0.0
        self._tail = ""
        self._received = 0

    # ------------------------------------------------------------ what happens

    def receive(self, text: str) -> None:
        """More of the arguments, or of the output. Only the end is kept."""
        self._received += len(text)
        self._tail = (self._tail + text)[-_TAIL_CHARACTERS:]

    def start(self, title: str) -> None:
        """The call is whole and will run."""
        self.stage, self.title = Stage.RUNNING, title
        self._tail, self._received = "", 0

    def finish(self, outcome: Outcome, text: str, brief: str, diff: str, elapsed_s: float) -> None:
        """Its one result."""
        self.stage, self.outcome = Stage.DONE, outcome
        self.text, self.brief, self.diff, self.elapsed_s = text, brief, diff, elapsed_s
        self._tail = ""

    # ----------------------------------------------------------------- drawing

    @property
    def foldable(self) -> bool:
        """Is there more than the folded form shows?"""
        if self.stage is not Stage.DONE or self.outcome in _NEVER_RAN:
            return False
        shown = self.DIFF if self.diff else self.RESULT
        lines = (self.diff or self.text).count("\n") + 1
        return lines > shown.head + shown.tail + 1

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
        shown = UNFOLDED if not self.folded else self.DIFF if self.diff else self.RESULT
        lines = (self.diff or self.text).count("\n") + 1
        return 0, min(lines, shown.head + shown.tail + 1) + bool(self.brief)

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
            case Stage.DONE if self.elapsed_s >= 1:
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
        failed = self.outcome is Outcome.FAILED
        brief = " · ".join(part for part in (self._word(), self.brief, self.note) if part)
        rows = (
            [crop_line([(brief, styles.error if failed else styles.muted)], width, styles.dim)]
            if brief
            else []
        )
        if self.diff:
            lines = _without_headers(self.diff.rstrip("\n").split("\n"))
            shown, draw = self.DIFF, self._diff_line(page, width)
        else:
            lines = self.text.strip("\n").split("\n")
            if (
                [line.rstrip(".").lower() for line in lines] == [self.brief]
                or not self.text.strip()
                or self.outcome in _NEVER_RAN
            ):
                return rows
            shown, draw = self.RESULT, self._output_line(page, width)
        return rows + excerpt_rows(lines, shown if self.folded else UNFOLDED, draw, page, width)

    def _word(self) -> str:
        """The outcome in a word where the glyph alone would not say it."""
        silent = self.outcome in (Outcome.OK, Outcome.FAILED) or self.outcome.value in self.brief
        return "" if silent else self.outcome.value

    def _output_line(self, page: Page, width: int) -> Callable[[str], list[Line]]:
        style, dim = page.styles.tool_output, page.styles.dim

        def draw(text: str) -> list[Line]:
            run = (bounded(text), style)
            return [crop_line([run], width, dim)] if self.folded else wrap([run], width)

        return draw

    def _diff_line(self, page: Page, width: int) -> Callable[[str], list[Line]]:
        styles = page.styles
        by_mark = {"+": styles.diff_added, "-": styles.diff_removed, "@": styles.diff_hunk}

        def draw(text: str) -> list[Line]:
            style = by_mark.get(text[:1], styles.diff_context)
            run = (bounded(text), style)
            rows = [crop_line([run], width, style)] if self.folded else wrap([run], width)
            for row in rows:
                row.fill = style
            return rows

        return draw


class ShellItem(ToolItem):
    """A command of the user's own; `!!`: the model never hears of it."""

    LIVE_ROWS: ClassVar[int] = 10
    RESULT: ClassVar[Excerpt] = Excerpt(8, 8)

    def __init__(self, command: str, private: bool) -> None:
        super().__init__("!!" if private else "!")
        self.start(command)
        self.note = "private" if private else ""


def _without_headers(lines: list[str]) -> list[str]:
    """A diff of one file without its file names: the title has said them."""
    names = [line for line in lines if line.startswith("+++ ")]
    if len(names) != 1:
        return lines
    first = lines.index(names[0])
    return lines[first + 1 :] if first and lines[first - 1].startswith("--- ") else lines
