"""Exchanging two files in one step of the kernel's, so that what was there can still be looked at afterwards.

A plain rename destroys whatever is at its target at that very moment, also what somebody wrote there a moment
after we looked. Python has no name for the exchange; Linux has had it since 2014, most file systems can do it.
"""

from __future__ import annotations

import ctypes
import errno
import os
from collections.abc import Callable
from functools import cache
from typing import Final

__all__ = ["exchange"]

_RENAME_EXCHANGE: Final = 2


def exchange(one: str, other: str, folder: int) -> bool:
    """Let two names in the folder of this descriptor change places; False where the system cannot do it.

    Raises:
        FileNotFoundError: one of them is not there.
    """
    rename = _renameat2()
    if rename is None:
        return False
    if rename(folder, os.fsencode(one), folder, os.fsencode(other), _RENAME_EXCHANGE) == 0:
        return True
    error = ctypes.get_errno()
    if error == errno.ENOENT:
        raise FileNotFoundError(error, os.strerror(error), other)
    return False


@cache
def _renameat2() -> Callable[[int, bytes, int, bytes, int], int] | None:
    try:
        rename = ctypes.CDLL(None, use_errno=True).renameat2
    except (OSError, AttributeError):
        return None
    rename.argtypes = [ctypes.c_int, ctypes.c_char_p, ctypes.c_int, ctypes.c_char_p, ctypes.c_uint]
    rename.restype = ctypes.c_int
    return rename
