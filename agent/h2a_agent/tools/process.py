"""A child process whose output is read as it comes, and whose whole tree can be ended.

asyncio's own subprocess streams are not used: with them a flood grows memory without a bound, and a
`wait` after a kill can hang for ever while data is left in the pipe. Here the pipe is ours and is read only
when somebody asks, so a flood is held back by the pipe itself; the process is a keeper's (`keeper.py`).

    async with await Child.start(...) as child:
        while chunk := await child.read():
            ...
    child.exit_code

The output ends when the process has ended and its pipe is empty: at its end of file, or, when a background
child still holds it, after it has been quiet for a moment.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Final, Self

from h2a_agent.tools.child_env import child_env
from h2a_agent.tools.finish import finish
from h2a_agent.tools.keeper import Keeper

__all__ = ["Child"]

_CHUNK: Final = 65536  # bytes; what a Linux pipe holds
_QUIET_S: Final = 0.1  # no output for this long after the end: what still holds the pipe is in the background
_AFTER_END_S: Final = 0.2  # at the latest then, also when a background process never stops printing


class Child:
    """One running process and its output, standard output and error together. Made by `start`."""

    def __init__(self, keeper: Keeper, pipe: int) -> None:
        self.keeper = keeper
        self._detached = False
        self._pipe = pipe
        self._loop = asyncio.get_running_loop()
        self._exited = keeper.exited
        self._wake: asyncio.Future[None] | None = None
        self._ended_at = self._loop.time()
        self._quiet_since = 0.0
        self._read_after_end = 0
        self._at_end_of_file = False
        self.pid = keeper.pid
        keeper.on_exit = self._note_exit

    @classmethod
    async def start(
        cls, argv: Sequence[str | Path], cwd: Path, env: Mapping[str, str] | None = None
    ) -> Child:
        """Start `argv` in `cwd`, in a session of its own, without a terminal and with nothing to read.

        `env` goes on top of `child_env`.

        Raises:
            OSError: the program cannot be run, `cwd` is no folder, or nobody is there to start it.
        """
        read_end, write_end = os.pipe()
        os.set_blocking(read_end, False)
        try:
            words = [os.fspath(word) for word in argv]
            keeper = await Keeper.start(words, os.fspath(cwd), child_env(env or {}), write_end)
        except BaseException:
            os.close(read_end)
            raise
        finally:
            os.close(write_end)
        return cls(keeper, read_end)

    @property
    def exit_code(self) -> int | None:
        """As a shell gives it: 128 + n after signal n. None while it runs."""
        return self.keeper.exit_code

    @property
    def left_pipe_open(self) -> bool:
        """Did a background process still hold the output when `read` gave its end?"""
        return self._exited.is_set() and not self._at_end_of_file

    async def read(self) -> bytes:
        """The next piece of output, at most 64 KB; b"" at its end, after the process has ended.

        Always goes through the event loop once, so a flood does not starve others.
        """
        while True:
            until = self._deadline()
            await self._something(until)
            try:
                data = os.read(self._pipe, _CHUNK)
            except BlockingIOError:
                if until is not None and self._loop.time() >= until:
                    return b""
                continue
            if not data:
                self._at_end_of_file = True
                await self._exited.wait()
                return b""
            self._quiet_since = self._loop.time()
            if self._exited.is_set():
                # The foreground's last words are at most a full pipe, however late they are read.
                self._read_after_end += len(data)
                if self._read_after_end > _CHUNK and self._quiet_since >= self._ended_at + _AFTER_END_S:
                    return b""
            return data

    async def end(self, grace_s: float) -> int:
        """End the whole tree: SIGTERM, after `grace_s` seconds SIGKILL; 0 means SIGKILL at once.

        Runs to its end even when cancelled meanwhile. Returns how many processes could not be ended.
        """
        return await finish(self.keeper.end(grace_s))

    def detach(self) -> Keeper:
        """Leave what runs in the background to the caller: it goes on until the keeper is closed."""
        self._detached = True
        return self.keeper

    def drain(self) -> bytes:
        """What is in the pipe right now, at most 128 KB: the last words when nobody waits for more."""
        data = b""
        while len(data) <= _CHUNK and not self._at_end_of_file:
            try:
                piece = os.read(self._pipe, _CHUNK)
            except BlockingIOError:
                break
            self._at_end_of_file = not piece
            data += piece
        return data

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Nothing of it is left, unless it was detached: what still runs is ended, every descriptor closed."""
        try:
            if not self._detached:
                await self.end(0)
        finally:
            self._loop.remove_reader(self._pipe)
            os.close(self._pipe)
            if not self._detached:
                self.keeper.close()

    # ------------------------------------------------------------------ waiting

    def _deadline(self) -> float | None:
        """When the output counts as ended, on the loop's clock; None while the process runs."""
        if not self._exited.is_set():
            return None
        return min(max(self._ended_at, self._quiet_since) + _QUIET_S, self._ended_at + _AFTER_END_S)

    async def _something(self, until: float | None) -> None:
        """Wait until there is output, the process ends, or the time `until` has come."""
        self._wake = self._loop.create_future()
        self._loop.add_reader(self._pipe, self._wake_up)
        timer = None if until is None else self._loop.call_at(until, self._wake_up)
        try:
            await self._wake
        finally:
            self._loop.remove_reader(self._pipe)
            if timer is not None:
                timer.cancel()

    def _wake_up(self) -> None:
        if self._wake is not None and not self._wake.done():
            self._wake.set_result(None)

    def _note_exit(self) -> None:
        self._ended_at = self._loop.time()
        self._wake_up()
