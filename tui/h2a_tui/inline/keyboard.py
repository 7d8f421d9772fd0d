"""Who has the keyboard, and what a key is there: an action of the keymap, a verb of the editor, or text."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from h2a_tui.inline.editor import InlineEditor
from h2a_tui.inline.key_reader import Key
from h2a_tui.inline.picking import Picking
from h2a_tui.inline.vim_keys import InlineVim
from h2a_tui.keymap import EDITING, Action, Context
from h2a_tui.typed_ahead import TypedAhead
from h2a_tui.vim_command import change_editing

if TYPE_CHECKING:
    from h2a_tui.inline.chat import InlineChat

__all__ = ["Keyboard"]

_EDITS: Final = frozenset({Context.COMPOSER, Context.QUEUE_EDIT, Context.REASON, Context.CHANGE})
_TO_OTHER_LISTS: Final = frozenset({Action.CHOOSE_MODEL, Action.CYCLE_MODE, Action.SHOW_JOBS})


class Keyboard:
    """The keyboard of one chat. `focus` is where it is, but for a list, which has it as long as there is one."""

    def __init__(self, chat: InlineChat) -> None:
        self.focus = Context.COMPOSER
        self.picking: Picking | None = None
        self.early: TypedAhead | None = None  # takes what is typed before the first question can be read
        self._chat = chat

    @property
    def editor(self) -> InlineEditor:
        """The editor that has the keyboard, or would have it."""
        match self.focus:
            case _ if self.picking is not None:
                return self.picking.words
            case Context.QUEUE_EDIT:
                return self._chat.queue.editor
            case Context.REASON:
                return self._chat.asking.reason
            case Context.CHANGE:
                return self._chat.asking.change
            case _:
                return self._chat.composer.editor

    @property
    def vim(self) -> InlineVim | None:
        """Vim's keys at that editor; None where they are not wanted, or there is no editor."""
        wanted = self._chat.keymap.editing == "vim" and self.picking is None and self.focus in _EDITS
        return self.editor.vim if wanted else None

    def change_editing(self) -> str:
        """Vim's keys in all editors, or no more; returns what to say of it."""
        chat = self._chat
        words = change_editing(chat.keymap)
        for editor in (chat.composer.editor, chat.queue.editor, chat.asking.reason, chat.asking.change):
            editor.vim.begin()
        return words

    @property
    def context(self) -> Context:
        """Where a key is looked up."""
        composer = self._chat.composer
        in_list = self.picking is not None or (self.focus is Context.COMPOSER and composer.popup_open)
        return Context.POPUP if in_list else self.focus

    def give(self, context: Context) -> None:
        """Give the keyboard to something else."""
        self.focus = context
        if context is Context.APPROVAL:
            self._chat.asking.had_keyboard()
        self._chat.redraw()

    def pick(self, picking: Picking | None) -> None:
        """Give it to a list; None: to whoever had it before."""
        self.picking = picking
        self._chat.redraw()

    def write(self, text: str) -> None:
        """Type `text` into the message, which has the keyboard from now on."""
        self.give(Context.COMPOSER)
        self._chat.composer.touched()
        self._chat.composer.write(text)

    def paste(self, text: str) -> None:
        """Insert a paste; where nothing can be pasted it is the message's."""
        if self.early is not None:
            self.early.pasted(text)
        elif self.picking is not None:
            self.picking.paste(text)
        elif self.focus is Context.KEYS:
            self._chat.trying.paste(text)
        elif self.focus in _EDITS and self.focus is not Context.COMPOSER:
            self.editor.paste(text)
        else:
            self.give(Context.COMPOSER)
            self._chat.composer.paste(text)

    def press(self, key: Key) -> None:
        """Do what `key` means where the keyboard is, or type it."""
        if self.early is not None:
            if self.early.takes(key.name, key.text):
                return
            self.early.hand_over()
            self.early = None
        if self.picking is not None:
            self._edit(key, self.picking.context, Context.GLOBAL)
        elif self.focus is Context.APPROVAL:
            self._chat.asking.press(key)
        elif self.focus is Context.KEYS:
            self._chat.trying.press(key)
        elif self.focus in _EDITS:
            if self.focus is Context.COMPOSER:
                self._chat.composer.touched()
            contexts = (self.focus, Context.GLOBAL)
            self._edit(key, *((Context.POPUP, *contexts) if self.context is Context.POPUP else contexts))
        elif (action := self._chat.keymap.action(key.name, self.focus, Context.GLOBAL)) is not None:
            self._chat.perform(action)

    def _edit(self, key: Key, *contexts: Context) -> None:
        vim = self.vim
        if vim is None or not vim.takes(key):
            self._do_or_type(key, *contexts)
            if vim is not None:
                vim.forget_keys()
        if self.picking is not None:
            self.picking.look()
        elif self.focus is Context.COMPOSER:
            self._chat.composer.look()

    def _do_or_type(self, key: Key, *contexts: Context) -> None:
        action = self._chat.keymap.action(key.name, *contexts)
        if action is not None and self._act(action):
            return
        if self.vim is not None and not self.vim.writes:
            return
        if key.name in EDITING:
            self.editor.edit(EDITING[key.name])
        elif key.text is not None:
            self.editor.insert(key.text)

    def _act(self, action: Action) -> bool:
        if self.picking is not None and (self.picking.act(action) or action in _TO_OTHER_LISTS):
            return True
        if self.focus is Context.COMPOSER and self.picking is None:
            done = self._chat.composer.act(action)
            if done is not None:
                return done
            action = Action.SUBMIT if action is Action.POPUP_TAKE else action
        if action is Action.NEWLINE:
            self.editor.insert("\n")
            return True
        if action in (Action.SUBMIT, Action.EDIT_SAVE) and self.editor.continues():
            return True
        return self._chat.perform(action)
