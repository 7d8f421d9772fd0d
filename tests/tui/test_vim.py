"""Vim's keys: the machine alone, beside the vim of this machine, and in the editors of the real screen."""

from __future__ import annotations

from random import Random

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from textual import events
from wcwidth import iter_graphemes

from h2a_agent.events import Kind, Phase, QueueChanged, QueueItem, Status
from h2a_tui.keymap import VIM, Context
from h2a_tui.vim import Mode, Page, State, leave_insert, press
from support.chat_pilot import Chat, running_chat
from support.vim_cases import CASES
from support.vim_player import BEGIN, Case, Played, play, play_in_vim, vim_is_here

ESC = "\x1b"
TABLE = [
    pytest.param(text, at, keys, after, cursor, id=f"{group}: {keys.encode('unicode_escape').decode()}")
    for group, (text, at, rows) in CASES.items()
    for keys, after, cursor in rows
]


# ------------------------------------------------------------------------ the machine


@pytest.mark.parametrize(("text", "at", "keys", "after", "cursor"), TABLE)
def test_keys_do_what_they_do_in_vim(text: str, at: int, keys: str, after: str, cursor: int) -> None:
    assert play(Case(text, at, keys)) == Played(after, cursor)


@pytest.mark.skipif(not vim_is_here(), reason="no vim 9 here")
def test_the_table_is_what_the_vim_of_this_machine_says() -> None:
    """Where Escape or undo leave the cursor is the editor's; all else is vim's."""
    cases, expected = [], []
    for text, at, rows in CASES.values():
        for keys, after, cursor in rows:
            cases.append(Case(text, at, keys))
            expected.append(Played(after, cursor))
    differ = [
        (case.text, case.keys, said, wanted)
        for case, said, wanted in zip(cases, play_in_vim(cases), expected, strict=True)
        if said.text != wanted.text or (said.at != wanted.at and not set("u\x12") & set(case.keys))
    ]
    assert differ == []


KEYS = st.sampled_from(
    [
        *"hjklwbeWBE0^$GfFtT;,%{}dcyxXDCYsSr~JpPu.iIaAoOvV123 9\"'()[]<>g@a\x12",
        ESC,
        "gg",
        "iw",
        "ap",
        "日",
        "\n",
    ]
)
CHARACTERS = ["a", "b", " ", "\t", "\n", "(", ")", '"', "é", "e\u0301", "日", "👨\u200d👩\u200d👧", "_", "."]
TEXTS = st.lists(st.sampled_from(CHARACTERS), max_size=30).map("".join)


def between_characters(text: str, at: int) -> bool:
    line = text[text.rfind("\n", 0, at) + 1 :].partition("\n")[0]
    column, ends = at - text.rfind("\n", 0, at) - 1, [0]
    for character in iter_graphemes(line):
        ends.append(ends[-1] + len(character))
    return column in ends


@given(TEXTS, st.integers(0, 40), st.lists(KEYS, max_size=25))
@example("aa", 1, ["v", "p"])  # there is nothing to put, so the line ends before the cursor
def test_no_keys_make_it_fail_or_leave_the_text_or_cut_a_character(
    text: str, at: int, keys: list[str]
) -> None:
    state, page = State(mode=Mode.NORMAL), Page(text)
    at = page.standing(at)
    for key in (key for row in keys for key in row):
        if state.mode is Mode.INSERT and key != ESC:
            text, at = text[:at] + key + text[at:], at + len(key)
            page = Page(text)
            continue
        state, done = leave_insert(state, page, at) if key == ESC else press(state, key, page, at)
        if done.change is not None:
            start, end, new = done.change
            assert 0 <= start <= end <= len(text)
            assert between_characters(text, start)
            assert between_characters(text, end)
            text = text[:start] + new + text[end:]
            page = Page(text)
        at = done.cursor
        assert 0 <= at <= len(text)
        if state.mode is Mode.NORMAL:
            assert page.standing(at) == at
        if done.selection is not None:
            assert 0 <= done.selection[0] <= done.selection[1] <= len(text)


@given(TEXTS, st.lists(KEYS, max_size=12))
def test_a_count_of_any_size_ends(text: str, keys: list[str]) -> None:
    played = play(Case(text, 0, "".join(f"99999999{key}" for row in keys for key in row)))
    assert len(played.text) < 40_000_000


