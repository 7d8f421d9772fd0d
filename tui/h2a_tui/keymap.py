"""Every key of the program, in one table.

A row says what is done, with which keys, where, and how it is called on screen. Nothing else compares a key:
widgets ask `Keymap.action` what a key means in their context, the label under the composer and the help
overlay are printed from the same rows. Key names are Textual's; the first key of a row is the one shown.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from enum import Enum, StrEnum
from typing import Final, Literal, TypeAlias

__all__ = [
    "EDITING",
    "KEYMAP",
    "VIM",
    "Action",
    "AltEnter",
    "Context",
    "Editing",
    "Enter",
    "Keymap",
    "Row",
    "key_label",
]

AltEnter: TypeAlias = Literal["follow-up", "newline"]
Enter: TypeAlias = Literal["steer", "next-step"]
Editing: TypeAlias = Literal["emacs", "vim"]


class Context(Enum):
    """Where a key is pressed. `GLOBAL` holds wherever the chat screen has the keyboard."""

    COMPOSER = "In the editor"
    GLOBAL = "Anywhere"
    POPUP = "In the list over the editor"
    QUEUE = "In the queue"
    QUEUE_EDIT = "Editing a queued message"
    APPROVAL = "Answering a question"
    REASON = "Giving a reason"
    TRUST = "Asked whether you trust a folder"
    CHANGE = "Changing a call"
    FIND = "Looking for words"
    READING = "Reading the conversation"
    HELP = "In this help"
    LIST = "Asked to choose"
    FILTER = "In a list, where letters find rows"
    ASK = "Asked for a line"
    KEYS = "Trying keys"


class Action(StrEnum):
    """Something a person can ask for with a key."""

    SUBMIT = "submit"
    NUDGE = "nudge"
    FOLLOW_UP = "follow-up"
    FOLLOW_UP_BY_TAB = "follow-up-by-tab"
    NEWLINE = "newline"
    HISTORY_OLDER = "history-older"
    HISTORY_NEWER = "history-newer"
    HISTORY_SEARCH = "history-search"
    EXTERNAL_EDITOR = "external-editor"
    EXPAND_PASTE = "expand-paste"
    PASTE = "paste"
    END_INPUT = "end-input"

    POPUP_TAKE = "popup-take"
    POPUP_COMPLETE = "popup-complete"
    POPUP_NEXT = "popup-next"
    POPUP_PREVIOUS = "popup-previous"

    ESCAPE = "escape"
    COPY_CLEAR_QUIT = "copy-clear-quit"
    PAUSE_RESUME = "pause-resume"
    FOCUS_QUEUE = "focus-queue"
    FOCUS_APPROVAL = "focus-approval"
    TOGGLE_OUTPUT = "toggle-output"
    TOGGLE_TODOS = "toggle-todos"
    SHOW_JOBS = "show-jobs"
    DIFF_LAYOUT = "diff-layout"
    PAGE_UP = "page-up"
    PAGE_DOWN = "page-down"
    TRANSCRIPT_TOP = "transcript-top"
    TRANSCRIPT_END = "transcript-end"
    CYCLE_MODE = "cycle-mode"
    PROMPT_PREVIOUS = "prompt-previous"
    PROMPT_NEXT = "prompt-next"
    FIND = "find"
    READ = "read"
    CHOOSE_MODEL = "choose-model"
    SUSPEND = "suspend"
    HELP = "help"
    HUD = "hud"

    FIND_NEXT = "find-next"
    FIND_PREVIOUS = "find-previous"

    BLOCK_PREVIOUS = "block-previous"
    BLOCK_NEXT = "block-next"
    BLOCK_ADD_PREVIOUS = "block-add-previous"
    BLOCK_ADD_NEXT = "block-add-next"
    BLOCK_FOLD = "block-fold"
    COPY_BLOCK = "copy-block"
    COPY_CODE = "copy-code"
    COPY_MESSAGE = "copy-message"

    QUEUE_NEXT = "queue-next"
    QUEUE_PREVIOUS = "queue-previous"
    QUEUE_EDIT = "queue-edit"
    QUEUE_STEER = "queue-steer"
    QUEUE_NUDGE = "queue-nudge"
    QUEUE_FOLLOW_UP = "queue-follow-up"
    QUEUE_WITHDRAW = "queue-withdraw"
    QUEUE_EARLIER = "queue-earlier"
    QUEUE_LATER = "queue-later"
    EDIT_SAVE = "edit-save"

    ALLOW = "allow"
    ALLOW_SESSION = "allow-session"
    ALLOW_ALWAYS = "allow-always"
    CHANGE_CALL = "change-call"
    REJECT = "reject"
    REJECT_WITH_REASON = "reject-with-reason"
    SEND_REASON = "send-reason"
    SEND_CHANGE = "send-change"
    DETAIL_UP = "detail-up"
    DETAIL_DOWN = "detail-down"

    TRUST_PREVIOUS = "trust-previous"
    TRUST_NEXT = "trust-next"
    TRUST_ANSWER = "trust-answer"
    TRUST_QUIT = "trust-quit"

    CLOSE_HELP = "close-help"
    SCROLL_HELP_UP = "scroll-help-up"
    SCROLL_HELP_DOWN = "scroll-help-down"
    LIST_UP = "list-up"
    LIST_DOWN = "list-down"
    LIST_CHOOSE = "list-choose"
    LIST_CLOSE = "list-close"
    LIST_SAVE = "list-save"
    LIST_LESS = "list-less"
    LIST_MORE = "list-more"
    LIST_SCOPE = "list-scope"
    LIST_RENAME = "list-rename"
    LIST_DELETE = "list-delete"
    ASK_ANSWER = "ask-answer"
    KEYS_LEAVE = "keys-leave"


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the table. `label` is two words at most; `help` a sentence without its full stop."""

    action: Action
    keys: tuple[str, ...]
    context: Context
    label: str
    help: str


