"""What the terminal itself is told: its title, its progress, a call when nobody looks; and all of it put back."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from h2a_agent.events import AnyEvent, ApprovalRequested, Error, Phase, Settled, Status, TokenStream
from h2a_agent.state import State, reduce
from h2a_tui.attention import Attention, Signals, call_for, notification_code, shows_progress
from support.scripted_app import ScriptedApp

GHOSTTY = {"TERM": "xterm-ghostty", "TERM_PROGRAM": "ghostty"}
FOOT = {"TERM": "foot"}
QUESTION = ApprovalRequested("1", "bash", "npm; test", "d", "command", "why", "/", "d")


def attention(environ: dict[str, str], signals: Signals | None = None) -> tuple[Attention, list[str]]:
    sent: list[str] = []
    return Attention(sent.append, signals or Signals(), environ, Path("/home/space")), sent


def fold(*events: AnyEvent) -> State:
    state = State()
    for event in events:
        state = reduce(state, event)
    return state


def test_title_and_progress_follow_the_run_and_are_sent_once() -> None:
    told, sent = attention(GHOSTTY)
    for events in (
        (),
        (Status(Phase.PREPARING),),
        (Status(Phase.PREPARING), Status(Phase.STREAMING), TokenStream(1, 0, "x")),
        (Status(Phase.APPROVAL), QUESTION),
        (Status(Phase.PAUSED),),
        (Status(Phase.IDLE),),
    ):
        told.show(fold(*events))
    assert sent == [
        "\x1b]2;h2a-chat · space · ready\x1b\\",
        "\x1b]2;h2a-chat · space · working\x1b\\",
        "\x1b]9;4;3;0\x1b\\",
        "\x1b]2;h2a-chat · space · asks you\x1b\\",
        "\x1b]9;4;4;100\x1b\\",
        "\x1b]2;h2a-chat · space · paused\x1b\\",
        "\x1b]2;h2a-chat · space · ready\x1b\\",
        "\x1b]9;4;0;0\x1b\\",
    ]
    assert told.greeting == "\x1b[22;2t"
    assert told.farewell == "\x1b]9;4;0;0\x1b\\\x1b[23;2t"


def test_progress_is_renewed_while_it_lasts() -> None:
    now = [100.0]
    sent: list[str] = []
    told = Attention(sent.append, Signals(title=False), GHOSTTY, Path("/home/space"), lambda: now[0])
    working = fold(Status(Phase.PREPARING))
    for _second in range(25):
        told.show(working)
        now[0] += 1
    assert sent == ["\x1b]9;4;3;0\x1b\\"] * 3
    told.show(fold())
    now[0] += 100
    told.show(fold())
    assert sent[3:] == ["\x1b]9;4;0;0\x1b\\"]


def test_a_call_is_a_notification_and_a_bell() -> None:
    told, sent = attention(GHOSTTY)
    told.call("Done")
    assert sent == ["\x1b]9;h2a-chat: Done\x1b\\", "\x07"]
    told, sent = attention(FOOT)
    told.call("May bash run? a;b")
    assert sent == ["\x1b]777;notify;h2a-chat;May bash run? a,b\x1b\\", "\x07"]


def test_everything_can_be_switched_off() -> None:
    told, sent = attention(GHOSTTY, Signals(title=False, progress=False, notifications=False, bell=False))
    told.show(fold(Status(Phase.PREPARING)))
    told.call("Done")
    assert sent == []
    assert told.greeting + told.farewell == ""


@pytest.mark.parametrize("term", ["linux", "dumb", ""])
def test_a_terminal_that_prints_what_it_does_not_know_gets_the_bell_alone(term: str) -> None:
    told, sent = attention({**GHOSTTY, "TERM": term})
    told.show(fold(Status(Phase.PREPARING)))
    told.call("Done")
    assert sent == ["\x07"]


@given(st.text())
def test_no_text_ends_its_sequence_or_begins_another(text: str) -> None:
    for environ in (GHOSTTY, FOOT):
        told, sent = attention(environ, Signals(bell=False))
        told.call(text)
        (sequence,) = sent
        body = sequence.removeprefix("\x1b]").removesuffix("\x1b\\")
        assert body.isprintable()
        assert sequence == f"\x1b]{body}\x1b\\"


@pytest.mark.parametrize(
    ("environ", "code", "progress"),
    [
        (GHOSTTY, "9", True),
        ({**GHOSTTY, "TMUX": "/tmp/x"}, "", False),
        ({"TERM_PROGRAM": "iTerm.app"}, "9", False),
        ({"KITTY_WINDOW_ID": "1"}, "9", False),
        (FOOT, "777", False),
        ({"VTE_VERSION": "7600"}, "777", False),
        ({"VTE_VERSION": "8002"}, "777", True),
        ({"WT_SESSION": "x"}, "", True),
        ({"TERM": "xterm-256color"}, "", False),
    ],
)
def test_only_what_a_terminal_is_known_to_understand_is_sent(
    environ: dict[str, str], code: str, progress: bool
) -> None:
    assert (notification_code(environ), shows_progress(environ)) == (code, progress)


@pytest.mark.parametrize(
    ("events", "call"),
    [
        ([Status(Phase.APPROVAL), QUESTION], "May bash run? npm; test"),
        ([Status(Phase.IDLE), Settled("completed")], "Done"),
        ([Error("auth", "no key"), Settled("failed")], "Failed: no key"),
        ([Settled("failed")], "Failed"),
        ([Status(Phase.PAUSED, note="the limit is reached")], "Paused: the limit is reached"),
        ([Settled("aborted")], ""),
        ([Status(Phase.PAUSED)], ""),
        ([Status(Phase.STREAMING), TokenStream(1, 0, "x")], ""),
    ],
)
def test_a_person_is_called_for_what_needs_them(events: list[AnyEvent], call: str) -> None:
    assert call_for(fold(*events), events) == call


def test_in_a_terminal_nobody_is_called_while_somebody_looks_and_all_is_put_back() -> None:
    with ScriptedApp.start(env={"TERM_PROGRAM": "ghostty"}) as app:
        terminal = app.terminal
        terminal.wait_output(b"\x1b[22;2t")
        app.say("Status(Phase.STREAMING, 1)")
        terminal.wait_output("· working\x1b\\".encode())
        app.say("Status(Phase.IDLE)", "Settled('completed')")
        app.say("Status(Phase.STREAMING, 2)", "TokenStream(2, 0, 'and so it went on')")
        terminal.wait_for("and so it went on")
        assert b"\x1b]9;h2a-chat" not in terminal.output
        terminal.write(b"\x1b[O")
        # The loss of the focus and the event come by two ways: it is told again until it comes second. The
        # spinner moves, so there is always more output to wait for.
        app.say("Status(Phase.STREAMING, 2)")
        called = b"\x1b]9;h2a-chat: Done\x1b\\\x07"
        terminal.wait_for(lambda: app.say("Settled('completed')") or called in terminal.output)
        terminal.press("ctrl+d")
        assert terminal.wait_exit() == 0
        assert bytes(terminal.output).rindex(b"\x1b[23;2t") > bytes(terminal.output).rindex(b"\x1b]2;")
        assert bytes(terminal.output).count(b"\x1b[23;2t") == 1
