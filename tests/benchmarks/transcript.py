"""What a token costs on the screen: the transcript beside Textual's own `Markdown.get_stream`, in one run.

    python tests/benchmarks/transcript.py [--all]

The apps run without a terminal but paint every frame as if there were one. The figure is the process's CPU
time, which busy neighbours do not change; they take turns. `direct` writes what changes itself, `composed` is the same
transcript painted by Textual (`direct = false`).
"""

from __future__ import annotations

import argparse
import asyncio
import gc
import os
import random
import re
import time
from collections.abc import Awaitable, Callable, Iterator
from itertools import islice
from typing import Any, NamedTuple

os.environ.setdefault("TEXTUAL_FPS", "240")  # read when textual is imported, as the program sets it

from textual.app import App, ComposeResult
from textual.containers import VerticalScroll
from textual.drivers.headless_driver import HeadlessDriver
from textual.widgets import Markdown, TextArea

from h2a_agent.events import AnyEvent, Done, Kind, TokenStream, UserInput
from h2a_tui.transcript.markdown import warm_up
from h2a_tui.transcript.widget import Transcript

SIZE = (120, 40)
RATE = 100  # tokens per second
PROSE = (
    "the queue delivers a message to a waiting reader while the parser keeps state for each frame and cost stays "
    "flat because only the last block is open steering input ends the stream before the next request starts"
)
WORDS = re.findall(r"\w+", PROSE)
TOKEN = re.compile(r" ?\w{1,8}|\n+|[^\w\s]{1,3}|[ \t]+")


def sentence(r: random.Random, count: int) -> str:
    marks = ["{}"] * 17 + ["`{}`", "**{}**", "*{}*"]
    return " ".join(r.choice(marks).format(r.choice(WORDS)) for _ in range(count)).capitalize() + "."


def blocks(r: random.Random) -> Iterator[str]:
    """What models write: prose, lists, code, now and then a table."""
    while True:
        yield "## " + sentence(r, 4)
        for _ in range(8):
            kind = r.random()
            if kind < 0.5:
                yield " ".join(sentence(r, r.randint(6, 18)) for _ in range(r.randint(1, 4)))
            elif kind < 0.75:
                yield "\n".join(f"- {sentence(r, r.randint(5, 16))}" for _ in range(r.randint(3, 7)))
            elif kind < 0.94:
                lines = [
                    f"    {r.choice(WORDS)} = {r.choice(WORDS)}[{i}] + len('x')  # why" for i in range(12)
                ]
                yield "\n".join(["```python", "def f(a: int) -> str:", *lines, "```"])
            else:
                rows = [f"| {r.choice(WORDS)} | {r.randint(1, 999)} |" for _ in range(5)]
                yield "\n".join(["| name | cost |", "|---|--:|", *rows])


def tokens(count: int, seed: int = 1) -> list[str]:
    found: list[str] = []
    for block in blocks(random.Random(seed)):
        found += TOKEN.findall(block + "\n\n")
        if len(found) >= count:
            return found[:count]
    return found


def history(messages: int) -> list[AnyEvent]:
    events: list[AnyEvent] = []
    for n in range(messages):
        events.append(UserInput(f"{n}", Kind.PROMPT, f"Question {n}"))
        events.append(TokenStream(n + 1, 0, "".join(tokens(250, seed=n))))
        events.append(Done(n + 1, "end_turn"))
    return events


class Nowhere(HeadlessDriver):
    """A terminal that takes everything at once: what is written is counted."""

    waiting: int | None = 0
    written = 0

    @property
    def is_headless(self) -> bool:
        return False

    def write(self, data: str) -> None:
        self.written += len(data.encode())


class Painted(App[None]):
    """Paints although there is no terminal."""

    ENABLE_COMMAND_PALETTE = False
    CSS = "TextArea { dock: bottom; height: 3; }"

    def __init__(self) -> None:
        super().__init__(driver_class=Nowhere)

    def run_test(self, **_: object) -> Any:
        return super().run_test(headless=False, size=SIZE)

    @property
    def terminal(self) -> Nowhere:
        assert isinstance(self._driver, Nowhere)
        return self._driver


class Ours(Painted):
    def compose(self) -> ComposeResult:
        yield Transcript()
        yield TextArea()


class Theirs(Painted):
    def compose(self) -> ComposeResult:
        with VerticalScroll():
            yield Markdown()
        yield TextArea()


class Cost(NamedTuple):
    """Of one token: CPU µs, and bytes to the terminal."""

    cpu: float
    bytes: float


async def pace(app: Painted, count: int, send: Callable[[int], Awaitable[None] | None]) -> Cost:
    """Send `count` tokens at the rate of a fast model."""
    gc.collect()
    gc.freeze()  # as the program does after its first frame; also, nobody pays for another's garbage
    loop = asyncio.get_running_loop()
    began, cpu, written = loop.time(), time.process_time(), app.terminal.written
    for n in range(count):
        if (sent := send(n)) is not None:
            await sent
        await asyncio.sleep(max(0.0, began + (n + 1) / RATE - loop.time()))
    await asyncio.sleep(0.1)
    return Cost((time.process_time() - cpu) / count * 1e6, (app.terminal.written - written) / count)


