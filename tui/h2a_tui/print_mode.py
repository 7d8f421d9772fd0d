"""`-p`, `--output` and `--input`: what is asked and where the answer goes, before anything runs."""

from __future__ import annotations

import argparse
import asyncio
import os
import select
import stat
import sys
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Final

from h2a_tui.usage import UsageError

if TYPE_CHECKING:
    from h2a_agent.agent import Agent
    from h2a_agent.config import Settings
    from h2a_agent.content import TextBlock
    from h2a_agent.paths import Paths
    from h2a_agent.session import Session
    from h2a_tui.headless import Served
    from h2a_tui.streams import InputLines

__all__ = ["OUTPUTS", "add_arguments", "print_answer", "prints"]

OUTPUTS: Final = ("text", "json", "stream-json")
PLAIN_DEMO_TOKENS_PER_S: Final = 400.0  # nobody reads along

_MOST_BYTES: Final = 10 * 1024 * 1024  # of a pipe that is attached: no model reads more
_PATIENCE_S: Final = 2.0  # after which it is said that the program waits for its input


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The flags for programs."""
    group = parser.add_argument_group("for programs")
    group.add_argument(
        "--output",
        choices=OUTPUTS,
        help="what -p prints: the answer (text), one JSON object at the end (json), every event as a JSON line",
    )
    group.add_argument(
        "--input",
        choices=("text", "stream-json"),
        help="stream-json: obey commands on stdin, one JSON object a line, and print stream-json",
    )


def prints(args: argparse.Namespace) -> bool:
    """Is the answer to be printed, rather than shown?"""
    return args.print_prompt is not None or args.output is not None or args.input is not None


def print_answer(
    args: argparse.Namespace, settings: Settings, paths: Paths, open_session: Callable[[], Session]
) -> int:
    """Answer on stdout as the flags say; returns the exit code.

    Raises:
        UsageError: there is no prompt, or more than one, or flags that exclude each other.
    """
    commanded = args.input == "stream-json"
    output = args.output or ("stream-json" if commanded else "text")
    if commanded and output != "stream-json":
        raise UsageError(f"--input stream-json prints stream-json, not {output}; leave --output out.")
    prompt = _prompt(args, from_stdin=not commanded)

    async def run() -> int:
        from h2a_agent.assemble import as_chosen
        from h2a_tui.headless import LINE_LIMIT
        from h2a_tui.streams import InputLines, stdin
        from h2a_tui.trace_flag import traced

        commands = InputLines(stdin(), LINE_LIMIT) if commanded else None
        now, session, said = settings, open_session(), prompt
        async with traced(args.trace) as trace:
            while True:
                async with _agent_on(session, now, args, paths) as agent:
                    trace(agent)
                    served = await serve(agent, now, said, commands)
                    if served.switch_to is None:
                        return served.exit_code
                    now, session, said = as_chosen(now, agent, served.switch_to), served.switch_to, ()

    async def serve(
        agent: Agent, now: Settings, said: Sequence[TextBlock], commands: InputLines | None
    ) -> Served:
        from h2a_agent.assemble import connect
        from h2a_agent.assemble import open_session as open_other
        from h2a_agent.model_choice import ModelChoice
        from h2a_tui.headless import Served, answer_as_json, serve_program
        from h2a_tui.plain import answer_once
        from h2a_tui.streams import stdout

        if output == "text":
            return Served(await answer_once(agent, said))
        for note in agent.session_notes:
            print(f"h2a-chat: {note}", file=sys.stderr)
        if output == "json":
            return Served(await answer_as_json(agent, said, stdout()))
        models = ModelChoice(agent, now.catalogue, now.api_keys, paths.config_file, connect)

        def open_by_id(session_id: str) -> Session:
            return open_other(paths, Path.cwd(), session_id=session_id)

        going_on = now is not settings
        return await serve_program(agent, models, said, commands, stdout(), open_by_id, going_on=going_on)

    return asyncio.run(run())


@asynccontextmanager
async def _agent_on(
    session: Session, settings: Settings, args: argparse.Namespace, paths: Paths
) -> AsyncGenerator[Agent, None]:
    from h2a_agent.assemble import make_provider, running_agent
    from h2a_tui.vouching import is_vouched_for, not_trusted

    trusted = bool(is_vouched_for(paths, session.workspace, vouch=args.trust))
    if not trusted:
        print(not_trusted(session.workspace), file=sys.stderr)
    provider = make_provider(settings, demo_tokens_per_s=PLAIN_DEMO_TOKENS_PER_S)
    async with running_agent(settings, paths, session, provider, trusted=trusted) as agent:
        yield agent


# --------------------------------------------------------------- the prompt


def _prompt(args: argparse.Namespace, *, from_stdin: bool) -> tuple[TextBlock, ...]:
    """What is asked: the words of the command line and what was piped in, a block each."""
    from h2a_agent.content import TextBlock

    if args.print_prompt and args.prompt:
        raise UsageError("there are two prompts, one with -p and one without; give one.")
    words = args.print_prompt or args.prompt or ""
    if not from_stdin:
        if words == "-":
            raise UsageError("with --input stream-json stdin is for commands; send the prompt there.")
        return (TextBlock(words),) if words.strip() else ()
    if words in ("", "-"):
        if sys.stdin.isatty():
            raise UsageError("-p needs a prompt: h2a-chat -p 'your question', or pipe one in.")
        words = _read_all()
        if not words.strip():
            raise UsageError("the prompt is empty.")
        return (TextBlock(words),)
    if not words.strip():
        raise UsageError("the prompt is empty.")
    attached = _read_all() if _something_is_piped_in() else ""
    if not attached.strip():
        return (TextBlock(words),)
    return (TextBlock(words), TextBlock(f"<stdin>\n{attached.rstrip()}\n</stdin>"))


def _something_is_piped_in() -> bool:
    """Is stdin a pipe, a socket or a file? A terminal is not read, nor is a device such as /dev/null."""
    if sys.stdin is None:  # it was closed before the program began
        return False
    mode = os.fstat(sys.stdin.fileno()).st_mode
    return stat.S_ISFIFO(mode) or stat.S_ISREG(mode) or stat.S_ISSOCK(mode)


def _read_all() -> str:
    """Stdin to its end, and a word on stderr when that is long in coming."""
    fd = sys.stdin.fileno()
    if not select.select([fd], [], [], _PATIENCE_S)[0]:
        print("h2a-chat: waiting for stdin to end (no input: add </dev/null)", file=sys.stderr)
    data = sys.stdin.buffer.read(_MOST_BYTES + 1)
    if len(data) > _MOST_BYTES:
        raise UsageError(
            f"more than {_MOST_BYTES // 1024 // 1024} MB were piped in; a model cannot read that."
        )
    return data.decode("utf-8", "replace")
