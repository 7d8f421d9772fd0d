"""Doing what may come to nothing: why it does is said."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from typing import Any

from h2a_agent.refusals import REFUSALS, reason_of

__all__ = ["said_why"]


async def said_why(job: Coroutine[Any, Any, None], notice: Callable[[str], None]) -> None:
    """Do `job`; why it comes to nothing is said with `notice`."""
    try:
        await job
    except REFUSALS as refused:
        notice(reason_of(refused))
