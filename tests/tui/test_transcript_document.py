"""Events to items: what each event shows, in every stage, and that nothing is shown twice."""

from __future__ import annotations

import math
from dataclasses import replace
from itertools import chain

import pytest
from hypothesis import given
from hypothesis import strategies as st

from h2a_agent.events import (
    EVENT_TYPES,
    AnyEvent,
    ApprovalAnswered,
    ApprovalRequested,
    CompactionEnded,
    CompactionStarted,
    CompactionSwitched,
    Decision,
    Done,
    Error,
    FileRestored,
    InputRestored,
    Interrupt,
    JobsChanged,
    Kind,
    ModelChanged,
    Outcome,
    Phase,
    QueueChanged,
    RetryScheduled,
    Settled,
    ShellStarted,
    Status,
    Thinking,
    TodoChanged,
    TodoItem,
    TodoStatus,
    TokenStream,
    ToolCall,
    ToolOutput,
    ToolResult,
    Usage,
    UserInput,
)
from h2a_themes import load
from h2a_tui.theme import styles_of
from h2a_tui.transcript.document import Document
from h2a_tui.transcript.fenwick import Heights
from h2a_tui.transcript.items import Foldable
from h2a_tui.transcript.layout import Layout
from h2a_tui.transcript.lines import Page, make_strip
from h2a_tui.transcript.unfolding import Unfolding
from h2a_tui.transcript.viewport import Viewport

STYLES = styles_of(load("dark"))
PAGE = Page(64, STYLES)


def rows(document: Document) -> list[str]:
    while document.settle():
        pass
    return [line.text.rstrip() for item in document.items for line in item.render(PAGE)]


def shown(*events: AnyEvent) -> list[str]:
    """The rows that are not blank."""
    document = Document()
    for event in events:
        document.apply(event)
    return [row for row in rows(document) if row]


def colour_of(words: str, *events: AnyEvent) -> str:
    document = Document()
    for event in events:
        document.apply(event)
    rows(document)
    for item in document.items:
        for line in item.render(PAGE):
            for segment in line.segments:
                if words in segment.text and segment.style and segment.style.color:
                    return segment.style.color.name
    raise AssertionError(f"{words!r} is not shown")


CALL = ToolCall(1, 1, "c", "bash", "complete", title="npm test")


def result(
    outcome: Outcome, text: str = "out", brief: str = "", elapsed_s: float = 0.0, diff: str = ""
) -> ToolResult:
    return ToolResult("c", outcome, text, brief, elapsed_s, diff)


# ----------------------------------------------------------------- the user


@pytest.mark.parametrize(
    ("kind", "label"),
    [
        (Kind.PROMPT, []),
        (Kind.STEER, ["▌ ↯ steer"]),
        (Kind.NUDGE, ["▌ → next step"]),
        (Kind.FOLLOW_UP, ["▌ ↳ follow-up"]),
    ],
)
def test_a_message_says_how_it_was_sent(kind: Kind, label: list[str]) -> None:
    assert shown(UserInput("1", kind, "one\n\ntwo")) == [*label, "▌ one", "▌", "▌ two"]


def test_a_message_is_plain_text_not_markdown() -> None:
    assert shown(UserInput("1", Kind.PROMPT, "# no *title*")) == ["▌ # no *title*"]


def test_pictures_are_counted() -> None:
    assert shown(UserInput("1", Kind.PROMPT, "", images=2)) == ["▌ ▣ 2 images"]


def test_a_long_paste_is_folded_to_its_ends() -> None:
    lines = shown(UserInput("1", Kind.PROMPT, "\n".join(f"line {i}" for i in range(100))))
    assert lines[11:14] == ["▌ line 11", "▌ … 85 more lines ▸", "▌ line 97"]
    assert len(lines) == 16


def test_a_message_that_was_taken_back_says_so() -> None:
    events = (UserInput("1", Kind.PROMPT, "oops"), InputRestored(("oops",), ("1",)))
    assert shown(*events) == ["▌ taken back", "▌ oops"]


def test_taking_back_an_unknown_message_shows_nothing() -> None:
    assert shown(InputRestored(("x",), ("nobody",))) == []


