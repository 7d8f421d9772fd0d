"""The terminal of the inline mode: taken, read, written to, and given back as it was.

It outlives a chat. From one session to the next it stays as it was set up, and what is typed while nobody listens is kept
for whoever comes next, in the order in which it was typed.

What is written goes out in a thread of its own: a terminal that stops reading (tmux's copy mode, a stalled line) must not
stop keys and timers. While it has not taken everything, `backlog` says so, and nothing new is drawn.
"""

from __future__ import annotations

import asyncio
import base64
import os
import queue
import select
import signal
import sys
import threading
from codecs import getincrementaldecoder
from collections.abc import Callable
from typing import Final, NamedTuple

from prompt_toolkit.input.vt100 import raw_mode

from h2a_agent.tools.supervisor import guardian
from h2a_themes import Palette
from h2a_tui.bursts import Bursts
from h2a_tui.inline.key_reader import Input, KeyReader, Paste
from h2a_tui.terminal_colours import QUESTION, ColourAnswers
from h2a_tui.twins import softened

__all__ = ["InlineTerminal", "Size"]

_FLUSH_S: Final = 1.0  # a terminal that reads nothing for so long is left alone
_PIECE_S: Final = 0.11  # after which an unfinished answer about colours is none
# Pastes are marked, the focus is reported, keys come in full where the terminal knows how (kitty's flag 1, xterm's level 1).
_MODES_ON: Final = "\x1b[?2004h\x1b[?1004h\x1b[>1u\x1b[>4;1m"
_MODES_OFF: Final = "\x1b[<u\x1b[>4;0m\x1b[?1004l\x1b[?2004l\x1b[0m\x1b[?7h\x1b[?25h"


class Size(NamedTuple):
    """How large a terminal is, in cells."""

    columns: int
    rows: int