def test_a_tag_is_one_thing() -> None:
    tag = "[paste #1 · 12 lines]"

    def unit(line: str, column: int) -> tuple[int, int]:
        start = line.find(tag)
        return (start, start + len(tag)) if start < column < start + len(tag) else (column, column)

    page = Page(f"a {tag} b", unit)
    for keys, after in (
        ("wx", "a  b"),
        ("wdw", "a b"),
        ("$bx", "a  b"),
        ("wlD", f"a {tag}"),
        ("wrz", "a z b"),
    ):
        state, at, text = State(mode=Mode.NORMAL), 0, page.text
        for key in keys:
            state, done = press(state, key, page, at)
            at = done.cursor
            if done.change:
                text = text[: done.change.start] + done.change.text + text[done.change.end :]
        assert text == after, keys


# ------------------------------------------------------------------- in the chat's editors


async def write(chat: Chat, text: str) -> None:
    chat.screen.composer.post_message(events.Paste(text))
    await chat.drawn()


def hint(chat: Chat) -> str:
    return chat.region_text(chat.screen.hint_line.region).strip()


async def test_one_begins_writing_and_escape_leads_to_normal_mode_and_only_then_stops() -> None:
    async with running_chat(editing="vim") as chat:
        await chat.say(Status(Phase.STREAMING, 1))
        await chat.type("one two")
        assert hint(chat).startswith("INSERT  Enter steer")
        assert "Esc normal mode" in hint(chat)
        await chat.press("escape")
        assert chat.calls == []
        assert hint(chat).startswith("NORMAL  Enter steer")
        assert "Esc stop" in hint(chat)
        await chat.press("d")
        assert hint(chat).startswith("NORMAL d")
        assert "Esc drop keys" in hint(chat)
        await chat.press("escape", "b")
        assert chat.calls == []
        assert chat.draft == "one two"
        await chat.press("v", "e")
        assert hint(chat).startswith("VISUAL")
        assert chat.screen.composer.selected_text == "two"
        await chat.press("escape")
        assert chat.calls == []
        assert chat.screen.composer.selected_text == ""
        await chat.press("escape")
        assert chat.last_call == ("abort",)


async def test_enter_sends_from_every_mode_and_the_next_message_begins_in_insert_mode() -> None:
    async with running_chat(editing="vim") as chat:
        await chat.say(Status(Phase.STREAMING, 1))
        for keys in ((), ("escape",), ("escape", "v"), ("escape", "d")):
            await chat.type("go")
            await chat.press(*keys, "enter")
            assert chat.last_call == ("steer", "go")
            assert hint(chat).startswith("INSERT")
        await chat.type("go")
        await chat.press("escape", "alt+enter")
        assert chat.last_call == ("follow-up", "go")


async def test_keys_without_a_character_are_vims_in_normal_mode() -> None:
    async with running_chat(editing="vim") as chat:
        await chat.type("one two")
        await chat.press("escape", "left", "backspace", "x")
        assert chat.draft == "one wo"
        await chat.press("delete", "u", "u")
        assert chat.draft == "one two"
        await chat.press("ctrl+r")
        assert chat.draft == "one wo"
        assert not chat.screen.composer.popup_open
        await chat.press("ctrl+w", "ctrl+k")
        assert chat.draft == "one wo"
        await chat.press("A", "ctrl+w")
        assert chat.draft == "one "
    assert set(VIM.values()) <= set("hlkj0$x\x12")


async def test_undo_takes_back_a_whole_insertion_and_nothing_else() -> None:
    async with running_chat(editing="vim") as chat:
        await chat.type("first")
        await chat.press("escape", "o")
        await chat.type("second line")
        await chat.press("backspace", "ctrl+w", "Z", "escape")
        assert chat.draft == "first\nsecond Z"
        await chat.press("c", "c", "N", "escape")
        assert chat.draft == "first\nN"
        await chat.press("u")
        assert chat.draft == "first\nsecond Z"
        await chat.press("u")
        assert chat.draft == "first"
        await chat.press("2", "ctrl+r")
        assert chat.draft == "first\nN"


async def test_in_the_editor_everything_is_as_in_the_machine_and_undo_leads_back_to_the_beginning() -> None:
    random = Random(5)
    rows = [row for _, _, rows in CASES.values() for row, _, _ in rows if not set(row) & set("u\x12")]
    async with running_chat(editing="vim") as chat:
        await chat.press("escape")
        composer = chat.screen.composer
        for _ in range(40):
            text = random.choice([text for text, _, _ in CASES.values()])
            composer.load_text(text)
            composer._vim.state = BEGIN
            keys = "".join(random.choices(rows, k=4))
            await chat.press_at_once("escape", *("escape" if key == ESC else key for key in keys), "escape")
            assert composer.text == play(Case(text, 0, keys)).text, (text, keys)
            await chat.press("9", "9", "u")
            assert composer.text == text, keys


