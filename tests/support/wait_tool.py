"""A tool that a test holds in its hand: it runs until the test lets it go."""

from __future__ import annotations

import asyncio
from pathlib import Path

from pydantic import BaseModel

from h2a_agent.tools.base import Effect, Preview, ToolContext, ToolOutcome, WhenSteered

__all__ = ["WaitParams", "WaitTool"]


class WaitParams(BaseModel):
    """Arguments of the tool `wait`."""

    name: str


class WaitTool:
    """A tool that runs until its test lets it go; it tells what it has when it is cut."""

    name = "wait"
    description = "Waits."
    params = WaitParams
    when_steered = WhenSteered.CANCEL

    def __init__(self, effect: Effect = Effect.EXECUTE) -> None:
        self.effect = effect
        self.started: dict[str, asyncio.Event] = {}
        self._another_started = asyncio.Event()
        self.may_end: dict[str, asyncio.Event] = {}

    def let_go(self, name: str) -> None:
        self.may_end.setdefault(name, asyncio.Event()).set()

    async def running(self, name: str) -> None:
        async with asyncio.timeout(10):
            await self.started.setdefault(name, asyncio.Event()).wait()

    async def so_many_run(self, count: int) -> set[str]:
        """Wait until `count` have started; their names. Calls of one answer start in any order."""
        async with asyncio.timeout(10):
            while len(names := {name for name, event in self.started.items() if event.is_set()}) < count:
                await self._another_started.wait()
        return names

    def title(self, params: WaitParams) -> str:
        return params.name

    def paths(self, params: WaitParams, ctx: ToolContext) -> tuple[Path, ...]:
        return ()

    async def preview(self, params: WaitParams, ctx: ToolContext) -> Preview:
        return Preview(params.name)

    async def run(self, params: WaitParams, ctx: ToolContext) -> ToolOutcome:
        self.started.setdefault(params.name, asyncio.Event()).set()
        self._another_started.set()
        self._another_started = asyncio.Event()
        ctx.emit(f"{params.name} runs\n")
        try:
            await self.may_end.setdefault(params.name, asyncio.Event()).wait()
        except asyncio.CancelledError:
            return ToolOutcome(f"{params.name} had come so far", "cut", stopped=True)
        return ToolOutcome(f"{params.name} is done", "done")
