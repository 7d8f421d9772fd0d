"""The editor: sending, new lines, history, pastes, and a draft nothing takes away."""

from __future__ import annotations

import pytest
from textual import events

from h2a_agent.content import ImageBlock, TextBlock
from h2a_agent.events import (
    InputRestored,
    Kind,
    Phase,
    Status,
    TodoChanged,
    TodoItem,
    TodoStatus,
    UserInput,
)
from h2a_agent.sandbox.sandbox import Level, Sandbox
from h2a_tui import copy_clear_quit
from h2a_tui.attachments import PASTE_LIMIT, Attachments
from h2a_tui.screens.chat import ChatScreen
from support.chat_pilot import Chat, running_chat
from support.scripted_agent import ScriptedAgent

NEVER_S = 1e6

STREAMING = Status(Phase.STREAMING, 1)


async def paste(chat: Chat, text: str) -> None:
    chat.screen.composer.post_message(events.Paste(text))
    await chat.drawn()


@pytest.mark.parametrize("key", ["enter", "alt+enter", "ctrl+q", "ctrl+s", "tab"])
async def test_idle_every_sending_key_simply_sends(key: str) -> None:
    async with running_chat() as chat:
        await chat.press("h", "i", key)
        assert chat.calls == [("prompt", "hi")]
        assert chat.draft == ""


@pytest.mark.parametrize("key", ["enter", "alt+enter", "ctrl+s", "tab"])
async def test_empty_and_blank_text_does_nothing(key: str) -> None:
    async with running_chat() as chat:
        await chat.press(key, "space", key)
        assert chat.calls == []
        assert chat.draft == " "


async def test_enter_as_next_step_nudges_and_ctrl_s_steers() -> None:
    async with running_chat(enter="next-step") as chat:
        await chat.say(STREAMING)
        await chat.press("a", "enter", "b", "ctrl+s")
        assert chat.calls == [("nudge", "a"), ("steer", "b")]
        assert "Enter next step" in chat.rows()[-2]


async def test_alt_enter_as_new_line() -> None:
    async with running_chat(alt_enter="newline") as chat:
        await chat.press("a", "alt+enter", "b", "enter")
        assert chat.calls == [("prompt", "a\nb")]


@pytest.mark.parametrize("key", ["shift+enter", "ctrl+j"])
async def test_new_line_keys(key: str) -> None:
    async with running_chat() as chat:
        await chat.press("a", key, "b")
        assert chat.draft == "a\nb"


async def test_backslash_before_enter_is_a_new_line_and_goes_away() -> None:
    async with running_chat() as chat:
        await chat.press("a", "backslash", "enter", "b")
        assert chat.draft == "a\nb"
        await chat.press("backslash", "left", "enter")
        assert chat.last_call == ("prompt", "a\nb\\")


async def test_editor_grows_to_eight_rows_or_a_third_of_the_screen() -> None:
    async with running_chat(size=(80, 60)) as chat:
        await chat.press(*["ctrl+j"] * 20)
        assert chat.screen.composer.size.height == 8
        await chat.pilot.resize_terminal(80, 12)
        await chat.drawn()
        assert chat.screen.composer.size.height == 4


async def test_up_at_the_first_line_reaches_earlier_messages_and_down_the_draft() -> None:
    past = [UserInput("i0", Kind.PROMPT, "zero")]
    async with running_chat(ScriptedAgent(past=past)) as chat:
        await chat.press("o", "n", "e", "enter", "t", "w", "o", "ctrl+j", "2", "enter", "d")
        seen = []
        for key in ("up", "up", "up", "up", "up", "down", "down", "down", "down"):
            await chat.press(key)
            seen.append(chat.draft)
        # The second Up only moves within the two lines of the message.
        assert seen == ["two\n2", "two\n2", "one", "zero", "zero", "one", "two\n2", "d", "d"]


async def test_long_paste_is_shown_as_a_tag_and_sent_whole() -> None:
    text = "x" * (PASTE_LIMIT + 1)
    async with running_chat() as chat:
        await chat.type("a ")
        await paste(chat, text)
        assert chat.draft == "a [paste #1 · 4,097 chars]"
        await chat.press("enter")
        assert chat.calls == [("prompt", f"a {text}")]
        await chat.press("up", "enter")
        assert chat.last_call == ("prompt", f"a {text}")


