"""What a command prints, on its way to the model, to the screen and to a file: bounded in memory however much it is.

The model reads the last lines; a screen sees pieces as they come; when it is more than the model reads, a file has all
of it (`spill.py`). Bytes become text here: undecodable ones and terminal sequences are taken out.
"""

from __future__ import annotations

import asyncio
import codecs
import re
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final

from h2a_agent.safe_text import AnsiStripper
from h2a_agent.tools.live import LiveOutput
from h2a_agent.tools.process import Child
from h2a_agent.tools.spill import Spill
from h2a_agent.tools.truncate import MAX_BYTES, Cut, Tail, size_text

__all__ = ["CommandOutput"]

# A flood may not take the machine from the screen: so much work per period, then the pipe holds it back.
_WORK_S: Final = 0.02
_PERIOD_S: Final = 0.1
# Bytes worked on in one go. Where that is slow (random bytes cost some 30 times as much as text), others get a turn.
_SLICE: Final = 16384
_SLOW_S: Final = 0.001
# One-character forms of OSC, DCS and the like. In UTF-8 no terminal program writes them; unpaired, they are costly to search.
_C1: Final = re.compile("[\x80-\x9f]")


class CommandOutput:
    """Collects one command's output. Cancelling a verb loses nothing: the next one goes on where it was."""

    def __init__(self, spill_dir: Path, emit: Callable[[str], None]) -> None:
        self._decode = codecs.getincrementaldecoder("utf-8")("replace").decode
        self._stripper = AnsiStripper()
        self._all = Tail()
        self._fresh = Tail()
        self._early: list[str] | None = []  # all that came, until it is too much and goes to a file
        self._spill = Spill(spill_dir)
        self._live = LiveOutput(emit)
        self._waiting = bytearray()

    @property
    def lines(self) -> int:
        """How many lines there have been."""
        return self._all.lines

    async def follow(self, child: Child) -> None:
        """Take the output to its end, at a pace that leaves the event loop to others."""
        period_ends, worked_s = time.monotonic() + _PERIOD_S, 0.0
        while chunk := await child.read():
            began = time.monotonic()
            await self.take(chunk)
            now = time.monotonic()
            worked_s += now - began
            if worked_s >= _WORK_S and now < period_ends:
                await asyncio.sleep(period_ends - now)
                now = period_ends
            if now >= period_ends:
                period_ends, worked_s = now + _PERIOD_S, 0.0

    async def take(self, chunk: bytes) -> None:
        """Take a piece."""
        self._waiting += chunk
        while self._waiting:
            began = time.monotonic()
            piece = bytes(self._waiting[:_SLICE])
            del self._waiting[:_SLICE]
            await self._take_bytes(piece)
            if time.monotonic() - began > _SLOW_S:
                await asyncio.sleep(0)

    async def close(self) -> None:
        """Take what was held back, and let go of the file."""
        await self.take(b"")
        await self._take_bytes(b"", final=True)
        await self._take_text(self._stripper.flush())
        self._live.close()
        await self._spill.close()

    def to_background(self) -> None:
        """Show no more of it while it runs."""
        self._live.close()

    def text(self, *notes: str, empty: str = "(no output)") -> str:
        """What the model reads: the last lines, where the rest is, and `notes`."""
        return self._text(self._all, *notes, empty=empty)

    def fresh_text(self, *notes: str) -> str:
        """The same of what has come since this was called last."""
        fresh, self._fresh = self._fresh, Tail()
        return self._text(fresh, *notes, empty="(no new output)")

    # ---------------------------------------------------------------- private

    async def _take_bytes(self, piece: bytes, *, final: bool = False) -> None:
        text = self._decode(piece, final)
        if not text.isascii():
            text = _C1.sub("\ufffd", text)
        await self._take_text(self._stripper.feed(text))

    async def _take_text(self, text: str) -> None:
        if not text:
            return
        self._all.feed(text)
        self._fresh.feed(text)
        self._live.feed(text)
        if self._early is None:
            await self._spill.feed(text)
            return
        self._early.append(text)
        if self._all.overflowing:
            early, self._early = self._early, None
            await self._spill.feed("".join(early))

    def _text(self, kept: Tail, *notes: str, empty: str) -> str:
        cut = kept.cut()
        text = cut.text.replace("\0", "␀").strip("\n")
        parts = [self._left_out(cut, kept.lines)] if not cut.complete else []
        parts.append(text if text.strip() else ("" if notes else empty))
        return "\n\n".join(part for part in (*parts, *notes) if part)

    def _left_out(self, cut: Cut, total: int) -> str:
        if cut.broken_line:
            what = f"The last {size_text(MAX_BYTES)} of line {total}"
        else:
            what = f"Lines {total - cut.lines + 1}-{total} of {total}"
        return f"[{what}; {self._spill.notice}]"
