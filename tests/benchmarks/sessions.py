"""What opening, listing and searching sessions costs, beside `json.loads` of the same bytes in the same run.

    python tests/benchmarks/sessions.py

The figures are CPU times of this process, which busy neighbours hardly change, the best of three.
"""

from __future__ import annotations

import json
import random
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

from h2a_agent.content import TextBlock, ToolUseBlock
from h2a_agent.events import Kind, Outcome
from h2a_agent.history import AssistantEntry, ToolEntry, UserEntry
from h2a_agent.providers.base import TokenUsage
from h2a_agent.session import Session
from h2a_agent.session_files import list_sessions
from h2a_agent.session_search import search_sessions

WORDS = [
    "queue",
    "reader",
    "parser",
    "frame",
    "steer",
    "block",
    "journal",
    "branch",
    "entry",
    "Größe",
    "request",
    "stream",
    "tool",
]


def text(r: random.Random, size: int) -> str:
    return " ".join(r.choice(WORDS) for _ in range(size // 7))


def write(path: Path, messages: int, size: int) -> None:
    """A session of `messages` prompts and answers, `size` bytes or so."""
    r = random.Random(messages)
    session = Session("S", path.parent, path)
    each = size // messages
    for n in range(messages // 2):
        session.append(UserEntry(f"i{n}", Kind.PROMPT, (TextBlock(text(r, 200)),), 1.0), durable=False)
        call = ToolUseBlock(f"c{n}", "bash", {"command": text(r, 60)})
        answer = (TextBlock(text(r, each // 2)), call)
        usage = TokenUsage(1000, 200)
        session.append(AssistantEntry(n + 1, answer, "tool_use", "m", usage, 1.0), durable=False)
        result = ToolEntry(call.id, Outcome.OK, text(r, each), "ok", 0.1, 1.0)
        session.append(result, durable=False)
    session.close()


def cpu_s(work: Callable[[], object]) -> float:
    """The CPU time of `work`, the best of three."""
    times = []
    for _ in range(3):
        began = time.process_time()
        work()
        times.append(time.process_time() - began)
    return min(times)


def parse(path: Path) -> None:
    with path.open("rb") as file:
        for line in file:
            json.loads(line)


def report(what: str, seconds: float, plain: float) -> None:
    print(f"{what:58} {seconds:6.2f} s  {seconds / plain:5.1f}x json.loads")


def one_session(folder: Path, messages: int, size: int) -> None:
    """Open and search a session of this size."""
    path = folder / "sessions" / "x" / "x.jsonl"
    path.parent.mkdir(parents=True)
    write(path, messages, size)
    plain = cpu_s(partial(parse, path))
    shape = f"{messages:,} messages, {path.stat().st_size / 1e6:.0f} MB"
    report(f"open {shape}", cpu_s(lambda: Session.open(path).close()), plain)
    for kind, wanted in (("words", "not there"), ("a pattern", "not th[ea]re")):
        find = partial(search_sessions, folder / "sessions", wanted, regex=kind != "words")
        report(f"search {shape} for {kind}", cpu_s(lambda find=find: list(find())), plain)


def many_sessions(folder: Path, count: int) -> None:
    """List so many of them."""
    paths = [folder / "sessions" / "x" / f"{n:026}.jsonl" for n in range(count)]
    paths[0].parent.mkdir(parents=True)
    for path in paths:
        write(path, 20, 40_000)
    plain = cpu_s(lambda: [parse(path) for path in paths])
    report(f"list {count:,} sessions", cpu_s(partial(list_sessions, folder / "sessions")), plain)


def main() -> None:
    """Print a line for each."""
    print("sessions (CPU time)")
    for work in (
        partial(one_session, messages=4_000, size=4_000_000),
        partial(one_session, messages=10_000, size=60_000_000),
        partial(many_sessions, count=1000),
    ):
        with tempfile.TemporaryDirectory() as folder:
            work(Path(folder))


if __name__ == "__main__":
    main()
