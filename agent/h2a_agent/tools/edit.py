"""Cut at any moment, `edit` has applied all of a call's edits or none of them."""

from __future__ import annotations

import codecs
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from pydantic import Field, model_validator

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
from h2a_agent.tools.matching import EditError, apply, locate
from h2a_agent.tools.params import PathText, Text, ToolParams, manual

__all__ = ["Edit", "EditParams", "EditTool"]

_BOM: Final = codecs.BOM_UTF8


class Edit(ToolParams):
    """One replacement."""

    old_text: Text = Field(
        description="The text to replace, exactly as it stands in the file and occurring only once. Add lines around it to make it unique."
    )
    new_text: Text = Field(description="What to put in its place.")


class EditParams(ToolParams):
    """Which replacements to make in which file."""

    path: PathText = Field(description="The file, relative to the working directory or absolute.")
    edits: list[Edit] = Field(
        min_length=1,
        description="The replacements. Each is matched against the file as it is now, not after the others; they may not overlap.",
    )

    @model_validator(mode="before")
    @classmethod
    def _as_models_send_it(cls, data: Any) -> Any:
        """Accept what models send now and then: the list as a JSON string, one edit alone, or its texts on top."""
        if not isinstance(data, dict):
            return data
        data = dict(data)
        if "edits" not in data and "old_text" in data:
            data["edits"] = [{key: data.pop(key) for key in ("old_text", "new_text") if key in data}]
        edits = data.get("edits")
        if isinstance(edits, str):
            try:
                edits = json.loads(edits)
            except ValueError:
                return data
        data["edits"] = [edits] if isinstance(edits, dict) else edits
        return data


@dataclass(frozen=True, slots=True)
class _Change:
    before: Snapshot
    data: bytes
    diff: Diff


class EditTool:
    """Replaces texts in a file."""

    name = "edit"
    params: type[Any] = EditParams
    effect = Effect.EDIT
    when_steered = WhenSteered.FINISH

    def __init__(self) -> None:
        self.description = manual("edit")

    def title(self, params: EditParams) -> str:
        """The path, and how many edits where there are several."""
        return params.path if len(params.edits) == 1 else f"{params.path} ({len(params.edits)} edits)"

    def paths(self, params: EditParams, ctx: ToolContext) -> tuple[Path, ...]:
        """The file."""
        return (ctx.resolve(params.path),)

    async def preview(self, params: EditParams, ctx: ToolContext) -> Preview:
        """The diff the edits make, or why they cannot be made."""
        path = ctx.resolve(params.path)
        try:
            change = await in_thread(_plan, path, params.edits, display_path(path, ctx.workspace), None)
        except FileProblem as problem:
            return Preview(problem.text)
        return Preview(change.diff.text, "diff")

    async def run(self, params: EditParams, ctx: ToolContext) -> ToolOutcome:
        """Make all the replacements, or say why none was made."""
        path = ctx.resolve(params.path)
        name = display_path(path, ctx.workspace)
        try:
            await in_thread(what_is, path)  # a loop of links has no real path to lock
            async with ctx.files.lock(path):
                change = await in_thread(_edit, path, params.edits, name, ctx.files.last_seen(path))
                ctx.files.remember(path, content_hash(change.data).hexdigest())
        except FileProblem as problem:
            return problem.outcome()
        brief = change.diff.brief
        return ToolOutcome(f"Edited {name} ({brief} lines).", brief, diff=change.diff.shown)


def _edit(path: Path, edits: list[Edit], name: str, last_seen: str | None) -> _Change:
    change = _plan(path, edits, name, last_seen)
    replace_file(path, change.data, change.before)
    return change


def _plan(path: Path, edits: list[Edit], name: str, last_seen: str | None) -> _Change:
    before = snapshot(path)
    if before.state is None:
        raise FileProblem(f"There is no file {path}. To make a new file, use write.", "no such file")
    check_seen(path, before, last_seen)
    bom = _BOM if before.data.startswith(_BOM) else b""
    old = _decode(path, before.data[len(bom) :])
    try:
        new = apply(old, locate(old, [(edit.old_text, edit.new_text) for edit in edits]))
    except EditError as error:
        which = f"Edit {error.index + 1} of {len(edits)}: " if len(edits) > 1 else ""
        raise FileProblem(f"{path} was not changed. {which}{error.text}", error.brief) from None
    if new == old:
        raise FileProblem(
            f"{path} was not changed: the result is what it already holds.", "nothing to change"
        )
    return _Change(before, bom + new.encode(), unified(old, new, name))


def _decode(path: Path, data: bytes) -> str:
    if b"\0" in data or data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        raise FileProblem(
            f"{path} is a binary file or UTF-16, which edit does not change. Use bash.", "not UTF-8 text"
        )
    try:
        return data.decode()
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise FileProblem(
            f"{path} is not UTF-8 (line {line}), which edit does not change, since bytes would be lost. Use bash, for example sed.",
            "not UTF-8 text",
        ) from None
