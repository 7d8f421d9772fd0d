"""Cut at any moment, `grep` has changed nothing, and its search is ended."""

from __future__ import annotations

import re
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
from h2a_agent.tools.secret_files import SECRET_FOLDERS, SECRET_NAMES, looks_secret
from h2a_agent.tools.truncate import MAX_BYTES, MAX_LINES, clip_line, count_text, size_text

__all__ = ["GrepParams", "GrepTool"]

MAX_MATCHES: Final = 100
MAX_CONTEXT: Final = 20
LINE_CHARACTERS: Final = 500
# A match is `path NUL number : line`, a line around it has `-` instead of the colon.
_RECORD: Final = re.compile(rb"(?P<path>[^\0]+)\0(?P<number>\d+)(?P<kind>[:-])(?P<line>.*)", re.DOTALL)


class GrepParams(ToolParams):
    """What to look for where."""

    pattern: Text = Field(
        min_length=1, description="A regular expression (Rust syntax), or plain text with `literal`."
    )
    path: PathText = Field(
        default=".", description="The file or folder to search; by default the working directory."
    )
    glob: Text | None = Field(
        default=None, min_length=1, description="Only files that match, such as `*.py` or `src/**/*.ts`."
    )
    ignore_case: bool = Field(default=False, description="Take upper and lower case as equal.")
    literal: bool = Field(default=False, description="Take the pattern as plain text.")
    context: int = Field(
        default=0, ge=0, le=MAX_CONTEXT, description="How many lines to show around each match."
    )
    limit: int = Field(
        default=MAX_MATCHES, ge=1, description=f"How many matching lines, at most {MAX_MATCHES}."
    )


@dataclass(slots=True)
class _Results:
    """The lines of the answer as they are found."""

    prefix: str
    limit: int
    lines: list[str] = field(default_factory=list)
    matches: int = 0
    files: set[bytes] = field(default_factory=set)
    size: int = 0
    previous: tuple[bytes, int] = (b"", 0)
    context: bool = False

    def take(self, record: bytes) -> bool:
        """Add a record; False when there are enough."""
        found = _RECORD.fullmatch(record)
        if found is None:
            return (
                True  # a remark of ripgrep's about a binary file, or the first half of a name with a newline
            )
        path, number = found["path"].removeprefix(b"./"), int(found["number"])
        is_match = found["kind"] == b":"
        shown = safe_text(self.prefix + path.decode("utf-8", "replace"))
        text = clip_line(found["line"].decode("utf-8", "replace").removesuffix("\r"), LINE_CHARACTERS)
        kind = ":" if is_match else "-"
        new = [f"{shown}{kind}{number}{kind}{text}"]
        if self.context and self.lines and self.previous != (path, number - 1):
            new.insert(0, "--")
        size = sum(len(line.encode()) + 1 for line in new)
        enough = (
            (is_match and self.matches == self.limit)
            or self.size + size > MAX_BYTES
            or len(self.lines) + len(new) > MAX_LINES
        )
        if enough:
            return False
        self.lines += new
        self.size += size
        self.previous = (path, number)
        self.matches += is_match
        if is_match:
            self.files.add(path)
        return True


class GrepTool:
    """Searches the content of files."""

    name = "grep"
    params: type[Any] = GrepParams
    effect = Effect.READ
    when_steered = WhenSteered.CANCEL

    def __init__(self) -> None:
        self.description = manual("grep")

    def title(self, params: GrepParams) -> str:
        """The pattern, and where."""
        where = [part for part in (params.glob, params.path if params.path != "." else None) if part]
        return f"{params.pattern} in {' of '.join(where)}" if where else params.pattern

    def paths(self, params: GrepParams, ctx: ToolContext) -> tuple[Path, ...]:
        """The file or folder."""
        return (ctx.resolve(params.path),)

    async def preview(self, params: GrepParams, ctx: ToolContext) -> Preview:
        """The pattern and the absolute path."""
        return Preview(f"{params.pattern}\nin {ctx.resolve(params.path)}")

    async def run(self, params: GrepParams, ctx: ToolContext) -> ToolOutcome:
        """Search."""
        path = ctx.resolve(params.path)
        try:
            state = await in_thread(what_is, path)
            if state is None:
                raise FileProblem(f"There is no file or folder {path}.", "no such file")
            is_folder = stat.S_ISDIR(state.st_mode)
            if not is_folder and not stat.S_ISREG(state.st_mode):
                raise FileProblem(f"{path} is neither a file nor a folder.", "not a file")
            # Globs count from the folder that is searched, so ripgrep runs in it.
            folder = path if is_folder else path.parent
            prefix = (
                ""
                if folder == ctx.workspace
                else f"{display_path(folder, ctx.workspace)}/".removeprefix("./")
            )
            results = _Results(prefix, min(params.limit, MAX_MATCHES), context=params.context > 0)
            target = "." if is_folder else f"./{path.name}"
            arguments = [*_options(params, path, is_folder), "-e", params.pattern, "--", target]
            ended = await records(arguments, folder, b"\n", results.take, ctx.workspace)
        except FileProblem as problem:
            return problem.outcome()
        if ended.complaint and not results.matches:
            return _complaint(ended.complaint, params)
        return _outcome(results, ended.stopped)


def _options(params: GrepParams, path: Path, is_folder: bool) -> list[str]:
    options = ["--no-heading", "--with-filename", "--line-number", "--null", "--no-context-separator"]
    options += [
        f"--max-columns={LINE_CHARACTERS * 4}",
        "--max-columns-preview",
        f"--context={params.context}",
    ]
    if params.ignore_case:
        options.append("--ignore-case")
    if params.literal:
        options.append("--fixed-strings")
    if params.glob is not None:
        options.append(f"--glob={params.glob}")
    if is_folder:
        options.append("--glob=!.git")
        if not looks_secret(path):
            options += [f"--iglob=!{name}" for name in (*SECRET_NAMES, *SECRET_FOLDERS)]
    return options


def _complaint(complaint: str, params: GrepParams) -> ToolOutcome:
    if "regex" in complaint and not params.literal:
        hint = "Correct the pattern, or set literal to search for it as plain text."
        return ToolOutcome(
            f"The pattern is not a valid regular expression.\n\n{complaint}\n\n{hint}",
            "invalid pattern",
            is_error=True,
        )
    return ToolOutcome(f"The search failed.\n\n{complaint}", "search failed", is_error=True)


def _outcome(results: _Results, stopped: bool) -> ToolOutcome:
    if not results.matches:
        return ToolOutcome("No matches.", "no matches")
    matches = count_text(results.matches, "match")
    files = count_text(len(results.files), "file")
    text = "\n".join(results.lines)
    if not stopped:
        return ToolOutcome(text, f"{matches} in {files}")
    most = matches if results.matches == results.limit else f"{size_text(MAX_BYTES)} or {MAX_LINES} lines"
    notice = f"[There are more: {most} are the most at once. Narrow the pattern, path or glob.]"
    return ToolOutcome(f"{text}\n\n{notice}", f"first {matches} in {files}")
