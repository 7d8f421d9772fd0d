"""One conversation in the terminal's own scrollback: what is finished is written, what is live is drawn below it.

It is a client of the agent like the app: keys become calls, events become a `State` and rows. Nothing here remembers
anything about the run. What the keys do is in `actions.py`.
"""

from __future__ import annotations

import asyncio
import gc
import os
import time
from collections.abc import Coroutine, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from rich.style import Style

from h2a_agent import __version__
from h2a_agent.events import (
    AnyEvent,
    Error,
    InputRestored,
    Phase,
    UserInput,
)
from h2a_agent.model_choice import ModelChoice
from h2a_agent.providers.base import FailureKind
from h2a_agent.safe_text import one_line
from h2a_agent.state import State, reduce
from h2a_themes import Palette, ThemeError
from h2a_tui import format as fmt
from h2a_tui.attention import Attention, call_for
from h2a_tui.client import Client, Switch
from h2a_tui.command_offers import command_offer
from h2a_tui.drafts import DraftFile
from h2a_tui.exit_codes import FAILED, OK
from h2a_tui.git_head import git_branch
from h2a_tui.inline.actions import InlineActions
from h2a_tui.inline.asking import Asking
from h2a_tui.inline.composer import InlineComposer
from h2a_tui.inline.foot import Painter
from h2a_tui.inline.frame import brief_rows, foot_rows
from h2a_tui.inline.key_reader import Focus, Input, Key, Paste
from h2a_tui.inline.keyboard import Keyboard
from h2a_tui.inline.screen import InlineScreen
from h2a_tui.inline.terminal import InlineTerminal, Size
from h2a_tui.inline.trying import Trying
from h2a_tui.inline.waiting import InlineWaiting
from h2a_tui.keymap import Action, Context
from h2a_tui.project_files import ProjectFiles
from h2a_tui.prompt_history import PromptHistory
from h2a_tui.settings import ScreenSettings
from h2a_tui.theme_choice import ThemeChoice
from h2a_tui.transcript.markdown import warm_up
from h2a_tui.widgets.receipts import RECEIPT_S, Receipts
from h2a_tui.widgets.status_facts import Facts, sandbox_word

if TYPE_CHECKING:
    from h2a_tui.doctor import Doctor

__all__ = ["InlineChat", "Left"]

_ANSWER_S: Final = 0.15  # for the terminal's colours, before the first row is written
_NOTICE_S: Final = 4.0
_SECOND: Final = 1.0
_TICK_S: Final = 0.25  # each is a row on the line; the app's are two cells
_QUIET: Final = frozenset({Phase.IDLE, Phase.SETTLING, Phase.PAUSED})


@dataclass(frozen=True, slots=True)
class Left:
    """How the chat was left: the exit code, the session that is next, the fault that ended it."""

    code: int = OK
    switch: Switch | None = None
    fault: BaseException | None = None


