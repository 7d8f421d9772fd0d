"""Rows written straight to the terminal: the same cells as Textual would paint, whatever happens around them."""

from __future__ import annotations

import asyncio
import inspect
import random
import re
from collections.abc import Callable
from typing import cast

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pyte.screens import Char, Screen
from rich.console import Console
from rich.segment import Segment
from rich.style import Style
from textual import screen as textual_screen
from textual._compositor import Compositor
from textual.app import App, ComposeResult
from textual.events import Key
from textual.geometry import Offset, Region
from textual.pilot import Pilot
from textual.screen import ModalScreen
from textual.selection import Selection
from textual.strip import Strip
from textual.widget import Widget
from textual.widgets import Static, TextArea

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
from h2a_tui.direct_paint import DirectPaint
from h2a_tui.keymap import Keymap
from h2a_tui.keys import KeyDriver
from h2a_tui.row_changes import update
from h2a_tui.textual_theme import textual_theme
from h2a_tui.transcript.widget import Transcript
from h2a_tui.widgets.editor import Editor
from h2a_tui.widgets.hud import Hud
from support.screen_copy import CopyDriver, cells_of_compositor, draw
from support.scripted_app import ScriptedApp

# ------------------------------------------------------------------ rows alone

WIDTH, HEIGHT = 12, 5
STYLES = [Style(), Style(color="red"), Style(bold=True, bgcolor="blue")]


@st.composite
def strips(draw: st.DrawFn) -> Strip:
    texts = st.text("ab │…", max_size=6) | st.sampled_from(["日本", "e\u0301x", "👍", " ", "        "])
    runs = draw(st.lists(st.tuples(texts, st.sampled_from(STYLES)), max_size=4))
    strip = Strip([Segment(text, style) for text, style in runs if text])
    return strip.adjust_cell_length(WIDTH, draw(st.sampled_from(STYLES)))


@given(st.lists(strips(), min_size=12, max_size=12), st.data())
def test_an_update_makes_the_old_rows_the_new_ones(pool: list[Strip], data: st.DataObject) -> None:
    """The rows before and after are windows of one text, most of it the same, at any place of the screen."""
    before, after = data.draw(st.integers(0, 7)), data.draw(st.integers(0, 7))
    new_pool = [data.draw(strips()) if data.draw(st.integers(0, 3)) == 0 else strip for strip in pool]
    old, new = pool[before : before + HEIGHT], new_pool[after : after + HEIGHT]
    region = Region(0, data.draw(st.integers(0, 2)), WIDTH, HEIGHT)
    console = Console(color_system="truecolor")

    def shown(*parts: str) -> list[list[Char]]:
        screen = Screen(WIDTH, HEIGHT + 4)
        draw(screen, "".join(f"\x1b[{y + 1};1Habove or below" for y in range(HEIGHT + 4)))
        for part in parts:
            draw(screen, part)
        return [[screen.buffer[y][x] for x in range(WIDTH)] for y in range(HEIGHT + 4)]

    def whole(rows: list[Strip]) -> str:
        return "".join(f"\x1b[{region.y + y + 1};1H{row.render(console)}" for y, row in enumerate(rows))

    scrolls = data.draw(st.booleans())
    assert shown(whole(old), update(old, new, region, console, scrolls=scrolls)) == shown(whole(new))


def row(text: str) -> Strip:
    return Strip([Segment("  "), Segment(text)]).adjust_cell_length(WIDTH)


def test_a_word_more_is_the_word_and_no_more() -> None:
    console = Console(color_system="truecolor")
    region = Region(0, 2, WIDTH, 1)
    assert update([row("one")], [row("one two")], region, console, scrolls=True) == "\x1b[3;6H two"
    assert update([row("one")], [row("one")], region, console, scrolls=True) == ""


def test_rows_that_move_are_not_written_again() -> None:
    console = Console(color_system="truecolor")
    rows = [row(f"row {n}") for n in range(9)]
    up = update(rows[:8], rows[1:9], Region(0, 0, WIDTH, 8), console, scrolls=True)
    assert up == f"\x1b[0m\x1b[1;8r\x1b[8;1H\n\x1b[r\x1b[8;1H{rows[8].render(console)}"
    down = update(rows[1:9], rows[:8], Region(0, 0, WIDTH, 8), console, scrolls=True)
    assert down == f"\x1b[0m\x1b[1;8r\x1b[1;1H\x1bM\x1b[r\x1b[1;1H{rows[0].render(console)}"
    assert "\n" not in update(rows[:8], rows[1:9], Region(0, 0, WIDTH, 8), console, scrolls=False)


