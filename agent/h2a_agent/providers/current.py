"""Who answers now, and who did before and may still be answering."""

from __future__ import annotations

import asyncio

from h2a_agent.providers.base import Provider

__all__ = ["CurrentProvider"]


class CurrentProvider:
    """One provider at a time; a replaced one is closed when its last stream has ended, never under it."""

    def __init__(self, provider: Provider) -> None:
        self.now = provider
        self._retired: list[Provider] = []
        self._farewells: set[asyncio.Task[None]] = set()

    def use(self, provider: Provider) -> None:
        """Let `provider` answer from the next step on."""
        if provider is not self.now:
            self._retired.append(self.now)
            self.now = provider

    def of_step(self) -> Provider:
        """Who answers the step that begins; nobody else is answering any more."""
        self.close_retired()
        return self.now

    def close_retired(self) -> None:
        """Close those that are no longer asked; called when no stream runs."""
        while self._retired:
            task = asyncio.get_running_loop().create_task(self._retired.pop().aclose())
            self._farewells.add(task)
            task.add_done_callback(self._farewells.discard)

    async def aclose(self) -> None:
        """Close all of them."""
        self.close_retired()
        await asyncio.gather(self.now.aclose(), *self._farewells)
