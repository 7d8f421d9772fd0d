"""Child processes that do not outlive the one that started them, however that one ends."""

from __future__ import annotations

import ctypes
import signal
import subprocess
import sys
from collections.abc import Sequence
from typing import Final

__all__ = ["start_child"]

PR_SET_PDEATHSIG: Final = 1
_libc = ctypes.CDLL(None) if sys.platform == "linux" else None


def start_child(command: Sequence[object]) -> subprocess.Popen[bytes]:
    """Start a program with its output in a pipe. On Linux it is killed when this thread is no more."""
    words = [str(word) for word in command]
    return subprocess.Popen(words, stdout=subprocess.PIPE, preexec_fn=_die_with_parent)


def _die_with_parent() -> None:
    if _libc is not None:
        _libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
