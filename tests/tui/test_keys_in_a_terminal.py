"""Every key through a real terminal: bytes in at one end, calls of the agent out at the other."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator

import pytest

from support.scripted_app import ScriptedApp
from support.terminal_keys import ENCODINGS, Encoding

SENDS = [
    ("enter", "steer"),
    ("alt+enter", "follow-up"),
    ("ctrl+q", "follow-up"),
    ("tab", "follow-up"),
    ("ctrl+s", "nudge"),
]


@pytest.fixture(scope="module")
def shared() -> Iterator[ScriptedApp]:
    """One app for all tests that leave it as they found it: streaming, with an empty editor and queue."""
    with ScriptedApp.start(env={"ESCDELAY": "25"}) as app:
        app.say("Status(Phase.STREAMING, 1)", "TokenStream(1, 0, 'Once upon a time')")
        app.terminal.wait_for("streaming")
        yield app


@pytest.fixture
def app(shared: ScriptedApp) -> Iterator[ScriptedApp]:
    yield shared
    shared.script("agent.deliver_all()")
    shared.terminal.wait_gone("Waiting")
    shared.terminal.wait_for("› Say what to do")


@pytest.mark.parametrize("encoding", ENCODINGS)
@pytest.mark.parametrize(("key", "verb"), SENDS)
def test_sending_key_calls_its_verb(app: ScriptedApp, key: str, verb: str, encoding: Encoding) -> None:
    app.terminal.press("o", "k", key, encoding=encoding)
    assert app.next_call() == [verb, "ok"]


@pytest.mark.parametrize("encoding", ENCODINGS)
def test_every_other_key_in_every_encoding(app: ScriptedApp, encoding: Encoding) -> None:
    """In one go, because each start of the app costs: the queue, the run, the transcript's keys."""
    terminal = app.terminal

    def press(*keys: str) -> None:
        terminal.press(*keys, encoding=encoding)

    press("escape")
    assert app.next_call() == ["abort"]
    press("f8")
    assert app.next_call() == ["pause"]
    press("o", "n", "e", "ctrl+j", "t", "w", "o", "enter")
    assert app.next_call() == ["steer", "one\ntwo"]
    press("b", "alt+enter")
    assert app.next_call() == ["follow-up", "b"]
    press("c", "alt+enter")
    assert app.next_call() == ["follow-up", "c"]
    terminal.wait_for("Waiting · 3")

    press("alt+up")
    terminal.wait_for("▸ 3 ↳ follow-up  c")
    terminal.wait_for("Enter edit")
    press("alt+up")
    assert app.next_call()[0::2] == ["reorder", -1]
    press("alt+down")
    assert app.next_call()[0::2] == ["reorder", 1]
    for key, kind in (("s", "steer"), ("n", "nudge"), ("f", "follow-up")):
        press(key)
        assert app.next_call()[0::2] == ["promote", kind]
    press("delete")
    assert app.next_call()[0] == "withdraw"
    terminal.wait_for("› c")
    press("escape")
    terminal.wait_for("Enter steer")
    press("ctrl+c")
    terminal.wait_for("Cleared")

    press("f1")
    terminal.wait_for("In the editor")
    press("f1")
    terminal.wait_gone("In the editor")


def test_alt_up_of_old_terminals_goes_to_the_queue_and_does_not_abort(app: ScriptedApp) -> None:
    app.terminal.press("a", "alt+enter")
    assert app.next_call() == ["follow-up", "a"]
    app.terminal.wait_for("Waiting · 1")
    app.terminal.write(b"\x1b\x1b[A")
    app.terminal.wait_for("▸ 1 ↳ follow-up  a")
    app.terminal.wait_for("Enter edit")
    app.terminal.press("escape")
    app.terminal.wait_for("Enter steer")
    app.terminal.press("x", "enter")
    assert app.next_call() == ["steer", "x"]


def test_alt_enter_in_two_pieces_is_a_follow_up() -> None:
    """However late the second piece comes within the time an ESC has to become a key, which is endless here."""
    with ScriptedApp.start(env={"ESCDELAY": "3600000"}) as app:
        app.say("Status(Phase.STREAMING, 1)")
        app.terminal.wait_for("Enter steer")
        for data in (b"\x1b\r", b"\x1b\n", b"\x1b[13;3u", b"\x1b[27;3;13~"):
            for cut in range(1, len(data)):
                app.terminal.write(b"ok" + data[:cut])
                app.terminal.wait_for("› ok")  # so it has been read, and nothing has been made of the rest
                app.terminal.write(data[cut:])
                assert app.next_call() == ["follow-up", "ok"]
                app.terminal.wait_for("› Say what to do")


def test_burst_of_text_and_keys_is_taken_in_order(app: ScriptedApp) -> None:
    app.terminal.write(b"one\x1b[D\x1b[D-\rtwo\x1b\rthree\x1b[27;3;13~")
    assert app.next_call() == ["steer", "o-ne"]
    assert app.next_call() == ["follow-up", "two"]
    assert app.next_call() == ["follow-up", "three"]