KEYMAP: Final[tuple[Row, ...]] = (
    Row(
        Action.SUBMIT,
        ("enter",),
        Context.COMPOSER,
        "send",
        "Send; while the agent works: steer, which cuts its answer and delivers this now",
    ),
    Row(
        Action.FOLLOW_UP,
        ("alt+enter", "ctrl+q"),
        Context.COMPOSER,
        "follow-up",
        "Queue a follow-up for when the agent has finished",
    ),
    Row(Action.FOLLOW_UP_BY_TAB, ("tab",), Context.COMPOSER, "follow-up", "The same, when there is text"),
    Row(
        Action.NUDGE, ("ctrl+s",), Context.COMPOSER, "next step", "Deliver at the next step, cutting nothing"
    ),
    Row(
        Action.NEWLINE,
        ("shift+enter", "ctrl+j"),
        Context.COMPOSER,
        "new line",
        "Start a new line (so does \\ before Enter)",
    ),
    Row(
        Action.HISTORY_OLDER,
        ("up", "ctrl+p"),
        Context.COMPOSER,
        "older",
        "On the first line: an earlier message",
    ),
    Row(
        Action.HISTORY_NEWER,
        ("down", "ctrl+n"),
        Context.COMPOSER,
        "newer",
        "On the last line: a later message",
    ),
    Row(
        Action.HISTORY_SEARCH,
        ("ctrl+r",),
        Context.COMPOSER,
        "search",
        "Search earlier messages; type what you remember",
    ),
    Row(
        Action.EXTERNAL_EDITOR,
        ("ctrl+g",),
        Context.COMPOSER,
        "own editor",
        "Write the message in $VISUAL or $EDITOR",
    ),
    Row(
        Action.EXPAND_PASTE,
        ("alt+e",),
        Context.COMPOSER,
        "expand",
        "Show the paste whole whose tag is before the cursor",
    ),
    Row(Action.PASTE, ("ctrl+v",), Context.COMPOSER, "paste", "Paste; also a picture from the clipboard"),
    Row(Action.END_INPUT, ("ctrl+d",), Context.COMPOSER, "quit", "Quit, when the editor is empty"),
    Row(Action.POPUP_TAKE, ("enter",), Context.POPUP, "take", "Take the chosen entry; none chosen: send"),
    Row(Action.POPUP_COMPLETE, ("tab",), Context.POPUP, "complete", "Take the chosen entry, else the first"),
    Row(Action.POPUP_NEXT, ("down", "ctrl+n", "ctrl+r"), Context.POPUP, "down", "Choose the entry below"),
    Row(Action.POPUP_PREVIOUS, ("up", "ctrl+p"), Context.POPUP, "up", "Choose the entry above"),
    Row(Action.ESCAPE, ("escape",), Context.GLOBAL, "stop", "Close what is open, else stop the agent"),
    Row(
        Action.COPY_CLEAR_QUIT,
        ("ctrl+c",),
        Context.GLOBAL,
        "copy",
        "Copy the selection, else clear the editor; twice on an empty editor: quit",
    ),
    Row(Action.PAUSE_RESUME, ("f8",), Context.GLOBAL, "pause", "Pause before the next step, or go on"),
    Row(Action.FOCUS_QUEUE, ("alt+up", "ctrl+up"), Context.GLOBAL, "queue", "Go to the waiting messages"),
    Row(
        Action.FOCUS_APPROVAL, ("f2", "alt+a"), Context.GLOBAL, "answer", "Go to the question the agent asks"
    ),
    Row(Action.TOGGLE_OUTPUT, ("ctrl+o",), Context.GLOBAL, "output", "Show or fold all tool output"),
    Row(
        Action.TOGGLE_TODOS,
        ("ctrl+t",),
        Context.GLOBAL,
        "to do",
        "Show or fold the list of what is to be done",
    ),
    Row(Action.SHOW_JOBS, ("f6",), Context.GLOBAL, "jobs", "Show what runs in the background"),
    Row(
        Action.DIFF_LAYOUT,
        ("alt+s",),
        Context.GLOBAL,
        "diffs",
        "Draw changes side by side, or below each other (wide screens)",
    ),
    Row(Action.PAGE_UP, ("pageup",), Context.GLOBAL, "page up", "Scroll the conversation up"),
    Row(Action.PAGE_DOWN, ("pagedown",), Context.GLOBAL, "page down", "Scroll the conversation down"),
    Row(Action.TRANSCRIPT_TOP, ("ctrl+home",), Context.GLOBAL, "top", "Go to the first message"),
    Row(Action.TRANSCRIPT_END, ("ctrl+end",), Context.GLOBAL, "end", "Go to the newest output and follow it"),
    Row(
        Action.CYCLE_MODE,
        ("shift+tab",),
        Context.GLOBAL,
        "mode",
        "Change what runs unasked: plan, ask, edits, full (which is asked about)",
    ),
    Row(
        Action.CHOOSE_MODEL,
        ("ctrl+l",),
        Context.GLOBAL,
        "model",
        "Choose who answers, and how hard it thinks",
    ),
    Row(Action.SUSPEND, ("ctrl+z",), Context.GLOBAL, "suspend", "Back to the shell; `fg` returns"),
    Row(Action.HELP, ("f1",), Context.GLOBAL, "help", "Show or hide this help"),
    Row(
        Action.HUD,
        ("f12",),
        Context.GLOBAL,
        "vitals",
        "Show or hide what the screen costs: lag, frames, echo, bytes, memory",
    ),
    Row(Action.PROMPT_PREVIOUS, ("alt+pageup",), Context.GLOBAL, "your last", "Go to what you said before"),
    Row(Action.PROMPT_NEXT, ("alt+pagedown",), Context.GLOBAL, "your next", "Go to what you said next"),
    Row(
        Action.FIND,
        ("f3",),
        Context.GLOBAL,
        "find",
        "Find words in the conversation; when finding: stay where they are",
    ),
    Row(
        Action.READ,
        ("f4", "alt+r"),
        Context.GLOBAL,
        "read",
        "Read the conversation with the keyboard: fold, copy; again: back",
    ),
    Row(Action.FIND_NEXT, ("enter", "down"), Context.FIND, "next", "Go to the next place"),
    Row(Action.FIND_PREVIOUS, ("shift+enter", "up"), Context.FIND, "previous", "Go to the one before"),
    Row(Action.BLOCK_PREVIOUS, ("up", "k"), Context.READING, "up", "Go to the block above"),
    Row(Action.BLOCK_NEXT, ("down", "j"), Context.READING, "down", "Go to the block below"),
    Row(Action.BLOCK_ADD_PREVIOUS, ("shift+up", "K"), Context.READING, "more", "Choose the block above, too"),
    Row(Action.BLOCK_ADD_NEXT, ("shift+down", "J"), Context.READING, "more", "Choose the block below, too"),
    Row(Action.BLOCK_FOLD, ("enter", "space"), Context.READING, "fold", "Show all of it, or fold it"),
    Row(Action.COPY_BLOCK, ("c",), Context.READING, "copy", "Copy what is chosen"),
    Row(Action.COPY_CODE, ("y",), Context.READING, "code", "Copy only the code of it"),
    Row(Action.COPY_MESSAGE, ("m",), Context.READING, "message", "Copy the whole message"),
    Row(
        Action.PROMPT_PREVIOUS,
        ("left_square_bracket",),
        Context.READING,
        "your last",
        "Go to what you said before",
    ),
    Row(
        Action.PROMPT_NEXT,
        ("right_square_bracket",),
        Context.READING,
        "your next",
        "Go to what you said next",
    ),
    Row(Action.FIND, ("slash",), Context.READING, "find", "Find words in the conversation"),
    Row(Action.QUEUE_PREVIOUS, ("up",), Context.QUEUE, "up", "Choose the message above"),
    Row(Action.QUEUE_NEXT, ("down",), Context.QUEUE, "down", "Choose the message below"),
    Row(Action.QUEUE_EDIT, ("enter",), Context.QUEUE, "edit", "Edit the message where it stands"),
    Row(Action.QUEUE_STEER, ("s",), Context.QUEUE, "steer", "Steer with it now"),
    Row(Action.QUEUE_NUDGE, ("n",), Context.QUEUE, "next step", "Deliver it at the next step"),
    Row(Action.QUEUE_FOLLOW_UP, ("f",), Context.QUEUE, "follow-up", "Deliver it as a follow-up"),
    Row(
        Action.QUEUE_WITHDRAW,
        ("delete", "backspace"),
        Context.QUEUE,
        "withdraw",
        "Take it back into the editor",
    ),
    Row(Action.QUEUE_EARLIER, ("alt+up", "ctrl+up"), Context.QUEUE, "earlier", "Move it forward in the line"),
    Row(Action.QUEUE_LATER, ("alt+down", "ctrl+down"), Context.QUEUE, "later", "Move it back in the line"),
    Row(Action.EDIT_SAVE, ("enter",), Context.QUEUE_EDIT, "save", "Keep the change; the place stays"),
    Row(Action.NEWLINE, ("shift+enter", "ctrl+j"), Context.QUEUE_EDIT, "new line", "Start a new line"),
    Row(Action.ALLOW, ("y",), Context.APPROVAL, "allow", "Allow this once"),
    Row(
        Action.ALLOW_SESSION,
        ("a",),
        Context.APPROVAL,
        "allow for session",
        "Allow exactly this (command, file, folder) until you quit",
    ),
    Row(
        Action.ALLOW_ALWAYS,
        ("A",),
        Context.APPROVAL,
        "always",
        "Allow what the shown rule says, from now on; it is kept in config.toml",
    ),
    Row(Action.CHANGE_CALL, ("e",), Context.APPROVAL, "edit", "Change it, then allow it"),
    Row(Action.REJECT, ("n",), Context.APPROVAL, "reject", "Do not run it"),
    Row(
        Action.REJECT_WITH_REASON, ("r",), Context.APPROVAL, "say why", "Reject it and steer with the reason"
    ),
    Row(Action.DETAIL_UP, ("up",), Context.APPROVAL, "up", "Scroll the details up"),
    Row(Action.DETAIL_DOWN, ("down",), Context.APPROVAL, "down", "Scroll the details down"),
    Row(Action.SEND_REASON, ("enter",), Context.REASON, "reject", "Reject with this reason, which steers"),
    Row(Action.SEND_CHANGE, ("enter",), Context.CHANGE, "allow this", "Allow the call as it now reads"),
    Row(Action.NEWLINE, ("shift+enter", "ctrl+j"), Context.CHANGE, "new line", "Start a new line"),
    Row(Action.TRUST_PREVIOUS, ("up",), Context.TRUST, "up", "Choose the answer above"),
    Row(Action.TRUST_NEXT, ("down",), Context.TRUST, "down", "Choose the answer below"),
    Row(Action.TRUST_ANSWER, ("enter",), Context.TRUST, "answer", "Give the chosen answer"),
    Row(Action.TRUST_QUIT, ("ctrl+c", "ctrl+d"), Context.TRUST, "quit", "Leave without an answer"),
    Row(Action.CLOSE_HELP, ("escape", "f1", "q", "enter"), Context.HELP, "close", "Close this help"),
    Row(Action.SCROLL_HELP_UP, ("up", "k"), Context.HELP, "up", "Scroll up"),
    Row(Action.SCROLL_HELP_DOWN, ("down", "j"), Context.HELP, "down", "Scroll down"),
    Row(Action.LIST_UP, ("up", "k"), Context.LIST, "up", "One row up"),
    Row(Action.LIST_DOWN, ("down", "j"), Context.LIST, "down", "One row down"),
    Row(Action.LIST_CHOOSE, ("enter",), Context.LIST, "choose", "Choose the row"),
    Row(Action.LIST_CLOSE, ("escape", "q"), Context.LIST, "close", "Close the list"),
    Row(Action.LIST_UP, ("up", "ctrl+p"), Context.FILTER, "up", "One row up"),
    Row(Action.LIST_DOWN, ("down", "ctrl+n"), Context.FILTER, "down", "One row down"),
    Row(Action.LIST_CHOOSE, ("enter",), Context.FILTER, "choose", "Choose the row"),
    Row(Action.LIST_CLOSE, ("escape",), Context.FILTER, "close", "Close the list"),
    Row(
        Action.LIST_SAVE,
        ("ctrl+s",),
        Context.FILTER,
        "save",
        "Choose this model, theme or value for the next starts, too",
    ),
    Row(Action.LIST_LESS, ("left",), Context.FILTER, "less", "The value before; of a model: think less"),
    Row(Action.LIST_MORE, ("right",), Context.FILTER, "more", "The next value; of a model: think harder"),
    Row(Action.LIST_SCOPE, ("tab",), Context.FILTER, "folders", "Sessions of this folder, or of all"),
    Row(Action.LIST_RENAME, ("ctrl+r",), Context.FILTER, "rename", "Name the session"),
    Row(
        Action.LIST_DELETE,
        ("ctrl+d", "delete"),
        Context.FILTER,
        "delete",
        "Move the session to the trash folder",
    ),
    Row(Action.ASK_ANSWER, ("enter",), Context.ASK, "answer", "Take what is written"),
    Row(Action.LIST_CLOSE, ("escape",), Context.ASK, "back", "Go back without an answer"),
    Row(Action.KEYS_LEAVE, ("escape",), Context.KEYS, "leave", "Twice in a row: back to the chat"),
)