class InlineChat:
    """Shows one agent until it is left; the agent is the caller's to close."""

    def __init__(
        self,
        client: Client,
        settings: ScreenSettings,
        themes: ThemeChoice,
        terminal: InlineTerminal,
        *,
        notice: str = "",
        models: ModelChoice | None = None,
        first_run: bool = False,
        doctor: Doctor | None = None,
    ) -> None:
        """`terminal` is the caller's to give back when another session is next. The rest is as for the app."""
        self.client = client
        self.settings = settings
        self.themes = themes
        self.models = models
        self.doctor = doctor
        self.keymap = settings.keymap()
        self.todos_unfolded = False
        self.left: asyncio.Future[Left]
        self._first_notice = notice
        self._first_run = first_run
        self.said = ""  # for a few seconds
        self._end_of_notice: asyncio.TimerHandle | None = None
        self._palette_known = asyncio.Event()
        self.terminal = terminal
        side_by_side = settings.diffs == "side-by-side"
        self.screen = InlineScreen(self, terminal, themes.theme, side_by_side=side_by_side)
        self.keyboard = Keyboard(self)
        self.queue = InlineWaiting(self.keyboard.give)
        self.composer = InlineComposer(
            workspace=client.workspace,
            history=PromptHistory(settings.prompts_file, client.workspace),
            commands=lambda before: command_offer(before, self._actions),
            files=ProjectFiles(client.workspace),
            drafts=DraftFile(settings.draft_for),
            work=self.work,
            changed=self.redraw,
            said=self.notice,
        )
        self.asking = Asking(self)
        self.trying = Trying(self)
        self._actions = InlineActions(self)
        self._receipts = Receipts(time.time)
        self._attention = Attention(terminal.write, settings.signals, os.environ, client.workspace)
        self._here = True
        self._branch = ""
        self._tasks: set[asyncio.Task[None]] = set()
        self._ticker: asyncio.TimerHandle | None = None
        self._ticks = 0
        # In one tick, so that nothing falls between what was and what comes.
        self._past, self.state, self._events = client.replay(), client.state, client.subscribe()

    # ------------------------------------------------------------------ its life

    async def run(
        self, prompt: str = "", draft: str = "", notice: str = "", errors: Sequence[Error] = ()
    ) -> Left:
        """Everything, until it is left. `prompt` is sent first, `draft` put into the editor, `notice` and `errors` told."""
        loop = asyncio.get_running_loop()
        self.left = loop.create_future()
        loop.set_exception_handler(lambda _loop, context: self._failed(context))
        self.themes.show = self.screen.wear
        self.terminal.lost = lambda: self.leave(_HUNG_UP)
        self.terminal.coloured = self._coloured
        self.terminal.accompany(self._attention.greeting, self._attention.farewell)
        self.terminal.take()
        self._attention.show(self.state, anew=True)
        try:
            await self._learn_colours()
            self._greet()
            self._show_past()
            self.screen.show(errors)
            if draft:
                self.composer.restore(InputRestored((draft,)))
            self.composer.begin()
            self.work(self._read_events())
            self.work(self._after_first_frame())
            if notice:
                self.notice(notice)
            if prompt:
                self.client.prompt(prompt)
            if self._first_run:
                self._actions.set_up(first=True)  # before a key can come
            self.listen()
            return await self.left
        finally:
            self._stop()
            await self._actions.aclose()

    def leave(self, code: int = OK, switch: Switch | None = None) -> None:
        """End; the session stays on disk."""
        if not self.left.done():
            self.left.set_result(Left(code, switch))

    def listen(self) -> None:
        """What is typed, now and while nobody listened, is for this chat."""
        self.terminal.listen(self._received)

    def _failed(self, context: dict[str, Any]) -> None:
        error = context.get("exception")
        if isinstance(error, BaseException) and not self.left.done():
            self.left.set_result(Left(FAILED, fault=error))

    def _stop(self) -> None:
        for handle in (self._ticker, self._end_of_notice):
            if handle is not None:
                handle.cancel()
        for task in self._tasks:
            task.cancel()
        self._events.close()
        self.composer.end()
        self.trying.end()
        left = self.left.result() if self.left.done() and not self.left.cancelled() else None
        self.screen.end(keeps_rest=left is not None and left.fault is None)
        if left is not None and left.switch is not None:
            self.terminal.keep_written(self.composer.leave())
        else:
            self.terminal.give_back()
        self.themes.show = lambda theme: theme

    def work(self, job: Coroutine[Any, Any, None]) -> None:
        """Let `job` go on in the background, until the chat is left. A fault of it ends the chat."""
        task = asyncio.get_running_loop().create_task(job)
        self._tasks.add(task)
        task.add_done_callback(self._worked)

    def _worked(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            self._failed({"exception": error})

    async def _after_first_frame(self) -> None:
        await asyncio.sleep(0)
        self.work(self._read_branch())
        await asyncio.to_thread(warm_up)
        await self.client.warm_up()
        self.redraw()  # the sandbox has been tried
        gc.collect()
        gc.freeze()
        gc.enable()

    async def _read_branch(self) -> None:
        self._branch = await asyncio.to_thread(git_branch, self.client.workspace)
        self.redraw()

    def suspend(self) -> None:
        """Back to the shell, until it lets us go on."""
        self.screen.step_aside()
        self.terminal.stop_here()
        self.come_back()

    def come_back(self) -> None:
        """The terminal is ours again."""
        self.screen.come_back()
        self._attention.show(self.state, anew=True)

    # ---------------------------------------------------------------- what happens

    async def _read_events(self) -> None:
        while events := await self._events.batch():
            state = self.state
            for event in events:
                state = reduce(state, event)
            self._show(state, events)
            if not self._here and (call := call_for(state, events)):
                self._attention.call(call)
        self.leave()

    def _show(self, state: State, happened: Sequence[AnyEvent]) -> None:
        before, self.state = self.state, state
        for event in happened:
            match event:
                case InputRestored():
                    self.composer.restore(event)
                case Error(kind=FailureKind.NOT_FOUND):
                    self._actions.suggest_models()
                case _:
                    pass
        self._receipts.see(state.queue)
        delivered = [e for e in happened if isinstance(e, UserInput) and self._receipts.deliver(e.item_id)]
        if delivered:
            asyncio.get_running_loop().call_later(RECEIPT_S, self._show_queue)
        self._show_queue()
        if self.keyboard.focus is Context.QUEUE and not state.queue:
            self.keyboard.give(Context.COMPOSER)
        if state.settled is not None and before.settled is None:
            self.work(self._read_branch())
        self.asking.show(state.approvals)
        self._attention.show(state)
        self.screen.show(happened)
        self._tick_if_moving()

    def _show_queue(self) -> None:
        self.queue.show(self.state.queue, self._receipts.current())
        self.redraw()

    def _show_past(self) -> None:
        for event in self._past:
            if isinstance(event, UserInput):
                self.composer.remember(event.text)
        self.screen.begin(self._past)
        self._past = []
        self._show(self.state, ())

    @property
    def glyph_frame(self) -> int | None:
        """Which picture of what turns is due; None where nothing is to move."""
        return None if self.settings.reduced_motion else self._ticks

    def _tick_if_moving(self) -> None:
        if self._ticker is None and self.state.phase not in _QUIET:
            wait_s = _SECOND if self.settings.reduced_motion else _TICK_S
            self._ticker = asyncio.get_running_loop().call_later(wait_s, self._tick)

    def _tick(self) -> None:
        self._ticker = None
        self._ticks += 1
        self.screen.tick()
        self._tick_if_moving()

    # ------------------------------------------------------------------- colours

    async def _learn_colours(self) -> None:
        """Ask the terminal for its colours; one that says nothing is not waited for."""
        self.terminal.ask_colours()
        try:
            async with asyncio.timeout(_ANSWER_S):
                await self._palette_known.wait()
        except TimeoutError:
            pass

    def _coloured(self, palette: Palette) -> None:
        self.screen.palette = palette
        self.work(self._told(palette))

    async def _told(self, palette: Palette) -> None:
        try:
            await self.themes.told(palette)
        except ThemeError as error:
            self.notice(error.short)
        self.screen.wear(self.themes.theme)
        self._palette_known.set()

    # ------------------------------------------------------------------- speaking

    def notice(self, text: str, seconds: float = _NOTICE_S) -> None:
        """Say something short, for a few seconds."""
        self.said = one_line(text)
        if self._end_of_notice is not None:
            self._end_of_notice.cancel()
        self._end_of_notice = asyncio.get_running_loop().call_later(seconds, self.end_notice)
        self.redraw()

    def tell(self, text: str) -> None:
        """Say something that is to be read later, too: in the scrollback. What was said before it is over."""
        self.end_notice()
        self.screen.write_words(one_line(text, 400), self.screen.styles.muted)

    def end_notice(self) -> None:
        """What was said is over."""
        self.said = ""
        self.redraw()

    def _greet(self) -> None:
        client, screen = self.client, self.screen
        facts = f"{client.model} · {client.mode} · {fmt.folder(client.workspace)}"
        name = ("h2a-chat", screen.styles.page + Style(bold=True))
        screen.write_rows([screen.painter.row(name, (f" {__version__} · {facts}", screen.styles.muted))])
        if self._first_notice:
            screen.write_words(self._first_notice, screen.styles.warning)

    # ----------------------------------------------------------------------- keys

    def perform(self, action: Action) -> bool:
        """Do what a key asks for; False: nothing to do, the key keeps its plain meaning."""
        return self._actions.perform(action)

    def _received(self, what: Input) -> None:
        match what:
            case Key():
                self.keyboard.press(what)
            case Paste(text):
                self.keyboard.paste(text)
            case Focus(here):
                self._here = here
        self.redraw()

    # -------------------------------------------------------------------- drawing

    def redraw(self) -> None:
        """Draw the live rows soon."""
        self.screen.redraw()

    def question(self, painter: Painter) -> list[str]:
        """The agent's question, whole, once."""
        return self.asking.rows_to_write(painter)

    def foot(self, painter: Painter, size: Size) -> list[str]:
        """The rows below the conversation."""
        return foot_rows(self, painter, size.rows)

    def brief(self, painter: Painter, size: Size) -> list[str]:
        """The same while the window is being resized."""
        return brief_rows(self, painter, size)

    @property
    def facts(self) -> Facts:
        """What the bottom row says that no event has changed."""
        client = self.client
        thinking = self.models.thinking if self.models is not None else ""
        sandbox = sandbox_word(client.sandbox)
        return Facts(client.model, client.mode, client.workspace, thinking, sandbox, self._branch)


_HUNG_UP: Final = 128 + 1  # as SIGHUP, which may be ignored
