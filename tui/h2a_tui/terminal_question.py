"""Asks the terminal what it speaks: from a plain program, or while the app has it."""

from __future__ import annotations

import asyncio
import os
import select
import sys
import termios
import tty
from time import monotonic
from typing import Final

from h2a_tui.keys import KeyDriver
from h2a_tui.terminal_report import QUESTION, answer_in

__all__ = ["ask_driver", "ask_terminal"]

_PATIENCE_S: Final = 0.5


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


async def ask_driver(driver: object) -> bool | None:
    """The same while the app reads the terminal."""
    if not isinstance(driver, KeyDriver):
        return None
    loop, answered = asyncio.get_running_loop(), asyncio.Event()
    heard = bytearray()

    def listen(data: bytes) -> None:  # in the thread that reads
        heard.extend(data)
        if answer_in(bytes(heard)) is not None:
            loop.call_soon_threadsafe(answered.set)

    driver.listener = listen
    try:
        driver.write(QUESTION)
        driver.flush()
        async with asyncio.timeout(_PATIENCE_S):
            await answered.wait()
    except TimeoutError:
        pass
    finally:
        driver.listener = None
    return answer_in(bytes(heard))
