"""What a person waits for on the whole screen: a key's echo while an answer streams, and the longest the loop is held up.

    python tests/benchmarks/screen.py

The app runs without a terminal but paints as if there were one. An echo is the process's CPU time from the key until
its character is handed to the terminal, so busy neighbours do not change it; beside it, in the same run, the same app
with `direct = false`. A hold-up is the longest time in which nothing else could run.
"""

from __future__ import annotations

import asyncio
import gc
import random
import resource
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Callable, Coroutine, Sequence
from contextlib import asynccontextmanager
from itertools import count
from pathlib import Path
from statistics import median, quantiles
from typing import Any

from textual import events
from textual.geometry import Size
from transcript import SIZE, Nowhere, history, settled, tokens

from h2a_agent.events import (
    AnyEvent,
    Done,
    Outcome,
    Phase,
    Status,
    TokenStream,
    ToolCall,
    ToolOutput,
    ToolResult,
)
from h2a_themes import load
from h2a_tui.app import H2AApp
from h2a_tui.settings import ScreenSettings
from support.scripted_agent import ScriptedAgent

__all__ = ["main"]


class Listening(Nowhere):
    """Tells when something is written."""

    wanted = ""
    seen: asyncio.Event

    def write(self, data: str) -> None:
        super().write(data)
        if self.wanted and self.wanted in data:
            self.wanted = ""
            self.seen.set()


@asynccontextmanager
async def running(
    past: Sequence[AnyEvent] = (), *, direct: bool = True
) -> AsyncIterator[tuple[H2AApp, ScriptedAgent]]:
    """The app, with a past, at rest."""
    with tempfile.TemporaryDirectory() as folder:
        agent = ScriptedAgent(Path(folder), past=past)
        app = H2AApp(agent, ScreenSettings(Path(folder)))
        app.driver_class = Listening
        async with app.run_test(headless=False, size=SIZE) as pilot:
            terminal(app).waiting = 0 if direct else None
            await asyncio.sleep(0.5)
            await settled(app.chat.transcript)
            await pilot.pause()
            gc.collect()
            gc.freeze()
            yield app, agent


def terminal(app: H2AApp) -> Listening:
    assert isinstance(app._driver, Listening)
    return app._driver


Source = Callable[[ScriptedAgent], Coroutine[Any, Any, None]]


async def echo(source: Source, messages: int, keys: int, *, direct: bool) -> list[float]:
    """CPU ms from a key to its character on the way to the terminal, while something comes from `source`."""
    async with running(history(messages), direct=direct) as (app, agent):
        agent.say(Status(Phase.STREAMING, 1))
        coming = asyncio.create_task(source(agent))
        await asyncio.sleep(0.5)
        found: list[float] = []
        pause = random.Random(5)
        screen = terminal(app)
        for n in range(keys):
            character = chr(0x410 + n % 64)  # not in the answer
            screen.seen, screen.wanted = asyncio.Event(), character
            began = time.process_time()
            screen.send_message(events.Key(character, character))
            await screen.seen.wait()
            found.append((time.process_time() - began) * 1e3)
            await asyncio.sleep(pause.uniform(0.02, 0.05))
            if n % 64 == 63:
                app.chat.composer.clear()
        coming.cancel()
        return found


async def _nothing(_agent: ScriptedAgent) -> None:
    pass


def _answer(rate: int) -> Source:
    """An answer of `rate` tokens per second."""

    async def source(agent: ScriptedAgent) -> None:
        loop = asyncio.get_running_loop()
        began, said = loop.time(), 0
        text = tokens(100_000)
        for step in count(1_000_000):
            while said < (step - 999_999) * len(text):
                due = int((loop.time() - began) * rate) + 1
                agent.say(*(TokenStream(step, 0, text[n % len(text)]) for n in range(said, due)))
                said = due
                await asyncio.sleep(max(0.001, began + said / rate - loop.time()))
            agent.say(Done(step, "end_turn"))

    return source


async def _outputs(agent: ScriptedAgent) -> None:
    """Tools that print 10 MB each, one after the other, 32 KB every few milliseconds."""
    line = "x" * 99 + "\n"
    for n in count():
        agent.say(ToolCall(1_000_000, 0, f"c{n}", "bash", "complete", title="make"))
        for _ in range(320):
            agent.say(ToolOutput(f"c{n}", line * 328))
            await asyncio.sleep(0.003)
        agent.say(ToolResult(f"c{n}", Outcome.OK, line * 105_000, "exit 0"))