# ---------------------------------------------------------------- the model


def test_pieces_of_an_answer_make_one_text() -> None:
    assert shown(TokenStream(1, 0, "Hel"), TokenStream(1, 0, "lo *you*")) == ["Hello you"]


def test_blocks_of_an_answer_are_texts_of_their_own() -> None:
    assert shown(TokenStream(1, 0, "- a"), TokenStream(1, 1, "- b")) == ["• a", "• b"]


def test_thinking_shows_its_end_while_it_comes_and_one_row_when_it_is_over() -> None:
    document = Document()
    document.apply(Thinking(1, 0, "first\n" * 10, time=10.0))
    document.apply(Thinking(1, 0, "last", time=12.5))
    assert rows(document)[1:] == ["✻ thinking…", *["│ first"] * 4, "│ last"]
    document.apply(TokenStream(1, 1, "Hello"))
    assert rows(document) == ["", "✻ thought for 2s · 11 words ▸", "", "Hello"]


def test_thinking_unfolds_to_all_of_its_words() -> None:
    document = Document()
    document.apply(Thinking(1, 0, "\n".join(f"t{i}" for i in range(9))))
    document.apply(Done(1, "end_turn"))
    assert document.toggle_fold(0)
    assert rows(document)[2:] == [f"│ t{i}" for i in range(9)]


@pytest.mark.parametrize(
    ("cut", "mark"),
    [
        ("steer", "⊘ you steered here"),
        ("abort", "⊘ stopped here"),
        ("connection", "⊘ the connection broke here"),
        ("crash", "⊘ the program ended here"),
        ("gremlins", "⊘ cut here: gremlins"),
    ],
)
def test_a_cut_answer_ends_in_a_visible_mark(cut: str, mark: str) -> None:
    assert shown(TokenStream(1, 0, "So I"), Done(1, "", cut)) == ["So I", mark]


def test_a_steer_follows_the_mark_where_it_cut_in() -> None:
    events = (
        TokenStream(1, 0, "So I"),
        Interrupt("steer", Phase.STREAMING),
        Done(1, "", "steer"),
        UserInput("2", Kind.STEER, "no", cut=True),
        TokenStream(2, 0, "Right."),
    )
    assert shown(*events) == ["So I", "⊘ you steered here", "▌ ↯ steer", "▌ no", "Right."]


def test_a_steer_before_the_first_token_leaves_no_mark() -> None:
    assert shown(Done(1, "", "steer"), UserInput("2", Kind.STEER, "no")) == ["▌ ↯ steer", "▌ no"]


@pytest.mark.parametrize(
    ("reason", "says"),
    [
        ("max_tokens", ["⚠ the answer reached its length limit", "  Send “go on” for the rest."]),
        ("refusal", ["⚠ the model declined to go on", "  Put it another way, or send something else."]),
        ("end_turn", []),
    ],
)
def test_an_answer_that_ended_early_says_why_and_what_to_do(reason: str, says: list[str]) -> None:
    assert shown(TokenStream(1, 0, "x"), Done(1, reason)) == ["x", *says]


def test_text_after_a_notice_goes_below_it() -> None:
    events = (TokenStream(1, 0, "a"), Error("x", "odd"), TokenStream(1, 0, "b"))
    assert shown(*events) == ["a", "✗ odd", "b"]


# ---------------------------------------------------------------- the tools


def test_a_call_shows_its_arguments_while_they_form() -> None:
    forming = ToolCall(1, 0, "c", "write", "forming")
    assert shown(forming) == ["◌ write"]
    events = (
        forming,
        replace(forming, arguments_delta='{"a": "x\\ny'),
        replace(forming, arguments_delta="z\\n"),
    )
    assert shown(*events) == ["◌ write", '│ {"a": "x', "│ yz"]


def test_forming_arguments_are_bounded_and_counted() -> None:
    document = Document()
    for _ in range(200):
        document.apply(ToolCall(1, 0, "c", "write", "forming", "x" * 90 + "\\n"))
    lines = [row for row in rows(document) if row]
    assert lines[0] == "◌ write  18,400 characters"
    assert len(lines) == 6


