"""Child processes that do not outlive the one that started them, however that one ends; and a look at who runs."""

from __future__ import annotations

import ctypes
import signal
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Final

__all__ = ["is_running", "start_child"]

PR_SET_PDEATHSIG: Final = 1
_libc = ctypes.CDLL(None) if sys.platform == "linux" else None


def start_child(command: Sequence[object]) -> subprocess.Popen[bytes]:
    """Start a program with its output in a pipe. On Linux it is killed when this thread is no more."""
    words = [str(word) for word in command]
    return subprocess.Popen(words, stdout=subprocess.PIPE, preexec_fn=_die_with_parent)


def is_running(command: str) -> bool:
    """Is there a process with exactly this command line, in whatever world of process ids?"""
    words = command.replace(" ", "\0").encode() + b"\0"
    for process in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            if process.read_bytes() == words:
                return True
        except OSError:
            continue  # gone meanwhile
    return False


def _die_with_parent() -> None:
    if _libc is not None:
        _libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
