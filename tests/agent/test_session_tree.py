"""The tree: going back loses nothing, and the conversation is the path to where one went."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from h2a_agent.content import ToolUseBlock
from h2a_agent.events import Kind
from h2a_agent.history import History, RetractEntry, UserEntry
from h2a_agent.session import Session, SessionError
from h2a_agent.session_tree import tree_rows
from support.saved_sessions import Script, said


def test_a_branch_begins_at_any_entry_and_the_one_that_was_left_stays_reachable(tmp_path: Path) -> None:
    script = Script(tmp_path)
    script.ask("one")
    first = script.answer("first")
    script.ask("two")
    second = script.answer("second")
    script.session.branch(first.id)
    assert said(script.session) == ["one", "first"]
    script.ask("two, otherwise")
    script.answer("other")
    assert said(script.session) == ["one", "first", "two, otherwise", "other"]
    script.session.branch(second.id)
    assert said(script.session) == ["one", "first", "two", "second"]
    script.close()


def test_the_tree_the_head_labels_and_the_name_come_back_from_the_file(tmp_path: Path) -> None:
    script = Script(tmp_path)
    first = script.ask("one")
    script.answer("first")
    script.session.branch("")
    script.ask("one, otherwise")
    other = script.answer("other")
    script.session.branch(first.id)
    script.session.label(other.id, "better")
    script.session.label(first.id, "worse")
    script.session.label(first.id, "")
    script.session.rename("A name")
    again = Session.open(script.crash())
    assert list(again.history.nodes) == list(script.session.history.nodes)
    assert again.history.head == first.id
    assert again.labels == {other.id: "better"}
    assert again.name == "A name"
    assert again.find_node("better").id == again.find_node(other.id[:6].upper()).id == other.id
    again.close()


def test_nothing_in_the_file_is_rewritten_by_a_branch_a_label_or_a_name(tmp_path: Path) -> None:
    script = Script(tmp_path)
    first = script.ask("one")
    script.answer("first")
    before = script.path.read_bytes()
    script.session.branch(first.id)
    script.session.label(first.id, "x")
    script.session.rename("y")
    script.ask("two")
    script.close()
    assert script.path.read_bytes().startswith(before)


def test_going_back_to_an_answer_takes_the_results_of_its_calls_along(tmp_path: Path) -> None:
    script = Script(tmp_path)
    asked = script.ask("one")
    answer = script.answer("I look", ToolUseBlock("a", "read", {}), ToolUseBlock("b", "read", {}))
    first = script.result("a")
    second = script.result("b")
    script.answer("seen")
    history = script.session.history
    assert history.before(answer) == history.before(first) == history.before(second) == second.id
    assert history.before(asked) == ""
    script.close()


def test_what_is_not_there_cannot_be_gone_to_or_labelled_and_nothing_changes(tmp_path: Path) -> None:
    script = Script(tmp_path)
    script.ask("one")
    script.answer("first")
    before = script.path.read_bytes()
    for verb in (script.session.branch, script.session.find_node, lambda e: script.session.label(e, "x")):
        with pytest.raises(SessionError, match="no entry 'nope'"):
            verb("nope")
    with pytest.raises(SessionError, match="no entry ''"):
        script.session.find_node("")
    assert script.path.read_bytes() == before
    script.close()


def test_a_name_alone_makes_no_file_and_is_there_once_something_is_said(tmp_path: Path) -> None:
    script = Script(tmp_path)
    script.session.rename("Early")
    assert not script.path.exists()
    script.ask("one")
    again = Session.open(script.crash())
    assert again.name == "Early"
    again.close()


def test_step_numbers_and_call_ids_of_a_branch_that_was_left_are_not_used_again(tmp_path: Path) -> None:
    script = Script(tmp_path)
    first = script.ask("one")
    script.answer("first", ToolUseBlock("a", "read", {}))
    script.session.branch(first.id)
    assert script.session.history.last_step == 1
    assert "a" in script.session.history.call_ids
    again = Session.open(script.crash())
    assert again.last_step == 1
    again.close()


@given(st.lists(st.integers(0, 30), max_size=25))
@settings(max_examples=200, deadline=None)
def test_any_walk_through_a_tree_keeps_every_entry_and_the_path_is_the_way_to_the_head(
    walk: list[int],
) -> None:
    history = History()
    made: list[str] = []
    for n, back in enumerate(walk):
        if back < len(made):
            history.branch(made[back])
        expected = [*history.entries, RetractEntry((str(n),), 0.0)]
        made.append(history.append(expected[-1]).id)
        assert list(history.entries) == expected
    assert [node.id for node in history.nodes] == made
    rows = tree_rows(history, {})
    assert sorted(row.id for row in rows) == sorted(made)
    assert [row.id for row in rows if row.on_path] == [node.id for node in history.path]
    shown: set[str] = set()
    for row in rows:
        node = history.node(row.id)
        assert node is not None
        assert not node.parent or node.parent in shown
        shown.add(row.id)


def test_the_tree_is_shown_with_turnings_indented_and_the_newest_going_on(tmp_path: Path) -> None:
    script = Script(tmp_path)
    first = script.ask("one")
    script.answer("first")
    script.session.branch(first.id)
    script.answer("other", cut="steer")
    script.ask("two", kind=Kind.STEER)
    rows = tree_rows(script.session.history, {first.id: "start"})
    assert [(r.depth, r.speaker, r.text, r.label, r.on_path, r.is_head) for r in rows] == [
        (0, "you", "one", "start", True, False),
        (1, "agent", "first", "", False, False),
        (0, "agent", "other [cut: steer]", "", True, False),
        (0, "steer", "two", "", True, True),
    ]
    assert isinstance(script.session.history.last, UserEntry)
    script.close()
