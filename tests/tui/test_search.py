"""Finding words in a conversation, and going from one thing that was said to the next."""

from __future__ import annotations

from collections.abc import Sequence
from math import inf

import pytest
from hypothesis import given
from hypothesis import strategies as st

from h2a_agent.events import (
    AnyEvent,
    Done,
    Kind,
    Outcome,
    Phase,
    Status,
    TokenStream,
    ToolCall,
    ToolResult,
    UserInput,
)
from h2a_themes import load
from h2a_tui.theme import styles_of
from h2a_tui.transcript.document import Document
from h2a_tui.transcript.lines import Page, wrap
from h2a_tui.transcript.search import Needle, Search, spots_in
from h2a_tui.transcript.viewport import Viewport
from support.chat_pilot import Chat, running_chat

THEME = load("dark")
PAGE = Page(60, styles_of(THEME))


def talk(count: int, first: int = 0) -> list[AnyEvent]:
    events: list[AnyEvent] = []
    for n in range(first, first + count):
        events.append(UserInput(f"{n}", Kind.PROMPT, f"question {n}"))
        events.append(TokenStream(n + 1, 0, f"Answer **{n}**.\n\n" + "Some words.\n\n" * 4))
        events.append(Done(n + 1, "end_turn"))
    return events


def viewport(events: Sequence[AnyEvent], height: int = 20) -> Viewport:
    document = Document()
    for event in events:
        document.apply(event)
    view = Viewport(document, PAGE)
    view.height = height
    shown(view)
    return view


def shown(view: Viewport) -> list[str]:
    while view.document.settle():
        pass
    view.take_changes()
    view.measure()
    return [line.text.strip() for line in view.rows()]


def found(search: Search, text: str) -> tuple[int, int]:
    search.seek(text)
    search.advance(inf)
    search.arrive()
    return search.position, search.total


# ------------------------------------------------------------------- what is found


def test_small_letters_find_capitals_and_capitals_only_themselves() -> None:
    assert Needle("error").count("Error error ERROR") == 3
    assert Needle("Error").count("Error error ERROR") == 1
    assert Needle("straße").count("STRASSE Straße") == 1


def test_what_is_looked_for_is_no_pattern() -> None:
    assert Needle("a.*b").count("a.*b axxb") == 1


@given(st.text("ab ", max_size=60), st.text("ab", min_size=1, max_size=3), st.integers(2, 12))
def test_what_a_line_has_is_found_however_it_is_wrapped(text: str, word: str, width: int) -> None:
    rows = wrap([(text, PAGE.styles.page)], width)
    spots = spots_in(rows, Needle(word))
    assert len(spots) == text.rstrip().count(word)
    for spot in spots:
        assert "".join(rows[part.row].text[part.begin : part.end] for part in spot) == word


def test_every_kind_of_item_can_be_found_in() -> None:
    events = (
        UserInput("1", Kind.PROMPT, "needle"),
        TokenStream(1, 0, "needle\n\n```\nneedle\n```\n\nneedle"),
        ToolCall(1, 1, "c", "bash", "complete", title="echo needle"),
        ToolResult("c", Outcome.OK, "needle", "exit 0"),
    )
    assert found(Search(viewport(events)), "needle")[1] == 6


def test_what_comes_while_a_search_is_open_is_found_too() -> None:
    view = viewport(talk(3))
    search = Search(view)
    assert found(search, "late")[1] == 0
    view.document.apply(TokenStream(9, 0, "too la"))
    shown(view)
    search.advance(inf)
    view.document.apply(TokenStream(9, 0, "te, late"))
    shown(view)
    search.advance(inf)
    assert search.total == 2


# ---------------------------------------------------------------------- where it goes


def test_a_search_goes_to_the_nearest_place_and_on_from_there_round_the_ends() -> None:
    view = viewport(talk(30))
    search = Search(view)
    assert found(search, "question 1") == (11, 11)  # 1 and 10 to 19; the last is nearest above the end
    assert "▌ question 19" in shown(view)
    search.step(1)
    assert search.position == 1
    assert "▌ question 1" in shown(view)
    search.step(-1)
    assert search.position == 11


def test_what_was_found_is_in_view_however_wrong_the_heights_above_it_were_estimated() -> None:
    link = f"[x](https://e.org/{'y' * 900})\n\n"
    events: list[AnyEvent] = []
    for n in range(40):
        events += [UserInput(f"{n}", Kind.PROMPT, f"said {n}."), TokenStream(n + 1, 0, link * 3)]
        events.append(Done(n + 1, "end_turn"))
    for n in (30, 2, 17):
        view = viewport(events)
        search = Search(view)
        found(search, f"said {n}.")
        assert f"▌ said {n}." in shown(view)


def test_places_of_one_item_are_visited_one_by_one() -> None:
    view = viewport([UserInput("1", Kind.PROMPT, "x\n" * 2), TokenStream(1, 0, "x y x\n\nx"), *talk(9, 5)])
    search = Search(view)
    found(search, "x")
    positions = []
    for _ in range(5):
        search.step(1)
        positions.append(search.position)
    assert sorted(positions) == [1, 2, 3, 4, 5]


