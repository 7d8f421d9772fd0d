"""Results of tools as what they are: changes, files, hits, what commands print, how long they have run."""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from h2a_agent.events import (
    AnyEvent,
    ApprovalAnswered,
    ApprovalRequested,
    Decision,
    Done,
    Outcome,
    ToolCall,
    ToolResult,
)
from h2a_themes import load
from h2a_tui.theme import styles_of
from h2a_tui.transcript.diff_lines import changed_words, parse_diff
from h2a_tui.transcript.document import Document
from h2a_tui.transcript.hits_view import match_finder
from h2a_tui.transcript.lines import Line, Page

THEME = load("dark")
PAGE = Page(64, styles_of(THEME))
WIDE = Page(150, styles_of(THEME))


def drawn(
    tool: str,
    text: str,
    brief: str = "",
    *,
    diff: str = "",
    page: Page = PAGE,
    folded: bool = True,
    **arguments: Any,
) -> list[Line]:
    document = Document()
    document.apply(ToolCall(1, 0, "c", tool, "complete", arguments=arguments, title="it"))
    document.apply(ToolResult("c", Outcome.OK, text, brief, diff=diff))
    if not folded:
        document.toggle_fold(0)
    return document.items[0].render(page)[2:]


def words(lines: list[Line]) -> list[str]:
    return [line.text.rstrip() for line in lines]


def diff_of(old: list[str], new: list[str], name: str = "x.py") -> str:
    lines = difflib.unified_diff(old, new, f"a/{name}", f"b/{name}", lineterm="")
    return "\n".join(lines) + "\n"


def ground(line: Line, part: str) -> set[str]:
    return {s.style.bgcolor.name for s in line.segments if part in s.text and s.style and s.style.bgcolor}


# -------------------------------------------------------------------- changes

CHANGE = diff_of(
    ["import os", "", "def greet(name):", "    print('hello', name)", "    return None"],
    ["import os", "", "def greet(name):", "    print('goodbye', name)", "    return None"],
)


def test_a_change_shows_numbers_and_marks_and_no_headers() -> None:
    assert words(drawn("edit", "edited", "+1 -1", diff=CHANGE)) == [
        "│ +1 -1",
        "│ 1   import os",
        "│ 2",
        "│ 3   def greet(name):",
        "│ 4 -     print('hello', name)",
        "│ 4 +     print('goodbye', name)",
        "│ 5       return None",
    ]


def test_only_the_changed_words_stand_out_of_their_line() -> None:
    lines = drawn("edit", "", diff=CHANGE)
    added = next(line for line in lines if "goodbye" in line.text)
    assert ground(added, "print") == {THEME.diff_added_background}
    assert ground(added, "goodbye") != {THEME.diff_added_background}
    removed = next(line for line in lines if "hello" in line.text)
    assert ground(removed, "print") == {THEME.diff_removed_background}
    assert ground(removed, "hello") != {THEME.diff_removed_background}


def test_lines_that_have_nothing_in_common_have_no_marked_words() -> None:
    assert changed_words("return 1", "for x in range(99): pass") == ()


def test_a_change_has_the_colours_of_its_language() -> None:
    line = next(line for line in drawn("edit", "", diff=CHANGE) if "def greet" in line.text)
    keyword = next(s for s in line.segments if s.text == "def")
    assert keyword.style is not None
    assert keyword.style.color is not None
    assert keyword.style.color.name == THEME.syntax_keyword


def test_a_file_of_no_known_language_stays_plain() -> None:
    line = next(
        line
        for line in drawn("edit", "", diff=diff_of(["def a"], ["def b"], "x.zzz"))
        if "def b" in line.text
    )
    assert {s.style.color.name for s in line.segments[2:] if s.style and s.style.color} == {THEME.diff_added}


def test_places_far_from_each_other_are_divided() -> None:
    old = [f"line {n}" for n in range(40)]
    new = ["first", *old[1:-1], "last"]
    assert any(
        row.startswith("│  ⋮") for row in words(drawn("edit", "", diff=diff_of(old, new), folded=False))
    )


def test_a_wide_page_shows_old_and_new_side_by_side() -> None:
    rows = words(drawn("edit", "", diff=CHANGE, page=WIDE))
    row = next(row for row in rows if "hello" in row)
    left, right = row.removeprefix("│ ").split("│")
    assert left.strip() == "4 -     print('hello', name)"
    assert right.strip() == "4 +     print('goodbye', name)"
    assert max(map(len, rows)) <= WIDE.width - WIDE.margin


def test_what_is_only_added_leaves_the_left_side_empty() -> None:
    rows = words(drawn("edit", "", diff=diff_of(["a"], ["a", "b"]), page=WIDE))
    assert rows[-1].removeprefix("│ ").split("│")[0].strip() == ""


def test_a_narrow_page_or_the_reader_may_want_one_column() -> None:
    one = Page(150, WIDE.styles, side_by_side=False)
    assert sum("print" in row for row in words(drawn("edit", "", diff=CHANGE, page=one))) == 2


def test_a_long_change_is_folded_to_its_beginning() -> None:
    diff = diff_of([], [f"line {n}" for n in range(60)])
    rows = words(drawn("write", "", diff=diff))
    assert rows[-1] == "│ … 46 more lines ▸"
    assert len(words(drawn("write", "", diff=diff, folded=False))) == 60


def test_removed_lines_that_look_like_headers_are_lines() -> None:
    name, lines = parse_diff("--- a/x\n+++ b/x\n@@ -1,2 +1 @@\n--- old\n+++ new\n-gone\n")
    assert name == "x"
    assert [(line.mark, line.text) for line in lines] == [("-", "-- old"), ("+", "++ new"), ("-", "gone")]


