"""The app without a terminal: Textual's pilot, a scripted agent, and the screen as plain text."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from textual import events
from textual.geometry import Region
from textual.keys import _character_to_key
from textual.pilot import Pilot

from h2a_agent.events import AnyEvent
from h2a_agent.model_choice import ModelChoice
from h2a_tui.app import H2AApp
from h2a_tui.client import Switch
from h2a_tui.screens.chat import ChatScreen
from h2a_tui.settings import ScreenSettings
from h2a_tui.theme_choice import ThemeChoice
from support.scripted_agent import ScriptedAgent

__all__ = ["Chat", "running_chat"]


@dataclass
class Chat:
    """A running chat."""

    app: H2AApp
    agent: ScriptedAgent
    pilot: Pilot[Switch]

    @property
    def screen(self) -> ChatScreen:
        screen = self.app.screen_stack[0]
        assert isinstance(screen, ChatScreen)
        return screen

    @property
    def draft(self) -> str:
        return self.screen.composer.text

    @property
    def calls(self) -> list[tuple[Any, ...]]:
        return self.agent.calls

    @property
    def last_call(self) -> tuple[Any, ...]:
        return self.agent.calls[-1]

    async def press(self, *keys: str) -> None:
        """Press `keys` by name or character; each has been dealt with before the next."""
        for key in keys:
            self._send(key)
            await self.drawn()

    async def press_at_once(self, *keys: str) -> None:
        """Press `keys` as a slow line delivers them: all before the first has been dealt with."""
        for key in keys:
            self._send(key)
        await self.drawn()

    def _send(self, key: str) -> None:
        driver = self.app._driver
        assert driver is not None
        name = _character_to_key(key) if len(key) == 1 else key
        character = " " if key == "space" else "\\" if key == "backslash" else key if len(key) == 1 else None
        event = events.Key(name, character)
        event.set_sender(self.app)
        driver.send_message(event)

    async def type(self, text: str) -> None:
        await self.press(*text)

    async def paste(self, text: str) -> None:
        """Paste `text`, as a terminal marks it."""
        driver = self.app._driver
        assert driver is not None
        event = events.Paste(text)
        event.set_sender(self.app)
        driver.send_message(event)
        await self.drawn()

    async def drawn(self) -> None:
        """Until every widget has dealt with its messages and the screen has been laid out and painted."""
        await self.pilot._wait_for_screen()
        if self.app.is_running:
            painted, screen = asyncio.Event(), self.app.screen
            screen.call_after_refresh(painted.set)
            # An app on its way out paints no more, nor does a screen that has been closed.
            while not painted.is_set() and self.app.screen is screen and self.app.is_running:
                await asyncio.sleep(0)
        await self.pilot._wait_for_screen()

    async def until(self, condition: Callable[[], object]) -> None:
        """Until `condition` holds; the test's own time limit ends a wait in vain."""
        while not condition():
            await self.pilot.pause(0.001)

    async def say(self, *events: AnyEvent) -> None:
        """The agent says something, and the screen has drawn it."""
        self.agent.say(*events)
        await self.settle()

    async def settle(self) -> None:
        """Until the app has read all events and drawn them."""
        seq = self.agent.state.seq
        while self.screen.state.seq < seq:
            await self.drawn()
        await self.drawn()

    def rows(self) -> list[str]:
        """The screen as text."""
        size = self.app.size
        lines = self.app.screen._compositor.render_strips(size)
        return ["".join(segment.text for segment in line.crop(0, size.width)).rstrip() for line in lines]

    def text(self) -> str:
        return "\n".join(self.rows())

    def region_text(self, region: Region) -> str:
        return "\n".join(
            row[region.x : region.right].rstrip() for row in self.rows()[region.y : region.bottom]
        )


@asynccontextmanager
async def running_chat(
    agent: ScriptedAgent | None = None,
    *,
    size: tuple[int, int] = (80, 24),
    log_dir: Path = Path("/nonexistent"),
    models: ModelChoice | None = None,
    first_run: bool = False,
    themes: ThemeChoice | None = None,
    **settings: Any,
) -> AsyncIterator[Chat]:
    """Run the app with `agent` and these settings."""
    agent = agent or ScriptedAgent()
    app = H2AApp(
        agent, ScreenSettings(log_dir=log_dir, **settings), themes, models=models, first_run=first_run
    )
    async with app.run_test(size=size) as pilot:
        chat = Chat(app, agent, pilot)
        await chat.drawn()
        yield chat
    await agent.aclose()
