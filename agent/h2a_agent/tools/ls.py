"""Cut at any moment, `ls` has changed nothing."""

from __future__ import annotations

import asyncio
import heapq
import os
import stat
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, ClassVar, Final

from pydantic import Field

from h2a_agent.safe_text import safe_text
from h2a_agent.tools.base import Effect, Preview, ToolContext, ToolOutcome, WhenSteered
from h2a_agent.tools.disk import FileProblem, display_path, no_such, opened_folder, what_is
from h2a_agent.tools.params import PathText, ToolParams, manual
from h2a_agent.tools.truncate import count_text, head

__all__ = ["LsParams", "LsTool"]

MAX_ENTRIES: Final = 500


class LsParams(ToolParams):
    """What to list."""

    also: ClassVar[Mapping[str, str]] = {"dir": "path", "directory": "path", "folder": "path"}

    path: PathText = Field(
        default=".", description="The folder, relative to the working directory or absolute."
    )
    limit: int = Field(default=MAX_ENTRIES, ge=1, description=f"How many entries, at most {MAX_ENTRIES}.")
    offset: int = Field(default=0, ge=0, description="How many entries to skip first, to go on.")


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
            lines, total = await asyncio.to_thread(_list, ctx.real(path), params.offset, limit)
        except FileProblem as problem:
            return problem.outcome()
        if not total:
            return ToolOutcome(f"({display_path(path, ctx.workspace)} is empty)", "empty")
        cut = head(lines, limit)
        if cut.lines == total:
            return ToolOutcome(cut.text, count_text(total, "entry"))
        brief = f"{cut.lines} of {total} entries"
        last = params.offset + cut.lines
        go_on = (
            f"Go on with offset={last}, or use find with a pattern."
            if last < total
            else "These are the last."
        )
        return ToolOutcome("\n\n".join(filter(None, (cut.text, f"[{brief}. {go_on}]"))), brief)


def _list(real: Path, offset: int, limit: int) -> tuple[list[str], int]:
    """The lines of the entries wanted, and how many entries there are."""
    state = what_is(real)
    if state is None:
        raise no_such(real, noun="folder")
    if not stat.S_ISDIR(state.st_mode):
        raise FileProblem(f"{real} is a file, not a folder. Use read.", "is a file")
    total = 0

    with opened_folder(real) as folder:

        def entries() -> Iterator[os.DirEntry[str]]:
            nonlocal total
            with os.scandir(folder) as scan:
                for entry in scan:
                    total += 1
                    yield entry

        # Of a million entries only the wanted ones are kept.
        first = heapq.nsmallest(offset + limit, entries(), key=_order)
        return [_line(entry, folder) for entry in first[offset:]], total


def _order(entry: os.DirEntry[str]) -> tuple[str, str]:
    return entry.name.casefold(), entry.name


def _line(entry: os.DirEntry[str], folder: int) -> str:
    # Names are anybody's text; a newline in one must not look like another entry.
    name = safe_text(entry.name).replace("\n", "␊")
    try:
        if entry.is_symlink():
            slash = "/" if entry.is_dir() else ""
            return (
                f"{name}{slash} -> {safe_text(os.readlink(entry.name, dir_fd=folder)).replace(chr(10), '␊')}"
            )
        return f"{name}/" if entry.is_dir() else name
    except OSError:
        return name  # deleted meanwhile, or a loop of links
