"""What every request says besides the conversation: the system prompt, the tools, the limits."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from h2a_agent.context.prompt import Part, SystemPrompt
from h2a_agent.providers.base import Request
from h2a_agent.run import Toolbox
from h2a_agent.run_settings import RunSettings

__all__ = ["Briefing"]


class Briefing:
    """The part of a request that is the same from step to step, so that a provider's cache knows it."""

    def __init__(self, prompt: SystemPrompt, toolbox: Toolbox, settings: Callable[[], RunSettings]) -> None:
        self._prompt: Final = prompt
        self._toolbox: Final = toolbox
        self._settings: Final = settings

    def parts(self) -> tuple[Part, ...]:
        """The parts of the system prompt."""
        settings = self._settings()
        return self._prompt.parts(settings.mode, settings.model, tuple(self._toolbox.tools))

    def request(self) -> Request:
        """A request without messages, by the settings as they are now."""
        settings = self._settings()
        return Request(
            model=settings.model,
            system="\n\n".join(part.text for part in self.parts()),
            messages=(),
            tools=self._toolbox.specs,
            max_tokens=settings.max_tokens,
            thinking=settings.thinking,
        )

    async def refresh(self) -> None:
        """Look again at what may have changed outside: instruction files, and what is known of the sandbox."""
        await self._prompt.refresh()
        known = self._toolbox.sandbox.known
        summary = known.summary.removeprefix("sandbox: ") if known else "unknown until a command runs"
        self._prompt.tell_sandbox(summary)
