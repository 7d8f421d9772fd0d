"""`h2a-chat schema` and `h2a-chat replay`: the protocol, and what `--trace` has written, played again."""

from __future__ import annotations

import argparse
import asyncio
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Final

from h2a_tui.usage import OK, Parser, UsageError

if TYPE_CHECKING:
    from h2a_agent.paths import Paths
    from h2a_tui.recording import Tape

__all__ = ["PROGRAM_COMMANDS"]


# -------------------------------------------------------------------- schema


def _schema_parser() -> argparse.ArgumentParser:
    return Parser(
        prog="h2a-chat schema",
        description="Print the JSON schema of what --input stream-json takes and --output stream-json prints.",
        allow_abbrev=False,
    )


def _schema(_args: argparse.Namespace, _paths: Paths) -> int:
    from h2a_agent.protocol.schema import schema_text

    sys.stdout.buffer.write(schema_text().encode())
    return OK


# -------------------------------------------------------------------- replay


def _replay_parser() -> argparse.ArgumentParser:
    parser = Parser(
        prog="h2a-chat replay",
        description="Play what --trace has written: in the app, where nothing can be sent, or as lines.",
        allow_abbrev=False,
    )
    parser.add_argument("file", metavar="FILE", help="the trace")
    pace = parser.add_mutually_exclusive_group()
    pace.add_argument("--speed", type=_speed, default=1.0, metavar="N", help="N times as fast as it was")
    pace.add_argument("--instant", dest="speed", action="store_const", const=0.0, help="without any pause")
    how = parser.add_mutually_exclusive_group()
    how.add_argument("--plain", action="store_true", help="as lines (the default without a terminal)")
    how.add_argument("--output", choices=("text", "stream-json"), help="as -p prints it")
    return parser


def _speed(text: str) -> float:
    speed = float(text)
    if not 0.01 <= speed <= 10_000:
        raise ValueError
    return speed


_speed.__name__ = "speed between 0.01 and 10000"  # argparse says it


def _replay(args: argparse.Namespace, paths: Paths) -> int:
    from h2a_tui.recording import read_tape

    tape = read_tape(Path(args.file))
    if not tape.entries:
        raise UsageError(f"{args.file} is not a trace: no line of it is an event.")
    if args.plain or args.output or not (sys.stdin.isatty() and sys.stdout.isatty()):
        code = asyncio.run(_play_lines(tape, args.speed, args.output))
    else:
        code = _play_in_the_app(tape, args.speed, paths)
    _say_what_was_skipped(tape, args.file)
    return code


async def _play_lines(tape: Tape, speed: float, output: str | None) -> int:
    from h2a_agent.protocol.lines import line_of
    from h2a_agent.protocol.replies import Hello, Missed
    from h2a_tui.plain import Lines
    from h2a_tui.recording import missed_words, played
    from h2a_tui.spoken import Spoken
    from h2a_tui.streams import stderr, stdout

    out = stdout()
    lines = Lines(out, stderr()) if output == "text" else Spoken(out, with_prompts=True)
    async for entry in played(tape.entries, speed):
        if output == "stream-json":
            await out.write(line_of(entry))
        elif isinstance(entry, Missed):
            await lines.note(missed_words(entry))
        elif not isinstance(entry, Hello):
            await lines.show(entry)
    return OK


def _play_in_the_app(tape: Tape, speed: float, paths: Paths) -> int:
    import os

    from h2a_tui import environment

    environment.prepare(os.environ)

    async def run() -> int:
        from h2a_agent.config import load
        from h2a_tui.app import H2AApp
        from h2a_tui.cli import screen_settings
        from h2a_tui.recording import Recording
        from h2a_tui.theme_choice import ThemeChoice

        settings = load(paths, {"provider": "demo"}, {})
        recording = Recording(tape)
        themes = ThemeChoice(settings.theme, paths.themes_dir, paths.config_file)
        app = H2AApp(recording, screen_settings(settings, paths), themes, notice="This is a recording.")
        playing = asyncio.create_task(recording.play(speed), name="recording")
        try:
            await app.run_async(mouse=settings.mouse)
        finally:
            playing.cancel()
            await asyncio.wait([playing])
            await recording.aclose()
        return app.return_code or OK

    return asyncio.run(run())


def _say_what_was_skipped(tape: Tape, name: str) -> None:
    if tape.damaged:
        first = tape.damaged[0]
        count = len(tape.damaged)
        lines = "1 line was" if count == 1 else f"{count} lines were"
        print(
            f"h2a-chat: {name}: {lines} skipped; the first is line {first.line}: {first.reason}",
            file=sys.stderr,
        )


PROGRAM_COMMANDS: Final[
    Mapping[str, tuple[Callable[[], argparse.ArgumentParser], Callable[[argparse.Namespace, Paths], int]]]
] = {
    "schema": (_schema_parser, _schema),
    "replay": (_replay_parser, _replay),
}
