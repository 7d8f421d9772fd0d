"""The inline mode's editor: the verbs of the keymap on whole characters, tags and lines."""

from __future__ import annotations

import pytest
from rich.style import Style

from h2a_tui.inline.editor import InlineEditor, Look
from h2a_tui.keymap import EDITING

LOOK = Look(Style(), Style(reverse=True), Style(bold=True), Style(dim=True))


def editor(text: str, cursor: int | None = None) -> InlineEditor:
    it = InlineEditor()
    it.load(text, cursor)
    return it


def press(it: InlineEditor, *keys: str) -> InlineEditor:
    for key in keys:
        if key in EDITING:
            it.edit(EDITING[key])
        else:
            it.insert(key)
    return it


@pytest.mark.parametrize("verb", sorted(set(EDITING.values())))
def test_every_verb_of_the_keymap_does_something(verb: str) -> None:
    it = editor("one two\nthree four five\nsix seven", 16)  # inside of "four"
    it.edit("delete_word_right")
    it.edit("undo")
    if verb == "cut":
        it.edit("cursor_left(True)")
    before = it.text, it.cursor, it.selected_text
    it.edit(verb)
    assert (it.text, it.cursor, it.selected_text) != before


def test_words_are_killed_and_put_back_as_one() -> None:
    it = press(editor("one two three"), "ctrl+w", "ctrl+w")
    assert it.text == "one "
    assert press(it, "ctrl+y").text == "one two three"


def test_typing_is_undone_as_a_whole_and_made_again() -> None:
    it = press(editor(""), "a", "b", "c", "left", "d")
    assert it.text == "abdc"
    assert press(it, "ctrl+underscore").text == "abc"
    assert press(it, "ctrl+underscore").text == ""
    assert press(it, "alt+slash", "alt+slash").text == "abdc"


@pytest.mark.parametrize("character", ["é", "👩\u200d👩\u200d👧", "🇨🇭", "漢", "e\u0301"])
def test_a_character_is_one_however_many_code_points_it_has(character: str) -> None:
    it = press(editor(f"a{character}b"), "left", "left")
    assert it.cursor == 1
    assert press(it, "delete").text == "ab"
    it = press(editor(f"a{character}"), "backspace")
    assert it.text == "a"


def test_a_tag_is_one_thing_and_opens_on_demand() -> None:
    it = InlineEditor()
    it.paste("x\n" * 20)
    assert it.text == "[paste #1 · 20 lines]"
    assert it.message == "x\n" * 20
    it.edit("cursor_left")
    assert it.cursor == 0
    it.edit("cursor_right")
    assert it.expand_paste()
    assert it.text == "x\n" * 20


def test_what_is_selected_is_replaced_cut_and_pasted() -> None:
    it = press(editor("hello world", 5), "shift+right", "shift+end")
    assert it.selected_text == " world"
    assert press(it, "!").text == "hello!"
    it = press(editor("hello world", 5), "shift+end", "ctrl+x", "home", "ctrl+v")
    assert it.text == " worldhello"


def test_up_and_down_keep_their_column_over_a_short_line() -> None:
    it = press(editor("a long line\nx\nanother line", 8), "down", "down")
    assert it.before == (2, "another ")


def test_a_backslash_before_enter_is_a_new_line() -> None:
    it = editor("one\\")
    assert it.continues()
    assert it.text == "one\n"
    assert not it.continues()


def test_rows_are_no_wider_than_asked_for_and_the_cursor_is_among_them() -> None:
    it = editor("漢字" * 10 + "\n" + "word " * 10, 45)
    for width in (2, 3, 7, 20):
        rows = it.rows(width, 3, LOOK)
        assert len(rows) == 3
        assert all(sum(segment.cell_length for segment in row.segments) <= width for row in rows)
        assert sum(segment.style == LOOK.cursor for row in rows for segment in row.segments) == 1


def test_the_cursor_behind_a_full_row_has_a_row_of_its_own() -> None:
    rows = editor("abcd").rows(4, 5, LOOK)
    assert [row.text for row in rows] == ["abcd", " "]
