"""Doing what may come to nothing."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from typing import Any

from h2a_agent.refusals import REFUSALS, reason_of
from h2a_tui.client import Switch

__all__ = ["leave_or_stay", "said_why"]


async def said_why(job: Coroutine[Any, Any, None], notice: Callable[[str], None]) -> None:
    """Do `job`; why it comes to nothing is said with `notice`."""
    try:
        await job
    except REFUSALS as refused:
        notice(reason_of(refused))


async def leave_or_stay(
    another: Coroutine[Any, Any, Switch], leave: Callable[[Switch], object], stay: Callable[[], object]
) -> None:
    """`leave` for the session that `another` finds; when that comes to nothing, `stay`."""
    try:
        switch = await another
    except REFUSALS:
        stay()
        raise
    leave(switch)
