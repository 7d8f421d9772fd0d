"""What keys mean now, and that the screen says exactly that."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest

from h2a_agent.events import ApprovalRequested, Kind, Phase, QueueItem, RetryScheduled
from h2a_agent.state import State
from h2a_tui.keymap import Action, Context, Keymap
from h2a_tui.verbs import Escape, escape_means, hints, kind_for
from h2a_tui.vim import Mode
from h2a_tui.vim import State as VimState
from h2a_tui.widgets.hint_text import hint_text

QUESTION = ApprovalRequested("c1", "bash", "rm", "rm x", "command", "", "/w")
ITEM = QueueItem("i1", Kind.FOLLOW_UP, "queued", "later", 0, 0.0, 0)


def line(state: State, width: int = 78, context: Context = Context.COMPOSER, **keymap: str) -> str:
    return hint_text(hints(context, state, Keymap(**keymap), "steer"), width).plain  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("state", "expected"),
    [
        (State(), "Enter send · Alt+Enter send · Shift+Enter new line · F1 help"),
        (
            State(phase=Phase.STREAMING),
            "Enter steer (cuts answer) · Alt+Enter follow-up · Esc stop · Ctrl+S next step",
        ),
        (
            State(phase=Phase.TOOLS),
            "Enter steer (stops tools) · Alt+Enter follow-up · Esc stop · Ctrl+S next step",
        ),
        (
            State(phase=Phase.PREPARING),
            "Enter steer · Alt+Enter follow-up · Esc stop · Ctrl+S next step · F1 help",
        ),
        (
            State(phase=Phase.APPROVAL, approvals=(QUESTION,)),
            "Enter steer (withdraws question) · Alt+Enter follow-up · F2 answer · Esc stop",
        ),
        (
            State(phase=Phase.RETRYING),
            "Enter steer (ends the wait) · Alt+Enter follow-up · Esc stop",
        ),
        (
            State(phase=Phase.RETRYING, retry=RetryScheduled(1, 6, 15.0, "busy", held_s=15.0)),
            "Enter steer (after the wait) · Alt+Enter follow-up · Esc stop",
        ),
        (
            State(phase=Phase.RETRYING, retry=RetryScheduled(4, 6, 8.0, "busy", held_s=1.0)),
            "Enter steer (shortens the wait) · Alt+Enter follow-up · Esc stop",
        ),
        (
            State(phase=Phase.COMPACTING),
            "Enter steer (after compacting) · Alt+Enter follow-up · Esc stop",
        ),
        (
            State(phase=Phase.PAUSED),
            "Enter send and go on · Alt+Enter follow-up and go on · F8 go on · Esc stop",
        ),
        (
            State(queue=(ITEM,), queue_paused=True),
            "Enter send · Alt+Enter send · F8 go on · Alt+↑ queue · Shift+Enter new line",
        ),
        (
            State(phase=Phase.STREAMING, queue=(ITEM,), pausing=True),
            "Enter steer (cuts answer) · Alt+Enter follow-up · F8 go on · Esc stop",
        ),
    ],
)
def test_label_in_each_state(state: State, expected: str) -> None:
    assert line(state) == expected


def test_label_always_names_enter_and_alt_enter_first_and_grows_with_the_room() -> None:
    state = State(phase=Phase.STREAMING)
    assert line(state, 20) == "Enter steer"
    assert line(state, 40) == "Enter steer · Alt+Enter follow-up"
    assert line(state, 120).endswith("Ctrl+S next step · F1 help")


@pytest.mark.parametrize("width", range(1, 130))
def test_label_never_is_wider_than_its_line(width: int) -> None:
    assert len(line(State(phase=Phase.APPROVAL, approvals=(QUESTION,)), width)) <= width


def test_label_names_alt_enter_as_new_line_when_it_is_one() -> None:
    text = line(State(phase=Phase.STREAMING), 120, alt_enter="newline")
    assert "Alt+Enter new line" in text
    assert "Ctrl+Q follow-up" in text


def test_label_in_the_queue_and_at_a_question_names_their_keys() -> None:
    assert line(State(), 120, Context.QUEUE).startswith(
        "Enter edit · s steer · n next step · f follow-up · Del"
    )
    assert line(State(), 78, Context.QUEUE).endswith("Del withdraw · Esc back")
    assert line(State(), 78, Context.QUEUE_EDIT) == "Enter save · Shift+Enter new line · Esc back"
    assert (
        line(State(), 78, Context.APPROVAL)
        == "y allow · n reject · a allow for session · r say why · Esc back"
    )


@pytest.mark.parametrize(
    ("action", "enter", "kind"),
    [
        (Action.SUBMIT, "steer", Kind.STEER),
        (Action.NUDGE, "steer", Kind.NUDGE),
        (Action.SUBMIT, "next-step", Kind.NUDGE),
        (Action.NUDGE, "next-step", Kind.STEER),
        (Action.FOLLOW_UP, "steer", Kind.FOLLOW_UP),
        (Action.FOLLOW_UP, "next-step", Kind.FOLLOW_UP),
        (Action.FOLLOW_UP_BY_TAB, "steer", Kind.FOLLOW_UP),
    ],
)
def test_setting_swaps_what_enter_and_its_twin_do(action: Action, enter: str, kind: Kind) -> None:
    assert kind_for(action, enter) is kind  # type: ignore[arg-type]


@pytest.mark.parametrize("selection", [False, True])
@pytest.mark.parametrize("busy", [False, True])
@pytest.mark.parametrize("shell", [False, True])
@pytest.mark.parametrize("context", list(Context))
def test_escape_closes_then_unselects_then_stops_a_command_then_aborts(
    context: Context, selection: bool, busy: bool, shell: bool
) -> None:
    """The whole table: what is open wins over a selection, that over one's own command, that over the run."""
    closes = {
        Context.POPUP: Escape.CLOSE_POPUP,
        Context.QUEUE_EDIT: Escape.CANCEL_EDIT,
        Context.REASON: Escape.CANCEL_REASON,
        Context.CHANGE: Escape.CANCEL_REASON,
        Context.QUEUE: Escape.LEAVE_QUEUE,
        Context.FIND: Escape.LEAVE_FIND,
        Context.READING: Escape.LEAVE_READING,
        Context.APPROVAL: Escape.LEAVE_APPROVAL,
    }
    rest = Escape.ABORT if busy else Escape.NOTHING
    rest = Escape.CANCEL_SELECTION if selection else Escape.STOP_SHELL if shell else rest
    assert escape_means(context, selection=selection, busy=busy, shell=shell) is closes.get(context, rest)


