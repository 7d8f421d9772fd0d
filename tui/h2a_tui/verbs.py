"""What the keys do to a run, computed from the state and from nothing else.

`kind_for` decides how a message is delivered, `escape_means` what Escape does, `hints` says both on screen
(steering contract: the composer always prints, live, what Enter and Alt+Enter will do now).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Final

from h2a_agent.events import ApprovalRequested, Kind, Phase
from h2a_agent.state import State
from h2a_tui.keymap import Action, Context, Enter, Keymap
from h2a_tui.vim import Mode as VimMode
from h2a_tui.vim import State as VimState

__all__ = ["ANSWER_ACTIONS", "SENDING", "Escape", "Hint", "escape_means", "hints", "is_offered", "kind_for"]

SENDING: Final = frozenset({Action.SUBMIT, Action.NUDGE, Action.FOLLOW_UP, Action.FOLLOW_UP_BY_TAB})


def kind_for(action: Action, enter: Enter) -> Kind:
    """How a message sent with `action` is delivered while a run is active; idle, every kind simply sends.

    The agent knows better than a screen whether a run is active right now, so it decides that, not we.
    """
    if action in (Action.FOLLOW_UP, Action.FOLLOW_UP_BY_TAB):
        return Kind.FOLLOW_UP
    steers = (action is Action.SUBMIT) == (enter == "steer")
    return Kind.STEER if steers else Kind.NUDGE


class Escape(Enum):
    """What Escape does now; there is one answer, wherever the keyboard is."""

    CLOSE_POPUP = "close the list"
    FORGET_KEYS = "drop keys"
    NORMAL_MODE = "normal mode"
    CANCEL_EDIT = "cancel the edit"
    CANCEL_REASON = "back to the question"
    LEAVE_QUEUE = "back to the editor"
    LEAVE_FIND = "back to where the search began"
    LEAVE_READING = "back to the editor, conversation at its place"
    LEAVE_APPROVAL = "back to the editor, question open"
    CANCEL_SELECTION = "drop the selection"
    STOP_SHELL = "stop the command"
    ABORT = "stop"
    NOTHING = ""


_CLOSES: Final[Mapping[Context, Escape]] = {
    Context.POPUP: Escape.CLOSE_POPUP,
    Context.QUEUE_EDIT: Escape.CANCEL_EDIT,
    Context.REASON: Escape.CANCEL_REASON,
    Context.CHANGE: Escape.CANCEL_REASON,
    Context.QUEUE: Escape.LEAVE_QUEUE,
    Context.FIND: Escape.LEAVE_FIND,
    Context.READING: Escape.LEAVE_READING,
    Context.APPROVAL: Escape.LEAVE_APPROVAL,
}


def escape_means(
    context: Context, *, selection: bool, busy: bool, shell: bool = False, vim: VimState | None = None
) -> Escape:
    """Close what is open, else drop the selection, else stop one's own command, else the run (steering contract: Escape).

    `vim` is the state of the editor that has the keyboard where it is one with vim's keys. On the way from what is
    written to normal mode Escape belongs to it; in normal mode it means what it means without vim.
    """
    if vim is not None and context is not Context.POPUP and (within := _escape_in_vim(vim)) is not None:
        return within
    if (closes := _CLOSES.get(context)) is not None:
        return closes
    if selection:
        return Escape.CANCEL_SELECTION
    if shell:
        return Escape.STOP_SHELL
    return Escape.ABORT if busy else Escape.NOTHING


def _escape_in_vim(vim: VimState) -> Escape | None:
    if vim.keys:
        return Escape.FORGET_KEYS
    if vim.is_visual:
        return Escape.CANCEL_SELECTION
    return Escape.NORMAL_MODE if vim.mode is VimMode.INSERT else None


@dataclass(frozen=True, slots=True)
class Hint:
    """A key and what it does now. `short` is for a line with no room."""

    key: str
    meaning: str
    short: str = ""


_STEER_EFFECT: Final[Mapping[Phase, str]] = {
    Phase.STREAMING: "cuts answer",
    Phase.TOOLS: "stops tools",
    Phase.APPROVAL: "withdraws question",
    Phase.RETRYING: "ends the wait",
    Phase.COMPACTING: "after compacting",
}
_VERB: Final[Mapping[Kind, str]] = {
    Kind.PROMPT: "send",
    Kind.STEER: "steer",
    Kind.NUDGE: "next step",
    Kind.FOLLOW_UP: "follow-up",
    Kind.COMPACT: "compact",
}


def _steer_effect(state: State) -> str | None:
    if state.phase is Phase.RETRYING and state.retry is not None and state.retry.held_s:
        return "after the wait" if state.retry.held_s >= state.retry.wait_s else "shortens the wait"
    return _STEER_EFFECT.get(state.phase)


def _message_hint(action: Action, state: State, keymap: Keymap, enter: Enter) -> Hint:
    kind = kind_for(action, enter) if state.busy else Kind.PROMPT
    key = keymap.label(action, Context.COMPOSER)
    if state.phase is Phase.PAUSED:  # any message ends a pause
        verb = _VERB[Kind.FOLLOW_UP if kind is Kind.FOLLOW_UP else Kind.PROMPT]
        return Hint(key, f"{verb} and go on", verb)
    effect = _steer_effect(state) if kind is Kind.STEER else None
    return Hint(key, f"{_VERB[kind]} ({effect})" if effect else _VERB[kind], _VERB[kind])


def _composer_hints(state: State, keymap: Keymap, enter: Enter, vim: VimState | None) -> Iterable[Hint]:
    yield _message_hint(Action.SUBMIT, state, keymap, enter)
    yield _message_hint(Action.FOLLOW_UP, state, keymap, enter)
    if "alt+enter" in keymap.keys(Action.NEWLINE, Context.COMPOSER):
        yield Hint("Alt+Enter", "new line")
    if state.approvals:
        yield Hint(keymap.label(Action.FOCUS_APPROVAL), "answer")
    if state.phase is Phase.PAUSED or state.pausing or state.queue_paused:
        yield Hint(keymap.label(Action.PAUSE_RESUME), "go on")
    if vim is not None and (within := _escape_in_vim(vim)) is not None:
        yield Hint(keymap.label(Action.ESCAPE), within.value)
    elif state.busy or state.shells:
        yield Hint(keymap.label(Action.ESCAPE), "stop command" if state.shells else "stop", "stop")
    if state.queue:
        yield Hint(keymap.label(Action.FOCUS_QUEUE), "queue")
    if state.busy:
        yield _message_hint(Action.NUDGE, state, keymap, enter)
    if not state.busy:
        yield Hint(keymap.label(Action.NEWLINE, Context.COMPOSER), "new line")
    yield Hint(keymap.label(Action.HELP), "help")


_QUEUE_KEYS: Final = (
    Action.QUEUE_EDIT,
    Action.QUEUE_STEER,
    Action.QUEUE_NUDGE,
    Action.QUEUE_FOLLOW_UP,
    Action.QUEUE_WITHDRAW,
    Action.QUEUE_EARLIER,
    Action.QUEUE_LATER,
)
ANSWER_ACTIONS: Final = (
    Action.ALLOW,
    Action.REJECT,
    Action.ALLOW_SESSION,
    Action.ALLOW_ALWAYS,
    Action.CHANGE_CALL,
    Action.REJECT_WITH_REASON,
)
_CONTEXT_KEYS: Final[Mapping[Context, tuple[Action, ...]]] = {
    Context.POPUP: (Action.POPUP_TAKE, Action.POPUP_COMPLETE, Action.POPUP_NEXT),
    Context.QUEUE: _QUEUE_KEYS,
    Context.FIND: (Action.FIND_NEXT, Action.FIND_PREVIOUS),
    Context.READING: (
        Action.BLOCK_FOLD,
        Action.COPY_BLOCK,
        Action.COPY_CODE,
        Action.COPY_MESSAGE,
        Action.FIND,
    ),
    Context.QUEUE_EDIT: (Action.EDIT_SAVE, Action.NEWLINE),
    Context.APPROVAL: ANSWER_ACTIONS,
    Context.REASON: (Action.SEND_REASON,),
    Context.CHANGE: (Action.SEND_CHANGE, Action.NEWLINE),
}


def is_offered(action: Action, question: ApprovalRequested | None) -> bool:
    """Can this question be answered so?"""
    if action is Action.ALLOW_ALWAYS:
        return question is not None and bool(question.rule)
    if action is Action.CHANGE_CALL:
        return question is not None and bool(question.editable)
    return True


_BEFORE_BACK: Final = 5  # hints that 80 columns have room for before the way out


def hints(
    context: Context, state: State, keymap: Keymap, enter: Enter, vim: VimState | None = None
) -> tuple[Hint, ...]:
    """What the keys do now, the most important first. `vim` as for `escape_means`."""
    actions = _CONTEXT_KEYS.get(context)
    if actions is None:
        return tuple(hint for hint in _composer_hints(state, keymap, enter, vim) if hint.key)
    question = state.approvals[0] if state.approvals else None
    actions = tuple(action for action in actions if is_offered(action, question))
    labels = {row.action: row.label for row in keymap.rows if row.context is context}
    listed = [Hint(keymap.label(action, context), labels[action]) for action in actions if action in labels]
    within = _escape_in_vim(vim) if vim is not None and context is not Context.POPUP else None
    listed.insert(_BEFORE_BACK, Hint(keymap.label(Action.ESCAPE), within.value if within else "back"))
    return tuple(hint for hint in listed if hint.key)
