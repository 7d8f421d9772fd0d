"""What a command may reach: a table of paths in which the nearest named folder decides.

    /                        read
    /home/ann/work           write     the workspace
    /home/ann/work/.git/hooks   read   git obeys what lies in there, outside any sandbox
    /home/ann/.ssh           hidden

Both sandboxes are made from this one table. Paths are real paths, since that is what a kernel compares; what
does not exist is left out, except where a command could make it and somebody would obey it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from typing import Final

from h2a_agent.tools.secret_files import looks_secret
from h2a_agent.trust import project_of

__all__ = ["Access", "Policy", "policy_for"]


class Access(Enum):
    """What a command may do with a path and what is below it."""

    HIDDEN = "hide"
    READ = "read"
    WRITE = "write"


# Below the home folder, beside whatever `looks_secret` there: keys, tokens, cookies, mail, sockets of containers.
_SECRET: Final = (
    ".config/anthropic",
    ".config/gcloud",
    ".config/gh",
    ".config/op",
    ".local/share/keyrings",
    ".mozilla",
    ".thunderbird",
    ".config/chromium",
    ".config/google-chrome",
    ".1password",
    ".colima",
    ".lima",
    ".orbstack",
    ".rd",
)
# Sockets in there start programs outside any sandbox (containers, the user's service manager), or hold keys.
_SOCKETS: Final = ("/run", "/var/run")
_NEEDED_OF_RUN: Final = ("/run/systemd/resolve", "/run/current-system", "/run/opengl-driver", "/run/wrappers")
_FOR_ROOT_ONLY: Final = ("/etc/shadow", "/etc/gshadow", "/etc/sudoers", "/etc/sudoers.d")
# Obeyed by shells and others at their next start; only in danger where the workspace is the home folder itself.
_START_UP: Final = (
    ".bashrc",
    ".bash_profile",
    ".bash_login",
    ".bash_logout",
    ".profile",
    ".zshrc",
    ".zshenv",
    ".zprofile",
    ".zlogin",
    ".gitconfig",
    ".config/git",
    ".config/fish",
    ".config/autostart",
    ".config/systemd",
)
# Caches that builds must be able to write, also offline: where they are, and the variable that moves one elsewhere.
_CACHES: Final = (
    (".npm/_cacache", ""),
    (".npm/_logs", ""),
    (".cache/go-build", "GOCACHE"),
    (".cache/ccache", "CCACHE_DIR"),
    (".cache/sccache", "SCCACHE_DIR"),
    (".cache/uv", "UV_CACHE_DIR"),
    (".cache/pip", "PIP_CACHE_DIR"),
    (".cache/yarn", "YARN_CACHE_FOLDER"),
    (".cache/zig", "ZIG_GLOBAL_CACHE_DIR"),
    (".cache/deno", "DENO_DIR"),
    (".gradle/caches", ""),
    (".gradle/daemon", ""),
    (".gradle/native", ""),
)


@dataclass(frozen=True, slots=True)
class Policy:
    """The table, with what else a command gets.

    `tmp` is a folder that is its /tmp, or at least its TMPDIR. `moved` are the variables of caches that it
    could not make where they belong.
    """

    access: Mapping[Path, Access]
    workspace: Path
    tmp: Path
    network: bool = False
    moved: tuple[str, ...] = ()

    def at(self, path: Path) -> Access:
        """What the nearest named folder says of `path`."""
        return next(self.access[one] for one in (path, *path.parents) if one in self.access)

    @property
    def exposed(self) -> list[Path]:
        """What is to be hidden though a folder above it may be written: beyond a kernel that only allows whole folders."""
        return [
            path
            for path, what in self.access.items()
            if what is Access.HIDDEN and self.at(path.parent) is Access.WRITE and _exists(path)
        ]

    def environ(self, tmp: str) -> dict[str, str]:
        """What goes on top of a command's environment, where `tmp` is its folder for temporary files."""
        return {"TMPDIR": tmp, **{name: f"{tmp}/cache/{name.lower()}" for name in self.moved}}