async def longest(do: Callable[[], object], over: Callable[[], bool]) -> float:
    """The longest the loop is held up, in ms of its CPU, from `do` until it is `over`, and a bit."""
    loop = asyncio.get_running_loop()
    worst, last = 0.0, time.thread_time()
    loop.call_soon(do)
    until = None
    while until is None or loop.time() < until:
        await asyncio.sleep(0)
        now = time.thread_time()
        worst, last = max(worst, now - last), now
        if until is None and over():
            until = loop.time() + 0.2
    return worst * 1e3


def changed_lines(lines: int, call_id: str = "c") -> list[AnyEvent]:
    body = "".join(
        f"-    old_{n} = value({n})  # was\n+    new_{n} = value({n + 1})  # is\n" for n in range(lines // 2)
    )
    diff = f"--- a/x.py\n+++ b/x.py\n@@ -1,{lines // 2} +1,{lines // 2} @@\n{body}"
    return [
        ToolCall(1_000_000, 0, call_id, "edit", "complete", title="x.py"),
        ToolResult(call_id, Outcome.OK, "", "changed", diff=diff),
    ]


async def held_up() -> list[tuple[str, float]]:
    """What holds up the loop, and for how many ms."""
    rows: list[tuple[str, float]] = []
    async with running(history(10_000)) as (app, agent):
        transcript = app.chat.transcript

        async def note(name: str, do: Callable[[], object], over: Callable[[], bool] | None = None) -> None:
            rows.append((name, await longest(do, over or (lambda: not transcript.busy))))

        await note("a layout of the screen, for comparison", lambda: app.chat.refresh(layout=True))

        async def resized(name: str, width: int) -> None:
            resize = events.Resize(Size(width, SIZE[1]), Size(width, SIZE[1]))
            await note(
                name,
                lambda: terminal(app).send_message(resize),
                lambda: transcript.size.width == width and not transcript.busy,
            )

        for width in (100, SIZE[0]):
            await resized(f"a resize to {width} columns with 10,000 messages", width)
        await note("other colours for the transcript", lambda: transcript.set_theme(load("light")))
        agent.say(*changed_lines(1000))
        await asyncio.sleep(0.3)
        await settled(transcript)
        index = len(transcript.document.items) - 1
        await note("unfolding a diff of 1,000 lines", lambda: transcript.toggle_fold(index))
        await note("other colours, it is in view", lambda: transcript.set_theme(load("dark")))
        for width in (100, SIZE[0]):
            await resized(f"a resize to {width} columns, it is in view", width)
        await note("folding it", lambda: transcript.toggle_fold(index))
        for n in range(200):
            agent.say(*changed_lines(1000, f"d{n}"))
        await asyncio.sleep(0.5)
        await settled(transcript)
        await note("unfolding everything, 200 such diffs", transcript.toggle_all)
        await note("folding everything", transcript.toggle_all)
        flood = [TokenStream(1_000_001, 0, token) for token in tokens(50_000)]
        await note("50,000 tokens at once", lambda: transcript.apply_many(flood))
        await note("to the beginning", lambda: transcript.scroll_home(animate=False))
        transcript.begin_search()
        await note("a search", lambda: transcript.find("parser keeps"))
    return rows


async def _measure(keys: int) -> None:
    print(
        f"CPU ms from a key to its echo, {keys} keys\n{'':48}{'p50':>8}{'p95':>8}{'direct = false':>16}{'p95':>8}"
    )
    for name, source, messages in (
        ("at rest", _nothing, 10),
        ("100 tokens/s", _answer(100), 10),
        ("500 tokens/s", _answer(500), 10),
        ("5,000 tokens/s, faster than any model", _answer(5_000), 10),
        ("20,000 tokens/s, as fast as it goes", _answer(20_000), 10),
        ("100 tokens/s, 10,000 earlier messages", _answer(100), 10_000),
        ("tools that print 10 MB", _outputs, 10),
    ):
        ours = await echo(source, messages, keys, direct=True)
        composed = await echo(source, messages, keys, direct=False)
        print(
            f"{name:48}{median(ours):8.1f}{quantiles(ours, n=20)[-1]:8.1f}"
            f"{median(composed):16.1f}{quantiles(composed, n=20)[-1]:8.1f}",
            flush=True,
        )
    print(f"\n{'longest hold-up of the event loop, ms':48}")
    for name, worst in await held_up():
        print(f"{name:48}{worst:8.0f}")
    print(f"{'memory at its peak, MB':48}{resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024:8.0f}")


def main(keys: int = 150) -> None:
    """Print the table."""
    asyncio.run(_measure(keys))


if __name__ == "__main__":
    sys.path[:0] = [str(Path(__file__).parent.parent)]
    main()
