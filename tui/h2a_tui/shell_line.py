"""`!cmd` and `!!cmd`: what is written is a command of the user's own, not a message."""

from __future__ import annotations

from contextlib import closing
from dataclasses import dataclass
from typing import TYPE_CHECKING

from h2a_agent.events import ToolResult
from h2a_queue import Backpressure

if TYPE_CHECKING:
    from h2a_agent.agent import Agent

__all__ = ["ShellLine", "parse_shell", "shells_over"]


@dataclass(frozen=True, slots=True)
class ShellLine:
    """A command for the shell; the model never hears of a `private` one."""

    command: str
    private: bool


def parse_shell(text: str) -> ShellLine | None:
    """`text` as a command for the shell, None when it is a message: it has no `!` in front, or nothing behind it."""
    if not text.startswith("!"):
        return None
    private = text.startswith("!!")
    command = text[2 if private else 1 :].strip()
    return ShellLine(command, private) if command else None


async def shells_over(agent: Agent) -> None:
    """Wait until no command of the user's own runs."""
    with closing(agent.subscribe(ToolResult, policy=Backpressure.DROP_OLDEST)) as results:
        while agent.state.shells:
            await anext(results)