# Keys that edit text in any editor, and the Textual editor action each runs.
EDITING: Final[Mapping[str, str]] = {
    key: action
    for keys, action in (
        (("left", "ctrl+b"), "cursor_left"),
        (("right", "ctrl+f"), "cursor_right"),
        (("up", "ctrl+p"), "cursor_up"),
        (("down", "ctrl+n"), "cursor_down"),
        (("ctrl+left", "alt+left", "alt+b"), "cursor_word_left"),
        (("ctrl+right", "alt+right", "alt+f"), "cursor_word_right"),
        (("home", "ctrl+a"), "cursor_line_start"),
        (("end", "ctrl+e"), "cursor_line_end"),
        (("shift+left",), "cursor_left(True)"),
        (("shift+right",), "cursor_right(True)"),
        (("shift+up",), "cursor_up(True)"),
        (("shift+down",), "cursor_down(True)"),
        (("ctrl+shift+left",), "cursor_word_left(True)"),
        (("ctrl+shift+right",), "cursor_word_right(True)"),
        (("shift+home",), "cursor_line_start(True)"),
        (("shift+end",), "cursor_line_end(True)"),
        (("backspace", "ctrl+h", "shift+backspace"), "delete_left"),
        (("delete", "ctrl+d"), "delete_right"),
        (("ctrl+w", "alt+backspace", "ctrl+backspace"), "delete_word_left"),
        (("alt+d", "ctrl+delete", "alt+delete"), "delete_word_right"),
        (("ctrl+u",), "delete_to_start_of_line"),
        (("ctrl+k",), "delete_to_end_of_line"),
        (("ctrl+x",), "cut"),
        (("ctrl+v",), "paste"),
        (("ctrl+underscore", "ctrl+minus", "ctrl+slash"), "undo"),
        (("alt+slash",), "redo"),
        (("ctrl+y",), "yank"),
    )
    for key in keys
}

