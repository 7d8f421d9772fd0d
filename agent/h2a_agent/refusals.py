"""What a verb of the agent may come to nothing by, and why, in words for people."""

from __future__ import annotations

from typing import Final

from h2a_agent.config_error import ConfigError
from h2a_agent.journal import JournalLocked
from h2a_agent.session_loading import SessionError

__all__ = ["REFUSALS", "reason_of"]

REFUSALS: Final = (ValueError, ConfigError, SessionError, JournalLocked, OSError)
"""Errors that are somebody's to read: nothing has changed, and the message says what to do."""


def reason_of(refused: Exception) -> str:
    """Why it came to nothing: of the system's errors the file and the words, not the number."""
    if isinstance(refused, OSError) and refused.strerror:
        return f"{refused.filename}: {refused.strerror}" if refused.filename else refused.strerror
    return str(refused)
