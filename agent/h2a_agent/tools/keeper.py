"""The program's side of one command's keeper (`h2a_guardian.keeper`)."""

from __future__ import annotations

import asyncio
import os
import socket
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

from h2a_agent.tools.supervisor import supervisor
from h2a_guardian.wire import Lines, encode

__all__ = ["Keeper", "KeptProcess"]

KeptProcess = tuple[int, str]  # a pid and its command line

_BUFFER: Final = 512 * 1024  # bytes, for a command with a large environment
_KILLED: Final = 128 + 9


class Keeper:
    """A command under its keeper. Closing it, or dying with it, ends everything the command has started.

    `exited` is set when the command itself has ended (`by_itself`: before it was told to), `gone` when nothing is left.
    """

    def __init__(self, connection: socket.socket) -> None:
        self._connection = connection
        self._lines = Lines(connection)
        self._loop = asyncio.get_running_loop()
        self._started: asyncio.Future[int] = self._loop.create_future()
        self._listed: asyncio.Future[list[KeptProcess]] | None = None
        self.pid = 0
        self.exit_code: int | None = None
        self.by_itself = False
        self.exited = asyncio.Event()
        self.gone = asyncio.Event()
        self.survivors = 0
        self.on_exit: Callable[[], None] = lambda: None
        self.on_gone: Callable[[], None] = lambda: None
        self._loop.add_reader(connection, self._readable)

    @classmethod
    async def start(cls, argv: Sequence[str], cwd: str, env: Mapping[str, str], output: int) -> Keeper:
        """Start `argv` in `cwd` with exactly this environment, writing to the descriptor `output`.

        Raises:
            OSError: it cannot be run, `cwd` is no folder, or there is no guardian any more.
        """
        guardian = await asyncio.to_thread(supervisor)
        ours, its = socket.socketpair()
        with its:
            try:
                ours.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, _BUFFER)
                guardian.keep(its, output)
            except BaseException:
                ours.close()
                raise
        ours.setblocking(False)
        keeper = cls(ours)
        try:
            request = {"do": "run", "argv": list(argv), "cwd": cwd, "env": dict(env)}
            await keeper._loop.sock_sendall(ours, encode(request))
            keeper.pid = await keeper._started
        except BaseException:
            keeper.close()
            raise
        return keeper

    async def end(self, grace_s: float) -> int:
        """End everything: SIGTERM, after `grace_s` seconds SIGKILL. Returns how many processes would not die."""
        if not self.gone.is_set():
            self._say({"do": "end", "grace_s": grace_s})
            await self.gone.wait()
        return self.survivors

    async def processes(self) -> list[KeptProcess]:
        """Everything of the command that lives."""
        if self.gone.is_set():
            return []
        if self._listed is None:
            self._listed = self._loop.create_future()
            self._say({"do": "list"})
        return await asyncio.shield(self._listed)

    def close(self) -> None:
        """Let go: what still lives is ended by the keeper. Idempotent."""
        if self._connection.fileno() >= 0:
            self._loop.remove_reader(self._connection)
            self._connection.close()

    # ---------------------------------------------------------------- private

    def _say(self, message: Mapping[str, Any]) -> None:
        try:
            self._connection.send(encode(message))
        except OSError:
            pass  # the keeper is gone, which the end of its socket tells

    def _readable(self) -> None:
        for message in self._lines.read():
            self._hear(message)
        if self._lines.at_end:
            self._is_gone()

    def _hear(self, message: Mapping[str, Any]) -> None:
        match message["is"]:
            case "started":
                self._settle(message["pid"])
            case "failed":
                number = message["errno"]
                self._settle(OSError(number, os.strerror(number), message["path"]))
            case "exited":
                self.by_itself = message["by_itself"]
                self._has_exited(message["code"])
            case "listed":
                if self._listed is not None and not self._listed.done():
                    self._listed.set_result([(pid, line) for pid, line in message["processes"]])
                self._listed = None
            case "ended":
                self.survivors = message["left"]

    def _settle(self, result: int | OSError) -> None:
        if self._started.done():
            return  # nobody waits any more
        if isinstance(result, OSError):
            self._started.set_exception(result)
        else:
            self._started.set_result(result)

    def _has_exited(self, code: int) -> None:
        if self.exit_code is None:
            self.exit_code = code
            self.exited.set()
            self.on_exit()

    def _is_gone(self) -> None:
        """The socket has ended: everything is over, or somebody has killed the keeper and the guardian the rest."""
        self._loop.remove_reader(self._connection)
        if not self._started.done():
            self._started.set_exception(OSError("the process that keeps the command has died"))
            self._started.exception()  # seen
        self._has_exited(_KILLED)
        if self._listed is not None and not self._listed.done():
            self._listed.set_result([])
        self._listed = None
        self.gone.set()
        self.on_gone()