async def test_backspace_takes_a_whole_tag() -> None:
    async with running_chat() as chat:
        await chat.press("a")
        await paste(chat, "x" * 5000)
        await chat.press("backspace")
        assert chat.draft == "a"


async def test_paste_with_control_characters_never_reaches_the_screen_but_is_sent_as_it_is() -> None:
    async with running_chat() as chat:
        await paste(chat, "a\x1b]0;owned\x07b")
        assert chat.draft == "[paste #1 · 12 chars]"
        await chat.press("enter")
        assert chat.calls == [("prompt", "a\x1b]0;owned\x07b")]


def test_tag_inside_a_paste_is_text() -> None:
    attachments = Attachments()
    inner = attachments.shown("y" * 5000)
    outer = attachments.shown(inner * 300)
    assert attachments.expand(outer) == inner * 300


async def test_restored_texts_go_above_the_draft_in_order_and_the_cursor_stays() -> None:
    async with running_chat() as chat:
        await chat.type("draft")
        await chat.press("left")
        await chat.say(InputRestored(("first\nline", "second")))
        assert chat.draft == "first\nline\nsecond\ndraft"
        await chat.press("X")
        assert chat.draft == "first\nline\nsecond\ndrafXt"


async def test_restored_picture_is_a_tag_and_is_sent_again() -> None:
    image = ImageBlock("image/png", "AAAA")
    async with running_chat() as chat:
        await chat.say(InputRestored(("look",), (), ((TextBlock("look"), image),)))
        assert chat.draft == "look\n[image #1]"
        await chat.press("enter")
        assert chat.calls == [("prompt", (TextBlock("look"), image))]


async def test_ctrl_c_clears_undoably_and_a_second_one_quits() -> None:
    async with running_chat() as chat:
        await chat.type("draft")
        await chat.press("ctrl+c")
        assert chat.draft == ""
        await chat.press("ctrl+underscore")
        assert chat.draft == "draft"
        await chat.press("ctrl+c", "ctrl+c")
        assert chat.app.return_code == 0
        assert not chat.app.is_running


