"""How far a command is held in, and the prefix that does it.

    level 3   bubblewrap   a file system, processes and a network of its own
    level 2   Landlock     the kernel's rules on files, sockets and signals
    level 1   none         there is neither here, or it did not hold when it was tried
    level 0   off          the user wants none

In level 2 and 3 everything may be read but secrets; written may be the workspace, a private folder for
temporary files and what the user has named; there is no network, and what programs obey later (git's hooks and
configuration, the program's own folders) stays out of reach. `gaps` names what of this does not hold here.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from enum import IntEnum
from pathlib import Path
from typing import TYPE_CHECKING, Final, Literal, TypeAlias

from h2a_agent.paths import home_folder
from h2a_agent.sandbox.settings import SandboxSettings

if TYPE_CHECKING:
    from h2a_agent.sandbox.policy import Policy

__all__ = ["OFF", "Level", "Needs", "Sandbox", "must_ask"]

Needs: TypeAlias = Literal["nothing", "network", "no_sandbox"]


class Level(IntEnum):
    """How far a command is held in; more is safer."""

    OFF = 0
    NONE = 1
    LANDLOCK = 2
    BUBBLEWRAP = 3

    @property
    def title(self) -> str:
        """The level in a word, for people."""
        return _TITLES[self]


_TITLES: Final = {
    Level.OFF: "off",
    Level.NONE: "none",
    Level.LANDLOCK: "Landlock",
    Level.BUBBLEWRAP: "bubblewrap",
}


@dataclass(frozen=True, slots=True)
class Sandbox:
    """The sandbox of a session.

    `why` says why the level is no higher. `gaps` are what was tried and is not held back, in words for people.
    `program` is bubblewrap's path, `python` runs the Landlock launcher. `own` are the program's folders,
    `shown` what may be read all the same, `tmp` is the commands' own folder for temporary files.
    """

    level: Level
    why: str = ""
    gaps: tuple[str, ...] = ()
    settings: SandboxSettings = field(default_factory=SandboxSettings)
    own: tuple[Path, ...] = ()
    shown: tuple[Path, ...] = ()
    tmp: Path = Path("/nonexistent")
    program: str = ""
    python: str = sys.executable
    home: Path = field(default_factory=home_folder)

    @property
    def confines(self) -> bool:
        """Is a command held in at all?"""
        return self.level >= Level.LANDLOCK

    @property
    def summary(self) -> str:
        """The level and what it means, in one line for people."""
        if not self.confines:
            return f"sandbox: {self.level.title} ({self.why})" if self.why else f"sandbox: {self.level.title}"
        network = "network on" if self.settings.network else "no network"
        parts = [self.level.title, "commands write here only", network]
        if self.gaps:
            parts.append(f"not held back: {', '.join(self.gaps)}")
        return f"sandbox: {' · '.join(parts)}"

    def wrap(
        self,
        argv: Sequence[str],
        *,
        workspace: Path,
        writable: Iterable[Path] = (),
        network: bool = False,
    ) -> list[str]:
        """`argv` behind the prefix that holds it in; as it is where nothing does.

        `writable` and `network` allow more than the settings do. Start it with the environment the command
        shall have, without a terminal, from a thread that lives as long as it. Looks at the disk a little, so
        it belongs in a thread itself.
        """
        if not self.confines:
            return list(argv)
        from h2a_agent.sandbox import bubblewrap, landlock

        policy = self.policy(workspace, writable=writable, network=network)
        if self.level is Level.BUBBLEWRAP:
            return [*bubblewrap.prefix(self.program, policy), *argv]
        return [*landlock.prefix(self.python, policy), *argv]

    def policy(self, workspace: Path, *, writable: Iterable[Path] = (), network: bool = False) -> Policy:
        """What commands in `workspace` may reach."""
        from h2a_agent.sandbox.policy import policy_for

        return policy_for(
            workspace,
            tmp=self.tmp,
            home=self.home,
            own=self.own,
            shown=self.shown,
            writable=(*(workspace / Path(path).expanduser() for path in self.settings.writable), *writable),
            network=network or self.settings.network,
        )


OFF: Final = Sandbox(Level.OFF)


def must_ask(sandbox: Sandbox, needs: Needs) -> str:
    """Why a command that a mode or a rule would let run is asked about all the same; "" when it is not."""
    if sandbox.level is Level.OFF:
        return ""
    if needs == "no_sandbox":
        return "outside the sandbox"
    if needs == "network" and not sandbox.settings.network:
        return "with the network"
    if not sandbox.confines:
        return f"without a sandbox: {sandbox.why}"
    return ""
