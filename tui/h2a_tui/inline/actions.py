"""What every action of the keymap does in the inline mode, in the tick of its key, and what slash commands may use.

What the terminal does better with its own scrollback (scrolling, finding, selecting) is left to it, and said.
"""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from typing import TYPE_CHECKING, Any, Final

from rich.console import RenderableType

from h2a_agent.content import UserBlock
from h2a_agent.model_choice import ModelChoice
from h2a_agent.session_search import Found
from h2a_tui import sending, session_slash
from h2a_tui.client import Switch
from h2a_tui.context_text import breakdown_text
from h2a_tui.copy_clear_quit import CopyClearQuit
from h2a_tui.copying import Copying
from h2a_tui.external_editor import edit_written
from h2a_tui.help_table import help_table
from h2a_tui.inline.lists import Lists
from h2a_tui.job_commands import jobs_command
from h2a_tui.keymap import Action, Context
from h2a_tui.mode_commands import cycle_mode
from h2a_tui.model_commands import model_command, suggest_models
from h2a_tui.overlays import Choice
from h2a_tui.pressed_twice import PressedTwice
from h2a_tui.said_why import leave_or_stay, said_why
from h2a_tui.session_rows import session_rows
from h2a_tui.terminal_question import ask_while_read
from h2a_tui.theme_choice import ThemeChoice
from h2a_tui.transcript.diff_view import layout_words
from h2a_tui.verbs import SENDING, Escape, escape_means
from h2a_tui.waiting_verbs import WaitingVerbs

if TYPE_CHECKING:
    from h2a_tui.inline.chat import InlineChat