def test_a_running_tool_shows_the_last_lines_of_its_output() -> None:
    output = [ToolOutput("c", f"line {i}\n") for i in range(20)]
    assert shown(CALL, *output) == ["● bash  npm test", *(f"│ line {i}" for i in range(15, 20))]


def test_a_result_shows_brief_and_both_ends() -> None:
    text = "\n".join(f"line {i}" for i in range(30))
    call = ToolCall(1, 1, "c", "ls", "complete", title="src")
    lines = shown(call, ToolOutput("c", "noise"), result(Outcome.OK, text, "30 lines", 75.0))
    assert lines == [
        "✓ ls  src  1m 15s",
        "│ 30 lines",
        "│ line 0",
        "│ line 1",
        "│ … 26 more lines ▸",
        "│ line 28",
        "│ line 29",
    ]


def test_a_result_unfolds_and_folds_back() -> None:
    document = Document()
    for event in (CALL, result(Outcome.OK, "\n".join("abc"), "3"), ToolCall(1, 2, "d", "ls", "complete")):
        document.apply(event)
    document.apply(ToolResult("d", Outcome.OK, "\n".join(f"{i}" for i in range(30)), "30 files"))
    before = rows(document)
    assert not document.toggle_fold(0)  # three lines are not worth folding
    assert document.toggle_fold(1)
    assert [row for row in rows(document) if row.startswith("│ 2")] == [
        "│ 2",
        *(f"│ {i}" for i in range(20, 30)),
    ]
    assert document.toggle_fold(1)
    assert rows(document) == before


def test_a_huge_result_is_bounded_even_unfolded() -> None:
    document = Document()
    document.apply(CALL)
    document.apply(result(Outcome.OK, "x" * 1_000_000 + "\n" + "y\n" * 50_000))
    document.toggle_fold(0)
    assert len(rows(document)) < 1500
    assert any("more characters" in row for row in rows(document))


@pytest.mark.parametrize("outcome", list(Outcome))
def test_only_a_failure_is_red(outcome: Outcome) -> None:
    events = (CALL, result(outcome, "out", "what happened"))
    document = Document()
    for event in events:
        document.apply(event)
    colours = {
        segment.style.color.name
        for line in document.items[0].render(PAGE)
        for segment in line.segments
        if segment.style and segment.style.color
    }
    assert (load("dark").error in colours) is (outcome is Outcome.FAILED)


@pytest.mark.parametrize(
    ("outcome", "glyph", "brief"),
    [
        (Outcome.OK, "✓", "why"),
        (Outcome.FAILED, "✗", "why"),
        (Outcome.STOPPED, "⊘", "stopped · why"),
        (Outcome.NOT_STARTED, "○", "not started · why"),
        (Outcome.REJECTED, "⊘", "rejected · why"),
        (Outcome.UNKNOWN, "?", "unknown · why"),
    ],
)
def test_each_outcome_is_told_by_glyph_and_word(outcome: Outcome, glyph: str, brief: str) -> None:
    assert shown(CALL, result(outcome, "", "why")) == [f"{glyph} bash  npm test", f"│ {brief}"]


def test_a_call_that_never_ran_keeps_its_note_to_the_model_to_itself() -> None:
    assert shown(CALL, result(Outcome.NOT_STARTED, "not started: the user steered", "you steered")) == [
        "○ bash  npm test",
        "│ not started · you steered",
    ]


def test_a_brief_is_not_said_again_by_the_result() -> None:
    assert shown(CALL, result(Outcome.OK, "No matches.", "no matches")) == [
        "✓ bash  npm test",
        "│ no matches",
    ]


def test_a_call_cut_while_it_formed_says_so() -> None:
    events = (ToolCall(1, 0, "c", "write", "forming", '{"pa'), Done(1, "", "steer"))
    assert shown(*events) == ["⊘ write  cut while it formed", "⊘ you steered here"]


