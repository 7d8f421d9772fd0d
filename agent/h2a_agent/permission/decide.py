"""What a call may do: at once, after a question, or not at all.

Decided from five things only: the mode, what the tool can do (`Effect`), the paths it names, the user's rules
(`rules.py`), and what the user has allowed before. Paths are judged both as written and with every symbolic link followed. Whatever
cannot be judged is asked about: this fails closed.

                        plan      ask       edits     full
    note something      allow     allow     allow     allow
    look, inside        allow     allow     allow     allow
    look, elsewhere     ask       ask       ask       allow
    edit, inside        deny      ask       allow     allow
    edit, elsewhere     deny      ask       ask       allow, but ask for what is obeyed
    run a command       deny      ask       ask       allow, but ask without a sandbox

A command that only looks (`looking.py`) counts as looking. It runs guarded: in an environment in which the repository's
own configuration makes it run nothing (`git.py`).

"Inside" is the workspace; for looking, the folder of long outputs too. "Elsewhere" is everything else, and files
inside that usually hold secrets; for edits also what a program would obey later without a question, such as `.git`
and shell start-up files.

"Allow for this session" remembers exactly one of: these arguments of this command; edits of this file; looking into this
folder and what is below it, secrets excepted (those by single file). It outranks an ask rule, but never plan mode or a deny rule.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from enum import Enum, StrEnum
from itertools import islice
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final, NamedTuple

from pydantic import BaseModel

from h2a_agent.permission.git import guard, names_programs
from h2a_agent.permission.looking import Look, look_at
from h2a_agent.permission.open_paths import is_of_the_system
from h2a_agent.permission.rules import Rule, Rules, Subject, propose_for_command, propose_for_path
from h2a_agent.permission.shell import Command, Unreadable, parse
from h2a_agent.sandbox.sandbox import Needs, must_ask
from h2a_agent.tools.base import Effect, Tool, ToolContext
from h2a_agent.tools.secret_files import looks_secret

__all__ = ["Judgement", "Mode", "Permission", "Verdict"]

_READ_ONLY: Final = (
    "Not allowed in plan mode: nothing may be changed or run. "
    "Look with read, grep, find, ls and plain commands that only read, and answer with a plan; the user can then leave plan mode."
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
_NOT_HELD_AGAINST: Final = "it cannot be told whether your rules deny it"
_MOST_NAMES: Final = 1000  # of one glob; a person would not look through more, either
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


class Judgement(NamedTuple):
    """What becomes of a call, and why: for the user when asked, for the model when denied.

    `env` goes on top of the environment of a command that runs unasked.
    """

    verdict: Verdict
    reason: str = ""
    env: Mapping[str, str] = MappingProxyType({})


_ALLOWED: Final = Judgement(Verdict.ALLOW)


class Permission:
    """The user's decisions for one session. Grants are kept in memory and end with it.

    `own` are the program's own files and folders (settings, sessions): an edit of them is always asked about.
    """

    def __init__(self, own: Sequence[Path] = (), rules: Rules | None = None) -> None:
        self.rules = rules or Rules()
        self._own = tuple(own)
        self._commands: set[tuple[str, str]] = set()
        self._edits: set[Path] = set()
        self._files: set[Path] = set()
        self._folders: set[Path] = set()

    def decide(self, mode: Mode | str, tool: Tool[Any], params: BaseModel, ctx: ToolContext) -> Judgement:
        """Whether the call may run in `mode`. Of a command it may take some milliseconds: for a thread."""
        if mode not in Mode.__members__.values():
            return Judgement(Verdict.DENY, f"There is no permission mode {mode!r}.")
        if tool.effect is Effect.NOTE:
            return _ALLOWED
        if tool.effect is Effect.EXECUTE:
            return self._decide_command(mode, tool, params, ctx)
        subject: Subject = "read" if tool.effect is Effect.READ else "edit"
        paths = tool.paths(params, ctx)
        ruled = self._ruled(subject, paths, ctx)
        if ruled.verdict is Verdict.DENY:
            return ruled
        if mode == Mode.PLAN and subject == "edit":
            return Judgement(Verdict.DENY, _READ_ONLY)
        if ruled.verdict is Verdict.ASK:
            return ruled
        if mode == Mode.FULL:
            return self._own_rights(paths, ctx) if subject == "edit" else ruled
        return self._decide_read(paths, ctx) if subject == "read" else self._decide_edit(mode, paths, ctx)

    def _own_rights(self, paths: Sequence[Path], ctx: ToolContext) -> Judgement:
        """Also where everything runs unasked the agent may not give itself rights: hooks, start-up files, our settings."""
        for path in paths:
            real = _judged(path, ctx)
            if real is None or (
                real not in self._edits and (self._is_obeyed(path, ctx) or self._is_obeyed(real, ctx))
            ):
                return Judgement(Verdict.ASK, "changes a file that programs obey without asking")
        return _ALLOWED

    def allow_always(self, text: str) -> None:
        """The user has made the rule `text`.

        Raises:
            RuleError: it is none.
        """
        self.rules = Rules((*self.rules.allow, Rule.parse(text)), self.rules.ask, self.rules.deny)

    def propose(self, tool: Tool[Any], params: BaseModel, ctx: ToolContext) -> str:
        """The rule that would have allowed exactly this call, "" where there is none."""
        if tool.effect is Effect.EXECUTE:
            return self._propose_for_line(getattr(params, "command", ""))
        subject: Subject = "read" if tool.effect is Effect.READ else "edit"
        for path in tool.paths(params, ctx):
            real = _judged(path, ctx)
            if real is None or looks_secret(real) or looks_secret(path) or self._is_obeyed(real, ctx):
                return ""
            if subject == "read" and (real.is_dir() or _is_wide(real.parent, ctx)):
                return "" if real.is_dir() and _is_wide(real, ctx) else propose_for_path(subject, str(real))
            below = _below(real, ctx.workspace)
            return propose_for_path(subject, str(real) if below is None else below.as_posix())
        return ""

    def grant(self, tool: Tool[Any], params: BaseModel, ctx: ToolContext) -> None:
        """The user has allowed the call for the session; see the top of this file for what that covers."""
        if tool.effect is Effect.EXECUTE:
            self._commands.add((tool.name, _arguments(params)))
            return
        for path in tool.paths(params, ctx):
            real = _judged(path, ctx)
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

    # ------------------------------------------------------------- commands

    def _decide_command(
        self, mode: Mode | str, tool: Tool[Any], params: BaseModel, ctx: ToolContext
    ) -> Judgement:
        line = str(getattr(params, "command", ""))
        said, rule = self.rules.on_line(line)
        if said == "deny":
            return Judgement(Verdict.DENY, _denied_by(rule))
        granted = (tool.name, _arguments(params)) in self._commands
        commands = _parsed(line)
        looked = look_at(commands) if commands else None
        if mode == Mode.PLAN and looked is None:
            return Judgement(Verdict.DENY, _READ_ONLY)
        if said == "ask" and not granted:
            return Judgement(Verdict.ASK, f"your rule asks: {rule}" if rule else _NOT_HELD_AGAINST)
        needs: Needs = getattr(params, "needs", "nothing")
        risk = must_ask(ctx.sandbox, needs)
        if (granted and mode != Mode.PLAN) or (mode == Mode.FULL and not risk):
            return _ALLOWED
        if risk and needs != "nothing":  # no rule is about leaving the sandbox
            return Judgement(Verdict.ASK, f"runs a command {risk}")
        judged = (
            self._decide_look(looked, ctx)
            if looked
            else Judgement(Verdict.ASK, f"runs a command {risk}".strip())
        )
        covered = commands and all(self._covers(command, ctx) for command in commands)
        if judged.verdict is Verdict.ASK and mode != Mode.PLAN and covered:
            return _ALLOWED
        return judged

    def _decide_look(self, looked: Look, ctx: ToolContext) -> Judgement:
        """A command that only looks: also where it may?"""
        paths = tuple(path for path in _expanded(looked.paths, ctx) if not _is_of_the_system(path))
        ruled = self._ruled("read", paths, ctx)
        if ruled.verdict is not Verdict.ALLOW:
            return ruled
        if paths and (judged := self._decide_read(paths, ctx)).verdict is not Verdict.ALLOW:
            return judged
        if any(
            (folder / name).exists()
            for folder in (ctx.workspace, *ctx.workspace.parents)
            for name in looked.obeys
        ):
            return Judgement(Verdict.ASK, "may run what this repository's settings name")
        if looked.git and names_programs(ctx.workspace):
            return Judgement(Verdict.ASK, "this repository's git configuration names programs to run")
        return Judgement(Verdict.ALLOW, "", guard())

    def _covers(self, command: Command, ctx: ToolContext) -> bool:
        """Does an allow rule cover it, or does it only look, without git, which would run unguarded?"""
        if self.rules.allows(command):
            return True
        looked = look_at((command,))
        return (
            looked is not None
            and not (looked.git or looked.obeys)
            and self._decide_look(looked, ctx).verdict is Verdict.ALLOW
        )

    def _propose_for_line(self, line: str) -> str:
        commands = _parsed(line)
        asked = [one for one in commands if not self.rules.allows(one) and look_at((one,)) is None]
        return propose_for_command(asked[0]) if len(asked) == 1 else ""

    # ---------------------------------------------------------------- paths

    def _ruled(self, subject: Subject, paths: tuple[Path, ...], ctx: ToolContext) -> Judgement:
        """What deny and ask rules say of these paths; what the user granted since needs no question."""
        asked = _ALLOWED
        for path in paths:
            real = _judged(path, ctx)
            forms = (Path(os.path.normpath(path)), *([] if real is None else [real]))
            searched = subject == "read" and real is not None and real.is_dir()
            said, rule = self.rules.on_path(subject, forms, ctx.workspace, searched)
            if said == "deny":
                return Judgement(Verdict.DENY, _denied_by(rule))
            if said == "ask" and real not in (self._edits if subject == "edit" else self._files):
                asked = Judgement(Verdict.ASK, f"your rule asks: {rule}")
        return asked

    def _decide_read(self, paths: tuple[Path, ...], ctx: ToolContext) -> Judgement:
        for path in paths:
            real = _judged(path, ctx)
            if real is None:
                return Judgement(Verdict.ASK, f"looks at {path}, which cannot be resolved")
            secret = looks_secret(path) or looks_secret(real)
            if real in self._files or self.rules.allows_path("read", real, ctx.workspace, secret):
                continue
            if secret:
                return Judgement(Verdict.ASK, "looks at a file that may hold secrets")
            if any(_is_inside(real, folder) for folder in (ctx.workspace, ctx.spill_dir, *self._folders)):
                continue
            return Judgement(Verdict.ASK, f"looks outside the workspace, at {real}")
        return _ALLOWED if paths else Judgement(Verdict.ASK, "does not say what it looks at")

    def _decide_edit(self, mode: Mode | str, paths: tuple[Path, ...], ctx: ToolContext) -> Judgement:
        for path in paths:
            real = _judged(path, ctx)
            if real is None:
                return Judgement(Verdict.ASK, f"changes {path}, which cannot be resolved")
            secret = looks_secret(path) or looks_secret(real)
            obeyed = self._is_obeyed(path, ctx) or self._is_obeyed(real, ctx)
            if real in self._edits or self.rules.allows_path("edit", real, ctx.workspace, secret or obeyed):
                continue
            if not _is_inside(real, ctx.workspace):
                return Judgement(Verdict.ASK, f"changes a file outside the workspace, {real}")
            if secret:
                return Judgement(Verdict.ASK, "changes a file that may hold secrets")
            if obeyed:
                return Judgement(Verdict.ASK, "changes a file that programs obey without asking")
            if mode != Mode.EDITS:
                return Judgement(Verdict.ASK, "changes a file")
        return _ALLOWED if paths else Judgement(Verdict.ASK, "does not say what it changes")

    def _is_obeyed(self, path: Path, ctx: ToolContext) -> bool:
        if any(_is_inside(path, own) for own in self._own):
            return True
        # The workspace's own name and place say nothing: only what is below it counts.
        below = _below(path, ctx.workspace) or path
        return any(part.lower() in _OBEYED for part in below.parts)


def _parsed(line: str) -> tuple[Command, ...]:
    """The commands of the line, none when it is more than simple commands."""
    try:
        return parse(line)
    except Unreadable:
        return ()


def _below(path: Path, workspace: Path) -> Path | None:
    """`path` as seen from the workspace, None when it is not in there."""
    tops = (workspace, workspace.resolve())
    return next((path.relative_to(top) for top in tops if path.is_relative_to(top)), None)


def _expanded(paths: tuple[str, ...], ctx: ToolContext) -> Iterator[Path]:
    """`paths` as bash would have them: what a glob stands for may lie behind a link."""
    for path in paths:
        whole = ctx.resolve(path)
        yield whole
        if any(char in path for char in "*?["):
            yield from islice(Path("/").glob(str(whole.absolute()).lstrip("/")), _MOST_NAMES)


def _is_of_the_system(path: Path) -> bool:
    real = _real(path)
    return (
        real is not None
        and is_of_the_system(str(path))
        and is_of_the_system(str(real))
        and not looks_secret(real)
    )


def _denied_by(rule: str) -> str:
    return f"Not allowed: the user's rule {rule} denies it. Do not try another way; ask the user if it is needed."


def _arguments(params: BaseModel) -> str:
    return params.model_dump_json(exclude=set(_NO_EFFECT))


def _judged(path: Path, ctx: ToolContext) -> Path | None:
    """`path` as the tool will open it, whatever its links become; None where that cannot be told for certain."""
    return ctx.real(path) if _real(path) is not None else None


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
