"""The environment a command gets: the user's own, without keys, and set so that nothing waits for a person."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Final

from h2a_agent.redact import redact
from h2a_guardian.vault import is_secret

__all__ = ["child_env"]

_QUIET: Final[Mapping[str, str]] = {
    # No colours, no cursor games, no pager: the output is read by a model.
    "TERM": "dumb",
    "NO_COLOR": "1",
    "PAGER": "cat",
    "GIT_PAGER": "cat",
    "MANPAGER": "cat",
    # Nobody is there to answer, so prompts fail at once.
    "GIT_TERMINAL_PROMPT": "0",
    "GCM_INTERACTIVE": "never",
    "SSH_ASKPASS_REQUIRE": "never",
    "DEBIAN_FRONTEND": "noninteractive",
    "PIP_NO_INPUT": "1",
    # An editor that keeps the text it is given: `git rebase --continue` goes on, an empty message is refused.
    "EDITOR": "true",
    "VISUAL": "true",
    "GIT_EDITOR": "true",
    "GIT_SEQUENCE_EDITOR": "true",
    # Otherwise what a stopped program had printed would be lost in its buffer.
    "PYTHONUNBUFFERED": "1",
}


def child_env(extra: Mapping[str, str]) -> dict[str, str]:
    """The environment for a child process, with `extra` on top."""
    kept = {
        name: value
        for name, value in os.environ.items()
        if not _is_ours(name) and redact(value) == value  # a key may stand under any name
    }
    return {**kept, **_QUIET, **extra}


def _is_ours(name: str) -> bool:
    """The user's keys, and where ours would go: nothing of that is for a command the model wrote."""
    return name.startswith("ANTHROPIC_") or is_secret(name)
