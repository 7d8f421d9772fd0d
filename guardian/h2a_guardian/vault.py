"""Keys out of the environment.

What a process got as environment can be read for as long as it lives (`/proc/PID/environ`, `ps e`), also after it has
removed the variable for itself. So the guardian keeps the keys in a dictionary, overwrites its own copy where the kernel
shows it from, and starts the program without them.
"""

from __future__ import annotations

import ctypes
import os
from collections.abc import MutableMapping
from typing import Final

__all__ = ["is_secret", "take_secrets"]

_ENDINGS: Final = (
    "APIKEY",
    "API_KEY",
    "TOKEN",
    "SECRET",
    "SECRET_KEY",
    "ACCESS_KEY",
    "PRIVATE_KEY",
    "PASSWORD",
    "PASSWD",
    "PASSPHRASE",
)


def is_secret(name: str) -> bool:
    """Does a variable of this name hold a key, by what such variables are called?"""
    return name.upper().endswith(_ENDINGS)


def take_secrets(environ: MutableMapping[str, str]) -> dict[str, str]:
    """Take the keys out of `environ`, which is this process's own, and out of the kernel's view of it."""
    secrets = {name: environ[name] for name in list(environ) if is_secret(name)}
    if secrets:
        _overwrite(secrets)
    for name in secrets:
        del environ[name]
    return secrets


def _overwrite(secrets: dict[str, str]) -> None:
    """Write zeros over the values where they came in: `unsetenv` only forgets where they are."""
    wanted = {os.fsencode(name) for name in secrets}
    environment = ctypes.POINTER(ctypes.c_void_p).in_dll(ctypes.CDLL(None), "environ")
    index = 0
    while address := environment[index]:
        name, _, value = ctypes.string_at(address).partition(b"=")
        if name in wanted:
            ctypes.memset(address + len(name) + 1, 0, len(value))
        index += 1