def test_a_call_that_waits_for_a_person_says_so_until_it_is_answered() -> None:
    asked = ApprovalRequested("c", "bash", "npm test", "npm test", "command", "not allowed yet", "/")
    assert shown(CALL, asked) == ["? bash  npm test  waiting for your answer"]
    assert shown(CALL, asked, ApprovalAnswered("c", Decision.ALLOW)) == ["● bash  npm test"]
    refused = (
        CALL,
        asked,
        ApprovalAnswered("c", Decision.REJECT, "use make"),
        result(Outcome.REJECTED, "no", ""),
    )
    assert shown(*refused) == ["⊘ bash  npm test", "│ rejected · use make"]


def test_results_in_any_order_find_their_calls() -> None:
    events = (
        ToolCall(1, 0, "a", "ls", "complete", title="A"),
        ToolCall(1, 1, "b", "ls", "complete", title="B"),
        ToolResult("b", Outcome.OK, "", "second"),
        ToolResult("a", Outcome.OK, "", "first"),
    )
    assert shown(*events) == ["✓ ls  A", "│ first", "✓ ls  B", "│ second"]


def test_a_result_without_its_call_is_shown() -> None:
    assert shown(ToolResult("z", Outcome.OK, "", "late")) == ["✓ tool", "│ late"]


# ------------------------------------------------------------------ the run


def test_retries_in_a_row_share_one_notice() -> None:
    events = [(RetryScheduled(n, 5, 1.8 * n, "overloaded"), Done(n, "", "connection")) for n in (1, 2)]
    assert shown(*chain(*events)) == ["↻ overloaded · trying again in 4s (2 of 5)"]


def test_a_retry_after_something_else_is_a_notice_of_its_own() -> None:
    first, second = RetryScheduled(1, 5, 1.0, "overloaded"), RetryScheduled(1, 5, 1.0, "offline")
    lines = shown(first, TokenStream(1, 0, "hi"), Done(1, "", "connection"), second)
    assert [line[:3] for line in lines] == ["↻ o", "hi", "⊘ t", "↻ o"]


def test_compaction_is_one_notice_from_start_to_end() -> None:
    started = CompactionStarted("the context is nearly full")
    assert shown(started) == ["⋯ summarising the conversation (the context is nearly full)"]
    assert shown(started, CompactionEnded(True, 120_000, 9_500)) == [
        "⋯ conversation summarised · 120k → 9.5k tokens"
    ]
    assert shown(started, CompactionEnded(False, 1, 1)) == [
        "⋯ the summary failed; the conversation is as it was"
    ]


def test_an_error_gives_its_advice() -> None:
    assert shown(Error("auth", "The key was refused", "Set another one.")) == [
        "✗ The key was refused",
        "  Set another one.",
    ]


def test_an_abort_between_answers_leaves_a_mark_and_only_one() -> None:
    assert shown(CALL, Done(1, "tool_use"), Settled("aborted")) == ["● bash  npm test", "⊘ stopped"]
    assert shown(TokenStream(1, 0, "x"), Done(1, "", "abort"), Settled("aborted")) == ["x", "⊘ stopped here"]


def test_events_of_other_parts_of_the_screen_show_nothing() -> None:
    usage = Usage("m", 1, 1, 0, 0, 2, 0, None)
    assert (
        shown(
            QueueChanged(()), usage, Status(Phase.IDLE), Interrupt("abort", Phase.TOOLS), Settled("completed")
        )
        == []
    )


# ------------------------------------------------------------- seen twice

