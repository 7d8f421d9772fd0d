"""The keeper of one command: starts it, tells of its end, and lets nothing of it live on.

A keeper is forked by the guardian for one command and has no other. It is a child subreaper, so whatever the command starts and
however it breaks away (`setsid`, double fork, `nohup … & disown`, a cleared environment) stays a descendant of the keeper.
That makes the end certain: signal every descendant, reap, look again, until the kernel says "no child": a
subreaper without children has no descendants. Where there are no subreapers (macOS) the command's process group is ended too, and
what has left group and parent escapes.

The command has a session of its own, so it has no terminal and Ctrl+C does not reach it; it reads from /dev/null.

    running ── the program ends it, or is gone ──▶ terminating ── grace over ──▶ killing ──▶ the keeper leaves
       └──────── no child is left ───────────────────────────────────────────────────────────────▲
"""

from __future__ import annotations

import os
import select
import signal
import socket
import time
from typing import Any, Final, NoReturn

from h2a_guardian.kernel import Signals, become_subreaper
from h2a_guardian.tree import Process, command_line, deliver, descendants
from h2a_guardian.wire import Lines, send

__all__ = ["keep"]

_ORPHANED_GRACE_S: Final = 0.3  # for commands whose program is gone
_KILL_S: Final = 2.0  # SIGKILL needs no more, unless the kernel itself is stuck
_LOOK_AGAIN_S: Final = 0.005
_WRAPPER: Final = b"bwrap"
_STORM: Final = (
    20  # sweeps after which they are stopped before they are killed, so that a fork storm cannot outrun us
)


def keep(connection: socket.socket, output: int) -> NoReturn:
    """Run the command that `connection` asks for, its output into `output`; in a fresh fork, never returns."""
    try:
        os.setsid()
        nothing = os.open(os.devnull, os.O_RDWR)
        for standard in (0, 1, 2):  # nobody but the program may hold the terminal
            os.dup2(nothing, standard)
        become_subreaper()
        _Keeper(connection, output).run()
    finally:
        os._exit(0)


