"""The request builder is total: any history, also a damaged one, becomes a request the strict rules accept."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from h2a_agent.content import (
    ImageBlock,
    RedactedThinkingBlock,
    TextBlock,
    ThinkingBlock,
    ToolResultBlock,
    ToolUseBlock,
)
from h2a_agent.events import Kind, Outcome
from h2a_agent.history import (
    AssistantEntry,
    CompactionEntry,
    CompactionSwitchEntry,
    Entry,
    History,
    OmitEntry,
    RetractEntry,
    ShellEntry,
    ToolEntry,
    UserEntry,
)
from h2a_agent.omissions import Omission
from h2a_agent.providers.base import Request, TokenUsage, ToolSpec
from h2a_agent.providers.messages_request import payload
from h2a_agent.request import CUT_MARKERS, Built, RequestBuilder, build_request
from support.api_rules import validate

TOOL = ToolSpec("read", "reads", {"type": "object", "properties": {}})
BASE = Request("model-a", "Be good.", (), (TOOL,), max_tokens=100)
CUTS = ["", "steer", "abort", "connection", "crash"]

texts = st.one_of(
    st.sampled_from(["", "  \n", "hello", "a\ud83db", "ü 日本 🙂"]),
    st.text(st.characters(codec=None), max_size=8),
)
ids = st.sampled_from(["c1", "c2", "c3", "bad id!", "", "x" * 80])
arguments = st.dictionaries(texts, st.one_of(texts, st.integers(), st.lists(texts, max_size=2)), max_size=2)
assistant_blocks = st.one_of(
    st.builds(TextBlock, texts),
    st.builds(ThinkingBlock, texts, st.sampled_from(["", "sig"])),
    st.builds(RedactedThinkingBlock, st.sampled_from(["ZGF0YQ=="])),
    st.builds(ToolUseBlock, ids, st.sampled_from(["read", "no such tool", ""]), arguments),
)
user_blocks = st.one_of(st.builds(TextBlock, texts), st.just(ImageBlock("image/png", "aGVsbG8=")))
entries = st.one_of(
    st.builds(
        UserEntry,
        st.sampled_from("uvw"),
        st.sampled_from(Kind),
        st.lists(user_blocks, max_size=3).map(tuple),
        st.just(1.0),
    ),
    st.builds(
        AssistantEntry,
        st.integers(1, 9),
        st.lists(assistant_blocks, max_size=4).map(tuple),
        st.sampled_from(["", "end_turn", "tool_use", "max_tokens"]),
        st.sampled_from(["model-a", "model-b"]),
        st.just(TokenUsage()),
        st.just(1.0),
        st.sampled_from(CUTS),
    ),
    st.builds(ToolEntry, ids, st.sampled_from(Outcome), texts, st.just("brief"), st.just(0.0), st.just(1.0)),
    st.builds(
        ShellEntry,
        st.just("shell-1"),
        texts,
        st.sampled_from(Outcome),
        texts,
        st.just("brief"),
        st.just(0.0),
        st.just(1.0),
    ),
    st.builds(RetractEntry, st.lists(st.sampled_from("uvw"), max_size=2).map(tuple), st.just(2.0)),
    st.builds(
        OmitEntry,
        st.lists(st.sampled_from([*map(str, Omission), "the tool read"]), max_size=3).map(tuple),
        st.sampled_from(["model-a", "model-b"]),
        st.just("refused"),
        st.just(2.0),
    ),
    st.builds(
        CompactionEntry,
        st.sampled_from("kl"),
        texts,
        st.integers(0, 4),
        st.just(9),
        st.just(5),
        st.just(""),
        st.just("model-a"),
        st.just(TokenUsage()),
        st.just(2.0),
        st.booleans(),
    ),
    st.builds(CompactionSwitchEntry, st.sampled_from("kl"), st.booleans(), st.just(2.0)),
)


def violations(built: Built) -> list[str]:
    """What the API would refuse; signatures are checked by the strict server, which issued them."""
    return [v for v in validate(json.loads(json.dumps(payload(built.request)))) if "signature" not in v]


@given(st.lists(entries, max_size=14))
@settings(max_examples=400, deadline=None)
def test_any_history_becomes_a_valid_request(history: list[Entry]) -> None:
    assert violations(build_request(history, BASE)) == []


@given(st.lists(entries, max_size=14), st.lists(st.integers(0, 4), min_size=1, max_size=14))
@settings(max_examples=400, deadline=None)
def test_a_history_that_grows_builds_the_same_request_as_one_that_is_read_at_once(
    history: list[Entry], steps: list[int]
) -> None:
    builder, end = RequestBuilder(), 0
    for step in [*steps, len(history)]:
        end = min(len(history), end + step)
        grown = builder.build(tuple(history[:end]), BASE).request
        assert grown == build_request(history[:end], BASE).request


@given(st.lists(entries, max_size=10), st.sampled_from(["model-a", "model-b", "model-a-20260101"]))
def test_a_builder_that_knew_another_history_or_model_starts_over(history: list[Entry], model: str) -> None:
    builder, base = RequestBuilder(), replace(BASE, model=model)
    builder.build(tuple(history), BASE)
    assert builder.build(tuple(history), base).request == build_request(history, base).request
    assert builder.build(tuple(history[1:]), BASE).request == build_request(history[1:], BASE).request


def test_a_result_that_comes_late_is_used_although_its_call_was_done_with() -> None:
    history: list[Entry] = [
        user("go"),
        said(ToolUseBlock("c1", "read", {})),
        user("and?"),
        said(TextBlock("a")),
    ]
    builder = RequestBuilder()
    builder.build(tuple(history), BASE)
    history += [user("well?"), said(TextBlock("b")), result("c1", "at last")]
    assert builder.build(tuple(history), BASE).request == build_request(history, BASE).request
    assert "at last" in str(builder.build(tuple(history), BASE).request.messages)


def test_an_answer_is_owed_although_something_was_left_out_after_the_question() -> None:
    omit = OmitEntry(("pictures",), "model-a", "refused", 1.0)
    assert History((user("go"), omit)).owes_answer()
    assert not History((user("go"), omit, said(TextBlock("a")))).owes_answer()


async def test_a_step_of_a_long_conversation_builds_only_what_is_new() -> None:
    history: list[Entry] = [e for n in range(500) for e in (user(f"q{n}", f"i{n}"), said(TextBlock(f"a{n}")))]
    builder = RequestBuilder()
    await builder.catch_up(tuple(history), BASE)
    first = builder.build(tuple(history), BASE).request.messages
    history += [user("more", "i"), said(TextBlock("yes")), user("and?", "j")]
    second = builder.build(tuple(history), BASE).request.messages
    assert all(old is new for old, new in zip(first[:998], second, strict=False))
    assert second == build_request(history, BASE).request.messages


async def test_what_a_summary_stands_for_is_not_built_again() -> None:
    history: list[Entry] = [e for n in range(300) for e in (user(f"q{n}", f"i{n}"), said(TextBlock(f"a{n}")))]
    history.append(CompactionEntry("k", "the gist", 2, 9, 5, "", "model-a", TokenUsage(), 1.0))
    history += [e for n in range(300, 500) for e in (user(f"q{n}", f"i{n}"), said(TextBlock(f"a{n}")))]
    builder, built = RequestBuilder(), list[int]()
    build = builder.build

    def counted(entries: Sequence[Entry], base: Request) -> Built:
        built.append(len(entries))
        return build(entries, base)

    builder.build = counted  # type: ignore[method-assign]
    await builder.catch_up(tuple(history), BASE)
    assert min(built) > 600
    assert build(tuple(history), BASE).request == build_request(history, BASE).request


def test_thinking_goes_back_to_the_name_its_snapshot_was_asked_for_by() -> None:
    good = ThinkingBlock("hm", "sig")
    for answered, asked, same in [
        ("model-a-20260101", "model-a", True),
        ("model-a", "model-a-latest", True),
        ("model-a-5", "model-a", False),
        ("model-a-20260101", "model-b", False),
    ]:
        history: list[Entry] = [user("go"), said(good, TextBlock("a"), model=answered), user("b")]
        built = build_request(history, replace(BASE, model=asked))
        assert (good in built.request.messages[1].content) is same


def user(text: str, item: str = "i") -> UserEntry:
    return UserEntry(item, Kind.PROMPT, (TextBlock(text),), 1.0)


def said(
    *blocks: TextBlock | ThinkingBlock | ToolUseBlock, cut: str = "", model: str = "model-a"
) -> AssistantEntry:
    return AssistantEntry(1, blocks, "end_turn", model, TokenUsage(), 1.0, cut)  # type: ignore[arg-type]


def result(call: str, text: str = "ok", outcome: Outcome = Outcome.OK) -> ToolEntry:
    return ToolEntry(call, outcome, text, "", 0.0, 1.0)


def blocks(built: Built) -> list[tuple[str, list[object]]]:
    return [(m.role, list(m.content)) for m in built.request.messages]


def test_a_healthy_history_needs_no_repair_and_loses_nothing() -> None:
    call = ToolUseBlock("c1", "read", {"path": "a"})
    built = build_request(
        [user("hi"), said(TextBlock("look"), call), result("c1", "text"), said(TextBlock("there"))], BASE
    )
    assert built.repairs == ()
    assert blocks(built) == [
        ("user", [TextBlock("hi")]),
        ("assistant", [TextBlock("look"), call]),
        ("user", [ToolResultBlock("c1", (TextBlock("text"),))]),
        ("assistant", [TextBlock("there")]),
        ("user", [TextBlock("Continue.")]),
    ]


@pytest.mark.parametrize("cut", CUTS[1:])
def test_a_cut_answer_stays_and_is_marked_before_the_next_message(cut: str) -> None:
    built = build_request([user("go"), said(TextBlock("Once upon"), cut=cut), user("no, shorter")], BASE)
    marker = CUT_MARKERS[cut]  # type: ignore[index]
    assert blocks(built)[1:] == [
        ("assistant", [TextBlock("Once upon")]),
        ("user", [TextBlock(marker), TextBlock("no, shorter")]),
    ]


def test_results_come_first_then_the_marker_then_the_steer() -> None:
    call = ToolUseBlock("c1", "read", {})
    history: list[Entry] = [user("go"), said(TextBlock("x"), call, cut="steer"), result("c1"), user("stop")]
    kinds = [type(b) for b in build_request(history, BASE).request.messages[-1].content]
    assert kinds == [ToolResultBlock, TextBlock, TextBlock]


def test_results_are_in_the_order_of_the_calls_whatever_order_they_came_in() -> None:
    calls = [ToolUseBlock(c, "read", {}) for c in ("c1", "c2", "c3")]
    history: list[Entry] = [user("go"), said(*calls), result("c3"), result("c1"), result("c2")]
    content = build_request(history, BASE).request.messages[-1].content
    assert [b.call_id for b in content if isinstance(b, ToolResultBlock)] == ["c1", "c2", "c3"]


def test_thinking_goes_back_only_signed_and_to_its_own_model() -> None:
    good, unsigned = ThinkingBlock("hm", "sig"), ThinkingBlock("hm", "")
    own = build_request([user("go"), said(good, TextBlock("a")), user("b")], BASE)
    assert good in own.request.messages[1].content
    for entry in (said(unsigned, TextBlock("a")), said(good, TextBlock("a"), model="model-b")):
        built = build_request([user("go"), entry, user("b")], BASE)
        assert list(built.request.messages[1].content) == [TextBlock("a")]
        assert built.repairs


def test_an_answer_of_thought_alone_is_not_sent_back() -> None:
    built = build_request([user("go"), said(ThinkingBlock("hm", "sig"), cut="steer"), user("b")], BASE)
    assert blocks(built) == [("user", [TextBlock("go"), TextBlock("b")])]


def test_a_missing_result_is_said_to_be_unknown_and_an_orphan_is_dropped() -> None:
    built = build_request([user("go"), said(ToolUseBlock("c1", "read", {})), result("zz"), user("b")], BASE)
    first = built.request.messages[-1].content[0]
    assert isinstance(first, ToolResultBlock)
    assert first.is_error
    assert len(built.repairs) == 2


def test_what_was_taken_back_is_not_sent() -> None:
    history: list[Entry] = [
        user("keep", "1"),
        said(TextBlock("a")),
        user("taken back", "2"),
        RetractEntry(("2",), 1.0),
        user("new", "3"),
    ]
    assert blocks(build_request(history, BASE))[-1] == ("user", [TextBlock("new")])


def test_an_interrupted_call_is_no_error_and_a_failed_one_is() -> None:
    for outcome in Outcome:
        built = build_request(
            [user("go"), said(ToolUseBlock("c1", "read", {})), result("c1", "x", outcome)], BASE
        )
        block = built.request.messages[-1].content[0]
        assert isinstance(block, ToolResultBlock)
        assert block.is_error == (outcome in (Outcome.FAILED, Outcome.UNKNOWN))


def test_an_empty_result_says_so_and_a_picture_is_enough() -> None:
    call = said(ToolUseBlock("c1", "read", {}))
    empty = build_request([user("go"), call, result("c1", " \n")], BASE).request.messages[-1].content[0]
    assert isinstance(empty, ToolResultBlock)
    assert empty.content == (TextBlock("(no output)"),)
    picture = ToolEntry("c1", Outcome.OK, "", "", 0.0, 1.0, (ImageBlock("image/png", "aGk="),))
    shown = build_request([user("go"), call, picture], BASE).request.messages[-1].content[0]
    assert isinstance(shown, ToolResultBlock)
    assert shown.content == picture.images
