"""What every action of the keymap does on the chat screen, in the tick of its key.

One table says what an action is: a method here, or a verb of the parts it is composed of. Whatever a person can ask for is
a row there and a row in the keymap. A method that finds nothing to do returns False, and the key keeps its plain meaning.
"""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from typing import TYPE_CHECKING, Any, Final

from textual.app import SuspendNotSupported

from h2a_agent.content import UserBlock
from h2a_agent.model_choice import ModelChoice
from h2a_agent.session_loading import SessionError
from h2a_tui import sending
from h2a_tui.client import Client, Switch
from h2a_tui.command_offers import command_offer
from h2a_tui.completion import Offer
from h2a_tui.context_text import breakdown_text
from h2a_tui.copy_clear_quit import CopyClearQuit
from h2a_tui.copying import Copying
from h2a_tui.external_editor import EditorFailed, edit_written
from h2a_tui.job_commands import jobs_command
from h2a_tui.keymap import Action, Keymap
from h2a_tui.mode_commands import cycle_mode
from h2a_tui.model_commands import model_command, suggest_models
from h2a_tui.pressed_twice import PressedTwice
from h2a_tui.said_why import leave_or_stay, said_why
from h2a_tui.screens.over_chat import OverChat
from h2a_tui.screens.reading import Reading
from h2a_tui.session_slash import offer_tree
from h2a_tui.settings import ScreenSettings
from h2a_tui.transcript.diff_view import layout_words
from h2a_tui.verbs import SENDING, Escape, escape_means
from h2a_tui.vim_command import change_editing
from h2a_tui.waiting_verbs import WaitingVerbs
from h2a_tui.widgets.editor import Editor

if TYPE_CHECKING:
    from h2a_agent.session_search import Found
    from h2a_tui.screens.chat import ChatScreen
    from h2a_tui.theme_choice import ThemeChoice

__all__ = ["ChatActions"]

_TWICE_S: Final = 0.5  # a second Escape within this time opens the tree


