"""Make the README's picture: `make screenshot`. The real app, the real agent, the demo model, this project."""

from __future__ import annotations

import asyncio
import os
import re
import tempfile
from collections.abc import Callable
from pathlib import Path

from h2a_tui import environment

os.environ["COLORTERM"] = "truecolor"  # the picture has colours wherever it is taken
environment.prepare(os.environ)

from h2a_agent.agent import Agent  # noqa: E402  the environment has to be set before Textual is imported
from h2a_agent.providers.demo import DemoProvider  # noqa: E402
from h2a_agent.run_settings import RunSettings  # noqa: E402
from h2a_agent.session import Session  # noqa: E402
from h2a_agent.tools import default_tools  # noqa: E402
from h2a_tui.app import H2AApp  # noqa: E402
from h2a_tui.settings import ScreenSettings  # noqa: E402

ROOT = Path(__file__).parents[2]
TARGET = ROOT / "tui" / "screenshots" / "chat.svg"
_FONT_FACES = re.compile(r"@font-face \{.*?\}\s*", re.S)  # they point to somebody's server


async def _until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(60):
        while not condition():
            await asyncio.sleep(0.02)


async def take() -> str:
    """Steer the demo in mid-sentence, queue a follow-up, and look."""
    provider = DemoProvider(tokens_per_s=400)
    with tempfile.TemporaryDirectory() as folder:
        project = Path(folder, "h2a-chat")
        os.symlink(ROOT, project)  # noqa: PTH211  a script of one run; nobody waits for this loop
        os.environ["HOME"] = folder  # the picture shows ~/h2a-chat, wherever it was taken
        settings = RunSettings(provider.model, mode="full")
        session = Session.unsaved(project)
        async with Agent(
            provider, session=session, settings=settings, tools=default_tools(), spill_dir=Path(folder)
        ) as agent:
            app = H2AApp(agent, ScreenSettings(log_dir=Path(folder)))
            async with app.run_test(size=(100, 31)) as pilot:
                agent.prompt("Show me around.")
                await _until(lambda: "Interrupt me" in app.chat.transcript.plain_text())
                agent.steer("short, please")
                await _until(lambda: "Steered" in app.chat.transcript.plain_text())
                await agent.settled()
                agent.prompt("count")
                await _until(lambda: bool(agent.state.tools) and agent.state.word == "tools")
                agent.follow_up("and then a table")
                await asyncio.sleep(2.2)  # let it count a little
                await pilot.pause()
                picture = app.export_screenshot(title="h2a-chat")
                agent.abort()
    return _FONT_FACES.sub("", picture)


if __name__ == "__main__":
    TARGET.parent.mkdir(exist_ok=True)
    TARGET.write_text(asyncio.run(take()), "utf-8")
    print(f"wrote {TARGET.relative_to(ROOT)}")
