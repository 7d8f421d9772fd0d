"""What the terminal is, which keys reach a program in it, and what to do about those that do not.

The facts come from the environment, from tmux, and from one question to the terminal. What follows from them for the
keys `terminal_facts` says; a terminal nobody knows is trusted to send what it is asked for.
"""

from __future__ import annotations

import asyncio
import re
import shutil
import subprocess
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from h2a_agent.safe_text import one_line
from h2a_tui.keymap import Action, Context, Keymap, key_label
from h2a_tui.terminal_facts import TerminalFacts, ask_tmux, terminal_facts

__all__ = ["QUESTION", "TerminalReport", "answer_in", "read_report", "terminal_rows"]

QUESTION: Final = "\x1b[?u\x1b[c"  # kitty's keys? and: what are you?, which every terminal answers
_KITTY: Final = re.compile(rb"\x1b\[\?(\d+)u")
_WHAT: Final = re.compile(rb"\x1b\[\?[\d;]*c")
_TMUX_S: Final = 1.0
_TMUX_FACTS: Final = ("version", "extended-keys", "escape-time", "focus-events", "prefix", "client_termname")
_SLOW_ESCAPE_MS: Final = 100


@dataclass(frozen=True, slots=True)
class TerminalReport:
    """`kitty`: does it speak kitty's key protocol? None: nobody has asked. `tmux` is what tmux says of itself, {} without one;
    `keys` are what follows for keys.

    `program` is what it calls itself, "" where it does not.
    """

    term: str
    program: str = ""
    truecolor: bool = False
    no_color: bool = False
    utf8: bool = True
    remote: bool = False
    kitty: bool | None = None
    tmux: Mapping[str, str] = field(default_factory=dict)
    keys: TerminalFacts = field(default_factory=TerminalFacts)


async def read_report(environ: Mapping[str, str], folder: Path, kitty: bool | None = None) -> TerminalReport:
    """The facts; tmux is asked in `folder`."""
    keys = terminal_facts(environ, kitty=kitty, tmux=await ask_tmux(environ, folder))
    tmux = await asyncio.to_thread(_ask_tmux) if "TMUX" in environ else {}
    locale = next(filter(None, (environ.get(name) for name in ("LC_ALL", "LC_CTYPE", "LANG"))), "")
    return TerminalReport(
        one_line(environ.get("TERM", ""), 60),
        one_line(" ".join(filter(None, map(environ.get, ("TERM_PROGRAM", "TERM_PROGRAM_VERSION")))), 60),
        environ.get("COLORTERM") in ("truecolor", "24bit"),
        "NO_COLOR" in environ,
        "utf-8" in locale.lower() or "utf8" in locale.lower(),
        "SSH_TTY" in environ or "SSH_CONNECTION" in environ,
        kitty,
        tmux,
        keys,
    )


def answer_in(data: bytes) -> bool | None:
    """What the terminal has answered to `QUESTION` in `data`; None: nothing yet."""
    if _WHAT.search(data) is None:
        return None
    return _KITTY.search(data) is not None


def _ask_tmux() -> dict[str, str]:
    tmux = shutil.which("tmux")
    if tmux is None:
        return {}
    wanted = "\n".join(f"#{{{name}}}" for name in _TMUX_FACTS)
    try:
        said = subprocess.run(
            [tmux, "display-message", "-p", wanted],
            capture_output=True,
            text=True,
            timeout=_TMUX_S,
            check=False,
        ).stdout
    except (OSError, subprocess.SubprocessError, UnicodeDecodeError):
        return {}
    return {
        name: one_line(value, 40)
        for name, value in zip(_TMUX_FACTS, said.splitlines(), strict=False)
        if value
    }


# ------------------------------------------------------------------ what follows