__all__ = ["InlineActions"]

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
        self.client = chat.client
        self.settings = chat.settings
        self.models: ModelChoice | None = chat.models
        self.themes: ThemeChoice | None = chat.themes
        self._chat = chat
        self._keymap = chat.keymap
        self._escapes = PressedTwice(_TWICE_S)
        self._lists = lists = Lists(chat, self)
        self.pick, self.pick_model, self.pick_theme = lists.pick, lists.pick_model, lists.pick_theme
        self.edit_settings = lists.edit_settings
        self._copying = Copying(chat.terminal.copy, chat.work, chat.notice)
        self._interrupt = CopyClearQuit(chat.keymap, self._copying.copy, self.quit, chat.notice)
        self._waiting = WaitingVerbs(
            chat.queue,
            chat.client,
            chat.keymap,
            leave=partial(chat.keyboard.give, Context.COMPOSER),
            write=chat.keyboard.write,
            notice=chat.notice,
        )
        self._table = self._make_table()

    def perform(self, action: Action) -> bool:
        """Do `action`; False when there is nothing to do."""
        act = self._table.get(action)
        return act is not None and act() is not False

    def _make_table(self) -> Mapping[Action, Callable[[], object]]:
        chat = self._chat
        return {
            **{action: partial(self._submit, action) for action in SENDING},
            **{action: partial(self.notice, _SCROLLS) for action in _SCROLLING},
            **self._waiting.actions,
            Action.EXTERNAL_EDITOR: self._edit_outside,
            Action.END_INPUT: self._end_input,
            Action.ESCAPE: self._escape,
            Action.COPY_CLEAR_QUIT: self._copy_clear_quit,
            Action.PAUSE_RESUME: lambda: sending.pause_or_resume(self, chat.state),
            Action.FOCUS_APPROVAL: self._focus_approval,
            Action.TOGGLE_OUTPUT: self._unfold,
            Action.TOGGLE_TODOS: self.toggle_todos,
            Action.SHOW_JOBS: partial(jobs_command, self, ""),
            Action.DIFF_LAYOUT: self._toggle_diff_layout,
            Action.CYCLE_MODE: partial(cycle_mode, self),
            Action.CHOOSE_MODEL: partial(model_command, self, ""),
            Action.SUSPEND: self._suspend,
            Action.HELP: self.show_help,
            Action.HUD: partial(
                self.notice, "What the screen costs is shown in the app, not in the inline mode"
            ),
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
        self.work(edit_written(self._chat.composer, self._stepped_aside, self.notice))

    @contextmanager
    def _stepped_aside(self) -> Iterator[None]:
        self._chat.screen.step_aside()
        try:
            yield
        finally:
            self._chat.come_back()

    # ------------------------------------------------------- what commands use

    def notice(self, text: str) -> None:
        """Say something short."""
        self._chat.notice(text)

    def work(self, job: Coroutine[Any, Any, None]) -> None:
        """Let `job` go on in the background, until the chat is left."""
        self._chat.work(job)

    def start(self, work: Coroutine[Any, Any, None]) -> None:
        """Do something that takes a while."""
        self.work(said_why(work, self.notice))

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

    def find_row(
        self, title: str, choices: Sequence[Choice], chosen_is: Callable[[str], object], *, chosen: str = ""
    ) -> None:
        """The same, beginning at the row with the id `chosen`."""
        place = next((n for n, choice in enumerate(choices) if choice.id == chosen), 0)
        self.pick(title, choices, chosen_is, chosen=place)

    def pick_session(self, found: Sequence[Found], wanted: str, here: bool) -> None:
        """Show sessions to go on with."""
        title = f"Sessions that say {wanted}" if wanted else "Sessions"
        rows = list(session_rows(found, self.client.sessions, here=here))
        self.pick(title, rows, lambda chosen: session_slash.resume(self, chosen))

    def recent_sessions(self) -> Sequence[Found]:
        """None are read before somebody asks for them."""
        return ()

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

    def suggest_models(self) -> None:
        """There is no such model: offer names that are near."""
        self.work(suggest_models(self))

    def leave_for(self, another: Coroutine[Any, Any, Switch]) -> None:
        """Leave for another session; what is typed from now on is for its editor, unless it cannot be found."""
        chat = self._chat
        chat.terminal.keep()
        self.start(leave_or_stay(another, lambda switch: chat.leave(switch=switch), chat.listen))

    def toggle_todos(self) -> None:
        """Show or fold the list of what is to be done."""
        if self._chat.state.todos:
            self._chat.todos_unfolded = not self._chat.todos_unfolded
        else:
            self.notice("There is no list of what is to be done")

    def change_editing(self) -> None:
        """Vim's keys in all editors, or no more."""
        self.notice(self._chat.keyboard.change_editing())

    def find(self, text: str) -> None:
        """Leave that to the terminal."""
        self.notice(_SCROLLS)

    def quit(self) -> None:
        """Leave; the session stays on disk."""
        self._chat.leave()

    # ---------------------------------------------------------------- the run

    def _escape(self) -> None:
        chat, state = self._chat, self._chat.state
        editor, vim = chat.keyboard.editor, chat.keyboard.vim
        match escape_means(
            chat.keyboard.context,
            selection=bool(editor.selected_text),
            busy=state.busy,
            shell=bool(state.shells),
            vim=vim.state if vim is not None else None,
        ):
            case Escape.FORGET_KEYS | Escape.NORMAL_MODE:
                editor.vim.escape()
            case Escape.CANCEL_SELECTION:
                editor.unselect()
            case Escape.CLOSE_POPUP if chat.keyboard.picking is not None:
                chat.keyboard.picking.taken(None)
            case Escape.CLOSE_POPUP:
                chat.composer.close_popup()
            case Escape.CANCEL_EDIT:
                self._waiting.cancel_edit()
            case Escape.CANCEL_REASON:
                chat.asking.reason.reset()
                chat.keyboard.give(Context.APPROVAL)
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
        if self._escapes.press():
            self._escapes.forget()
            if self._chat.composer.is_blank:
                session_slash.offer_tree(self)

    def _toggle_diff_layout(self) -> None:
        words = layout_words(side_by_side=self._chat.screen.toggle_diff_layout())
        self.notice(f"{words} from now on")

    def _unfold(self) -> None:
        if not self._chat.screen.write_unfolded():
            self.notice("No result was folded")

    # ------------------------------------------------------ selection, leaving

    def _copy_clear_quit(self) -> None:
        self._interrupt.press(self._chat.keyboard.editor)

    async def aclose(self) -> None:
        """Answer for the clipboard no more."""
        await self._copying.aclose()

    def _end_input(self) -> bool:
        if self._chat.composer.editor.text:
            return False
        self.quit()
        return True

    def _suspend(self) -> None:
        self._chat.suspend()

    # ---------------------------------------------------------- the question

    def _focus_approval(self) -> None:
        if self._chat.asking.question is None:
            self.notice("Nothing is asked")
        else:
            self._chat.keyboard.give(Context.APPROVAL)
