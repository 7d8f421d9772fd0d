"""A real program in a real terminal: a pty, with pyte as the screen.

    with Terminal.spawn([sys.executable, "-m", "h2a_tui.cli"], size=(80, 24)) as terminal:
        terminal.wait_for("ready")
        terminal.press("h", "i", "alt+enter", encoding="kitty")
        terminal.wait_for(lambda: "hi" in terminal.row(3))
        terminal.resize(20, 5)
        terminal.press("ctrl+d")
        assert terminal.wait_exit() == 0

A thread reads what the program writes, as fast as it comes, answers the questions a terminal is asked
(device attributes, cursor position, kitty and mode queries) and wakes whoever waits: there is no polling and no
sleep in here. Pyte has no alternate screen: after the program has left it, its last picture stays. In asynchronous tests call the waiting verbs through `asyncio.to_thread`.

`close`, or leaving the `with` block, kills the program's whole session.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import pty
import re
import select
import signal
import struct
import subprocess
import termios
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from types import TracebackType
from typing import Final

import pyte

from support.lateness import in_late_pieces
from support.scrollback import ScrollbackScreen
from support.terminal_keys import Encoding, encode

__all__ = ["Terminal", "modes_left_on"]

TIMEOUT_S: Final = 10.0  # generous: a test that waits this long has failed, on any machine

_QUERY: Final = re.compile(
    rb"\x1b\[(?:(?P<da>0?c)|(?P<da2>>0?c)|(?P<dsr>[56])n|(?P<kitty>\?u)|\?(?P<mode>\d+)\$p)"
    rb"|\x1b\](?P<osc>1[01]|4;\d+);\?(?:\x07|\x1b\\)"
)
# Sequences pyte misreads: private forms of SGR and of save-cursor, mode queries, OSC of any kind.
_NOT_FOR_PYTE: Final = re.compile(rb"\x1b\[[<>=?][\d;]*[um]|\x1b\[\?\d+\$p|\x1b\][^\x07\x1b]*(?:\x07|\x1b\\)")
_UNFINISHED: Final = re.compile(rb"\x1b(?:\[[0-?]*[ -/]*|\][^\x07\x1b]*\x1b?)?\Z")


class Terminal:
    """A terminal with one program in it. `output` is everything the program has written."""

    def __init__(
        self,
        process: subprocess.Popen[bytes],
        master: int,
        size: tuple[int, int],
        kitty: bool,
        colours: Mapping[str, str],
    ) -> None:
        self.process = process
        self.output = bytearray()
        self._master = master
        self._kitty = kitty
        self._colours = colours
        self._screen = ScrollbackScreen(*size)
        self._stream = pyte.ByteStream(self._screen)
        self._pending = b""
        self._answered = 0
        self._changed = threading.Condition()
        self._over = False
        self._hang_up_asked, self._ask_hang_up = os.pipe()
        self._reads = threading.Event()
        self._reads.set()
        self._reader = threading.Thread(target=self._read, name="terminal", daemon=True)
        self._reader.start()

    @classmethod
    def spawn(
        cls,
        argv: Sequence[str],
        *,
        size: tuple[int, int] = (80, 24),
        env: Mapping[str, str] | None = None,
        cwd: str | os.PathLike[str] | None = None,
        kitty: bool = False,
        colours: Mapping[str, str] | None = None,
        pass_fds: Sequence[int] = (),
    ) -> Terminal:
        """Start `argv` in a terminal of `size` (columns, rows), as the leader of its own session.

        `env` is added to a small, fixed environment. `kitty` says whether the terminal answers that it speaks
        the kitty keyboard protocol, `colours` what it answers about them: "10" (what it writes with), "11" (its
        ground) and "4;0" to "4;15", each as `rrggbb`; about others it says nothing.
        """
        master, slave = pty.openpty()
        _set_size(master, size)
        environment = {
            "PATH": os.environ.get("PATH", os.defpath),
            "HOME": os.environ.get("HOME", "/"),
            "LANG": "C.UTF-8",
            "TERM": "xterm-256color",
            "COLORTERM": "truecolor",
            **(env or {}),
        }
        try:
            process = subprocess.Popen(
                argv,
                stdin=slave,
                stdout=slave,
                stderr=slave,
                env=environment,
                cwd=cwd,
                start_new_session=True,
                pass_fds=pass_fds,
                preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0),
            )
        finally:
            os.close(slave)
        return cls(process, master, size, kitty, colours or {"10": "1c1c1c", "11": "1c1c1c"})

    # ---------------------------------------------------------------- writing

    def write(self, data: bytes) -> None:
        """Send `data` as the terminal would, in one piece where the pty allows."""
        while data:
            data = data[os.write(self._master, data) :]

    def press(self, *keys: str, encoding: Encoding = "legacy") -> None:
        """Press `keys` one after the other, each in a write of its own."""
        for key in keys:
            self.write(encode(key, encoding))

    def type_text(self, text: str) -> None:
        """Type `text` in one burst."""
        self.write(text.encode())

    def paste(self, text: str) -> None:
        """Paste `text` in brackets."""
        self.write(b"\x1b[200~" + text.encode() + b"\x1b[201~")

    def stop_reading(self) -> None:
        """Take nothing of what the program writes, as a terminal does that hangs or scrolls back."""
        self._reads.clear()

    def go_on_reading(self) -> None:
        """Take it again."""
        self._reads.set()

    def recolour(self, colours: Mapping[str, str]) -> None:
        """Answer other colours from now on."""
        self._colours = colours

    def resize(self, columns: int, rows: int) -> None:
        """Give the terminal another size; the program is told by SIGWINCH."""
        with self._changed:
            self._screen.resize(rows, columns)
        _set_size(self._master, (columns, rows))
        os.killpg(self.process.pid, signal.SIGWINCH)

    # ---------------------------------------------------------------- looking

    def screen_text(self) -> str:
        """The screen's rows, without trailing blanks."""
        with self._changed:
            return "\n".join(line.rstrip() for line in self._screen.display)

    def whole_text(self) -> str:
        """The scrollback and the screen below it."""
        with self._changed:
            return "\n".join([*self._screen.scrolled, *(line.rstrip() for line in self._screen.display)])

    def row(self, number: int) -> str:
        """One row, from 0; a negative number counts from the bottom."""
        with self._changed:
            return self._screen.display[number].rstrip()

    @property
    def cursor(self) -> tuple[int, int]:
        """Column and row of the cursor, from 0."""
        with self._changed:
            return self._screen.cursor.x, self._screen.cursor.y

    @property
    def line_mode(self) -> bool:
        """Does the terminal echo and wait for whole lines, as for a shell?"""
        local = termios.tcgetattr(self._master)[3]
        return bool(local & termios.ICANON and local & termios.ECHO)

    @contextlib.contextmanager
    def screen(self) -> Iterator[pyte.Screen]:
        """Pyte's screen (colours, attributes), while nothing changes it."""
        with self._changed:
            yield self._screen

    # ---------------------------------------------------------------- waiting

    def wait_for(self, what: str | Callable[[], object], timeout_s: float = TIMEOUT_S) -> None:
        """Wait until `what` is on the screen, or until it returns something true.

        Raises:
            AssertionError: it did not come in time, or the program ended first; the message has the screen.
        """
        if isinstance(what, str):
            text = what
            self._wait(lambda: text in self.screen_text(), repr(text), timeout_s)
        else:
            self._wait(what, "the condition", timeout_s)

    def press_until(self, *keys: str, shown: str, encoding: Encoding = "legacy") -> None:
        """Press `keys` again and again until `shown` is on the screen: what asks something is deaf until it could be read.

        Every time the program has twice as long as the time before, so that a slow one is not pressed ahead of.
        """
        for patience_s in (1.0, 2.0, 4.0):
            self.press(*keys, encoding=encoding)
            with contextlib.suppress(AssertionError):
                return self.wait_for(shown, patience_s)
        self.press(*keys, encoding=encoding)
        return self.wait_for(shown)

    def wait_gone(self, text: str, timeout_s: float = TIMEOUT_S) -> None:
        """Wait until `text` is on the screen no more."""
        self._wait(lambda: text not in self.screen_text(), f"{text!r} to go", timeout_s)

    def wait_output(self, data: bytes, timeout_s: float = TIMEOUT_S) -> None:
        """Wait until the program has written `data`."""
        self._wait(lambda: data in self.output, f"the bytes {data!r}", timeout_s)

    def wait_exit(self, timeout_s: float = TIMEOUT_S) -> int:
        """Wait until the program has ended; its exit code, negative for a signal."""
        code = self.process.wait(timeout_s)
        self._reader.join(timeout_s)
        return code

    def wait_stopped(self, timeout_s: float = TIMEOUT_S) -> None:
        """Wait until the program has suspended itself."""
        deadline = time.monotonic() + timeout_s
        while time.monotonic() < deadline:
            # Wakes on its own: WUNTRACED reports the stop, WNOWAIT leaves the exit to `process`.
            info = os.waitid(os.P_PID, self.process.pid, os.WSTOPPED | os.WEXITED | os.WNOWAIT)
            if info is not None and info.si_code == os.CLD_STOPPED:
                return
        raise AssertionError("the program did not stop")

    def _wait(self, condition: Callable[[], object], name: str, timeout_s: float) -> None:
        deadline = time.monotonic() + timeout_s
        with self._changed:
            while not condition():
                left = deadline - time.monotonic()
                if self._over or left <= 0:
                    why = "the program ended" if self._over else f"nothing for {timeout_s:g} s"
                    raise AssertionError(f"waiting for {name}: {why}\n{self._framed()}")
                self._changed.wait(left)

    def _framed(self) -> str:
        width = self._screen.columns
        rows = "\n".join(f"│{line}│" for line in self._screen.display)
        return f"╭{'─' * width}╮\n{rows}\n╰{'─' * width}╯"

    # ----------------------------------------------------------------- ending

    def hang_up(self) -> None:
        """Take the terminal away, as a closed window or a lost line does."""
        os.write(self._ask_hang_up, b"x")
        self._reads.set()
        self._reader.join(TIMEOUT_S)
        os.close(self._master)
        self._master = -1

    def close(self) -> None:
        """End the program and everything it has started, and give the terminal back."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()
        if self._master >= 0:
            self.hang_up()
        if self._ask_hang_up >= 0:
            os.close(self._hang_up_asked)
            os.close(self._ask_hang_up)
            self._ask_hang_up = -1

    def __enter__(self) -> Terminal:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    # ---------------------------------------------------------------- private

    def _read(self) -> None:
        while True:
            # A read under way would keep the terminal open after it is closed, so first wait for something to read.
            ready, _, _ = select.select([self._master, self._hang_up_asked], [], [])
            if self._hang_up_asked not in ready:
                self._reads.wait()
            try:
                data = os.read(self._master, 65_536) if self._hang_up_asked not in ready else b""
            except OSError:  # EIO: the last holder of the terminal has gone
                data = b""
            if not data:
                with self._changed:
                    self._over = True
                    self._changed.notify_all()
                return
            for piece in in_late_pieces(data):
                with self._changed:
                    self.output += piece
                    self._draw(piece)
                    self._answer()
                    self._changed.notify_all()

    def _draw(self, data: bytes) -> None:
        data = self._pending + data
        unfinished = _UNFINISHED.search(data)
        self._pending = data[unfinished.start() :] if unfinished else b""
        self._stream.feed(_NOT_FOR_PYTE.sub(b"", data[: len(data) - len(self._pending)]))

    def _answer(self) -> None:
        for query in _QUERY.finditer(self.output, self._answered):
            self._answered = query.end()
            reply = self._reply(query)
            if reply:
                with contextlib.suppress(OSError):
                    os.write(self._master, reply)

    def _reply(self, query: re.Match[bytes]) -> bytes:
        if query["da"]:
            return b"\x1b[?62;22c"
        if query["da2"]:
            return b"\x1b[>41;380;0c"
        if query["dsr"] == b"5":
            return b"\x1b[0n"
        if query["dsr"] == b"6":
            return b"\x1b[%d;%dR" % (self._screen.cursor.y + 1, self._screen.cursor.x + 1)
        if query["kitty"]:
            return b"\x1b[?0u" if self._kitty else b""
        if query["mode"]:
            known = query["mode"] in (b"2026", b"2004", b"1049")
            return b"\x1b[?%s;%d$y" % (query["mode"], 2 if known else 0)
        colour = self._colours.get(query["osc"].decode(), "")
        parts = "/".join(colour[at : at + 2] * 2 for at in (0, 2, 4))
        return b"\x1b]%s;rgb:%s\x1b\\" % (query["osc"], parts.encode()) if colour else b""


def modes_left_on(output: bytes) -> dict[str, object]:
    """What of a terminal's modes differs from a fresh one's after `output`."""
    state: dict[str, bool] = {}
    for numbers, end in re.findall(rb"\x1b\[\?([\d;]+)([hl])", output):
        for number in numbers.decode().split(";"):
            state[number] = end == b"h"
    fresh = {"25": True, "7": True}
    left: dict[str, object] = {n: on for n, on in state.items() if on != fresh.get(n, False)}
    if len(re.findall(rb"\x1b\[>\d+u", output)) != output.count(b"\x1b[<u"):
        left["kitty"] = True
    if (keys := re.findall(rb"\x1b\[>4;(\d)m", output)) and keys[-1] != b"0":
        left["modifyOtherKeys"] = True
    return left


def _set_size(fd: int, size: tuple[int, int]) -> None:
    columns, rows = size
    fcntl.ioctl(fd, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))
