"""The guardian's own work: start the program, serve it, and clean up behind it.

It waits for four things at once: the program's messages, signals, the terminal's hang-up, and a deadline. A signal that was sent to
the guardian is passed on to the program; one that the terminal sent has reached the program already, since both are in the same
process group. When the program stops (Ctrl+Z), the guardian stops too, because it is the one the shell is waiting for.

The end, whatever its cause: the terminal is put back, the keepers end their commands, what is left without a keeper is killed,
one line says what happened, and the exit code is the program's.
"""

from __future__ import annotations

import os
import select
import signal
import socket
import time
from collections.abc import Mapping
from typing import Any, Final

from h2a_guardian import VARIABLE
from h2a_guardian.keeper import keep
from h2a_guardian.kernel import Signals, become_subreaper, hide_memory
from h2a_guardian.terminal import Terminal
from h2a_guardian.tree import deliver, descendants
from h2a_guardian.wire import Lines, send

__all__ = ["Guardian"]

_PASSED_ON: Final = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT, signal.SIGTSTP)
_JOB_CONTROL: Final = (signal.SIGTSTP, signal.SIGTTIN, signal.SIGTTOU)
_HUNG_UP_S: Final = 1.5  # what a program whose terminal is gone has for saving, and again after SIGTERM
_CONTINUED_S: Final = 0.02  # a group's SIGCONT reaches its members one after the other
_LEAVE_S: Final = 3.0  # keepers give their commands 0.3 s, then kill
_STRAYS_S: Final = 1.0
_LOOK_AGAIN_S: Final = 0.005


