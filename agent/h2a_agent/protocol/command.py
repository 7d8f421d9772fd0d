"""What every command of the protocol is."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["Command"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Command:
    """What all commands share: the caller's own mark."""

    id: str | int | None = None
