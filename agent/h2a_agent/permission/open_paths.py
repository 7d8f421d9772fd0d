"""Which paths a command may look at unasked, as far as their names tell.

A name tells enough to refuse: keys and credentials, what the system or the user's programs keep private, devices,
other processes. The rest is decided where the workspace is known (`decide.py`): there, what lies outside is asked about,
except the parts of the system that are the same on every machine (`is_of_the_system`).
"""

from __future__ import annotations

import posixpath
import re
from fnmatch import fnmatchcase
from pathlib import Path, PurePosixPath
from typing import Final

from h2a_agent.permission.synopsis import How, Looked
from h2a_agent.tools.secret_files import SECRET_NAMES, looks_secret

__all__ = ["is_of_the_system", "may_be_looked_at"]

_SYSTEM: Final = (
    "/usr",
    "/bin",
    "/sbin",
    "/lib",
    "/lib32",
    "/lib64",
    "/opt",
    "/var/log",
    "/nix/store",
)
_SYSTEM_FILES: Final = frozenset(
    {
        "/dev/null",
        "/etc/alpine-release",
        "/etc/debian_version",
        "/etc/fedora-release",
        "/etc/hostname",
        "/etc/hosts",
        "/etc/issue",
        "/etc/localtime",
        "/etc/lsb-release",
        "/etc/machine-info",
        "/etc/mime.types",
        "/etc/nsswitch.conf",
        "/etc/os-release",
        "/etc/protocols",
        "/etc/redhat-release",
        "/etc/resolv.conf",
        "/etc/services",
        "/etc/shells",
        "/etc/timezone",
        "/proc/cpuinfo",
        "/proc/filesystems",
        "/proc/loadavg",
        "/proc/meminfo",
        "/proc/mounts",
        "/proc/stat",
        "/proc/swaps",
        "/proc/uptime",
        "/proc/version",
    }
)
# Everything else below these is the system's or another program's business; /inet is awk's name for the network.
_PRIVATE: Final = ("/boot", "/dev", "/etc", "/inet", "/proc", "/root", "/run", "/sys", "/var", "/private")
# Folders that hold nearly everything: their names may be listed, their contents not searched.
_WIDE: Final = re.compile(r"/|~|/home|/Users|/mnt|/media|/srv|/(?:home|Users)/[^/]+")
_HOME: Final = re.compile(r"(?:~|/(?:home|Users)/[^/]+)/(.+)")
_CREDENTIAL_ENDINGS: Final = tuple(name[2:] for name in SECRET_NAMES if name.startswith("*."))


def may_be_looked_at(looked: Looked) -> bool:
    """May it, by its name? Every part that a program might take for a path counts: `HEAD:.env`, `--file=/etc/shadow`."""
    return all(
        _is_open(piece, looked.how is How.READ)
        for piece in {looked.path, *re.split(r"[=:,@]", looked.path)}
        if piece
    )


def is_of_the_system(path: str) -> bool:
    """Is it one of the places that are alike on every machine and hold nobody's own things?"""
    path = _plain(path)
    return path in _SYSTEM_FILES or path == "/" or any(_is_below(path, top) for top in _SYSTEM)


def _is_open(path: str, read: bool) -> bool:
    if any(_may_be_secret(part) for part in path.split("/")):
        return False
    return all(_is_open_place(form, read) for form in _readings(path))


def _readings(path: str) -> set[str]:
    """`path` as it is, and as it may be from the root: how many folders lie above is not known here."""
    plain = _plain(path)
    forms = {plain}
    if plain.startswith("../"):
        forms.add("/" + re.sub(r"^(?:\.\./)+", "", plain + "/").rstrip("/"))
    return forms


def _is_open_place(path: str, read: bool) -> bool:
    if looks_secret(Path(path)):
        return False
    if path.startswith("~") and not (path == "~" or path.startswith("~/")):
        return False  # somebody else's folder
    if path in _SYSTEM_FILES:
        return True
    if read and _WIDE.fullmatch(path):
        return False
    if any(_is_below(path, top) for top in _SYSTEM):
        return True
    if any(_is_below(path, top) for top in _PRIVATE):
        return False
    # What programs keep in a person's folder begins with a dot, and much of it is private.
    home = _HOME.fullmatch(path)
    return home is None or not home[1].startswith(".")


def _may_be_secret(part: str) -> bool:
    """Could this one name, which may be a glob, be that of a secret?"""
    if not any(char in part for char in "*?["):
        return False
    if part.startswith((".", "[")) and part not in (".", ".."):
        return True
    if not part.startswith("*") and any(
        fnmatchcase(name, part.lower()) for name in SECRET_NAMES if "*" not in name
    ):
        return True
    ending = part.lower().rpartition(".")[2] if "." in part else ""
    return bool(ending) and any(fnmatchcase(secret, ending) for secret in _CREDENTIAL_ENDINGS)


def _plain(path: str) -> str:
    path = posixpath.normpath(path) if path else path
    return "/" + path.lstrip("/") if path.startswith("/") else path


def _is_below(path: str, top: str) -> bool:
    return PurePosixPath(path).is_relative_to(top)