def policy_for(
    workspace: Path,
    *,
    tmp: Path,
    home: Path,
    own: Iterable[Path] = (),
    shown: Iterable[Path] = (),
    writable: Iterable[Path] = (),
    network: bool = False,
) -> Policy:
    """The policy for commands in `workspace`.

    `own` are the program's own folders: neither read nor written. `shown` are folders that may be read
    wherever they are, `writable` those the user has named. Looks at the disk a little, so it belongs in a thread.
    """
    workspace, home = workspace.resolve(), home.resolve()
    access: dict[Path, Access] = {Path("/"): Access.READ}
    moved: list[str] = []

    def say(paths: Iterable[Path | str], what: Access) -> None:
        access.update((Path(path).resolve(), what) for path in paths if _exists(Path(path)))

    say(_SOCKETS, Access.HIDDEN)
    say(_NEEDED_OF_RUN, Access.READ)
    say(_FOR_ROOT_ONLY, Access.HIDDEN)
    for cache, variable in _CACHES:
        if (home / cache).is_dir():
            say([home / cache], Access.WRITE)
        elif variable:
            moved.append(variable)
    say(writable, Access.WRITE)
    access[workspace] = Access.WRITE
    say((home / name for name in _START_UP), Access.READ)
    _say_of_git(project_of(workspace) / ".git", access)
    say(_secrets(home), Access.HIDDEN)
    say(own, Access.HIDDEN)
    say(shown, Access.READ)
    # Again, since somebody may work in a folder of secrets: what is in there is at stake then anyway.
    access[workspace] = Access.WRITE
    _pin(access)
    return Policy(access, workspace, tmp.resolve(), network, tuple(moved))


def _exists(path: Path) -> bool:
    try:
        return path.exists()
    except OSError:  # where we may not even look, a command may not either
        return False


def _secrets(home: Path) -> Iterable[Path]:
    yield from (home / name for name in _SECRET)
    try:
        yield from (path for path in home.iterdir() if looks_secret(Path(path.name)))
    except OSError:
        return


def _say_of_git(git: Path, access: dict[Path, Access]) -> None:
    """Commits work; hooks and configuration, which run programs for whoever uses git next, stay as they are."""
    top = _git_folder(git)
    if top is None:
        return
    access[top] = Access.WRITE
    if git.is_file():
        access[git] = Access.READ
    for folder in (top, *_submodules(top)):
        for name in ("hooks", "config", "config.worktree", "info/attributes"):
            path = folder / name
            if path.exists() and not path.is_symlink():
                access[path] = Access.READ
            elif name == "hooks" and not path.is_symlink():
                access[path] = Access.HIDDEN  # there is nothing to read, and nothing may come to be


def _submodules(git: Path) -> Iterator[Path]:
    """The repositories of submodules, and of theirs, which are kept in the one they belong to."""
    waiting = [git / "modules"]
    while waiting:
        try:
            folders = [one for one in waiting.pop().iterdir() if one.is_dir() and not one.is_symlink()]
        except OSError:
            continue
        for folder in folders:
            if (folder / "HEAD").is_file():
                yield folder
                waiting.append(folder / "modules")
            else:  # a name with a slash in it
                waiting.append(folder)


def _git_folder(git: Path) -> Path | None:
    """The folder with hooks and configuration: `.git` itself, or what a linked working tree points to.

    A `.git` file is the repository's own word, and commands can write one. It counts only where the folder it
    names is part of a repository elsewhere and points back, which nobody can arrange who writes only here.
    """
    if git.is_symlink():
        return None
    if git.is_dir():
        return git
    try:
        link = git.read_text("utf-8")[:4096].strip()
        if not link.startswith("gitdir: "):
            return None
        linked = (git.parent / link.removeprefix("gitdir: ")).resolve()
        main = linked.parent.parent
        is_worktree = linked.parent.name == "worktrees"
        is_repository = (main / "HEAD").is_file() and (main / "objects").is_dir()
        points_back = Path((linked / "gitdir").read_text("utf-8").strip()).resolve() == git.resolve()
        return main if is_worktree and is_repository and points_back else None
    except (OSError, ValueError):
        return None


def _pin(access: dict[Path, Access]) -> None:
    """Name every folder between a writable one and what is less than that below it.

    Each named path becomes a mount point, and those cannot be renamed: else `mv .git old` would carry the
    protected hooks away and leave room for others.
    """
    for path, what in list(access.items()):
        if what is Access.WRITE:
            continue
        between: list[Path] = []
        for parent in path.parents:
            if parent in access:
                if access[parent] is Access.WRITE:
                    access.update((one, Access.WRITE) for one in between)
                break
            between.append(parent)