class ChatActions:
    """The verbs of one chat screen."""

    def __init__(self, chat: ChatScreen, client: Client, settings: ScreenSettings, keymap: Keymap) -> None:
        self.client = client
        self.settings = settings
        self.models: ModelChoice | None = chat.models
        self.themes: ThemeChoice | None = chat.themes
        self._chat = chat
        self._keymap = keymap
        self._recent: Sequence[Found] | None = None
        self._escapes = PressedTwice(_TWICE_S)
        self.over = over = OverChat(chat, self, keymap)
        self.pick, self.find_row = over.pick, over.find_row
        self.pick_theme, self.pick_model, self.pick_session = (
            over.pick_theme,
            over.pick_model,
            over.pick_session,
        )
        self.show_page, self.show_help, self.show_doctor = over.show_page, over.show_help, over.show_doctor
        self.edit_settings, self.try_keys = over.edit_settings, over.try_keys
        self.copying = Copying(self._copy_to_terminal, self.work, self.notice)
        self._interrupt = CopyClearQuit(keymap, self.copying.copy, self.quit, chat.notice)
        self._reading = Reading(chat, self.copying.copy)
        self._waiting = WaitingVerbs(
            chat.queue_panel,
            client,
            keymap,
            leave=partial(chat.set_focus, chat.composer),
            write=chat.write,
            notice=self.notice,
        )
        self._table = self._make_table()

    def perform(self, action: Action) -> bool:
        """Do `action`; False when there is nothing to do."""
        return self._table[action]() is not False

    def _make_table(self) -> Mapping[Action, Callable[[], object]]:
        chat = self._chat
        return {
            **{action: partial(self._submit, action) for action in SENDING},
            **self._reading.actions,
            **self._waiting.actions,
            Action.EXTERNAL_EDITOR: self._edit_outside,
            Action.END_INPUT: self._end_input,
            Action.ESCAPE: self._escape,
            Action.COPY_CLEAR_QUIT: self._copy_clear_quit,
            Action.PAUSE_RESUME: lambda: sending.pause_or_resume(self, chat.state),
            Action.FOCUS_APPROVAL: self._focus_approval,
            Action.TOGGLE_TODOS: self.toggle_todos,
            Action.SHOW_JOBS: partial(jobs_command, self, ""),
            Action.DIFF_LAYOUT: self._toggle_diff_layout,
            Action.CYCLE_MODE: partial(cycle_mode, self),
            Action.CHOOSE_MODEL: partial(model_command, self, ""),
            Action.SUSPEND: self._suspend,
            Action.HELP: self.show_help,
            Action.HUD: chat.hud.toggle,
            Action.SEND_REASON: chat.approval.send_reason,
            Action.SEND_CHANGE: chat.approval.send_change,
            Action.DETAIL_UP: partial(chat.approval.scroll_detail, -1),
            Action.DETAIL_DOWN: partial(chat.approval.scroll_detail, 1),
        }

    # ---------------------------------------------------------------- sending

    def send(self, content: str | Sequence[UserBlock], action: Action) -> None:
        """Hand a message to the agent, as the key of `action` would."""
        sending.send(self.client, content, action, self.settings.enter)

    def _submit(self, action: Action) -> None:
        sending.submit(self, self._chat.composer, action)

    def offer(self, before: str) -> Offer | None:
        """What can be taken for the command line `before` the cursor."""
        if before.startswith("/res"):
            self.recent_sessions()  # so that they are there when their turn comes
        return command_offer(before, self)

    def _edit_outside(self) -> None:
        self.work(edit_written(self._chat.composer, self._step_aside, self.notice))

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

    def set_up(self, *, first: bool = False) -> None:
        """Ask who shall answer."""
        if self.models is None:
            self.notice("The model cannot be changed here")
        else:
            self.over.setup(self.models, first=first)

    def work(self, job: Coroutine[None, None, None]) -> None:
        """Let `job` go on in the background, until the app ends."""
        self._chat.run_worker(job)

    def suggest_models(self) -> None:
        """There is no such model: offer names that are near."""
        self.work(suggest_models(self))

    def start(self, work: Coroutine[Any, Any, None]) -> None:
        """Do something that takes a while."""
        self.work(said_why(work, self.notice))

    def leave_for(self, another: Coroutine[Any, Any, Switch]) -> None:
        """Leave for another session; what is typed from now on is for its editor, unless it cannot be found."""
        chat = self._chat
        chat.set_focus(chat.composer)
        chat.composer.kept.begin()
        self.start(leave_or_stay(another, chat.app.exit, chat.composer.listen))

    def toggle_todos(self) -> None:
        """Show or fold the list of what is to be done."""
        if not self._chat.todo_panel.toggle():
            self.notice("There is no list of what is to be done")

    def change_editing(self) -> None:
        """Vim's keys in all editors, or no more."""
        words = change_editing(self._keymap)
        self._chat.tell_editing()
        self.notice(words)

    def find(self, text: str) -> None:
        """Find `text` in the conversation, or ask what to find."""
        self._reading.find(text)

    def quit(self) -> None:
        """Leave; the session stays on disk."""
        self._chat.app.exit()

    # ---------------------------------------------------------------- the run

    def _escape(self) -> None:
        chat, state = self._chat, self._chat.state
        match escape_means(
            chat.context,
            selection=bool(chat.composer.selected_text or chat.get_selected_text()),
            busy=state.busy,
            shell=bool(state.shells),
            vim=chat.vim,
        ):
            case Escape.CLOSE_POPUP:
                chat.composer.close_popup()
            case Escape.FORGET_KEYS | Escape.NORMAL_MODE:
                self._editor.escape_in_vim()
            case Escape.CANCEL_SELECTION:
                chat.clear_selection()
                self._editor.unselect()
            case Escape.CANCEL_EDIT:
                self._waiting.cancel_edit()
            case Escape.CANCEL_REASON:
                chat.approval.close_editors()
                chat.set_focus(chat.approval)
            case Escape.LEAVE_READING:
                self._reading.leave()
            case Escape.LEAVE_FIND:
                self._reading.end_find(stay=False)
            case Escape.LEAVE_QUEUE | Escape.LEAVE_APPROVAL:
                chat.set_focus(chat.composer)
            case Escape.STOP_SHELL:
                self.client.stop_shell()
            case Escape.ABORT:
                self.client.abort()
            case Escape.NOTHING:
                self._escape_twice()

    def _escape_twice(self) -> None:
        """Idle and nothing written: the second Escape in a row shows where one could go back to."""
        if self._escapes.press():
            self._escapes.forget()
            if self._chat.composer.is_blank:
                offer_tree(self)

    def _toggle_diff_layout(self) -> None:
        self.notice(layout_words(side_by_side=self._chat.transcript.toggle_diff_layout()))

    # ------------------------------------------------------ selection, leaving

    @property
    def _editor(self) -> Editor:
        """The one that has the keyboard, or would have it."""
        return self._chat.focused if isinstance(self._chat.focused, Editor) else self._chat.composer

    def _copy_clear_quit(self) -> None:
        if not self._editor.selected_text and (text := self._chat.get_selected_text()):
            self.copying.copy(text)
        else:
            self._interrupt.press(self._editor)
        self._chat.clear_selection()

    def _copy_to_terminal(self, text: str) -> None:
        self._chat.app.copy_to_clipboard(text)

    def _end_input(self) -> bool:
        if self._chat.composer.text:
            return False
        self.quit()
        return True

    def _suspend(self) -> None:
        self._chat.app.action_suspend_process()

    # ---------------------------------------------------------- the question

    def _focus_approval(self) -> None:
        if self._chat.approval.question is None:
            self.notice("Nothing is asked")
        else:
            self._chat.set_focus(self._chat.approval)
