"""Level 3: bubblewrap gives a command a file system, processes and a network of its own."""

from __future__ import annotations

import os
import shutil
import stat
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

from h2a_agent.sandbox.policy import Access, Policy

__all__ = ["find_bubblewrap", "prefix"]

_USUAL: Final = ("/usr/bin", "/usr/local/bin", "/bin", "/run/current-system/sw/bin")
# What root may keep of its powers: whose a file is and who may use it. Mounts, devices, other processes: no.
_KEPT_OF_ROOT: Final = ("CHOWN", "DAC_OVERRIDE", "FOWNER", "FSETID", "SETGID", "SETUID")
# They name sockets that are not there inside; without them programs do not even try.
_POINTLESS: Final = ("SSH_AUTH_SOCK", "DBUS_SESSION_BUS_ADDRESS", "XDG_RUNTIME_DIR", "DOCKER_HOST")


def find_bubblewrap(workspace: Path) -> str:
    """The `bwrap` of the system, or of the PATH where others cannot put one; "" when there is none.

    Never one in the workspace: whoever wrote the repository would be asked to guard against themselves.
    """
    home = workspace.resolve()
    for folder in (*_USUAL, *os.get_exec_path()):
        if not Path(folder).is_absolute() or _anyone_writes(folder):
            continue
        found = shutil.which("bwrap", path=folder)
        if found and not Path(found).resolve().is_relative_to(home):
            return found
    return ""


def _anyone_writes(folder: str) -> bool:
    try:
        return bool(Path(folder).stat().st_mode & stat.S_IWOTH)
    except OSError:
        return True


def prefix(program: str, policy: Policy) -> list[str]:
    """What to put in front of a command. Start it with the command's own environment: bubblewrap's is readable inside.

    Everything the command has started ends with it, as it does when whoever started it dies.
    """
    argv = [program, "--unshare-pid", "--unshare-ipc", "--unshare-uts", "--unshare-cgroup-try"]
    if not policy.network:
        argv.append("--unshare-net")
    argv.append("--die-with-parent")
    if os.geteuid() == 0:
        argv += ["--cap-drop", "ALL"]
        for power in _KEPT_OF_ROOT:
            argv += ["--cap-add", f"CAP_{power}"]
    argv += _mounts(policy)
    for name in _POINTLESS:
        argv += ["--unsetenv", name]
    for name, value in policy.environ("/tmp").items():
        argv += ["--setenv", name, value]
    return [*argv, "--chdir", str(policy.workspace), "--"]


def _mounts(policy: Policy) -> Iterator[str]:
    """From the root downwards, so that the nearest named folder is the last word."""
    system: dict[Path, Sequence[str]] = {
        Path("/dev"): ("--dev", "/dev"),
        Path("/proc"): ("--proc", "/proc"),
        Path("/tmp"): ("--bind", str(policy.tmp), "/tmp"),
    }
    named = {path: _mount(path, access) for path, access in policy.access.items()}
    for _path, words in sorted((system | named).items(), key=lambda item: len(item[0].parts)):
        yield from words
    # Only now: before, a mount point could still have to be made in there.
    for path, access in policy.access.items():
        if access is Access.HIDDEN and not path.is_file():
            yield from ("--remount-ro", str(path))


def _mount(path: Path, access: Access) -> Sequence[str]:
    match access:
        case Access.WRITE:
            return ("--bind", str(path), str(path))
        case Access.READ:
            return ("--ro-bind", str(path), str(path))
        case Access.HIDDEN if path.is_file():
            return ("--ro-bind", "/dev/null", str(path))
        case Access.HIDDEN:
            return ("--tmpfs", str(path))
