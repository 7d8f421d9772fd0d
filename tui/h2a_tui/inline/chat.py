"""One conversation in the terminal's own scrollback: what is finished is written, what is live is drawn below it.

It is a client of the agent like the app: keys become calls, events become a `State` and rows. Nothing here remembers
anything about the run. What the keys do is in `actions.py`.
"""

from __future__ import annotations

import asyncio
import gc
import os
import time
from collections import deque
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from dataclasses import dataclass
from time import perf_counter
from typing import Any, Final

from rich.console import RenderableType
from rich.style import Style

from h2a_agent import __version__
from h2a_agent.events import (
    AnyEvent,
    Error,
    InputRestored,
    Phase,
    QueueItem,
    UserInput,
)
from h2a_agent.model_choice import ModelChoice
from h2a_agent.providers.base import FailureKind
from h2a_agent.safe_text import one_line
from h2a_agent.state import State, reduce
from h2a_themes import Palette, Theme, ThemeError
from h2a_tui import format as fmt
from h2a_tui.attention import Attention, call_for
from h2a_tui.client import Client, Switch
from h2a_tui.command_offers import command_offer
from h2a_tui.drafts import DraftFile
from h2a_tui.exit_codes import FAILED, OK
from h2a_tui.git_head import git_branch
from h2a_tui.inline.actions import InlineActions
from h2a_tui.inline.ansi import Ink, InlinePage
from h2a_tui.inline.asking import Asking
from h2a_tui.inline.composer import InlineComposer
from h2a_tui.inline.editor import InlineEditor
from h2a_tui.inline.foot import Painter
from h2a_tui.inline.frame import brief_rows, foot_rows
from h2a_tui.inline.key_reader import Focus, Input, Key, Paste
from h2a_tui.inline.live_area import LiveArea
from h2a_tui.inline.picking import Picking
from h2a_tui.inline.printer import Printer
from h2a_tui.inline.terminal import InlineTerminal
from h2a_tui.keymap import EDITING, Action, Context
from h2a_tui.project_files import ProjectFiles
from h2a_tui.prompt_history import PromptHistory
from h2a_tui.settings import ScreenSettings
from h2a_tui.theme import styles_of
from h2a_tui.theme_choice import ThemeChoice
from h2a_tui.transcript.markdown import warm_up
from h2a_tui.transcript.pacing import SLICE_S, Pacer
from h2a_tui.widgets.queue_choice import QueueChoice
from h2a_tui.widgets.receipts import RECEIPT_S, Receipts
from h2a_tui.widgets.status_facts import Facts, sandbox_word

__all__ = ["InlineChat", "Left"]

