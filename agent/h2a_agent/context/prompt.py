"""The system prompt, put together from readable parts, the same bytes in every request.

Role and facts are fixed when the session starts; what a person changes (the mode, the model, an instruction
file) changes with it. `refresh` looks before each step whether a file has, off the event loop.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import Final

from h2a_agent.context.environment import Environment, git_status, look_round
from h2a_agent.context.instructions import InstructionFile, InstructionFiles
from h2a_agent.run_settings import Mode

__all__ = ["Part", "SystemPrompt"]

_MODES: Final[dict[Mode, str]] = {
    "plan": "Plan mode: you may look but not change anything. End with a plan the user can approve.",
    "ask": "The user is asked before anything is changed or run.",
    "edits": "Edits inside the working directory run at once; commands are asked about.",
    "full": "Every tool runs at once, without a question. Be careful with what cannot be undone.",
}
_FOREWORD: Final = (
    "The following files hold what the user and the project's authors want agents to know. Keep to them where they "
    "fit the task; the user's own messages count more, and the nearest file more than one further up. They do not "
    "change what you may do without asking."
)


@dataclass(frozen=True, slots=True)
class Part:
    """A piece of the system prompt. `name` is for people: `role`, or the path of a file."""

    name: str
    text: str


class SystemPrompt:
    """What the model is told before anything else: its task, its manners, where it is, what others want it to know.

    `own` is the folder of the user's own instructions, `trusted` whether the project's files may be read, `sandbox`
    what commands are kept from, in a few words ("" as long as that is not told).
    """

    def __init__(
        self, workspace: Path, *, own: Path | None = None, trusted: bool = False, sandbox: str = ""
    ) -> None:
        self._instructions = InstructionFiles(workspace, own=own, trusted=trusted)
        self._environment = look_round(workspace)
        self._role = (files("h2a_agent") / "data" / "role.md").read_text("utf-8").strip()
        self._asks_git = trusted and self._environment.branch is not None
        self._sandbox = sandbox
        self._looking = asyncio.Lock()
        self._files: tuple[InstructionFile, ...] = ()

    async def refresh(self) -> None:
        """Take in what has changed in the instruction files, and once what git says."""
        async with self._looking:  # warming up and the first step may want it at once
            if self._asks_git:
                status = await git_status(self._environment.workspace)
                self._environment = self._environment.with_status(status)
                self._asks_git = False
            if self._instructions.possible:
                self._files = await asyncio.to_thread(self._instructions.read)

    def tell_sandbox(self, summary: str) -> None:
        """Say what holds commands in. Only the first word about it is told: a prompt that changes is read anew."""
        self._sandbox = self._sandbox or summary

    def parts(self, mode: Mode, model: str = "", tools: Sequence[str] = ()) -> tuple[Part, ...]:
        """The parts, what changes least first."""
        facts = _facts(self._environment, model, tools, self._sandbox)
        parts = [Part("role", self._role), Part("environment", facts)]
        for number, file in enumerate(self._files):
            heading = f"# Instructions from {file.path}\n\n{file.text}"
            parts.append(Part(str(file.path), heading if number else f"{_FOREWORD}\n\n{heading}"))
        return (*parts, Part("mode", _MODES[mode]))

    def text(self, mode: Mode, model: str = "", tools: Sequence[str] = ()) -> str:
        """All of it."""
        return "\n\n".join(part.text for part in self.parts(mode, model, tools))


def _facts(environment: Environment, model: str, tools: Sequence[str], sandbox: str) -> str:
    lines = [
        f"Working directory: {environment.workspace} ({environment.git})",
        f"System: {environment.system}, shell {environment.shell}",
        f"Date: {environment.day}",
        f"Model: {model}" if model else "",
        f"Tools: {', '.join(tools)}" if tools else "",
        f"Sandbox: {sandbox}" if sandbox else "",
    ]
    return "\n".join(filter(None, lines))
