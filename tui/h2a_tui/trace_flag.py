"""`--trace FILE`: the agent's events into a file, beside whichever front end runs."""

from __future__ import annotations

import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from h2a_tui.usage import UsageError

if TYPE_CHECKING:
    from h2a_agent.agent import Agent

__all__ = ["traced"]


@asynccontextmanager
async def traced(name: str | None) -> AsyncIterator[Callable[[Agent], None]]:
    """Gives what is called with the agent once there is one; to be entered before the agent and left behind it.

    Raises:
        UsageError: there is a file of this name already.
        OSError: it cannot be made.
    """
    if name is None:
        yield lambda _agent: None
        return
    from h2a_agent.protocol.trace import Trace, TraceExists

    try:
        trace = Trace(Path(name))
    except TraceExists as exists:
        raise UsageError(str(exists)) from None
    try:
        yield trace.listen
    finally:
        await trace.finish()
        if trace.problem:
            print(f"h2a-chat: the trace {name} is not complete: {trace.problem}", file=sys.stderr)
