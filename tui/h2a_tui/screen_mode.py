"""The app, or the inline mode: one session after the other in the same terminal, until somebody leaves."""

from __future__ import annotations

import argparse
import asyncio
import gc
import os
import signal
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Final, NamedTuple, TypeVar

from h2a_tui import environment
from h2a_tui.arguments import session_of
from h2a_tui.demo_mode import ON_SCREEN
from h2a_tui.exit_codes import BY_SIGNAL, OK, UNGUARDED
from h2a_tui.log import open_log
from h2a_tui.trace_flag import traced

if TYPE_CHECKING:
    from textual.app import App

    from h2a_agent.agent import Agent
    from h2a_agent.config import Settings
    from h2a_agent.events import Error
    from h2a_agent.model_choice import ModelChoice
    from h2a_agent.paths import Paths
    from h2a_agent.session import Session
    from h2a_tui.client import Switch
    from h2a_tui.doctor import Doctor
    from h2a_tui.handover import Handover
    from h2a_tui.inline.terminal import InlineTerminal
    from h2a_tui.keymap import Editing
    from h2a_tui.settings import ScreenSettings
    from h2a_tui.theme_choice import ThemeChoice

__all__ = ["run_on_screen"]

_Result = TypeVar("_Result")
_UNGUARDED: Final = "h2a-chat has left because its guardian process was killed, and without it a crash could leave commands running."


def run_on_screen(
    args: argparse.Namespace,
    settings: Settings,
    paths: Paths,
    reload: Callable[[Settings], Settings],
    *,
    inline: bool,
) -> int:
    """Show sessions in the app or `inline`, beginning with the one that `args` name; returns the exit code.

    `reload` returns the settings as they are now, or those it gets.
    """
    environment.prepare(os.environ)
    gc.disable()  # until the front end has its first frame: what is imported stays, and walking it takes 50 ms
    # Whoever takes the terminal from us while we leave does not stop us by that.
    signal.signal(signal.SIGTTOU, signal.SIG_IGN)
    from h2a_tui.handover import Handover
    from h2a_tui.screen_settings import screen_settings
    from h2a_tui.theme_choice import ThemeChoice

    screen = screen_settings(settings, paths, kept=not args.no_session)
    themes = ThemeChoice(settings.theme, paths.themes_dir, paths.config_file)
    terminal = None
    if inline:
        from h2a_tui.inline.terminal import InlineTerminal

        escape_s = environment.escape_s(os.environ)
        terminal = InlineTerminal(escape_s=escape_s, finds_pastes=screen.paste_burst)
    with open_log(paths.logs_dir) as log:
        log_file = os.fspath(log or "")
        return asyncio.run(
            _Screen(args, paths, screen, themes, Handover(), terminal, log_file).run(settings, reload)
        )


class _Begin(NamedTuple):
    """How a session begins: `prompt` is sent, `draft` put into the editor, `notice` said; it is somebody's `first` time."""

    prompt: str = ""
    draft: str = ""
    first: bool = False
    notice: str = ""


class _End(NamedTuple):
    """How it ended: the exit code, which one is next, and whose keys its editors understood."""

    code: int
    switch: Switch | None = None
    editing: Editing = "emacs"


class _Desk(NamedTuple):
    """What a session on the screen needs besides its agent."""

    screen: ScreenSettings
    models: ModelChoice
    doctor: Doctor
    notice: str
    errors: Sequence[Error]


