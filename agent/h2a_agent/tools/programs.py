"""Programs of the machine that the agent itself uses."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

__all__ = ["find_program"]


def find_program(name: str, workspace: Path) -> Path | None:
    """The first `name` on the PATH that the workspace does not contain.

    A program inside the workspace may come from the repository that is worked on, so it is never run unasked.
    """
    home = workspace.resolve()
    for folder in os.get_exec_path():
        found = shutil.which(name, path=folder) if Path(folder).is_absolute() else None
        if found and not Path(found).resolve().is_relative_to(home):
            return Path(found)
    return None
