"""What every action of the keymap does in the inline mode, in the tick of its key, and what slash commands may use.

What the terminal does better with its own scrollback (scrolling, finding, selecting) is left to it, and said.
"""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from time import monotonic
from typing import TYPE_CHECKING, Any, Final

from rich.console import RenderableType

from h2a_agent.content import UserBlock
from h2a_agent.events import Kind
from h2a_agent.model_choice import ModelChoice
from h2a_agent.session_loading import SessionError
from h2a_agent.session_search import Found
from h2a_tui import sending, session_slash
from h2a_tui.client import Client, Switch
from h2a_tui.clipboard import Clipboard
from h2a_tui.context_text import breakdown_text
from h2a_tui.external_editor import EditorFailed, edit_text
from h2a_tui.help_table import help_table
from h2a_tui.inline.lists import Lists
from h2a_tui.job_commands import jobs_command
from h2a_tui.keymap import Action, Context
from h2a_tui.mode_commands import cycle_mode
from h2a_tui.model_commands import suggest_models
from h2a_tui.overlays import Choice
from h2a_tui.session_rows import session_rows
from h2a_tui.settings import ScreenSettings
from h2a_tui.terminal_question import ask_while_read
from h2a_tui.theme_choice import ThemeChoice
from h2a_tui.transcript.diff_view import TWO_COLUMNS
from h2a_tui.verbs import Escape, escape_means

if TYPE_CHECKING:
    from h2a_tui.inline.chat import InlineChat

__all__ = ["InlineActions"]

_AGAIN_S: Final = 1.0  # a second Ctrl+C within this time quits
_TWICE_S: Final = 0.5  # a second Escape within this time opens the tree
_SCROLLS: Final = "The conversation is in the terminal's own scrollback: scroll and search there"
_SCROLLING: Final = (
    Action.PAGE_UP,
    Action.PAGE_DOWN,
    Action.TRANSCRIPT_TOP,
    Action.TRANSCRIPT_END,
    Action.PROMPT_PREVIOUS,
    Action.PROMPT_NEXT,
    Action.FIND,
    Action.READ,
)


_NOT_HERE: Final = (Context.HELP, Context.LIST, Context.FIND, Context.READING, Context.TRUST)


class _WrittenPage:
    """A page that is in the scrollback already: other content is written below it."""

    def __init__(self, chat: InlineChat, title: str, content: RenderableType) -> None:
        self._chat, self._title = chat, title
        self._rows = chat.screen.write_page(title, content)

    def show(self, content: RenderableType) -> None:
        """Write `content`, if it is another."""
        self._rows = self._chat.screen.write_page(self._title, content, unless=self._rows)


