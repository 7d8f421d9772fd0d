"""Which keys arrive from this terminal, as far as the program can know, and who keeps the others.

    TERM_PROGRAM and the like   which terminal it is, and what that is known to keep to itself
    tmux, asked by its command  its prefix, the keys bound without one, and whether it passes on modified keys
    kitty's query (CSI ? u)     does the terminal tell Shift+Enter from Enter?
    termios                     are Ctrl+S and Ctrl+Q flow control?

`terminal_facts` makes one `TerminalFacts` of what is known at the time; what was not asked is None and nothing follows
from it. Keys may arrive all the same where people have set up their terminal: these facts choose what is *shown*, never
what a key does.
"""

from __future__ import annotations

import asyncio
import re
import shutil
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from h2a_agent.tools.process import Child
from h2a_tui.key_names import key_name, needs_protocol

__all__ = ["TerminalFacts", "TmuxKeys", "ask_tmux", "read_tmux", "terminal_facts"]

_NAMES: Final[Mapping[str, str]] = {
    "Apple_Terminal": "Terminal.app",
    "vscode": "VS Code",
    "iTerm.app": "iTerm2",
    "WarpTerminal": "Warp",
}
# Commands of VS Code that it does not send on (`terminal.integrated.commandsToSkipShell`), by their usual keys.
_VS_CODE: Final = ("f1",)
_VS_CODE_NOT_ON_A_MAC: Final = ("ctrl+p", "ctrl+e", "ctrl+f")
# What zellij's usual keys are in its normal mode.
_ZELLIJ: Final = (
    *(f"ctrl+{letter}" for letter in "gptnhsoqb"),
    *(f"alt+{key}" for key in ("up", "down", "left", "right", "n", "f", "h", "j", "k", "l", "i", "o", "p")),
)
_TMUX_LIMIT_S: Final = 2.0


@dataclass(frozen=True, slots=True)
class TmuxKeys:
    """What tmux does with keys. `taken` are those it keeps, under our names; `extended` its option `extended-keys`."""

    taken: frozenset[str]
    extended: str = ""


@dataclass(frozen=True, slots=True)
class TerminalFacts:
    """What is known of the terminal.

    `name` is for people, "" where nothing is known. `extended_keys` says whether it tells modified keys apart
    (`needs_protocol`), None where that is not known. `taken` has, by key, why that key does not arrive, as the
    end of "Alt+Enter ...".
    """

    name: str = ""
    extended_keys: bool | None = None
    taken: Mapping[str, str] = field(default_factory=dict)

    def why_not(self, key: str) -> str:
        """Why `key` does not arrive, as the end of a sentence that begins with it; "" when it may well do."""
        if why := self.taken.get(key):
            return why
        if self.extended_keys is False and needs_protocol(key):
            return f"is not told apart by {self.name or 'this terminal'}"
        return ""

    def arrives(self, key: str) -> bool:
        """May `key` be shown as one to press?"""
        return not self.why_not(key)


def terminal_facts(
    environ: Mapping[str, str],
    *,
    kitty: bool | None = None,
    tmux: TmuxKeys | None = None,
    flow_control: bool = False,
    platform: str = sys.platform,
) -> TerminalFacts:
    """What follows from this environment and from what has been asked so far.

    `kitty` is the answer to kitty's query (False: there was none), `tmux` what tmux said of itself.
    """
    program = environ.get("TERM_PROGRAM", "")
    within_tmux = "TMUX" in environ
    taken: dict[str, str] = {}
    if flow_control:
        taken |= dict.fromkeys(("ctrl+s", "ctrl+q"), "is this terminal's flow control (stty -ixon ends that)")
    if within_tmux:
        if tmux is not None:
            taken |= dict.fromkeys(tmux.taken, "is a key of tmux's")
    elif "ZELLIJ" in environ:
        taken |= dict.fromkeys(_ZELLIJ, "is a key of zellij's")
    elif "STY" in environ:
        taken["ctrl+a"] = "is a key of screen's"
    elif program == "Apple_Terminal":
        taken["alt+enter"] = 'is plain Enter in Terminal.app (unless "Use Option as Meta key" is on)'
    elif "WT_SESSION" in environ:
        taken["alt+enter"] = "is full screen in Windows Terminal (unless it is unbound in its settings)"
    elif program == "iTerm.app" and not kitty:
        taken["alt+enter"] = 'needs "Left Option key: Esc+" in iTerm2'
    elif program == "vscode":
        keys = _VS_CODE if platform == "darwin" else _VS_CODE + _VS_CODE_NOT_ON_A_MAC
        taken |= dict.fromkeys(keys, "is a key of VS Code's")
    return TerminalFacts(_name(environ), _tells_apart(environ, kitty, tmux), taken)


