"""A child process whose output is read as it comes, and whose whole tree can be ended.

asyncio's own subprocess streams are not used: with them a flood grows memory without a bound, and a
`wait` after a kill can hang for ever while data is left in the pipe. Here the pipe is ours and is read only
when somebody asks, so a flood is held back by the pipe itself; the end is told by a pidfd (a waiting
thread where there is none).

    child = Child.start(...)
    async with child:
        while chunk := await child.read():
            ...
    child.exit_code

The output ends when the process has ended and its pipe is empty: at its end of file, or, when a background
child still holds it, after it has been quiet for a moment.
"""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import threading
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Final, Self

from h2a_agent.tools.child_env import child_env
from h2a_agent.tools.finish import finish
from h2a_agent.tools.process_tree import MARK, ProcessTree, new_mark

__all__ = ["Child"]

_CHUNK: Final = 65536  # bytes; what a Linux pipe holds
_QUIET_S: Final = 0.1  # no output for this long after the end: what still holds the pipe is in the background
_AFTER_END_S: Final = 0.2  # at the latest then, also when a background process never stops printing
_KILL_S: Final = 2.0  # SIGKILL needs no more, unless the kernel itself is stuck
_LOOK_AGAIN_S: Final = 0.005


class Child:
    """One running process and its output, standard output and error together. Made by `start`."""

    def __init__(self, process: subprocess.Popen[bytes], pipe: int, tree: ProcessTree) -> None:
        self._process = process
        self._pipe = pipe
        self._tree = tree
        self._loop = asyncio.get_running_loop()
        self._exited = asyncio.Event()
        self._wake: asyncio.Future[None] | None = None
        self._ended_at = 0.0
        self._quiet_since = 0.0
        self._read_after_end = 0
        self._at_end_of_file = False
        self._pidfd = -1
        self._watch()

    @classmethod
    def start(cls, argv: Sequence[str | Path], cwd: Path, env: Mapping[str, str] | None = None) -> Child:
        """Start `argv` in `cwd`, in a session of its own, without a terminal and with nothing to read.

        `env` goes on top of `child_env`. Call it from the event loop's thread.

        Raises:
            OSError: the program cannot be run, or `cwd` is no folder.
        """
        mark = new_mark()
        read_end, write_end = os.pipe()
        os.set_blocking(read_end, False)
        try:
            process = subprocess.Popen(
                argv,
                cwd=cwd,
                env=child_env({**(env or {}), MARK: mark}),
                stdin=subprocess.DEVNULL,
                stdout=write_end,
                stderr=write_end,
                start_new_session=True,
            )
        except BaseException:
            os.close(read_end)
            raise
        finally:
            os.close(write_end)
        try:
            return cls(process, read_end, ProcessTree(process.pid, mark))
        except BaseException:  # out of file descriptors: without one to watch it by, it must not run
            process.kill()
            process.wait()
            os.close(read_end)
            raise

    @property
    def pid(self) -> int:
        """Its process id, which is also its session's and its process group's."""
        return self._process.pid

    @property
    def exit_code(self) -> int | None:
        """As a shell gives it: 128 + n after signal n. None while it runs."""
        code = self._process.returncode
        return 128 - code if code is not None and code < 0 else code

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
        return await finish(self._end(grace_s))

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
        """Nothing of it is left: what still runs in the foreground is ended, every descriptor closed."""
        try:
            if not self._exited.is_set():
                await self.end(0)
        finally:
            self._loop.remove_reader(self._pipe)
            os.close(self._pipe)
            self._close_pidfd()

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

    # ------------------------------------------------------------------ the end

    def _watch(self) -> None:
        if hasattr(os, "pidfd_open"):
            self._pidfd = os.pidfd_open(self._process.pid)
            self._loop.add_reader(self._pidfd, self._reap)
        else:
            threading.Thread(target=self._wait_in_thread, daemon=True, name=f"wait {self.pid}").start()

    def _wait_in_thread(self) -> None:
        self._process.wait()
        try:
            self._loop.call_soon_threadsafe(self._reap)
        except RuntimeError:
            pass  # the loop is closed: nobody waits any more

    def _reap(self) -> None:
        if self._process.poll() is None:
            return
        self._close_pidfd()
        self._ended_at = self._loop.time()
        self._exited.set()
        self._wake_up()

    def _close_pidfd(self) -> None:
        if self._pidfd >= 0:
            self._loop.remove_reader(self._pidfd)
            os.close(self._pidfd)
            self._pidfd = -1

    async def _end(self, grace_s: float) -> int:
        living = 0
        steps = (
            ((signal.SIGTERM, grace_s), (signal.SIGKILL, _KILL_S))
            if grace_s
            else ((signal.SIGKILL, _KILL_S),)
        )
        for number, patience_s in steps:
            deadline = time.monotonic() + patience_s
            empty = 0
            while True:
                living = await asyncio.to_thread(self._tree.send, number)
                empty = empty + 1 if not living and self._exited.is_set() else 0
                # Looked at twice: a process may fork and end between being listed and being looked at.
                if empty == 2:
                    return 0
                if time.monotonic() >= deadline:
                    break
                await asyncio.sleep(_LOOK_AGAIN_S)
        return living
