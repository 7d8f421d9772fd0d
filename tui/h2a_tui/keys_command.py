"""`h2a-chat keys`: press a key and see what the terminal sends for it, which key that is, and what it does.

The terminal is asked for the same key modes as by the app, and read by the same parser.
"""

from __future__ import annotations

import os
import select
import sys
import termios
import tty
from codecs import getincrementaldecoder
from collections.abc import Iterator
from contextlib import contextmanager
from time import monotonic
from typing import Final

from textual import events
from textual.message import Message

from h2a_agent.tools.supervisor import guardian
from h2a_tui.key_trial import meaning_of, spelled
from h2a_tui.keymap import Keymap
from h2a_tui.keys import KeyParser
from h2a_tui.usage import OK, UsageError

__all__ = ["keys_command"]

_LEAVES: Final = "ctrl+c"
_ON: Final = "\x1b[>29u\x1b[>4;1m"  # kitty's keys, xterm's modifyOtherKeys
_OFF: Final = "\x1b[>4;0m\x1b[<u"


def keys_command(keymap: Keymap) -> int:
    """Tell of keys until Ctrl+C is pressed twice in a row.

    Raises:
        UsageError: there is no terminal.
    """
    if not (sys.stdin.isatty() and sys.stdout.isatty()):
        raise UsageError("h2a-chat keys needs a terminal: it shows what that sends")
    sys.stdout.write("Press keys to see what your terminal sends for them. Ctrl+C twice leaves.\n")
    descriptor, last = sys.stdin.fileno(), ""
    with _key_modes(descriptor):
        for data, names in _presses(descriptor):
            for name in names:
                _say(f"{spelled(data):24}  {name:18}  {meaning_of(name, keymap)}")
                if name == last == _LEAVES:
                    return OK
                last = name
    return OK


def _say(line: str) -> None:
    sys.stdout.write(f"{line.rstrip()}\r\n")
    sys.stdout.flush()


@contextmanager
def _key_modes(descriptor: int) -> Iterator[None]:
    before = termios.tcgetattr(descriptor)
    ours = guardian()
    if ours is not None:
        ours.terminal_taken(True)
    try:
        tty.setraw(descriptor, termios.TCSADRAIN)
        sys.stdout.write(_ON)
        sys.stdout.flush()
        yield
    finally:
        sys.stdout.write(_OFF)
        sys.stdout.flush()
        termios.tcsetattr(descriptor, termios.TCSAFLUSH, before)
        if ours is not None:
            ours.terminal_taken(False)


def _presses(descriptor: int) -> Iterator[tuple[bytes, list[str]]]:
    """What came in, and the keys it was, until the terminal closes."""
    decode = getincrementaldecoder("utf-8")("replace").decode
    parser = KeyParser(False)
    pending = b""
    while True:
        due = parser.deadline
        ready, _, _ = select.select(
            [descriptor], [], [], None if due is None else max(0.0, due - monotonic())
        )
        messages: list[Message] = []
        if ready:
            data = os.read(descriptor, 4096)
            if not data:
                return
            pending += data
            if text := decode(data):
                messages += parser.feed(text)
        messages += parser.tick()
        names = [message.key for message in messages if isinstance(message, events.Key)]
        if messages:
            yield pending, names or [type(message).__name__.lower() for message in messages]
            pending = b""
