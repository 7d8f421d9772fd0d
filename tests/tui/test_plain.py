"""Events as lines: what is written where, and that a slow reader holds up nothing."""

from __future__ import annotations

import asyncio
import fcntl
import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from h2a_agent.agent import Agent
from h2a_agent.content import TextBlock
from h2a_agent.events import (
    AnyEvent,
    ApprovalAnswered,
    ApprovalRequested,
    Decision,
    Done,
    Error,
    Interrupt,
    Kind,
    Outcome,
    Phase,
    QueueChanged,
    RetryScheduled,
    Settled,
    Status,
    Thinking,
    TokenStream,
    ToolCall,
    ToolOutput,
    ToolResult,
    UserInput,
)
from h2a_agent.providers.base import Failed, FailureKind
from h2a_agent.run_settings import RunSettings
from h2a_agent.session import Session
from h2a_tui.plain import Lines, answer_once
from h2a_tui.signals import signals_abort
from h2a_tui.streams import Out
from support.scripted_agent import ScriptedAgent
from support.scripted_provider import ScriptedProvider


class Page:
    """Where lines end up: `words` and `notes` are files, the same one when `together`."""

    def __init__(self, folder: Path, *, together: bool) -> None:
        self._words, self._notes = folder / "words", folder / ("words" if together else "notes")
        self._fds = [
            os.open(path, os.O_CREAT | os.O_APPEND | os.O_WRONLY, 0o600)
            for path in (self._words, self._notes)
        ]
        self.lines = Lines(Out(self._fds[0]), Out(self._fds[1]), with_user=together)

    async def show(self, *events: AnyEvent) -> None:
        for event in events:
            await self.lines.show(event)

    @property
    def words(self) -> str:
        return self._words.read_text("utf-8")

    @property
    def notes(self) -> str:
        return self._notes.read_text("utf-8")

    def close(self) -> None:
        for fd in self._fds:
            os.close(fd)


@pytest.fixture
def page(tmp_path: Path) -> Iterator[Page]:
    page = Page(tmp_path, together=False)
    yield page
    page.close()


@pytest.fixture
def talk(tmp_path: Path) -> Iterator[Page]:
    page = Page(tmp_path, together=True)
    yield page
    page.close()


def bash(call_id: str = "c1", title: str = "npm test") -> ToolCall:
    return ToolCall(1, 1, call_id, "bash", "complete", arguments={"command": title}, title=title)


# --------------------------------------------------------------------- one answer


async def test_the_answer_alone_is_on_the_first_stream(page: Page) -> None:
    await page.show(
        UserInput("u", Kind.PROMPT, "hello"),
        Status(Phase.STREAMING, 1),
        Thinking(1, 0, "hm"),
        TokenStream(1, 1, "I "),
        TokenStream(1, 1, "look."),
        bash(),
        Done(1, "tool_use"),
        ToolOutput("c1", "1 passed"),
        ToolResult("c1", Outcome.OK, "1 passed", "1 passed", 0.42),
        QueueChanged(()),
        TokenStream(2, 0, "All green.\n"),
        Done(2, "end_turn"),
        Settled("completed", 2),
    )
    assert page.words == "I look.\n\nAll green.\n"
    assert page.notes == "· bash: npm test … ok, 1 passed (0.4 s)\n"


async def test_an_answer_without_a_final_newline_gets_one(page: Page) -> None:
    await page.show(TokenStream(1, 0, "Yes"), Done(1, "end_turn"))
    assert page.words == "Yes\n"


@pytest.mark.parametrize(
    ("result", "line"),
    [
        (ToolResult("c1", Outcome.OK, "x", ""), "· bash: npm test … ok"),
        (ToolResult("c1", Outcome.FAILED, "x", "exit 1", 2.0), "· bash: npm test … failed, exit 1 (2.0 s)"),
        (
            ToolResult("c1", Outcome.STOPPED, "x", "stopped after 4.2 s", 4.2),
            "· bash: npm test … stopped (4.2 s)",
        ),
        (ToolResult("c1", Outcome.NOT_STARTED, "x", "not started"), "· bash: npm test … not started"),
        (ToolResult("c1", Outcome.REJECTED, "x", "refused"), "· bash: npm test … rejected, refused"),
    ],
)
async def test_a_tool_is_one_line_with_its_outcome(page: Page, result: ToolResult, line: str) -> None:
    await page.show(bash(), result)
    assert page.notes == f"{line}\n"


async def test_parallel_tools_keep_their_own_titles(page: Page) -> None:
    await page.show(
        bash("c1", "one"),
        bash("c2", "two"),
        ToolResult("c2", Outcome.OK, "", ""),
        ToolResult("c1", Outcome.OK, "", ""),
    )
    assert page.notes == "· bash: two … ok\n· bash: one … ok\n"


async def test_trouble_is_said_with_its_advice(page: Page) -> None:
    await page.show(
        RetryScheduled(1, 3, 0.51, "The server is busy"),
        Error("connection", "No route.", "Check the network.", fatal=True),
    )
    assert page.notes == "! The server is busy. Again in 0.5 s (1 of 3).\n! No route. Check the network.\n"