def test_broken_sequences_leave_the_app_alive(app: ScriptedApp) -> None:
    for data in (
        b"\x1b[13;3:1u",
        b"\x1b[13:13;3u",
        b"\x1b[1114112u",
        b"\xff\xfe",
        b"\x1b[?1;2c",
        b"\x1b[13;3:3u",
    ):
        app.terminal.write(b"x" + data)
    app.terminal.press("ctrl+c")
    app.terminal.wait_for("Cleared")
    calls = [app.next_call(), app.next_call()]  # two of them are Alt+Enter
    assert [verb for verb, _ in calls] == ["follow-up", "follow-up"]


def test_long_paste_is_a_tag_and_is_sent_whole(app: ScriptedApp) -> None:
    text = "line of a log\n" * 500
    app.terminal.type_text("see ")
    app.terminal.paste(text)
    app.terminal.wait_for("› see [paste #1 · 500 lines]")
    app.terminal.press("enter")
    assert app.next_call() == ["steer", f"see {text}"]


def test_paste_with_line_ends_does_not_send(app: ScriptedApp) -> None:
    app.terminal.paste("a\rb\r\nc\r")
    app.terminal.wait_for("  c")
    app.terminal.press("enter")
    assert app.next_call() == ["steer", "a\nb\nc"]


def test_resize_to_a_stamp_and_back(app: ScriptedApp) -> None:
    app.terminal.type_text("draft")
    app.terminal.wait_for("› draft")
    app.terminal.resize(20, 5)
    app.terminal.wait_for(lambda: app.terminal.row(-3) == " › draft" and "streaming" in app.terminal.row(-1))
    app.terminal.resize(200, 60)
    app.terminal.wait_for(lambda: "F1 help" in app.terminal.row(-2))
    app.terminal.resize(80, 24)
    app.terminal.wait_for(
        lambda: app.terminal.row(-4).startswith("│ › draft") and "Esc stop" in app.terminal.row(-2)
    )
    app.terminal.press("ctrl+c")


def test_cursor_stands_where_the_text_is_typed(app: ScriptedApp) -> None:
    """The terminal draws an input method's window at its cursor."""
    app.terminal.type_text("日本")
    app.terminal.wait_for(lambda: app.terminal.cursor == (8, 20))
    app.terminal.press("ctrl+c")


def test_terminal_is_asked_for_extended_keys_and_given_back_as_it_was() -> None:
    with ScriptedApp.start() as app:
        terminal = app.terminal
        assert b"\x1b[>4;1m" in terminal.output
        assert b"\x1b[>25u" in terminal.output
        terminal.type_text("kept")
        terminal.wait_for("› kept")

        terminal.press("ctrl+z")
        terminal.wait_stopped()
        terminal.wait_output(b"\x1b[>4;0m")
        mark = len(terminal.output)
        os.kill(terminal.process.pid, signal.SIGCONT)
        terminal.wait_for(
            lambda: b"\x1b[>4;1m" in terminal.output[mark:] and "› kept" in terminal.screen_text()
        )

        terminal.press("ctrl+c")
        terminal.wait_for("Cleared")
        mark = len(terminal.output)
        terminal.press("ctrl+d")
        assert terminal.wait_exit() == 0
        for reset in (b"\x1b[>4;0m", b"\x1b[<u", b"\x1b[?1049l", b"\x1b[?2004l", b"\x1b[?25h"):
            assert reset in terminal.output[mark:]


def test_screen_is_painted_whole_after_ctrl_z_while_the_agent_works(app: ScriptedApp) -> None:
    terminal = app.terminal
    terminal.press("ctrl+z")
    terminal.wait_stopped()
    mark = len(terminal.output)
    os.kill(terminal.process.pid, signal.SIGCONT)
    for part in ("ay what to do", "cuts answer"):  # the cursor stands on the S
        terminal.wait_for(lambda part=part: part.encode() in terminal.output[mark:])


def test_fault_leaves_a_report_and_a_readable_message_and_exit_code_1() -> None:
    with ScriptedApp.start() as app:
        app.script("app.call_later(lambda: 1 / 0)")
        assert app.terminal.wait_exit() == 1
        said = app.terminal.screen_text()
        assert "Traceback" not in said
        assert "h2a-chat has stopped" in said
        assert "session.jsonl" in said.replace("\n", "")
        (report,) = app.log_dir.glob("crash-*.log")
        assert "ZeroDivisionError" in report.read_text("utf-8")


def test_keys_behind_one_that_moves_the_keyboard_go_where_it_went(app: ScriptedApp) -> None:
    app.terminal.press("a", "alt+enter")
    assert app.next_call() == ["follow-up", "a"]
    app.terminal.wait_for("Waiting · 1")
    app.terminal.write(b"\x1b[1;3As")
    assert app.next_call()[0::2] == ["promote", "steer"]
    app.terminal.wait_for("Enter edit")
    app.terminal.press("escape")
    app.terminal.wait_for("Enter steer")