async def test_ctrl_c_on_an_empty_editor_asks_first(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(copy_clear_quit, "AGAIN_S", NEVER_S)
    async with running_chat() as chat:
        await chat.press("ctrl+c")
        assert chat.app.is_running
        assert "again to quit" in chat.rows()[-1]


@pytest.mark.parametrize("draft", ["", "words"])
async def test_that_a_second_ctrl_c_quits_is_said_while_it_does(
    draft: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(copy_clear_quit, "AGAIN_S", 0.2)
    monkeypatch.setattr(ChatScreen.notice, "__defaults__", (NEVER_S,))
    async with running_chat() as chat:
        await chat.type(draft)
        await chat.press("ctrl+c")
        await chat.until(lambda: "quit" not in chat.text())


async def test_ctrl_c_copies_a_selection_and_keeps_the_text() -> None:
    async with running_chat() as chat:
        await chat.type("abc")
        await chat.press("shift+left", "shift+left", "ctrl+c")
        assert chat.app.clipboard == "bc"
        assert chat.draft == "abc"
        assert "Copied 2 characters" in chat.rows()[-1]


async def test_what_was_copied_is_selected_no_more_so_that_the_next_ctrl_c_clears() -> None:
    async with running_chat() as chat:
        await chat.type("abc")
        await chat.press("shift+left", "ctrl+c", "x")
        assert chat.draft == "abxc"
        await chat.press("ctrl+c")
        assert chat.draft == ""


async def test_key_pressed_while_nothing_has_the_keyboard_is_typed() -> None:
    async with running_chat() as chat:
        chat.screen.set_focus(None)
        await chat.press("x", "y")
        assert chat.draft == "xy"


async def test_all_keys_of_a_burst_are_typed_while_nothing_has_the_keyboard() -> None:
    async with running_chat() as chat:
        chat.screen.set_focus(None)
        await chat.press_at_once(*"go on", "enter")
        assert [call[1] for call in chat.calls] == ["go on"]


async def test_ctrl_d_deletes_in_text_and_quits_when_empty() -> None:
    async with running_chat() as chat:
        await chat.press("a", "b", "home", "ctrl+d")
        assert chat.draft == "b"
        await chat.press("ctrl+d", "ctrl+d")
        assert not chat.app.is_running


async def test_escape_drops_the_selection_first_and_then_aborts() -> None:
    async with running_chat() as chat:
        await chat.say(STREAMING)
        await chat.press("a", "shift+left", "escape")
        assert chat.calls == []
        await chat.press("escape")
        assert chat.calls == [("abort",)]
        assert chat.draft == "a"


async def test_escape_idle_does_nothing_however_often() -> None:
    async with running_chat() as chat:
        await chat.press("escape", "escape", "escape")
        assert chat.calls == []
        assert chat.app.is_running


async def test_commands_run_and_leave_and_also_while_the_agent_works() -> None:
    async with running_chat() as chat:
        await chat.say(STREAMING)
        await chat.type("/pause")
        await chat.press("enter")
        await chat.type("/resume")
        await chat.press("enter")
        await chat.type("/queue run the tests")
        await chat.press("enter")
        await chat.type("/next use the old names")
        await chat.press("enter")
        await chat.type("/stop")
        await chat.press("enter")
        assert chat.calls == [
            ("pause",),
            ("resume",),
            ("follow-up", "run the tests"),
            ("nudge", "use the old names"),
            ("abort",),
        ]
        assert chat.draft == ""


async def test_undo_and_redo_are_the_agents_business() -> None:
    async with running_chat() as chat:
        for command in ("/undo", "/redo"):
            await chat.type(command)
            await chat.press("enter")
        assert chat.calls == [("undo",), ("redo",)]


async def test_todo_shows_and_folds_the_list_and_says_when_there_is_none() -> None:
    async with running_chat() as chat:
        await chat.type("/todo")
        await chat.press("enter")
        assert "There is no list" in chat.rows()[-1]
        await chat.say(TodoChanged((TodoItem("mend the parser", TodoStatus.PENDING),)))
        await chat.type("/todo")
        await chat.press("enter")
        await chat.until(lambda: "0/1 to do" in chat.text())


async def test_a_command_that_cannot_says_why_and_stays() -> None:
    async with running_chat() as chat:
        for line, why in (
            ("/tree", "Nothing has been said"),
            ("/label x", "Nothing has been said"),
            ("/clone", "not written"),
        ):
            await chat.type(line)
            await chat.press("enter")
            await chat.until(lambda why=why: why in chat.rows()[-1])
            assert chat.draft in (line, "")
            await chat.press("ctrl+u")


async def test_a_session_has_a_name_once_it_is_given_one() -> None:
    async with running_chat() as chat:
        await chat.type("/name")
        await chat.press("enter")
        assert "No name yet" in chat.rows()[-1]
        await chat.type("/name The parser")
        await chat.press("enter")
        assert "“The parser”" in chat.rows()[-1]
        assert chat.agent.sessions.name == "The parser"


async def test_unknown_command_says_so_and_stays() -> None:
    async with running_chat() as chat:
        await chat.type("/tmp is full")
        await chat.press("enter")
        assert chat.calls == []
        assert chat.draft == "/tmp is full"
        assert "No command /tmp" in chat.rows()[-1]
        await chat.press("home", "space", "enter")
        assert chat.calls == [("prompt", "/tmp is full")]


async def test_path_at_the_start_is_a_message() -> None:
    async with running_chat() as chat:
        await chat.type("/usr/bin/env fails")
        await chat.press("enter")
        assert chat.calls == [("prompt", "/usr/bin/env fails")]


async def test_queue_without_a_text_says_what_it_needs() -> None:
    async with running_chat() as chat:
        await chat.type("/queue")
        await chat.press("enter")
        assert chat.draft == "/queue"
        assert "/queue needs a text" in chat.rows()[-1]


async def test_slash_sandbox_says_what_holds_commands_in() -> None:
    async with running_chat(size=(120, 24)) as chat:
        await chat.type("/sandbox")
        await chat.press("enter")
        assert "sandbox: not tried yet, nothing has run" in chat.rows()[-1]
        chat.agent.sandbox = Sandbox(Level.NONE, "bubblewrap is not installed")
        await chat.type("/sandbox")
        await chat.press("enter")
        assert "sandbox: none (bubblewrap is not installed)" in chat.rows()[-1]
        assert chat.draft == ""
