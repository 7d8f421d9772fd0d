"""What a call may do: at once, after a question, or not at all.

Decided from four things only: the mode, what the tool can do (`Effect`), the paths it names, and what the user has
allowed before. Paths are judged both as written and with every symbolic link followed. Whatever
cannot be judged is asked about: this fails closed.

                        plan      ask       edits     full
    look, inside        allow     allow     allow     allow
    look, elsewhere     ask       ask       ask       allow
    edit, inside        deny      ask       allow     allow
    edit, elsewhere     deny      ask       ask       allow
    run a command       deny      ask       ask       allow

"Inside" is the workspace; for looking, the folder of long outputs too. "Elsewhere" is everything else, and files
inside that usually hold secrets; for edits also what a program would obey later without a question, such as `.git`
and shell start-up files.

"Allow for this session" remembers exactly one of: these arguments of this command; edits of this file; looking into this
folder and what is below it, secrets excepted (those by single file). It never outranks plan mode.
"""

from __future__ import annotations

from collections.abc import Sequence
from enum import Enum, StrEnum
from pathlib import Path
from typing import Any, Final

from pydantic import BaseModel

from h2a_agent.tools.base import Effect, Tool, ToolContext
from h2a_agent.tools.secret_files import looks_secret

__all__ = ["Mode", "Permission", "Verdict"]

_READ_ONLY: Final = (
    "Not allowed in plan mode: nothing may be changed or run. "
    "Look with read, grep, find and ls, and answer with a plan; the user can then leave plan mode."
)
# Programs obey these later, without asking: version control (hooks), shells, direnv, this one.
_OBEYED: Final = frozenset(
    {
        ".git",
        ".hg",
        ".svn",
        ".h2a",
        ".h2a-chat",
        ".bashrc",
        ".bash_profile",
        ".bash_login",
        ".bash_logout",
        ".profile",
        ".zshrc",
        ".zshenv",
        ".zprofile",
        ".zlogin",
        ".envrc",
        ".gitconfig",
        ".gitmodules",
    }
)
_NO_EFFECT: Final = frozenset({"timeout_s"})  # how long a command may take is not what it does


class Mode(StrEnum):
    """How much runs without a question."""

    PLAN = "plan"
    ASK = "ask"
    EDITS = "edits"
    FULL = "full"

    @property
    def meaning(self) -> str:
        """The mode in one line, for people."""
        return _MEANINGS[self]


_MEANINGS: Final = {
    Mode.PLAN: "look only; nothing is changed or run",
    Mode.ASK: "ask before anything is changed or run",
    Mode.EDITS: "edit files of the workspace at once, ask before commands",
    Mode.FULL: "everything at once, without a question",
}


class Verdict(Enum):
    """What becomes of a call."""

    ALLOW = "allow"
    ASK = "ask"
    DENY = "deny"


