"""Each exercise done by the real agent with its real tools: the model goes wrong, is steered, and mends its way.

The model is a script behind a strict server, so a request that the Messages API would refuse fails the test. What
it was told by the tools is looked at in the requests; whether the exercise is done, its own tests say.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from h2a_agent.agent import Agent
from h2a_agent.bus import Subscription
from h2a_agent.events import AnyEvent, TokenStream, ToolOutput, ToolResult, UserInput
from h2a_agent.providers.anthropic import AnthropicProvider
from h2a_agent.run_settings import RunSettings
from h2a_agent.session import Session
from h2a_agent.tools import default_tools
from support.messages_api import Answer, MessagesServer, Recorded, gate, text, tool

EXERCISES = Path(__file__).parent / "exercises"
TEST = f"{sys.executable} -m unittest 2>&1"


class Attempt:
    """One exercise in a folder of its own, an agent in it, and the server that plays the model."""

    def __init__(self, name: str, home: Path, server: MessagesServer) -> None:
        self.folder = home / name
        shutil.copytree(EXERCISES / name, self.folder)
        self.server = server
        self.agent = Agent(
            AnthropicProvider("test-model", api_key="sk-test", base_url=server.url),
            session=Session.create(home / "sessions", self.folder),
            settings=RunSettings("test-model", mode="full"),
            tools=default_tools(),
            spill_dir=home,
        )
        self.events: list[AnyEvent] = []
        self._live: Subscription = self.agent.subscribe()

    def begin(self, *answers: Answer) -> None:
        """Give the agent its task; the model will answer with these."""
        self.server.script(*answers)
        self.agent.prompt((self.folder / "TASK.md").read_text())

    async def until(self, kind: type[TokenStream] | type[ToolOutput], words: str) -> None:
        """Wait until the answer, or the running command, has come to `words`."""
        so_far = ""
        async for event in self._live:
            self.events.append(event)
            so_far += event.text if isinstance(event, kind) else ""
            if words in so_far:
                return

    async def ended(self) -> list[ToolResult]:
        """Wait for the run's end; the results of all calls there were."""
        await self.agent.settled()
        await self.agent.aclose()
        self.events += [event async for event in self._live]
        delivered = [event.item_id for event in self.events if isinstance(event, UserInput)]
        assert len(delivered) == len(set(delivered))
        results = [event for event in self.events if isinstance(event, ToolResult)]
        return sorted(results, key=lambda result: result.call_id)  # calls of one answer end in any order

    def passes(self) -> bool:
        """Do the exercise's own tests pass?"""
        run = [sys.executable, "-m", "unittest", "-q"]
        done = subprocess.run(run, cwd=self.folder, capture_output=True, timeout=50, check=False)
        return done.returncode == 0


@asynccontextmanager
async def attempt(name: str, home: Path) -> AsyncIterator[Attempt]:
    """An attempt at the exercise `name`, which is not done yet."""
    async with MessagesServer() as server:
        it = Attempt(name, home, server)
        assert not it.passes(), "there is nothing to do in this exercise"
        yield it
        await it.agent.aclose()
        assert server.violations == []


def change(path: str, old: str, new: str) -> Any:
    """The model's call that edits one place."""
    return tool("edit", {"path": path, "edits": [{"old_text": old, "new_text": new}]})


def said(request: Recorded) -> str:
    """The last message as one text: tool results and words."""
    return str(request.messages[-1]["content"])


@pytest.mark.parametrize("name", sorted(path.name for path in EXERCISES.iterdir() if path.is_dir()))
def test_every_exercise_is_a_task_whose_tests_fail(name: str) -> None:
    folder = EXERCISES / name
    assert (folder / "TASK.md").read_text().strip()
    assert list(folder.glob("test_*.py"))


async def test_a_failing_test_is_mended_after_a_steer_in_mid_answer(tmp_path: Path) -> None:
    async with attempt("failing_test", tmp_path) as it:
        it.begin(
            Answer(tool("read", {"path": "slugs.py"}), tool("read", {"path": "test_slugs.py"})),
            Answer(change("slugs.py", '"-", title)', '"-", title.lower())')),
            Answer(tool("bash", {"command": TEST})),
            Answer(
                text(["It still fails, so I shall make the test ", gate("astray"), "agree with the code."]),
                change("test_slugs.py", '"hello-world"', '"hello---world"'),
            ),
            Answer(
                change(
                    "slugs.py",
                    're.sub(r"[^a-z0-9]", "-", title.lower())',
                    're.sub(r"[^a-z0-9]+", "-", title.lower()).strip("-")',
                )
            ),
            Answer(tool("bash", {"command": TEST})),
            Answer(text(["Both tests pass now."])),
        )
        await it.until(TokenStream, "make the test ")
        it.agent.steer("Leave the test alone; the dashes are the code's fault.")
        results = await it.ended()
        assert it.passes()
        assert (it.folder / "test_slugs.py").read_text() == (
            EXERCISES / "failing_test/test_slugs.py"
        ).read_text()
        steered = await it.server.request(5)
        assert "so I shall make the test " in str(steered.messages[-2]["content"])
        assert "agree with the code" not in str(steered.messages)
        assert "Leave the test alone" in said(steered)
    assert [result.outcome for result in results] == ["ok", "ok", "ok", "failed", "ok", "ok"]


