"""What an answer of the demo is made of, and what a scene is."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeAlias

from h2a_agent.providers.demo.moment import Moment

__all__ = ["Break", "Call", "Part", "Say", "Scene", "Think", "Turn"]


@dataclass(frozen=True, slots=True)
class Think:
    """Reasoning, shown as such."""

    text: str


@dataclass(frozen=True, slots=True)
class Say:
    """Words of the answer, in Markdown. `pace` stretches or shortens the time they take."""

    text: str
    pace: float = 1.0


@dataclass(frozen=True, slots=True)
class Call:
    """A tool call. Calls come last in a turn; several run at the same time."""

    name: str
    arguments: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Break:
    """The connection breaks here, on purpose."""

    message: str


Part: TypeAlias = Think | Say | Call | Break
Turn: TypeAlias = Callable[[Moment, str], Sequence[Part]]


@dataclass(frozen=True, slots=True)
class Scene:
    """A pattern for the user's words, and the turns that follow. A turn gets the pattern's `subject`, or ""."""

    pattern: str
    turns: tuple[Turn, ...]
