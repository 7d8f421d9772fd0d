"""Cut at any moment, `ls` has changed nothing."""

from __future__ import annotations

import asyncio
import heapq
import os
from pathlib import Path
from typing import Any, Final

from pydantic import Field

from h2a_agent.safe_text import safe_text
from h2a_agent.tools.base import Effect, Preview, ToolContext, ToolOutcome, WhenSteered
from h2a_agent.tools.disk import FileProblem, display_path, what_is
from h2a_agent.tools.params import PathText, ToolParams, manual
from h2a_agent.tools.truncate import count_text, head

__all__ = ["LsParams", "LsTool"]

MAX_ENTRIES: Final = 500


class LsParams(ToolParams):
    """What to list."""

    path: PathText = Field(
        default=".", description="The folder, relative to the working directory or absolute."
    )
    limit: int = Field(default=MAX_ENTRIES, ge=1, description=f"How many entries, at most {MAX_ENTRIES}.")


class LsTool:
    """Lists a folder."""

    name = "ls"
    params: type[Any] = LsParams
    effect = Effect.READ
    when_steered = WhenSteered.CANCEL

    def __init__(self) -> None:
        self.description = manual("ls")

    def title(self, params: LsParams) -> str:
        """The path."""
        return params.path

    def paths(self, params: LsParams, ctx: ToolContext) -> tuple[Path, ...]:
        """The folder."""
        return (ctx.resolve(params.path),)

    async def preview(self, params: LsParams, ctx: ToolContext) -> Preview:
        """The folder's absolute path."""
        return Preview(str(ctx.resolve(params.path)))

    async def run(self, params: LsParams, ctx: ToolContext) -> ToolOutcome:
        """List it."""
        path = ctx.resolve(params.path)
        limit = min(params.limit, MAX_ENTRIES)
        try:
            lines, total = await asyncio.to_thread(_list, path, limit)
        except FileProblem as problem:
            return problem.outcome()
        if not total:
            return ToolOutcome(f"({display_path(path, ctx.workspace)} is empty)", "empty")
        cut = head(lines, limit)
        if cut.lines == total:
            return ToolOutcome(cut.text, count_text(total, "entry"))
        notice = f"[{cut.lines} of {total} entries. Use find with a pattern to see the others.]"
        return ToolOutcome(f"{cut.text}\n\n{notice}", f"{cut.lines} of {total} entries")


def _list(path: Path, limit: int) -> tuple[list[str], int]:
    state = what_is(path)
    if state is None:
        raise FileProblem(f"There is no folder {path}.", "no such folder")
    total = 0

    def entries() -> Any:
        nonlocal total
        with os.scandir(path) as scan:
            for entry in scan:
                total += 1
                yield entry

    try:
        # Of a million entries only the wanted ones are kept.
        first = heapq.nsmallest(limit, entries(), key=lambda entry: (entry.name.casefold(), entry.name))
    except NotADirectoryError:
        raise FileProblem(f"{path} is a file, not a folder. Use read.", "is a file") from None
    except OSError as error:
        raise FileProblem(
            f"{path} cannot be listed: {error.strerror}.", error.strerror or "cannot be listed"
        ) from None
    return [_line(entry) for entry in first], total


def _line(entry: os.DirEntry[str]) -> str:
    # Names are anybody's text; a newline in one must not look like another entry.
    name = safe_text(entry.name).replace("\n", "␊")
    try:
        if entry.is_symlink():
            slash = "/" if entry.is_dir() else ""
            return f"{name}{slash} -> {safe_text(str(Path(entry.path).readlink())).replace(chr(10), '␊')}"
        return f"{name}/" if entry.is_dir() else name
    except OSError:
        return name  # deleted meanwhile, or a loop of links
