"""Reading with the keyboard: the cursor on a block, folding, and what is copied."""

from __future__ import annotations

import base64
import os
import re
from collections.abc import Sequence
from pathlib import Path

import pytest

from h2a_agent.events import AnyEvent, Done, Kind, Outcome, TokenStream, ToolCall, ToolResult, UserInput
from h2a_themes import load
from h2a_tui.clipboard import Clipboard, program_for
from h2a_tui.theme import styles_of
from h2a_tui.transcript.blocks import BlockCursor, answer_at, block_at, code_in, text_of
from h2a_tui.transcript.document import Document
from h2a_tui.transcript.items import Item
from h2a_tui.transcript.lines import Page
from h2a_tui.transcript.viewport import Viewport
from support.chat_pilot import Chat, running_chat

ANSWER = "Two ways:\n\n- one\n- two\n\n```python\nx = 1\n\ny = 2\n```\n\nThat is all."
STORY: list[AnyEvent] = [
    UserInput("1", Kind.PROMPT, "How?"),
    *(TokenStream(1, 0, piece) for piece in re.findall(r"(?s).{1,3}", ANSWER)),
    ToolCall(1, 1, "c", "bash", "complete", title="seq 30"),
    Done(1, "tool_use"),
    ToolResult("c", Outcome.OK, "\n".join(f"n{n}" for n in range(30)), "exit 0"),
]


def viewport(events: Sequence[AnyEvent] = STORY) -> Viewport:
    document = Document()
    for event in events:
        document.apply(event)
        document.settle()
    view = Viewport(document, Page(60, styles_of(load("dark"))))
    view.height = 40
    view.take_changes()
    view.measure()
    return view


def items(view: Viewport) -> list[Item]:
    return view.document.items


# ---------------------------------------------------------------------- what is copied


def test_an_answer_that_came_in_pieces_is_copied_as_it_was_written() -> None:
    view = viewport()
    index = next(i for i, item in enumerate(items(view)) if "That is all" in item.words)
    whole = [items(view)[i] for i in answer_at(items(view), index)]
    assert text_of(whole, fences=True) == ANSWER


def test_a_long_answer_divided_into_many_items_is_copied_whole() -> None:
    code = "\n".join(f"line {n}" for n in range(200))
    text = f"1. a\n2. b\n3. c\n\n```\n{code}\n```\n\n" + "some words " * 900
    view = viewport([TokenStream(1, 0, text), Done(1, "end_turn")])
    assert len(items(view)) > 6
    assert text_of(items(view), fences=True).rstrip() == text.rstrip()


def test_parts_of_a_table_and_of_an_item_are_copied_as_they_were_written() -> None:
    rows = "\n".join(f"| {n} | some words |" for n in range(400))
    text = f"- one\n\n  more\n\n  and more\n\n> a\n>\n> b\n\n| n | w |\n|---|---|\n{rows}"
    view = viewport([*(TokenStream(1, 0, piece) for piece in re.findall(r"(?s).{1,7}", text)), Done(1, "")])
    assert len(items(view)) > 6
    assert text_of(items(view), fences=True) == text


def test_code_is_copied_without_its_fence_from_either_form_of_an_answer() -> None:
    resumed = Document()
    resumed.apply(TokenStream(1, 0, ANSWER))
    resumed.apply(Done(1, "end_turn"))
    assert len(resumed.items) == 1
    assert code_in(resumed.items) == code_in(items(viewport())) == "x = 1\n\ny = 2"


def test_code_with_a_fence_in_it_gets_a_longer_one() -> None:
    text = "````\n" + "x\n" * 90 + "```\n````"
    view = viewport([TokenStream(1, 0, text + "\n\nend")])
    assert text_of(items(view), fences=True) == text + "\n\nend"


def test_a_list_is_one_block_however_it_was_divided() -> None:
    view = viewport()
    first = next(i for i, item in enumerate(items(view)) if "one" in item.words)
    assert [items(view)[i].words.strip() for i in block_at(items(view), first)] == ["- one", "- two"]


def test_the_cursor_goes_from_block_to_block_and_stops_at_the_ends() -> None:
    cursor = BlockCursor(viewport())
    texts = [cursor.text()]
    while cursor.move(-1):
        texts.append(cursor.text())
    assert [text.split("\n")[0] for text in texts] == [
        "seq 30",
        "That is all.",
        "x = 1",
        "- one",
        "Two ways:",
        "How?",
    ]
    assert not cursor.move(-1)
    assert cursor.text() == "How?"


def test_several_blocks_are_copied_with_their_fences() -> None:
    cursor = BlockCursor(viewport())
    cursor.move(-1)
    cursor.move(-1, extend=True)
    assert cursor.text() == "```python\nx = 1\n\ny = 2\n```\n\nThat is all."
    cursor.move(-1)
    assert cursor.text() == "- one\n- two"


# ------------------------------------------------------------------------- on the screen


