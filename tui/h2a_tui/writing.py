"""What is being written in the editor, by its first characters."""

from __future__ import annotations

from enum import Enum

__all__ = ["Mode", "mode_of"]


class Mode(Enum):
    """What it is, in the words that stand at the editor."""

    MESSAGE = ""
    SEARCH = "search earlier messages"
    SHELL = "! run a command; the model reads it"
    PRIVATE_SHELL = "!! run a command; the model never sees it"


def mode_of(text: str) -> Mode:
    """What `text` is, if nothing is being searched for."""
    begin = text[:2]
    return Mode.PRIVATE_SHELL if begin == "!!" else Mode.SHELL if begin[:1] == "!" else Mode.MESSAGE