@pytest.mark.parametrize("selection", [False, True])
@pytest.mark.parametrize("busy", [False, True])
@pytest.mark.parametrize("context", list(Context))
def test_escape_leads_to_normal_mode_first_and_means_there_what_it_means_without_vim(
    context: Context, selection: bool, busy: bool
) -> None:
    """Only a list that is open comes before; a command that is not whole and a choice are dropped like a text that is written."""

    def means(**vim: Any) -> Escape:
        state = VimState(**vim) if vim else None
        return escape_means(context, selection=selection, busy=busy, vim=state)

    assert means(mode=Mode.NORMAL) is means()
    if context is Context.POPUP:
        assert {means(mode=mode, keys="d") for mode in Mode} == {Escape.CLOSE_POPUP}
    else:
        assert means(mode=Mode.INSERT) is Escape.NORMAL_MODE
        assert means(mode=Mode.VISUAL) is means(mode=Mode.VISUAL_LINE) is Escape.CANCEL_SELECTION
        assert means(mode=Mode.NORMAL, keys="2d") is Escape.FORGET_KEYS


def test_label_says_what_escape_does_in_vims_modes() -> None:
    state = State(phase=Phase.STREAMING)

    def said(context: Context, mode: Mode) -> str:
        return hint_text(hints(context, state, Keymap(), "steer", VimState(mode=mode)), 120).plain

    assert "Esc normal mode" in said(Context.COMPOSER, Mode.INSERT)
    assert "Esc stop" in said(Context.COMPOSER, Mode.NORMAL)
    assert said(Context.QUEUE_EDIT, Mode.INSERT).endswith("Esc normal mode")
    assert said(Context.QUEUE_EDIT, Mode.NORMAL).endswith("Esc back")
    assert said(Context.POPUP, Mode.INSERT).endswith("Esc back")


def test_every_phase_has_a_label() -> None:
    for phase in Phase:
        text = line(dataclasses.replace(State(), phase=phase))
        assert text.startswith("Enter ")
        assert "Alt+Enter " in text