# Keys that are no characters but commands of vim's normal mode all the same: the command each is.
VIM: Final[Mapping[str, str]] = {
    "left": "h",
    "right": "l",
    "up": "k",
    "down": "j",
    "home": "0",
    "end": "$",
    "backspace": "h",
    "delete": "x",
    "space": "l",
    "ctrl+r": "\x12",
}

_NAMES: Final[Mapping[str, str]] = {
    "escape": "Esc",
    "pageup": "PgUp",
    "pagedown": "PgDn",
    "delete": "Del",
    "backspace": "Backspace",
    "up": "↑",
    "down": "↓",
    "left": "←",
    "right": "→",
    "slash": "/",
    "left_square_bracket": "[",
    "right_square_bracket": "]",
}


def key_label(key: str) -> str:
    """`key` as people write it: `alt+enter` is `Alt+Enter`, a letter stays small."""
    parts = key.split("+")
    names = [_NAMES.get(part, part.capitalize() if len(part) > 1 else part) for part in parts]
    if len(names) > 1 and len(names[-1]) == 1:
        names[-1] = names[-1].upper()
    return "+".join(names)


class Keymap:
    """The table as one person has set it.

    `alt_enter="newline"` gives Alt+Enter to the new line (for terminals whose Shift+Enter sends the same
    bytes); the follow-up keeps its other keys. `overrides` replaces the keys of actions in all contexts of
    theirs, and takes them from others there; an empty tuple unbinds. `editing` says what all editors understand; it may
    change at any time.
    """

    def __init__(
        self,
        *,
        alt_enter: AltEnter = "follow-up",
        overrides: Mapping[Action, tuple[str, ...]] | None = None,
        editing: Editing = "emacs",
    ) -> None:
        self.editing = editing
        self.overridden = frozenset(overrides or ())
        rows: Iterable[Row] = KEYMAP
        if alt_enter == "newline":
            rows = [_newline_on_alt_enter(row) for row in rows]
        if overrides:
            rows = _overridden(tuple(rows), overrides)
        self.rows: tuple[Row, ...] = tuple(rows)
        self._as_set = self.rows
        self._actions = {(row.context, key): row.action for row in self.rows for key in row.keys}

    def action(self, key: str, *contexts: Context) -> Action | None:
        """What `key` means in the first of `contexts` that knows it; None: nothing in any."""
        for context in contexts:
            if (action := self._actions.get((context, key))) is not None:
                return action
        return None

    def keys(self, action: Action, context: Context | None = None) -> tuple[str, ...]:
        """The keys of `action`, the preferred one first."""
        return next(
            (row.keys for row in self.rows if row.action is action and context in (None, row.context)), ()
        )

    def prefer(self, arrives: Callable[[str], bool]) -> None:
        """Show keys first that arrive from this terminal. What a key does stays as it is."""
        self.rows = tuple(
            replace(row, keys=tuple(sorted(row.keys, key=lambda key: not arrives(key))))
            for row in self._as_set
        )

    def label(self, action: Action, context: Context | None = None) -> str:
        """The preferred key of `action` as people write it, "" when it has none."""
        keys = self.keys(action, context)
        return key_label(keys[0]) if keys else ""

    def hints(self, context: Context, *actions: Action) -> str:
        """`Enter choose · Esc close`: keys of `context` and what the table says they do."""
        labels = {row.action: row.label for row in self.rows if row.context is context}
        named = ((self.label(action, context), labels.get(action, "")) for action in actions)
        return " · ".join(f"{key} {label}" for key, label in named if key)


def _overridden(rows: tuple[Row, ...], overrides: Mapping[Action, tuple[str, ...]]) -> tuple[Row, ...]:
    taken = {(row.context, key) for row in rows for key in overrides.get(row.action, ())}
    return tuple(
        replace(
            row,
            keys=overrides[row.action]
            if row.action in overrides
            else tuple(key for key in row.keys if (row.context, key) not in taken),
        )
        for row in rows
    )


def _newline_on_alt_enter(row: Row) -> Row:
    if row.action is Action.FOLLOW_UP:
        return replace(row, keys=tuple(key for key in row.keys if key != "alt+enter"))
    if row.action is Action.NEWLINE:
        return replace(row, keys=(*row.keys, "alt+enter"))
    return row
