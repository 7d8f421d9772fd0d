"""The system prompt, put together from readable parts."""

from __future__ import annotations

import platform
from datetime import date
from importlib.resources import files
from pathlib import Path

from h2a_agent.run_settings import Mode

__all__ = ["system_prompt"]

_MODES: dict[Mode, str] = {
    "plan": "Plan mode: you may look but not change anything. End with a plan the user can approve.",
    "ask": "The user is asked before anything is changed or run.",
    "edits": "Edits inside the working directory run at once; commands are asked about.",
    "full": "Every tool runs at once, without a question. Be careful with what cannot be undone.",
}


def system_prompt(workspace: Path, mode: Mode) -> str:
    """What the model is told before anything else: its task, its manners, where it is."""
    return "\n\n".join((_part("role"), _environment(workspace), _MODES[mode]))


def _part(name: str) -> str:
    return (files("h2a_agent") / "data" / f"{name}.md").read_text("utf-8").strip()


def _environment(workspace: Path) -> str:
    git = "a git repository" if (workspace / ".git").exists() else "not a git repository"
    return (
        f"Working directory: {workspace} ({git})\n"
        f"System: {platform.system()} {platform.machine()}\n"
        f"Date: {date.today().isoformat()}"  # noqa: DTZ011  the user's own day is meant
    )
