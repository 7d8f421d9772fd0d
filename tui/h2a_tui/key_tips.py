"""Keys that do not arrive from this terminal: told once, when they would be wanted, with one that does.

What has been told is remembered in a file, by terminal and key, so that nobody reads it twice.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from pathlib import Path
from time import monotonic
from typing import Final

from h2a_agent.paths import private_folder
from h2a_agent.state import State
from h2a_tui.keymap import Action, Context, Keymap, key_label
from h2a_tui.terminal_facts import TerminalFacts

__all__ = ["TIP_S", "KeyTips", "tip"]

TIP_S: Final = 12.0
"""How long a tip stands, and so how long the next one waits."""

# What one would want to press, and from when on.
_WANTED: Final[tuple[tuple[Action, Context, Callable[[State], bool]], ...]] = (
    (Action.FOLLOW_UP, Context.COMPOSER, lambda state: state.busy),
    (Action.NUDGE, Context.COMPOSER, lambda state: state.busy),
    (Action.FOCUS_APPROVAL, Context.GLOBAL, lambda state: bool(state.approvals)),
    (Action.FOCUS_QUEUE, Context.GLOBAL, lambda state: bool(state.queue)),
    (Action.NEWLINE, Context.COMPOSER, lambda state: state.settled is not None),
    (Action.HELP, Context.GLOBAL, lambda state: not state.busy),
)
_COMMANDS: Final[Mapping[Action, str]] = {
    Action.FOLLOW_UP: "/queue",
    Action.NUDGE: "/next",
    Action.HELP: "/help",
}


def tip(state: State, usual: Keymap, facts: TerminalFacts, told: frozenset[str]) -> tuple[str, str]:
    """The line to say now, and the key it is about; two empty strings for nothing. `usual` has the keys as they are set."""
    for action, context, is_wanted in _WANTED:
        keys = usual.keys(action, context)
        if not keys or keys[0] in told or not (why := facts.why_not(keys[0])) or not is_wanted(state):
            continue
        instead = next((key_label(key) for key in keys if facts.arrives(key)), _COMMANDS.get(action, ""))
        label = next(row.label for row in usual.rows if row.action is action and row.context is context)
        if instead:
            return f"{instead}: {label} · {key_label(keys[0])} {why}", keys[0]
    return "", ""


class KeyTips:
    """Follows the agent's states and says what there is to say."""

    def __init__(
        self,
        usual: Keymap,
        file: Path | None,
        say: Callable[[str], None],
        clock: Callable[[], float] = monotonic,
    ) -> None:
        self.facts = TerminalFacts()
        self._usual = usual
        self._file = file
        self._say = say
        self._clock = clock
        self._quiet_until = 0.0
        self._told: frozenset[str] | None = None

    async def load(self) -> None:
        """Read what has been told before; nothing is told until then."""
        self._told = await asyncio.to_thread(_read, self._file)

    def see(self, state: State) -> str:
        """Say what is useful in `state`; returns the key it is about, "" for nothing, to be kept with `keep`."""
        if self._told is None or self._clock() < self._quiet_until:
            return ""
        name = self.facts.name
        told = frozenset(entry.partition("\t")[2] for entry in self._told if entry.partition("\t")[0] == name)
        line, key = tip(state, self._usual, self.facts, told)
        if line:
            self._quiet_until = self._clock() + TIP_S
            self._told |= {f"{name}\t{key}"}
            self._say(line)
        return key

    async def keep(self) -> None:
        """Remember on disk what has been told. A disk that does not take it costs a tip told twice."""
        await asyncio.to_thread(_write, self._file, self._told or frozenset())


def _read(file: Path | None) -> frozenset[str]:
    try:
        return frozenset(file.read_text("utf-8").splitlines()) if file is not None else frozenset()
    except (OSError, UnicodeDecodeError):
        return frozenset()


def _write(file: Path | None, told: frozenset[str]) -> None:
    if file is None:
        return
    try:
        private_folder(file.parent)
        file.write_text("".join(f"{entry}\n" for entry in sorted(told)), "utf-8")
    except OSError:
        pass
