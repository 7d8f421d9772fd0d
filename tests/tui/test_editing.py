"""Writing: characters as people see them, words, undo, and the keys of a shell's line."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from textual import events
from wcwidth import iter_graphemes

from h2a_tui.graphemes import cluster, word_left, word_right
from support.chat_pilot import Chat, running_chat

FLAG, FAMILY, THUMB, ACCENTED = "🇩🇪", "👨\u200d👩\u200d👧", "👍🏽", "e\u0301"
CHARACTERS = [FLAG, FAMILY, THUMB, ACCENTED, "❤\ufe0f", "각", "日", "x"]


@given(st.lists(st.sampled_from([*CHARACTERS, "\u0301", "\u200d", "🇫", " "]), max_size=40).map("".join))
def test_a_column_lies_inside_a_character_exactly_where_unicode_says_so(line: str) -> None:
    ends = [0]
    for character in iter_graphemes(line):
        ends.append(ends[-1] + len(character))
    for column in range(len(line) + 1):
        begin = max(end for end in ends if end <= column)
        end = min(end for end in ends if end >= column)
        assert cluster(line, column) == (begin, end)


@given(st.text(alphabet="ab_ -.é\u0301日🇩", max_size=30), st.integers(0, 30))
def test_a_word_is_found_within_the_line_and_away_from_the_cursor(line: str, column: int) -> None:
    column = min(column, len(line))
    assert 0 <= word_left(line, column) <= column <= word_right(line, column) <= len(line)
    assert column == 0 or word_left(line, column) < column
    assert column == len(line) or word_right(line, column) > column


@pytest.mark.parametrize("character", CHARACTERS)
async def test_one_key_passes_and_one_key_deletes_one_character(character: str) -> None:
    async with running_chat() as chat:
        await paste(chat, f"a{character}{character}z")
        await chat.press("left", "left", "backspace")
        assert chat.draft == f"a{character}z"
        await chat.press("delete")
        assert chat.draft == "az"
        await chat.press("ctrl+underscore", "home", "right", "right", "X")
        assert chat.draft == f"a{character}X{character}z"


async def test_up_and_down_never_land_inside_a_character() -> None:
    async with running_chat() as chat:
        await paste(chat, f"{FAMILY}{FAMILY}\nabcdefgh")
        for _ in range(9):
            await chat.press("up", "down", "left")
            assert chat.screen.composer.cursor_location[1] in (*range(9), 10)
        await chat.press("ctrl+c")
        await paste(chat, f"{ACCENTED}{ACCENTED}{ACCENTED}\nabc")
        await chat.press("up", "X")
        assert chat.draft == f"{ACCENTED}{ACCENTED}{ACCENTED}X\nabc"


async def test_family_typed_code_point_by_code_point_is_one_character_also_for_undo() -> None:
    async with running_chat() as chat:
        await chat.press("a", "backspace")  # so that deleting and inserting alternate
        await chat.press("b", *FAMILY)
        assert chat.draft == f"b{FAMILY}"
        assert chat.screen.composer.cursor_screen_offset.x == chat.screen.composer.region.x + 3
        chat.screen.composer.history.checkpoint()
        await chat.press("👍")
        chat.screen.composer.history.checkpoint()  # a pause in the middle of a character
        await chat.press("🏽")
        await chat.press("ctrl+underscore")
        assert chat.draft == f"b{FAMILY}"
        await chat.press("alt+slash")
        assert chat.draft == f"b{FAMILY}{THUMB}"
        await chat.press("backspace", "backspace")
        assert chat.draft == "b"


async def test_words_are_passed_and_deleted() -> None:
    async with running_chat() as chat:
        await chat.type("one two_2, cafe\u0301!")
        await chat.press("alt+b", "X")
        assert chat.draft == "one two_2, Xcafe\u0301!"
        await chat.press("alt+b", "alt+b", "alt+d")
        assert chat.draft == "one , Xcafe\u0301!"
        await chat.press("alt+f", "ctrl+w")
        assert chat.draft == "one , !"


async def test_what_is_killed_in_a_row_comes_back_as_one() -> None:
    async with running_chat() as chat:
        await chat.type("one two three")
        await chat.press("ctrl+w", "ctrl+w")
        assert chat.draft == "one "
        await chat.press("home", "ctrl+y")
        assert chat.draft == "two threeone "
        await chat.press("ctrl+k", "end", "ctrl+u")
        assert chat.draft == ""
        await chat.press("ctrl+y")
        assert chat.draft == "two three"
        await chat.press("ctrl+j", "b", "ctrl+a", "ctrl+u", "ctrl+e", "ctrl+y")
        assert chat.draft == "two threeb\n"


async def paste(chat: Chat, text: str) -> None:
    chat.screen.composer.post_message(events.Paste(text))
    await chat.drawn()