_ANSWER_S: Final = 0.15  # for the terminal's colours, before the first row is written
_NOTICE_S: Final = 4.0
_TICK_S: Final = 0.25  # each is a row on the line; the app's are two cells
_PRINT_S: Final = 0.008  # of a frame, for rows that are written
_LIVE_SHARE: Final = 3  # of the rows; see live_area.py
_RESIZED_S: Final = 0.3  # after the last step of a window that is dragged
_PAST_PAGES: Final = 3
_MEASURE: Final = 108  # cells; longer lines are hard to read
_QUIET: Final = frozenset({Phase.IDLE, Phase.SETTLING, Phase.PAUSED})
_EDITS: Final = frozenset({Context.COMPOSER, Context.QUEUE_EDIT, Context.REASON, Context.CHANGE})


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
        *,
        escape_s: float,
        notice: str = "",
        models: ModelChoice | None = None,
        offers: Callable[[], Awaitable[Sequence[str]]] | None = None,
    ) -> None:
        """`escape_s`: how long an ESC waits for what may belong to it. The rest is as for the app."""
        self.client = client
        self.settings = settings
        self.themes = themes
        self.models = models
        self.keymap = settings.keymap()
        self.focus = Context.COMPOSER
        self.picking: Picking | None = None
        self.queue = QueueChoice()
        self.queue_editor = InlineEditor()
        self.edited: QueueItem | None = None
        self.todos_unfolded = False
        self.side_by_side = settings.diffs == "side-by-side"
        self.left: asyncio.Future[Left]
        self._first_notice, self._offers = notice, offers
        self.said = ""  # for a few seconds
        self._end_of_notice: asyncio.TimerHandle | None = None
        self._ink = Ink(os.environ)
        self._palette = Palette()
        self._palette_known = asyncio.Event()
        self._styles = styles_of(self._ink.theme(themes.theme, self._palette))
        self.terminal = InlineTerminal(self._received, escape_s=escape_s, finds_pastes=settings.paste_burst)
        self._size = self.terminal.size
        self._live = LiveArea(self.terminal.write)
        self.printer = Printer(self._page())
        self._to_write: list[str] = []  # rows that are no part of the conversation, before its next ones
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
        self._actions = InlineActions(self)
        self._receipts = Receipts(time.time)
        self._attention = Attention(self.terminal.write, settings.signals, os.environ, client.workspace)
        self._here = True
        self._branch = ""
        self._tasks: set[asyncio.Task[None]] = set()
        self._pending: deque[AnyEvent] = deque()
        self._pacer: Pacer
        self._redraw: asyncio.Handle | None = None
        self._resizing: asyncio.TimerHandle | None = None
        self._ticker: asyncio.TimerHandle | None = None
        self.ticks = 0
        self._owes_frame = False
        # In one tick, so that nothing falls between what was and what comes.
        self._past, self.state, self._events = client.replay(), client.state, client.subscribe()

    # ------------------------------------------------------------------ its life

    async def run(self, prompt: str = "", draft: str = "", errors: Sequence[Error] = ()) -> Left:
        """Everything, until it is left. `prompt` is sent first, `draft` put into the editor, `errors` told."""
        loop = asyncio.get_running_loop()
        self.left = loop.create_future()
        self._pacer = Pacer(self._work, self._paint)
        loop.set_exception_handler(lambda _loop, context: self._failed(context))
        self.themes.show = self._wear
        self.terminal.lost = lambda: self.leave(_HUNG_UP)
        self.terminal.coloured = self._coloured
        self.terminal.when_drained(self._drained)
        self.terminal.greeting, self.terminal.farewell = self._attention.greeting, self._attention.farewell
        self.terminal.take()
        try:
            await self._learn_colours()
            self._greet()
            self._show_past()
            for error in errors:
                self._pending.append(error)
            if draft:
                self.composer.restore(InputRestored((draft,)))
            self.composer.begin()
            self.work(self._read_events())
            self.work(self._after_first_frame())
            if prompt:
                self.client.prompt(prompt)
            return await self.left
        finally:
            self._stop()
            await self._actions.aclose()

    def leave(self, code: int = OK, switch: Switch | None = None) -> None:
        """End; the session stays on disk."""
        if not self.left.done():
            self.left.set_result(Left(code, switch))

    def _failed(self, context: dict[str, Any]) -> None:
        error = context.get("exception")
        if isinstance(error, BaseException) and not self.left.done():
            self.left.set_result(Left(FAILED, fault=error))

    def _stop(self) -> None:
        self._pacer.stop()
        for handle in (self._redraw, self._resizing, self._ticker, self._end_of_notice):
            if handle is not None:
                handle.cancel()
        for task in self._tasks:
            task.cancel()
        self._events.close()
        self.composer.end()
        if self.left.done() and not self.left.cancelled() and self.left.result().fault is None:
            self._write_rest()
        self._live.clear()
        self.terminal.give_back()
        self.themes.show = lambda theme: theme

    def _write_rest(self) -> None:
        """What was live stays to be read."""
        while self._pending:
            self.printer.apply(self._pending.popleft())
        rest = [*self._to_write, *(self._ink.line(row) for row in self.printer.rest())]
        self._live.draw([""], rest)

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
        for line in await self._offers() if self._offers is not None else ():
            self.write_rows([self._painter().row((line, self._styles.warning))])

    async def _read_branch(self) -> None:
        self._branch = await asyncio.to_thread(git_branch, self.client.workspace)
        self.redraw()

    def step_aside(self) -> None:
        """Give the terminal to somebody else, the live rows gone."""
        self._live.clear()
        self.terminal.give_back()

    def suspend(self) -> None:
        """Back to the shell, until it lets us go on."""
        self.step_aside()
        self.terminal.stop_here()
        self.come_back()

    def come_back(self) -> None:
        """The terminal is ours again; draw below whatever has been written there."""
        self.terminal.take()
        self._live.moved()
        self._attention.show(self.state, anew=True)
        self.redraw()

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
        if self.focus is Context.QUEUE and not state.queue:
            self.set_focus(Context.COMPOSER)
        if state.settled is not None and before.settled is None:
            self.work(self._read_branch())
        self.asking.show(state.approvals)
        self._attention.show(state)
        self._pending.extend(happened)
        self._pacer.request()
        self._tick_if_moving()

    def _show_queue(self) -> None:
        self.queue.show(self.state.queue, self._receipts.current())
        self.redraw()

    def _show_past(self) -> None:
        for event in self._past:
            if isinstance(event, UserInput):
                self.composer.remember(event.text)
        self.printer.begin(self._past, _PAST_PAGES * self._size.rows)
        self._past = []
        self._show(self.state, ())

    def _tick_if_moving(self) -> None:
        if self._ticker is None and self.state.phase not in _QUIET:
            self._ticker = asyncio.get_running_loop().call_later(_TICK_S, self._tick)

    def _tick(self) -> None:
        self._ticker = None
        self.ticks += 1
        if self.printer.clock_runs:
            self.printer.tick()
        self.redraw()
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
        self._palette = palette
        self.work(self._told(palette))

    async def _told(self, palette: Palette) -> None:
        try:
            await self.themes.told(palette)
        except ThemeError as error:
            self.notice(error.short)
        self._wear(self.themes.theme)
        self._palette_known.set()

    def _wear(self, theme: Theme) -> Theme:
        """Draw in other colours from now on; what is written keeps its own."""
        shown = self._ink.theme(theme, self._palette)
        self._styles = styles_of(shown)
        self.printer.set_page(self._page())
        self.redraw()
        return shown

    def _page(self) -> InlinePage:
        return InlinePage(self._size.columns, self._styles, self.side_by_side)

    def set_page(self) -> None:
        """Draw what is not written yet as is wanted now."""
        self.printer.set_page(self._page())
        self.redraw()

    # ------------------------------------------------------------------- speaking

    def notice(self, text: str) -> None:
        """Say something short, for a few seconds."""
        self.said = one_line(text)
        if self._end_of_notice is not None:
            self._end_of_notice.cancel()
        self._end_of_notice = asyncio.get_running_loop().call_later(_NOTICE_S, self._end_notice)
        self.redraw()

    def _end_notice(self) -> None:
        self.said = ""
        self.redraw()

    def write_rows(self, rows: Sequence[str]) -> None:
        """Write `rows` into the scrollback."""
        self._to_write += rows
        self.redraw()

    def write_page(self, title: str, content: RenderableType, unless: Sequence[str] = ()) -> list[str]:
        """Write something to read, under its title, unless these rows are all it is; returns its rows."""
        painter = self._painter()
        rows = self._ink.rendered(content, min(painter.width, _MEASURE), self._styles.page)
        if rows != unless:
            self.write_rows(["", painter.row((title, self._styles.accent + Style(bold=True))), *rows])
        return rows

    def write_unfolded(self) -> bool:
        """Write the newest result whole that was folded, or the one before it; False when there is none."""
        rows = self.printer.unfold()
        self.write_rows([self._ink.line(row) for row in rows])
        return bool(rows)

    def _greet(self) -> None:
        client, painter = self.client, self._painter()
        facts = f"{client.model} · {client.mode} · {fmt.folder(client.workspace)}"
        name = ("h2a-chat", self._styles.page + Style(bold=True))
        self._to_write.append(painter.row(name, (f" {__version__} · {facts}", self._styles.muted)))
        if self._first_notice:
            self._to_write += self._ink.rendered(
                self._first_notice, min(painter.width, _MEASURE), self._styles.warning
            )

    # ----------------------------------------------------------------------- keys

    @property
    def editor(self) -> InlineEditor:
        """The one that has the keyboard, or would have it."""
        match self.focus:
            case Context.QUEUE_EDIT:
                return self.queue_editor
            case Context.REASON:
                return self.asking.reason
            case Context.CHANGE:
                return self.asking.change
            case _:
                return self.picking.words if self.picking is not None else self.composer.editor

    @property
    def context(self) -> Context:
        """Where the keyboard is."""
        in_list = self.picking is not None or (self.focus is Context.COMPOSER and self.composer.popup_open)
        return Context.POPUP if in_list else self.focus

    def set_focus(self, context: Context) -> None:
        """Give the keyboard to something else."""
        self.focus = context
        if context is Context.APPROVAL:
            self.asking.had_keyboard()
        self.redraw()

    def clear_editor(self) -> None:
        """Empty the one that has the keyboard; it can be undone."""
        if self.editor is self.composer.editor:
            self.composer.clear()
        else:
            self.editor.load("")

    def write(self, text: str) -> None:
        """Type `text` into the message, which has the keyboard from now on."""
        self.set_focus(Context.COMPOSER)
        self.composer.touched()
        self.composer.write(text)

    def perform(self, action: Action) -> bool:
        """Do what a key asks for; False: nothing to do, the key keeps its plain meaning."""
        return self._actions.perform(action)

    def _received(self, what: Input) -> None:
        match what:
            case Key():
                self.press(what)
            case Paste(text):
                self._paste(text)
            case Focus(here):
                self._here = here
        self.redraw()

    def press(self, key: Key) -> None:
        """Do what `key` means where the keyboard is, or type it."""
        if self.picking is not None:
            self._edit(key, Context.POPUP, Context.GLOBAL)
        elif self.focus is Context.APPROVAL:
            self.asking.press(key)
        elif self.focus in _EDITS:
            if self.focus is Context.COMPOSER:
                self.composer.touched()
            contexts = (self.focus, Context.GLOBAL)
            self._edit(key, *((Context.POPUP, *contexts) if self.context is Context.POPUP else contexts))
        elif (action := self.keymap.action(key.name, self.focus, Context.GLOBAL)) is not None:
            self.perform(action)

    def _edit(self, key: Key, *contexts: Context) -> None:
        action = self.keymap.action(key.name, *contexts)
        if action is not None and self._act(action):
            pass
        elif key.name in EDITING:
            self.editor.edit(EDITING[key.name])
        elif key.text is not None:
            self.editor.insert(key.text)
        if self.picking is not None:
            self.picking.look()
        elif self.focus is Context.COMPOSER:
            self.composer.look()

    def _act(self, action: Action) -> bool:
        if self.picking is not None and self.picking.act(action):
            return True
        if self.focus is Context.COMPOSER and self.picking is None:
            done = self.composer.act(action)
            if done is not None:
                return done
            action = Action.SUBMIT if action is Action.POPUP_TAKE else action
        if action is Action.NEWLINE:
            self.editor.insert("\n")
            return True
        if action in (Action.SUBMIT, Action.EDIT_SAVE) and self.editor.continues():
            return True
        return self.perform(action)

    def _paste(self, text: str) -> None:
        if self.picking is not None:
            self.editor.insert(one_line(text))
            self.picking.look()
        elif self.focus in _EDITS and self.focus is not Context.COMPOSER:
            self.editor.paste(text)
        else:
            self.set_focus(Context.COMPOSER)
            self.composer.paste(text)

    # -------------------------------------------------------------------- drawing

    def redraw(self) -> None:
        """Draw the live rows soon, without waiting for the next frame of a stream."""
        if self._redraw is None:
            self._redraw = asyncio.get_running_loop().call_soon(self._paint)

    def resized(self) -> None:
        """The terminal has another size, and may have yet another one in a moment."""
        self._live.moved()
        if self._resizing is not None:
            self._resizing.cancel()
        self._resizing = asyncio.get_running_loop().call_later(_RESIZED_S, self._has_size)
        self.redraw()

    def _has_size(self) -> None:
        self._resizing = None
        self._live.moved()
        if (size := self.terminal.size) != self._size:
            self._size = size
            self.printer.set_page(self._page())
        self._paint()

    def _drained(self) -> None:
        if self._owes_frame:
            self._paint()

    def _work(self) -> bool:
        """Take in some of what has happened; True when there is more."""
        deadline = perf_counter() + SLICE_S
        while self._pending:
            self.printer.apply(self._pending.popleft())
            if perf_counter() > deadline:
                return True
        while self.printer.settle():
            if perf_counter() > deadline:
                return True
        return False

    def _paint(self) -> None:
        """One frame: what has become final into the scrollback, the rest below it."""
        if self._redraw is not None:
            self._redraw.cancel()
            self._redraw = None
        # A terminal that has not taken the last frame yet would only fall further behind.
        self._owes_frame = self.terminal.backlog
        if self._owes_frame or not self.terminal.taken:
            return
        if self._pending and self._work():  # the state is no further than the words
            self._pacer.request()
        size = self.terminal.size
        if self._resizing is not None or size != self._size:
            if self._resizing is None:
                self.resized()
            self._live.draw(brief_rows(self, self._painter(), size))
            return
        painter = self._painter()
        written, self._to_write = self._to_write, []
        written += self.asking.rows_to_write(self._ink, self._styles, painter.width)
        written += [self._ink.line(row) for row in self.printer.finished(perf_counter() + _PRINT_S)]
        foot = foot_rows(self, painter, size.rows)
        room = max(0, min(size.rows - 1 - len(foot), max(3, size.rows // _LIVE_SHARE)))
        live = [self._ink.line(row) for row in self.printer.live(room)]
        self._live.draw([*live, *foot][-size.rows :], written)
        if self.printer.more_finished:
            self._pacer.request()

    def _painter(self) -> Painter:
        return Painter(self._ink, self._styles, max(1, self._size.columns - 1))

    @property
    def facts(self) -> Facts:
        """What the bottom row says that no event has changed."""
        client = self.client
        thinking = self.models.thinking if self.models is not None else ""
        sandbox = sandbox_word(client.sandbox)
        return Facts(client.model, client.mode, client.workspace, thinking, sandbox, self._branch)


_HUNG_UP: Final = 128 + 1  # as SIGHUP, which may be ignored
