"""Cut at any moment, `edit` has applied all of a call's edits or none of them."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any, ClassVar

from pydantic import Field, model_validator

from h2a_agent.tools.base import Effect, Preview, ToolContext, ToolOutcome, WhenSteered
from h2a_agent.tools.change import Change, Plan, change_file, changeable_encoding, encoded, planned
from h2a_agent.tools.diff import unified
from h2a_agent.tools.disk import FileProblem, Snapshot, display_path, no_such
from h2a_agent.tools.encoding import visible
from h2a_agent.tools.matching import EditError, apply, locate
from h2a_agent.tools.params import Listed, PathText, Text, ToolParams, manual

__all__ = ["Edit", "EditParams", "EditTool"]


class Edit(ToolParams):
    """One replacement."""

    also: ClassVar[Mapping[str, str]] = {
        "old_string": "old_text",
        "new_string": "new_text",
        "old_str": "old_text",
        "new_str": "new_text",
    }

    old_text: Text = Field(
        description="The text to replace, exactly as it stands in the file and occurring only once. Add lines around it to make it unique."
    )
    new_text: Text = Field(description="What to put in its place.")


class EditParams(ToolParams):
    """Which replacements to make in which file."""

    example: ClassVar[Mapping[str, Any]] = {
        "path": "src/app.py",
        "edits": [{"old_text": "retries = 3", "new_text": "retries = 5"}],
    }

    path: PathText = Field(description="The file, relative to the working directory or absolute.")
    edits: Listed[Edit] = Field(
        min_length=1,
        description="The replacements. Each is matched against the file as it is now, not after the others; they may not overlap.",
    )

    @model_validator(mode="before")
    @classmethod
    def _one_edit_on_top(cls, data: Any) -> Any:
        """Accept the texts of one edit beside the path."""
        if not isinstance(data, dict) or "edits" in data:
            return data
        texts = {name: value for name, value in data.items() if Edit.names(name)}
        rest = {name: value for name, value in data.items() if name not in texts}
        return {**rest, "edits": [texts]} if texts else data


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
            change = await planned(path, ctx, _plan(path, params.edits, ctx))
        except FileProblem as problem:
            return Preview(problem.text)
        return Preview(change.diff.text, "diff")

    async def run(self, params: EditParams, ctx: ToolContext) -> ToolOutcome:
        """Make all the replacements, or say why none was made."""
        path = ctx.resolve(params.path)
        plan = _plan(path, params.edits, ctx)
        try:
            change = await change_file(path, ctx, plan, unread_allowed=True)
        except FileProblem as problem:
            return problem.outcome()
        brief = change.diff.brief
        name = display_path(path, ctx.workspace)
        return ToolOutcome(f"Edited {name} ({brief} lines).", brief, diff=change.diff.shown)


def _plan(path: Path, edits: list[Edit], ctx: ToolContext) -> Plan:
    return partial(_change, path=path, edits=edits, name=display_path(path, ctx.workspace))


def _change(before: Snapshot, path: Path, edits: list[Edit], name: str) -> Change:
    if before.state is None:
        raise no_such(path, " To make a new file, use write.")
    encoding = changeable_encoding(path, before.data)
    old = encoding.decode(before.data)
    try:
        new = apply(old, locate(old, [(edit.old_text, edit.new_text) for edit in edits]))
    except EditError as error:
        which = f"Edit {error.index + 1} of {len(edits)}: " if len(edits) > 1 else ""
        raise FileProblem(f"{path} was not changed. {which}{error.text}", error.brief) from None
    if new == old:
        raise FileProblem(
            f"{path} was not changed: the result is what it already holds.", "nothing to change"
        )
    return Change(before, encoded(path, new, encoding), unified(visible(old), visible(new), name))
