"""What grep and find have in common: where they search, and which files they leave out and say so."""

from __future__ import annotations

import stat
from collections.abc import Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Final

from h2a_agent.safe_text import one_line
from h2a_agent.tools.base import ToolContext
from h2a_agent.tools.disk import FileProblem, display_path, no_such, what_is
from h2a_agent.tools.finish import in_thread
from h2a_agent.tools.ripgrep import records
from h2a_agent.tools.secret_files import SECRET_FOLDERS, SECRET_NAMES

__all__ = ["WITHOUT_SECRETS", "Place", "place_of", "secrets_notice"]

# The last glob that matches decides, so no glob of a call's own can bring them back.
WITHOUT_SECRETS: Final = tuple(f"--iglob=!{name}" for name in (*SECRET_NAMES, *SECRET_FOLDERS))
_ONLY_SECRETS: Final = tuple(
    f"--iglob={name}" for name in (*SECRET_NAMES, *(f"**/{folder}/**" for folder in SECRET_FOLDERS))
)
_NAMED: Final = 5


@dataclass(frozen=True, slots=True)
class Place:
    """Where to search: ripgrep runs in `folder` on `target`, and what it names is shown with `prefix` before it."""

    folder: Path
    target: str
    prefix: str
    is_folder: bool


async def place_of(path: Path, ctx: ToolContext, noun: str = "file or folder") -> Place:
    """The place of a file or a folder; `noun` is what a tool looks for.

    Raises:
        FileProblem: there is neither.
    """
    real = await in_thread(ctx.real, path)
    state = await in_thread(what_is, real)
    if state is None:
        raise await in_thread(no_such, path, noun=noun)
    if not stat.S_ISDIR(state.st_mode) and not stat.S_ISREG(state.st_mode):
        raise FileProblem(f"{path} is not a file or folder that can be searched.", "not a file")
    is_folder = stat.S_ISDIR(state.st_mode)
    top = path if is_folder else path.parent
    prefix = "" if top == ctx.workspace else f"{display_path(top, ctx.workspace)}/".removeprefix("./")
    if is_folder:
        return Place(real, ".", prefix, is_folder)
    return Place(real.parent, f"./{real.name}", prefix, is_folder)


async def secrets_notice(place: Place, globs: Sequence[str], ctx: ToolContext) -> str:
    """Says which files were left out because they usually hold secrets; "" when there are none.

    Only their names count, never whether they would have matched: that would tell what is in them.
    """
    names: list[str] = []

    def take(record: bytes) -> bool:
        name = record.removeprefix(b"./").decode("utf-8", "replace")
        if record and _is_asked_for(name, globs):
            names.append(one_line(place.prefix + name))
        return len(names) <= _NAMED

    arguments = ["--files", "--null", *_ONLY_SECRETS, "--glob=!.git", "--", "."]
    await records(arguments, place.folder, b"\0", take, ctx.workspace)
    if not names:
        return ""
    more = " and more" if len(names) > _NAMED else ""
    listed = ", ".join(names[:_NAMED])
    return f"[Not searched, since such files usually hold secrets: {listed}{more}. Name one as path to search it.]"


def _is_asked_for(name: str, globs: Sequence[str]) -> bool:
    last = name.rsplit("/", 1)[-1]
    wanted = [glob.rsplit("/", 1)[-1] for glob in globs if not glob.startswith("!")]
    return not wanted or any(fnmatchcase(last, glob) for glob in wanted)