# ------------------------------------------------------------------ in an app


class Over(ModalScreen[None]):
    CSS = "Over { align: center middle; } Over Static { width: 20; height: 3; background: blue; }"

    def compose(self) -> ComposeResult:
        yield Static("a question")


class Page(App[None]):
    """A transcript between two lines, and a box that lies above it when it is shown."""

    CSS = """
    Screen { layers: base above; }
    #top { height: 2; }
    #foot { height: 1; dock: bottom; }
    #box { layer: above; display: none; width: 12; height: 3; offset: 9 6; background: blue; }
    """

    def __init__(self) -> None:
        super().__init__(driver_class=CopyDriver)
        self.transcript = Transcript()

    def compose(self) -> ComposeResult:
        yield Static("top", id="top")
        yield self.transcript
        yield Static("below", id="foot")
        yield Static("a box", id="box")

    @property
    def terminal(self) -> CopyDriver:
        return cast("CopyDriver", self._driver)


async def until(condition: Callable[[], object]) -> None:
    for _ in range(600):
        if condition():
            return
        await asyncio.sleep(0.005)
    raise AssertionError("it never happened")


def shows(page: Page, words: str) -> bool:
    return any(words in "".join(cell.data for cell in cells) for cells in page.terminal.cells())


def same_cells(page: Page | Desk) -> bool:
    return page.terminal.cells() == cells_of_compositor(page)


async def still(page: Page, pilot: Pilot[None]) -> None:
    """Wait until nothing is to be drawn any more."""
    await until(lambda: not page.transcript.busy)
    await pilot.pause()
    await until(lambda: not page.screen._dirty_widgets and not page.screen._layout_required)
    await pilot.pause()


PIECES = [
    "some words ",
    "**bold** and `code`, ",
    "\n\n",
    "\n- item ",
    "日本語の文 ",
    "👍 e\u0301 ",
    "\n\n```python\ndef f(a: int) -> str:\n    return 'x'\n",
    "\n```\n\n",
    "\n\n| a | b |\n|---|---|\n| one | two |\n",
    "[a link](https://example.org) ",
]


class Story:
    """Random things that happen to a page."""

    def __init__(self, page: Page, pilot: Pilot[None], seed: int) -> None:
        self.page, self.pilot = page, pilot
        self.random = random.Random(seed)
        self.step = 1
        self.calls = 0

    async def go_on(self) -> None:
        await self.random.choice([self.stream, self.stream, self.read, self.mark, self.cover, self.change])()

    async def stream(self) -> None:
        r = self.random
        events: list[AnyEvent] = []
        match r.randrange(6):
            case 0:
                events = [
                    Done(self.step, "end_turn"),
                    UserInput(f"{self.step}", Kind.PROMPT, "a question " * r.randrange(9)),
                ]
                self.step += 1
            case 1:
                self.calls += 1
                events = [ToolCall(self.step, 0, f"c{self.calls}", "bash", "complete", title="make")]
            case 2 if self.calls:
                events = [ToolOutput(f"c{self.calls}", "line\n" * r.randrange(4))]
            case 3 if self.calls:
                text = "".join(f"n{n}\n" for n in range(r.randrange(30)))
                events = [ToolResult(f"c{self.calls}", Outcome.OK, text, "done")]
            case _:
                events = [TokenStream(self.step, 0, r.choice(PIECES)) for _ in range(r.randrange(1, 12))]
        self.page.transcript.apply_many(events)

    async def read(self) -> None:
        transcript, r = self.page.transcript, self.random
        match r.randrange(5):
            case 0 | 1:
                transcript.scroll_lines(r.randrange(-8, 9))
            case 2:
                transcript.scroll_end_now()
            case 3 if transcript.document.items:
                transcript.toggle_fold(r.randrange(len(transcript.document.items)))
            case _:
                transcript.toggle_all()

    async def mark(self) -> None:
        transcript, r = self.page.transcript, self.random
        match r.randrange(7):
            case 0:
                top = transcript.scroll_offset.y
                span = Selection(Offset(r.randrange(30), top), Offset(r.randrange(30), top + r.randrange(6)))
                self.page.screen.selections = {transcript: span}
            case 1:
                self.page.screen.clear_selection()
            case 2:
                transcript.find(r.choice(["some", "n1", "code"]))
            case 3:
                transcript.find_next(r.choice([1, -1]))
            case 4:
                transcript.end_search(stay=r.random() < 0.5)
            case 5 if transcript.document.items:
                transcript.read()
                transcript.move_cursor(r.choice([1, -1]), extend=r.random() < 0.5)
            case _:
                transcript.end_reading()

    async def cover(self) -> None:
        page, r = self.page, self.random
        match r.randrange(4):
            case 0 | 1 if not isinstance(page.screen, Over):
                box = page.query_one("#box")
                box.display = not box.display
            case 2 if not isinstance(page.screen, Over):
                await page.push_screen(Over())
            case _ if isinstance(page.screen, Over):
                await page.pop_screen()
            case _:
                page.screen.refresh()

    async def change(self) -> None:
        page, r = self.page, self.random
        match r.randrange(5):
            case 0:
                await self.pilot.resize_terminal(r.randrange(20, 90), r.randrange(8, 30))
            case 1:
                page.transcript.set_theme(load(r.choice(["dark", "light"])))
            case 2:
                top = page.query_one("#top") if not isinstance(page.screen, Over) else None
                if top is not None:
                    top.display = not top.display
            case 3:
                with page.batch_update():
                    page.transcript.apply(TokenStream(self.step, 0, "in a batch "))
                    await asyncio.sleep(0)
            case _:
                page.terminal.waiting = r.choice([0, 9, None])