async def floor(count: int) -> Cost:
    """The same tokens to nobody: what waking up for each costs."""
    app = Ours()
    async with app.run_test() as pilot:
        await pilot.pause()
        return await pace(app, count, lambda _n: None)


async def ours(length: int, messages: int, count: int, *, direct: bool = True) -> Cost:
    app = Ours()
    async with app.run_test() as pilot:
        app.terminal.waiting = 0 if direct else None
        transcript = app.query_one(Transcript)
        transcript.apply_many(history(messages))
        transcript.apply(TokenStream(1_000_000, 0, "".join(tokens(length))))
        await settled(transcript)
        await pilot.pause()
        new = tokens(count, seed=2)
        return await pace(app, count, lambda n: transcript.apply(TokenStream(1_000_000, 0, new[n])))


def endless(kind: str) -> Iterator[str]:
    """Tokens of one block that never ends."""
    r = random.Random(3)
    opening = {"table": "| a | b |\n|---|---|\n", "quote": "> ", "list item": "- "}
    between = {"table": " |\n| row | ", "quote": "\n>\n> ", "list item": "\n\n  "}
    yield opening.get(kind, "")
    while True:
        yield from TOKEN.findall(sentence(r, 12))
        yield between.get(kind, " ")


async def open_block(kind: str, length: int, count: int) -> Cost:
    """CPU µs per token at the end of a block that is `length` tokens long and still open."""
    app = Ours()
    async with app.run_test() as pilot:
        transcript = app.query_one(Transcript)
        source = endless(kind)
        transcript.apply(TokenStream(1, 0, "".join(islice(source, length))))
        await settled(transcript)
        await pilot.pause()
        new = list(islice(source, count))
        return await pace(app, count, lambda n: transcript.apply(TokenStream(1, 0, new[n])))


async def settled(transcript: Transcript) -> None:
    while transcript.busy:
        await asyncio.sleep(0.01)


async def theirs(length: int, count: int) -> Cost:
    app = Theirs()
    async with app.run_test() as pilot:
        markdown = app.query_one(Markdown)
        app.query_one(VerticalScroll).anchor()
        await markdown.update("".join(tokens(length)))
        await pilot.pause()
        stream = Markdown.get_stream(markdown)
        new = tokens(count, seed=2)
        cost = await pace(app, count, lambda n: stream.write(new[n]))
        await stream.stop()
        return cost


async def burst(count: int) -> float:
    """Tokens per second of CPU when all come at once."""
    app = Ours()
    async with app.run_test() as pilot:
        transcript = app.query_one(Transcript)
        await pilot.pause()
        events = [TokenStream(1, 0, token) for token in tokens(count)]
        cpu = time.process_time()
        transcript.apply_many(events)
        await settled(transcript)
        return count / (time.process_time() - cpu)


async def _measure(quick: bool) -> None:
    warm_up()
    count = 200 if quick else 600
    print(f"CPU µs and bytes to the terminal per token at {RATE} tokens/s, {SIZE[0]}x{SIZE[1]}")
    print(f"waking up alone: {(await floor(count)).cpu:,.0f} µs")
    print(
        f"{'answer so far':>16}{'earlier':>9}{'direct':>8}{'bytes':>7}{'composed':>10}{'get_stream':>12}{'bytes':>7}"
    )
    for length in (100, 1000, 10_000) if quick else (100, 1000, 10_000, 50_000):
        mine, composed = await ours(length, 10, count), await ours(length, 10, count, direct=False)
        row = f"{length:>16,}{10:>9,}{mine.cpu:>8,.0f}{mine.bytes:>7,.0f}{composed.cpu:>10,.0f}"
        if length <= 10_000:
            stock = await theirs(length, min(count, 200))
            row += f"{stock.cpu:>12,.0f}{stock.bytes:>7,.0f}   {stock.cpu / mine.cpu:.1f} times direct"
        print(row, flush=True)
    for messages in (1000,) if quick else (1000, 10_000):
        mine = await ours(1000, messages, count)
        print(f"{1000:>16,}{messages:>9,}{mine.cpu:>8,.0f}{mine.bytes:>7,.0f}", flush=True)
    for kind in ("paragraph", "table", "quote", "list item"):
        short, long = await open_block(kind, 500, count), await open_block(kind, 10_000, count)
        print(
            f"one {kind} without end, behind 500 and 10,000 tokens: {short.cpu:,.0f} and {long.cpu:,.0f}",
            flush=True,
        )
    for size in (10_000,) if quick else (10_000, 50_000):
        print(f"burst of {size:,} tokens: {await burst(size):,.0f} tokens per second of CPU")


def main(quick: bool = True) -> None:
    """Print the table; `quick` leaves the longest answers out."""
    asyncio.run(_measure(quick))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="What a token costs on the screen.")
    parser.add_argument("--all", action="store_true", help="longer answers and more tokens: some minutes")
    main(quick=not parser.parse_args().all)