def test_a_copied_line_of_a_change_is_the_line_alone() -> None:
    line = next(line for line in drawn("edit", "", diff=CHANGE) if "goodbye" in line.text)
    assert line.text[line.lead :] == "    print('goodbye', name)"


@given(st.lists(st.text("ab \n+-@\\0123", max_size=12), max_size=12), st.booleans())
def test_any_text_for_a_diff_is_drawn_within_the_page(parts: list[str], folded: bool) -> None:
    text = "@@ -1,3 +1,3 @@\n" + "\n".join(parts) + "\n+x"
    for page in (PAGE, WIDE):
        for line in drawn("edit", "", diff=text, page=page, folded=folded):
            assert sum(s.cell_length for s in line.segments) <= page.width - page.margin


@given(st.lists(st.sampled_from("abcde"), max_size=30), st.lists(st.sampled_from("abcde"), max_size=30))
def test_the_numbers_are_those_of_the_files(old: list[str], new: list[str]) -> None:
    _, lines = parse_diff(diff_of(old, new))
    for line in lines:
        if line.mark in " -":
            assert old[line.old - 1] == line.text
        if line.mark in " +":
            assert new[line.new - 1] == line.text


# ---------------------------------------------------------------------- files


def test_a_file_shows_which_lines_were_read() -> None:
    text = "def a():\n    pass\n\n[Lines 41-42 of 90. Go on with offset=43.]"
    rows = words(drawn("read", text, "2 of 90 lines", path="x.py", offset=41))
    assert rows == ["│ lines 41–42 of 90", "│ 41 def a():", "│ 42     pass"]


def test_a_whole_file_is_just_so_many_lines() -> None:
    assert words(drawn("read", "one\ntwo", "2 lines", path="x.txt")) == ["│ 2 lines", "│ 1 one", "│ 2 two"]


def test_a_picture_is_a_line_with_its_size() -> None:
    assert words(drawn("read", "cat.png: png image, 12 KB", "png image, 12 KB", path="cat.png")) == [
        "│ ▣ png image, 12 KB"
    ]


# ----------------------------------------------------------------------- hits


def test_hits_stand_under_their_file() -> None:
    text = "a.py:3:def one():\na.py:19:def two():\nb/c.py:1:def three():"
    assert words(drawn("grep", text, "3 matches in 2 files", pattern="def", folded=False)) == [
        "│ 3 matches in 2 files",
        "│ a.py",
        "│  3 def one():",
        "│ 19 def two():",
        "│ b/c.py",
        "│  1 def three():",
    ]


def test_the_match_is_marked() -> None:
    line = drawn("grep", "a.py:3:x = find_me(1)", pattern=r"find_\w+")[-1]
    marked = [
        s.text for s in line.segments if s.style and s.style.color and s.style.color.name == THEME.accent
    ]
    assert marked == ["find_me"]


def test_lines_around_a_match_belong_to_its_file() -> None:
    text = "my-1-file.py-2-before:7:x\nmy-1-file.py:3:match\n--\nmy-1-file.py-9-after"
    rows = words(drawn("grep", text, pattern="match", context=1, folded=False))
    assert rows == ["│ my-1-file.py", "│ 2 before:7:x", "│ 3 match", "│ 9 after"]


def test_what_says_nothing_of_a_file_stands_as_it_is() -> None:
    assert words(drawn("grep", "a.py:1:x\n\n[There are more.]", pattern="x"))[-1] == "│ [There are more.]"


@pytest.mark.parametrize(
    "arguments", [{"pattern": "(a+)+b"}, {"pattern": "a*a*b"}, {"pattern": "("}, {"pattern": 3}, {}]
)
def test_a_pattern_that_could_take_long_or_is_none_is_not_tried(arguments: Mapping[str, Any]) -> None:
    assert match_finder(arguments) is None


# ------------------------------------------------------------------- commands


def test_a_command_shows_its_last_lines_and_how_many_are_above() -> None:
    text = "\n".join(f"line {n}" for n in range(30))
    assert words(drawn("bash", text, "exit 0, 30 lines")) == [
        "│ exit 0, 30 lines",
        "│ … 25 lines above ▸",
        *(f"│ line {n}" for n in range(25, 30)),
    ]


def heads(*events: AnyEvent, now: float) -> list[str]:
    document = Document()
    for event in events:
        document.apply(event)
    document.tell_time(now)
    return [item.render(PAGE)[1].text for item in document.items]


CALL = ToolCall(1, 0, "c", "bash", "complete", title="make", time=100.0)
DONE = Done(1, "tool_use", time=105.0)


def test_a_running_tool_says_for_how_long_since_it_could_begin() -> None:
    assert heads(CALL, DONE, now=112.4) == ["● bash  make  7s"]


def test_time_spent_waiting_for_a_person_is_not_the_tools() -> None:
    asked = ApprovalRequested("c", "bash", "make", "make", "command", "", "/", time=106.0)
    assert heads(CALL, DONE, asked, now=180.0) == ["? bash  make  waiting for your answer"]
    answered = ApprovalAnswered("c", Decision.ALLOW, time=180.0)
    assert heads(CALL, DONE, asked, answered, now=183.0) == ["● bash  make  3s"]


def test_the_result_brings_the_true_time() -> None:
    result = ToolResult("c", Outcome.OK, "", "exit 0", 2.0, time=108.0)
    assert heads(CALL, DONE, result, now=190.0) == ["✓ bash  make  2s"]
