"""Asks the terminal what it speaks: from a plain program, or while the app has it."""

from __future__ import annotations

import asyncio
import os
import select
import sys
import termios
import tty
from collections.abc import Callable
from time import monotonic
from typing import Final, Protocol

from h2a_tui.terminal_report import QUESTION, answer_in

__all__ = ["Heard", "ask_terminal", "ask_while_read"]

_PATIENCE_S: Final = 0.5


class Heard(Protocol):
    """A terminal that somebody reads. `listener` hears what comes in, perhaps in another thread."""

    listener: Callable[[bytes], None] | None

    def write(self, data: str) -> None: ...


def ask_terminal() -> bool | None:
    """Does the terminal of this program speak kitty's key protocol? None: there is no terminal, or no answer."""
    if not (sys.stdin.isatty() and sys.stdout.isatty()):
        return None
    descriptor = sys.stdin.fileno()
    before = termios.tcgetattr(descriptor)
    heard, until = b"", monotonic() + _PATIENCE_S
    try:
        tty.setraw(descriptor, termios.TCSADRAIN)
        sys.stdout.write(QUESTION)
        sys.stdout.flush()
        while (answer := answer_in(heard)) is None and (left := until - monotonic()) > 0:
            if select.select([descriptor], [], [], left)[0]:
                heard += os.read(descriptor, 1024)
        return answer
    finally:
        termios.tcsetattr(descriptor, termios.TCSANOW, before)


async def ask_while_read(terminal: Heard) -> bool | None:
    """The same while the app or the inline mode reads it."""
    loop, answered = asyncio.get_running_loop(), asyncio.Event()
    heard = bytearray()

    def listen(data: bytes) -> None:
        heard.extend(data)
        if answer_in(bytes(heard)) is not None:
            loop.call_soon_threadsafe(answered.set)

    terminal.listener = listen
    try:
        terminal.write(QUESTION)
        async with asyncio.timeout(_PATIENCE_S):
            await answered.wait()
    except TimeoutError:
        pass
    finally:
        terminal.listener = None
    return answer_in(bytes(heard))
