"""Cut at any moment, `find` has changed nothing, and its search is ended."""

from __future__ import annotations

import stat
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from pydantic import Field

from h2a_agent.safe_text import safe_text
from h2a_agent.tools.base import Effect, Preview, ToolContext, ToolOutcome, WhenSteered
from h2a_agent.tools.disk import FileProblem, display_path, what_is
from h2a_agent.tools.finish import in_thread
from h2a_agent.tools.params import PathText, Text, ToolParams, manual
from h2a_agent.tools.ripgrep import records
from h2a_agent.tools.truncate import count_text, head

__all__ = ["FindParams", "FindTool"]

MAX_FILES: Final = 1000


class FindParams(ToolParams):
    """What to look for where."""

    pattern: Text = Field(
        min_length=1,
        description="A glob for the file's name, such as `*.py`, or for its path, such as `src/**/test_*.ts`.",
    )
    path: PathText = Field(default=".", description="The folder to search; by default the working directory.")
    limit: int = Field(default=MAX_FILES, ge=1, description=f"How many files, at most {MAX_FILES}.")


@dataclass(slots=True)
class _Results:
    prefix: str
    limit: int
    lines: list[str] = field(default_factory=list)

    def take(self, record: bytes) -> bool:
        """Add a path; False when there are enough. After the last NUL there is nothing."""
        if not record:
            return True
        if len(self.lines) == self.limit:
            return False
        name = record.removeprefix(b"./").decode("utf-8", "replace")
        self.lines.append(safe_text(self.prefix + name).replace("\n", "␊"))
        return True


class FindTool:
    """Finds files by name."""

    name = "find"
    params: type[Any] = FindParams
    effect = Effect.READ
    when_steered = WhenSteered.CANCEL

    def __init__(self) -> None:
        self.description = manual("find")

    def title(self, params: FindParams) -> str:
        """The pattern, and where."""
        return params.pattern if params.path == "." else f"{params.pattern} in {params.path}"

    def paths(self, params: FindParams, ctx: ToolContext) -> tuple[Path, ...]:
        """The folder."""
        return (ctx.resolve(params.path),)

    async def preview(self, params: FindParams, ctx: ToolContext) -> Preview:
        """The pattern and the absolute path."""
        return Preview(f"{params.pattern}\nin {ctx.resolve(params.path)}")

    async def run(self, params: FindParams, ctx: ToolContext) -> ToolOutcome:
        """Search."""
        path = ctx.resolve(params.path)
        try:
            state = await in_thread(what_is, path)
            if state is None or not stat.S_ISDIR(state.st_mode):
                raise FileProblem(f"There is no folder {path}.", "no such folder")
            prefix = (
                "" if path == ctx.workspace else f"{display_path(path, ctx.workspace)}/".removeprefix("./")
            )
            results = _Results(prefix, min(params.limit, MAX_FILES))
            arguments = ["--files", "--null", f"--glob={params.pattern}", "--glob=!.git", "--", "."]
            ended = await records(arguments, path, b"\0", results.take, ctx.workspace)
        except FileProblem as problem:
            return problem.outcome()
        if ended.complaint and not results.lines:
            return ToolOutcome(f"The search failed.\n\n{ended.complaint}", "search failed", is_error=True)
        if not results.lines:
            return ToolOutcome("No files match.", "no files match")
        cut = head(results.lines, MAX_FILES)
        if not ended.stopped and cut.complete:
            return ToolOutcome(cut.text, count_text(cut.lines, "file"))
        notice = f"[There are more: the first {cut.lines} are shown. Narrow the pattern or the path.]"
        return ToolOutcome(f"{cut.text}\n\n{notice}", f"{cut.lines}+ files")
