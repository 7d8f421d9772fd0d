"""Level 2: the kernel's own Landlock, and a filter of system calls for what it does not cover.

The rules must be set by the process that becomes the command, so the prefix is a small Python program,
`landlock_launcher.py`. Compared with bubblewrap the command sees the real /tmp and the real processes, and
what is below a writable folder cannot be taken out of it again: `.git/hooks` of the workspace stays writable.
The trial at the start finds out which of these hold here.
"""

from __future__ import annotations

import ctypes
import platform
import sys
from pathlib import Path
from typing import Final

from h2a_agent.sandbox.landlock_launcher import MACHINES, landlock_abi
from h2a_agent.sandbox.policy import Policy

__all__ = ["prefix", "why_not"]

_LAUNCHER: Final = Path(__file__).with_name("landlock_launcher.py")


def why_not() -> str:
    """Why Landlock cannot be used here; "" when it can."""
    if not sys.platform.startswith("linux"):
        return "Landlock is a part of Linux"
    if platform.machine() not in MACHINES:
        return f"there is no system call filter for {platform.machine()}"
    try:
        abi = landlock_abi(ctypes.CDLL(None, use_errno=True))
    except OSError as error:
        return f"Landlock: {error.strerror}"
    return "" if abi > 0 else "this kernel has no Landlock"


def prefix(python: str, policy: Policy) -> list[str]:
    """What to put in front of a command; it starts in some 20 ms."""
    argv = [python, "-I", "-S", str(_LAUNCHER)]
    for path, access in policy.access.items():
        argv += [f"--{access.value}", str(path)]
    argv += ["--write", str(policy.tmp)]
    for name, value in policy.environ(str(policy.tmp)).items():
        argv += ["--set", f"{name}={value}"]
    if policy.network:
        argv.append("--network")
    return [*argv, "--"]
