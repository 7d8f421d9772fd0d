"""Where the program keeps its things on this machine.

By default where the platform wants them (on Linux the XDG folders); with `H2A_HOME` all in that one folder,
which is what tests, containers and the curious want. Nothing is made until it is needed, and what is made is
the user's alone (mode 0700): sessions hold source code and whatever was pasted.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

__all__ = ["Paths", "find_paths", "home_folder", "private_folder"]

_APP: Final = "h2a-chat"


@dataclass(frozen=True, slots=True)
class Paths:
    """The folders of the program; none of them need exist.

    `spill_dir` is for tool output too long for a model: it can be deleted at any time.
    """

    config_dir: Path
    sessions_dir: Path
    logs_dir: Path
    spill_dir: Path

    @property
    def config_file(self) -> Path:
        """The one file settings are read from."""
        return self.config_dir / "config.toml"

    @property
    def themes_dir(self) -> Path:
        """The user's own themes."""
        return self.config_dir / "themes"

    @property
    def prompts_file(self) -> Path:
        """What was written in the editor before, in any folder. Among the sessions, so that it is guarded as they are."""
        return self.sessions_dir / "prompts.history"

    @property
    def tips_file(self) -> Path:
        """What a person has been told once and is not told again."""
        return self.config_dir / "tips-told"

    @property
    def keys_dir(self) -> Path:
        """Where API keys are kept that are not in a keyring."""
        return self.config_dir / "keys"


def find_paths(environ: Mapping[str, str]) -> Paths:
    """The folders for this user, or those below `H2A_HOME` where that is set."""
    if home := environ.get("H2A_HOME"):
        root = Path(home).expanduser().absolute()
        return Paths(root, root / "sessions", root / "logs", root / "spill")
    from platformdirs import PlatformDirs

    dirs = PlatformDirs(_APP, appauthor=False)
    return Paths(
        dirs.user_config_path,
        dirs.user_data_path / "sessions",
        dirs.user_log_path,
        dirs.user_cache_path / "spill",
    )


def home_folder() -> Path:
    """The user's own folder, with every link followed; `/` where nobody knows of one."""
    try:
        return Path.home().resolve()
    except RuntimeError:
        return Path("/")


def private_folder(path: Path) -> Path:
    """`path`, made if it is missing together with its parents, for this user only. What exists stays as it is.

    Raises:
        OSError: it cannot be made.
    """
    if not path.is_dir():
        private_folder(path.parent)
        path.mkdir(mode=0o700, exist_ok=True)
    return path
