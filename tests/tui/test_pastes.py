"""Pastes and pictures: one tag, sent whole, deleted, undone and shown as one; and pastes no terminal has marked."""

from __future__ import annotations

import base64
import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image
from textual import events

from h2a_agent.content import ImageBlock, TextBlock
from h2a_agent.events import Phase, Status
from h2a_tui.attachments import PASTE_LINES
from h2a_tui.bursts import SHORTEST, Bursts
from h2a_tui.pictures import clipboard_programs, dropped_picture
from support.chat_pilot import Chat, running_chat
from support.scripted_agent import ScriptedAgent
from support.scripted_app import ScriptedApp

MANY = "".join(f"line {n}\n" for n in range(120))


async def paste(chat: Chat, text: str) -> None:
    target = chat.app.screen.focused
    assert target is not None
    target.post_message(events.Paste(text))
    await chat.drawn()


def picture(path: Path, colour: str = "red") -> Path:
    Image.new("RGB", (4, 4), colour).save(path)
    return path


def data_of(path: Path) -> str:
    return base64.b64encode(path.read_bytes()).decode()


async def test_paste_of_many_lines_is_one_thing_until_it_is_sent() -> None:
    async with running_chat() as chat:
        await chat.type("see ")
        await paste(chat, MANY)
        assert chat.draft == "see [paste #1 · 120 lines]"
        await chat.press("left", "left", "right", "right", "backspace")
        assert chat.draft == "see "
        await chat.press("ctrl+underscore")
        assert chat.draft == "see [paste #1 · 120 lines]"
        await chat.press("ctrl+w")
        assert chat.draft == "see "
        await chat.press("ctrl+y", "enter")
        assert chat.calls == [("prompt", f"see {MANY}".rstrip("\n") + "\n")]


async def test_paste_of_few_lines_is_text() -> None:
    async with running_chat() as chat:
        text = "\n".join("x" * PASTE_LINES)
        await paste(chat, text)
        assert chat.draft == text


async def test_paste_is_expanded_where_its_tag_stands_and_folds_back_with_undo() -> None:
    async with running_chat() as chat:
        await paste(chat, MANY)
        await chat.press("alt+e")
        assert chat.draft == MANY
        await chat.press("ctrl+underscore")
        assert chat.draft == "[paste #1 · 120 lines]"
        await paste(chat, "a\x1b[2J" * 9)
        await chat.press("alt+e")  # control characters never come into an editor
        assert "\x1b" not in chat.draft


async def test_long_message_is_edited_in_the_queue_as_a_tag_and_kept_whole() -> None:
    long = "word " * 2000
    async with running_chat(ScriptedAgent()) as chat:
        await chat.say(Status(Phase.STREAMING, 1))
        chat.agent.follow_up(long)
        await chat.settle()
        await chat.press("alt+up", "enter")
        assert chat.screen.queue_panel.editor.text == "[paste #1 · 10,000 chars]"
        await chat.press("!")
        await paste(chat, MANY)
        await chat.press("enter")
        assert chat.last_call[2] == f"{long}!{MANY}"


@pytest.mark.parametrize("quoted", ["{}", "'{}'", '"{}"', "file://{}", "{} "])
async def test_dropped_picture_is_a_tag_and_is_sent_as_a_picture(tmp_path: Path, quoted: str) -> None:
    file = picture(tmp_path / "plan.png")
    async with running_chat() as chat:
        await chat.type("look ")
        await paste(chat, quoted.format(file))
        assert chat.draft == "look [image #1]"
        await chat.until(lambda: not chat.screen.composer.reading_pictures)
        await chat.press("enter")
        assert chat.calls == [("prompt", (TextBlock("look"), ImageBlock("image/png", data_of(file))))]


async def test_dropped_file_that_is_no_picture_after_all_is_its_path(tmp_path: Path) -> None:
    file = tmp_path / "fake.png"
    file.write_text("no")
    async with running_chat() as chat:
        await paste(chat, str(file))
        await chat.until(lambda: not chat.screen.composer.reading_pictures)
        await chat.drawn()
        assert chat.draft == str(file)
        assert "fake.png is damaged or not a picture" in chat.rows()[-1]


def test_only_a_path_of_an_existing_picture_is_a_dropped_picture(tmp_path: Path) -> None:
    file = picture(tmp_path / "a b.png")
    assert dropped_picture(str(file).replace(" ", "\\ ")) == file
    assert dropped_picture(f"file://{str(file).replace(' ', '%20')}") == file
    for text in (
        "",
        "a.png",
        "see /x.png now",
        str(tmp_path / "none.png"),
        f"{file}\n{file}",
        "'",
        "/" + "x" * 9000,
    ):
        assert dropped_picture(text) is None


