"""What a tool is: the protocol the runner runs, and what a call gets and gives.

The runner (`tool_runner.py`) owns approval, time, interruption, order and the size of what the model
reads; a tool only does its work. An expected failure (no such file, no match) is a returned `ToolOutcome`
with `is_error`, never an exception.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import Enum
from pathlib import Path
from typing import Any, Final, Literal, Protocol, TypeVar

from pydantic import BaseModel

from h2a_agent.content import ImageBlock
from h2a_agent.sandbox.sandbox import OFF, Sandbox
from h2a_agent.tools.jobs import Jobs
from h2a_agent.tools.undo import Undo

__all__ = ["Effect", "Files", "Preview", "Tool", "ToolContext", "ToolOutcome", "WhenSteered"]

P_contra = TypeVar("P_contra", bound=BaseModel, contravariant=True)


class Effect(Enum):
    """What a tool can do to the world; the permission modes are defined on it."""

    NOTE = "note"  # nothing outside the conversation, neither looked at nor changed
    READ = "read"
    EDIT = "edit"
    EXECUTE = "execute"


class WhenSteered(Enum):
    """What becomes of a running call when the user steers or aborts.

    `CANCEL`: its task is cancelled; it may return what it has so far instead of raising. `FINISH`: it is
    never cut in the middle (it takes milliseconds) and its real result counts.
    """

    CANCEL = "cancel"
    FINISH = "finish"


@dataclass(frozen=True, slots=True)
class ToolOutcome:
    """What a call came to.

    `text` is for the model, `brief` one short line for people. `diff` is a unified diff when a file
    changed. `stopped` is true when the call was cut and `text` holds what there was.
    """

    text: str
    brief: str
    is_error: bool = False
    images: tuple[ImageBlock, ...] = ()
    diff: str = ""
    stopped: bool = False


@dataclass(frozen=True, slots=True)
class Preview:
    """All of what a call would run or change, for the approval question."""

    text: str
    kind: Literal["command", "diff", "text"] = "text"


class Files:
    """What the agent knows of the files it works on: their order of change, and what was last read of them.

    One per session. `lock(path)` serialises changes of one real path; locks are handed out in the order
    they were asked for, so two edits of one response apply in the model's order. `seen` remembers the
    content hash the model last read, so that an edit of a file somebody else has changed can be refused.
    `undo` keeps what the files held before.
    """

    def __init__(self) -> None:
        self._locks: dict[Path, asyncio.Lock] = {}
        self._seen: dict[Path, str] = {}
        self.undo: Final = Undo()

    def lock(self, path: Path) -> asyncio.Lock:
        """The lock of `path`'s real file."""
        return self._locks.setdefault(_real(path), asyncio.Lock())

    def remember(self, path: Path, digest: str) -> None:
        """The model has now seen (or written) this content of `path`."""
        self._seen[_real(path)] = digest

    def last_seen(self, path: Path) -> str | None:
        """The digest last remembered for `path`, None when the model has not read it."""
        return self._seen.get(_real(path))


@dataclass(frozen=True, slots=True)
class ToolContext:
    """What one call may use.

    `workspace` is where relative paths start and commands run. `emit` shows a piece of output while the
    call runs (text fit for a terminal is the runner's business). `spill_dir` is where output too long for
    the model goes whole; it exists. `jobs` are the commands in the background; `goes_on` answers, when a call is cancelled,
    whether the user wants a running command to go on as one. `sandbox` holds commands in. `env` goes on top of
    the environment of a command.
    """

    workspace: Path
    spill_dir: Path
    call_id: str = "call"
    emit: Callable[[str], None] = field(default=lambda _text: None)
    files: Files = field(default_factory=Files)
    jobs: Jobs = field(default_factory=Jobs)
    goes_on: Callable[[], bool] = field(default=lambda: False)
    sandbox: Sandbox = OFF
    env: dict[str, str] = field(default_factory=dict)
    _reals: dict[Path, Path] = field(default_factory=dict, init=False)

    def resolve(self, path: str) -> Path:
        """`path` as an absolute path: `~` expanded, relative paths taken from the workspace. Not resolved."""
        return self.workspace / Path(path).expanduser()

    def real(self, path: Path) -> Path:
        """Where `path` leads with every link followed, found out once per call.

        Permission is decided on it and the tools open it without following any link, so a link that is
        exchanged in between changes nothing.
        """
        if path not in self._reals:
            self._reals[path] = _real(path)
        return self._reals[path]


class Tool(Protocol[P_contra]):
    """One tool. Stateless: everything of a call comes in by parameter.

    `description` is what the model reads, kept as Markdown beside the code. `params` is a pydantic model
    whose field descriptions are the manual; its `model_json_schema()` goes to the provider.
    """

    name: str
    description: str
    params: type[Any]
    effect: Effect
    when_steered: WhenSteered

    def title(self, params: P_contra) -> str:
        """One line that tells a person what this call does, such as the command or the path."""
        ...

    def paths(self, params: P_contra, ctx: ToolContext) -> tuple[Path, ...]:
        """The files and folders the call would read or change; permission is decided on them."""
        ...

    async def preview(self, params: P_contra, ctx: ToolContext) -> Preview:
        """What an approval question shows: the whole command, or the diff that would be made."""
        ...

    async def run(self, params: P_contra, ctx: ToolContext) -> ToolOutcome:
        """Do it.

        Raises:
            asyncio.CancelledError: the call was cut and there is nothing to tell; a tool that has
                something to tell returns it with `stopped` set, after it has cleaned up.
        """
        ...


def _real(path: Path) -> Path:
    try:
        return Path(os.path.realpath(path))  # unlike Path.resolve, it has an answer for a loop of links
    except OSError:  # a link was exchanged for a folder at this very moment: whoever opens it sees what it is
        return path
