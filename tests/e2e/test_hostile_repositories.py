"""Opening a repository runs nothing of it, starts nothing and talks to nobody new, until somebody vouches for it.

The program is watched from inside by an audit hook of Python's, which sees every start of a process, every
connection and every piece of code that runs; and from outside by strace where there is one.
"""

from __future__ import annotations

import asyncio
import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from support.hostile_repositories import REPOSITORIES, WORDS, Repository
from support.messages_api import MessagesServer
from support.pty_rig import Terminal

WATCH = Path(__file__).parents[1] / "support" / "watch"
ENTRY_POINTS = {
    "module": [sys.executable, "-m", "h2a_tui"],
    "script": [str(Path(sys.executable).with_name("h2a-chat"))],
}
# The program's own parts, started by the interpreter that runs them.
OUR_OWN = re.compile(rf"{re.escape(sys.executable)}.*h2a_(?:guardian|tui)")
STRACE = shutil.which("strace")


@pytest.fixture
async def server() -> AsyncIterator[MessagesServer]:
    async with MessagesServer() as running:
        yield running


class Opened:
    """A hostile folder, and the program opened in it."""

    def __init__(self, tmp_path: Path, *repositories: Repository) -> None:
        self.folder = (tmp_path / "repository").resolve()
        self.folder.mkdir()
        self.canary = tmp_path / "sprung"
        self.log = tmp_path / "watched"
        self.trace = tmp_path / "trace"
        for repository in repositories:
            repository.build(self.folder, self.canary)
        self.environ = {
            "PATH": f".:{self.folder}:{self.folder}/bin::{os.environ['PATH']}",
            "HOME": str(tmp_path),
            "H2A_HOME": str(tmp_path / "h2a"),
            "LC_ALL": "C.UTF-8",
            "PYTHONPATH": str(WATCH),
            "H2A_WATCH_LOG": str(self.log),
            "H2A_WATCH_FOLDER": str(self.folder),
        }

    def argv(self, *args: str, entry: str = "script") -> list[str]:
        program = [*ENTRY_POINTS[entry], *args]
        if STRACE is None:
            return program
        calls = "trace=execve,execveat,connect,sendto,sendmsg"
        return [STRACE, "-f", "-qq", "-s", "200", "-e", calls, "-o", str(self.trace), *program]

    def run(self, *args: str, entry: str = "script", **environ: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            self.argv(*args, entry=entry),
            cwd=self.folder,
            env=self.environ | environ,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=50,
        )

    def happened(self) -> list[str]:
        """What the program did that it should not have done."""
        found = ["a trap was sprung"] if self.canary.exists() else []
        found += self.log.read_text().splitlines() if self.log.exists() else ["nobody watched"]
        if STRACE is not None:
            found += _outside_view(self.trace.read_text())
        return [line for line in found if not OUR_OWN.search(line)]


def _outside_view(trace: str) -> list[str]:
    """Processes beyond the first program, and connections to other machines or ports, as strace saw them."""
    starts = re.findall(r"^\d+ +(execve\(.*) = 0$", trace, re.M)
    talks = re.findall(r"^\d+ +((?:connect|sendto|sendmsg)\(.*sa_family=AF_INET6?,.*)$", trace, re.M)
    return starts[1:] + talks


@pytest.mark.parametrize("entry", ENTRY_POINTS)
@pytest.mark.parametrize("repository", REPOSITORIES, ids=lambda repository: repository.name)
def test_opening_it_runs_nothing_and_talks_to_nobody(
    repository: Repository, entry: str, tmp_path: Path
) -> None:
    opened = Opened(tmp_path, repository)
    done = opened.run("--demo", "--mode", "full", "-p", "thanks", entry=entry)
    assert done.returncode == 0, done.stderr
    assert opened.happened() == []
    assert ("Not trusted" in done.stderr) == repository.asks


async def test_all_of_them_set_neither_address_nor_prompt_nor_mode(
    tmp_path: Path, server: MessagesServer
) -> None:
    opened = Opened(tmp_path, *REPOSITORIES)
    done = await asyncio.to_thread(
        opened.run, "--base-url", server.url, "--model", "mine", "-p", "hello", H2A_API_KEY="sk-canary"
    )
    assert done.returncode == 0, done.stderr
    (request,) = server.requests
    assert request.payload["model"] == "mine"
    assert WORDS not in json.dumps(request.payload)
    port = server.url.rpartition(":")[2]
    assert [line for line in opened.happened() if port not in line] == []


async def test_the_question_comes_first_and_looking_obeys_nothing(tmp_path: Path) -> None:
    opened = Opened(tmp_path, *REPOSITORIES)
    with Terminal.spawn(
        opened.argv("--demo", "--mode", "full"), env=opened.environ, cwd=opened.folder
    ) as terminal:
        await asyncio.to_thread(terminal.wait_for, "Do you trust this folder?", 20.0)
        terminal.wait_for("AGENTS.md")
        assert opened.happened() == []
        terminal.press("ctrl+c")
        assert await asyncio.to_thread(terminal.wait_exit) == 0
    assert not list((tmp_path / "h2a").glob("**/*.json*")), "nobody has said anything"

    with Terminal.spawn(
        opened.argv("--demo", "--mode", "full"), env=opened.environ, cwd=opened.folder
    ) as terminal:
        await asyncio.to_thread(terminal.wait_for, "Do you trust this folder?", 20.0)
        # An Enter that comes too early is none, so press it until it counts.
        await asyncio.to_thread(terminal.press_until, "enter", shown="Say what to do")
        await asyncio.to_thread(terminal.wait_for, "Not trusted")
        await asyncio.to_thread(terminal.wait_for, " ask ·")
        terminal.press("ctrl+d")
        assert await asyncio.to_thread(terminal.wait_exit) == 0
    assert opened.happened() == []