class _Keeper:
    def __init__(self, connection: socket.socket, output: int) -> None:
        self._connection = connection
        self._lines = Lines(connection)
        self._output = output
        self._signals = Signals((signal.SIGCHLD, signal.SIGTERM, signal.SIGINT, signal.SIGHUP))
        self._command = 0  # its pid while it runs
        self._group = 0
        self._told: set[tuple[int, int]] = set()
        self._number: signal.Signals | None = None  # what the tree is being ended with
        self._deadline = 0.0
        self._sweeps = 0

    def run(self) -> None:
        """From the first message to the end of the last process."""
        while not (messages := self._lines.read()):
            if self._lines.at_end:
                return
        request, *more = messages
        if not self._start(request):
            return
        for message in more:
            self._obey(message)
        self._connection.setblocking(False)
        poll = select.poll()
        poll.register(self._connection, select.POLLIN)
        poll.register(self._signals, select.POLLIN)
        listening = True
        while self._reap():
            if self._number is not None and not self._sweep():
                return
            wait_ms = -1 if self._number is None else _LOOK_AGAIN_S * 1000
            for descriptor, _ in poll.poll(wait_ms):
                if descriptor == self._signals.fileno():
                    if any(told.number is not signal.SIGCHLD for told in self._signals.read()):
                        self._end(_ORPHANED_GRACE_S)
                elif not self._listen():
                    poll.unregister(self._connection)
                    listening = False
        if listening:
            send(self._connection, {"is": "gone"})

    # ------------------------------------------------------------------- the start

    def _start(self, request: dict[str, Any]) -> bool:
        """Fork and execute; False when it could not be, which has been said."""
        trouble, tell = os.pipe()
        pid = os.fork()
        if pid == 0:
            os.close(trouble)
            self._execute(request, tell)
        os.close(tell)
        os.close(self._output)
        with open(trouble, "rb") as file:
            failure = file.read()
        if failure:
            os.waitpid(pid, 0)
            number, _, path = failure.partition(b" ")
            send(self._connection, {"is": "failed", "errno": int(number), "path": os.fsdecode(path)})
            return False
        self._command = self._group = pid
        send(self._connection, {"is": "started", "pid": pid})
        return True

    def _execute(self, request: dict[str, Any], tell: int) -> NoReturn:
        """In the command's process: become the command. What goes wrong is told through `tell`."""
        path = request["cwd"]
        try:
            os.setsid()
            os.chdir(path)
            os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
            os.dup2(self._output, 1)
            os.dup2(self._output, 2)
            self._signals.restore()
            path = request["argv"][0]
            os.execvpe(path, request["argv"], request["env"])
        except OSError as error:
            os.write(tell, b"%d %s" % (error.errno or 0, os.fsencode(path)))
        finally:
            os._exit(127)

    # --------------------------------------------------------------------- its life

    def _listen(self) -> bool:
        """Do what the program says; False when it says nothing any more."""
        try:
            messages = self._lines.read()
        except BlockingIOError:
            return True
        for message in messages:
            self._obey(message)
        if self._lines.at_end:
            self._end(_ORPHANED_GRACE_S)
        return not self._lines.at_end

    def _obey(self, message: dict[str, Any]) -> None:
        if message["do"] == "end":
            self._end(message["grace_s"])
        elif message["do"] == "list":
            found = [[p.pid, command_line(p.pid)] for p in descendants(os.getpid())]
            self._say({"is": "listed", "processes": found})

    def _reap(self) -> bool:
        """Collect the dead; False when no child is left, and so no descendant."""
        while True:
            try:
                pid, status = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                return False
            if pid == 0:
                return True
            if pid == self._command:
                self._command = 0
                code = os.waitstatus_to_exitcode(status)
                by_itself = self._number is None
                self._say({"is": "exited", "code": 128 - code if code < 0 else code, "by_itself": by_itself})

    def _say(self, message: dict[str, Any]) -> None:
        try:
            send(self._connection, message)
        except OSError:
            pass  # nobody listens; the end of file says the rest

    # ---------------------------------------------------------------------- its end

    def _end(self, grace_s: float) -> None:
        """Begin to end everything; a shorter grace than before counts."""
        self._reap()  # what has ended by now has ended by itself
        if self._number is None:
            self._number = signal.SIGTERM
            self._deadline = time.monotonic() + grace_s
        elif self._number is signal.SIGTERM:
            self._deadline = min(self._deadline, time.monotonic() + grace_s)

    def _sweep(self) -> bool:
        """Signal everything that lives; False when it will not die, which has been said."""
        now = time.monotonic()
        if self._number is signal.SIGTERM and now >= self._deadline:
            self._number, self._deadline = signal.SIGKILL, now + _KILL_S
        living = descendants(os.getpid())
        if self._number is signal.SIGKILL:
            self._sweeps += 1
            if now >= self._deadline:
                self._say({"is": "ended", "left": len(living)})
                return False
            if self._sweeps >= _STORM:
                self._tell(living, signal.SIGSTOP)
            self._tell(living, signal.SIGKILL)
        else:
            # Once to each: a program may take a second SIGTERM as an order to hurry. Never to a sandbox, which ends by
            # itself with what it wraps, and takes that along when it is ended first.
            fresh = [p for p in living if (p.pid, p.started) not in self._told and p.name != _WRAPPER]
            self._told.update((p.pid, p.started) for p in fresh)
            self._tell(fresh, signal.SIGTERM)
        return True

    def _tell(self, processes: list[Process], number: signal.Signals) -> None:
        for process in processes:
            deliver(process, number)
            if number is signal.SIGTERM:
                deliver(process, signal.SIGCONT)  # a stopped process would never hear of it
        if self._command and not hasattr(os, "pidfd_open"):
            try:
                os.killpg(self._group, number)
            except OSError:
                pass  # gone; macOS says EPERM of a group of zombies
