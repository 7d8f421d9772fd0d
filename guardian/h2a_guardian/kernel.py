"""The three things Linux does for us that Python has no name for; elsewhere each is the nearest thing there is."""

from __future__ import annotations

import ctypes
import os
import signal
import struct
import sys
from collections.abc import Iterable
from typing import Final, NamedTuple

__all__ = ["SignalTold", "Signals", "become_subreaper", "hide_memory"]

_PR_SET_DUMPABLE: Final = 4
_PR_SET_CHILD_SUBREAPER: Final = 36
_SFD_NONBLOCK: Final = os.O_NONBLOCK
_SFD_CLOEXEC: Final = os.O_CLOEXEC if hasattr(os, "O_CLOEXEC") else 0
_RECORD: Final = struct.Struct("=IiiII108x")  # struct signalfd_siginfo: number, errno, code, pid, uid
_SIGSET_BYTES: Final = 128

_libc: Final = ctypes.CDLL(None, use_errno=True) if sys.platform == "linux" else None


def become_subreaper() -> bool:
    """Become the parent of every descendant that loses its own; False where the system knows no such thing."""
    return _libc is not None and _libc.prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) == 0


def hide_memory() -> None:
    """Let no other process of this user read our memory or environment, nor a core dump hold them (root still can)."""
    if _libc is not None:
        _libc.prctl(_PR_SET_DUMPABLE, 0, 0, 0, 0)


class SignalTold(NamedTuple):
    """A signal that came. `by_terminal`: the terminal sent it, so the program has had it too."""

    number: signal.Signals
    by_terminal: bool


class Signals:
    """Signals as something to wait for with `poll`, instead of handlers that may run anywhere.

    On Linux a signalfd, which also tells who sent a signal; elsewhere a wake-up pipe, which does not: then an interrupt
    counts as the terminal's.
    """

    def __init__(self, numbers: Iterable[signal.Signals]) -> None:
        self._numbers: Final = frozenset(numbers)
        if _libc is not None:
            signal.pthread_sigmask(signal.SIG_BLOCK, self._numbers)
            mask = bytearray(_SIGSET_BYTES)
            for number in self._numbers:
                mask[(number - 1) // 8] |= 1 << (number - 1) % 8
            self._descriptor: int = _libc.signalfd(-1, bytes(mask), _SFD_NONBLOCK | _SFD_CLOEXEC)
            if self._descriptor < 0:
                raise OSError(ctypes.get_errno(), "signalfd")
        else:
            self._descriptor, write_end = os.pipe()
            os.set_blocking(self._descriptor, False)
            os.set_blocking(write_end, False)
            for number in self._numbers:
                signal.signal(number, lambda *_: None)
            signal.set_wakeup_fd(write_end, warn_on_full_buffer=False)

    def fileno(self) -> int:
        """What becomes readable when a signal has come."""
        return self._descriptor

    def read(self) -> list[SignalTold]:
        """The signals that have come."""
        try:
            data = os.read(self._descriptor, 64 * _RECORD.size)
        except BlockingIOError:
            return []
        if _libc is None:
            return [SignalTold(signal.Signals(n), n == signal.SIGINT) for n in data]
        return [
            SignalTold(signal.Signals(number), code > 0)
            for number, _errno, code, _pid, _uid in _RECORD.iter_unpack(data)
        ]

    def restore(self) -> None:
        """Give a forked child the signals as every program expects them."""
        if _libc is None:
            signal.set_wakeup_fd(-1)
        for number in (*self._numbers, signal.SIGPIPE, signal.SIGTTOU):
            signal.signal(number, signal.SIG_DFL)
        signal.pthread_sigmask(signal.SIG_SETMASK, ())
