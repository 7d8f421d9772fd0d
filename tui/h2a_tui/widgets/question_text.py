"""The question whether a tool may run, in words: what it is about, and everything that would run or change."""

from __future__ import annotations

from collections.abc import Callable

from rich.style import Style
from rich.text import Text

from h2a_agent.events import ApprovalRequested
from h2a_agent.safe_text import one_line, safe_text
from h2a_tui.keymap import Action, Keymap

__all__ = ["question_detail", "question_head"]


def question_head(
    question: ApprovalRequested, count: int, keymap: Keymap, style: Callable[[str], Style]
) -> Text:
    """Tool, place and reason of the first of `count` questions. `style` has one for `title` and `aside`."""
    title, aside = style("title"), style("aside")
    of = f" (1 of {count})" if count > 1 else ""
    head = Text(end="", overflow="fold")
    head.append(f"May {one_line(question.tool, 40)} run?{of}", title)
    if question.detail_kind != "command":
        head.append(f"  {one_line(question.title)}")
    where = f"in {one_line(question.cwd)}" if question.cwd else ""
    about = " · ".join(part for part in (where, one_line(question.reason)) if part)
    if about:
        head.append(f"\n{about}", aside)
    if question.rule:
        key = keymap.label(Action.ALLOW_ALWAYS)
        head.append(f"\n{key} keeps the rule {safe_text(question.rule)}", aside)
    return head


def question_detail(question: ApprovalRequested, style: Callable[[str], Style]) -> Text:
    """All of it. Of a diff the lines have the styles `added`, `removed`, `hunk` and `aside`."""
    detail = Text(end="", overflow="fold")
    for line in safe_text(question.detail).expandtabs(4).split("\n"):
        name = _line_style(line) if question.detail_kind == "diff" else ""
        detail.append(line + "\n", style(name) if name else None)
    detail.rstrip()
    return detail


def _line_style(line: str) -> str:
    if line.startswith("@@"):
        return "hunk"
    if line.startswith(("+++", "---")):
        return "aside"
    return {"+": "added", "-": "removed"}.get(line[:1], "")
