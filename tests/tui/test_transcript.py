"""The transcript on a screen: follows, holds still, folds, selects and paints only what changed."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable, Iterator

import pytest
from textual.app import App, ComposeResult
from textual.events import MouseScrollUp
from textual.geometry import Offset, Region
from textual.pilot import Pilot
from textual.selection import Selection
from textual.widgets import Static

from h2a_agent.events import (
    AnyEvent,
    Done,
    Kind,
    Outcome,
    TokenStream,
    ToolCall,
    ToolOutput,
    ToolResult,
    UserInput,
)
from h2a_themes import load
from h2a_tui.textual_theme import textual_theme
from h2a_tui.transcript.pacing import Pacer
from h2a_tui.transcript.widget import Transcript

_NEW_BELOW = r" ▼ ([\d,]+) new below.*$"
SIZES = [(80, 24), (120, 40), (200, 60)]


class Page(App[None]):
    """A transcript above one line of something else."""

    CSS = "Static { height: 1; dock: bottom; }"

    def __init__(self, *events: AnyEvent) -> None:
        super().__init__()
        self.transcript = Transcript()
        self.transcript.apply_many(events)
        self.messages: list[object] = []

    def compose(self) -> ComposeResult:
        yield self.transcript
        yield Static("composer")

    def on_mount(self) -> None:
        theme = textual_theme(load("dark"))
        self.register_theme(theme)
        self.theme = theme.name

    def on_transcript_item_clicked(self, message: Transcript.ItemClicked) -> None:
        self.messages.append(type(message.item).__name__)


def screen(page: Page) -> list[str]:
    """The rows of the transcript as the compositor has them, without the marks at the right edge."""
    transcript = page.transcript
    strips = transcript.render_lines(Region(0, 0, transcript.size.width, transcript.size.height))
    assert all(strip.cell_length == transcript.size.width for strip in strips)
    return [re.sub(_NEW_BELOW, "", strip.text).removesuffix("▐").rstrip() for strip in strips]


def new_below(page: Page) -> int:
    """How many lines the mark in the last row says are new below; 0 without a mark."""
    transcript = page.transcript
    [strip] = transcript.render_lines(Region(0, transcript.size.height - 1, transcript.size.width, 1))
    found = re.search(_NEW_BELOW, strip.text)
    return int(found[1].replace(",", "")) if found else 0


async def until(condition: Callable[[], object], pilot: Pilot[None]) -> None:
    for _ in range(500):
        if condition():
            await pilot.pause()
            return
        await asyncio.sleep(0.005)
    raise AssertionError("it never happened")


async def drawn(page: Page, pilot: Pilot[None], words: str) -> None:
    """Wait until `words` are on the screen."""
    await until(lambda: any(words in row for row in screen(page)), pilot)


def conversation(messages: int, first: int = 0) -> Iterator[AnyEvent]:
    for n in range(first, first + messages):
        yield UserInput(f"{n}", Kind.PROMPT, f"question {n} " + "word " * (n * 17 % 60))
        body = "some more words " * (n * 13 % 40)
        yield TokenStream(n + 1, 0, f"## Answer {n}\n\n{body}\n\n- a\n- b\n\n```python\nx = {n}\n```\n")
        yield Done(n + 1, "end_turn")


# -------------------------------------------------------------------- looks


@pytest.mark.parametrize("size", SIZES)
async def test_a_conversation_is_drawn_at_any_size(size: tuple[int, int]) -> None:
    page = Page(UserInput("1", Kind.PROMPT, "Hello there"), TokenStream(1, 0, "Some **bold** words. " * 30))
    async with page.run_test(size=size) as pilot:
        await drawn(page, pilot, "bold")
        rows = screen(page)
        assert rows[:2] == ["", "  ▌ Hello there"]
        assert max(len(row) for row in rows) <= min(size[0], 112)
        assert rows[3].startswith("  Some bold words.")
        svg = re.sub(r"&#160;", " ", page.export_screenshot())
        assert "Hello there" in svg
        assert load("dark").user_background in svg


async def test_a_screen_narrower_than_any_word_still_draws() -> None:
    page = Page(*conversation(2))
    async with page.run_test(size=(6, 8)) as pilot:
        await until(lambda: any(screen(page)), pilot)


async def test_plain_text_has_everything_that_waits_and_no_wrapping() -> None:
    page = Page(*conversation(1))
    words = "many words " * 50
    page.transcript.apply(TokenStream(9, 0, words))
    assert page.transcript.plain_text().endswith(words.strip())
    async with page.run_test(size=(40, 10)) as pilot:
        await pilot.pause()
        assert page.transcript.plain_text().splitlines()[0].startswith("▌ question 0")
        assert page.transcript.plain_text().endswith(words.strip())


async def test_another_theme_recolours_in_place() -> None:
    page = Page(*conversation(20))
    async with page.run_test() as pilot:
        await drawn(page, pilot, "x = 19")
        page.transcript.scroll_lines(-10)
        before = screen(page)
        page.transcript.set_theme(load("light"))
        assert screen(page) == before
        style = page.transcript.render_line(0)._segments[0].style
        assert style is not None
        assert style.bgcolor is not None
        assert style.bgcolor.name == load("light").background


async def test_no_color_leaves_only_greys(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    page = Page(*conversation(3))
    async with page.run_test() as pilot:
        await drawn(page, pilot, "x = 2")
        for strip in page.transcript.render_lines(Region(0, 0, 80, 20)):
            for segment in strip:
                assert segment.style is not None
                assert segment.style.color is not None
                red, green, blue = segment.style.color.get_truecolor()
                assert red == green == blue


# ------------------------------------------------------------------- follow


@pytest.mark.parametrize("size", SIZES)
async def test_the_end_stays_in_view_while_an_answer_grows(size: tuple[int, int]) -> None:
    page = Page(*conversation(10))
    async with page.run_test(size=size) as pilot:
        await drawn(page, pilot, "x = 9")
        for n in range(60):
            page.transcript.apply(TokenStream(50, 0, f"Line {n}.\n\n"))
            if n % 20 == 19:
                await drawn(page, pilot, f"Line {n}.")
        assert screen(page)[-1] == "  Line 59."
        assert page.transcript.following
        assert page.transcript.scroll_offset.y == page.transcript.max_scroll_y
        assert new_below(page) == 0


async def test_a_reader_who_scrolled_up_sees_nothing_move_and_is_told_what_is_new() -> None:
    page = Page(*conversation(30))
    async with page.run_test() as pilot:
        await drawn(page, pilot, "x = 29")
        page.transcript.scroll_page(-1)
        await pilot.pause()
        assert not page.transcript.following
        before = screen(page)
        page.transcript.apply_many(conversation(40, first=100))
        await until(lambda: new_below(page), pilot)
        assert screen(page) == before
        assert new_below(page) > 200
        page.transcript.scroll_end_now()
        await until(lambda: new_below(page) == 0, pilot)
        assert "x = 139" in screen(page)[-1]


async def test_what_grows_above_the_reader_leaves_the_reader_in_place() -> None:
    call = ToolCall(99, 0, "c", "bash", "complete", title="make")
    page = Page(*conversation(3), call, *conversation(20, first=200))
    async with page.run_test() as pilot:
        await drawn(page, pilot, "x = 219")
        while not any("bash" in row for row in screen(page)):
            page.transcript.scroll_lines(-5)
        page.transcript.scroll_lines(12)
        assert not any("bash" in row for row in screen(page))
        before = screen(page)
        top = page.transcript.scroll_offset.y
        page.transcript.apply(ToolOutput("c", "1\n2\n3\n4\n"))
        await until(lambda: page.transcript.scroll_offset.y == top + 4, pilot)
        assert screen(page) == before


async def test_the_answer_being_read_can_grow_without_moving() -> None:
    page = Page(*conversation(3))
    async with page.run_test() as pilot:
        page.transcript.apply(TokenStream(50, 0, "".join(f"Paragraph {n}.\n\n" for n in range(40))))
        await drawn(page, pilot, "Paragraph 39.")
        page.transcript.scroll_lines(-10)
        before = screen(page)
        page.transcript.apply(TokenStream(50, 0, "```python\n" + "x = 1\n" * 100))
        await until(lambda: new_below(page), pilot)
        assert screen(page) == before


async def test_a_list_being_read_can_be_divided_without_moving() -> None:
    page = Page()
    async with page.run_test() as pilot:
        page.transcript.apply(TokenStream(1, 0, "- item\n" + "".join(f"  - sub {n}\n" for n in range(60))))
        await drawn(page, pilot, "sub 59")
        page.transcript.scroll_lines(-8)
        before = screen(page)
        page.transcript.apply(TokenStream(1, 0, "- next\n" + "- more\n\nand on\n\n" * 20))
        await until(lambda: new_below(page), pilot)
        assert screen(page) == before


async def test_scrolling_back_to_the_end_follows_again() -> None:
    page = Page(*conversation(10))
    async with page.run_test() as pilot:
        await drawn(page, pilot, "x = 9")
        page.transcript.scroll_page(-2)
        assert not page.transcript.following
        page.transcript.scroll_page(1)
        assert not page.transcript.following
        page.transcript.scroll_page(1)
        assert page.transcript.following


@pytest.mark.parametrize("step", [1, 7, 19])
async def test_walking_up_through_unmeasured_messages_never_jumps(step: int) -> None:
    page = Page(*conversation(60))
    async with page.run_test() as pilot:
        await drawn(page, pilot, "x = 59")
        seen = 0
        while page.transcript.scroll_offset.y >= step and seen < 400:
            before = screen(page)
            page.transcript.scroll_lines(-step)
            assert screen(page)[step:] == before[:-step]
            seen += step


async def test_home_shows_the_beginning_and_down_from_there_is_continuous() -> None:
    page = Page(*conversation(60))
    async with page.run_test() as pilot:
        await drawn(page, pilot, "x = 59")
        page.transcript.scroll_home(animate=False)
        assert screen(page)[1].startswith("  ▌ question 0")
        for _ in range(40):
            before = screen(page)
            page.transcript.scroll_lines(5)
            assert screen(page)[:-5] == before[5:]


async def test_the_wheel_scrolls_and_a_mark_shows_where() -> None:
    page = Page(*conversation(20))
    async with page.run_test() as pilot:
        await drawn(page, pilot, "x = 19")

        def marked() -> bool:
            size = page.transcript.size
            return any(s.text.endswith("▐") for s in page.transcript.render_lines(Region(0, 0, *size)))

        assert not marked()
        top = page.transcript.scroll_offset.y
        await pilot._post_mouse_events([MouseScrollUp], page.transcript)
        await until(lambda: page.transcript.scroll_offset.y < top, pilot)
        assert marked()


# ------------------------------------------------------------------- resize


async def test_a_resize_keeps_the_message_at_the_top() -> None:
    page = Page(*conversation(60))
    async with page.run_test(size=(100, 30)) as pilot:
        await drawn(page, pilot, "x = 59")
        page.transcript.scroll_lines(-60)
        while "question" not in screen(page)[0]:
            page.transcript.scroll_lines(-1)
        top = screen(page)[0].split("word")[0].strip()
        await pilot.resize_terminal(60, 20)
        await until(lambda: page.transcript.size.width == 60, pilot)
        assert screen(page)[0].strip().startswith(top)
        await pilot.resize_terminal(140, 50)
        await until(lambda: page.transcript.size.width == 140, pilot)
        assert screen(page)[0].strip().startswith(top)


async def test_a_resize_within_a_long_paragraph_keeps_the_words_at_the_top() -> None:
    page = Page(TokenStream(1, 0, "Intro.\n\n" + " ".join(f"word{n}" for n in range(450)) + "\n\nEnd."))
    async with page.run_test(size=(100, 15)) as pilot:
        await drawn(page, pilot, "End.")
        page.transcript.scroll_lines(-11)
        word = screen(page)[0].split()[0]
        for width in (60, 33, 110):
            await pilot.resize_terminal(width, 15)
            await until(lambda width=width: page.transcript.size.width == width, pilot)  # type: ignore[misc]
            assert word in screen(page)[0].split()
            word = screen(page)[0].split()[0]


async def test_more_room_while_something_new_waits_to_be_drawn_keeps_the_end() -> None:
    page = Page(*(UserInput(f"i{n}", Kind.PROMPT, f"prompt {n}") for n in range(60)))
    async with page.run_test(size=(80, 24)) as pilot:
        await drawn(page, pilot, "prompt 59")
        for n in range(60, 65):  # taken in, and laid out with the next frame only
            page.transcript.document.apply(UserInput(f"i{n}", Kind.PROMPT, f"prompt {n}"))
        await pilot.resize_terminal(80, 30)
        await drawn(page, pilot, "prompt 64")
        assert page.transcript.following
        page.transcript.document.apply(UserInput("i65", Kind.PROMPT, "prompt 65"))
        page.transcript.scroll_lines(-3)
        await pilot.pause()
        assert not page.transcript.following, "that was the reader"


async def test_a_resize_while_following_keeps_the_end() -> None:
    page = Page(*conversation(30))
    async with page.run_test(size=(100, 30)) as pilot:
        for width, height in [(60, 12), (60, 40), (160, 40)]:
            await pilot.resize_terminal(width, height)
            await until(lambda width=width: page.transcript.size.width == width, pilot)  # type: ignore[misc]
            assert "x = 29" in screen(page)[-1]
            assert page.transcript.following


# --------------------------------------------------------------------- fold


def tool(lines: int = 30) -> list[AnyEvent]:
    return [
        ToolCall(90, 0, "c", "bash", "complete", title="seq"),
        ToolResult("c", Outcome.OK, "\n".join(f"n{i}" for i in range(lines)), "done"),
    ]


async def click(page: Page, pilot: Pilot[None], words: str) -> None:
    row = next(y for y, text in enumerate(screen(page)) if words in text)
    await pilot.click(Transcript, offset=(4, row))


@pytest.mark.parametrize("words", ["bash", "lines above"])
async def test_a_click_on_head_or_mark_unfolds_and_folds(words: str) -> None:
    page = Page(*tool())
    async with page.run_test(size=(80, 50)) as pilot:
        await drawn(page, pilot, "lines above")
        before = screen(page)
        await click(page, pilot, words)
        await drawn(page, pilot, "n15")
        assert page.messages == ["ToolItem"]
        await click(page, pilot, "bash")
        await until(lambda: screen(page) == before, pilot)


async def test_a_click_elsewhere_folds_nothing() -> None:
    page = Page(*tool())
    async with page.run_test(size=(80, 50)) as pilot:
        await drawn(page, pilot, "lines above")
        before = screen(page)
        await click(page, pilot, "n29")
        await until(lambda: page.messages == ["ToolItem"], pilot)
        assert screen(page) == before


async def test_everything_unfolds_and_folds_with_one_verb() -> None:
    page = Page(*conversation(5), *tool())
    async with page.run_test() as pilot:
        await drawn(page, pilot, "lines above")
        before = screen(page)
        page.transcript.toggle_all()
        await drawn(page, pilot, "n15")
        assert screen(page)[-1] == "  │ n29"
        page.transcript.toggle_all()
        await until(lambda: screen(page) == before, pilot)


async def test_what_is_unfolded_below_the_reader_is_not_told_as_new() -> None:
    page = Page(*conversation(20), *tool(lines=300), *conversation(5, first=200))
    async with page.run_test() as pilot:
        await drawn(page, pilot, "x = 204")
        page.transcript.scroll_lines(-200)
        await pilot.pause()
        folded = page.transcript.virtual_size.height
        page.transcript.toggle_all()
        await until(lambda: page.transcript.virtual_size.height > folded + 200, pilot)
        assert new_below(page) == 0
        page.transcript.apply_many(conversation(2, first=300))
        await until(lambda: new_below(page), pilot)
        came = new_below(page)
        page.transcript.toggle_all()
        await until(lambda: page.transcript.virtual_size.height < folded + 200, pilot)
        assert new_below(page) == came


# ---------------------------------------------------------------- selection


async def test_selected_text_joins_wrapped_lines_and_has_no_decoration() -> None:
    words = "several words that need more than one row of the screen " * 3
    page = Page(UserInput("1", Kind.PROMPT, words), TokenStream(1, 0, "```\n  code\n```"))
    async with page.run_test(size=(50, 20)) as pilot:
        await drawn(page, pilot, "code")
        text, end = page.transcript.get_selection(Selection(None, None)) or ("", "")
        assert (text.strip("\n"), end) == (f"{words.strip()}\n\n  code", "\n")


async def test_dragging_selects_what_is_under_the_mouse() -> None:
    page = Page(TokenStream(1, 0, "alpha beta gamma\n\ndelta epsilon"))
    async with page.run_test() as pilot:
        await drawn(page, pilot, "epsilon")
        await pilot.mouse_down(Transcript, offset=(8, 1))
        await pilot.hover(Transcript, offset=(6, 3))
        await pilot.mouse_up(Transcript, offset=(6, 3))
        await pilot.pause()
        assert page.screen.get_selected_text() == "beta gamma\n\ndelta"
        strip = page.transcript.render_lines(Region(0, 1, 80, 1))[0]
        ground = {s.text.strip(): s.style.bgcolor.name for s in strip if s.style and s.style.bgcolor}
        assert ground["beta gamma"] == load("dark").selection
        assert ground["alpha"] == load("dark").background


async def test_a_selection_in_a_scrolled_transcript_is_where_it_was_made() -> None:
    page = Page(*conversation(30))
    async with page.run_test() as pilot:
        await drawn(page, pilot, "x = 29")
        row = next(y for y, text in enumerate(screen(page)) if "x = 29" in text)
        line = page.transcript.scroll_offset.y + row
        page.screen.selections = {page.transcript: Selection(Offset(3, line), Offset(8, line))}
        assert page.screen.get_selected_text() == "x = 29"[:5]


# ------------------------------------------------------------------ painting


async def test_a_token_repaints_only_the_rows_that_changed() -> None:
    page = Page(*conversation(3), TokenStream(50, 0, "Hello"))
    async with page.run_test(size=(80, 60)) as pilot:
        await drawn(page, pilot, "Hello")
        painted: list[Region] = []
        refresh = page.transcript.refresh

        def record(*regions: Region) -> Transcript:
            painted.extend(regions)
            return refresh(*regions)

        page.transcript.refresh = record  # type: ignore[method-assign,assignment]
        page.transcript.apply(TokenStream(50, 0, " there"))
        await drawn(page, pilot, "Hello there")
        assert [region.height for region in painted] == [1]


async def test_no_token_causes_a_layout() -> None:
    page = Page(*conversation(3))
    async with page.run_test() as pilot:
        await drawn(page, pilot, "x = 2")
        layouts: list[object] = []
        refresh = page.screen._refresh_layout

        def record(*args: object) -> None:
            layouts.append(args)
            refresh(*args)  # type: ignore[arg-type]

        page.screen._refresh_layout = record  # type: ignore[method-assign,assignment]
        for n in range(40):
            page.transcript.apply(TokenStream(50, 0, f"word{n}\n\n"))
        await drawn(page, pilot, "word39")
        assert layouts == []


async def test_the_first_token_after_a_silence_is_drawn_in_the_next_tick() -> None:
    ran: list[str] = []

    def work() -> bool:
        ran.append("work")
        return False

    pacer = Pacer(work, lambda: ran.append("paint"))
    pacer.request()
    pacer.request()
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    assert ran == ["work", "paint"]
    pacer.request()
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    assert ran == ["work", "paint"]  # the next one waits for its time
    pacer.stop()


async def test_work_that_takes_many_slices_lets_others_in_between() -> None:
    left = [3]
    seen: list[str] = []
    done = asyncio.Event()

    def work() -> bool:
        left[0] -= 1
        seen.append("work")
        if not left[0]:
            done.set()
        return bool(left[0])

    def paint() -> None:
        seen.append("paint")

    pacer = Pacer(work, paint)
    pacer.request()
    async with asyncio.timeout(5):
        await done.wait()
        while seen.count("paint") < 2:
            await asyncio.sleep(0.001)
    pacer.stop()
    assert seen[:3] == ["work", "paint", "work"]


async def test_a_huge_answer_in_one_piece_is_shown_to_its_end() -> None:
    page = Page()
    async with page.run_test() as pilot:
        page.transcript.apply(TokenStream(1, 0, "".join(f"Paragraph {n} of many.\n\n" for n in range(5000))))
        await drawn(page, pilot, "Paragraph 4999 of many.")
        page.transcript.scroll_home(animate=False)
        assert "Paragraph 0 of many." in screen(page)[1]


async def test_a_flood_that_ends_at_once_is_taken_in_bit_by_bit() -> None:
    page = Page()
    async with page.run_test() as pilot:
        text = "".join(f"Paragraph {n} of *many*.\n\n" for n in range(2000))
        page.transcript.apply_many([TokenStream(1, 0, text), Done(1, "end_turn")])
        lengths: set[int] = set()
        while page.transcript.busy:
            lengths.add(len(page.transcript.document.items))
            await asyncio.sleep(0)
        assert len(lengths) > 5
        await drawn(page, pilot, "Paragraph 1999 of many.")


def long_change(call_id: str = "c") -> list[AnyEvent]:
    body = "".join(f"-old_{n} = value({n})\n+new_{n} = value({n})\n" for n in range(1000))
    return [
        ToolCall(90, 0, call_id, "edit", "complete", title="x.py"),
        ToolResult(
            call_id, Outcome.OK, "", "changed", diff=f"--- a/x.py\n+++ b/x.py\n@@ -1,1000 +1,1000 @@\n{body}"
        ),
    ]


async def test_others_are_served_while_a_long_change_unfolds() -> None:
    page = Page(*long_change())
    async with page.run_test(size=(80, 30)) as pilot:
        await drawn(page, pilot, "more lines")
        served = 0
        page.transcript.toggle_fold(0)
        while not any("new_999" in row for row in screen(page)):
            served += 1
            await asyncio.sleep(0)
        assert served > 3
        page.transcript.toggle_fold(0)
        await drawn(page, pilot, "more lines")


async def test_others_are_served_while_everything_unfolds_and_a_second_thought_leaves_it() -> None:
    page = Page(*(event for n in range(20) for event in long_change(f"c{n}")))
    async with page.run_test(size=(80, 30)) as pilot:
        await drawn(page, pilot, "more lines")
        before = screen(page)
        served = 0
        page.transcript.toggle_all()
        while not any("new_999" in row for row in screen(page)):
            served += 1
            await asyncio.sleep(0)
        assert served > 10
        page.transcript.toggle_all()
        await until(lambda: screen(page) == before, pilot)
        page.transcript.toggle_all()
        await asyncio.sleep(0)
        page.transcript.toggle_all()
        await until(lambda: not page.transcript.busy, pilot)
        assert screen(page) == before


async def test_a_second_thought_leaves_a_long_change_folded() -> None:
    page = Page(*long_change())
    async with page.run_test(size=(80, 30)) as pilot:
        await drawn(page, pilot, "more lines")
        before = screen(page)
        page.transcript.toggle_fold(0)
        page.transcript.toggle_fold(0)
        await until(lambda: not page.transcript.busy, pilot)
        assert screen(page) == before