async def test_a_question_and_its_answer_are_said(page: Page) -> None:
    await page.show(
        bash(),
        ApprovalRequested("c1", "bash", "npm test", "npm test", "command", "it runs a command", "/w"),
        ApprovalAnswered("c1", Decision.REJECT, "nobody here"),
    )
    assert page.notes == "? bash: npm test (it runs a command)\n  reject: nobody here\n"


# ----------------------------------------------------------------- a conversation


async def test_a_conversation_is_told_in_order_in_one_place(talk: Page) -> None:
    await talk.show(
        UserInput("u1", Kind.PROMPT, "two\nlines"),
        TokenStream(1, 0, "I was about to s"),
        Interrupt("steer", Phase.STREAMING),
        Done(1, "", "steer"),
        UserInput("u2", Kind.STEER, "short", cut=True),
        TokenStream(2, 0, "Yes."),
        Done(2, "end_turn"),
        UserInput("u3", Kind.FOLLOW_UP, "and now?"),
        TokenStream(3, 0, "Done."),
        Done(3, "end_turn"),
    )
    assert talk.words.split("\n") == [
        "",
        "you> two",
        "    lines",
        "",
        "I was about to s",
        "-- cut here by a steer --",
        "",
        "steer> short",
        "",
        "Yes.",
        "",
        "follow-up> and now?",
        "",
        "Done.",
        "",
    ]


async def test_no_line_holds_an_escape(talk: Page) -> None:
    await talk.show(bash(title="x"), TokenStream(1, 0, "a"), Done(1, ""), Interrupt("abort", Phase.TOOLS))
    assert all(char.isprintable() or char == "\n" for char in talk.words)


# -------------------------------------------------------------------- the streams


@pytest.fixture
def pipe() -> Iterator[tuple[int, int]]:
    ends = os.pipe()
    fcntl.fcntl(ends[1], fcntl.F_SETPIPE_SZ, 4096)
    yield ends
    for fd in ends:
        try:
            os.close(fd)
        except OSError:  # a test has closed it
            pass


async def test_a_full_pipe_waits_without_holding_up_the_loop(pipe: tuple[int, int]) -> None:
    reader, writer = pipe
    text = "ü" * 20_000
    task = asyncio.create_task(Out(writer).write(text))
    for _ in range(50):  # the loop goes round although nobody reads; a blocking write would hang here
        await asyncio.sleep(0)
    assert not task.done()
    received = b""
    while len(received) < 40_000:
        received += await asyncio.to_thread(os.read, reader, 65_536)
    await task
    assert received.decode() == text
    assert not asyncio.get_running_loop().remove_writer(writer), "an idle stream is not polled"


async def test_a_waiting_write_can_be_cancelled(pipe: tuple[int, int]) -> None:
    task = asyncio.create_task(Out(pipe[1]).write("x" * 10_000))
    for _ in range(50):
        await asyncio.sleep(0)
    task.cancel()
    await asyncio.wait([task])
    assert task.cancelled()


async def test_a_reader_that_is_gone_is_an_error(pipe: tuple[int, int]) -> None:
    os.close(pipe[0])
    with pytest.raises(BrokenPipeError):
        await Out(pipe[1]).write("x")


async def test_an_encoding_that_lacks_a_character_replaces_it(tmp_path: Path) -> None:
    with (tmp_path / "out").open("wb", buffering=0) as file:
        await Out(file.fileno(), "ascii").write("… ok\n")
    assert (tmp_path / "out").read_bytes() == b"? ok\n"


# -------------------------------------------------------------------- the signals


async def test_a_signal_aborts_the_run_and_a_second_one_waits_for_nothing() -> None:
    agent = ScriptedAgent()
    entered = asyncio.Event()

    async def work() -> None:
        async with signals_abort(agent) as signals:
            entered.set()
            await asyncio.Event().wait()
        assert signals.caught == 130

    task = asyncio.create_task(work())
    await entered.wait()
    os.kill(os.getpid(), signal.SIGINT)
    while not agent.calls:
        await asyncio.sleep(0)
    assert agent.calls == [("abort",)]
    assert not task.done()
    os.kill(os.getpid(), signal.SIGINT)
    await task


async def test_a_signal_becomes_the_exit_code_a_shell_expects() -> None:
    agent = ScriptedAgent()
    async with signals_abort(agent) as signals:
        assert not signals.caught
        os.kill(os.getpid(), signal.SIGTERM)
        while not agent.calls:
            await asyncio.sleep(0)
        assert signals.caught == 143


async def test_one_prompt_does_not_wait_out_a_limit_because_nobody_is_there(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    used_up = Failed(FailureKind.RATE_LIMIT, "the limit is reached", 429, retry_after_s=3600.0)
    provider, settings = ScriptedProvider([used_up]), RunSettings("scripted-1")
    async with Agent(provider, session=Session.unsaved(tmp_path), settings=settings) as agent:
        assert await answer_once(agent, (TextBlock("go"),)) == 1
    assert "the limit is reached" in capfd.readouterr().err
    assert len(provider.requests) == 1
