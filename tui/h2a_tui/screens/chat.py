"""The one screen: conversation, question, queue, composer, hints, status.

It composes the parts and draws states; what the keys do is in `actions.py`. Nothing here remembers anything
about the run.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from time import perf_counter
from typing import TYPE_CHECKING, ClassVar, Final

from textual import events, on, work
from textual.app import ComposeResult
from textual.containers import Vertical
from textual.screen import Screen
from textual.widgets import Static

from h2a_agent.events import AnyEvent, Error, InputRestored, ModelChanged, QueueChanged, UserInput
from h2a_agent.model_choice import ModelChoice
from h2a_agent.providers.base import FailureKind
from h2a_agent.safe_text import one_line
from h2a_agent.state import State
from h2a_queue import QueueStats
from h2a_tui.client import Client
from h2a_tui.completion import Offer
from h2a_tui.drafts import DraftFile
from h2a_tui.git_head import git_branch
from h2a_tui.keymap import Action, Context, Editing
from h2a_tui.keys import KeyDriver
from h2a_tui.project_files import ProjectFiles
from h2a_tui.prompt_history import PromptHistory
from h2a_tui.screens.actions import ChatActions
from h2a_tui.settings import ScreenSettings
from h2a_tui.theme_choice import ThemeChoice
from h2a_tui.transcript.widget import Transcript
from h2a_tui.verbs import hints
from h2a_tui.vim import State as VimState
from h2a_tui.widgets.approval import ApprovalPanel
from h2a_tui.widgets.composer import Composer
from h2a_tui.widgets.editor import Editor, hand_on
from h2a_tui.widgets.find_bar import FindBar
from h2a_tui.widgets.hint_line import HintLine
from h2a_tui.widgets.hud import Hud
from h2a_tui.widgets.popup import Popup
from h2a_tui.widgets.queue_panel import QueuePanel
from h2a_tui.widgets.status_facts import Facts, sandbox_word
from h2a_tui.widgets.status_line import NOTICE_S, StatusLine
from h2a_tui.widgets.todo_panel import TodoPanel
from h2a_tui.widgets.welcome import Welcome

if TYPE_CHECKING:
    from h2a_tui.doctor import Doctor

__all__ = ["ChatScreen"]

_HINTED_ROWS: Final = 5  # of a screen that has one to spare for what the keys do
_ANSWERING: Final = (Context.APPROVAL, Context.REASON, Context.CHANGE)


class ChatScreen(Screen[None], inherit_bindings=False):
    """Everything a person sees, but overlays."""

    AUTO_FOCUS: ClassVar[str | None] = "Composer"
    VERTICAL_BREAKPOINTS: list[tuple[int, str]] | None = [  # noqa: RUF012 (Textual does not declare it a class variable)
        (0, "-tiny"),
        (7, "-short"),
        (12, "-low"),
        (16, "-tall"),
    ]
    DEFAULT_CSS = """
    ChatScreen {
        layout: vertical;
        overflow: hidden;
        & Transcript { height: 1fr; }
        & Welcome { display: none; }
        &.-empty.-tall Welcome, &.-empty.-low Welcome { display: block; }
        &.-empty.-tall Transcript, &.-empty.-low Transcript { display: none; }
        & #foot { dock: bottom; height: auto; }
        & #prompt {
            layout: horizontal;
            height: auto;
            border: round $h2a-border;
            border-title-color: $h2a-accent;
            padding: 0 1;
            &:focus-within { border: round $h2a-accent; }
            & #prompt-mark { width: 2; height: 1; color: $h2a-accent; text-style: bold; }
            & Composer { width: 1fr; }
        }
        &.-short #prompt, &.-short #prompt:focus-within, &.-tiny #prompt, &.-tiny #prompt:focus-within,
        &.-low.-asking #prompt, &.-low.-asking #prompt:focus-within {
            border: none;
        }
        &.-short ApprovalPanel, &.-tiny ApprovalPanel { border: none; max-height: 4; }
        &.-low.-asking QueueList, &.-short.-asking QueueList { max-height: 1; }
        &.-tiny.-asking QueuePanel { display: none; }
        &.-low.-asking TodoPanel, &.-short TodoPanel, &.-tiny TodoPanel { display: none; }
        &.-short #approval-head, &.-tiny #approval-head { max-height: 1; }
        &.-tiny.-asking Transcript { display: none; }
        &.-tiny QueueList { max-height: 1; }
        &.-tiny QueuePanel.-editing QueueList { display: none; }
        &.-tiny ApprovalPanel.-reason #approval-head, &.-tiny ApprovalPanel.-reason #approval-scroll,
        &.-tiny ApprovalPanel.-change #approval-head {
            display: none;
        }
    }
    """

    def __init__(
        self,
        client: Client,
        settings: ScreenSettings,
        transcript: Transcript,
        notice: str = "",
        models: ModelChoice | None = None,
        themes: ThemeChoice | None = None,
        queue: Callable[[], QueueStats | None] = lambda: None,
        doctor: Doctor | None = None,
    ) -> None:
        super().__init__(classes="-empty")
        self.client = client
        self.models = models
        self.themes = themes
        self.doctor = doctor
        self.state = State()
        self.transcript = transcript
        self._settings = settings
        self._keymap = settings.keymap()
        self.composer = Composer(
            self._keymap,
            self.perform,
            workspace=client.workspace,
            history=PromptHistory(settings.prompts_file, client.workspace),
            commands=self._offer_command,
            files=ProjectFiles(client.workspace),
            drafts=DraftFile(settings.draft_for),
        )
        self.queue_panel = QueuePanel(self._keymap, self.perform)
        self.todo_panel = TodoPanel()
        self.approval = ApprovalPanel(self._keymap, self.perform, self.write)
        self.welcome = Welcome(self._keymap, client.model, client.mode, client.workspace, notice)
        self.find_bar = FindBar(self._keymap, self.perform)
        self.hint_line = HintLine()
        self.hud = Hud(queue, self._bytes_written)
        self._branch = ""
        self.status_line = StatusLine(self._facts(), reduced_motion=settings.reduced_motion)
        transcript.end_key = self._keymap.label(Action.TRANSCRIPT_END)
        self._actions = ChatActions(self, client, settings, self._keymap)

    def compose(self) -> ComposeResult:
        """From the conversation down to the status."""
        yield self.hud
        yield self.welcome
        yield self.transcript
        yield self.approval
        yield self.todo_panel
        yield self.queue_panel
        with Vertical(id="foot"):
            yield self.find_bar
            yield self.composer.popup
            with Vertical(id="prompt"):
                yield Static("›", id="prompt-mark")
                yield self.composer
            yield self.hint_line
            yield self.status_line

    # ------------------------------------------------------------- drawing

    def show(self, state: State, happened: Sequence[AnyEvent]) -> None:
        """Draw `state`, and what happened since the last one."""
        began = perf_counter()
        before, self.state = self.state, state
        if self.has_class("-empty") and any(
            not isinstance(event, QueueChanged | ModelChanged) for event in happened
        ):
            self.remove_class("-empty")
        self.transcript.apply_many(happened)
        for event in happened:
            if isinstance(event, ModelChanged):
                self.welcome.show_model(self.client.model)
            if isinstance(event, InputRestored):
                self.composer.restore(event)
            elif isinstance(event, Error) and event.kind == FailureKind.NOT_FOUND:
                self._actions.suggest_models()
        if (state.queue, state.queue_paused) != (before.queue, before.queue_paused):
            if not state.queue and self.context is Context.QUEUE:
                # Before the list is hidden, which would leave nobody the keyboard.
                self.set_focus(self.composer)
            self.queue_panel.show(state.queue, state.queue_paused)
        for event in happened:
            if isinstance(event, UserInput):
                self.queue_panel.deliver(event.item_id)
        self.todo_panel.show(state.todos, busy=state.busy)
        self.show_status()
        if state.settled is not None and before.settled is None:
            self._look_for_branch()
        self.set_class(bool(state.approvals), "-asking")
        self.approval.show(state.approvals)
        if not state.approvals and before.approvals and self.context in _ANSWERING:
            self.set_focus(self.composer)
        self.show_hints()
        self.hud.follow(happened, began)

    def show_status(self) -> None:
        """Bring the bottom line up to date."""
        self.status_line.show(self.state, self._facts())

    def _facts(self) -> Facts:
        client = self.client
        thinking = self.models.thinking if self.models is not None else ""
        sandbox = sandbox_word(client.sandbox)
        return Facts(client.model, client.mode, client.workspace, thinking, sandbox, self._branch)

    def _look_for_branch(self) -> None:
        self._read_branch()

    @work(group="branch", exclusive=True)
    async def _read_branch(self) -> None:
        self._branch = await asyncio.to_thread(git_branch, self.client.workspace)
        self.show_status()

    def _bytes_written(self) -> int | None:
        driver = self.app._driver  # noqa: SLF001 (Textual has no public way to it)
        return driver.written if isinstance(driver, KeyDriver) else None

    def show_past(self, past: Sequence[AnyEvent], state: State) -> None:
        """Draw a resumed session: what happened, and what waits."""
        for event in past:
            if isinstance(event, UserInput):
                self.composer.remember(event.text)
        self.show(state, past)

    def show_hints(self) -> None:
        """Say what the keys do now."""
        vim = self.vim
        shown = hints(self.context, self.state, self._keymap, self._settings.enter, vim)
        self.hint_line.show(shown, f"{vim.mode.value} {vim.keys}".rstrip() if vim else "")

    @property
    def vim(self) -> VimState | None:
        """In which mode of vim's the editor is that has the keyboard; None: in none, or there is no editor."""
        return self.focused.vim if isinstance(self.focused, Editor) else None

    @property
    def editing(self) -> Editing:
        """Whose keys all editors understand now."""
        return self._keymap.editing

    def tell_editing(self) -> None:
        """All editors understand other keys now."""
        for editor in self.query(Editor):
            editor.tell_vim()
        self.show_hints()

    @property
    def context(self) -> Context:
        """Where the keyboard is."""
        if self.focused is self.composer and self.composer.popup_open:
            return Context.POPUP
        return getattr(self.focused, "context", Context.COMPOSER)

    def notice(self, text: str, seconds: float = NOTICE_S) -> None:
        """Say something short, for a few seconds."""
        self.status_line.notice(one_line(text), seconds)

    def prefer_keys(self, arrives: Callable[[str], bool]) -> None:
        """Show keys from now on that arrive from this terminal."""
        self._keymap.prefer(arrives)
        self.welcome.show_keys()
        self.show_hints()

    def set_up(self) -> None:
        """Ask somebody who is here for the first time who shall answer."""
        self._actions.set_up(first=True)

    def perform(self, action: Action) -> bool:
        """Do what a key asks for; False: nothing to do, the key keeps its plain meaning."""
        return self._actions.perform(action)

    def _offer_command(self, before: str) -> Offer | None:
        return self._actions.offer(before)

    # -------------------------------------------------------------- events

    def on_mount(self) -> None:
        """Look where we are, once that is on the screen; and again when somebody comes back to it."""
        self.call_after_refresh(self._look_for_branch)
        self.watch(self.app, "app_focus", self._look_for_branch, init=False)

    async def on_unmount(self) -> None:
        """Answer for the clipboard no more."""
        await self._actions.copying.aclose()

    def on_resize(self, event: events.Resize) -> None:
        """Leave the conversation its share of the rows."""
        self.hint_line.display = event.size.height >= _HINTED_ROWS
        self.composer.limit_to(event.size.height)
        self.approval.limit_to(event.size.height)

    def on_key(self, event: events.Key) -> None:
        """Read with the keyboard; where nobody has it (a click took it), the composer has."""
        if self.focused is self.transcript:
            action = self._keymap.action(event.key, Context.READING, Context.GLOBAL)
            if action is not None and self.perform(action):
                event.stop()
        elif self.focused is None:
            self.set_focus(self.composer)
            hand_on(event, self)
        elif isinstance(self.focused, Editor):  # which lets no key through: it was on its way here before
            hand_on(event, self)

    def on_descendant_focus(self) -> None:
        """The keys mean something else now."""
        self.show_hints()

    @on(Composer.StateChanged)
    def _composer_changed(self) -> None:
        self.query_one("#prompt").border_title = self.composer.mode.value
        self.show_hints()

    @on(Editor.VimChanged)
    def _vim_changed(self) -> None:
        self.show_hints()

    @on(Composer.Said)
    def _composer_said(self, message: Composer.Said) -> None:
        self.notice(message.text)

    @on(Popup.Clicked)
    def _popup_clicked(self) -> None:
        self.composer.take_chosen()

    @on(ApprovalPanel.Ready)
    def _offer_question(self) -> None:
        """Give the question the keyboard, unless somebody is writing."""
        composer = self.composer
        if (
            not composer.kept.begun
            and self.focused is composer
            and self.approval.takes_keyboard(blank=composer.is_blank, last_key_at=composer.last_key_at)
        ):
            self.set_focus(self.approval)

    def write(self, text: str) -> None:
        """Type `text` into the message, which has the keyboard from now on."""
        self.set_focus(self.composer)
        self.composer.write(text)

    @on(ApprovalPanel.Answered)
    def _answered(self, message: ApprovalPanel.Answered) -> None:
        try:
            taken = self.client.answer(
                message.question.call_id,
                message.decision,
                message.note,
                digest=message.question.digest,
                changed=message.changed,
            )
        except ValueError as error:
            self.notice(f"It cannot run like this: {error}")
            return
        self.set_focus(self.composer)
        if not taken:
            self.notice("That question is no longer open")

    @on(FindBar.Sought)
    def _sought(self, message: FindBar.Sought) -> None:
        if self.find_bar.display:
            self.transcript.find(message.text)

    @on(Transcript.Found)
    def _found(self, message: Transcript.Found) -> None:
        self.find_bar.show_count(message.position, message.total)