@dataclass(eq=False)
class _Screen:
    """What stays from one session to the next. `terminal` is the inline mode's; None: it is the app, with its `handover`."""

    args: argparse.Namespace
    paths: Paths
    settings: ScreenSettings
    themes: ThemeChoice
    handover: Handover
    terminal: InlineTerminal | None
    log_file: str

    async def run(self, settings: Settings, reload: Callable[[Settings], Settings]) -> int:
        """Every session, one after the other; returns the exit code."""
        from h2a_agent.assemble import as_chosen

        args = self.args
        first = _nothing_chosen(settings) and not args.read_only
        begin = _Begin(draft=args.prompt or "", first=True) if first else _Begin(args.prompt or "")
        now, screen, session = settings, self.settings, session_of(args, self.paths)
        try:
            async with traced(args.trace) as trace:
                while True:
                    agent, end = await self._show(session, now, screen, begin, trace)
                    if end.switch is None or agent is None:
                        return end.code
                    session, begin = self._following(end.switch, agent)
                    now = as_chosen(reload(now), agent, session)
                    screen = replace(screen, editing=end.editing)  # as /vim has left it
        finally:
            self.handover.give_up()
            if self.terminal is not None:
                self.terminal.give_back()

    def _following(self, switch: Switch, left: Agent) -> tuple[Session, _Begin]:
        """The session to go on in; where that cannot be opened it is the one that was `left`, and why is told there."""
        from h2a_agent.assemble import open_session
        from h2a_agent.refusals import REFUSALS, reason_of

        here = Path.cwd()
        try:
            session = open_session(self.paths, here, session_id=switch.session_id)
            return session, _Begin(draft=switch.draft, notice=switch.notice)
        except REFUSALS as refused:
            begun = left.session_path is not None and left.session_path.exists()
            session = open_session(
                self.paths,
                here if begun else left.workspace,
                session_id=left.session_id if begun else "",
                access="look" if left.sessions.read_only else "write",
            )
            session.notes = (*session.notes, reason_of(refused))
            return session, _Begin()

    async def _show(
        self,
        session: Session,
        settings: Settings,
        screen: ScreenSettings,
        begin: _Begin,
        trace: Callable[[Agent], None],
    ) -> tuple[Agent | None, _End]:
        """One session, with its agent; there is none when nobody would say whether its folder is trusted."""
        from h2a_agent.assemble import connect, make_provider, running_agent
        from h2a_agent.events import Error
        from h2a_agent.model_choice import ModelChoice
        from h2a_agent.tools.supervisor import guardian
        from h2a_tui.doctor import Doctor
        from h2a_tui.keymap_check import keymap_notes
        from h2a_tui.vouching import not_trusted

        trusted, code = await self._ask_for_trust(session)
        if trusted is None:
            session.close()
            return None, _End(code)
        async with running_agent(
            settings, self.paths, session, make_provider(settings), trusted=trusted
        ) as agent:
            trace(agent)
            if (ours := guardian()) is not None:
                session_file = os.fspath(session.path or "")
                ours.remember(resume=f"h2a-chat -r {session.id}", session=session_file, log=self.log_file)
            # In the scrollback it would stand for good above whoever is chosen.
            stands = self.terminal is not None and begin.first
            notices = (
                ON_SCREEN if settings.fell_back and not stands else "",
                "" if trusted else not_trusted(session.workspace),
                *keymap_notes(screen.keymap()),
            )
            desk = _Desk(
                replace(screen, draft_for=None if session.read_only else session.path),
                ModelChoice(agent, settings.catalogue, settings.api_keys, self.paths.config_file, connect),
                Doctor(settings, self.paths, session.workspace),
                "\n\n".join(filter(None, notices)),
                [Error("session", note) for note in agent.session_notes],
            )
            if self.terminal is not None:
                end = await self._show_inline(agent, desk, begin, self.terminal)
            else:
                end = await self._show_app(agent, desk, begin, mouse=settings.mouse)
        if end.code == UNGUARDED:
            print(_UNGUARDED, file=sys.stderr)
        if end.switch is None:
            _say_where_it_is(agent)
        return agent, end

    async def _ask_for_trust(self, session: Session) -> tuple[bool | None, int]:
        """Is its folder trusted? None: the person would rather leave, with this exit code."""
        from h2a_tui.handover import Handover
        from h2a_tui.vouching import ask_inline, is_vouched_for, keep_answer, question_about

        folder, keymap = session.workspace, self.settings.keymap()
        trusted = is_vouched_for(self.paths, folder, vouch=self.args.trust)
        if trusted is not None:
            return trusted, OK
        if self.terminal is not None:
            answer = await ask_inline(folder, keymap, self.themes, self.terminal)
            return keep_answer(self.paths, folder, answer), OK
        self.handover.gather()
        between = Handover()
        question = question_about(folder, keymap, self.themes, between)
        await _run_app(question, mouse=False)
        self.handover.go_on(between)
        return keep_answer(self.paths, folder, question.return_value), question.return_code or OK

    async def _show_inline(self, agent: Agent, desk: _Desk, begin: _Begin, terminal: InlineTerminal) -> _End:
        from h2a_tui.inline.chat import InlineChat
        from h2a_tui.inline.start import show_inline

        chat = InlineChat(
            agent,
            desk.screen,
            self.themes,
            terminal,
            notice=desk.notice,
            models=desk.models,
            first_run=begin.first,
            doctor=desk.doctor,
        )
        left = await show_inline(
            chat, prompt=begin.prompt, draft=begin.draft, notice=begin.notice, errors=desk.errors
        )
        return _End(left.code, left.switch, chat.keymap.editing)

    async def _show_app(self, agent: Agent, desk: _Desk, begin: _Begin, *, mouse: bool) -> _End:
        from h2a_agent.events import InputRestored
        from h2a_agent.tools.supervisor import guardian
        from h2a_tui.app import H2AApp

        app = H2AApp(
            agent,
            desk.screen,
            self.themes,
            notice=desk.notice,
            models=desk.models,
            first_run=begin.first,
            doctor=desk.doctor,
            handover=self.handover,
        )
        if (ours := guardian()) is not None:
            ours.watch(partial(app.exit, None, UNGUARDED))
        if begin.prompt:
            app.call_after_refresh(agent.prompt, begin.prompt)
        if begin.draft:
            app.call_after_refresh(app.chat.composer.restore, InputRestored((begin.draft,)))
        if begin.notice:
            app.call_after_refresh(app.chat.notice, begin.notice)
        for error in desk.errors:
            app.call_after_refresh(app.chat.transcript.apply, error)
        switch = await _run_app(app, mouse=mouse)
        if switch is not None:
            self.handover.keep_first(app.chat.composer.leave())
        return _End(app.return_code or OK, switch, app.chat.editing)


async def _run_app(app: App[_Result], *, mouse: bool) -> _Result | None:
    for number in (signal.SIGTERM, signal.SIGHUP):
        # The app leaves by its own door, so that the terminal is as it was.
        asyncio.get_running_loop().add_signal_handler(number, app.exit, None, BY_SIGNAL + number)
    return await app.run_async(mouse=mouse)


def _nothing_chosen(settings: Settings) -> bool:
    """Has nobody said in any way who shall answer?"""
    return settings.fell_back and not settings.places.keys() & {"provider", "model", "base_url"}


def _say_where_it_is(agent: Agent) -> None:
    if agent.unsaved:
        print(
            f"The last {agent.unsaved} record(s) of this session could not be saved: {agent.session_id}",
            file=sys.stderr,
        )
    elif agent.session_path is not None:
        print(f"To go on: h2a-chat -r {agent.session_id}")
