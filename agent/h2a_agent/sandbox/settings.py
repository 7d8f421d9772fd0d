"""What a person can set about the sandbox."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

__all__ = ["SandboxSettings"]


@dataclass(frozen=True, slots=True)
class SandboxSettings:
    """`level` "off" is none at all, `network` is for every command, `writable` are more folders to write in."""

    level: Literal["auto", "off"] = "auto"
    network: bool = False
    writable: Sequence[str] = ()
