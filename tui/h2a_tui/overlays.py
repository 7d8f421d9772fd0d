"""What a command puts before a person, whatever shows it: a page to read, a row to choose, a line to write."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol, TypeAlias

if TYPE_CHECKING:
    from rich.console import RenderableType

__all__ = ["Asker", "Check", "Choice", "Line", "Note", "Page", "Row", "Trouble", "no_check"]


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


@dataclass(frozen=True, slots=True)
class Trouble:
    """What is the matter with an answer. When it `may_stand`, giving the same answer again takes it."""

    text: str
    may_stand: bool = False


Check: TypeAlias = Callable[[str], Awaitable[Trouble | None]]
"""Looks at an answer; None: it is good. It may take its time."""


async def no_check(_answer: str) -> Trouble | None:
    """Everything is good."""
    return None


@dataclass(frozen=True, slots=True)
class Line:
    """A line to be written, which begins as `text`. A `secret` one is shown to nobody; `busy` is said while `check` looks at it."""

    title: str
    about: str = ""
    text: str = ""
    placeholder: str = ""
    secret: bool = False
    check: Check = no_check
    busy: str = ""


class Asker(Protocol):
    """Asks a person something and waits for the answer; None when there is none."""

    async def choose(self, title: str, choices: Sequence[Choice], *, chosen: int = 0) -> str | None:
        """The id of one of a few rows, beginning at row `chosen`."""
        ...

    async def find(self, title: str, choices: Sequence[Choice]) -> str | None:
        """The id of one of many rows, which typing finds."""
        ...

    async def write(self, line: Line) -> str | None:
        """What is written into `line`."""
        ...
