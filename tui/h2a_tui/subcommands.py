"""`h2a-chat sessions`, `export` and `import`: what is done with sessions without a chat."""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Final

from h2a_tui.usage import OK, Parser, UsageError

if TYPE_CHECKING:
    from h2a_agent.paths import Paths
    from h2a_agent.session_files import SessionInfo

__all__ = ["SUBCOMMANDS", "run_subcommand"]


def run_subcommand(argv: Sequence[str], paths: Paths, environ: Mapping[str, str]) -> int:
    """Run `argv`, whose first word is one of `SUBCOMMANDS`; returns the exit code.

    Raises:
        UsageError: it was not asked in a way it understands.
        SessionError: there is no such session, or it is not readable.
        JournalLocked: another process has it open.
        OSError: a file cannot be read or written.
    """
    parser_of, run = SUBCOMMANDS[argv[0]]
    return run(parser_of().parse_args(argv[1:]), paths, environ)


# ------------------------------------------------------------------ sessions


def _sessions_parser() -> argparse.ArgumentParser:
    parser = Parser(
        prog="h2a-chat sessions",
        description="List sessions, newest first, or find what was said in them.",
        allow_abbrev=False,
    )
    parser.add_argument("search", nargs="?", metavar="SEARCH", help="show those in which this was said")
    parser.add_argument("--regex", action="store_true", help="SEARCH is a regular expression")
    parser.add_argument("--here", action="store_true", help="only those of this folder")
    change = parser.add_mutually_exclusive_group()
    change.add_argument("--rename", nargs=2, metavar=("ID", "NAME"), help="name session ID")
    change.add_argument("--delete", metavar="ID", help="move session ID to the trash folder")
    return parser


def _sessions(args: argparse.Namespace, paths: Paths, _environ: Mapping[str, str]) -> int:
    from h2a_agent.session_files import delete_session, find_session, list_sessions

    if args.delete:
        print(f"Moved to {delete_session(paths.sessions_dir, find_session(paths.sessions_dir, args.delete))}")
    elif args.rename:
        from h2a_agent.session import Session

        session = Session.open(find_session(paths.sessions_dir, args.rename[0]))
        session.rename(args.rename[1])
        session.close()
    elif args.search is not None:
        _search(args, paths)
    else:
        sessions = list_sessions(paths.sessions_dir, Path.cwd() if args.here else None)
        _print(_row(info) for info in sessions)
        if not sessions:
            print("There are no sessions yet.", file=sys.stderr)
    return OK


def _search(args: argparse.Namespace, paths: Paths) -> None:
    from h2a_agent.session_search import search_sessions

    workspace = Path.cwd() if args.here else None
    nothing = True
    for found in search_sessions(paths.sessions_dir, args.search, regex=args.regex, workspace=workspace):
        nothing = False
        print(_row(found.info))
        _print(f"    {hit.speaker}: {hit.snippet}" for hit in found.hits)
        if found.count > len(found.hits):
            print(f"    and {found.count - len(found.hits)} more")
    if nothing:
        print(f"No session says {args.search!r}.", file=sys.stderr)


def _row(info: SessionInfo) -> str:
    from h2a_agent.safe_text import one_line
    from h2a_tui.format import age, folder, money

    where = one_line(folder(info.workspace))
    messages = f"{info.messages} msg" if info.messages is not None else ""
    cost = money(info.cost_usd) if info.cost_usd else ""
    labels = "".join(f"  [{label}]" for label in info.labels)
    passed = age(time.time() - info.modified)
    return f"{info.id}  {passed:>4}  {where:30}  {messages:>8}  {cost:>6}  {info.title}{labels}"


def _print(lines: Iterable[str]) -> None:
    for line in lines:
        print(line)


# -------------------------------------------------------------------- export


def _export_parser() -> argparse.ArgumentParser:
    parser = Parser(
        prog="h2a-chat export",
        description="Write a session to a file: a page to read, Markdown, or JSON lines that can be imported. Keys are "
        "taken out as far as they can be told; read an export before you give it away.",
        allow_abbrev=False,
    )
    parser.add_argument(
        "session", nargs="?", metavar="ID", help="which session (default: the last one of this folder)"
    )
    parser.add_argument(
        "file", nargs="?", metavar="FILE", help="where to; - is stdout (default: a new file here)"
    )
    parser.add_argument(
        "--to", choices=("html", "md", "jsonl"), help="how (default: as FILE ends, else html)"
    )
    return parser


def _export(args: argparse.Namespace, paths: Paths, environ: Mapping[str, str]) -> int:
    from h2a_agent.config import load_providers
    from h2a_agent.export import FORMATS, export_session, render_session
    from h2a_agent.export.redact import secrets_of
    from h2a_agent.session_files import find_session, latest_session

    root = paths.sessions_dir
    source = find_session(root, args.session) if args.session else latest_session(root, Path.cwd())
    catalogue, keys = load_providers(paths, environ)
    for name in catalogue.names:
        keys.find(catalogue.get(name))  # each one that is found is taken out
    secrets = secrets_of(environ)
    suffix = Path(args.file or "").suffix.removeprefix(".").lower()
    how = args.to or (suffix if suffix in FORMATS else "html")
    if args.file == "-":
        text, redacted = render_session(source, how, secrets=secrets)
        sys.stdout.buffer.write(text.encode("utf-8", "backslashreplace"))
    else:
        if args.file and not args.to and suffix not in FORMATS:
            raise UsageError(
                f"what kind of file is {args.file}? End it with .html, .md or .jsonl, or give --to"
            )
        target = Path(args.file or f"h2a-{source.stem[-8:].lower()}.{how}")
        exported = export_session(source, target, how, secrets=secrets)
        redacted = exported.redacted
        print(f"Written to {exported.path}")
    if redacted:
        print(f"{redacted} secret{'s' if redacted > 1 else ''} taken out.", file=sys.stderr)
    return OK


# -------------------------------------------------------------------- import


def _import_parser() -> argparse.ArgumentParser:
    parser = Parser(
        prog="h2a-chat import",
        description="Make a session of this folder from an export (.jsonl).",
        allow_abbrev=False,
    )
    parser.add_argument(
        "file", metavar="FILE", help="what `h2a-chat export ID --to jsonl` wrote, or a session's file"
    )
    return parser


def _import(args: argparse.Namespace, paths: Paths, _environ: Mapping[str, str]) -> int:
    from h2a_agent.paths import private_folder
    from h2a_agent.session_copy import import_session
    from h2a_agent.session_files import sessions_of

    here = Path.cwd()
    made = import_session(Path(args.file), private_folder(sessions_of(paths.sessions_dir, here)), here)
    print(f"To go on: h2a-chat -r {made.stem}")
    return OK


SUBCOMMANDS: Final[
    Mapping[
        str,
        tuple[
            Callable[[], argparse.ArgumentParser],
            Callable[[argparse.Namespace, Paths, Mapping[str, str]], int],
        ],
    ]
] = {
    "sessions": (_sessions_parser, _sessions),
    "export": (_export_parser, _export),
    "import": (_import_parser, _import),
}