class _Writer:
    """Writes to a descriptor, in order, in a thread. What a terminal that has gone would have got is dropped."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self._encoding = softened(sys.__stdout__) or ("utf-8", "replace")
        self._waiting: queue.SimpleQueue[bytes | threading.Event] = queue.SimpleQueue()
        self._unwritten = 0
        self._lock = threading.Lock()
        self.drained: Callable[[], None] = lambda: None
        threading.Thread(target=self._run, name="h2a terminal", daemon=True).start()

    @property
    def backlog(self) -> int:
        """Bytes that have not gone out yet."""
        return self._unwritten

    def write(self, text: str) -> None:
        data = text.encode(*self._encoding)
        with self._lock:
            self._unwritten += len(data)
        self._waiting.put(data)

    def flush(self) -> None:
        """Wait until everything has gone out, but not for ever."""
        out = threading.Event()
        self._waiting.put(out)
        out.wait(_FLUSH_S)

    def _run(self) -> None:
        while True:
            match self._waiting.get():
                case threading.Event() as out:
                    out.set()
                case bytes() as data:
                    self._send(data)
                    with self._lock:
                        self._unwritten -= len(data)
                        empty = not self._unwritten
                    if empty:
                        self.drained()

    def _send(self, data: bytes) -> None:
        try:
            while data:
                data = data[os.write(self._descriptor, data) :]
        except OSError:
            pass  # the terminal has gone; its reader says so


class InlineTerminal:
    """Standard input and output as a terminal. Who listens gets what is typed; `lost` is called when the terminal has gone."""

    def __init__(self, *, escape_s: float, finds_pastes: bool) -> None:
        """`escape_s`: how long an ESC waits for what may belong to it. `finds_pastes`: also where they are not marked."""
        self._received: Callable[[Input], None] | None = None
        self._kept: list[Input] = []
        self._gone = False
        self._finds_pastes = finds_pastes
        self._keys = KeyReader(escape_s)
        self._bursts = Bursts()
        self._answers = ColourAnswers()
        self._decode = getincrementaldecoder("utf-8")("replace").decode
        self._raw: raw_mode | None = None
        self._late: asyncio.TimerHandle | None = None
        self._writer = _Writer(1)
        self._greeting = ""  # sent whenever the terminal is taken,
        self._farewell = ""  # and whenever it is given back
        self.listener: Callable[[bytes], None] | None = None  # hears what comes in, besides
        self.lost: Callable[[], None] = lambda: None
        self.coloured: Callable[[Palette], None] = lambda _palette: None

    @property
    def size(self) -> Size:
        """How large it is right now."""
        try:
            columns, rows = os.get_terminal_size(1)
        except OSError:
            columns, rows = 0, 0
        return Size(columns or 80, rows or 24)

    @property
    def backlog(self) -> bool:
        """Has it not yet taken everything that was written?"""
        return self._writer.backlog > 0

    @property
    def taken(self) -> bool:
        """Is it ours?"""
        return self._raw is not None

    def write(self, data: str) -> None:
        """Send `data` as soon as the terminal takes it."""
        self._writer.write(data)

    def copy(self, text: str) -> None:
        """Put `text` into the clipboard of the terminal's machine (OSC 52), if it lets us."""
        self.write(f"\x1b]52;c;{base64.b64encode(text.encode()).decode()}\x07")

    def when_drained(self, call: Callable[[], None]) -> None:
        """Call `call` in this event loop whenever everything has been taken."""
        loop = asyncio.get_running_loop()

        def drained() -> None:
            try:
                loop.call_soon_threadsafe(call)
            except RuntimeError:
                pass  # the loop is over

        self._writer.drained = drained

    # -------------------------------------------------------- taking and giving back

    def take(self) -> None:
        """Make it ours: raw, silent, its keys and reports for us; once more changes nothing."""
        if self._raw is not None:
            return
        if (ours := guardian()) is not None:
            ours.terminal_taken(True)
        self._raw = raw_mode(0)
        self._raw.__enter__()
        self.write(_MODES_ON + self._greeting)
        asyncio.get_running_loop().add_reader(0, self._read)

    def give_back(self) -> None:
        """Leave it as it was; once more changes nothing."""
        if self._raw is None:
            return
        asyncio.get_running_loop().remove_reader(0)
        if self._late is not None:
            self._late.cancel()
        self.write(_MODES_OFF + self._farewell)
        self._writer.flush()
        raw, self._raw = self._raw, None
        if _in_foreground():
            raw.__exit__()
        if (ours := guardian()) is not None:
            ours.terminal_taken(False)

    def accompany(self, greeting: str, farewell: str) -> None:
        """Send `greeting` whenever it is taken, `farewell` whenever it is given back."""
        if self._raw is not None and greeting != self._greeting:
            self.write(greeting)
        self._greeting, self._farewell = greeting, farewell

    def stop_here(self) -> None:
        """Stop, as Ctrl+Z asks; comes back when the shell lets us go on. The terminal has to be given back before."""
        os.kill(os.getpid(), signal.SIGSTOP)

    def ask_colours(self) -> None:
        """Ask for its colours; `coloured` gets the answer, if there is one."""
        self._answers.expect()
        self.write(QUESTION)

    # --------------------------------------------------------------------- reading

    def listen(self, received: Callable[[Input], None]) -> None:
        """Give `received` what was kept, and from now on what is typed."""
        self._received = received
        kept, self._kept = self._kept, []
        for one in kept:
            self._hand_out(one)
        if self._gone:
            self.lost()

    def divert(self, received: Callable[[Input], None]) -> None:
        """Give `received` what is typed from now on; what was typed before this is not for it, and stays kept."""
        self.keep()
        while not self._gone and select.select([0], [], [], 0)[0]:
            self._read()
        self._received = received
        if self._gone:
            self.lost()

    def keep(self) -> None:
        """Keep what is typed from now on."""
        self._received = None

    def keep_written(self, text: str) -> None:
        """Keep what is in an editor that is left: it was typed before everything else that is kept."""
        if text:
            self._kept.insert(0, Paste(text))

    def keep_behind(self, text: str) -> None:
        """Keep `text`, which was typed behind everything that is kept."""
        if text:
            self._kept.append(Paste(text))

    def _hand_out(self, one: Input) -> None:
        if self._received is None:
            self._kept.append(one)
        else:
            self._received(one)

    def _read(self) -> None:
        try:
            data = os.read(0, 65_536)
        except InterruptedError:
            return
        except OSError:
            data = b""
        if data and self.listener is not None:
            self.listener(data)
        if not data:
            asyncio.get_running_loop().remove_reader(0)
            self._gone = True
            self.lost()
        elif text := self._decode(data):
            self._take_in(text)

    def _take_in(self, text: str) -> None:
        loop = asyncio.get_running_loop()
        now = loop.time()
        if text and self._bursts.is_paste(text, now) and self._finds_pastes and self._keys.deadline is None:
            self._hand_out(Paste(text))
            return
        typed, palette = self._answers.take(text)
        if palette is not None:
            self.coloured(palette)
        # All at once, so that nothing is drawn between the keys of a burst.
        for one in [*(self._keys.feed(typed, now) if typed else ()), *self._keys.late(now)]:
            self._hand_out(one)
        if self._late is not None:
            self._late.cancel()
            self._late = None
        due = self._keys.deadline
        if due is not None or (text and not typed):
            self._late = loop.call_at(now + _PIECE_S if due is None else due, self._take_in, "")


def _in_foreground() -> bool:
    try:
        return os.tcgetpgrp(0) == os.getpgrp()
    except OSError:
        return True  # the terminal is gone, so nobody else has it