def terminal_rows(facts: TerminalReport, keymap: Keymap) -> Iterator[tuple[str, str]]:
    """What it is, then what is the matter with a key or with anything else, and what to do."""
    names = (facts.term or "TERM is not set", facts.program, "over ssh" if facts.remote else "")
    yield "terminal", ", ".join(filter(None, names))
    yield "colours", _colours(facts)
    yield "keys", _protocol(facts)
    yield "Enter, Esc", _escape(facts)
    yield "Alt+Enter", _alt_enter(facts, keymap)
    yield "Shift+Enter", _shift_enter(facts, keymap)
    yield from _other_keys(facts, keymap)
    if facts.tmux:
        yield from _tmux_rows(facts.tmux)
    if not facts.utf8:
        yield "locale", "not UTF-8: frames and accents may come out wrong; export LANG=C.UTF-8"


def _colours(facts: TerminalReport) -> str:
    if facts.no_color:
        return "none, because NO_COLOR is set"
    if facts.truecolor:
        return "16 million"
    if "256" in facts.term:
        return "256; if your terminal has more: export COLORTERM=truecolor"
    return "16; if your terminal has more: export TERM=xterm-256color"


def _protocol(facts: TerminalReport) -> str:
    if facts.kitty:
        return "kitty's protocol: every key arrives as it is"
    asked = "no answer about kitty's protocol" if facts.kitty is None else "without kitty's protocol"
    return f"{asked}; xterm's is asked for, too"


def _escape(facts: TerminalReport) -> str:
    held = facts.tmux.get("escape-time", "")
    if held.isdecimal() and int(held) > _SLOW_ESCAPE_MS:
        return f"arrive, but tmux holds Esc back for {held} ms: set -sg escape-time 10 in ~/.tmux.conf"
    return "arrive"


def _alt_enter(facts: TerminalReport, keymap: Keymap) -> str:
    why = facts.keys.why_not("alt+enter")
    return (
        f"{why}; {_instead(facts, keymap, Action.FOLLOW_UP) or '/queue'} does the same" if why else "arrives"
    )


def _shift_enter(facts: TerminalReport, keymap: Keymap) -> str:
    instead = " or ".join(filter(None, (_instead(facts, keymap, Action.NEWLINE), "\\ Enter")))
    if facts.kitty:
        return "arrives"
    if facts.tmux:
        if facts.tmux.get("extended-keys", "off") == "off":
            return (
                "may be Enter: set -s extended-keys on, and set -as terminal-features 'xterm*:extkeys' in "
                f"~/.tmux.conf; {instead} always starts a new line"
            )
        return f"arrives if the terminal around tmux sends it; {instead} always starts a new line"
    return f"is Enter in most terminals like this one; {instead} starts a new line"


def _other_keys(facts: TerminalReport, keymap: Keymap) -> Iterator[tuple[str, str]]:
    """Keys of the chat that something else keeps, each with one that does the same."""
    if facts.keys.arrives("ctrl+s"):
        yield "Ctrl+S", "arrives: flow control is off while the chat runs"
    for row in keymap.rows:
        key = row.keys[0] if row.keys and row.context in (Context.COMPOSER, Context.GLOBAL) else ""
        if key not in ("alt+enter", "shift+enter") and (why := facts.keys.taken.get(key)):
            instead = _instead(facts, keymap, row.action)
            yield (
                key_label(key),
                f"{why}; {f'{instead} does the same' if instead else f'it would be: {row.help}'}",
            )


def _instead(facts: TerminalReport, keymap: Keymap, action: Action) -> str:
    """The other keys of `action` that arrive everywhere."""
    keys = [
        key
        for row in keymap.rows
        if row.action is action or (action, row.action) == (Action.FOLLOW_UP, Action.FOLLOW_UP_BY_TAB)
        for key in row.keys
        if row.context in (Context.COMPOSER, Context.GLOBAL) and "enter" not in key
    ]
    return " or ".join(key_label(key) for key in keys if facts.keys.arrives(key))


def _tmux_rows(tmux: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    yield "tmux", tmux.get("version", "")
    if prefix := tmux.get("prefix"):
        yield (
            "",
            f"{key_label(prefix.lower().replace('c-', 'ctrl+'))} is its own; press it twice to send it once",
        )
    if tmux.get("focus-events") in ("off", "0"):
        yield "", "does not say when you look elsewhere: set -g focus-events on"