async def test_a_bug_across_two_files_is_mended_after_a_steer_in_mid_command(tmp_path: Path) -> None:
    async with attempt("two_files", tmp_path) as it:
        it.begin(
            Answer(tool("grep", {"pattern": "100"}), tool("read", {"path": "invoice.py"})),
            Answer(change("prices.py", "int(euros) * 100", "int(euros)")),
            Answer(tool("bash", {"command": f"{TEST}; echo watching for changes; tail -f /dev/null"})),
            Answer(tool("read", {"path": "prices.py"})),
            Answer(
                tool(
                    "edit",
                    {
                        "path": "prices.py",
                        "edits": [
                            {"old_text": "return int(euros) +", "new_text": "return int(euros) * 100 +"},
                            {"old_text": "{cents}.", "new_text": "{cents // 100}."},
                        ],
                    },
                ),
                change("invoice.py", "parse_price(price) * 100 for", "parse_price(price) for"),
            ),
            Answer(tool("bash", {"command": TEST})),
            Answer(text(["Two mistakes: cents were taken for euros when shown, and multiplied once more."])),
        )
        await it.until(ToolOutput, "watching for changes")
        it.agent.steer("Do not watch. Reading prices was right; showing them and the sum are wrong.")
        results = await it.ended()
        assert it.passes()
        told = said(await it.server.request(4))
        assert "Stopped after" in told
        assert "FAILED" in told, "what the command had printed by then is not lost"
        assert "Do not watch." in told
        assert "OK" in said(await it.server.request(7))
    assert [result.outcome for result in results] == ["ok", "ok", "ok", "stopped", "ok", "ok", "ok", "ok"]


async def test_a_refactoring_is_done_after_a_steer_in_the_middle_of_a_call(tmp_path: Path) -> None:
    rows = '    rows = [f"{name:<{width}}  {count:>6}" for name, count in sorted(%s.items())]\n    return "\\n".join(rows)\n'
    width = "    width = max((len(name) for name in %s), default=0)\n"
    shared = '"""Rows of a report."""\n\n\ndef layout(counts: dict[str, int]) -> str:\n    """A row for each name."""\n'
    shared += width % "counts" + rows % "counts"
    moved = shared.replace('"""Rows of a report."""', '"""How the reports lay out their rows."""')

    def uses_it(path: str, summary: str, name: str) -> Any:
        return tool(
            "edit",
            {
                "path": path,
                "edits": [
                    {
                        "old_text": f'"""{summary}"""\n',
                        "new_text": f'"""{summary}"""\n\nfrom layout import layout\n',
                    },
                    {"old_text": width % name + rows % name, "new_text": f"    return layout({name})\n"},
                ],
            },
        )

    wrong = Answer(
        text(["I put it into a module."]), tool("write", {"path": "utils.py", "content": shared}, pieces=4)
    )
    async with attempt("refactoring", tmp_path) as it:
        it.begin(
            Answer(tool("read", {"path": "sales.py"}), tool("read", {"path": "stock.py"})),
            wrong.gate_after(6, "writing"),
            Answer(
                tool("write", {"path": "layout.py", "content": moved}),
                uses_it("sales.py", "What was sold.", "sold"),
                uses_it("stock.py", "What is there.", "stored"),
            ),
            Answer(uses_it("stock.py", "What is there.", "there")),
            Answer(tool("bash", {"command": TEST})),
            Answer(text(["Both reports use `layout` now."])),
        )
        await it.server.reached("writing")
        it.agent.steer("Not utils: call it layout.")
        results = await it.ended()
        assert it.passes()
        assert not (it.folder / "utils.py").exists()
        assert "old_text was not found" in said(await it.server.request(4))
    assert [result.outcome for result in results] == ["ok", "ok", "ok", "ok", "failed", "ok", "ok"]