def test_what_is_folded_away_is_unfolded_to_be_shown() -> None:
    text = "\n".join(f"line {n}" for n in range(100))
    call = ToolCall(1, 0, "c", "bash", "complete", title="seq")
    view = viewport([*talk(2), call, ToolResult("c", Outcome.OK, text, "exit 0"), *talk(9, 5)])
    found(Search(view), "line 40")
    assert "│ line 40" in shown(view)


def test_words_that_are_drawn_otherwise_are_still_shown() -> None:
    view = viewport([*talk(3), TokenStream(9, 0, "some **bo**ld text"), *talk(9, 10)])
    assert found(Search(view), "**bo**ld") == (1, 1)
    assert any("some bold text" in row for row in shown(view))


@pytest.mark.parametrize("away", [0, 37])
def test_leaving_a_search_goes_back_to_where_it_began(away: int) -> None:
    view = viewport(talk(30))
    if away:
        view.scroll_by(-away)
    before = shown(view)
    search = Search(view)
    found(search, "question 3")
    assert shown(view) != before
    search.end(stay=False)
    assert shown(view) == before
    assert view.follow is (not away)


def test_looking_for_more_letters_begins_where_the_search_began() -> None:
    view = viewport(talk(30))
    view.scroll_by(-100)
    place = view.document.items[view.layout.find(view.top) or 0]
    search = Search(view)
    for text in ("q", "qu", "que"):
        found(search, text)
    index = search.item
    assert index is not None
    assert index >= view.document.items.index(place)
    assert index - view.document.items.index(place) < 8


def test_what_was_said_is_gone_through_in_order() -> None:
    view = viewport(talk(30))
    tops = []
    while view.to_prompt(-1) is not None:
        tops.append(shown(view)[0])
    assert tops[-1] == "▌ question 0"
    assert tops == [f"▌ question {n}" for n in reversed(range(len(tops)))]
    assert view.to_prompt(1) is not None
    assert shown(view)[0] == "▌ question 1"


# --------------------------------------------------------------------- on the screen


def ground(chat: Chat, words: str) -> str | None:
    """The colour behind `words`, which may be written as the colour of words reversed."""
    strips = chat.app.screen._compositor.render_strips(chat.app.size)
    for segment in (s for strip in strips for s in strip if s.text == words):
        style = segment.style
        if style is not None and style.bgcolor is not None and style.color is not None:
            return style.color.name if style.reverse else style.bgcolor.name
    return None


async def test_f3_finds_while_one_types_and_escape_goes_back() -> None:
    async with running_chat() as chat:
        await chat.say(*talk(30))
        chat.screen.composer.text = "my draft"
        before = chat.rows()[:-1]  # the branch comes into the last one when it has been looked up
        await chat.press("f3", *"ion 4")
        await chat.until(lambda: "1 of 1" in chat.text())
        assert "▌ question 4" in chat.text()
        assert ground(chat, "ion 4") == THEME.warning
        await chat.press("escape")
        await chat.until(lambda: chat.rows()[:-1] == before)
        assert chat.draft == "my draft"
        assert chat.calls == []


async def test_find_takes_its_words_and_f3_stays_at_what_was_found() -> None:
    async with running_chat() as chat:
        await chat.say(*talk(30))
        await chat.type("/find question 2")
        await chat.press("enter")
        await chat.until(lambda: "of 11" in chat.text())
        await chat.press("enter", "up", "enter", "f3")
        assert "▌ question 2" in chat.text()
        await chat.until(lambda: "of 11" not in chat.text())
        await chat.type("x")
        assert chat.draft == "x"


async def test_enter_right_behind_the_words_means_these_words() -> None:
    async with running_chat() as chat:
        await chat.say(*talk(30))
        await chat.press("f3")
        await chat.press_at_once(*"question 7", "enter")
        await chat.until(lambda: "1 of 1" in chat.text())


async def test_what_is_nowhere_says_so_and_stays() -> None:
    async with running_chat() as chat:
        await chat.say(*talk(30))
        last = [row for row in chat.rows() if "Some words" in row]
        await chat.press("f3", *"zebra")
        await chat.until(lambda: "not found" in chat.text())
        assert len([row for row in chat.rows() if "Some words" in row]) >= len(last) - 1


async def test_escape_in_a_search_does_not_stop_the_agent() -> None:
    async with running_chat() as chat:
        await chat.say(*talk(3), Status(Phase.STREAMING, 4))
        await chat.press("f3", "escape")
        assert chat.calls == []
        await chat.press("escape")
        assert chat.calls == [("abort",)]


async def test_keys_go_from_one_thing_said_to_the_next_and_back_to_the_end() -> None:
    async with running_chat() as chat:
        await chat.say(*talk(30))
        await chat.press("alt+pageup", "alt+pageup")
        assert chat.rows()[0].strip() == "▌ question 27"
        await chat.press(*["alt+pagedown"] * 4)
        assert chat.screen.transcript.following


async def test_a_click_on_the_mark_goes_to_what_is_new_below() -> None:
    async with running_chat() as chat:
        await chat.say(*talk(30))
        await chat.press("pageup")
        await chat.say(TokenStream(40, 0, "new\n\n" * 5))
        await chat.until(lambda: "new below" in chat.text())
        row = next(y for y, text in enumerate(chat.rows()) if "new below" in text)
        await chat.pilot.click(offset=(75, row))
        assert chat.screen.transcript.following
