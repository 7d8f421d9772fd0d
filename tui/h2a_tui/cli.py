"""The command line: parse, choose a front end, import it there, run it, and map what went wrong to an exit code."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING

from h2a_tui import environment, key_command, print_mode
from h2a_tui.arguments import SETTINGS, check, parser, session_of
from h2a_tui.demo_mode import FELL_BACK, play_demo_as_lines
from h2a_tui.exit_codes import FAILED, INTERRUPTED, OK, UNREAD, USAGE
from h2a_tui.log import open_log
from h2a_tui.program_commands import PROGRAM_COMMANDS
from h2a_tui.subcommands import SUBCOMMANDS, run_subcommand
from h2a_tui.twins import soften
from h2a_tui.usage import UsageError

if TYPE_CHECKING:
    import argparse

    from h2a_agent.config import Settings
    from h2a_agent.paths import Paths

__all__ = ["main"]


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
    check(args)
    flags = {key: getattr(args, key) for key in SETTINGS}
    settings = load(paths, flags, environ)

    if args.prompt == "keys" and args.print_prompt is None:
        environment.prepare(os.environ)
        from h2a_tui.keys_command import keys_command
        from h2a_tui.screen_settings import screen_settings

        return keys_command(screen_settings(settings, paths).keymap())
    if args.prompt == "doctor" and args.print_prompt is None:
        environment.prepare(os.environ)
        from h2a_tui.doctor import Doctor, report
        from h2a_tui.screen_settings import screen_settings

        keymap = screen_settings(settings, paths).keymap()
        return asyncio.run(report(Doctor(settings, paths, Path.cwd()), keymap))
    if print_mode.prints(args):
        if settings.fell_back:
            print(FELL_BACK, file=sys.stderr)
        return print_mode.print_answer(args, settings, paths, partial(session_of, args, paths))
    if args.plain or environment.accessible(os.environ):
        return _talk_plainly(args, settings, paths)
    if not (sys.stdin.isatty() and sys.stdout.isatty()):
        return play_demo_as_lines(args, paths)

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
    from h2a_tui.screen_mode import run_on_screen

    return run_on_screen(args, settings, paths, reload, inline=shown == "inline")


def _talk_plainly(args: argparse.Namespace, settings: Settings, paths: Paths) -> int:
    from h2a_tui.plain_mode import talk_plainly
    from h2a_tui.screen_settings import screen_settings

    screen = screen_settings(settings, paths)
    notice = FELL_BACK if settings.fell_back else ""
    with open_log(paths.logs_dir):
        return talk_plainly(args, settings, screen, paths, partial(session_of, args, paths), notice)
