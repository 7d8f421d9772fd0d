"""What becomes of a run when nobody can type any more: the input has ended, or somebody leaves."""

from __future__ import annotations

import asyncio
from contextlib import closing
from typing import TYPE_CHECKING

from h2a_agent.events import Phase, Status
from h2a_queue import Backpressure
from h2a_tui.shell_line import shells_over

if TYPE_CHECKING:
    from h2a_agent.agent import Agent

__all__ = ["finish", "stop"]


async def finish(agent: Agent) -> None:
    """Until nothing runs. A run that pauses is stopped: nobody is there to let it go on; what waits stays in the session."""
    settled = asyncio.create_task(agent.settled())
    paused = asyncio.create_task(_paused(agent))
    try:
        await asyncio.wait((settled, paused), return_when=asyncio.FIRST_COMPLETED)
        if not settled.done():
            agent.configure(on_abort="keep")
            await stop(agent)
        await shells_over(agent)
    finally:
        settled.cancel()
        paused.cancel()


async def stop(agent: Agent) -> None:
    """Stop what runs, and wait for its end."""
    agent.abort()
    agent.stop_shell()
    await agent.settled()
    await shells_over(agent)


async def _paused(agent: Agent) -> None:
    with closing(agent.subscribe(Status, policy=Backpressure.DROP_OLDEST)) as phases:
        if agent.state.phase is Phase.PAUSED:
            return
        async for event in phases:
            if isinstance(event, Status) and event.phase is Phase.PAUSED:
                return
