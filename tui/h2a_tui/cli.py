"""The command line: parse, choose a front end, import it there, run it, and map what went wrong to an exit code."""

from __future__ import annotations

import argparse
import asyncio
import gc
import os
import signal
import sys
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Final, NamedTuple, TypeVar

from h2a_tui import environment, key_command, print_mode
from h2a_tui.exit_codes import FAILED, INTERRUPTED, OK, UNGUARDED, UNREAD, USAGE, exit_codes_help
from h2a_tui.log import open_log
from h2a_tui.print_mode import PLAIN_DEMO_TOKENS_PER_S
from h2a_tui.program_commands import PROGRAM_COMMANDS
from h2a_tui.subcommands import SUBCOMMANDS, run_subcommand
from h2a_tui.trace_flag import traced
from h2a_tui.twins import soften
from h2a_tui.usage import Parser, UsageError

if TYPE_CHECKING:
    from textual.app import App

    from h2a_agent.agent import Agent
    from h2a_agent.config import Settings
    from h2a_agent.paths import Paths
    from h2a_agent.session import Session
    from h2a_tui.client import Switch
    from h2a_tui.keymap import Editing
    from h2a_tui.settings import ScreenSettings

__all__ = ["main"]

_Result = TypeVar("_Result")
_FLAGS: Final = ("provider", "model", "base_url", "thinking", "mode", "theme", "screen", "sandbox_level")

_EXAMPLES: Final = """\
examples:
  h2a-chat                                  start, in this folder
  h2a-chat "why does the build fail?"       start with a question
  h2a-chat -c                               go on where you left off here
  h2a-chat sessions parser                  find what was said; also: export, import
  h2a-chat -p "what does this repo do?"     one answer on stdout, then exit
  git diff | h2a-chat -p "review this"      what is piped in goes along; with -p - it is the prompt
  h2a-chat --input stream-json              a program steers it; h2a-chat schema has the protocol
  h2a-chat --inline                         in the terminal's own scrollback
  h2a-chat --plain                          lines instead of a screen, also for screen readers
  h2a-chat replay FILE                      play what --trace FILE has written
  h2a-chat --demo                           try every key without a model
  h2a-chat --model ollama/NAME              a model on this machine
  h2a-chat --provider deepseek              one of the servers it knows; others go into the settings
  h2a-chat --base-url http://localhost:11434 --model NAME     any other
  h2a-chat key set deepseek                 keep a key (also: key list, key delete NAME)
  h2a-chat keys                             press keys, see what your terminal sends
  h2a-chat doctor                           what this machine has, which keys arrive, what holds commands in

while it works:
  Enter steers (it stops and reads you now), Ctrl+S waits for the next step,
  Alt+Enter queues a follow-up, Esc stops. F1 shows all keys.

environment:
  ANTHROPIC_API_KEY    the key, for Anthropic or for ANTHROPIC_BASE_URL
  DEEPSEEK_API_KEY, OPENROUTER_API_KEY ...     the other providers' keys
  H2A_API_KEY          the key for whichever server is chosen, also by --base-url
  ANTHROPIC_BASE_URL, H2A_MODEL     as --base-url and --model
  H2A_HOME             one folder for settings, sessions and logs

settings: {config}

exit codes:
{exit_codes}"""


