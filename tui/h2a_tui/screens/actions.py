"""What every action of the keymap does on the chat screen, in the tick of its key.

One method per action, and one table that says which: whatever a person can ask for is a row here and a row
in the keymap. A method that finds nothing to do returns False, and the key keeps its plain meaning.
"""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from time import monotonic
from typing import TYPE_CHECKING, Any, Final

from textual.app import SuspendNotSupported
from textual.widgets.text_area import Selection

from h2a_agent.config_error import ConfigError
from h2a_agent.content import UserBlock
from h2a_agent.events import Kind, QueueItem
from h2a_agent.model_choice import ModelChoice
from h2a_agent.session_loading import SessionError
from h2a_tui import sending, session_slash
from h2a_tui.client import Client, Switch
from h2a_tui.clipboard import Clipboard
from h2a_tui.command_offers import command_offer
from h2a_tui.completion import Offer
from h2a_tui.context_text import breakdown_text
from h2a_tui.external_editor import EditorFailed, edit_text
from h2a_tui.job_commands import jobs_command
from h2a_tui.keymap import Action, Context, Keymap
from h2a_tui.mode_commands import cycle_mode
from h2a_tui.model_commands import model_command, suggest_models
from h2a_tui.overlays import Choice
from h2a_tui.screens.over_chat import OverChat
from h2a_tui.screens.page import PageScreen
from h2a_tui.settings import ScreenSettings
from h2a_tui.theme_choice import ThemeChoice
from h2a_tui.transcript.blocks import BlockCursor
from h2a_tui.transcript.diff_view import TWO_COLUMNS
from h2a_tui.verbs import Escape, escape_means
from h2a_tui.widgets.editor import Editor

if TYPE_CHECKING:
    from collections.abc import Coroutine

    from rich.table import Table
    from rich.text import Text

    from h2a_agent.session_search import Found
    from h2a_tui.screens.chat import ChatScreen

__all__ = ["ChatActions"]

_AGAIN_S: Final = 1.0  # a second Ctrl+C within this time quits
_TWICE_S: Final = 0.5  # a second Escape within this time opens the tree


