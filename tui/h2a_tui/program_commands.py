"""`h2a-chat schema` and `h2a-chat replay`: the protocol, and what `--trace` has written, played again."""

from __future__ import annotations

import argparse
import asyncio
import sys
from collections.abc import AsyncIterator, Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Final

from h2a_tui.exit_codes import FAILED, OK
from h2a_tui.usage import Parser, UsageError

if TYPE_CHECKING:
    from h2a_agent.paths import Paths
    from h2a_tui.recording import Entry, Recording, Tape
    from h2a_tui.settings import ScreenSettings
    from h2a_tui.streams import Out
    from h2a_tui.theme_choice import ThemeChoice

__all__ = ["PROGRAM_COMMANDS"]

_RECORDING: Final = "This is a recording."


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
        description="Play what --trace has written: in the app or the inline mode, where nothing can be sent, or as lines. Of a damaged trace "
        "what can be read is played; the exit code is 1 then, and 2 where nothing of it is a trace.",
        allow_abbrev=False,
    )
    parser.add_argument("file", metavar="FILE", help="the trace")
    pace = parser.add_mutually_exclusive_group()
    pace.add_argument("--speed", type=_speed, default=1.0, metavar="N", help="N times as fast as it was")
    pace.add_argument("--instant", dest="speed", action="store_const", const=0.0, help="without any pause")
    how = parser.add_mutually_exclusive_group()
    how.add_argument("--inline", action="store_true", help="in the terminal's own scrollback")
    how.add_argument("--plain", action="store_true", help="as lines (the default without a terminal)")
    how.add_argument("--output", choices=("text", "json", "stream-json"), help="as -p prints it")
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
        code = _play_on_screen(tape, args.speed, paths, inline=args.inline)
    if tape.damaged:
        _say_what_was_skipped(tape, args.file)
        return code or FAILED
    return code


async def _play_lines(tape: Tape, speed: float, output: str | None) -> int:
    from h2a_tui.recording import played
    from h2a_tui.streams import stdout

    out = stdout()
    entries = played(tape.entries, speed)
    match output:
        case "stream-json":
            from h2a_agent.protocol.lines import line_of

            async for entry in entries:
                await out.write(line_of(entry))
        case "json":
            await _print_result(tape, entries, out)
        case _:
            await _speak(tape, entries, out, as_p_prints=output == "text")
    return OK


async def _print_result(tape: Tape, entries: AsyncIterator[Entry], out: Out) -> None:
    from h2a_agent.protocol.lines import line_of
    from h2a_agent.protocol.replies import Hello, Missed
    from h2a_tui.folded import Folded

    folded = Folded()
    async for entry in entries:
        if not isinstance(entry, Hello | Missed):
            folded.add(entry)
    await out.write(line_of(folded.result(tape.hello.session_id if tape.hello else "")))


async def _speak(tape: Tape, entries: AsyncIterator[Entry], out: Out, *, as_p_prints: bool) -> None:
    from h2a_agent.events import ApprovalRequested
    from h2a_agent.protocol.replies import Hello, Missed
    from h2a_tui.plain import Lines
    from h2a_tui.plain_questions import question_asked
    from h2a_tui.recording import missed_words
    from h2a_tui.spoken import Spoken
    from h2a_tui.streams import stderr

    lines = Lines(out, stderr()) if as_p_prints else Spoken(out, with_prompts=True)
    async for entry in entries:
        if isinstance(entry, Missed):
            await lines.note(missed_words(entry))
        elif isinstance(entry, ApprovalRequested) and not as_p_prints:
            await lines.note("\n".join(question_asked(entry)))
        elif not isinstance(entry, Hello):
            await lines.show(entry)
        elif entry is not tape.hello:
            await lines.note(f"Another session goes on: {entry.session_id}.")


def _play_on_screen(tape: Tape, speed: float, paths: Paths, *, inline: bool) -> int:
    """In the app, or in the inline mode where that is wanted or nothing else can be shown."""
    import os

    from h2a_agent.config import load
    from h2a_tui import environment
    from h2a_tui.recording import Recording
    from h2a_tui.screen_choice import screen_for
    from h2a_tui.screen_settings import screen_settings
    from h2a_tui.theme_choice import ThemeChoice

    environment.prepare(os.environ)
    settings = load(paths, {"provider": "demo", "screen": "inline" if inline else None}, {})
    shown = screen_for(settings.screen, os.environ, os.get_terminal_size(sys.stdout.fileno()))
    if shown == "plain":
        return asyncio.run(_play_lines(tape, speed, None))
    screen = screen_settings(settings, paths)
    themes = ThemeChoice(settings.theme, paths.themes_dir, paths.config_file)

    async def run() -> int:
        recording = Recording(tape)
        playing = asyncio.create_task(recording.play(speed), name="recording")
        try:
            if shown == "inline":
                return await _show_inline(recording, screen, themes)
            return await _show_app(recording, screen, themes, mouse=settings.mouse)
        finally:
            playing.cancel()
            await asyncio.wait([playing])
            await recording.aclose()

    return asyncio.run(run())


async def _show_app(recording: Recording, screen: ScreenSettings, themes: ThemeChoice, *, mouse: bool) -> int:
    from h2a_tui.app import H2AApp

    app = H2AApp(recording, screen, themes, notice=_RECORDING)
    await app.run_async(mouse=mouse)
    return app.return_code or OK


async def _show_inline(recording: Recording, screen: ScreenSettings, themes: ThemeChoice) -> int:
    import os

    from h2a_tui.environment import escape_s
    from h2a_tui.inline.chat import InlineChat
    from h2a_tui.inline.start import show_inline
    from h2a_tui.inline.terminal import InlineTerminal

    terminal = InlineTerminal(escape_s=escape_s(os.environ), finds_pastes=screen.paste_burst)
    try:
        return (await show_inline(InlineChat(recording, screen, themes, terminal, notice=_RECORDING))).code
    finally:
        terminal.give_back()


def _say_what_was_skipped(tape: Tape, name: str) -> None:
    from h2a_agent.safe_text import one_line

    first, count = tape.damaged[0], len(tape.damaged)
    lines = "1 line was" if count == 1 else f"{count} lines were"
    reason = one_line(first.reason, 200)
    print(f"h2a-chat: {name}: {lines} skipped; the first is line {first.line}: {reason}", file=sys.stderr)


PROGRAM_COMMANDS: Final[
    Mapping[str, tuple[Callable[[], argparse.ArgumentParser], Callable[[argparse.Namespace, Paths], int]]]
] = {
    "schema": (_schema_parser, _schema),
    "replay": (_replay_parser, _replay),
}
