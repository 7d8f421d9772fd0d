"""Cut at any moment, `write` leaves the old file or the new one, never a part of it.

Over an existing file it keeps what `read` did not show the model: encoding, byte order mark, CRLF line ends.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any, ClassVar

from pydantic import Field

from h2a_agent.tools.base import Effect, Preview, ToolContext, ToolOutcome, WhenSteered
from h2a_agent.tools.change import Change, Plan, change_file, changeable_encoding, encoded, planned
from h2a_agent.tools.diff import unified
from h2a_agent.tools.disk import FileProblem, Snapshot, display_path
from h2a_agent.tools.encoding import visible
from h2a_agent.tools.params import PathText, Text, ToolParams, manual
from h2a_agent.tools.truncate import count_text

__all__ = ["WriteParams", "WriteTool"]


class WriteParams(ToolParams):
    """What to write where."""

    also: ClassVar[Mapping[str, str]] = {"contents": "content", "text": "content", "file_text": "content"}
    example: ClassVar[Mapping[str, Any]] = {"path": "src/app.py", "content": "print('hello')\n"}

    path: PathText = Field(description="The file, relative to the working directory or absolute.")
    content: Text = Field(description="The whole new content.")


class WriteTool:
    """Writes a whole file."""

    name = "write"
    params: type[Any] = WriteParams
    effect = Effect.EDIT
    when_steered = WhenSteered.FINISH

    def __init__(self) -> None:
        self.description = manual("write")

    def title(self, params: WriteParams) -> str:
        """The path."""
        return params.path

    def paths(self, params: WriteParams, ctx: ToolContext) -> tuple[Path, ...]:
        """The file."""
        return (ctx.resolve(params.path),)

    async def preview(self, params: WriteParams, ctx: ToolContext) -> Preview:
        """The diff to what the file holds now."""
        path = ctx.resolve(params.path)
        try:
            change = await planned(path, ctx, _plan(path, params.content, ctx))
        except FileProblem as problem:
            return Preview(f"{path}\n\n{problem.text}")
        if not change.diff.text:
            return Preview(f"{path}\n\n{params.content}")
        return Preview(change.diff.text, "diff")

    async def run(self, params: WriteParams, ctx: ToolContext) -> ToolOutcome:
        """Write it, unless that would lose something the model has not seen."""
        path = ctx.resolve(params.path)
        plan = _plan(path, params.content, ctx)
        try:
            change = await change_file(path, ctx, plan, unread_allowed=False)
        except FileProblem as problem:
            return problem.outcome()
        name = display_path(path, ctx.workspace)
        lines = count_text(len(params.content.splitlines()), "line")
        if not change.is_needed:
            return ToolOutcome(f"{name} already had exactly this content; nothing was changed.", "no change")
        if change.before.state is None:
            return ToolOutcome(f"Created {name} ({lines}).", f"new, {lines}", diff=change.diff.shown)
        return ToolOutcome(f"Overwrote {name} ({lines}).", change.diff.brief, diff=change.diff.shown)


def _plan(path: Path, content: str, ctx: ToolContext) -> Plan:
    return partial(_change, path=path, content=content, name=display_path(path, ctx.workspace))


def _change(before: Snapshot, path: Path, content: str, name: str) -> Change:
    if before.state is None:
        return Change(before, content.encode(), unified(None, content, name))
    encoding = changeable_encoding(path, before.data)
    old = encoding.decode(before.data)
    if _is_crlf(old) and "\r" not in content:
        content = content.replace("\n", "\r\n")
    data = encoded(path, content.removeprefix("\ufeff") if encoding.mark else content, encoding)
    return Change(before, data, unified(visible(old), content, name))


def _is_crlf(text: str) -> bool:
    """Do all lines of `text` end in a carriage return and a newline?"""
    return "\n" in text and text.count("\r\n") == text.count("\n")