@pytest.mark.parametrize("seed", range(6))
async def test_the_terminal_shows_what_textual_would_paint_whatever_happens(seed: int) -> None:
    page = Page()
    async with page.run_test(headless=False, size=(70, 20)) as pilot:
        story = Story(page, pilot, seed)
        for _ in range(60):
            for _ in range(story.random.randrange(1, 5)):
                await story.go_on()
                await asyncio.sleep(story.random.choice([0, 0, 0.001, 0.01]))
            page.terminal.waiting = 0
            await still(page, pilot)
            if not isinstance(page.screen, Over):  # what is below it Textual paints alone
                await until(lambda: same_cells(page))


async def test_tokens_are_written_without_a_paint_of_textuals() -> None:
    page = Page()
    async with page.run_test(headless=False, size=(70, 20)) as pilot:
        page.transcript.apply(TokenStream(1, 0, "Hello"))
        await until(lambda: shows(page, "Hello"))
        await still(page, pilot)
        page.terminal.frames.clear()
        page.transcript.apply(TokenStream(1, 0, " there"))
        await until(lambda: shows(page, "Hello there"))
        assert len(page.terminal.frames) == 1
        assert page.terminal.frames[0].count("H") == 2  # the place of the word, and of the cursor
        assert len(page.terminal.frames[0]) < 100


async def test_scrolling_moves_what_is_on_the_screen_already() -> None:
    page = Page()
    async with page.run_test(headless=False, size=(70, 20)) as pilot:
        page.transcript.apply(TokenStream(1, 0, "".join(f"Paragraph {n}.\n\n" for n in range(60))))
        await until(lambda: shows(page, "Paragraph 59."))
        page.transcript.scroll_lines(-20)
        await still(page, pilot)
        page.terminal.frames.clear()
        page.transcript.scroll_lines(-2)
        page.transcript.scroll_lines(3)
        up, down = page.terminal.frames
        assert up.count("Paragraph") == 1
        assert down.count("Paragraph") <= 2
        assert same_cells(page)


async def test_the_cursor_stands_where_it_stood() -> None:
    page = Page()
    async with page.run_test(headless=False, size=(70, 20)) as pilot:
        page.cursor_position = Offset(7, 19)
        page.transcript.apply(TokenStream(1, 0, "Hello"))
        await until(lambda: shows(page, "Hello"))
        await still(page, pilot)
        page.transcript.apply(TokenStream(1, 0, " there"))
        await until(lambda: shows(page, "Hello there"))
        assert page.terminal.frames[-1].endswith("\x1b[20;8H")