class Permission:
    """The user's decisions for one session. Grants are kept in memory and end with it.

    `own` are the program's own files and folders (settings, sessions): an edit of them is always asked about.
    """

    def __init__(self, own: Sequence[Path] = ()) -> None:
        self._own = tuple(own)
        self._commands: set[tuple[str, str]] = set()
        self._edits: set[Path] = set()
        self._files: set[Path] = set()
        self._folders: set[Path] = set()

    def decide(
        self, mode: Mode | str, tool: Tool[Any], params: BaseModel, ctx: ToolContext
    ) -> tuple[Verdict, str]:
        """Whether the call may run in `mode`, with the reason: for the user when asked, for the model when denied."""
        if mode not in Mode.__members__.values():
            return Verdict.DENY, f"There is no permission mode {mode!r}."
        if mode == Mode.FULL:
            return Verdict.ALLOW, ""
        if tool.effect is Effect.READ:
            return self._decide_read(tool.paths(params, ctx), ctx)
        if mode == Mode.PLAN:
            return Verdict.DENY, _READ_ONLY
        if tool.effect is Effect.EDIT:
            return self._decide_edit(mode, tool.paths(params, ctx), ctx)
        if (tool.name, _arguments(params)) in self._commands:
            return Verdict.ALLOW, ""
        return Verdict.ASK, "runs a command"

    def grant(self, tool: Tool[Any], params: BaseModel, ctx: ToolContext) -> None:
        """The user has allowed the call for the session; see the top of this file for what that covers."""
        if tool.effect is Effect.EXECUTE:
            self._commands.add((tool.name, _arguments(params)))
            return
        for path in tool.paths(params, ctx):
            real = _real(path)
            if real is None:
                continue
            if tool.effect is Effect.EDIT:
                self._edits.add(real)
            elif looks_secret(path) or looks_secret(real):
                self._files.add(real)
            else:
                self._grant_folder(real, ctx)

    def _grant_folder(self, real: Path, ctx: ToolContext) -> None:
        folder = real if real.is_dir() else real.parent
        # A folder that holds nearly everything is not what was meant: then only the one thing that was asked for.
        if _is_wide(folder, ctx):
            self._files.add(real)
        else:
            self._folders.add(folder)

    def _decide_read(self, paths: tuple[Path, ...], ctx: ToolContext) -> tuple[Verdict, str]:
        for path in paths:
            real = _real(path)
            if real is None:
                return Verdict.ASK, f"looks at {path}, which cannot be resolved"
            if real in self._files:
                continue
            if looks_secret(path) or looks_secret(real):
                return Verdict.ASK, "looks at a file that may hold secrets"
            if any(_is_inside(real, folder) for folder in (ctx.workspace, ctx.spill_dir, *self._folders)):
                continue
            return Verdict.ASK, f"looks outside the workspace, at {real}"
        return (Verdict.ALLOW, "") if paths else (Verdict.ASK, "does not say what it looks at")

    def _decide_edit(
        self, mode: Mode | str, paths: tuple[Path, ...], ctx: ToolContext
    ) -> tuple[Verdict, str]:
        for path in paths:
            real = _real(path)
            if real is None:
                return Verdict.ASK, f"changes {path}, which cannot be resolved"
            if real in self._edits:
                continue
            if not _is_inside(real, ctx.workspace):
                return Verdict.ASK, f"changes a file outside the workspace, {real}"
            if looks_secret(path) or looks_secret(real):
                return Verdict.ASK, "changes a file that may hold secrets"
            if self._is_obeyed(path, ctx) or self._is_obeyed(real, ctx):
                return Verdict.ASK, "changes a file that programs obey without asking"
            if mode != Mode.EDITS:
                return Verdict.ASK, "changes a file"
        return (Verdict.ALLOW, "") if paths else (Verdict.ASK, "does not say what it changes")

    def _is_obeyed(self, path: Path, ctx: ToolContext) -> bool:
        if any(_is_inside(path, own) for own in self._own):
            return True
        # The workspace's own name and place say nothing: only what is below it counts.
        below = next(
            (
                path.relative_to(top).parts
                for top in (ctx.workspace, ctx.workspace.resolve())
                if path.is_relative_to(top)
            ),
            path.parts,
        )
        return any(part.lower() in _OBEYED for part in below)


def _arguments(params: BaseModel) -> str:
    return params.model_dump_json(exclude=set(_NO_EFFECT))


def _real(path: Path) -> Path | None:
    """`path` with every link followed, whether or not it exists; None where that cannot be told for certain."""
    try:
        path.stat()
    except (FileNotFoundError, NotADirectoryError):
        pass
    except (OSError, ValueError):  # a loop of links, a folder we may not look into, a name no file can have
        return None
    try:
        return path.resolve()
    except (OSError, RuntimeError):
        return None


def _is_inside(real: Path, folder: Path) -> bool:
    home = _real(folder)
    return home is not None and real.is_relative_to(home)


def _is_wide(folder: Path, ctx: ToolContext) -> bool:
    """Is it a folder above the user's own or above the workspace, or one of the two?"""
    own = (_real(Path.home()), _real(ctx.workspace))
    return any(one is not None and one.is_relative_to(folder) for one in own)
