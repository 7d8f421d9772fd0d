"""Pictures in the conversation: drawn small where there are the colours, named elsewhere, and never trusted."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import io
import struct
import sys
import zlib
from collections.abc import Sequence
from pathlib import Path

import pytest
from PIL import Image
from rich.style import Style

from h2a_agent.agent import Agent
from h2a_agent.content import ImageBlock, ToolUseBlock
from h2a_agent.events import (
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
from h2a_agent.history import ToolEntry
from h2a_agent.providers.demo import DemoProvider
from h2a_agent.run_settings import RunSettings
from h2a_themes import load
from h2a_tui.theme import styles_of
from h2a_tui.transcript.document import Document
from h2a_tui.transcript.lines import Page
from h2a_tui.transcript.preview import Gallery, Pictured, Preview, Wish
from h2a_tui.transcript.viewport import Viewport
from support.chat_pilot import Chat, running_chat
from support.pty_rig import Terminal
from support.saved_sessions import Script
from support.scripted_agent import ScriptedAgent

GROUND = Style(bgcolor="#112233")


def png(width: int, height: int, *pixels: tuple[int, ...]) -> bytes:
    """A picture of these pixels, row by row; of one colour where there are none."""
    image = Image.new("RGBA", (width, height), (10, 200, 30, 255))
    if pixels:
        image.putdata(pixels)
    buffer = io.BytesIO()
    image.save(buffer, "PNG")
    return buffer.getvalue()


def block(data: bytes, media_type: str = "image/png") -> ImageBlock:
    return ImageBlock(media_type, base64.b64encode(data).decode())


async def seen(image: ImageBlock, *, drawn: bool = True) -> Preview:
    (preview,) = await Gallery(lambda _source: [image], drawn=drawn).previews("x")
    return preview


def drawn(preview: Preview) -> list[list[tuple[str, str, str]]]:
    """Characters, colour and ground of each piece of the rows."""
    return [
        [(s.text, _hex(s.style, "color"), _hex(s.style, "bgcolor")) for s in line.segments]
        for line in preview.rows(GROUND)
    ]


def _hex(style: Style | None, name: str) -> str:
    colour = getattr(style, name)
    return colour.triplet.hex if colour is not None and colour.triplet else ""


async def test_two_pixels_share_a_cell_and_what_is_clear_is_the_page() -> None:
    red, blue, clear = (255, 0, 0, 255), (0, 0, 255, 255), (0, 0, 0, 0)
    preview = await seen(block(png(3, 3, red, clear, clear, blue, red, clear, red, red, clear)))
    assert preview.label.startswith("png · 3 × 3 · ")
    page = "#112233"
    assert drawn(preview) == [
        [("▀", "#ff0000", "#0000ff"), ("▄", "#ff0000", page), (" ", "", page)],
        [("▀▀", "#ff0000", page), (" ", "", page)],
    ]


@pytest.mark.parametrize(("width", "height"), [(1000, 1000), (2000, 10), (10, 2000), (1, 1)])
async def test_no_picture_takes_more_than_twelve_rows_of_forty_cells(width: int, height: int) -> None:
    rows = (await seen(block(png(width, height)))).rows(GROUND)
    assert 1 <= len(rows) <= 12
    assert max(sum(len(s.text) for s in row.segments) for row in rows) <= 40


async def test_without_the_colours_it_is_named() -> None:
    preview = await seen(block(png(4, 2)), drawn=False)
    assert preview.label.startswith("png · 4 × 2 · ")
    assert preview.rows(GROUND) == []


def bomb() -> bytes:
    """A few bytes that say they are a picture of 3.6 thousand million pixels."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", 60_000, 60_000, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(bytes(1000)))


@pytest.mark.parametrize(
    ("image", "label"),
    [
        (block(bomb()), "png is too large"),
        (block(png(9, 9)[:40]), "png is damaged or not a picture"),
        (block(b"nothing", "image/\x1b[2J"), "image is damaged or not a picture"),
        (ImageBlock("image/png", "A"), "image that cannot be shown"),
    ],
    ids=["bomb", "torn", "none", "no base64"],
)
async def test_what_cannot_be_drawn_is_named_with_what_is_wrong(image: ImageBlock, label: str) -> None:
    preview = await seen(image)
    assert preview.label.startswith(label)
    assert preview.rows(GROUND) == []


# --------------------------------------------------------------------- when it comes


class Album(ScriptedAgent):
    """Remembers which pictures were asked for."""

    def __init__(self) -> None:
        super().__init__()
        self.asked: list[str] = []

    def pictures(self, source: str) -> Sequence[ImageBlock]:
        self.asked.append(source)
        return super().pictures(source)


async def at_rest(chat: Chat) -> None:
    await chat.settle()
    await chat.until(lambda: not chat.screen.transcript.busy)
    await chat.drawn()