class Guardian:
    """Guards one program. `secrets` are told to it, and to nobody else; `terminal` is put back behind it."""

    def __init__(self, secrets: Mapping[str, str], terminal: Terminal | None) -> None:
        self._secrets = secrets
        self._terminal = terminal
        self._signals = Signals((signal.SIGCHLD, *_PASSED_ON))
        self._program = 0
        self._status: int | None = None  # the program's; negative: the signal that ended it
        self._keepers: set[int] = set()
        self._taken = False
        self._memory: Mapping[str, str] = {}
        self._folders: list[str] = []
        self._next_blow: tuple[float, signal.Signals] | None = None
        become_subreaper()
        hide_memory()

    def run(self, argv: list[str], environ: Mapping[str, str]) -> int:
        """Start `argv`, guard it to its end; its exit code, 128 + n after signal n."""
        ours, its = socket.socketpair()
        self._program = os.fork()
        if self._program == 0:
            try:
                its.set_inheritable(True)
                self._signals.restore()
                os.execve(argv[0], argv, {**environ, VARIABLE: str(its.fileno())})
            finally:
                os._exit(127)
        its.close()
        self._serve(ours)
        if self._taken and self._terminal is not None:
            self._terminal.restore()
        self._end_commands()
        assert self._status is not None
        if self._taken or (self._status < 0 and self._status != -signal.SIGINT):
            self._say_what_happened(-self._status)
        return 128 - self._status if self._status < 0 else self._status

    def serve(self, program: socket.socket) -> None:
        """Serve a program that is not our child until it hangs up."""
        self._serve(program)
        self._end_commands()

    def _serve(self, program: socket.socket) -> None:
        send(program, {"is": "ready", "secrets": self._secrets})
        lines = Lines(program)
        poll = select.poll()
        poll.register(program, select.POLLIN)
        poll.register(self._signals, select.POLLIN)
        if self._terminal is not None:
            poll.register(self._terminal, 0)  # a hang-up is told all the same
        while self._status is None and not (lines.at_end and not self._program):
            for descriptor, _ in poll.poll(self._patience_ms()):
                if descriptor == self._signals.fileno():
                    self._hear()
                elif descriptor == program.fileno():
                    for message in lines.read():
                        self._obey(message, lines, program)
                    if lines.at_end:
                        poll.unregister(program)
                else:
                    poll.unregister(descriptor)
                    self._next_blow = (time.monotonic() + _HUNG_UP_S, signal.SIGTERM)
            self._lose_patience()
        program.close()

    # ---------------------------------------------------------- what the program says

    def _obey(self, message: Mapping[str, Any], lines: Lines, program: socket.socket) -> None:
        match message["do"]:
            case "keep":
                connection, output = lines.take_descriptors(2)
                self._fork_keeper(connection, output, program)
            case "terminal":
                self._taken = message["taken"]
            case "remember":
                self._memory = message
            case "remove":
                self._folders.append(message["folder"])

    def _fork_keeper(self, connection: int, output: int, program: socket.socket) -> None:
        try:
            pid = os.fork()
        except OSError:
            pid = -1  # no more processes: the end of its socket tells the program
        if pid == 0:
            program.close()
            keep(socket.socket(fileno=connection), output)
        if pid > 0:
            self._keepers.add(pid)
        os.close(connection)
        os.close(output)

    # -------------------------------------------------------------------- what happens

    def _hear(self) -> None:
        for told in self._signals.read():
            if told.number is signal.SIGCHLD:
                self._reap()
            elif self._program and self._status is None and not told.by_terminal:
                os.kill(self._program, told.number)

    def _reap(self) -> None:
        while True:
            try:
                pid, status = os.waitpid(-1, os.WNOHANG | os.WUNTRACED)
            except ChildProcessError:
                return
            if pid == 0:
                return
            if os.WIFSTOPPED(status):
                # Without a terminal of its own only what a shell does with jobs; a SIGSTOP is somebody else's affair.
                if pid == self._program and (
                    self._terminal is not None or os.WSTOPSIG(status) in _JOB_CONTROL
                ):
                    self._stop_too()
            elif pid == self._program:
                self._status = os.waitstatus_to_exitcode(status)
            elif pid in self._keepers:
                self._keepers.discard(pid)
                if os.WIFSIGNALED(status):
                    self._kill_strays()  # somebody has killed the keeper, and what it kept is ours now

    def _stop_too(self) -> None:
        os.kill(os.getpid(), signal.SIGSTOP)
        # Here again: continued by the shell together with the program, or alone.
        time.sleep(_CONTINUED_S)
        if os.waitid(os.P_PID, self._program, os.WCONTINUED | os.WEXITED | os.WNOHANG | os.WNOWAIT) is None:
            os.kill(self._program, signal.SIGCONT)

    def _patience_ms(self) -> float | None:
        return None if self._next_blow is None else max(0.0, self._next_blow[0] - time.monotonic()) * 1000

    def _lose_patience(self) -> None:
        """A program that lives on without its terminal is ended: by SIGTERM, then by SIGKILL."""
        if self._next_blow is not None and self._status is None and time.monotonic() >= self._next_blow[0]:
            os.kill(self._program, self._next_blow[1])
            self._next_blow = (time.monotonic() + _HUNG_UP_S, signal.SIGKILL)

    # ---------------------------------------------------------------------- the end

    def _end_commands(self) -> None:
        """Wait for the keepers, whose sockets have ended with the program, and kill what has none."""
        deadline = time.monotonic() + _LEAVE_S
        poll = select.poll()
        poll.register(self._signals, select.POLLIN)
        self._reap()
        while self._keepers and (left_s := deadline - time.monotonic()) > 0:
            poll.poll(left_s * 1000)
            self._signals.read()
            self._reap()
        self._keepers.clear()
        self._program = 0
        self._kill_strays()
        self._remove_folders()

    def _kill_strays(self) -> None:
        """Kill every descendant that is neither the program's nor a keeper's."""
        deadline = time.monotonic() + _STRAYS_S
        spared = {self._program, *self._keepers}
        while time.monotonic() < deadline:
            everyone = descendants(os.getpid())
            strays = {p.pid for p in everyone if p.parent == os.getpid() and p.pid not in spared}
            for process in everyone:  # the oldest come first, so a child comes after its parent
                if process.pid in strays or process.parent in strays:
                    strays.add(process.pid)
                    deliver(process, signal.SIGKILL)
            self._reap()
            if not strays:
                return
            time.sleep(_LOOK_AGAIN_S)

    def _remove_folders(self) -> None:
        """Remove the program's temporary folders, where it has not done so itself."""
        if left := [folder for folder in self._folders if os.path.lexists(folder)]:
            import shutil  # costs more than all the rest of the guardian, and is hardly ever needed

            for folder in left:
                shutil.rmtree(folder, ignore_errors=True)

    def _say_what_happened(self, number: int) -> None:
        what = f"was killed ({signal.Signals(number).name})" if number > 0 else "has ended in the middle"
        parts = [f"h2a-chat {what}; its commands have ended."]
        if _holds_something(self._memory.get("session", "")):
            parts.append(f"Go on: {self._memory['resume']}")
        if _holds_something(log := self._memory.get("log", "")):
            parts.append(f"Log: {log}")
        elif log:
            _remove(log)
        if self._terminal is not None:
            self._terminal.say("  ".join(parts))


def _holds_something(path: str) -> bool:
    try:
        return os.stat(path).st_size > 0
    except OSError:
        return False


def _remove(path: str) -> None:
    try:
        os.unlink(path)
    except OSError:
        pass  # it was never made, or somebody was quicker
