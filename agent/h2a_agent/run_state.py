"""The states of a run as a table: which phase may follow which.

    IDLE ─▶ PREPARING ─▶ STREAMING ─▶ TOOLS ⇄ APPROVAL
              ▲  ▲           ▼          │
              │  └─ RETRYING ◀───────────┤        PAUSED before any step and before tools
              └──────────────────────────┘        SETTLING ─▶ IDLE from everywhere

A step nobody planned is a bug; it raises and changes nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from h2a_agent.events import Phase

__all__ = ["FOLLOWS", "IllegalPhase", "check"]

_P = Phase
FOLLOWS: Final[Mapping[Phase, frozenset[Phase]]] = MappingProxyType(
    {
        _P.IDLE: frozenset({_P.PREPARING, _P.PAUSED, _P.SETTLING}),
        _P.PREPARING: frozenset(
            {_P.STREAMING, _P.PREPARING, _P.RETRYING, _P.COMPACTING, _P.PAUSED, _P.SETTLING}
        ),
        _P.STREAMING: frozenset({_P.PREPARING, _P.TOOLS, _P.APPROVAL, _P.RETRYING, _P.PAUSED, _P.SETTLING}),
        _P.TOOLS: frozenset({_P.PREPARING, _P.APPROVAL, _P.RETRYING, _P.PAUSED, _P.SETTLING}),
        _P.APPROVAL: frozenset({_P.TOOLS, _P.PREPARING, _P.PAUSED, _P.SETTLING}),
        _P.RETRYING: frozenset({_P.PREPARING, _P.RETRYING, _P.PAUSED, _P.SETTLING}),
        _P.COMPACTING: frozenset({_P.PREPARING, _P.STREAMING, _P.PAUSED, _P.SETTLING}),
        _P.PAUSED: frozenset({_P.PREPARING, _P.TOOLS, _P.APPROVAL, _P.RETRYING, _P.SETTLING}),
        _P.SETTLING: frozenset({_P.IDLE, _P.PREPARING, _P.PAUSED, _P.RETRYING}),
    }
)


class IllegalPhase(RuntimeError):
    """A run was asked to go where its table does not lead."""


def check(old: Phase, new: Phase) -> None:
    """Raise unless `new` may follow `old`.

    Raises:
        IllegalPhase: the table has no such row.
    """
    if new not in FOLLOWS[old]:
        raise IllegalPhase(f"a run does not go from {old} to {new}")
