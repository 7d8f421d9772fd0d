"""Cut at any moment, `grep` has changed nothing, and its search is ended."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, ClassVar, Final, Literal

from pydantic import BeforeValidator, Field

from h2a_agent.tools.base import Effect, Preview, ToolContext, ToolOutcome, WhenSteered
from h2a_agent.tools.disk import FileProblem
from h2a_agent.tools.grep_results import LINE_CHARACTERS, FileResults, LineResults, Results
from h2a_agent.tools.params import Listed, PathText, Text, ToolParams, manual
from h2a_agent.tools.ripgrep import SEARCH_S, Ended, records
from h2a_agent.tools.search import WITHOUT_SECRETS, Place, place_of, secrets_notice
from h2a_agent.tools.secret_files import looks_secret
from h2a_agent.tools.truncate import MAX_BYTES, MAX_LINES, count_text, size_text

__all__ = ["GrepParams", "GrepTool"]

MAX_MATCHES: Final = 100
MAX_FILES: Final = 1000
MAX_CONTEXT: Final = 20
_EVERYTHING: Final = frozenset({"*", "**", "**/*"})
_MODES: Final = {"content": "lines", "files_with_matches": "files", "counts": "count"}


def _mode(value: Any) -> Any:
    return _MODES.get(value, value) if isinstance(value, str) else value


def _around(what: str) -> Any:
    return Field(default=0, ge=0, le=MAX_CONTEXT, description=f"How many lines to show {what} each match.")


class GrepParams(ToolParams):
    """What to look for where."""

    also: ClassVar[Mapping[str, str]] = {
        "query": "pattern",
        "regex": "pattern",
        "include": "glob",
        "file_type": "type",
        "output_mode": "mode",
        "head_limit": "limit",
        "case_insensitive": "ignore_case",
        "fixed_strings": "literal",
        "-i": "ignore_case",
        "-A": "after",
        "-B": "before",
        "-C": "context",
    }
    example: ClassVar[Mapping[str, Any]] = {"pattern": "def main", "path": "src", "glob": "*.py"}

    pattern: Text = Field(
        min_length=1, description="A regular expression (Rust syntax), or plain text with `literal`."
    )
    path: PathText = Field(
        default=".", description="The file or folder to search; by default the working directory."
    )
    glob: Listed[Text] = Field(
        default=[],
        description="Only files that match one of these, such as `*.py` or `src/**/*.ts`; `!` before one leaves out.",
    )
    type: Text = Field(default="", description="Only files of this type, such as `py`, `ts` or `rust`.")
    mode: Annotated[Literal["lines", "files", "count"], BeforeValidator(_mode)] = Field(
        default="lines",
        description="`lines` that match; only the `files` they are in; or for each file the `count` of its matching lines.",
    )
    ignore_case: bool = Field(default=False, description="Take upper and lower case as equal.")
    literal: bool = Field(default=False, description="Take the pattern as plain text.")
    multiline: bool = Field(default=False, description="Let a match span lines; `.` matches line ends, too.")
    context: int = _around("before and after")
    before: int = _around("before")
    after: int = _around("after")
    limit: int = Field(
        default=MAX_FILES,
        ge=1,
        description=f"How many matching lines, at most {MAX_MATCHES}, or files, at most {MAX_FILES}.",
    )
    offset: int = Field(default=0, ge=0, description="How many of them to skip first, to go on.")


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
        where = f" in {params.path}" if params.path != "." else ""
        which = f" ({', '.join(params.glob)})" if params.glob else ""
        return f"{params.pattern}{where}{which}"

    def paths(self, params: GrepParams, ctx: ToolContext) -> tuple[Path, ...]:
        """The file or folder."""
        return (ctx.resolve(params.path),)

    async def preview(self, params: GrepParams, ctx: ToolContext) -> Preview:
        """The pattern and the absolute path."""
        return Preview(f"{params.pattern}\nin {ctx.resolve(params.path)}")

    async def run(self, params: GrepParams, ctx: ToolContext) -> ToolOutcome:
        """Search."""
        path = ctx.resolve(params.path)
        skips_secrets = not looks_secret(path) and not looks_secret(ctx.real(path))
        left_out = ""
        try:
            place = await place_of(path, ctx)
            results = _results(params, place)
            options = _options(params, skips_secrets=skips_secrets and place.is_folder)
            arguments = [*options, "-e", params.pattern, "--", place.target]
            separator = b"\0" if params.mode == "files" else b"\n"
            ended = await records(arguments, place.folder, separator, results.take, ctx.workspace)
            if skips_secrets and place.is_folder and not ended.complaint:
                left_out = await secrets_notice(place, params.glob, ctx)
        except FileProblem as problem:
            return problem.outcome()
        if ended.complaint and not results.found:
            return _complaint(ended.complaint, params)
        return _outcome(results, ended, params, left_out)


def _results(params: GrepParams, place: Place) -> Results:
    if params.mode == "lines":
        limit = min(params.limit, MAX_MATCHES)
        context = bool(params.context or params.before or params.after)
        return LineResults(place.prefix, limit, params.offset, context)
    limit = min(params.limit, MAX_FILES)
    return FileResults(place.prefix, limit, params.offset, counts=params.mode == "count")


def _options(params: GrepParams, *, skips_secrets: bool) -> list[str]:
    options = ["--with-filename", "--null"]
    match params.mode:
        case "files":
            options.append("--files-with-matches")
        case "count":
            options.append("--count")
        case "lines":
            options += ["--no-heading", "--line-number", "--no-context-separator"]
            options += [f"--max-columns={LINE_CHARACTERS * 4}", "--max-columns-preview"]
            options.append(f"--before-context={params.before or params.context}")
            options.append(f"--after-context={params.after or params.context}")
    wanted = {
        "--ignore-case": params.ignore_case,
        "--fixed-strings": params.literal,
        "--multiline": params.multiline,
        "--multiline-dotall": params.multiline,
        f"--type={params.type}": params.type,
    }
    options += [option for option, is_wanted in wanted.items() if is_wanted]
    # A glob counts before .gitignore; one that leaves nothing out would only bring back what that excludes.
    options += [f"--glob={glob}" for glob in params.glob if glob not in _EVERYTHING]
    options.append("--glob=!.git")
    return [*options, *WITHOUT_SECRETS] if skips_secrets else options


def _complaint(complaint: str, params: GrepParams) -> ToolOutcome:
    if "unrecognized file type" in complaint:
        hint = "Use glob instead, such as `*.py`."
        return ToolOutcome(f"There is no file type {params.type!r}. {hint}", "no such type", is_error=True)
    if "regex" in complaint and not params.literal:
        hint = "Correct the pattern, or set literal to search for it as plain text."
        return ToolOutcome(
            f"The pattern is not a valid regular expression.\n\n{complaint}\n\n{hint}",
            "invalid pattern",
            is_error=True,
        )
    return ToolOutcome(f"The search failed.\n\n{complaint}", "search failed", is_error=True)


def _outcome(results: Results, ended: Ended, params: GrepParams, left_out: str) -> ToolOutcome:
    files = count_text(len(results.files), "file")
    brief = files if params.mode != "lines" else f"{count_text(results.found, 'match')} in {files}"
    notices = [left_out] if left_out else []
    if ended.late:
        notices.insert(
            0, f"[Stopped after {SEARCH_S:.0f} s; not everything was searched. Narrow path or glob.]"
        )
    if not results.found:
        none = f"No matches after the first {params.offset}." if params.offset else "No matches."
        return ToolOutcome(
            "\n\n".join((none, *notices)), "stopped, took too long" if ended.late else "no matches"
        )
    if not ended.stopped:
        return ToolOutcome("\n\n".join(("\n".join(results.lines), *notices)), brief)
    if not ended.late:
        limit = min(params.limit, MAX_MATCHES if params.mode == "lines" else MAX_FILES)
        noun = "match" if params.mode == "lines" else "file"
        at_limit = results.found == limit
        most = count_text(limit, noun) if at_limit else f"{size_text(MAX_BYTES)} or {MAX_LINES} lines"
        go_on = f"Narrow the pattern, path or glob, or go on with offset={params.offset + results.found}."
        notices.insert(0, f"[There are more: {most} are the most at once. {go_on}]")
    return ToolOutcome("\n\n".join(("\n".join(results.lines), *notices)), f"first {brief}")