async def test_a_frame_is_one_picture_where_the_terminal_can_do_that() -> None:
    page = Page()
    async with page.run_test(headless=False, size=(70, 20)) as pilot:
        page.transcript.apply(TokenStream(1, 0, "Hello"))
        await until(lambda: shows(page, "Hello"))
        await still(page, pilot)
        page._sync_available = True
        page.transcript.apply(TokenStream(1, 0, " there"))
        await until(lambda: shows(page, "Hello there"))
        assert page.terminal.frames[-1].startswith("\x1b[?2026h")
        assert page.terminal.frames[-1].endswith("\x1b[?2026l")


async def test_frames_are_left_out_while_the_terminal_does_not_read() -> None:
    page = Page()
    async with page.run_test(headless=False, size=(70, 20)) as pilot:
        page.transcript.apply(TokenStream(1, 0, "Hello"))
        await until(lambda: shows(page, "Hello"))
        await still(page, pilot)
        page.terminal.waiting = 5
        page.terminal.frames.clear()
        for n in range(20):
            page.transcript.apply(TokenStream(1, 0, f" word{n}"))
            await asyncio.sleep(0.01)
        assert page.terminal.frames == []
        page.terminal.waiting = 0
        await until(lambda: shows(page, "word19"))
        assert len(page.terminal.frames) == 1


async def test_what_lies_above_stays_above() -> None:
    page = Page()
    async with page.run_test(headless=False, size=(70, 20)) as pilot:
        page.query_one("#box").display = True
        await until(lambda: shows(page, "a box"))
        page.transcript.apply(TokenStream(1, 0, "".join(f"{n} {'word ' * 20}\n\n" for n in range(60))))
        await until(lambda: shows(page, "59 word"))
        await still(page, pilot)
        assert shows(page, "a box")
        await until(lambda: same_cells(page))


async def test_below_a_question_nothing_is_written_directly() -> None:
    page = Page()
    async with page.run_test(headless=False, size=(70, 20)) as pilot:
        page.transcript.apply(TokenStream(1, 0, "Hello"))
        await until(lambda: shows(page, "Hello"))
        await page.push_screen(Over())
        await until(lambda: shows(page, "a question"))
        await still(page, pilot)
        page.transcript.apply(TokenStream(1, 0, " there. " + "word " * 190))
        await still(page, pilot)
        assert shows(page, "a question")
        await page.pop_screen()
        await until(lambda: shows(page, "Hello there") and same_cells(page))


async def test_below_another_screen_no_place_is_its_own() -> None:
    page = Page()
    async with page.run_test(headless=False, size=(70, 20)):
        direct = DirectPaint(page.transcript)
        await until(lambda: direct.region() == page.transcript.region)
        await page.push_screen(Over())
        assert direct.region() is None
        await page.pop_screen()
        await until(lambda: direct.region() == page.transcript.region)


async def test_rows_that_textual_is_about_to_paint_are_left_to_it() -> None:
    page = Page()
    async with page.run_test(headless=False, size=(70, 20)) as pilot:
        page.transcript.apply(TokenStream(1, 0, "Hello"))
        await until(lambda: shows(page, "Hello"))
        await still(page, pilot)
        direct, compositor = DirectPaint(page.transcript), page.screen._compositor
        rows = page.transcript.render_lines(Region(0, 0, *page.transcript.size))
        assert direct.paint(rows, rows)
        page.query_one("#foot").refresh()
        compositor.update_widgets({page.query_one("#foot")})
        assert not direct.paint(rows, rows)
        compositor.render_update()
        assert direct.paint(rows, rows)
        page.transcript.refresh(Region(0, 1, 5, 1))
        assert not direct.paint(rows, rows)


async def test_what_textual_has_yet_to_paint_is_not_scrolled_away_unpainted() -> None:
    page = Page()
    async with page.run_test(headless=False, size=(70, 20)) as pilot:
        page.transcript.apply(TokenStream(1, 0, "".join(f"Paragraph {n}.\n\n" for n in range(60))))
        page.transcript.apply(ToolCall(1, 0, "c", "bash", "complete", title="make"))
        page.transcript.apply(TokenStream(1, 1, "".join(f"Line {n}.\n\n" for n in range(3))))
        await until(lambda: shows(page, "Line 2."))
        await still(page, pilot)
        with page.batch_update():
            page.transcript.apply(ToolResult("c", Outcome.OK, "", "it is done"))
            page.terminal.frames.clear()
            page.transcript.scroll_end_now()
            await until(lambda: not page.transcript.busy)
            assert page.terminal.frames == []
        page.transcript.scroll_lines(-3)
        await still(page, pilot)
        await until(lambda: same_cells(page))
        assert shows(page, "it is done")