def _name(environ: Mapping[str, str]) -> str:
    for variable, name in (("TMUX", "tmux"), ("ZELLIJ", "zellij"), ("STY", "screen")):
        if variable in environ:
            return name
    program = environ.get("TERM_PROGRAM", "")
    if not program:
        return (
            "kitty" if "KITTY_WINDOW_ID" in environ else "Windows Terminal" if "WT_SESSION" in environ else ""
        )
    return _NAMES.get(program, program)[:40] if program.isprintable() else ""


def _tells_apart(environ: Mapping[str, str], kitty: bool | None, tmux: TmuxKeys | None) -> bool | None:
    """Tmux does not answer kitty's query, so its option counts; of xterm's own protocol nothing can be asked."""
    if kitty:
        return True
    if "TMUX" in environ:
        return None if tmux is None else tmux.extended in ("on", "always")
    if kitty is None or "XTERM_VERSION" in environ:  # xterm obeys modifyOtherKeys, which we ask for
        return None
    return False


# ------------------------------------------------------------------------------ tmux


async def ask_tmux(environ: Mapping[str, str], folder: Path) -> TmuxKeys | None:
    """What the tmux we run in does with keys; None where there is none, or where it does not say."""
    if "TMUX" not in environ or shutil.which("tmux") is None:
        return None
    argv = ["tmux", "show-options", "-sv", "extended-keys", ";", "show-options", "-gv", "prefix", ";"]
    argv += ["show-options", "-gv", "prefix2", ";", "list-keys", "-T", "root"]
    said = bytearray()
    try:
        async with asyncio.timeout(_TMUX_LIMIT_S), await Child.start(argv, folder) as child:
            while data := await child.read():
                said += data
    except (OSError, TimeoutError):
        return None
    return read_tmux(said.decode("utf-8", "replace"))


def read_tmux(said: str) -> TmuxKeys | None:
    """The three options, a line each, and the bindings of the root table, in tmux's words."""
    lines = said.splitlines()
    if len(lines) < 3 or lines[0] not in ("off", "on", "always"):
        return None
    keys = {_our_name(prefix) for prefix in lines[1:3]}
    for line in lines[3:]:
        if (bound := _ROOT_BINDING.match(line)) and not bound[2].startswith("send-keys"):
            keys.add(_our_name(bound[1]))
    return TmuxKeys(frozenset(keys - {""}), lines[0])


_ROOT_BINDING: Final = re.compile(r"bind-key\s.*?-T root\s+(\S+)\s+(.*)")
_TMUX_NAMES: Final[Mapping[str, str]] = {
    "PPage": "pageup",
    "NPage": "pagedown",
    "BTab": "shift+tab",
    "BSpace": "backspace",
    "DC": "delete",
    "IC": "insert",
}
_TMUX_MODIFIERS: Final[Mapping[str, str]] = {"C": "ctrl", "M": "alt", "S": "shift"}


def _our_name(key: str) -> str:
    """The key that is `C-M-Up` to tmux; "" for a mouse event, `None` or what we have no name for."""
    *modifiers, name = re.split(r"(?<=[CMS])-(?=.)", key.strip('"').replace("\\", ""))
    held = [_TMUX_MODIFIERS.get(modifier, modifier) for modifier in modifiers]
    return key_name("+".join([*held, _TMUX_NAMES.get(name, name)])) or ""
