"""Events in words for a screen reader: what is said, in which pieces, and that a line is never touched again."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from h2a_agent.events import (
    AnyEvent,
    ApprovalAnswered,
    ApprovalRequested,
    Decision,
    Done,
    Error,
    FileRestored,
    InputRestored,
    Interrupt,
    Kind,
    Outcome,
    Phase,
    RetryScheduled,
    Settled,
    Status,
    Thinking,
    TodoChanged,
    TodoItem,
    TodoStatus,
    TokenStream,
    ToolCall,
    ToolResult,
    UserInput,
)
from h2a_tui.plain_questions import question_lines
from h2a_tui.spoken import Spoken
from h2a_tui.streams import Out


class Pieces(Out):
    """Remembers each piece that was written."""

    def __init__(self) -> None:
        super().__init__(-1)
        self.pieces: list[str] = []

    async def write(self, text: str) -> None:
        self.pieces.append(text)

    @property
    def text(self) -> str:
        return "".join(self.pieces)


async def spoken(*events: AnyEvent, with_prompts: bool = False) -> Pieces:
    out = Pieces()
    voice = Spoken(out, with_prompts=with_prompts)
    for event in events:
        await voice.show(event)
    return out


async def test_a_conversation_is_told_in_whole_lines() -> None:
    out = await spoken(
        UserInput("u1", Kind.PROMPT, "fix it"),
        Thinking(1, 0, "hm"),
        Thinking(1, 0, "hmm"),
        TokenStream(1, 1, "I lo"),
        TokenStream(1, 1, "ok.\nThen"),
        ToolCall(1, 2, "c1", "bash", "complete", arguments={}, title="npm test"),
        Done(1, "tool_use"),
        ToolResult("c1", Outcome.OK, "", "1 passed", 0.42),
        TokenStream(2, 0, "I was about to"),
        Interrupt("steer", Phase.STREAMING),
        Done(2, "", "steer"),
        UserInput("u2", Kind.STEER, "stop that"),
        TokenStream(3, 0, "Fine."),
        Done(3, "end_turn"),
        Settled("completed", 3),
    )
    assert out.text.splitlines() == [
        "Thinking.",
        "Agent: I look.",
        "Then",
        "Tool bash: npm test",
        "bash is done, 1 passed, 0.4 seconds.",
        "Agent: I was about to",
        "Stopped there, to read your message.",
        "You, steering: stop that",
        "Agent: Fine.",
        "Ready.",
    ]


async def test_a_log_also_has_what_was_sent() -> None:
    out = await spoken(UserInput("u1", Kind.PROMPT, "fix it"), with_prompts=True)
    assert out.text == "You: fix it\n"


async def test_text_is_handed_over_by_lines_and_long_lines_by_sentences() -> None:
    long = (
        "This sentence is rather long, so long that nobody would want to wait for the rest of it. And this is"
    )
    out = await spoken(*(TokenStream(1, 0, char) for char in f"One\ntwo.\n{long} more."), Done(1, ""))
    assert out.pieces == [
        "Agent: One\n",
        "two.\n",
        long[: long.index("And")],
        "And this is more.",
        "\n",
    ]


@settings(max_examples=50)
@given(st.text(), st.data())
async def test_however_it_is_cut_the_text_is_whole(text: str, data: st.DataObject) -> None:
    cuts = sorted(data.draw(st.lists(st.integers(0, len(text)), max_size=6)))
    bounds = [0, *cuts, len(text)]
    pieces = [text[a:b] for a, b in pairwise(bounds)]
    out = await spoken(*(TokenStream(1, 0, piece) for piece in pieces), Done(1, ""))
    assert out.text.removesuffix("\n") == f"Agent: {text}".removesuffix("\n")
    assert out.text.endswith("\n")


@pytest.mark.parametrize(
    ("event", "line"),
    [
        (ToolResult("x", Outcome.FAILED, "", "exit 1", 2.0), "tool has failed, exit 1, 2.0 seconds."),
        (ToolResult("x", Outcome.STOPPED, "", "stopped after 4.2 s", 4.2), "tool was stopped, 4.2 seconds."),
        (ToolResult("x", Outcome.NOT_STARTED, "", ""), "tool was not started."),
        (ToolResult("x", Outcome.REJECTED, "", "refused"), "tool was not allowed, refused."),
        (Interrupt("abort", Phase.TOOLS), "Stopped there."),
        (RetryScheduled(1, 3, 0.51, "Busy"), "Problem: Busy. Trying again in 0.5 seconds, attempt 1 of 3."),
        (Error("connection", "No route", "Check the network."), "Problem: No route. Check the network."),
        (ApprovalAnswered("x", Decision.REJECT, "too risky"), "Answered: reject, too risky."),
        (InputRestored(("my words",)), "Not sent, and no longer waiting: my words"),
        (FileRestored(redo=False, path="a.py", brief="+1 -1"), "Taken back: the edit of a.py, +1 -1."),
        (FileRestored(redo=True, problem="a.py has changed since"), "a.py has changed since."),
        (Status(Phase.PAUSED, 2), "Paused. /resume goes on."),
        (
            TodoChanged((TodoItem("read", TodoStatus.DONE), TodoItem("write", TodoStatus.IN_PROGRESS))),
            "To do: 1 of 2 done, now write.",
        ),
        (Settled("failed"), "This run has failed. Ready."),
        (Status(Phase.STREAMING, 1), ""),
    ],
)
async def test_each_thing_is_a_sentence(event: AnyEvent, line: str) -> None:
    assert (await spoken(event)).text == (f"{line}\n" if line else "")


def test_a_question_is_read_out_whole() -> None:
    command = "\n".join(f"echo {n}" for n in range(300))
    lines = question_lines(
        ApprovalRequested("c", "bash", "echo 0 …", command, "command", "it runs a command", "/w")
    )
    assert lines[0] == "Question: may bash run this command in /w? it runs a command."
    assert lines[1:-1] == command.split("\n")
    assert "Answer y for yes" in lines[-1]


@pytest.fixture
def file(tmp_path: Path) -> Iterator[int]:
    fd = os.open(tmp_path / "out", os.O_CREAT | os.O_RDWR | os.O_APPEND)
    yield fd
    os.close(fd)


async def test_nothing_but_plain_characters_is_written(file: int) -> None:
    voice = Spoken(Out(file), with_prompts=True)
    for event in (
        UserInput("u", Kind.FOLLOW_UP, "and"),
        ToolCall(1, 0, "c", "bash", "complete", title="x"),
        ToolResult("c", Outcome.OK, "", "ok"),
        Interrupt("abort", Phase.TOOLS),
        Settled("aborted"),
    ):
        await voice.show(event)
    assert re.fullmatch(rb"[ -~\n]*", os.pread(file, 10_000, 0))
