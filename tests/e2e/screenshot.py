"""Make the README's pictures: `make screenshot`. The real app, the real agent, the demo model, this project."""

from __future__ import annotations

import asyncio
import os
import re
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from h2a_tui import environment

os.environ["COLORTERM"] = "truecolor"  # the pictures have colours wherever they are taken
environment.prepare(os.environ)

from textual.pilot import Pilot  # noqa: E402  the environment has to be set before Textual is imported

from h2a_agent.agent import Agent  # noqa: E402
from h2a_agent.providers.demo import DemoProvider  # noqa: E402
from h2a_agent.run_settings import RunSettings  # noqa: E402
from h2a_agent.session import Session  # noqa: E402
from h2a_agent.tools import default_tools  # noqa: E402
from h2a_tui.app import H2AApp  # noqa: E402
from h2a_tui.client import Switch  # noqa: E402
from h2a_tui.screens import chat as chat_screen  # noqa: E402
from h2a_tui.settings import ScreenSettings  # noqa: E402

ROOT: Final = Path(__file__).parents[2]
HOME: Final = Path(tempfile.gettempdir(), "you")
TARGET: Final = ROOT / "tui" / "screenshots"
_FONT_FACES: Final = re.compile(r"@font-face \{.*?\}\s*", re.S)  # they point to somebody's server


@dataclass
class Desk:
    """A running app, and somebody at it."""

    app: H2AApp
    agent: Agent
    pilot: Pilot[Switch]

    async def until(self, condition: Callable[[], object]) -> None:
        async with asyncio.timeout(60):
            while not condition():
                await asyncio.sleep(0.02)
        await self.pilot.pause()

    async def reads(self, words: str) -> None:
        await self.until(lambda: words in self.app.chat.transcript.plain_text())


async def chat(desk: Desk) -> None:
    """Steered in mid-sentence, a follow-up waits."""
    desk.agent.prompt("Show me around.")
    await desk.reads("Interrupt me")
    desk.agent.steer("short, please")
    await desk.reads("Steered")
    await desk.agent.settled()
    desk.agent.prompt("count")
    await desk.until(lambda: desk.agent.state.tools and desk.agent.state.word == "tools")
    desk.agent.follow_up("and then a table")
    await asyncio.sleep(2.2)  # let it count a little


async def approval(desk: Desk) -> None:
    """What would be written is seen before the answer."""
    desk.agent.configure(mode="ask")
    desk.agent.prompt("write")
    await desk.until(lambda: desk.agent.state.approvals)
    await desk.pilot.press("f2")


async def queue(desk: Desk) -> None:
    """A message that waits is edited where it stands."""
    desk.agent.prompt("count")
    await desk.until(lambda: desk.agent.state.tools and desk.agent.state.word == "tools")
    desk.agent.follow_up("then run the tests")
    desk.agent.nudge("mind the width")
    await desk.pilot.press("alt+up", "down", "enter", *" again")
    await desk.pilot.pause()


async def themes(desk: Desk) -> None:
    """Each theme is worn while the bar is on it."""
    desk.agent.prompt("table")
    await desk.reads("for example")
    await desk.agent.settled()
    await desk.pilot.press(*"/theme", "enter")
    await desk.until(lambda: len(desk.app.screen_stack) > 1)
    ground = desk.app.dressed.background
    await desk.pilot.press("pagedown")
    await desk.until(lambda: desk.app.dressed.background != ground)


SCENES: Final[dict[Callable[[Desk], Awaitable[None]], tuple[int, int]]] = {
    chat: (100, 31),
    approval: (100, 24),
    queue: (100, 20),
    themes: (90, 24),
}


@asynccontextmanager
async def _desk(size: tuple[int, int]) -> AsyncIterator[Desk]:
    provider = DemoProvider(tokens_per_s=400)
    HOME.mkdir(exist_ok=True)
    project = HOME / "h2a-chat"
    project.unlink(missing_ok=True)
    os.symlink(ROOT, project)  # noqa: PTH211  a script of one run; nobody waits for this loop
    os.environ["HOME"] = str(HOME)  # the picture shows ~/h2a-chat, wherever it was taken
    chat_screen.git_branch = lambda _folder: "main"
    with tempfile.TemporaryDirectory() as folder:
        settings = RunSettings(provider.model, mode="full")
        session = Session.unsaved(project)
        async with Agent(
            provider, session=session, settings=settings, tools=default_tools(), spill_dir=Path(folder)
        ) as agent:
            app = H2AApp(agent, ScreenSettings(log_dir=Path(folder)))
            async with app.run_test(size=size) as pilot:
                yield Desk(app, agent, pilot)
                agent.abort()


async def _take_all() -> None:
    for play, size in SCENES.items():
        async with _desk(size) as desk:
            await play(desk)
            await desk.pilot.pause()
            picture = _FONT_FACES.sub("", desk.app.export_screenshot(title="h2a-chat"))
        target = TARGET / f"{play.__name__}.svg"
        target.write_text(picture, "utf-8")
        print(f"wrote {target.relative_to(ROOT)}")


if __name__ == "__main__":
    TARGET.mkdir(exist_ok=True)
    asyncio.run(_take_all())