async def test_dot_says_the_last_change_again_also_in_the_next_message() -> None:
    async with running_chat(editing="vim") as chat:
        await chat.type("foo bar foo")
        await chat.press("escape", "0", "c", "w", "x", "y", "escape", "$", ".")
        assert chat.draft == "xy bar foxy"
        await chat.press("enter")
        await chat.type("old")
        await chat.press("escape", "0", ".")
        assert chat.draft == "xy"


async def test_lists_work_in_insert_mode_and_do_not_open_in_normal_mode() -> None:
    async with running_chat(editing="vim") as chat:
        await chat.type("/the")
        assert chat.screen.composer.popup_open
        await chat.press("escape")
        assert not chat.screen.composer.popup_open
        assert hint(chat).startswith("INSERT")
        await chat.press("escape", "h", "x")
        assert not chat.screen.composer.popup_open
        await chat.press("i", "h")
        assert chat.screen.composer.popup_open
        await chat.press("tab")
        assert chat.draft.startswith("/the")


async def test_j_and_k_beyond_the_text_reach_earlier_messages() -> None:
    async with running_chat(editing="vim") as chat:
        await chat.type("one")
        await chat.press("enter")
        await chat.type("two")
        await chat.press("escape", "k")
        assert chat.draft == "one"
        await chat.press("j")
        assert chat.draft == "two"
        await chat.press("d", "k")
        assert chat.draft == "two"


async def test_a_queued_message_is_edited_with_vims_keys_and_escape_leads_out_step_by_step() -> None:
    item = QueueItem("i1", Kind.FOLLOW_UP, "queued", "one two", 0, 0.0, 0)
    async with running_chat(editing="vim") as chat:
        await chat.say(Status(Phase.STREAMING, 1), QueueChanged((item,)))
        await chat.press("alt+up", "enter")
        assert chat.screen.context is Context.QUEUE_EDIT
        assert hint(chat).startswith("INSERT")
        await chat.press("escape", "d", "b")
        assert chat.screen.queue_panel.editor.text == "one o"
        assert "Esc back" in hint(chat)
        await chat.press("escape")
        assert chat.screen.context is Context.QUEUE


async def test_looking_for_words_has_no_modes() -> None:
    async with running_chat(editing="vim") as chat:
        await chat.press("f3")
        await chat.type("word")
        assert chat.screen.find_bar.text == "word"
        await chat.press("escape")
        assert chat.screen.context is Context.COMPOSER


async def test_vim_command_turns_it_on_and_off() -> None:
    async with running_chat() as chat:
        await chat.type("a b")
        await chat.press("escape", "h", "x")
        assert chat.draft == "a bhx"
        await chat.press("ctrl+c")
        await chat.type("/vim")
        await chat.press("enter")
        assert hint(chat).startswith("INSERT")
        await chat.type("ab")
        await chat.press("escape", "x")
        assert chat.draft == "a"
        await chat.press("c", "c")
        await chat.type("/vim")
        await chat.press("enter")
        await chat.press("escape", "x")
        assert chat.draft == "x"
        assert hint(chat).startswith("Enter send")


@pytest.mark.parametrize("way", ["a paste", "a mouse"])
async def test_what_comes_between_ends_a_choice(way: str) -> None:
    async with running_chat(editing="vim") as chat:
        await chat.type("one two")
        await chat.press("escape", "v", "b")
        if way == "a paste":
            await write(chat, "X")
            assert chat.draft == "one X"
        else:
            chat.screen.composer.move_cursor((0, 0))
            await chat.press("x")
            assert chat.draft == "ne two"


async def test_flags_families_and_tags_are_one_step() -> None:
    async with running_chat(editing="vim") as chat:
        await write(chat, "a👨\u200d👩\u200d👧b")
        await chat.press("escape", "h", "x")
        assert chat.draft == "ab"
        await chat.press("c", "c")
        await write(chat, "line\n" * 12)
        await chat.press("escape", "x")
        assert chat.draft == ""
        await chat.press("u")
        assert chat.draft.startswith("[paste #1")
