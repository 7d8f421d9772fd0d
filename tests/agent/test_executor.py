"""The iterator face of the agent, and the README's example of it."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

from h2a_agent import Agent, RunSettings, Session, StreamEvent, StreamingExecutor
from h2a_agent.providers.base import BlockStarted, TextDelta
from support.scripted_provider import ScriptedProvider, call, say, stop

README = Path(__file__).parents[2] / "README.md"


def executor(tmp_path: Path, provider: ScriptedProvider) -> StreamingExecutor:
    settings = RunSettings("scripted-1", mode="full")
    return StreamingExecutor(Agent(provider, session=Session.unsaved(tmp_path), settings=settings))


async def test_a_task_is_a_stream_of_typed_events_that_ends_with_complete(tmp_path: Path) -> None:
    provider = ScriptedProvider([*say(0, "one ", "two"), *call(1, "c1", "nothing"), *stop("tool_use")])
    async with executor(tmp_path, provider) as it:
        events = [event async for event in it.execute_stream("go")]
        again = [event async for event in it.execute_stream("more")]
    kinds = [event.type.value for event in events if event.type.value != "status"]
    assert kinds == ["text", "text", "tool_call", "tool_result", "text", "complete"]
    assert "".join(e.content for e in events if e.type == "text") == "one twoanswer 2"
    assert events[-1].content == "completed"
    assert again[-1].type == "complete"


async def test_an_interrupt_ends_the_stream_gracefully(tmp_path: Path) -> None:
    provider = ScriptedProvider([BlockStarted(0, "text"), *[TextDelta(0, f"{n} ") for n in range(1000)]])
    seen: list[StreamEvent] = []
    async with executor(tmp_path, provider) as it:
        async for event in it.execute_stream("go"):
            seen.append(event)
            if event.content == "10 ":
                it.interrupt()
    assert [e.type.value for e in seen if e.type in ("interrupt", "complete")] == ["interrupt", "complete"]
    assert seen[-1].content == "aborted"
    assert sum(e.type == "text" for e in seen) < 100


def test_the_readmes_example_runs_as_it_is_printed(tmp_path: Path) -> None:
    [code] = re.findall(r"```python\n(.*?)```", README.read_text("utf-8"), re.S)
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, timeout=50, check=False
    )
    assert done.returncode == 0, done.stderr
    assert "not a language model" in done.stdout.replace("\n", " ")
