"""The program's line to its guardian (`h2a_guardian`), which forks a keeper for each command.

One a process. `h2a-chat` is started by a guardian and finds its socket in the environment; a program that uses the agent
as a library gets a guardian of its own with its first command. Either way the guarantee is the same: when this process ends,
however it ends, every command ends with it.
"""

from __future__ import annotations

import asyncio
import atexit
import os
import socket
import sys
from collections.abc import Callable, Mapping
from functools import cache
from pathlib import Path
from typing import Any, Final

import h2a_guardian
from h2a_guardian import VARIABLE
from h2a_guardian.kernel import hide_memory
from h2a_guardian.wire import Lines, send

__all__ = ["Supervisor", "guardian", "supervisor", "whole_environment"]

_GONE: Final = "the process that guards h2a-chat's commands is gone"
_ITS_NUMBER: Final = 3


class Supervisor:
    """The connection to the guardian. `secrets` are the keys it took out of the environment."""

    def __init__(self, connection: socket.socket) -> None:
        self._connection = connection
        atexit.register(connection.close)
        lines = Lines(connection)
        messages: list[dict[str, Any]] = []
        while not messages and not lines.at_end:
            messages = lines.read()
        self.secrets: Mapping[str, str] = messages[0]["secrets"] if messages else {}

    def keep(self, connection: socket.socket, output: int) -> None:
        """Have a keeper forked that listens on `connection` and gives its command `output` to write to.

        Raises:
            OSError: there is no guardian any more.
        """
        if not send(self._connection, {"do": "keep"}, (connection.fileno(), output)):
            raise OSError(_GONE)

    def terminal_taken(self, taken: bool) -> None:
        """The terminal is not as it was (it is to be put back if we die), or is again."""
        self._tell({"do": "terminal", "taken": taken})

    def remember(self, *, resume: str, session: str, log: str) -> None:
        """What to tell the person if we die: the command that goes on with the file `session`, and a file that may say why."""
        self._tell({"do": "remember", "resume": resume, "session": session, "log": log})

    def remove_at_end(self, folder: Path) -> None:
        """`folder` is temporary: it is to go when we have ended, however that comes about."""
        self._tell({"do": "remove", "folder": os.fspath(folder)})

    def watch(self, lost: Callable[[], None]) -> None:
        """Call `lost` when the guardian dies, from now on and in this event loop, until `unwatch`."""
        loop = asyncio.get_running_loop()

        def at_end() -> None:
            loop.remove_reader(self._connection)  # it says nothing after its first word, so this is its end
            lost()

        loop.add_reader(self._connection, at_end)

    def unwatch(self) -> None:
        """Undo `watch`."""
        asyncio.get_running_loop().remove_reader(self._connection)

    def _tell(self, message: Mapping[str, Any]) -> None:
        send(self._connection, message)  # when nobody listens, `watch` tells


@cache
def guardian() -> Supervisor | None:
    """The guardian that has started this process; None where somebody else did."""
    number = os.environ.pop(VARIABLE, "")
    if not number.isdecimal():
        return None
    connection = socket.socket(fileno=int(number))
    connection.set_inheritable(False)
    hide_memory()
    return Supervisor(connection)


def whole_environment() -> dict[str, str]:
    """The environment this process was meant to have: with the keys that its guardian keeps out of it."""
    return {**os.environ, **(ours.secrets if (ours := guardian()) else {})}


@cache
def supervisor() -> Supervisor:
    """The guardian that has started this process, or one that is started now, which takes some 50 ms.

    Raises:
        OSError: it cannot be started.
    """
    if (ours_already := guardian()) is not None:
        return ours_already
    ours, its = socket.socketpair()
    with its:
        script = Path(h2a_guardian.__file__).with_name("serve.py")
        os.posix_spawn(
            sys.executable,
            [sys.executable, "-I", "-S", os.fspath(script), str(_ITS_NUMBER)],
            {"PATH": os.environ.get("PATH", os.defpath)},
            file_actions=[
                (os.POSIX_SPAWN_OPEN, 0, os.devnull, os.O_RDONLY, 0),
                (os.POSIX_SPAWN_DUP2, its.fileno(), _ITS_NUMBER),
            ],
            setsid=True,
        )
    return Supervisor(ours)
