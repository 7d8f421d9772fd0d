"""Cut at any moment, `find` has changed nothing, and its search is ended."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar, Final

from pydantic import Field

from h2a_agent.tools.base import Effect, Preview, ToolContext, ToolOutcome, WhenSteered
from h2a_agent.tools.disk import FileProblem
from h2a_agent.tools.globs import BadGlob, Globs, is_literal
from h2a_agent.tools.grep_results import FileResults
from h2a_agent.tools.params import Listed, PathText, Text, ToolParams, manual
from h2a_agent.tools.ripgrep import SEARCH_S, records
from h2a_agent.tools.search import place_of
from h2a_agent.tools.truncate import count_text

__all__ = ["FindParams", "FindTool"]

MAX_FILES: Final = 1000


class FindParams(ToolParams):
    """What to look for where."""

    also: ClassVar[Mapping[str, str]] = {
        "glob": "pattern",
        "glob_pattern": "pattern",
        "name": "pattern",
        "patterns": "pattern",
        "head_limit": "limit",
    }
    example: ClassVar[Mapping[str, Any]] = {"pattern": "test_*.py", "path": "tests"}

    pattern: Listed[Text] = Field(
        min_length=1,
        description="A glob, or several, for the file's name, such as `*.py`, or for its path, such as `src/**/test_*.ts`.",
    )
    path: PathText = Field(default=".", description="The folder to search; by default the working directory.")
    limit: int = Field(default=MAX_FILES, ge=1, description=f"How many files, at most {MAX_FILES}.")
    offset: int = Field(default=0, ge=0, description="How many files to skip first, to go on.")


class FindTool:
    """Finds files by name."""

    name = "find"
    params: type[Any] = FindParams
    effect = Effect.READ
    when_steered = WhenSteered.CANCEL

    def __init__(self) -> None:
        self.description = manual("find")

    def title(self, params: FindParams) -> str:
        """The patterns, and where."""
        patterns = ", ".join(params.pattern)
        return patterns if params.path == "." else f"{patterns} in {params.path}"

    def paths(self, params: FindParams, ctx: ToolContext) -> tuple[Path, ...]:
        """The folder."""
        return (ctx.resolve(params.path),)

    async def preview(self, params: FindParams, ctx: ToolContext) -> Preview:
        """The patterns and the absolute path."""
        return Preview(f"{', '.join(params.pattern)}\nin {ctx.resolve(params.path)}")

    async def run(self, params: FindParams, ctx: ToolContext) -> ToolOutcome:
        """Search."""
        try:
            place = await place_of(ctx.resolve(params.path), ctx, "folder")
            if not place.is_folder:
                raise FileProblem(f"{params.path} is a file, not a folder. Use read.", "is a file")
            results = FileResults(place.prefix, min(params.limit, MAX_FILES), params.offset)
            lifting, take = _choice(params.pattern, results)
            arguments = ["--files", "--null", *lifting, "--glob=!.git", "--", place.target]
            ended = await records(arguments, place.folder, b"\0", take, ctx.workspace)
        except BadGlob as error:
            return ToolOutcome(f"The pattern cannot be used. {error}", "invalid pattern", is_error=True)
        except FileProblem as problem:
            return problem.outcome()
        if ended.complaint and not results.found:
            return ToolOutcome(f"The search failed.\n\n{ended.complaint}", "search failed", is_error=True)
        text = "\n".join(results.lines) or "No files match."
        if ended.late:
            notice = f"[Stopped after {SEARCH_S:.0f} s; not everything was searched. Narrow the path.]"
            return ToolOutcome(f"{text}\n\n{notice}", "stopped, took too long")
        if not results.found:
            return ToolOutcome(text, "no files match")
        if not ended.stopped:
            return ToolOutcome(text, count_text(results.found, "file"))
        go_on = f"Narrow the pattern or the path, or go on with offset={params.offset + results.found}."
        notice = f"[There are more: {results.found} files are shown. {go_on}]"
        return ToolOutcome(f"{text}\n\n{notice}", f"{results.found}+ files")


def _choice(patterns: Sequence[str], results: FileResults) -> tuple[list[str], Callable[[bytes], bool]]:
    """What ripgrep is told of the patterns, and what takes its records.

    A name without wildcards is ripgrep's to find, which then finds it where .gitignore excludes it, too.
    """
    if all(is_literal(pattern) for pattern in patterns):
        return [f"--glob={pattern}" for pattern in patterns], results.take
    globs = Globs(patterns)

    def take(record: bytes) -> bool:
        name = record.removeprefix(b"./").decode("utf-8", "surrogateescape")
        return not globs.match(name) or results.take(record)

    return [], take
