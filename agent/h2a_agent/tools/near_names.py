"""Names that are nearly the one that is not there: a model that misspelt a path finds it with the next call."""

from __future__ import annotations

import os
import unicodedata
from difflib import get_close_matches
from itertools import islice
from pathlib import Path
from typing import Final

from h2a_agent.safe_text import one_line
from h2a_agent.tools.secret_files import looks_secret

__all__ = ["near_names"]

_LOOKED_AT: Final = 2000  # entries of the folder; more would take more than a moment
_MOST: Final = 3
_ALIKE: Final = 0.7


def near_names(path: Path) -> tuple[str, ...]:
    """Up to three paths that exist and are spelt like `path`, the likeliest first. Blocks for a few milliseconds.

    The same letters in another case or another Unicode form come before what is merely similar. Files that
    usually hold secrets are not proposed.
    """
    there = next((folder for folder in path.parents if folder.is_dir()), None)
    if there is None:
        return ()
    wanted = path.relative_to(there).parts[0]
    try:
        with os.scandir(there) as entries:
            names = [entry.name for entry in islice(entries, _LOOKED_AT)]
    except OSError:
        return ()
    plain = {name: _plain(name) for name in names if not looks_secret(there / name)}
    same = [name for name, letters in plain.items() if letters == _plain(wanted)]
    near = get_close_matches(_plain(wanted), set(plain.values()), n=_MOST, cutoff=_ALIKE)
    similar = [name for letters in near for name, other in plain.items() if other == letters]
    found = list(dict.fromkeys([*same, *similar]))[:_MOST]
    return tuple(one_line(str(there / name)) for name in found)


def _plain(name: str) -> str:
    return unicodedata.normalize("NFKC", name).casefold()