class InlineActions:
    """The verbs of one inline chat."""

    def __init__(self, chat: InlineChat) -> None:
        self._chat = chat
        self._keymap = chat.keymap
        self._interrupted_at = -_AGAIN_S
        self._escaped_at = -_TWICE_S
        self._clipboard = Clipboard()
        self._lists = Lists(chat, self)
        self._table = self._make_table()

    def perform(self, action: Action) -> bool:
        """Do `action`; False when there is nothing to do."""
        act = self._table.get(action)
        return act is not None and act() is not False

    def _make_table(self) -> Mapping[Action, Callable[[], object]]:
        chat = self._chat
        return {
            **{action: partial(self._submit, action) for action in _SENDING},
            **{action: partial(self.notice, _SCROLLS) for action in _SCROLLING},
            Action.EXTERNAL_EDITOR: self._edit_outside,
            Action.END_INPUT: self._end_input,
            Action.ESCAPE: self._escape,
            Action.COPY_CLEAR_QUIT: self._copy_clear_quit,
            Action.PAUSE_RESUME: lambda: sending.pause_or_resume(self, chat.state),
            Action.FOCUS_QUEUE: self._focus_queue,
            Action.FOCUS_APPROVAL: self._focus_approval,
            Action.TOGGLE_OUTPUT: self._unfold,
            Action.TOGGLE_TODOS: self.toggle_todos,
            Action.SHOW_JOBS: partial(jobs_command, self, ""),
            Action.DIFF_LAYOUT: self._toggle_diff_layout,
            Action.CYCLE_MODE: partial(cycle_mode, self),
            Action.SUSPEND: self._suspend,
            Action.HELP: self.show_help,
            Action.HUD: partial(
                self.notice, "What the screen costs is shown in the app, not in the inline mode"
            ),
            Action.QUEUE_NEXT: partial(chat.queue.move, 1),
            Action.QUEUE_PREVIOUS: partial(chat.queue.move, -1),
            Action.QUEUE_EDIT: self._begin_edit,
            Action.QUEUE_STEER: partial(self._promote, Kind.STEER),
            Action.QUEUE_NUDGE: partial(self._promote, Kind.NUDGE),
            Action.QUEUE_FOLLOW_UP: partial(self._promote, Kind.FOLLOW_UP),
            Action.QUEUE_WITHDRAW: self._withdraw,
            Action.QUEUE_EARLIER: partial(self._reorder, -1),
            Action.QUEUE_LATER: partial(self._reorder, 1),
            Action.EDIT_SAVE: self._save_edit,
            Action.SEND_REASON: chat.asking.send_reason,
            Action.SEND_CHANGE: chat.asking.send_change,
            Action.DETAIL_UP: partial(self.notice, _SCROLLS),
            Action.DETAIL_DOWN: partial(self.notice, _SCROLLS),
        }

    # ---------------------------------------------------------------- sending

    def send(self, content: str | Sequence[UserBlock], action: Action) -> None:
        """Hand a message to the agent, as the key of `action` would."""
        sending.send(self.client, content, action, self.settings.enter)

    def _submit(self, action: Action) -> bool:
        if self._chat.composer.is_blank:
            return False
        sending.submit(self, self._chat.composer, action)
        return True

    def _edit_outside(self) -> None:
        self.work(self._edited_outside())

    async def _edited_outside(self) -> None:
        composer = self._chat.composer
        before = composer.editor.text
        try:
            after = await edit_text(self._stepped_aside, before)
        except EditorFailed as failure:
            self.notice(str(failure))
        else:
            composer.take_back(before, after)

    @contextmanager
    def _stepped_aside(self) -> Iterator[None]:
        self._chat.screen.step_aside()
        try:
            yield
        finally:
            self._chat.come_back()

    # ------------------------------------------------------- what commands use

    @property
    def client(self) -> Client:
        """The agent."""
        return self._chat.client

    @property
    def settings(self) -> ScreenSettings:
        """The screen's settings."""
        return self._chat.settings

    @property
    def models(self) -> ModelChoice | None:
        """The choice of models."""
        return self._chat.models

    @property
    def themes(self) -> ThemeChoice | None:
        """The choice of themes."""
        return self._chat.themes

    def notice(self, text: str) -> None:
        """Say something short."""
        self._chat.notice(text)

    def work(self, job: Coroutine[Any, Any, None]) -> None:
        """Let `job` go on in the background, until the chat is left."""
        self._chat.work(job)

    def start(self, work: Coroutine[Any, Any, None]) -> None:
        """Do something that takes a while."""

        async def guarded() -> None:
            try:
                await work
            except (SessionError, OSError) as error:
                self.notice(str(error))

        self.work(guarded())

    def show_context(self) -> None:
        """Write what fills the model's window."""
        self.work(self._tell_context())

    async def _tell_context(self) -> None:
        self._chat.screen.printer.tell(breakdown_text(await self.client.context()))
        self._chat.redraw()

    def show_page(self, title: str, content: RenderableType) -> _WrittenPage:
        """Write something to read."""
        return _WrittenPage(self._chat, title, content)

    def show_help(self) -> None:
        """Write keys and commands."""
        self.show_page("Keys", help_table(self._keymap, _NOT_HERE))

    def pick(
        self, title: str, choices: Sequence[Choice], chosen_is: Callable[[str], object], *, chosen: int = 0
    ) -> None:
        """Show a list; a `SessionError` of what is done with the choice is said."""
        self._lists.pick(title, choices, chosen_is, chosen)

    def find_row(
        self, title: str, choices: Sequence[Choice], chosen_is: Callable[[str], object], *, chosen: str = ""
    ) -> None:
        """The same, beginning at the row with the id `chosen`."""
        place = next((n for n, choice in enumerate(choices) if choice.id == chosen), 0)
        self.pick(title, choices, chosen_is, chosen=place)

    def pick_model(self, models: ModelChoice) -> None:
        """Show the models to choose from."""
        self._lists.models(models)

    def pick_session(self, found: Sequence[Found], wanted: str, here: bool) -> None:
        """Show sessions to go on with."""
        title = f"Sessions that say {wanted}" if wanted else "Sessions"
        rows = list(session_rows(found, self.client.sessions, here=here))
        self.pick(title, rows, lambda chosen: session_slash.resume(self, chosen))

    def recent_sessions(self) -> Sequence[Found]:
        """None are read before somebody asks for them."""
        return ()

    def edit_settings(self, name: str) -> None:
        """Show the settings, to be changed; those that have a list of their own lead there."""
        self._lists.settings(name)

    def try_keys(self) -> None:
        """Tell what the terminal sends for each key, and what that does."""
        self._chat.trying.begin()

    def show_doctor(self) -> None:
        """Write what this machine and this terminal have, and what to do about what they lack."""
        from h2a_tui.doctor import rows_in_chat, two_columns

        chat = self._chat

        async def look() -> None:
            kitty = await ask_while_read(chat.terminal)
            rows = await rows_in_chat(chat.doctor, self.client, self.models, self._keymap, kitty=kitty)
            self.show_page("Doctor", two_columns(rows))

        self.notice("Looking …")
        self.work(look())

    def set_up(self, *, first: bool = False) -> None:
        """Ask who shall answer."""
        if self.models is None:
            self.notice("The model cannot be changed here")
        else:
            self._lists.set_up(self.models, first=first)

    def pick_theme(self, names: Sequence[str], themes: ThemeChoice) -> None:
        """Show the themes to choose from; the live rows wear the one that is looked at."""
        self._lists.themes(names, themes)

    def suggest_models(self) -> None:
        """There is no such model: offer names that are near."""
        self.work(suggest_models(self))

    def leave_for(self, another: Coroutine[Any, Any, Switch]) -> None:
        """Leave for another session; what is typed from now on is for its editor, unless it cannot be found."""
        chat = self._chat
        chat.terminal.keep()

        async def leave() -> None:
            try:
                chat.leave(switch=await another)
            except (SessionError, OSError):
                chat.listen()
                raise

        self.start(leave())

    def toggle_todos(self) -> None:
        """Show or fold the list of what is to be done."""
        if self._chat.state.todos:
            self._chat.todos_unfolded = not self._chat.todos_unfolded
        else:
            self.notice("There is no list of what is to be done")

    def change_editing(self) -> None:
        """Vim's keys in all editors, or no more."""
        self._chat.keyboard.change_editing()
        if self._keymap.editing == "vim":
            self.notice(f"Vim's keys: {self._keymap.label(Action.ESCAPE)} is normal mode · /vim ends it")
        else:
            self.notice("Vim's keys are off")

    def find(self, text: str) -> None:
        """Leave that to the terminal."""
        self.notice(_SCROLLS)

    def quit(self) -> None:
        """Leave; the session stays on disk."""
        self._chat.leave()

    # ---------------------------------------------------------------- the run

    def _escape(self) -> None:
        chat, state = self._chat, self._chat.state
        selection, vim = bool(chat.keyboard.editor.selected), chat.keyboard.vim
        match escape_means(
            chat.keyboard.context,
            selection=selection,
            busy=state.busy,
            shell=bool(state.shells),
            vim=vim.state if vim is not None else None,
        ):
            case Escape.FORGET_KEYS | Escape.NORMAL_MODE | Escape.CANCEL_SELECTION if vim is not None:
                vim.escape()
            case Escape.CLOSE_POPUP if chat.keyboard.picking is not None:
                chat.keyboard.picking.taken(None)
            case Escape.CLOSE_POPUP:
                chat.composer.close_popup()
            case Escape.CANCEL_EDIT:
                self._focus_queue()
            case Escape.CANCEL_REASON:
                chat.asking.reason.reset()
                chat.keyboard.give(Context.APPROVAL)
            case Escape.CANCEL_SELECTION:
                chat.keyboard.editor.unselect()
            case Escape.STOP_SHELL:
                self.client.stop_shell()
            case Escape.ABORT:
                self.client.abort()
            case Escape.NOTHING:
                self._escape_twice()
            case _:
                chat.keyboard.give(Context.COMPOSER)

    def _escape_twice(self) -> None:
        """Idle and nothing written: the second Escape in a row shows where one could go back to."""
        twice = monotonic() - self._escaped_at < _TWICE_S
        self._escaped_at = -_TWICE_S if twice else monotonic()
        if twice and self._chat.composer.is_blank and self.client.sessions.tree():
            session_slash.tree(self, "")

    def _toggle_diff_layout(self) -> None:
        two = self._chat.screen.toggle_diff_layout()
        how = f"side by side, from {TWO_COLUMNS} columns on" if two else "below each other"
        self.notice(f"Changes are drawn {how} from now on")

    def _unfold(self) -> None:
        if not self._chat.screen.write_unfolded():
            self.notice("No result was folded")

    # ------------------------------------------------------ selection, leaving

    def _copy_clear_quit(self) -> None:
        chat, editor = self._chat, self._chat.keyboard.editor
        again = monotonic() - self._interrupted_at < _AGAIN_S
        if text := editor.selected:
            self._copy(text)
            editor.unselect()
            return
        self._interrupted_at = monotonic()
        key = self._keymap.label(Action.COPY_CLEAR_QUIT)
        if editor.text:
            chat.keyboard.clear()
            self.notice(f"Cleared; {key} again quits")
        elif again:
            self.quit()
        else:
            self.notice(f"Press {key} again to quit")

    def _copy(self, text: str) -> None:
        self._chat.terminal.copy(text)
        self.work(self._copy_here(text))
        self.notice(f"Copied {len(text):,} character{'s' if len(text) != 1 else ''}")

    async def _copy_here(self, text: str) -> None:
        await self._clipboard.put(text)

    async def aclose(self) -> None:
        """Answer for the clipboard no more."""
        await self._clipboard.aclose()

    def _end_input(self) -> bool:
        if self._chat.composer.editor.text:
            return False
        self.quit()
        return True

    def _suspend(self) -> None:
        self._chat.suspend()

    # -------------------------------------------------------------- the queue

    def _focus_queue(self) -> None:
        if not self._chat.state.queue:
            self._chat.keyboard.give(Context.COMPOSER)
            self.notice("Nothing is waiting")
            return
        if self._chat.keyboard.focus is not Context.QUEUE_EDIT:
            self._chat.queue.choose_newest()
        self._chat.keyboard.give(Context.QUEUE)

    def _promote(self, kind: Kind) -> None:
        if (item := self._chat.queue.chosen) is not None and not self.client.promote(item.id, kind):
            self._too_late()

    def _reorder(self, offset: int) -> None:
        if (item := self._chat.queue.chosen) is not None:
            self.client.reorder(item.id, offset)

    def _withdraw(self) -> None:
        if (item := self._chat.queue.chosen) is not None and not self.client.withdraw(item.id):
            self._too_late()

    def _begin_edit(self) -> None:
        item = self._chat.queue.chosen
        if item is None:
            return
        if item.images:
            key = self._keymap.label(Action.QUEUE_WITHDRAW)
            self.notice(f"It has pictures: {key} takes it back into the editor")
            return
        self._chat.keyboard.edited = item
        self._chat.keyboard.queue_editor.reset(item.text)
        self._chat.keyboard.give(Context.QUEUE_EDIT)

    def _save_edit(self) -> None:
        chat = self._chat
        item, text = chat.keyboard.edited, chat.keyboard.queue_editor.message
        if item is not None and text.strip() and not self.client.edit(item.id, text):
            chat.keyboard.write(text)
            self.notice("It was delivered meanwhile; your text is in the editor")
        else:
            chat.keyboard.give(Context.QUEUE if chat.state.queue else Context.COMPOSER)

    def _too_late(self) -> None:
        self.notice("It was delivered already")

    # ---------------------------------------------------------- the question

    def _focus_approval(self) -> None:
        if self._chat.asking.question is None:
            self.notice("Nothing is asked")
        else:
            self._chat.keyboard.give(Context.APPROVAL)


_SENDING: Final = (Action.SUBMIT, Action.NUDGE, Action.FOLLOW_UP, Action.FOLLOW_UP_BY_TAB)