class ChatActions:
    """The verbs of one chat screen."""

    def __init__(self, chat: ChatScreen, client: Client, settings: ScreenSettings, keymap: Keymap) -> None:
        self.client = client
        self.settings = settings
        self._chat = chat
        self._enter = settings.enter
        self._keymap = keymap
        self._interrupted_at = -_AGAIN_S
        self._escaped_at = -_TWICE_S
        self._recent: Sequence[Found] | None = None
        self.over = OverChat(chat, self, keymap)
        self._table = self._make_table()
        self.clipboard = Clipboard()

    def perform(self, action: Action) -> bool:
        """Do `action`; False when there is nothing to do."""
        return self._table[action]() is not False

    def _make_table(self) -> Mapping[Action, Callable[[], object]]:
        chat, transcript = self._chat, self._chat.transcript
        return {
            Action.SUBMIT: partial(self._submit, Action.SUBMIT),
            Action.NUDGE: partial(self._submit, Action.NUDGE),
            Action.FOLLOW_UP: partial(self._submit, Action.FOLLOW_UP),
            Action.FOLLOW_UP_BY_TAB: partial(self._submit, Action.FOLLOW_UP_BY_TAB),
            Action.EXTERNAL_EDITOR: self._edit_outside,
            Action.END_INPUT: self._end_input,
            Action.ESCAPE: self._escape,
            Action.COPY_CLEAR_QUIT: self._copy_clear_quit,
            Action.PAUSE_RESUME: self._pause_resume,
            Action.FOCUS_QUEUE: self._focus_queue,
            Action.FOCUS_APPROVAL: self._focus_approval,
            Action.TOGGLE_OUTPUT: transcript.toggle_all,
            Action.TOGGLE_TODOS: self.toggle_todos,
            Action.SHOW_JOBS: partial(jobs_command, self, ""),
            Action.DIFF_LAYOUT: self._toggle_diff_layout,
            Action.PAGE_UP: partial(transcript.scroll_page, -1),
            Action.PAGE_DOWN: partial(transcript.scroll_page, 1),
            Action.TRANSCRIPT_TOP: partial(transcript.scroll_home, animate=False),
            Action.TRANSCRIPT_END: transcript.scroll_end_now,
            Action.CYCLE_MODE: partial(cycle_mode, self),
            Action.PROMPT_PREVIOUS: partial(transcript.scroll_to_prompt, -1),
            Action.PROMPT_NEXT: self._next_prompt,
            Action.FIND: self._find_or_stay,
            Action.FIND_NEXT: partial(self._find_step, 1),
            Action.FIND_PREVIOUS: partial(self._find_step, -1),
            Action.READ: self._read_or_leave,
            Action.BLOCK_PREVIOUS: partial(transcript.move_cursor, -1),
            Action.BLOCK_NEXT: partial(transcript.move_cursor, 1),
            Action.BLOCK_ADD_PREVIOUS: partial(transcript.move_cursor, -1, extend=True),
            Action.BLOCK_ADD_NEXT: partial(transcript.move_cursor, 1, extend=True),
            Action.BLOCK_FOLD: self._fold_block,
            Action.COPY_BLOCK: partial(self._copy_from, BlockCursor.text),
            Action.COPY_CODE: partial(self._copy_from, BlockCursor.code),
            Action.COPY_MESSAGE: partial(self._copy_from, BlockCursor.answer),
            Action.CHOOSE_MODEL: partial(model_command, self, ""),
            Action.SUSPEND: self._suspend,
            Action.HELP: self.show_help,
            Action.HUD: chat.hud.toggle,
            Action.QUEUE_NEXT: partial(chat.queue_panel.list.move, 1),
            Action.QUEUE_PREVIOUS: partial(chat.queue_panel.list.move, -1),
            Action.QUEUE_EDIT: self._begin_edit,
            Action.QUEUE_STEER: partial(self._promote, Kind.STEER),
            Action.QUEUE_NUDGE: partial(self._promote, Kind.NUDGE),
            Action.QUEUE_FOLLOW_UP: partial(self._promote, Kind.FOLLOW_UP),
            Action.QUEUE_WITHDRAW: self._withdraw,
            Action.QUEUE_EARLIER: partial(self._reorder, -1),
            Action.QUEUE_LATER: partial(self._reorder, 1),
            Action.EDIT_SAVE: self._save_edit,
            Action.SEND_REASON: chat.approval.send_reason,
            Action.SEND_CHANGE: chat.approval.send_change,
            Action.DETAIL_UP: partial(chat.approval.scroll_detail, -1),
            Action.DETAIL_DOWN: partial(chat.approval.scroll_detail, 1),
        }

    # ---------------------------------------------------------------- sending

    def send(self, content: str | Sequence[UserBlock], action: Action) -> None:
        """Hand a message to the agent, as the key of `action` would."""
        sending.send(self.client, content, action, self._enter)

    def _submit(self, action: Action) -> None:
        sending.submit(self, self._chat.composer, action)

    def offer(self, before: str) -> Offer | None:
        """What can be taken for the command line `before` the cursor."""
        if before.startswith("/res"):
            self.recent_sessions()  # so that they are there when their turn comes
        return command_offer(before, self)

    def _edit_outside(self) -> None:
        self.work(self._edited_outside())

    async def _edited_outside(self) -> None:
        composer = self._chat.composer
        before = composer.text
        try:
            after = await edit_text(self._step_aside, before)
        except EditorFailed as failure:
            self.notice(str(failure))
        else:
            composer.take_back(before, after)

    @contextmanager
    def _step_aside(self) -> Iterator[None]:
        try:
            with self._chat.app.suspend():
                yield
        except SuspendNotSupported:
            raise EditorFailed("An editor cannot be opened in this terminal") from None

    # ------------------------------------------------------- what commands use

    def notice(self, text: str) -> None:
        """Say something short."""
        self._chat.notice(text)

    def show_context(self) -> None:
        """Write into the conversation, without being part of it, what fills the model's window."""
        self._chat.run_worker(self._tell_context(), name="context")

    async def _tell_context(self) -> None:
        text = breakdown_text(await self.client.context())
        self._chat.remove_class("-empty")
        self._chat.transcript.tell(text)

    @property
    def models(self) -> ModelChoice | None:
        """The choice of models."""
        return self._chat.models

    @property
    def themes(self) -> ThemeChoice | None:
        """The choice of themes."""
        return self._chat.themes

    def pick_theme(self, names: Sequence[str], themes: ThemeChoice) -> None:
        """Show the themes to choose from, each as it looks."""
        self.over.themes(names, themes)

    def pick_model(self, models: ModelChoice) -> None:
        """Show the models to choose from."""
        self.over.models(models)

    def pick_session(self, found: Sequence[Found], wanted: str, here: bool) -> None:
        """Show sessions to go on with."""
        self.over.sessions(found, wanted, here)

    def try_keys(self) -> None:
        """Show what the terminal sends for each key, and what that does."""
        self.over.keys()

    def show_doctor(self) -> None:
        """Show what this machine and this terminal have, and what to do about what they lack."""
        self.over.doctor(self._chat.doctor)

    def recent_sessions(self) -> Sequence[Found]:
        """The newest sessions, as far as they have been read; the first call begins to."""
        if self._recent is None:
            self._recent = ()
            self.work(self._read_recent())
        return self._recent

    async def _read_recent(self) -> None:
        try:
            self._recent = await self.client.sessions.find()
        except (SessionError, OSError):
            pass  # nobody has asked for them yet; who does is told

    def edit_settings(self, name: str) -> None:
        """Show the settings, to be changed."""
        self.over.settings(name)

    def set_up(self, *, first: bool = False) -> None:
        """Ask who shall answer."""
        if self.models is None:
            self.notice("The model cannot be changed here")
        else:
            self.over.setup(self.models, first=first)

    def work(self, job: Coroutine[None, None, None]) -> None:
        """Let `job` go on in the background, until the app ends."""
        self._chat.run_worker(job)

    def show_page(self, title: str, content: Table | Text) -> PageScreen:
        """Show something to read."""
        return self.over.page(title, content)

    def suggest_models(self) -> None:
        """There is no such model: offer names that are near."""
        self.work(suggest_models(self))

    def pick(
        self, title: str, choices: Sequence[Choice], chosen_is: Callable[[str], object], *, chosen: int = 0
    ) -> None:
        """Ask for one of a few; a `SessionError` of what is done with the choice is said."""
        self.over.pick(title, choices, chosen_is, chosen)

    def find_row(
        self, title: str, choices: Sequence[Choice], chosen_is: Callable[[str], object], *, chosen: str = ""
    ) -> None:
        """The same for one of many."""
        self.over.find(title, choices, chosen_is, chosen)

    def start(self, work: Coroutine[Any, Any, None]) -> None:
        """Do something that takes a while."""

        async def guarded() -> None:
            try:
                await work
            except (SessionError, ConfigError, OSError) as error:
                self.notice(str(error))

        self._chat.run_worker(guarded())

    def leave_for(self, another: Coroutine[Any, Any, Switch]) -> None:
        """Leave for another session."""

        async def leave() -> None:
            self._chat.app.exit(await another)

        self.start(leave())

    def show_help(self) -> None:
        """Show keys and commands."""
        self.over.help()

    def toggle_todos(self) -> None:
        """Show or fold the list of what is to be done."""
        if not self._chat.todo_panel.toggle():
            self.notice("There is no list of what is to be done")

    def change_editing(self) -> None:
        """Vim's keys in all editors, or no more."""
        self._keymap.editing = "emacs" if self._keymap.editing == "vim" else "vim"
        self._chat.tell_editing()
        if self._keymap.editing == "vim":
            self.notice(f"Vim's keys: {self._keymap.label(Action.ESCAPE)} is normal mode · /vim ends it")
        else:
            self.notice("Vim's keys are off")

    def quit(self) -> None:
        """Leave; the session stays on disk."""
        self._chat.app.exit()

    # ---------------------------------------------------------------- the run

    def _escape(self) -> None:
        chat = self._chat
        selection, state = self._has_selection(), chat.state
        editor = chat.focused if isinstance(chat.focused, Editor) else None
        match escape_means(
            chat.context, selection=selection, busy=state.busy, shell=bool(state.shells), vim=chat.vim
        ):
            case Escape.CLOSE_POPUP:
                chat.composer.close_popup()
            case Escape.FORGET_KEYS | Escape.NORMAL_MODE if editor is not None:
                editor.escape_in_vim()
            case Escape.CANCEL_SELECTION if chat.vim is not None and editor is not None:
                chat.clear_selection()
                editor.escape_in_vim()
            case Escape.CANCEL_EDIT:
                chat.queue_panel.end_edit()
                self._focus_queue()
            case Escape.CANCEL_REASON:
                chat.approval.close_editors()
                chat.set_focus(chat.approval)
            case Escape.LEAVE_READING:
                self._leave_reading()
            case Escape.LEAVE_FIND:
                self._close_find(stay=False)
            case Escape.LEAVE_QUEUE | Escape.LEAVE_APPROVAL:
                chat.set_focus(chat.composer)
            case Escape.CANCEL_SELECTION:
                chat.clear_selection()
                chat.composer.selection = Selection.cursor(chat.composer.cursor_location)
            case Escape.STOP_SHELL:
                self.client.stop_shell()
            case Escape.ABORT:
                self.client.abort()
            case Escape.NOTHING:
                self._escape_twice()

    def _escape_twice(self) -> None:
        """Idle and nothing written: the second Escape in a row shows where one could go back to."""
        twice = monotonic() - self._escaped_at < _TWICE_S
        self._escaped_at = -_TWICE_S if twice else monotonic()
        if twice and self._chat.composer.is_blank and self.client.sessions.tree():
            session_slash.tree(self, "")

    def _toggle_diff_layout(self) -> None:
        two = self._chat.transcript.toggle_diff_layout()
        how = f"side by side, from {TWO_COLUMNS} columns on" if two else "below each other"
        self.notice(f"Changes are drawn {how}")

    def _pause_resume(self) -> None:
        sending.pause_or_resume(self, self._chat.state)

    # ------------------------------------------------------ selection, leaving

    def _has_selection(self) -> bool:
        return bool(self._chat.composer.selected_text or self._chat.get_selected_text())

    def _copy_clear_quit(self) -> None:
        chat = self._chat
        editor = chat.focused if isinstance(chat.focused, Editor) else chat.composer
        again = monotonic() - self._interrupted_at < _AGAIN_S
        if text := editor.selected_text or chat.get_selected_text():
            self._copy(text)
            chat.clear_selection()
            return
        self._interrupted_at = monotonic()
        key = self._keymap.label(Action.COPY_CLEAR_QUIT)
        if editor.text:
            editor.clear()
            self.notice(f"Cleared; {key} again quits")
        elif again:
            self.quit()
        else:
            self.notice(f"Press {key} again to quit")

    def _copy(self, text: str) -> None:
        self._chat.app.copy_to_clipboard(text)
        self.work(self._copy_here(text))
        self.notice(f"Copied {len(text):,} character{'s' if len(text) != 1 else ''}")

    async def _copy_here(self, text: str) -> None:
        await self.clipboard.put(text)

    def _end_input(self) -> bool:
        if self._chat.composer.text:
            return False
        self.quit()
        return True

    def _suspend(self) -> None:
        self._chat.app.action_suspend_process()

    # -------------------------------------------------------------- the queue

    def _focus_queue(self) -> None:
        panel = self._chat.queue_panel
        if not self._chat.state.queue:
            self._chat.set_focus(self._chat.composer)
            self.notice("Nothing is waiting")
            return
        panel.list.choose_newest()
        self._chat.set_focus(panel.list)

    def _chosen(self) -> QueueItem | None:
        return self._chat.queue_panel.list.chosen

    def _promote(self, kind: Kind) -> None:
        if (item := self._chosen()) is not None and not self.client.promote(item.id, kind):
            self._too_late()

    def _reorder(self, offset: int) -> None:
        if (item := self._chosen()) is not None:
            self.client.reorder(item.id, offset)

    def _withdraw(self) -> None:
        if (item := self._chosen()) is not None and not self.client.withdraw(item.id):
            self._too_late()

    def _begin_edit(self) -> None:
        item = self._chosen()
        if item is not None and item.images:
            key = self._keymap.label(Action.QUEUE_WITHDRAW)
            self.notice(f"It has pictures: {key} takes it back into the editor")
        else:
            self._chat.queue_panel.begin_edit()

    def _save_edit(self) -> None:
        panel = self._chat.queue_panel
        item = panel.editing
        text = panel.end_edit()
        if item is not None and text.strip() and not self.client.edit(item.id, text):
            self._chat.set_focus(self._chat.composer)
            self._chat.composer.write(text)
            self.notice("It was delivered meanwhile; your text is in the editor")
        elif self._chat.state.queue:
            self._chat.set_focus(panel.list)
        else:
            self._chat.set_focus(self._chat.composer)

    def _too_late(self) -> None:
        self.notice("It was delivered already")

    # ------------------------------------------------------- the conversation

    def _read_or_leave(self) -> None:
        chat = self._chat
        if chat.context is Context.READING:
            self._leave_reading()
        elif chat.transcript.document.items:
            chat.transcript.read()
            chat.set_focus(chat.transcript)
        else:
            self.notice("Nothing has been said yet")

    def _leave_reading(self) -> None:
        self._chat.transcript.end_reading()
        self._chat.set_focus(self._chat.composer)

    def _fold_block(self) -> None:
        if (cursor := self._chat.transcript.cursor) is not None:
            self._chat.transcript.toggle_fold(cursor.index)

    def _copy_from(self, text_of: Callable[[BlockCursor], str]) -> None:
        cursor = self._chat.transcript.cursor
        if cursor is not None and (text := text_of(cursor)):
            self._copy(text)
        else:
            self.notice("There is none here")

    def find(self, text: str) -> None:
        """Find `text` in the conversation, or ask what to find."""
        chat = self._chat
        chat.transcript.begin_search()
        chat.find_bar.open(text)
        chat.set_focus(chat.find_bar.editor)
        if text:
            chat.transcript.find(text)

    def _find_or_stay(self) -> None:
        if self._chat.find_bar.display:
            self._close_find(stay=True)
        else:
            self.find("")

    def _find_step(self, step: int) -> None:
        # Its text may be newer than what the bar has told the transcript.
        self._chat.transcript.find(self._chat.find_bar.text)
        self._chat.transcript.find_next(step)

    def _close_find(self, *, stay: bool) -> None:
        chat = self._chat
        chat.transcript.end_search(stay=stay)
        chat.find_bar.close()
        chat.set_focus(chat.transcript if chat.transcript.cursor else chat.composer)

    def _next_prompt(self) -> None:
        if not self._chat.transcript.scroll_to_prompt(1):
            self._chat.transcript.scroll_end_now()

    # ---------------------------------------------------------- the question

    def _focus_approval(self) -> None:
        if self._chat.approval.question is None:
            self.notice("Nothing is asked")
        else:
            self._chat.set_focus(self._chat.approval)
