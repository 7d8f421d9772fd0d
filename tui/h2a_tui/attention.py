"""How the terminal itself is told what goes on: its title, its progress bar, and a call when nobody looks.

    title      OSC 2, kept and put back with XTWINOPS 22 and 23
    progress   OSC 9;4, only where it is known not to be taken for a notification
    calls      OSC 9 or OSC 777, by terminal, and the bell; only while the terminal reports that it lost the focus

Whatever stands in a sequence has gone through `one_line`, so it holds no control character.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal, TypeAlias

from h2a_agent.events import AnyEvent, ApprovalRequested, Phase, Settled, Status
from h2a_agent.safe_text import one_line
from h2a_agent.state import State

__all__ = ["Attention", "Signals", "call_for", "notification_code", "shows_progress"]

_APP: Final = "h2a-chat"
_END: Final = "\x1b\\"
_BELL: Final = "\x07"
_KEEP_TITLE: Final = "\x1b[22;2t"
_PUT_BACK_TITLE: Final = "\x1b[23;2t"
_TEXT_LIMIT: Final = 120
_PROGRESS_LASTS_S: Final = 10.0  # some terminals take the bar away when it is not renewed

Progress: TypeAlias = Literal["off", "working", "waiting"]
_PROGRESS: Final[Mapping[Progress, str]] = {
    "off": f"\x1b]9;4;0;0{_END}",
    "working": f"\x1b]9;4;3;0{_END}",
    "waiting": f"\x1b]9;4;4;100{_END}",
}
_BY_OSC_9: Final = frozenset({"iTerm.app", "WezTerm", "ghostty", "WarpTerminal"})
_IDLE: Final = frozenset({Phase.IDLE, Phase.SETTLING})


@dataclass(frozen=True, slots=True)
class Signals:
    """What the terminal may be told. `notifications` and `bell` call the person when it has lost the focus."""

    title: bool = True
    progress: bool = True
    notifications: bool = True
    bell: bool = True


# ------------------------------------------------------------- what to say


def call_for(state: State, happened: Sequence[AnyEvent]) -> str:
    """What of `happened`, after which the agent is in `state`, a person would want to be called for; "" for nothing."""
    for event in reversed(happened):
        match event:
            case ApprovalRequested(tool=tool, title=title):
                return f"May {tool} run? {title}"
            case Settled(reason="failed"):
                return f"Failed: {state.error.message}" if state.error else "Failed"
            case Settled(reason="completed"):
                return "Done"
            case Status(phase=Phase.PAUSED, note=note) if note:
                return f"Paused: {note}"
    return ""


def title_word(state: State) -> str:
    """The run's state in a word that does not change with every step."""
    if state.phase in _IDLE:
        return "ready"
    if state.approvals:
        return "asks you"
    return "paused" if state.phase is Phase.PAUSED else "working"


def progress_of(state: State) -> Progress:
    """What a progress bar shows: something goes on, something waits for the person, or neither."""
    if state.phase in _IDLE:
        return "off"
    return "waiting" if state.approvals or state.phase is Phase.PAUSED else "working"


# -------------------------------------------------- what the terminal understands


def notification_code(environ: Mapping[str, str]) -> Literal["9", "777", ""]:
    """Which OSC the terminal of `environ` takes for a notification; "" when none is known to be one."""
    if environ.get("TERM_PROGRAM") in _BY_OSC_9 or "KITTY_WINDOW_ID" in environ:
        return "9" if _is_direct(environ) else ""
    known = "VTE_VERSION" in environ or "KONSOLE_VERSION" in environ
    if known or environ.get("TERM", "").startswith(("foot", "rxvt")):
        return "777" if _is_direct(environ) else ""
    return ""


def shows_progress(environ: Mapping[str, str]) -> bool:
    """Does the terminal of `environ` draw OSC 9;4 as progress? Others would announce "4;3"."""
    if not _is_direct(environ):
        return False
    if "WT_SESSION" in environ or environ.get("ConEmuANSI") == "ON":
        return True
    vte = environ.get("VTE_VERSION", "")
    return environ.get("TERM_PROGRAM") == "ghostty" or (vte.isdecimal() and int(vte) >= 8000)


def _is_direct(environ: Mapping[str, str]) -> bool:
    """Is there no multiplexer in between, which would swallow it?"""
    return "TMUX" not in environ and "STY" not in environ


# ------------------------------------------------------------------- telling


class Attention:
    """Tells one terminal of one agent's run. `write` sends a sequence; nothing is sent twice for nothing."""

    def __init__(
        self,
        write: Callable[[str], None],
        signals: Signals,
        environ: Mapping[str, str],
        folder: Path,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        speaks = environ.get("TERM") not in (None, "", "dumb", "linux")  # those print what they do not know
        self._write = write
        self._folder = one_line(folder.name or str(folder), 40)
        self._title = signals.title and speaks
        self._progress = signals.progress and speaks and shows_progress(environ)
        self._code = notification_code(environ) if signals.notifications and speaks else ""
        self._bell = signals.bell
        self._clock = clock
        self._told: tuple[str, Progress] = ("", "off")
        self._progress_at = 0.0

    @property
    def greeting(self) -> str:
        """What is sent when the terminal is taken over."""
        return _KEEP_TITLE if self._title else ""

    @property
    def farewell(self) -> str:
        """What puts the terminal back when it is given away."""
        return (_PROGRESS["off"] if self._progress else "") + (_PUT_BACK_TITLE if self._title else "")

    def show(self, state: State, *, anew: bool = False) -> None:
        """Set title and progress bar, where they are others than before; `anew`: in any case."""
        word, progress = title_word(state), progress_of(state)
        before, self._told = self._told, (word, progress)
        if self._title and (anew or word != before[0]):
            self._write(f"\x1b]2;{_APP} · {self._folder} · {word}{_END}")
        if self._progress and (anew or progress != before[1] or self._is_stale(progress)):
            self._write(_PROGRESS[progress])
            self._progress_at = self._clock()

    def _is_stale(self, progress: Progress) -> bool:
        return progress != "off" and self._clock() - self._progress_at >= _PROGRESS_LASTS_S

    def call(self, text: str) -> None:
        """Call the person, who is not looking."""
        line = one_line(text, _TEXT_LIMIT)
        if self._code == "9":
            self._write(f"\x1b]9;{_APP}: {line}{_END}")
        elif self._code == "777":
            self._write(f"\x1b]777;notify;{_APP};{line.replace(';', ',')}{_END}")
        if self._bell:
            self._write(_BELL)
