"""How a tool changes a file, and how a change is taken back.

One way for all tools: in the file's turn, look at it, refuse what would lose something the model has not seen,
plan, keep the old content for `/undo`, write whole or not at all. A preview is the same up to the plan.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from h2a_agent.tools.base import Files, ToolContext
from h2a_agent.tools.diff import Diff, unified
from h2a_agent.tools.disk import (
    FileProblem,
    Snapshot,
    content_hash,
    display_path,
    snapshot,
)
from h2a_agent.tools.encoding import Encoding, encoding_of, visible
from h2a_agent.tools.finish import in_thread
from h2a_agent.tools.replace import check_seen, remove_file, replace_file
from h2a_agent.tools.undo import Kept

__all__ = [
    "Change",
    "Plan",
    "Restored",
    "change_file",
    "changeable_encoding",
    "encoded",
    "planned",
    "restore",
]

_BYTES: Final = Encoding("bytes", "latin-1")
_NOTHING: Final = {
    False: "Nothing to undo: no file has been edited since the program started.",
    True: "Nothing to redo.",
}


@dataclass(frozen=True, slots=True)
class Change:
    """What would become of a file."""

    before: Snapshot
    data: bytes
    diff: Diff

    @property
    def is_needed(self) -> bool:
        """Does it change anything?"""
        return self.before.state is None or self.data != self.before.data


Plan = Callable[[Snapshot], Change]


async def change_file(path: Path, ctx: ToolContext, plan: Plan, *, unread_allowed: bool) -> Change:
    """Make the change `plan` makes of what `path` holds, and remember what the model now knows of it.

    Raises:
        FileProblem: nothing was changed, and why.
    """
    real = await in_thread(ctx.real, path)
    async with ctx.files.lock(real):
        last_seen = ctx.files.last_seen(real)
        change = await in_thread(_make, real, ctx, plan, last_seen, unread_allowed)
        ctx.files.remember(real, content_hash(change.data).hexdigest())
    return change


async def planned(path: Path, ctx: ToolContext, plan: Plan) -> Change:
    """What `plan` would make of what `path` holds; nothing is changed.

    Raises:
        FileProblem: it cannot be made.
    """
    return await in_thread(lambda: plan(snapshot(ctx.real(path))))


def _make(real: Path, ctx: ToolContext, plan: Plan, last_seen: str | None, unread_allowed: bool) -> Change:
    before = snapshot(real)
    check_seen(real, before, last_seen, unread_allowed=unread_allowed)
    change = plan(before)
    if change.is_needed:
        replace_file(real, change.data, before)
        old = before.data if before.state is not None else None
        ctx.files.undo.changed(real, old, content_hash(change.data).hexdigest(), ctx.spill_dir)
    return change


# ------------------------------------------------------------------ encodings


def changeable_encoding(path: Path, data: bytes) -> Encoding:
    """The encoding of a file that a tool is to change.

    Raises:
        FileProblem: it is no text, or stored in a way that the tools do not change.
    """
    encoding = encoding_of(data)
    if encoding is None or encoding.is_wide:
        kind = "a binary file" if encoding is None else f"{encoding.name} text"
        raise FileProblem(f"{path} is {kind}, which this tool does not change. Use bash.", f"is {kind}")
    return encoding


def encoded(path: Path, text: str, encoding: Encoding) -> bytes:
    """The bytes of a file with this text.

    Raises:
        FileProblem: its encoding has not all the characters.
    """
    try:
        return encoding.encode(text)
    except UnicodeEncodeError as error:
        missing = text[error.start]
        raise FileProblem(
            f"{path} was not changed: it is stored as {encoding.name}, which has no {missing!r}. "
            "Write it another way, or convert the file to UTF-8 first (iconv).",
            f"{encoding.name} has no {missing!r}",
        ) from None


# ---------------------------------------------------------------- taking back


@dataclass(frozen=True, slots=True)
class Restored:
    """A file that holds again what it held: its name for people, and what that changed."""

    name: str
    diff: Diff


async def restore(files: Files, workspace: Path, folder: Path, *, redo: bool) -> Restored:
    """Take the last change back (`redo`: make it again), byte for byte. `folder` keeps what it replaces.

    The model is not told that it knows the content: its next edit of the file asks it to read it again.

    Raises:
        FileProblem: there is none, or the file has changed since; then nothing was changed.
    """
    async with files.undo.lock:
        kept = files.undo.last(redo=redo)
        if kept is None:
            raise FileProblem(_NOTHING[redo], "nothing to do")
        async with files.lock(kept.path):
            restored = await in_thread(_restore, files, kept, workspace, folder, redo)
    return restored


def _restore(files: Files, kept: Kept, workspace: Path, folder: Path, redo: bool) -> Restored:
    name = display_path(kept.path, workspace.resolve())
    now = snapshot(kept.path)
    if now.digest != kept.since:
        verb = "redone" if redo else "undone"
        raise FileProblem(f"Not {verb}: {name} has been changed since.", "changed since")
    try:
        content = kept.content()
    except OSError as error:
        raise FileProblem(f"What {name} held was not kept: {error.strerror or error}.", "not kept") from None
    if content is None:
        remove_file(kept.path, now)
    else:
        replace_file(kept.path, content, now)
    since = None if content is None else content_hash(content).hexdigest()
    held = now.data if now.state is not None else None
    files.undo.moved(kept, held, since, folder, redo=redo)
    return Restored(name, unified(_text(held), _text(content) or "", name))


def _text(data: bytes | None) -> str | None:
    return None if data is None else visible((encoding_of(data) or _BYTES).decode(data))
