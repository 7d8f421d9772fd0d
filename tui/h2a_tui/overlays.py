"""What a command puts before a person, whatever shows it: a page to read, a row to choose."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol, TypeAlias

if TYPE_CHECKING:
    from rich.console import RenderableType

__all__ = ["Choice", "Note", "Page", "Row"]


class Page(Protocol):
    """Something to read that is being shown."""

    def show(self, content: RenderableType) -> None:
        """Show `content` instead of what is there."""
        ...


@dataclass(frozen=True, slots=True)
class Choice:
    """One row: what is returned when it is chosen, what it says, and a quiet word at its end.

    `full` is how it is called outside of its group, where that is more than `text`: what typing finds.
    """

    id: str
    text: str
    aside: str = ""
    strong: bool = False
    full: str = ""


@dataclass(frozen=True, slots=True)
class Note:
    """A row to read only: a heading, or what cannot be chosen and why."""

    text: str
    heading: bool = False


Row: TypeAlias = Choice | Note
