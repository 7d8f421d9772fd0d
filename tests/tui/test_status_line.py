"""The bottom line: one plain word for the run, and facts that give way to a narrow terminal."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from h2a_agent.events import Kind, Phase, QueueItem, RetryScheduled, Settled, Status, TokenStream, Usage
from h2a_agent.state import RunningTool, State
from h2a_tui import format as fmt
from h2a_tui.widgets.status_line import Facts, facts_line, state_line
from support.chat_pilot import running_chat

USAGE = Usage("opus-9", 1, 2, 3, 4, 23_100, 200_000, 0.4213)
FACTS = Facts("opus-9", "ask", Path("/home/space"))
ITEMS = tuple(QueueItem(f"i{n}", Kind.STEER, "queued", "x", 0, 0.0, n) for n in range(2))


@pytest.mark.parametrize(
    ("phase", "word"),
    [
        (Phase.IDLE, "ready"),
        (Phase.PREPARING, "thinking"),
        (Phase.STREAMING, "streaming"),
        (Phase.TOOLS, "tools"),
        (Phase.APPROVAL, "approval"),
        (Phase.RETRYING, "retrying"),
        (Phase.COMPACTING, "compacting"),
        (Phase.PAUSED, "paused"),
    ],
)
async def test_state_is_one_plain_word_at_the_left(phase: Phase, word: str) -> None:
    async with running_chat() as chat:
        await chat.say(Status(phase, 1), TokenStream(1, 0, "x"))
        glyph, shown, *_rest = chat.rows()[-1].split()
        assert shown == word
        assert len(glyph) == 1


def test_state_tells_how_long_it_has_run() -> None:
    state = State(phase=Phase.STREAMING, writing=True, run_started_at=1000.0)
    assert state_line(state, 1004.2) == "streaming 4s"
    assert state_line(state, 1065.0) == "streaming 1m 05s"
    assert state_line(replace(state, note="pauses before the next step"), 1001.0).endswith(
        "pauses before the next step"
    )


def test_retry_counts_down_to_the_next_attempt() -> None:
    retry = RetryScheduled(2, 5, 8.0, "overloaded", time=1000.0)
    state = State(phase=Phase.RETRYING, retry=retry, run_started_at=990.0)
    assert state_line(state, 1003.0) == "retrying in 5s (2 of 5) 13s"
    assert state_line(state, 1007.5) == "retrying in 1s (2 of 5) 17s"
    assert state_line(state, 1020.0) == "retrying in 0s (2 of 5) 30s"


def test_parallel_tools_are_counted() -> None:
    tools = {name: RunningTool(name, "bash", "t", 1.0) for name in "abc"}
    assert state_line(State(phase=Phase.TOOLS, tools=tools), 5.0) == "tools (3)"


def test_facts_give_way_least_important_first() -> None:
    state = State(usage=USAGE, queue=ITEMS)
    assert facts_line(state, FACTS, 100) == "queue 2 · ask · ctx 12% · $0.42 · opus-9 · /home/space"
    shown = [facts_line(state, FACTS, width) for width in (50, 40, 35, 25, 18, 7, 3)]
    assert shown == [
        "queue 2 · ask · ctx 12% · $0.42 · opus-9",
        "queue 2 · ask · ctx 12% · $0.42 · opus-9",
        "queue 2 · ask · ctx 12% · opus-9",
        "queue 2 · ask · ctx 12%",
        "queue 2 · ask",
        "ask",
        "ask",
    ]


def test_unknown_window_and_price_are_not_invented() -> None:
    state = State(usage=replace(USAGE, context_window=0, cost_usd=None))
    assert facts_line(state, FACTS, 100) == "ask · ctx 23.1k · opus-9 · /home/space"


async def test_no_timer_runs_while_nothing_does() -> None:
    async with running_chat() as chat:
        line = chat.screen.status_line
        assert line._ticker is None
        await chat.say(Status(Phase.STREAMING, 1))
        assert line._ticker is not None
        await chat.say(Status(Phase.IDLE), Settled("completed"))
        assert line._ticker is None


async def test_tick_repaints_the_line_and_lays_nothing_out() -> None:
    async with running_chat() as chat:
        await chat.say(Status(Phase.STREAMING, 1))
        layouts: list[object] = []
        chat.screen._refresh_layout = lambda *a, **k: layouts.append(a)  # type: ignore[method-assign]
        first = chat.rows()[-1].split()[0]
        await chat.until(lambda: chat.rows()[-1].split()[0] != first)
        assert layouts == []


@pytest.mark.parametrize("width", [1, 5, 20, 40, 79, 200])
async def test_line_fits_any_width(width: int) -> None:
    async with running_chat(size=(width, 10)) as chat:
        await chat.say(Status(Phase.STREAMING, 1), USAGE)
        chat.screen.notice("a notice " * 50)
        await chat.drawn()
        assert len(chat.rows()[-1]) <= width


def test_numbers_are_short() -> None:
    assert [fmt.duration(s) for s in (-1, 0, 59.9, 60, 3599, 3600, 90_061)] == [
        "0s",
        "0s",
        "59s",
        "1m 00s",
        "59m 59s",
        "1h 00m",
        "25h 01m",
    ]
    assert [fmt.age(s) for s in (0, 4, 5, 59, 60, 3600, 86_400)] == [
        "now",
        "now",
        "5s",
        "59s",
        "1m",
        "1h",
        "1d",
    ]
    assert [fmt.tokens(n) for n in (0, 999, 1000, 99_949, 99_950, 999_499, 999_500)] == [
        "0",
        "999",
        "1.0k",
        "99.9k",
        "100k",
        "999k",
        "1.0M",
    ]
    assert [fmt.percent(*pair) for pair in ((0, 100), (1, 1000), (50, 100), (100, 100))] == [
        "0%",
        "1%",
        "50%",
        "100%",
    ]
    assert [fmt.money(usd) for usd in (0.0, 0.0001, 0.0123, 1.5)] == ["$0.000", "<$0.001", "$0.012", "$1.50"]
    assert fmt.folder(Path.home()) == "~"
    assert fmt.folder(Path.home() / "a" / "b") == "~/a/b"
    assert fmt.folder(Path("/" + "x" * 50), 10) == "…" + "x" * 9