async def test_mentioned_picture_goes_along_and_stays_a_word(tmp_path: Path) -> None:
    file = picture(tmp_path / "plan.png")
    async with running_chat(ScriptedAgent(tmp_path)) as chat:
        await chat.type("see @pl")
        await chat.until(lambda: chat.screen.composer.popup_open)
        await chat.press("enter")
        await chat.until(lambda: not chat.screen.composer.reading_pictures)
        await chat.press("enter")
        assert chat.calls == [
            ("prompt", (TextBlock("see @plan.png"), ImageBlock("image/png", data_of(file))))
        ]


async def test_message_with_a_picture_still_being_read_waits_in_the_editor(tmp_path: Path) -> None:
    async with running_chat() as chat:
        composer = chat.screen.composer
        composer.write("[image #1]")
        composer._reading.add("[image #1]")
        await chat.press("enter")
        assert chat.calls == []
        assert "still being read" in chat.rows()[-1]


@pytest.mark.parametrize("program", ["wl-paste", "xclip", "pngpaste"])
async def test_ctrl_v_takes_a_picture_from_whichever_clipboard_there_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, program: str
) -> None:
    file = picture(tmp_path / "clip.png")
    folder = tmp_path / "bin"
    folder.mkdir()
    (folder / program).write_text(f"#!/bin/sh\ncat {file}\n")
    (folder / program).chmod(0o755)
    monkeypatch.setenv("PATH", os.pathsep.join([str(folder), "/usr/bin", "/bin"]))
    workspace = tmp_path / "project"
    workspace.mkdir()
    async with running_chat(ScriptedAgent(workspace)) as chat:
        await chat.press("ctrl+v")
        await chat.until(lambda: chat.draft)
        assert chat.draft == "[image #1]"
        await chat.press("enter")
        assert chat.calls == [("prompt", (ImageBlock("image/png", data_of(file)),))]


async def test_ctrl_v_without_a_picture_pastes_what_was_cut(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "xclip").write_text("#!/bin/sh\nexit 1\n")
    (tmp_path / "xclip").chmod(0o755)
    monkeypatch.setenv("PATH", os.pathsep.join([str(tmp_path), "/usr/bin", "/bin"]))
    async with running_chat() as chat:
        await chat.type("ab")
        await chat.press("shift+left", "ctrl+x", "ctrl+v")
        await chat.until(lambda: chat.draft == "ab")


def test_clipboard_program_of_the_project_itself_is_never_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    project, other = tmp_path / "project", tmp_path / "other"
    for folder in (project, other):
        folder.mkdir()
        (folder / "xclip").write_text("#!/bin/sh\n")
        (folder / "xclip").chmod(0o755)
    monkeypatch.setenv("PATH", os.pathsep.join([str(project), str(other), "."]))
    assert [words[0] for words in clipboard_programs(project)] == [str(other / "xclip")]
    monkeypatch.setenv("PATH", str(project))
    assert clipboard_programs(project) == []


# ------------------------------------------------------------- pastes without marks


def test_text_with_a_line_end_inside_is_a_paste_and_so_is_its_rest() -> None:
    bursts = Bursts()
    assert bursts.is_paste("first line of a paste\rsecond", 1.0)
    assert bursts.is_paste(" line", 1.01)
    assert bursts.is_paste("\r", 1.02)  # rather one Enter too few than a message that nobody has sent
    assert not bursts.is_paste("\r", 2.0)


@pytest.mark.parametrize(
    "piece",
    [
        "a",
        "\r",
        "short\rtext",
        "a whole line typed ahead on a slow line\r",
        "x" * 100,
        "one\x1b[D\x1b[D-\rtwo and three\r",
    ],
)
def test_typing_is_no_paste(piece: str) -> None:
    assert not Bursts().is_paste(piece, 1.0)


@given(st.integers(1, 40))
def test_marked_paste_is_left_alone_in_any_pieces(size: int) -> None:
    text = f"\x1b[200~{MANY}\x1b[201~"
    bursts = Bursts()
    pieces = [text[at : at + size] for at in range(0, len(text), size)]
    # The first piece may be no more than part of the mark; nothing before the end of it looks like a paste.
    assert not any(bursts.is_paste(piece, 1.0) for piece in pieces)
    assert bursts.is_paste("x" * SHORTEST + "\ry", 9.0)


def test_paste_the_terminal_does_not_mark_never_sends() -> None:
    with ScriptedApp.start() as app:
        app.terminal.write(b"def f():\r    return 1\r\rprint(f())\r")
        app.terminal.wait_for("  print(f())")
        app.terminal.press("end", "x", "enter")  # a key that is no text ends a paste however soon it comes
        assert app.next_call() == ["prompt", "def f():\n    return 1\n\nprint(f())\nx"]


def test_setting_takes_it_for_keys() -> None:
    with ScriptedApp.start(paste_burst=False) as app:  # type: ignore[arg-type]
        app.terminal.write(b"first line of a paste\rand a second\r")
        assert app.next_call() == ["prompt", "first line of a paste"]
        assert app.next_call() == ["prompt", "and a second"]