async def tell(chat: Chat) -> None:
    """The story as it comes in a real run: not in one tick."""
    await chat.say(*STORY[:-3])
    await chat.say(*STORY[-3:])


def marked(chat: Chat) -> str:
    return "\n".join(row.removeprefix("▎").strip() for row in chat.rows() if row.startswith("▎"))


async def test_keys_move_fold_and_copy_and_escape_leads_back_to_the_draft() -> None:
    async with running_chat(size=(80, 60)) as chat:
        await tell(chat)
        chat.screen.composer.text = "draft"
        await chat.press("f4")
        assert "bash  seq 30" in marked(chat)
        await chat.press("enter")
        await chat.until(lambda: "n15" in marked(chat))
        await chat.press("k", "k", "c")
        assert chat.app.clipboard == "x = 1\n\ny = 2"
        await chat.press("up", "c")
        assert chat.app.clipboard == "- one\n- two"
        await chat.press("m")
        assert chat.app.clipboard == ANSWER
        await chat.press("escape", "x")
        assert marked(chat) == ""
        assert "x" in chat.draft
        assert chat.calls == []


async def test_brackets_take_the_cursor_to_what_was_said() -> None:
    async with running_chat() as chat:
        for n in range(20):
            await chat.say(UserInput(f"{n}", Kind.PROMPT, f"said {n}"), TokenStream(n + 1, 0, "x\n\n" * 5))
        await chat.press("f4", "[", "[", "c")
        assert chat.app.clipboard == "said 18"
        await chat.press("]", "c")
        assert chat.app.clipboard == "said 19"


async def test_what_was_found_is_where_reading_goes_on() -> None:
    async with running_chat() as chat:
        await tell(chat)
        await chat.press("f4", "/", *"how", "enter", "f3", "c")
        assert chat.app.clipboard == "How?"


async def test_a_click_on_the_conversation_does_not_take_the_keyboard() -> None:
    async with running_chat() as chat:
        await tell(chat)
        await chat.pilot.click(offset=(10, 3))
        await chat.type("hello")
        assert chat.draft == "hello"


async def test_with_nothing_said_there_is_nothing_to_read() -> None:
    async with running_chat() as chat:
        await chat.press("f4")
        assert "Nothing has been said yet" in chat.text()


# ------------------------------------------------------------------------- the clipboard


@pytest.fixture
def programs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of programs that stands before the others, in a place with no clipboard."""
    folder = tmp_path / "bin"
    folder.mkdir()
    monkeypatch.setenv("PATH", f"{folder}:{os.environ['PATH']}")
    for variable in ("TMUX", "WAYLAND_DISPLAY", "DISPLAY"):
        monkeypatch.delenv(variable, raising=False)
    return folder


def program(folder: Path, name: str, script: str) -> None:
    file = folder / name
    file.write_text(f"#!/bin/sh\n{script}\n", encoding="utf-8")
    file.chmod(0o755)


async def test_the_programs_of_the_machine_get_the_text_unchanged(
    programs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WAYLAND_DISPLAY", "wayland-0")
    program(programs, "wl-copy", f"cat > {tmp_path}/copied; sleep 60 & echo $! > {tmp_path}/pid")
    clipboard = Clipboard()
    try:
        assert await clipboard.put("ünicode\n  $(touch x) 'quoted'\n")
        os.kill(int((tmp_path / "pid").read_text()), 0)  # it answers for the clipboard as long as we live
    finally:
        await clipboard.aclose()
    assert (tmp_path / "copied").read_bytes().decode() == "ünicode\n  $(touch x) 'quoted'\n"


async def test_a_program_that_fails_or_is_not_there_is_no_error(
    programs: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    clipboard = Clipboard()
    monkeypatch.setattr("h2a_tui.clipboard.sys.platform", "linux")
    assert not await clipboard.put("x")
    monkeypatch.setenv("WAYLAND_DISPLAY", "wayland-0")
    program(programs, "wl-copy", "exit 1")
    assert not await clipboard.put("x")
    await clipboard.aclose()


def test_inside_tmux_it_is_tmux_that_is_asked(programs: Path) -> None:
    program(programs, "tmux", "")
    program(programs, "wl-copy", "")
    environ = {"TMUX": "/tmp/x,1,0", "WAYLAND_DISPLAY": "wayland-0", "PATH": str(programs)}
    assert program_for(environ, "linux")[0] == "tmux"
    assert program_for({**environ, "TMUX": ""}, "linux") == ("wl-copy",)
    assert program_for({}, "darwin") == ("pbcopy",)
    assert program_for({}, "linux") == ()


async def test_the_terminal_is_asked_too() -> None:
    async with running_chat(size=(80, 60)) as chat:
        await tell(chat)
        written: list[str] = []
        driver = chat.app._driver
        assert driver is not None
        driver.write = written.append  # type: ignore[method-assign]
        await chat.press("f4", "k", "c")
        encoded = base64.b64encode(b"That is all.").decode()
        assert any(f"\x1b]52;c;{encoded}\a" in data for data in written)
