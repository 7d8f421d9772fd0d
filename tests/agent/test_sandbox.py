"""The sandbox of a session: which one it gets, what runs unasked in it, and what a refused command is told."""

from __future__ import annotations

import asyncio
import json
import os
import secrets
import sys
import tempfile
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from h2a_agent.agent import Agent
from h2a_agent.events import ApprovalRequested, Decision, ToolResult
from h2a_agent.run_settings import RunSettings
from h2a_agent.sandbox import landlock, trial
from h2a_agent.sandbox.refused import explain
from h2a_agent.sandbox.sandbox import OFF, Level, Sandbox, must_ask
from h2a_agent.sandbox.settings import SandboxSettings
from h2a_agent.sandbox.trial import SessionSandbox, choose
from h2a_agent.session import Session
from h2a_agent.tools.base import ToolContext, ToolOutcome
from h2a_agent.tools.bash import BashParams, BashTool
from support.children import is_running
from support.escapes import levels_of
from support.scripted_provider import ScriptedProvider, call, stop

AUTO = SandboxSettings()
NONE_HERE = Sandbox(Level.NONE, "bubblewrap is not installed")
HELD = Sandbox(Level.LANDLOCK)


# -------------------------------------------------------------------- the ladder


def without_bubblewrap(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(trial, "find_bubblewrap", lambda _workspace: "")


def without_landlock(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(landlock, "why_not", lambda: "this kernel has no Landlock")


@pytest.fixture
def chosen(tmp_path: Path) -> Callable[[], Sandbox]:
    work = tmp_path / "work"
    work.mkdir()
    return lambda: choose(AUTO, work)


def test_with_neither_there_is_none_and_it_is_said_why(
    chosen: Callable[[], Sandbox], monkeypatch: pytest.MonkeyPatch
) -> None:
    without_bubblewrap(monkeypatch)
    without_landlock(monkeypatch)
    sandbox = chosen()
    assert sandbox.level is Level.NONE
    assert sandbox.why == "bubblewrap is not installed; this kernel has no Landlock"
    assert sandbox.summary == f"sandbox: none ({sandbox.why})"
    assert sandbox.wrap(["ls", "-l"], workspace=Path("/")) == ["ls", "-l"]


def test_a_bubblewrap_that_holds_nothing_back_is_found_out(
    chosen: Callable[[], Sandbox], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """A program by that name that just runs what it is given: the level goes down to what holds, and says why."""
    liar = tmp_path / "bwrap"
    liar.write_text('#!/bin/bash\nwhile [ "$1" != -- ]; do shift; done; shift; exec "$@"\n')
    liar.chmod(0o755)
    monkeypatch.setattr(trial, "find_bubblewrap", lambda _workspace: str(liar))
    without_landlock(monkeypatch)
    sandbox = chosen()
    assert sandbox.level is Level.NONE
    assert "bubblewrap let through: changing git's hooks, reading secrets" in sandbox.why


@pytest.mark.parametrize(
    ("script", "told"),
    [
        (
            "echo 'bwrap: No permissions to create a new namespace' >&2; exit 1",
            "failed: bwrap: No permissions",
        ),
        ("exit 0", "failed: it said nothing"),
        ("sleep 60", "failed: it had not answered after"),
    ],
)
def test_a_bubblewrap_that_does_not_start_is_told_in_its_own_words(
    script: str,
    told: str,
    chosen: Callable[[], Sandbox],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    broken = tmp_path / "bwrap"
    broken.write_text(f"#!/bin/sh\n{script}\n")
    broken.chmod(0o755)
    monkeypatch.setattr(trial, "find_bubblewrap", lambda _workspace: str(broken))
    monkeypatch.setattr(trial, "_TRIAL_S", 0.3)
    without_landlock(monkeypatch)
    assert f"bubblewrap {told}" in chosen().why


@pytest.mark.parametrize("hole", [{"writable": [Path("/")]}, {"network": True}], ids=["writing", "network"])
@pytest.mark.parametrize("level", levels_of(os.geteuid()), ids=lambda level: level.name)
def test_a_hole_in_the_rules_lowers_the_level(
    level: Level, hole: dict[str, Any], chosen: Callable[[], Sandbox], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever we get wrong in the prefix, the trial finds it."""
    plain = Sandbox.wrap

    def with_a_hole(self: Sandbox, argv: list[str], *, workspace: Path) -> list[str]:
        return plain(self, argv, workspace=workspace, **hole)

    monkeypatch.setattr(Sandbox, "wrap", with_a_hole)
    sandbox = chosen()
    assert sandbox.level is Level.NONE
    assert f"{level.title} let through: " in sandbox.why


def test_what_the_user_allows_is_no_hole(tmp_path: Path) -> None:
    settings = SandboxSettings(network=True, writable=["/var/tmp", "data"])
    (tmp_path / "data").mkdir()
    (tmp_path / "work").mkdir()
    best = choose(AUTO, tmp_path / "work")
    sandbox = choose(settings, tmp_path / "work")
    assert (sandbox.level, sandbox.gaps) == (best.level, best.gaps)


def test_landlock_counts_for_nothing_where_keys_lie_in_the_workspace(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It cannot take ~/.ssh out of a home folder that may be written, so it does not say it does."""
    without_bubblewrap(monkeypatch)
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / "work").mkdir()
    elsewhere = choose(AUTO, tmp_path / "work").level
    (tmp_path / ".ssh").mkdir()
    assert choose(AUTO, tmp_path / "work").level is elsewhere
    sandbox = choose(AUTO, tmp_path)
    assert sandbox.level is Level.NONE
    assert ("Landlock let through: reading secrets" in sandbox.why) == (elsewhere is Level.LANDLOCK)


def test_the_trial_leaves_nothing_behind(
    chosen: Callable[[], Sandbox], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    tmp = tmp_path / "tmp"
    tmp.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(tmp))
    monkeypatch.setattr(trial, "_STAGES", tmp)
    sandbox = chosen()
    assert list(tmp.iterdir()) == [sandbox.tmp]
    assert list(sandbox.tmp.iterdir()) == [] or sandbox.level is Level.BUBBLEWRAP
    assert list((tmp_path / "work").iterdir()) == []


async def test_whoever_wants_the_sandbox_waits_for_the_same_trial(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    trials: list[Path] = []

    def count(settings: SandboxSettings, workspace: Path, **_more: Any) -> Sandbox:
        trials.append(workspace)
        return replace(NONE_HERE, tmp=tmp_path / "tmp")

    monkeypatch.setattr(trial, "choose", count)
    (tmp_path / "tmp").mkdir()
    session = SessionSandbox(AUTO, tmp_path)
    assert session.known is None
    impatient = asyncio.create_task(session.get())
    patient = asyncio.create_task(session.get())
    await asyncio.sleep(0)
    impatient.cancel()
    assert (await patient).level is Level.NONE
    assert impatient.cancelled()
    assert session.known == await session.get()
    assert trials == [tmp_path]
    await session.aclose()
    assert not (tmp_path / "tmp").exists()


async def test_a_trial_that_cannot_be_made_means_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "missing"))
    session = SessionSandbox(AUTO, tmp_path)
    assert (await session.get()).level is Level.NONE
    await session.aclose()


async def test_off_is_off_at_once_and_starts_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(trial, "choose", lambda *_a, **_k: pytest.fail("nothing is to be tried"))
    session = SessionSandbox(SandboxSettings(level="off"), tmp_path)
    session.begin()
    assert session.known is not None
    assert (await session.get()).level is Level.OFF
    assert session.known.summary == "sandbox: off"
    await session.aclose()


# ----------------------------------------------------------------- what is asked about


def test_what_must_be_asked_about() -> None:
    for needs in ("nothing", "network", "no_sandbox"):
        assert must_ask(OFF, needs) == "", "the user wants no sandbox, so nothing is asked because of it"
        assert must_ask(NONE_HERE, needs) != ""
    assert must_ask(HELD, "nothing") == ""
    assert must_ask(HELD, "network") == "with the network"
    assert must_ask(HELD, "no_sandbox") == "outside the sandbox"
    online = replace(HELD, settings=SandboxSettings(network=True))
    assert must_ask(online, "network") == ""
    assert must_ask(online, "no_sandbox") != ""


class Played:
    """A run in mode full in which the model runs one command; the answer to every question is yes."""

    def __init__(self) -> None:
        self.questions: list[str] = []
        self.results: list[str] = []


@asynccontextmanager
async def agent_with(sandbox: Sandbox, tmp_path: Path, *arguments: dict[str, str]) -> AsyncIterator[Agent]:
    answers = [
        [*call(0, f"c{n}", "bash", json.dumps(one)), *stop("tool_use")] for n, one in enumerate(arguments)
    ]
    session = SessionSandbox(AUTO, tmp_path)
    session._off = sandbox
    async with Agent(
        ScriptedProvider(*answers),
        session=Session.unsaved(tmp_path),
        settings=RunSettings("scripted-1", mode="full"),
        tools=[BashTool()],
        sandbox=session,
    ) as agent:
        yield agent


async def play(
    sandbox: Sandbox, tmp_path: Path, *arguments: dict[str, str], answer: Decision = Decision.ALLOW
) -> Played:
    played = Played()
    async with agent_with(sandbox, tmp_path, *arguments) as agent:
        events = agent.subscribe()
        agent.prompt("go")
        async for event in events:
            if isinstance(event, ApprovalRequested):
                played.questions.append(event.reason)
                agent.answer(event.call_id, answer, digest=event.digest)
            elif isinstance(event, ToolResult):
                played.results.append(event.text)
                if len(played.results) == len(arguments):
                    break
    return played


async def test_the_model_is_told_once_what_holds_commands_in(tmp_path: Path) -> None:
    provider = ScriptedProvider()
    sandbox = SessionSandbox(AUTO, tmp_path)
    async with Agent(
        provider, session=Session.unsaved(tmp_path), settings=RunSettings("scripted-1"), sandbox=sandbox
    ) as agent:
        agent.prompt("go")
        await agent.settled()
        sandbox._off = NONE_HERE
        agent.prompt("and on")
        await agent.settled()
    first, second = (request.system for request in provider.requests)
    assert "Sandbox: unknown until a command runs" in first
    assert first == second, "a prompt that changes is not found in the provider's cache"


async def test_the_model_is_told_what_the_trial_showed_before_the_first_request(tmp_path: Path) -> None:
    async with agent_with(NONE_HERE, tmp_path) as agent:
        agent.prompt("go")
        await agent.settled()
        provider = agent._provider.now
        assert isinstance(provider, ScriptedProvider)
        [request] = provider.requests
    assert "Sandbox: none (bubblewrap is not installed)" in request.system


async def test_in_full_mode_a_command_is_asked_about_where_nothing_holds_it(tmp_path: Path) -> None:
    played = await play(NONE_HERE, tmp_path, {"command": "touch made; echo ran"})
    assert played.questions == ["runs a command without a sandbox: bubblewrap is not installed"]
    assert played.results == ["ran"]


async def test_allowed_for_the_session_it_is_not_asked_about_again(tmp_path: Path) -> None:
    once, more = {"command": "touch made; echo ran"}, {"command": "touch made; echo more"}
    played = await play(NONE_HERE, tmp_path, once, once, more, answer=Decision.ALLOW_SESSION)
    assert len(played.questions) == 2


async def test_in_full_mode_what_leaves_the_sandbox_is_asked_about(tmp_path: Path) -> None:
    played = await play(HELD, tmp_path, {"command": "touch made; echo ran", "needs": "no_sandbox"})
    assert played.questions == ["runs a command outside the sandbox"]
    assert played.results == ["ran"]
    played = await play(
        HELD, tmp_path, {"command": "touch made; echo ran", "needs": "no_sandbox"}, answer=Decision.REJECT
    )
    assert played.results == ["Not run: the user refused this call."]


async def test_in_full_mode_nothing_is_asked_where_the_user_wants_no_sandbox(tmp_path: Path) -> None:
    played = await play(OFF, tmp_path, {"command": "touch made; echo ran"})
    assert (played.questions, played.results) == ([], ["ran"])


async def test_what_only_looks_runs_unasked_also_where_nothing_holds_it(tmp_path: Path) -> None:
    played = await play(NONE_HERE, tmp_path, {"command": "echo ran"})
    assert (played.questions, played.results) == ([], ["ran"])


# ------------------------------------------------------------ the bash tool in a sandbox


@pytest.fixture(params=levels_of(os.geteuid()), ids=lambda level: level.name)
async def confined(
    request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[ToolContext]:
    """A context with a sandbox of each level this machine has."""
    (tmp_path / "work").mkdir()
    (tmp_path / "spill").mkdir()
    if request.param is Level.LANDLOCK:
        without_bubblewrap(monkeypatch)
    session = SessionSandbox(AUTO, tmp_path / "work")
    sandbox = await session.get()
    assert sandbox.level is request.param, sandbox.why
    yield ToolContext(tmp_path / "work", tmp_path / "spill", sandbox=sandbox)
    await session.aclose()


@pytest.fixture
def outside() -> Iterator[Path]:
    """A file that no command has any business with."""
    path = Path("/var/tmp") / f"h2a-{secrets.token_hex(8)}"
    yield path
    path.unlink(missing_ok=True)


def there(path: Path) -> bool:
    return path.exists()


async def bash(ctx: ToolContext, command: str, **arguments: Any) -> ToolOutcome:
    return await BashTool().run(BashParams(command=command, **arguments), ctx)


async def test_a_command_works_in_the_workspace_and_nowhere_else(
    confined: ToolContext, outside: Path
) -> None:
    outcome = await bash(confined, f"echo in > here && cat here && echo out > {outside}")
    assert outcome.text.startswith("in\n")
    assert 'needs="no_sandbox"; the user is asked.]' in outcome.text
    assert not there(outside)
    assert (confined.workspace / "here").read_text() == "in\n"


async def test_needs_no_sandbox_runs_without(confined: ToolContext, outside: Path) -> None:
    outcome = await bash(confined, f"echo out > {outside}", needs="no_sandbox")
    assert not outcome.is_error
    assert there(outside)


async def test_temporary_files_last_from_one_command_to_the_next(confined: ToolContext) -> None:
    await bash(confined, "echo kept > $TMPDIR/note")
    assert (await bash(confined, "cat $TMPDIR/note")).text == "kept"


async def test_no_network_is_said_in_words_and_needs_network_gives_it(confined: ToolContext) -> None:
    server = await asyncio.start_server(lambda _reader, writer: writer.close(), "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    connect = f"exec 3<>/dev/tcp/127.0.0.1/{port} && echo connected"
    assert "connected" not in (await bash(confined, connect)).text
    assert (await bash(confined, connect, needs="network")).text == "connected"
    server.close()
    outcome = await bash(confined, "echo 'curl: (6) Could not resolve host: example.org' >&2; exit 6")
    assert 'call it again with needs="network"' in outcome.text


async def test_exit_codes_and_signals_are_told_as_without_a_sandbox(confined: ToolContext) -> None:
    assert (await bash(confined, "exit 3")).brief == "exit 3, 0 lines"
    assert "killed by SIGKILL" in (await bash(confined, "kill -9 $$")).text


async def test_a_cut_command_may_clean_up_and_nothing_of_it_is_left(confined: ToolContext) -> None:
    """SIGTERM reaches the command before its sandbox ends it."""
    emitted = asyncio.Event()
    ctx = replace(confined, emit=lambda _text: emitted.set())
    task = asyncio.create_task(
        bash(ctx, "trap 'echo cleaned up; exit' TERM; sleep 600 & echo $!; while :; do sleep 0.02; done")
    )
    await emitted.wait()
    task.cancel()
    outcome = await task
    assert outcome.stopped
    assert outcome.text.endswith("cleaned up")
    assert "could not be ended" not in outcome.text


async def test_what_a_command_leaves_in_the_background_ends_with_bubblewrap(confined: ToolContext) -> None:
    if confined.sandbox.level is not Level.BUBBLEWRAP:
        return
    sleep = f"sleep 300.{secrets.randbelow(10**9)}"
    outcome = await bash(confined, f"{sleep} & echo started")
    assert outcome.text == "started"
    async with asyncio.timeout(10):
        while is_running(sleep):
            await asyncio.sleep(0.01)


async def test_a_sandbox_that_fails_later_runs_nothing_and_says_so(confined: ToolContext) -> None:
    """The folder for temporary files has been taken away: bubblewrap cannot mount it. Landlock does without."""
    if confined.sandbox.level is not Level.BUBBLEWRAP:
        return
    broken = replace(confined, sandbox=replace(confined.sandbox, tmp=Path("/nonexistent")))
    outcome = await bash(broken, "touch ran")
    assert outcome.is_error
    assert "The sandbox could not be set up for this command" in outcome.text
    assert not (confined.workspace / "ran").exists()


async def test_the_launcher_that_cannot_set_its_rules_runs_nothing(tmp_path: Path) -> None:
    program = Path(landlock.__file__).with_name("landlock_launcher.py")
    argv = [sys.executable, "-I", "-S", str(program), "--read", "/usr", "--", "touch", str(tmp_path / "ran")]
    process = await asyncio.to_thread(lambda: os.spawnv(os.P_WAIT, argv[0], argv))
    assert process == 126, "there is no rule for /"
    assert not (tmp_path / "ran").exists()


# ------------------------------------------------------------------------ words


def test_nothing_is_blamed_on_a_sandbox_that_is_not_there() -> None:
    said = "mkdir: cannot create directory: Permission denied"
    assert explain(OFF, "nothing", said) == ""
    assert explain(NONE_HERE, "nothing", said) == ""
    assert explain(HELD, "no_sandbox", said) == ""
    assert explain(HELD, "nothing", said) != ""
    assert explain(HELD, "nothing", "assert 1 == 2") == ""
    assert explain(HELD, "network", "Could not resolve host") == ""


def test_the_summary_tells_gaps() -> None:
    assert replace(HELD, gaps=("changing git's hooks",)).summary == (
        "sandbox: Landlock · commands write here only · no network · not held back: changing git's hooks"
    )
