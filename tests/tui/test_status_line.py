"""The bottom line: one plain word for the run, and facts that give way to a narrow terminal."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from h2a_agent.events import (
    JobItem,
    Kind,
    Phase,
    QueueItem,
    RetryScheduled,
    Settled,
    Status,
    TokenStream,
    Usage,
)
from h2a_agent.sandbox.sandbox import Level, Sandbox
from h2a_agent.state import RunningTool, State
from h2a_tui import format as fmt
from h2a_tui.widgets.status_facts import SEPARATOR, Facts, facts_shown, state_line
from support.chat_pilot import running_chat
from support.scripted_agent import ScriptedAgent

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
    assert state_line(state, 1003.0) == "retrying in 5s (2 of 5) · 13s"
    assert state_line(state, 1007.5) == "retrying in 1s (2 of 5) · 17s"
    assert state_line(state, 1020.0) == "retrying in 0s (2 of 5) · 30s"


def test_parallel_tools_are_counted() -> None:
    tools = {name: RunningTool(name, "bash", "t", 1.0) for name in "abc"}
    assert state_line(State(phase=Phase.TOOLS, tools=tools), 5.0) == "tools (3)"


def facts_line(state: State, facts: Facts, width: int) -> str:
    return SEPARATOR.join(fact.text for fact in facts_shown(state, facts, width))


def tones(state: State, facts: Facts = FACTS) -> dict[str, str]:
    return {fact.text.split()[0]: fact.tone for fact in facts_shown(state, facts, 500) if fact.tone}


def test_facts_give_way_least_important_first() -> None:
    state = State(usage=USAGE, queue=ITEMS)
    facts = replace(FACTS, thinking="high", sandbox="bubblewrap", branch="main")
    assert facts_line(state, facts, 200) == (
        "queue 2 · ask · sandbox bubblewrap · ctx ▰▱▱▱▱▱ 12% of 200k · ↑8 ↓2 · cache 37% · $0.42 · opus-9"
        " · thinking high · ⎇ main · /home/space"
    )
    shown = [facts_line(state, facts, width) for width in (110, 75, 62, 40, 30, 18, 7, 2)]
    assert shown == [
        "queue 2 · ask · sandbox bubblewrap · ctx 12% · ↑8 ↓2 · cache 37% · $0.42 · opus-9 · thinking high · ⎇ main",
        "queue 2 · ask · sandbox bubblewrap · ctx 12% · $0.42 · opus-9 · ⎇ main",
        "queue 2 · ask · sandbox bubblewrap · ctx 12% · $0.42 · opus-9",
        "queue 2 · ask · ctx 12% · $0.42 · opus-9",
        "queue 2 · ask · ctx 12%",
        "queue 2 · ask",
        "ask",
        "",
    ]


def test_unknown_window_price_and_cache_are_not_invented() -> None:
    usage = replace(USAGE, context_window=0, cost_usd=None, cache_read_tokens=0, cache_write_tokens=0)
    assert facts_line(State(usage=usage), FACTS, 100) == "ask · ctx 23.1k · ↑1 ↓2 · opus-9 · /home/space"
    assert facts_line(State(), FACTS, 100) == "ask · opus-9 · /home/space"


@pytest.mark.parametrize(
    ("tokens", "bar", "tone"),
    [
        (0, "▱▱▱▱▱▱ 0%", ""),
        (100, "▰▱▱▱▱▱ 1%", ""),
        (7_000, "▰▰▰▰▰▱ 70%", ""),
        (7_001, "▰▰▰▰▰▱ 71%", "warning"),
        (9_000, "▰▰▰▰▰▰ 90%", "warning"),
        (9_001, "▰▰▰▰▰▰ 91%", "error"),
        (12_000, "▰▰▰▰▰▰ 120%", "error"),
    ],
)
def test_window_warns_above_seventy_and_ninety_per_cent(tokens: int, bar: str, tone: str) -> None:
    state = State(usage=replace(USAGE, context_tokens=tokens, context_window=10_000))
    assert f"ctx {bar} of 10.0k" in facts_line(state, FACTS, 200)
    assert tones(state).get("ctx", "") == tone
    assert ("ctx" in facts_line(state, FACTS, 10)) == bool(tone)  # it is the last to go, then


def test_what_holds_nothing_back_stands_out() -> None:
    assert tones(State(), replace(FACTS, mode="full", sandbox="none")) == {
        "full": "warning",
        "sandbox": "warning",
    }
    assert tones(State(), replace(FACTS, sandbox="Landlock")) == {}


def test_cost_is_the_runs_and_the_sessions() -> None:
    usage = replace(USAGE, cost_usd=1.75)
    assert "$1.50 of $1.75" in facts_line(State(usage=usage, run_began_usd=0.25), FACTS, 100)
    assert "· $1.75 ·" in facts_line(State(usage=usage, run_began_usd=0.25), FACTS, 35)
    assert "· $1.75 ·" in facts_line(State(usage=usage), FACTS, 100)


def test_compaction_says_how_much_and_when_it_is_tried_again() -> None:
    state = State(phase=Phase.COMPACTING, usage=USAGE, run_started_at=1000.0)
    assert state_line(state, 1012.0) == "compacting 23.1k tokens · 12s"
    retry = RetryScheduled(1, 5, 4.0, "overloaded", time=1010.0)
    assert state_line(replace(state, retry=retry), 1012.0) == "compacting again in 2s (1 of 5) · 12s"


def test_pause_says_why() -> None:
    state = State(phase=Phase.PAUSED, note="the limit is reached; goes on at 15:00")
    assert state_line(state, 0.0) == "paused · the limit is reached; goes on at 15:00"


def test_jobs_that_run_are_counted() -> None:
    jobs = tuple(JobItem(n, "npm start", 0.0, running=n > 1) for n in range(4))
    assert facts_line(State(jobs=jobs, queue=ITEMS), FACTS, 60).startswith("queue 2 · jobs 2 · ask")
    assert "jobs" not in facts_line(State(jobs=jobs[:2]), FACTS, 60)


@pytest.mark.parametrize("word", ["approval", "compacting"])
async def test_narrow_line_still_says_the_state(word: str) -> None:
    phase = Phase.APPROVAL if word == "approval" else Phase.COMPACTING
    async with running_chat(size=(40, 12)) as chat:
        await chat.say(Status(phase, 1), USAGE)
        assert chat.rows()[-1].split()[1] == word
        assert " ask" in chat.rows()[-1]


async def test_sandbox_is_not_tried_until_it_is() -> None:
    async with running_chat(size=(120, 24)) as chat:
        assert "sandbox not tried" in chat.rows()[-1]
        chat.agent.sandbox = Sandbox(Level.LANDLOCK)
        await chat.say(Status(Phase.PREPARING, 1))
        assert "sandbox Landlock" in chat.rows()[-1]


async def test_branch_is_read_again_when_a_run_ends_and_when_somebody_comes_back(tmp_path: Path) -> None:
    head = tmp_path / ".git" / "HEAD"
    head.parent.mkdir()
    head.write_text("ref: refs/heads/one\n")
    async with running_chat(ScriptedAgent(tmp_path), size=(150, 24)) as chat:
        await chat.until(lambda: "⎇ one" in chat.rows()[-1])
        head.write_text("ref: refs/heads/two\n")
        await chat.say(Status(Phase.PREPARING), Status(Phase.IDLE), Settled("completed"))
        await chat.until(lambda: "⎇ two" in chat.rows()[-1])
        head.write_text("ref: refs/heads/three\n")
        chat.app.app_focus = False
        chat.app.app_focus = True
        await chat.until(lambda: "⎇ three" in chat.rows()[-1])


async def test_a_token_paints_nothing_of_the_line() -> None:
    async with running_chat() as chat:
        await chat.say(Status(Phase.STREAMING, 1), TokenStream(1, 0, "x"))
        paints: list[object] = []
        chat.screen.status_line.refresh = lambda *a, **k: paints.append(a)  # type: ignore[method-assign,assignment]
        chat.screen.status_line.show(replace(chat.screen.state, seq=99))
        assert paints == []
        chat.screen.status_line.show(replace(chat.screen.state, note="pauses before the next step"))
        assert paints == [()]


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