def parser(config_file: Path) -> argparse.ArgumentParser:
    """The command line's grammar."""
    result = Parser(
        prog="h2a-chat",
        description="A coding agent for the terminal that you can steer while it works.",
        epilog=_EXAMPLES.format(config=config_file, exit_codes=exit_codes_help()).replace("%", "%%"),
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    result.add_argument("prompt", nargs="?", metavar="PROMPT", help="send this at the start")
    result.add_argument(
        "-p",
        "--print",
        dest="print_prompt",
        nargs="?",
        const="",
        metavar="PROMPT",
        help="answer this on stdout and exit; - (or nothing) reads it from stdin",
    )
    result.add_argument(
        "--inline",
        dest="screen",
        action="store_const",
        const="inline",
        help="stay in the terminal's own scrollback instead of a screen of its own",
    )
    result.add_argument(
        "--plain",
        action="store_true",
        help="lines instead of a screen (also: ACCESSIBLE=1 in the environment)",
    )
    result.add_argument(
        "--trace", metavar="FILE", help="write every event into FILE as well, a JSON line each"
    )
    print_mode.add_arguments(result)

    sessions = result.add_argument_group("sessions")
    which = sessions.add_mutually_exclusive_group()
    which.add_argument(
        "-c", "--continue", dest="latest", action="store_true", help="go on with the last session here"
    )
    which.add_argument(
        "-r",
        "--resume",
        nargs="?",
        const="",
        metavar="ID",
        help="go on with session ID (its beginning will do); without ID: list them",
    )
    which.add_argument("--fork", metavar="ID", help="go on in a copy of session ID, in this folder")
    which.add_argument("--no-session", action="store_true", help="write nothing to disk")
    sessions.add_argument("--read-only", action="store_true", help="with -r or -c: look at it, write nothing")
    sessions.add_argument("--here", action="store_true", help="with -r: go on in this folder from now on")
    sessions.add_argument("--name", metavar="NAME", help="name the session")

    model = result.add_argument_group("model")
    provider = model.add_mutually_exclusive_group()
    provider.add_argument(
        "--demo", dest="provider", action="store_const", const="demo", help="a script that needs no key"
    )
    provider.add_argument(
        "--provider", metavar="NAME", help="where answers come from: anthropic, ollama, deepseek ..."
    )
    model.add_argument("--model", metavar="NAME", help="the model that answers, or PROVIDER/NAME")
    model.add_argument(
        "--thinking",
        choices=("off", "low", "medium", "high", "max"),
        help="how hard it thinks before it answers",
    )
    model.add_argument("--base-url", metavar="URL", help="a server that speaks the Messages API")

    how = result.add_argument_group("behaviour")
    how.add_argument(
        "--mode",
        choices=("plan", "ask", "edits", "full"),
        help="what runs unasked: nothing that changes (plan), reading (ask), edits here (edits), all (full)",
    )
    how.add_argument(
        "--sandbox",
        choices=("auto", "off"),
        dest="sandbox_level",
        help="hold commands in (auto), or not (off)",
    )
    how.add_argument(
        "--trust",
        action="store_true",
        help="vouch for this folder: what it wants obeyed is obeyed from now on",
    )
    how.add_argument(
        "--theme", metavar="NAME", help="the colours: a theme by name or file, `terminal`, or LIGHT/DARK"
    )
    result.add_argument("--version", action="store_true", help="show the version and exit")
    return result


def main(argv: Sequence[str] | None = None) -> int:
    """Run the program with `argv` (default: the process's own); returns the exit code."""
    soften((sys.stdout, sys.stderr, sys.__stdout__, sys.__stderr__))
    try:
        return _main(argv)
    except (KeyboardInterrupt, asyncio.CancelledError):
        return INTERRUPTED
    except BrokenPipeError:
        # Whoever read us has enough. Python must not try to flush the rest at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return UNREAD
    except Exception as error:
        if (code := _exit_code(error)) is None:
            sys.excepthook = _redacted_traceback
            raise
        print(f"h2a-chat: {_message(error)}", file=sys.stderr)
        return code


def _exit_code(error: Exception) -> int | None:
    """The exit code of what a person can be told in one line; None for a fault of ours."""
    from h2a_agent.config import ConfigError
    from h2a_agent.journal import JournalLocked
    from h2a_agent.session import SessionError
    from h2a_themes import ThemeError

    table: tuple[tuple[type[Exception], int], ...] = (
        (UsageError, USAGE),
        (ConfigError, USAGE),
        (SessionError, USAGE),
        (ThemeError, USAGE),
        (JournalLocked, FAILED),
        (OSError, FAILED),
    )
    return next((code for kind, code in table if isinstance(error, kind)), None)


def _message(error: Exception) -> str:
    from h2a_agent.redact import redact
    from h2a_agent.refusals import reason_of
    from h2a_agent.safe_text import one_line

    return one_line(redact(reason_of(error)), 1000)


def _redacted_traceback(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
    """What is printed of a fault of ours, without keys."""
    import traceback

    from h2a_agent.redact import redact

    print(redact("".join(traceback.format_exception(kind, error, trace))), end="", file=sys.stderr)


def _main(argv: Sequence[str] | None) -> int:
    from h2a_agent.config import ConfigError, load
    from h2a_agent.paths import find_paths
    from h2a_agent.tools.supervisor import whole_environment

    environ = whole_environment()
    paths = find_paths(environ)
    words = list(sys.argv[1:] if argv is None else argv)
    if words and words[0] in SUBCOMMANDS:
        return run_subcommand(words, paths, environ)
    if len(words) > 1 and words[0] == "key" and words[1] in key_command.VERBS:
        return key_command.key_command(words[1:], paths, environ)
    if words and words[0] in PROGRAM_COMMANDS:
        parser_of, run = PROGRAM_COMMANDS[words[0]]
        return run(parser_of().parse_args(words[1:]), paths)
    args = parser(paths.config_file).parse_args(words)
    if args.version:
        from h2a_agent import __version__

        print(f"h2a-chat {__version__}")
        return OK
    if args.resume == "":
        return run_subcommand(["sessions"], paths, environ)
    if (args.read_only or args.here) and not (args.latest or args.resume):
        raise UsageError("--read-only and --here need a session: give -r ID or -c as well")
    if args.read_only and (args.prompt is not None or args.print_prompt is not None):
        raise UsageError(
            "with --read-only nothing is sent; to go on in a copy give --fork ID instead of -r ID"
        )
    flags = {key: getattr(args, key) for key in _FLAGS}
    settings = load(paths, flags, environ)

    if args.prompt == "keys" and args.print_prompt is None:
        from h2a_tui.keys_command import keys_command

        environment.prepare(os.environ)
        return keys_command(screen_settings(settings, paths).keymap())
    if args.prompt == "doctor" and args.print_prompt is None:
        environment.prepare(os.environ)
        from h2a_tui.doctor import Doctor, report

        keymap = screen_settings(settings, paths).keymap()
        return asyncio.run(report(Doctor(settings, paths, Path.cwd()), keymap))
    if print_mode.prints(args):
        if settings.fell_back:
            print(_FELL_BACK, file=sys.stderr)
        return print_mode.print_answer(args, settings, paths, partial(_session, args, paths))
    if args.plain or environment.accessible(os.environ):
        return _talk_plainly(args, settings, paths)
    if not (sys.stdin.isatty() and sys.stdout.isatty()):
        return _play_demo(args, paths)

    def reload(old: Settings) -> Settings:
        try:
            return load(paths, flags, environ)
        except ConfigError:  # the file is being edited
            return old

    from h2a_tui.screen_choice import screen_for

    shown = screen_for(settings.screen, os.environ, os.get_terminal_size(sys.stdout.fileno()))
    if shown == "plain":
        print("This terminal can show lines only; for the app set TERM to what it is.", file=sys.stderr)
        return _talk_plainly(args, settings, paths)
    return _chat(args, settings, paths, reload, inline=shown == "inline")


# ------------------------------------------------------------- the front ends


def _chat(
    args: argparse.Namespace,
    settings: Settings,
    paths: Paths,
    reload: Callable[[Settings], Settings],
    *,
    inline: bool,
) -> int:
    """The app in the terminal, or the inline mode. `reload` returns the settings as they are now, or those it gets."""
    environment.prepare(os.environ)
    gc.disable()  # until the front end has its first frame: what is imported stays, and walking it takes 50 ms
    # Whoever takes the terminal from us while we leave does not stop us by that.
    signal.signal(signal.SIGTTOU, signal.SIG_IGN)
    screen = screen_settings(settings, paths, kept=not args.no_session)
    from h2a_tui.theme_choice import ThemeChoice

    themes = ThemeChoice(settings.theme, paths.themes_dir, paths.config_file)

    from h2a_tui.handover import Handover

    handover, terminal = Handover(), None
    if inline:
        from h2a_tui.inline.terminal import InlineTerminal

        escape_s = environment.escape_s(os.environ)
        terminal = InlineTerminal(escape_s=escape_s, finds_pastes=screen.paste_burst)

    async def run() -> int:
        from h2a_agent.assemble import as_chosen, open_session

        now, first = settings, nothing_chosen(settings) and not (args.read_only or inline)
        prompt, draft = ("", args.prompt or "") if first else (args.prompt or "", "")
        try:
            async with traced(args.trace) as trace:
                shown = await show(_session(args, paths), now, screen, prompt, draft, trace, first_run=first)
                while shown.switch is not None and shown.agent is not None:
                    session = open_session(paths, Path.cwd(), session_id=shown.switch.session_id)
                    now, draft = as_chosen(reload(now), shown.agent, session), shown.switch.draft
                    mine = replace(screen, editing=shown.editing)  # as /vim has left it
                    shown = await show(session, now, mine, "", draft, trace)
            return shown.exit_code
        finally:
            handover.give_up()
            if terminal is not None:
                terminal.give_back()

    async def show(
        session: Session,
        settings: Settings,
        screen: ScreenSettings,
        prompt: str,
        draft: str,
        trace: Callable[[Agent], None],
        *,
        first_run: bool = False,
    ) -> _Shown:
        """One session in the app."""
        from h2a_agent.assemble import connect, make_provider, running_agent
        from h2a_agent.events import Error, InputRestored
        from h2a_agent.model_choice import ModelChoice
        from h2a_agent.tools.supervisor import guardian
        from h2a_tui.doctor import Doctor
        from h2a_tui.keymap_check import keymap_notes
        from h2a_tui.vouching import ask_inline, is_vouched_for, keep_answer, not_trusted, question_about

        trusted = is_vouched_for(paths, session.workspace, vouch=args.trust)
        if trusted is None and terminal is not None:
            answer = await ask_inline(session.workspace, screen.keymap(), themes, terminal)
            trusted = keep_answer(paths, session.workspace, answer)
            if trusted is None:
                session.close()
                return _Shown(OK)
        elif trusted is None:
            handover.gather()
            question = question_about(session.workspace, screen.keymap(), themes)
            await _run_app(question, mouse=False)
            trusted = keep_answer(paths, session.workspace, question.return_value)
            if trusted is None:
                session.close()
                return _Shown(question.return_code or OK)
        provider = make_provider(settings)
        async with running_agent(settings, paths, session, provider, trusted=trusted) as agent:
            trace(agent)
            notices = (
                (_FELL_BACK if inline else _DEMO) if settings.fell_back else "",
                "" if trusted else not_trusted(session.workspace),
                *keymap_notes(screen.keymap()),
            )
            models = ModelChoice(agent, settings.catalogue, settings.api_keys, paths.config_file, connect)
            notice = "\n\n".join(filter(None, notices))
            mine = replace(screen, draft_for=None if session.read_only else session.path)
            errors = [Error("session", note) for note in agent.session_notes]
            if (ours := guardian()) is not None:
                session_file = os.fspath(session.path or "")
                ours.remember(
                    resume=f"h2a-chat -r {session.id}", session=session_file, log=os.fspath(log or "")
                )
            doctor = Doctor(settings, paths, session.workspace)
            if terminal is not None:
                from h2a_tui.inline.chat import InlineChat
                from h2a_tui.inline.start import show_inline

                chat = InlineChat(agent, mine, themes, terminal, notice=notice, models=models, doctor=doctor)
                left = await show_inline(chat, prompt=prompt, draft=draft, errors=errors)
                code, switch, editing = left.code, left.switch, chat.keymap.editing
            else:
                from h2a_tui.app import H2AApp

                app = H2AApp(
                    agent,
                    mine,
                    themes,
                    notice=notice,
                    models=models,
                    first_run=first_run,
                    doctor=doctor,
                    handover=handover,
                )
                if ours is not None:
                    ours.watch(partial(app.exit, None, UNGUARDED))
                if prompt:
                    app.call_after_refresh(agent.prompt, prompt)
                if draft:
                    app.call_after_refresh(app.chat.composer.restore, InputRestored((draft,)))
                for error in errors:
                    app.call_after_refresh(app.chat.transcript.apply, error)
                switch = await _run_app(app, mouse=settings.mouse)
                if switch is not None:
                    handover.keep_first(app.chat.composer.leave())
                code, editing = app.return_code or OK, app.chat.editing
        if code == UNGUARDED:
            print(_UNGUARDED, file=sys.stderr)
        if switch is None:
            _say_where_it_is(agent)
        return _Shown(code, switch, agent, editing)

    with open_log(paths.logs_dir) as log:
        return asyncio.run(run())


class _Shown(NamedTuple):
    """How a session in the app ended: the exit code, which one is next, the agent that was there, and whose keys its editors understood."""

    exit_code: int
    switch: Switch | None = None
    agent: Agent | None = None
    editing: Editing = "emacs"


def _talk_plainly(args: argparse.Namespace, settings: Settings, paths: Paths) -> int:
    """Conversations in lines."""
    from h2a_tui.plain_mode import talk_plainly

    screen = screen_settings(settings, paths)
    notice = _FELL_BACK if settings.fell_back else ""
    with open_log(paths.logs_dir):
        return talk_plainly(args, settings, screen, paths, partial(_session, args, paths), notice)


def _play_demo(args: argparse.Namespace, paths: Paths) -> int:
    """The demo conversation as plain lines: there is no terminal, and nothing was asked for."""
    if args.prompt is not None or args.latest or args.resume or args.fork:
        raise UsageError("there is no terminal here; for one answer use: h2a-chat -p PROMPT")
    print(
        "No terminal here, so this is the demo, played as lines. For one answer use: h2a-chat -p PROMPT",
        flush=True,
    )

    async def run() -> int:
        from h2a_agent.assemble import make_provider, open_session, running_agent
        from h2a_agent.catalogue import DEMO
        from h2a_agent.config import Settings
        from h2a_agent.run_settings import RunSettings
        from h2a_tui.plain import play_demo
        from h2a_tui.vouching import is_vouched_for

        settings = Settings(DEMO, RunSettings("demo"))
        session = open_session(paths, Path.cwd(), saved=False)
        provider = make_provider(settings, demo_tokens_per_s=PLAIN_DEMO_TOKENS_PER_S)
        trusted = bool(is_vouched_for(paths, session.workspace, vouch=args.trust))
        async with running_agent(settings, paths, session, provider, trusted=trusted) as agent:
            return await play_demo(agent)

    return asyncio.run(run())


async def _run_app(app: App[_Result], *, mouse: bool) -> _Result | None:
    for number in (signal.SIGTERM, signal.SIGHUP):
        # The app leaves by its own door, so that the terminal is as it was.
        asyncio.get_running_loop().add_signal_handler(number, app.exit, None, 128 + number)
    return await app.run_async(mouse=mouse)


# --------------------------------------------------------------------- helpers

_UNGUARDED: Final = "h2a-chat has left because its guardian process was killed, and without it a crash could leave commands running."
_DEMO: Final = "This is the demo: a script, not a language model. /setup chooses who answers."
_FELL_BACK: Final = (
    "No API key and no server is set, so this is the demo: a script, not a language model. For a model set "
    "ANTHROPIC_API_KEY, run h2a-chat key set NAME, or give --model ollama/NAME or --base-url."
)


def _session(args: argparse.Namespace, paths: Paths) -> Session:
    from h2a_agent.assemble import open_session

    session = open_session(
        paths,
        Path.cwd(),
        session_id=args.fork or args.resume or "",
        latest=args.latest,
        saved=not args.no_session,
        access="fork" if args.fork else "look" if args.read_only else "write",
        here=args.here,
    )
    if args.name:
        session.rename(args.name)
    return session


def nothing_chosen(settings: Settings) -> bool:
    """Has nobody said in any way who shall answer?"""
    return settings.fell_back and not settings.places.keys() & {"provider", "model", "base_url"}


def screen_settings(settings: Settings, paths: Paths, *, kept: bool = True) -> ScreenSettings:
    from h2a_agent.config import ConfigError
    from h2a_tui.attention import Signals
    from h2a_tui.keymap_check import BadKeys, read_keys
    from h2a_tui.settings import ScreenSettings
    from h2a_tui.settings_command import list_settings

    try:
        keys = read_keys(settings.keys)
    except BadKeys as error:
        raise ConfigError(f"{paths.config_file}: keys: {error}.") from error
    still = settings.reduced_motion or environment.motionless(os.environ)
    progress = settings.progress and not still  # the terminal's bar runs to and fro
    signals = Signals(settings.title, progress, settings.notifications, settings.bell)
    prompts = paths.prompts_file if kept else None
    return ScreenSettings(
        paths.logs_dir,
        settings.enter,
        settings.alt_enter,
        keys,
        settings.mouse,
        signals,
        list_settings(settings),
        settings.diffs,
        settings.paste_burst,
        settings.direct,
        prompts,
        images=settings.images,
        reduced_motion=still,
        config_file=paths.config_file,
        editing=settings.editing,
        tips_file=paths.tips_file if kept else None,
    )


def _say_where_it_is(agent: Agent) -> None:
    if agent.unsaved:
        print(
            f"The last {agent.unsaved} record(s) of this session could not be saved: {agent.session_id}",
            file=sys.stderr,
        )
    elif agent.session_path is not None:
        print(f"To go on: h2a-chat -r {agent.session_id}")