def test_only_what_has_come_into_view_wants_its_pictures() -> None:
    document = Document()
    words = "\n\n".join(f"Paragraph {n}." for n in range(200))
    for event in (
        UserInput("i1", Kind.PROMPT, "Look!", images=1),
        TokenStream(1, 0, words),
        Done(1, "end_turn"),
    ):
        document.apply(event)
    view = Viewport(document, Page(60, styles_of(load("dark"))))
    view.height = 20
    view.take_changes()
    view.measure()
    (pictures,) = document.pictures.values()
    assert pictures.wish is Wish.NONE
    view.scroll_by(-10_000)
    view.measure()
    assert pictures.wish is Wish.WANTED


async def test_a_result_of_a_step_that_still_runs_gets_its_picture_when_the_step_is_over() -> None:
    agent = Album()
    async with running_chat(agent) as chat:
        call = ToolCall(1, 0, "t1", "read", "complete", arguments={"path": "p.png"}, title="p.png")
        await chat.say(Status(Phase.STREAMING, 1), call, Done(1, "tool_use"), Status(Phase.TOOLS, 1))
        await chat.say(ToolResult("t1", Outcome.OK, "p.png: png image, 7 kB", "png image, 7 kB"))
        await chat.until(lambda: _wishes(chat) == [Wish.MISSING])
        assert "▣ png image, 7 kB" in chat.text()
        agent.album["t1"] = [block(png(20, 20))]
        await chat.say(Status(Phase.PREPARING, 2))
        await chat.until(lambda: "▀" * 20 in chat.text())
        assert chat.text().count("▣") == 1, "the result has said what it is"


def _wishes(chat: Chat) -> list[Wish]:
    return [pictures.wish for pictures in chat.screen.transcript.document.pictures.values()]


async def test_where_pictures_are_not_wanted_none_is_fetched() -> None:
    agent = Album()
    async with running_chat(agent, images=False) as chat:
        await chat.say(UserInput("i1", Kind.PROMPT, "Look!", images=2))
        await at_rest(chat)
        assert "▣ 2 images" in chat.text()
        assert agent.asked == []


async def test_a_screen_that_is_too_narrow_for_a_picture_shows_its_name() -> None:
    agent = Album()
    agent.album["i1"] = [block(png(400, 20))]
    async with running_chat(agent) as chat:
        await chat.say(UserInput("i1", Kind.PROMPT, "Look!", images=1))
        await chat.until(lambda: "▀" * 40 in chat.text())
        await chat.pilot.resize_terminal(38, 24)
        await at_rest(chat)
        assert "▣ png · 400 × 20" in chat.text()
        assert "▀" not in chat.text()


async def test_nothing_of_a_picture_is_copied_with_the_words() -> None:
    pictured = Pictured("i1")
    pictured.show((await seen(block(png(4, 4))),))
    rows = pictured.rows(40, GROUND, named=True)
    assert [row.text[row.lead :] for row in rows[1:]] == ["", ""]


# ------------------------------------------------------------------------ end to end


def test_an_agent_finds_the_pictures_of_messages_and_results(tmp_path: Path) -> None:
    one, two = block(png(1, 1)), block(png(2, 2))
    script = Script(tmp_path)
    item = script.ask("look", one).entry
    script.answer(ToolUseBlock("t1", "read", {"path": "p.png"}))
    script.session.append(ToolEntry("t1", Outcome.OK, "p.png", "png image, 7 kB", 0.1, 1.0, (two,)))
    provider = DemoProvider()
    agent = Agent(provider, session=script.session, settings=RunSettings(provider.model))
    assert agent.pictures(item.item_id) == (one,)  # type: ignore[union-attr]
    assert agent.pictures("t1") == (two,)
    assert agent.pictures("nobody") == ()
    asyncio.run(agent.aclose())


def send(terminal: Terminal) -> None:
    """Press Enter, again where the picture was still being read."""
    while "▣ png · 24 × 8" not in terminal.screen_text():
        terminal.press("enter")
        with contextlib.suppress(AssertionError):
            terminal.wait_for("▣ png · 24 × 8", timeout_s=0.5)


@pytest.mark.parametrize(
    ("env", "has_picture"),
    [
        ({"TERM": "xterm-256color", "COLORTERM": "truecolor"}, True),
        ({"TERM": "xterm-256color", "COLORTERM": ""}, True),
        ({"TERM": "xterm", "COLORTERM": ""}, False),
        ({"NO_COLOR": "1"}, False),
    ],
    ids=["truecolor", "256", "16", "no-color"],
)
def test_a_dropped_picture_is_shown_as_the_terminal_can(
    tmp_path: Path, env: dict[str, str], has_picture: bool
) -> None:
    picture = tmp_path / "plan.png"
    picture.write_bytes(png(24, 8))
    argv = [sys.executable, "-m", "h2a_tui", "--demo", "--no-session"]
    with Terminal.spawn(argv, env={"H2A_HOME": str(tmp_path), **env}, cwd=tmp_path) as terminal:
        terminal.wait_for("ready")
        terminal.paste(str(picture))
        terminal.wait_for("[image #1]")
        send(terminal)
        if has_picture:
            terminal.wait_for("▀" * 24)
        else:
            terminal.wait_for("ready")
            assert "▀" not in terminal.screen_text()
