"""What may stand on the command line, and what it comes to: flags that go together, settings, the session to begin with."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Final

from h2a_tui import print_mode
from h2a_tui.exit_codes import exit_codes_help
from h2a_tui.usage import Parser, UsageError

if TYPE_CHECKING:
    from h2a_agent.paths import Paths
    from h2a_agent.session import Session

__all__ = ["SETTINGS", "check", "parser", "session_of"]

SETTINGS: Final = ("provider", "model", "base_url", "thinking", "mode", "theme", "screen", "sandbox_level")

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


def check(args: argparse.Namespace) -> None:
    """Refuse flags that do not go together.

    Raises:
        UsageError: it says what would.
    """
    if (args.read_only or args.here) and not (args.latest or args.resume):
        raise UsageError("--read-only and --here need a session: give -r ID or -c as well")
    if args.read_only and (args.prompt is not None or args.print_prompt is not None):
        raise UsageError(
            "with --read-only nothing is sent; to go on in a copy give --fork ID instead of -r ID"
        )


def session_of(args: argparse.Namespace, paths: Paths) -> Session:
    """The session that the flags name, or a new one; see `open_session`."""
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
