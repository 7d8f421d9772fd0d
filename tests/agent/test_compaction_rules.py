"""Compaction as data: for any history with compactions, undo and branches the request is valid and nothing is parted."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from h2a_agent.codec import entry_of, entry_record
from h2a_agent.compaction import Budget, Order, budget, compact_prompt, plan, summary_request
from h2a_agent.content import ImageBlock, Message, TextBlock, ThinkingBlock, ToolResultBlock, ToolUseBlock
from h2a_agent.context.tokens import context_tokens, entry_tokens
from h2a_agent.events import CompactionEnded, CompactionSwitched, Kind, Outcome
from h2a_agent.history import (
    AssistantEntry,
    CompactionEntry,
    CompactionSwitchEntry,
    Entry,
    History,
    OmitEntry,
    RetractEntry,
    ToolEntry,
    UserEntry,
)
from h2a_agent.omissions import Omission
from h2a_agent.projection import may_switch, newest_compaction, project
from h2a_agent.providers.base import Request, TokenUsage, ToolSpec
from h2a_agent.providers.messages_request import payload
from h2a_agent.replay import events_of
from h2a_agent.request import SUMMARY_MARKER, build_request
from h2a_agent.session import Session
from support.api_rules import validate

TOOL = ToolSpec("read", "reads", {"type": "object", "properties": {}})
BASE = Request("m", "Be good.", (), (TOOL,), max_tokens=100)


def user(text: str, item: str = "") -> UserEntry:
    return UserEntry(item or f"i-{text[:9]}", Kind.PROMPT, (TextBlock(text),), 1.0)


def said(*blocks: TextBlock | ToolUseBlock | ThinkingBlock, used: int = 0) -> AssistantEntry:
    return AssistantEntry(1, blocks, "end_turn", "m", TokenUsage(used), 1.0)


def result(call: str, text: str = "ok") -> ToolEntry:
    return ToolEntry(call, Outcome.OK, text, "", 0.0, 1.0)


def summed(kept: int, *, counts: bool = True, id: str = "c", summary: str = "the gist") -> CompactionEntry:
    return CompactionEntry(id, summary, kept, 100, 10, "", "m", TokenUsage(5, 5), 1.0, counts)


def violations(request: Request) -> list[str]:
    return validate(json.loads(json.dumps(payload(request))))


def told(history: list[Entry]) -> list[str]:
    messages = build_request(history, BASE).request.messages
    return [b.text for m in messages for b in m.content if isinstance(b, TextBlock)]


def answered(messages: tuple[Message, ...]) -> bool:
    """Has every call its result in the very next message?"""
    for index, message in enumerate(messages):
        calls = [b.id for b in message.content if isinstance(b, ToolUseBlock)]
        after = messages[index + 1].content if index + 1 < len(messages) else ()
        if calls != [b.call_id for b in after if isinstance(b, ToolResultBlock)]:
            return False
    return True


# --------------------------------------------------------------- any history


OMISSIONS = [Omission.THINKING, Omission.PICTURES, Omission.LONG_TEXTS, Omission.CALLS, Omission.LEVEL]


@st.composite
def lives(draw: st.DrawFn) -> list[Entry]:
    """What can really happen to a session: turns with tools, compactions, words about them, a step back to an entry."""
    history: list[Entry] = []
    calls = 0
    for _ in range(draw(st.integers(1, 14))):
        match draw(
            st.sampled_from(
                ["turn", "turn", "tools", "tools", "cut", "compact", "switch", "branch", "retract", "omit"]
            )
        ):
            case "turn":
                words = draw(st.sampled_from(["hi", "x" * 90, "ü" * 30]))
                history += [
                    user(words, f"u{len(history)}"),
                    said(ThinkingBlock("hm", "sig"), TextBlock("fine")),
                ]
            case "tools":
                ids = [f"c{calls + n}" for n in range(draw(st.integers(1, 3)))]
                calls += len(ids)
                history += [
                    user("do", f"u{len(history)}"),
                    said(*(ToolUseBlock(i, "read", {"path": "a" * 50}) for i in ids)),
                ]
                history += [
                    result(i, draw(st.sampled_from(["", "r" * 400]))) for i in draw(st.permutations(ids))
                ]
            case "cut":
                history.append(AssistantEntry(1, (TextBlock("half"),), "", "m", TokenUsage(), 1.0, "steer"))
            case "compact":
                planned = plan(history, draw(st.integers(0, 120)), draw(st.integers(0, 200)))
                if planned is not None:
                    kept = len(history) - planned.first
                    history.append(summed(kept, counts=draw(st.booleans()), id=f"k{len(history)}"))
            case "switch":
                if (newest := newest_compaction(history)) is not None:
                    history.append(CompactionSwitchEntry(newest.id, draw(st.booleans()), 1.0))
            case "branch":
                ends = [n for n in range(len(history) + 1) if not History(tuple(history[:n])).open_calls()]
                history = history[: draw(st.sampled_from(ends))]
            case "omit":
                gone = draw(st.lists(st.sampled_from(OMISSIONS), min_size=1, unique=True))
                history.append(OmitEntry(tuple(gone), "m", "no", 1.0))
            case "retract":
                if history and isinstance(history[-1], UserEntry):
                    history.append(RetractEntry((history[-1].item_id,), 1.0))
    return history


@given(lives())
@settings(max_examples=400, deadline=None)
def test_whatever_was_compacted_undone_and_branched_the_request_is_valid_and_no_result_is_lost(
    history: list[Entry],
) -> None:
    built = build_request(history, BASE)
    assert violations(built.request) == []
    assert answered(built.request.messages)
    assert not any("result" in repair for repair in built.repairs), "a call was parted from its result"


@given(lives(), st.integers(0, 200), st.integers(0, 300), st.integers(0, 400))
@settings(max_examples=300, deadline=None)
def test_any_history_can_be_asked_to_be_summarised(
    history: list[Entry], keep: int, most: int, room: int
) -> None:
    planned = plan(history, keep, most)
    if planned is None:
        return
    request = summary_request(planned.head, Order("", "the names"), BASE, room)
    assert violations(request) == []
    assert request.system == compact_prompt()
    after = [*history, summed(len(history) - planned.first)]
    now = project(after)
    assert now.summary is after[-1]
    tail = now.entries(after)[1:]
    owed = (
        [e for e in history if isinstance(e, UserEntry)][-1:] if History(tuple(history)).owes_answer() else []
    )
    assert all(e in tail for e in owed if history and history[-1] is e), "a message nobody answered stays"
    assert len(build_request(after, BASE).request.messages) <= len(
        build_request(history, BASE).request.messages
    )


@given(lives())
@settings(max_examples=200, deadline=None)
def test_undoing_the_newest_summary_tells_what_was_told_before_it(history: list[Entry]) -> None:
    planned = plan(history, 20, 40)
    if planned is None:
        return
    done = [*history, summed(len(history) - planned.first, id="new")]
    undone = [*done, CompactionSwitchEntry("new", False, 1.0)]
    assert build_request(undone, BASE).request == build_request(history, BASE).request
    redone = [*undone, CompactionSwitchEntry("new", True, 1.0)]
    assert build_request(redone, BASE).request == build_request(done, BASE).request


# ---------------------------------------------------------------------- the cut


def test_about_the_kept_tokens_stay_and_never_half_a_tool_turn() -> None:
    call = ToolUseBlock("c1", "read", {})
    history: list[Entry] = [
        user("a" * 350),
        said(TextBlock("b" * 350)),
        user("go"),
        said(call),
        result("c1", "r" * 350),
    ]
    planned = plan(history, keep=102, most=1000)
    assert planned is not None
    assert history[planned.first] == said(call), "the result alone would have been 100 tokens"
    assert plan(history, keep=110, most=1000).first == 2  # type: ignore[union-attr]


def test_a_last_tool_turn_beyond_all_bounds_is_summarised_too() -> None:
    history: list[Entry] = [user("go"), said(ToolUseBlock("c1", "read", {})), result("c1", "r" * 4000)]
    assert plan(history, keep=10, most=2000).first == 1  # type: ignore[union-attr]
    assert plan(history, keep=10, most=500).first == 3  # type: ignore[union-attr]


def test_a_message_nobody_answered_stays_however_long_it_is() -> None:
    history: list[Entry] = [user("a"), said(TextBlock("b")), user("x" * 100_000), user("and y")]
    assert plan(history, keep=10, most=20).first == 2  # type: ignore[union-attr]


def test_there_is_nothing_to_summarise_in_nothing_and_right_after_a_summary() -> None:
    assert plan([], 0, 0) is None
    assert plan([user("a")], 0, 0) is None
    done: list[Entry] = [user("a"), said(TextBlock("b")), summed(0)]
    assert plan(done, 0, 0) is None
    assert plan([*done, user("c")], 0, 0) is None


def test_a_summary_in_force_is_summarised_with_what_came_after_it() -> None:
    history: list[Entry] = [user("old"), said(TextBlock("x")), summed(1), user("new"), said(TextBlock("y"))]
    planned = plan(history, keep=0, most=0)
    assert planned is not None
    assert planned.head == (history[2], history[1], history[3], history[4])


def test_a_summary_that_does_not_count_is_left_out_of_the_next() -> None:
    history: list[Entry] = [
        user("a"),
        said(TextBlock("b")),
        summed(0, counts=False),
        user("c"),
        said(TextBlock("d")),
    ]
    planned = plan(history, keep=0, most=0)
    assert planned is not None
    assert planned.head == (history[0], history[1], history[3], history[4])


# ------------------------------------------------------------------ the request


def test_a_summary_is_asked_for_without_thinking_pictures_and_long_results() -> None:
    call = ToolUseBlock("c1", "write", {"path": "a", "content": "w" * 9000})
    head: list[Entry] = [
        UserEntry("u", Kind.PROMPT, (TextBlock("look"), ImageBlock("image/png", "aGk=")), 1.0),
        AssistantEntry(1, (ThinkingBlock("secret thought", "sig"), call), "tool_use", "m", TokenUsage(), 1.0),
        ToolEntry("c1", Outcome.OK, "r" * 9000, "", 0.0, 1.0, (ImageBlock("image/png", "aGk="),)),
    ]
    request = summary_request(head, Order(""), BASE, 0)
    assert violations(request) == []
    sent = json.dumps(payload(request))
    assert "secret thought" not in sent
    assert "aGk=" not in sent
    assert "r" * 2000 in sent
    assert "r" * 2001 not in sent
    assert "w" * 2001 not in sent
    assert "7,000 more characters" in sent


def test_a_summary_is_asked_for_with_thinking_off_and_nothing_to_keep() -> None:
    request = summary_request([user("a")], Order(""), replace(BASE, thinking="high"), 0)
    assert (request.thinking, request.caching) == ("off", False)


def test_a_summary_is_asked_for_without_what_the_server_refused_also_since() -> None:
    history: list[Entry] = [
        user("a" * 100),
        said(ToolUseBlock("c1", "read", {})),
        result("c1"),
        said(TextBlock("b" * 100)),
        user("go on"),
        OmitEntry((Omission.LEVEL, Omission.CALLS, Omission.TOOLS), "m", "no", 1.0),
        said(TextBlock("c" * 100)),
    ]
    for keep, first in ((20, 6), (35, 4)):  # it happened before the cut, and behind it
        planned = plan(history, keep, 90)
        assert planned is not None
        assert planned.first == first
        request = summary_request(planned.head, Order(""), replace(BASE, thinking="high"), 0)
        assert request.thinking is None
        assert request.tools == ()
        assert not any(isinstance(b, ToolUseBlock) for m in request.messages for b in m.content)


def test_a_second_summary_is_asked_for_without_what_was_refused_before_the_first() -> None:
    refused = OmitEntry((Omission.LEVEL,), "m", "no", 1.0)
    history: list[Entry] = [
        user("a" * 90),
        refused,
        said(TextBlock("b")),
        summed(0),
        user("c" * 90),
        said(TextBlock("d" * 90)),
    ]
    planned = plan(history, 10, 30)
    assert planned is not None
    request = summary_request(planned.head, Order(""), replace(BASE, thinking="high"), 0)
    assert request.thinking is None
    assert build_request(history, replace(BASE, thinking="high")).request.thinking is None


def test_what_is_too_long_even_so_loses_its_oldest_part_and_says_so() -> None:
    head: list[Entry] = [
        summed(0),
        *(e for n in range(9) for e in (user(f"u{n} " * 80), said(TextBlock("a" * 320)))),
    ]
    request = summary_request(head, Order(""), BASE, 500)
    texts = [b.text for m in request.messages for b in m.content if isinstance(b, TextBlock)]
    assert texts[0].startswith(SUMMARY_MARKER), "the earlier summary stays"
    assert not any("u0" in text for text in texts)
    assert any("u8" in text for text in texts)
    assert any("oldest 12 entries" in text for text in texts)


def test_a_preview_that_was_accepted_is_the_earlier_summary_of_the_next() -> None:
    history: list[Entry] = [
        user("a"),
        summed(0, counts=False),
        CompactionSwitchEntry("c", True, 1.0),
        user("b"),
        said(TextBlock("d")),
    ]
    planned = plan(history, keep=0, most=0)
    assert planned is not None
    request = summary_request(planned.head, Order(""), BASE, 0)
    texts = [b.text for m in request.messages for b in m.content if isinstance(b, TextBlock)]
    assert texts[:2] == [f"{SUMMARY_MARKER}\n\nthe gist", "b"]
    assert "earlier summary" in texts[-1]


@pytest.mark.parametrize(
    ("words", "order"),
    [
        ("/compact", Order("you asked for it")),
        ("/compact the names ", Order("you asked for it", "the names")),
        ("just the names", Order("you asked for it", "just the names")),
        ("/compact preview", Order("you asked for a preview", "", preview=True)),
        ("/compact preview the names", Order("you asked for a preview", "the names", preview=True)),
        ("/compact previews of films", Order("you asked for it", "previews of films")),
    ],
)
def test_an_order_is_read_from_its_words_also_after_they_were_edited(words: str, order: Order) -> None:
    assert Order.of(words) == order
    assert Order.of(order.words) == order


@pytest.mark.parametrize(
    ("window", "max_tokens", "expected"),
    [
        (200_000, 16_384, Budget(183_616, 20_000)),
        (200_000, 64_000, Budget(136_000, 20_000)),
        (16_000, 16_384, Budget(8_000, 4_000)),
        (0, 16_384, Budget(0, 20_000)),
    ],
)
def test_room_is_left_for_the_answer_and_a_small_window_is_divided(
    window: int, max_tokens: int, expected: Budget
) -> None:
    assert budget(window, max_tokens, 16_384, 20_000) == expected


# -------------------------------------------------------------- what is told now


def test_a_preview_and_an_undone_summary_are_not_told() -> None:
    talk: list[Entry] = [user("a"), said(TextBlock("b")), user("c")]
    whole = ["a", "b", "c"]
    assert told([*talk[:2], summed(0, counts=False), talk[2]]) == whole
    assert told([*talk[:2], summed(0), talk[2]]) == [f"{SUMMARY_MARKER}\n\nthe gist", "c"]
    assert told([*talk[:2], summed(0), talk[2], CompactionSwitchEntry("c", False, 1.0)]) == whole


def test_undoing_the_second_of_two_summaries_leaves_the_first() -> None:
    history: list[Entry] = [
        user("a"),
        said(TextBlock("b")),
        summed(0, id="one", summary="one"),
        user("c"),
        said(TextBlock("d")),
        summed(0, id="two", summary="two"),
        user("e"),
    ]
    assert told(history) == [f"{SUMMARY_MARKER}\n\ntwo", "e"]
    undone = [*history, CompactionSwitchEntry("two", False, 1.0)]
    assert told(undone) == [f"{SUMMARY_MARKER}\n\none", "c", "d", "e"]


def test_a_person_may_decide_once_each_way() -> None:
    preview, counting = summed(0, counts=False), summed(0)
    assert may_switch([preview], preview, counts=True)
    assert may_switch([preview], preview, counts=False)
    assert not may_switch([counting], counting, counts=True)
    assert may_switch([counting], counting, counts=False)
    dropped: list[Entry] = [preview, CompactionSwitchEntry("c", False, 1.0)]
    assert not may_switch(dropped, preview, counts=False)
    assert may_switch(dropped, preview, counts=True)


def test_the_size_of_the_context_is_what_was_counted_and_an_estimate_of_the_rest() -> None:
    counted: list[Entry] = [user("a"), said(TextBlock("b"), used=5_000), user("x" * 350)]
    assert context_tokens(counted, 7) == 5_100
    assert context_tokens([*counted, summed(0), user("x" * 35)], 7) == 10 + 10
    assert context_tokens([*counted, summed(0, counts=False)], 7) == 5_100
    undone: list[Entry] = [*counted, summed(0), CompactionSwitchEntry("c", False, 1.0)]
    assert context_tokens(undone, 7) == 7 + sum(entry_tokens(e) for e in counted)


# ------------------------------------------------------------------- kept on disk


def test_a_compaction_and_a_persons_word_about_it_survive_the_journal_and_are_told_again(
    tmp_path: Path,
) -> None:
    session = Session.create(tmp_path / "sessions", tmp_path)
    item = session.inbox.put(Kind.COMPACT, (TextBlock("/compact the names"),))
    assert item is not None
    for entry in (
        user("a"),
        said(TextBlock("b")),
        summed(1, id=item.id),
        CompactionSwitchEntry(item.id, False, 2.0),
    ):
        session.append(entry)
    session.close()
    assert session.path is not None
    again = Session.open(session.path)
    assert again.history.entries == session.history.entries
    assert len(again.inbox) == 0
    again.close()
    events = events_of(again.history.entries, lambda _name, _args: "")
    assert [e for e in events if isinstance(e, CompactionEnded | CompactionSwitched)] == [
        CompactionEnded(True, 100, 10, summary="the gist", time=1.0),
        CompactionSwitched(False, 100, time=2.0),
    ]


@given(lives())
@settings(max_examples=60, deadline=None)
def test_every_entry_is_read_back_as_it_was_written(history: list[Entry]) -> None:
    for entry in history:
        assert entry_of(json.loads(json.dumps(entry_record(entry)))) == entry