STORY: list[AnyEvent] = [
    UserInput("1", Kind.PROMPT, "hello"),
    QueueChanged(()),
    JobsChanged(()),
    Status(Phase.STREAMING, 1),
    Thinking(1, 0, "hm"),
    TokenStream(1, 1, "So "),
    TokenStream(1, 1, "I"),
    ToolCall(1, 2, "c", "bash", "forming", "{}"),
    ToolCall(1, 2, "c", "bash", "complete", title="npm test"),
    ToolCall(1, 3, "d", "ls", "forming"),
    Usage("m", 1, 1, 0, 0, 2, 0, None),
    Done(1, "", "steer"),
    Interrupt("steer", Phase.STREAMING),
    ApprovalRequested("c", "bash", "t", "d", "command", "r", "/"),
    ApprovalAnswered("c", Decision.ALLOW),
    ToolOutput("c", "out\n"),
    ToolResult("c", Outcome.OK, "out", "fine"),
    ShellStarted("shell-1", "ls", private=True),
    TodoChanged((TodoItem("mend it", TodoStatus.IN_PROGRESS),)),
    FileRestored(False, "a.py", "+1 -1"),
    UserInput("2", Kind.STEER, "no", cut=True),
    InputRestored((), ("2",)),
    RetryScheduled(1, 3, 1.0, "overloaded"),
    ModelChanged("deepseek", "deepseek-flash", "high"),
    JobsChanged(()),
    CompactionStarted("full"),
    CompactionEnded(True, 10, 5),
    CompactionSwitched(False, 10),
    Error("x", "odd"),
    TokenStream(2, 0, "bye"),
    Done(2, "end_turn"),
    Settled("completed", 2),
]


def test_the_story_has_every_kind_of_event() -> None:
    """All but one, with which another story begins."""
    assert {type(event).__name__ for event in STORY} == set(EVENT_TYPES) - {"PathChanged"}


def test_numbered_events_seen_twice_show_once() -> None:
    events = [replace(event, seq=n) for n, event in enumerate(STORY, 1)]
    assert shown(*events, *events[5:], *events) == shown(*events)


def test_a_replay_without_numbers_shows_answers_messages_and_tools_once() -> None:
    told_once = (
        RetryScheduled,
        CompactionStarted,
        CompactionEnded,
        CompactionSwitched,
        Error,
        Settled,
        TodoChanged,
        FileRestored,
    )
    events = [event for event in STORY if not isinstance(event, told_once)]
    assert shown(*events, *events) == shown(*events)


def test_text_shows_the_same_however_often_it_is_drawn_meanwhile() -> None:
    document = Document()
    for event in STORY:
        document.apply(event)
        rows(document)
    assert [row for row in rows(document) if row] == shown(*STORY)


def test_the_list_of_what_is_to_be_done_is_a_checklist() -> None:
    items = [
        ("find it", TodoStatus.DONE),
        ("mend it " * 12, TodoStatus.IN_PROGRESS),
        ("say so", TodoStatus.PENDING),
    ]
    seen = shown(TodoChanged(tuple(TodoItem(*item) for item in items)))
    assert seen[0] == "☑ find it"
    assert seen[1].startswith("▸ mend it mend it")
    assert seen[2].startswith("  mend it")
    assert seen[-1] == "☐ say so"
    assert shown(TodoChanged(())) == ["the list is empty"]


def test_a_file_put_back_is_told_and_so_is_why_it_was_not() -> None:
    assert shown(
        FileRestored(False, "a.py", "+1 -2"),
        FileRestored(True, "a.py", "+2 -1"),
        FileRestored(False, problem="Not undone: a.py has been changed since."),
    ) == [
        "↶ undid the edit of a.py · +1 -2",
        "↷ redid the edit of a.py · +2 -1",
        "↶ Not undone: a.py has been changed since.",
    ]


# ------------------------------------------------------------------ hostile

PAYLOADS = [
    "\x1b[2J\x1b]0;title\x07",
    "\x1b]52;c;aGVsbG8=\x1b\\",
    "\x9b31m\x90q\x9c",
    "\u202egnp.exe\u2066x\u2069",
    "a\u200bb\ufeffc\u2060d",
    "\U000e0041\U000e0042",
    "line\rover\x08\x7f",
    "\u2028\u2029\x85\x0b\x0c",
]