async def test_switched_off_all_painting_is_textuals() -> None:
    page = Page()
    async with page.run_test(headless=False, size=(70, 20)) as pilot:
        page.terminal.waiting = None
        page.transcript.apply(TokenStream(1, 0, "Hello"))
        await until(lambda: shows(page, "Hello"))
        await still(page, pilot)
        page.terminal.frames.clear()
        page.transcript.apply(TokenStream(1, 0, " there"))
        await until(lambda: shows(page, "Hello there"))
        assert max(map(len, page.terminal.frames)) > 100
        assert same_cells(page)


async def test_without_colours_there_are_none_in_what_is_written_directly(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    page = Page()
    async with page.run_test(headless=False, size=(70, 20)) as pilot:
        page.transcript.apply(TokenStream(1, 0, "Hello"))
        await until(lambda: shows(page, "Hello"))
        await still(page, pilot)
        page.transcript.apply(TokenStream(1, 0, " there [link](https://example.org)"))
        await until(lambda: shows(page, "there link"))
        await still(page, pilot)
        assert same_cells(page)


# ------------------------------------------------------------------ the echo


class Desk(App[None]):
    """An editor that grows, below a line."""

    CSS = "Editor { max-height: 3; margin: 1 3; width: 30; } Editor.loud { color: #ff0000; }"

    def __init__(self) -> None:
        super().__init__(driver_class=CopyDriver)
        theme = textual_theme(load("dark"))  # the editor's style sheet has its colours
        self.register_theme(theme)
        self.theme = theme.name
        self.editor = Editor(Keymap(), lambda _action: False, placeholder="Say what to do")

    def compose(self) -> ComposeResult:
        yield Static("above")
        yield self.editor

    @property
    def terminal(self) -> CopyDriver:
        return cast("CopyDriver", self._driver)


def row_of(desk: Desk, y: int) -> str:
    return "".join(cell.data for cell in desk.terminal.cells()[y])


async def test_a_key_is_shown_before_textual_paints() -> None:
    desk = Desk()
    async with desk.run_test(headless=False, size=(50, 12)) as pilot:
        await pilot.press("h")
        await until(lambda: same_cells(desk))
        desk.terminal.frames.clear()
        await desk.editor.on_key(Key("i", "i"))
        [echo] = desk.terminal.frames
        assert echo.startswith("\x1b[3;4H")  # the row of the text, and nothing but it
        assert echo.endswith("\x1b[3;6H")
        assert row_of(desk, 2).strip() == "hi"


async def test_the_echo_is_measured_where_it_is_shown_not_where_textual_paints() -> None:
    desk = Desk()
    async with desk.run_test(headless=False, size=(50, 12)) as pilot:
        hud = Hud(lambda: None, lambda: None)
        await desk.mount(hud)
        hud.toggle()
        await pilot.pause()
        painted: list[object] = []
        desk.editor.call_after_refresh = painted.append  # type: ignore[assignment,method-assign]
        key = Key("i", "i")
        desk.editor.post_message(key)
        hud.saw_key(key, desk.editor)
        await until(lambda: hud._vitals is not None and hud._vitals.echo.last is not None)
        assert painted == []
        desk.terminal.waiting = None
        key = Key("j", "j")
        desk.editor.post_message(key)
        hud.saw_key(key, desk.editor)
        await until(lambda: painted)


async def test_where_only_textual_writes_a_key_waits_for_it() -> None:
    desk = Desk()
    async with desk.run_test(headless=False, size=(50, 12)) as pilot:
        await until(lambda: same_cells(desk))
        desk.terminal.waiting = None
        desk.terminal.frames.clear()
        await desk.editor.on_key(Key("i", "i"))
        assert desk.terminal.frames == []
        await pilot.pause()
        await until(lambda: same_cells(desk) and desk.terminal.frames)


@pytest.mark.parametrize("seed", range(4))
async def test_whatever_is_typed_the_terminal_shows_what_textual_would_paint(seed: int) -> None:
    r = random.Random(seed)
    desk = Desk()
    async with desk.run_test(headless=False, size=(50, 12)) as pilot:
        for _ in range(40):
            for _ in range(r.randrange(1, 9)):
                named = r.choice(["backspace", "left", "right", "up", "down", "home", "end", "ctrl+w"])
                character = r.choice("abc defgh 日👍é")
                key = Key(named, None) if r.random() < 0.2 else Key(character, character)
                desk.terminal.send_message(key)
                await asyncio.sleep(r.choice([0, 0.001]))
            if r.random() < 0.1:
                desk.editor.insert("\n")
            await pilot.pause()
            await until(lambda: same_cells(desk))


async def test_a_key_that_makes_another_row_waits_for_the_layout() -> None:
    desk = Desk()
    async with desk.run_test(headless=False, size=(50, 12)):
        desk.editor.insert("w" * 29)
        await until(lambda: "w" * 29 in row_of(desk, 2) and same_cells(desk))
        desk.terminal.frames.clear()
        await desk.editor.on_key(Key("i", "i"))
        assert desk.terminal.frames == []
        await until(lambda: row_of(desk, 3).strip() == "i" and same_cells(desk))


async def test_another_style_reaches_the_editor() -> None:
    """It does not look its styles up for each row, so it has to hear of new ones."""
    desk = Desk()
    async with desk.run_test(headless=False, size=(50, 12)) as pilot:
        await pilot.press("h", "i")
        await until(lambda: "hi" in row_of(desk, 2))
        desk.editor.add_class("loud")
        await until(lambda: [cell.fg for cell in desk.terminal.cells()[2][3:5]] == ["ff0000", "ff0000"])


def test_private_names_of_textual_are_where_direct_painting_uses_them() -> None:
    """Fails when Textual moves what `direct_paint.py` reaches into; read its docstring, then its source."""
    assert "self._driver.write(terminal_sequence)" in inspect.getsource(App._display)
    assert "if self._batch_count:" in inspect.getsource(App._display)
    assert "self._sync_available and self._driver" in inspect.getsource(App._begin_update)
    assert "self._repaint_regions.add(" in inspect.getsource(Widget._set_dirty)
    assert "self._repaint_regions.clear()" in inspect.getsource(Widget._exchange_repaint_regions)
    assert "widget._exchange_repaint_regions()" in inspect.getsource(Compositor.update_widgets)
    assert "self._dirty_regions.update(regions)" in inspect.getsource(Compositor.update_widgets)
    assert isinstance(inspect.getattr_static(Compositor, "visible_widgets"), property)
    assert "dict[Widget, tuple[Region, Region]]" in inspect.getsource(Compositor.visible_widgets.fget)
    assert "theme.apply_css(self)" in inspect.getsource(TextArea.render_lines)
    refresh = inspect.getsource(textual_screen.Screen._on_timer_update)
    assert refresh.index("update_widgets(self._dirty_widgets)") < refresh.index("_compositor_refresh()")
    assert all(hasattr(KeyDriver, name) for name in ("waiting", "write"))


def test_in_a_terminal_both_ways_of_painting_end_with_the_same_cells() -> None:
    """The whole program: what is written directly, and what Textual paints."""
    ends: list[list[list[Char]]] = []
    written: list[int] = []
    for direct in (True, False):
        with ScriptedApp.start(size=(90, 26), direct=direct) as app:  # type: ignore[arg-type]
            app.say("UserInput('1', Kind.PROMPT, 'Tell me')", "Status(Phase.STREAMING, 1)")
            app.terminal.wait_for("Tell me")
            for n in range(30):
                text = f"Paragraph {n} of **many** 日本語 with `code`.\n\n```python\nx = {n}\n```\n\n"
                app.say(
                    *(f"TokenStream(1, 0, {piece!r})" for piece in [*re.findall(r"\s*\S+", text), "\n\n"])
                )
                app.terminal.wait_for(f"x = {n}")
            app.terminal.press("pageup", "pageup")
            app.terminal.wait_gone("x = 24")
            app.terminal.press("pagedown")
            app.terminal.wait_for("x = 24")
            app.say("TokenStream(1, 0, 'The end of it.')")
            app.terminal.wait_for("new below")
            app.terminal.press("ctrl+end")
            app.terminal.wait_for("The end of it.")
            with app.terminal.screen() as screen:
                ends.append([[screen.buffer[y][x] for x in range(90)] for y in range(20)])
            written.append(len(app.terminal.output))
    assert ends[0] == ends[1]
    assert written[0] < written[1] / 2
