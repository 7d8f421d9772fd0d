"""The reducer: the state every front end draws, from the events alone."""

from __future__ import annotations

from dataclasses import fields
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from h2a_agent.events import (
    EVENT_TYPES,
    AnyEvent,
    ApprovalAnswered,
    ApprovalRequested,
    Decision,
    Done,
    Error,
    Kind,
    Outcome,
    Phase,
    QueueChanged,
    QueueItem,
    RetryScheduled,
    Settled,
    Status,
    Thinking,
    TokenStream,
    ToolCall,
    ToolResult,
    Usage,
)
from h2a_agent.state import State, reduce


def fold(*events: AnyEvent, state: State | None = None) -> State:
    state = state or State()
    for event in events:
        state = reduce(state, event)
    return state


@pytest.mark.parametrize(
    ("phase", "word", "busy"),
    [
        (Phase.IDLE, "ready", False),
        (Phase.PREPARING, "thinking", True),
        (Phase.STREAMING, "thinking", True),
        (Phase.TOOLS, "tools", True),
        (Phase.APPROVAL, "approval", True),
        (Phase.RETRYING, "retrying", True),
        (Phase.COMPACTING, "compacting", True),
        (Phase.PAUSED, "paused", True),
        (Phase.SETTLING, "ready", False),
    ],
)
def test_each_phase_has_its_word(phase: Phase, word: str, busy: bool) -> None:
    state = fold(Status(phase))
    assert (state.word, state.busy) == (word, busy)


def test_the_word_follows_what_the_model_is_doing() -> None:
    state = fold(Status(Phase.PREPARING), Status(Phase.STREAMING), Thinking(1, 0, "hm"))
    assert state.word == "thinking"
    state = fold(TokenStream(1, 1, "Hi"), state=state)
    assert state.word == "streaming"
    assert fold(Thinking(1, 2, "hm"), state=state).word == "thinking"


def test_tools_are_listed_from_their_name_to_their_result() -> None:
    forming = ToolCall(1, 0, "c", "bash", "forming", time=1.0)
    whole = ToolCall(1, 0, "c", "bash", "complete", "", {}, "npm test", time=2.0)
    state = fold(forming, forming)
    assert (state.tools["c"].name, state.tools["c"].started_at) == ("bash", 0.0)
    state = fold(whole, state=state)
    assert (state.tools["c"].title, state.tools["c"].started_at) == ("npm test", 2.0)
    assert fold(ToolResult("c", Outcome.OK, "", ""), state=state).tools == {}


def test_a_call_that_never_became_whole_is_gone_when_the_answer_ends() -> None:
    state = fold(
        ToolCall(1, 0, "a", "bash", "forming"),
        ToolCall(1, 1, "b", "bash", "complete", time=1.0),
        Done(1, "", "steer"),
    )
    assert list(state.tools) == ["b"]


def test_questions_stay_until_they_are_answered() -> None:
    one = ApprovalRequested("1", "bash", "t", "d", "command", "r", "/")
    two = ApprovalRequested("2", "bash", "t", "d", "command", "r", "/")
    state = fold(one, two, one)
    assert [a.call_id for a in state.approvals] == ["2", "1"]
    assert [a.call_id for a in fold(ApprovalAnswered("2", Decision.ALLOW), state=state).approvals] == ["1"]


def test_a_countdown_ends_with_the_phase_that_waits() -> None:
    retry = RetryScheduled(1, 6, 3.0, "overloaded")
    state = fold(Status(Phase.PREPARING), Status(Phase.RETRYING), retry)
    assert state.retry == retry
    assert fold(Status(Phase.PREPARING), state=state).retry is None


def test_a_new_run_forgets_the_error_of_the_last_and_starts_its_clock() -> None:
    state = fold(
        Status(Phase.PREPARING, time=1.0), Error("x", "bad"), Status(Phase.IDLE, time=2.0), Settled("failed")
    )
    assert state.error is not None
    assert state.settled is not None
    state = fold(Status(Phase.PREPARING, time=5.0), Status(Phase.STREAMING, time=6.0), state=state)
    assert state.error is None
    assert state.settled is None
    assert state.run_started_at == 5.0


def test_a_run_begins_with_what_the_session_has_cost() -> None:
    usage = Usage("m", 1, 2, 0, 0, 3, 100, 0.5)
    state = fold(Status(Phase.PREPARING), usage, Status(Phase.IDLE), Settled("completed"))
    assert state.run_began_usd == 0.0
    state = fold(Status(Phase.PREPARING), Status(Phase.STREAMING), state=state)
    assert state.run_began_usd == 0.5


def test_settled_leaves_nothing_of_the_run_behind() -> None:
    state = fold(
        Status(Phase.TOOLS),
        ToolCall(1, 0, "c", "bash", "complete", time=1.0),
        ApprovalRequested("1", "bash", "t", "d", "command", "r", "/"),
        Settled("aborted"),
    )
    assert (state.tools, state.approvals, state.retry) == ({}, (), None)


def test_the_queue_and_the_usage_are_the_last_ones_told() -> None:
    item = QueueItem("i", Kind.STEER, "queued", "t", 0, 1.0, 0)
    usage = Usage("m", 1, 2, 0, 0, 3, 100, None)
    state = fold(QueueChanged((item,), True), usage, QueueChanged(()))
    assert (state.queue, state.queue_paused, state.usage) == ((), False, usage)


_SAMPLES: dict[str, Any] = {
    "str": "x",
    "int": 1,
    "float": 1.0,
    "bool": True,
    "Kind": Kind.STEER,
    "Phase": Phase.TOOLS,
    "Outcome": Outcome.OK,
    "Decision": Decision.ALLOW,
}


def sample(name: str) -> AnyEvent:
    cls: Any = EVENT_TYPES[name]
    values = {}
    for spec in fields(cls):
        kind = str(spec.type)
        if kind in _SAMPLES:
            values[spec.name] = _SAMPLES[kind]
        elif kind.startswith("tuple"):
            values[spec.name] = ()
        elif kind.startswith("Literal"):
            values[spec.name] = kind.split("[")[1].split(",", maxsplit=1)[0].strip("]\"'")
        elif kind.startswith("float | None"):
            values[spec.name] = None
    event: AnyEvent = cls(**values)
    return event


@given(st.lists(st.sampled_from(sorted(EVENT_TYPES)).map(sample), max_size=20))
@example([sample("ShellStarted"), sample("ToolCall"), sample("ToolResult")])
def test_any_order_of_events_is_taken_and_the_same_event_again_changes_nothing(
    events: list[AnyEvent],
) -> None:
    state = fold(*events)
    for event in events[-1:]:
        again = reduce(state, event)
        assert (again.phase, again.queue, dict(again.tools)) == (state.phase, state.queue, dict(state.tools))
