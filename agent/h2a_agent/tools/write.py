"""Cut at any moment, `write` leaves the old file or the new one, never a part of it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import Field

from h2a_agent.tools.base import Effect, Preview, ToolContext, ToolOutcome, WhenSteered
from h2a_agent.tools.diff import Diff, unified
from h2a_agent.tools.disk import (
    FileProblem,
    Snapshot,
    check_seen,
    content_hash,
    display_path,
    replace_file,
    snapshot,
    what_is,
)
from h2a_agent.tools.finish import in_thread
from h2a_agent.tools.params import PathText, Text, ToolParams, manual
from h2a_agent.tools.truncate import count_text

__all__ = ["WriteParams", "WriteTool"]


class WriteParams(ToolParams):
    """What to write where."""

    path: PathText = Field(description="The file, relative to the working directory or absolute.")
    content: Text = Field(description="The whole new content.")


@dataclass(frozen=True, slots=True)
class _Change:
    """What would become of a file: a diff, None where the old content is no text to compare."""

    before: Snapshot
    data: bytes
    diff: Diff | None


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
            change = await in_thread(_plan, path, params.content, display_path(path, ctx.workspace))
        except FileProblem as problem:
            return Preview(f"{path}\n\n{problem.text}")
        if change.diff is None or not change.diff.text:
            return Preview(f"{path}\n\n{params.content}")
        return Preview(change.diff.text, "diff")

    async def run(self, params: WriteParams, ctx: ToolContext) -> ToolOutcome:
        """Write it, unless that would lose something the model has not seen."""
        path = ctx.resolve(params.path)
        name = display_path(path, ctx.workspace)
        try:
            await in_thread(what_is, path)  # a loop of links has no real path to lock
            async with ctx.files.lock(path):
                change = await in_thread(_write, path, params.content, name, ctx.files.last_seen(path))
                ctx.files.remember(path, content_hash(change.data).hexdigest())
        except FileProblem as problem:
            return problem.outcome()
        lines = count_text(len(params.content.splitlines()), "line")
        if change.before.state is None:
            return ToolOutcome(f"Created {name} ({lines}).", f"new, {lines}", diff=_shown(change))
        if change.data == change.before.data:
            return ToolOutcome(f"{name} already had exactly this content; nothing was changed.", "no change")
        brief = change.diff.brief if change.diff is not None else lines
        return ToolOutcome(f"Overwrote {name} ({lines}).", brief, diff=_shown(change))


def _plan(path: Path, content: str, name: str) -> _Change:
    before = snapshot(path)
    try:
        old = before.data.decode() if before.state is not None else None
    except UnicodeDecodeError:
        return _Change(before, content.encode(), None)
    return _Change(before, content.encode(), unified(old, content, name))


def _write(path: Path, content: str, name: str, last_seen: str | None) -> _Change:
    change = _plan(path, content, name)
    if change.before.state is not None:
        if last_seen is None:
            raise FileProblem(
                f"{path} exists and you have not read it. Read it first, or use edit to change a part of it.",
                "exists, not read yet",
            )
        check_seen(path, change.before, last_seen)
    if change.before.state is None or change.data != change.before.data:
        replace_file(path, change.data, change.before)
    return change


def _shown(change: _Change) -> str:
    return change.diff.shown if change.diff is not None else ""