@pytest.mark.parametrize("payload", PAYLOADS)
def test_hostile_text_reaches_no_strip_even_from_events_that_are_not_safe(payload: str) -> None:
    events: list[AnyEvent] = [
        UserInput("1", Kind.STEER, payload),
        Thinking(1, 0, payload),
        TokenStream(1, 1, payload),
        TokenStream(
            1,
            1,
            f"\n\n```{payload}\n{payload}\n```\n\n| {payload} |\n|--|\n| {payload} |\n\n[{payload}](http://x)",
        ),
        ToolCall(1, 2, "a", payload, "forming", payload),
        ToolCall(1, 3, "c", payload, "complete", title=payload),
        ToolOutput("c", payload),
        Done(1, "", payload),
        ToolResult("z", Outcome.FAILED, payload, payload, 0.0, f"+{payload}"),
        Error(payload, payload, payload),
        RetryScheduled(1, 1, 1, payload),
        CompactionStarted(payload),
    ]
    document = Document()
    for event in events:
        document.apply(event)
    toggle_all(document)
    rows(document)
    for item in document.items:
        for line in item.render(PAGE):
            text = make_strip(line, PAGE).text
            assert not [char for char in text if not char.isprintable()], text


# ------------------------------------------------------- heights and layout


@given(st.lists(st.integers(0, 5), max_size=40), st.data())
def test_heights_agree_with_plain_sums(values: list[int], data: st.DataObject) -> None:
    heights = Heights(values[: len(values) // 2])
    for value in values[len(values) // 2 :]:
        heights.append(value)
    model = list(values)
    for _ in range(5 if model else 0):
        index, value = data.draw(st.integers(0, len(model) - 1)), data.draw(st.integers(0, 5))
        assert heights.set(index, value) == value - model[index]
        model[index] = value
    assert heights.total == sum(model)
    assert [heights.start(i) for i in range(len(model) + 1)] == [
        sum(model[:i]) for i in range(len(model) + 1)
    ]
    lines = [(i, row) for i, height in enumerate(model) for row in range(height)]
    assert [heights.find(line) for line in range(sum(model))] == lines
    assert heights.find(sum(model)) == (len(model), 0)


def long_document(messages: int) -> Document:
    document = Document()
    for n in range(messages):
        document.apply(UserInput(f"{n}", Kind.PROMPT, f"question {n} " + "word " * (n * 7 % 60)))
        document.apply(
            TokenStream(n + 1, 0, f"## Answer {n}\n\n" + "some words " * (n * 13 % 90) + "\n\n- a\n- b\n")
        )
        document.apply(Done(n + 1, "end_turn"))
    return document


def test_heights_are_exact_once_everything_was_looked_at() -> None:
    document = long_document(30)
    layout = Layout(document, PAGE)
    layout.sync()
    layout.fill_up(10_000)
    assert layout.total == len(rows(document))
    assert [line.text.rstrip() for line in layout.rows(0, 10_000)] == rows(document)


def test_only_what_is_looked_at_is_rendered() -> None:
    document = long_document(1000)
    layout = Layout(document, PAGE)
    layout.sync()
    layout.fill_up(40)
    assert sum(item.lines is not None for item in document.items) < 30


def test_rows_nobody_has_looked_at_for_long_are_let_go() -> None:
    document = long_document(1000)
    layout = Layout(document, PAGE)
    layout.sync()
    top = 0
    while top < layout.total:
        layout.fill_down(top, 40)
        top += 40
    kept = sum(len(item.lines or ()) for item in document.items)
    assert kept < 6000 < layout.total


def test_growing_says_by_how_much() -> None:
    document = Document()
    layout = Layout(document, PAGE)
    document.apply(CALL)
    layout.sync()
    layout.fill_up(50)
    document.apply(ToolOutput("c", "a\nb\nc\n"))
    assert layout.sync() == 3


def toggle_all(document: Document) -> None:
    unfolding = Unfolding(Viewport(document, PAGE))
    unfolding.toggle_all()
    assert not unfolding.advance(math.inf)


def test_everything_folds_and_unfolds_together() -> None:
    document = Document()
    for event in STORY:
        document.apply(event)
    document.apply(ToolCall(3, 0, "x", "ls", "complete"))
    document.apply(ToolResult("x", Outcome.OK, "\n".join("abcdefghij"), ""))
    before = rows(document)
    foldable = [item for item in document.items if isinstance(item, Foldable) and item.foldable]
    assert len(foldable) == 2
    document.toggle_fold(document.items.index(foldable[0]))
    toggle_all(document)
    assert [item.folded for item in foldable] == [False, False]
    toggle_all(document)
    assert rows(document) == before
