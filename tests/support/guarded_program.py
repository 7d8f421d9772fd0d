"""A program under a guardian, for the tests: takes the terminal, starts commands, says READY, and ends as it is told.

    COMMANDS='["COMMAND", ...]' python guarded_program.py HOW

It ends when it reads a key: by a signal (`SIGSEGV`), by `raise`, `sys.exit`, `os._exit`, a `null pointer`, or properly
(`clean`). `wait` waits for somebody else to end it, `deaf` also ignores the polite signals.
"""

from __future__ import annotations

import asyncio
import ctypes
import json
import os
import signal
import subprocess
import sys
import termios
import tty
from pathlib import Path

from h2a_agent.tools.process import Child
from h2a_agent.tools.supervisor import guardian

# All that a full-screen program of ours turns on.
TAKE = (
    b"\x1b[?1049h\x1b[?1000h\x1b[?1002h\x1b[?1003h\x1b[?1006h\x1b[?1015h\x1b[?1016h\x1b[?1004h\x1b[?2004h\x1b[?2048h"
    b"\x1b[?2026h\x1b[>25u\x1b[>4;1m\x1b[?7l\x1b[?25l\x1b[31m"
)
GIVE_BACK = (
    b"\x1b[?1000l\x1b[?1002l\x1b[?1003l\x1b[?1006l\x1b[?1015l\x1b[?1016l\x1b[?1004l\x1b[?2004l\x1b[?2048l\x1b[?2026l"
    b"\x1b[<u\x1b[>4;0m\x1b[?7h\x1b[?1049l\x1b[?25h\x1b[0m"
)


async def run(how: str, commands: list[str]) -> None:
    children = [await Child.start(["/bin/bash", "-c", command], Path.cwd()) for command in commands]
    for child in children:
        assert b"ready" in await child.read()
    # With a handler of the loop's own every signal wakes it; without one, a Ctrl+C that comes just before it sleeps waits
    # until something else happens.
    asyncio.get_running_loop().add_signal_handler(signal.SIGUSR1, lambda: None)
    os.write(1, b"READY\n")
    if how in ("wait", "deaf"):
        await asyncio.Event().wait()
    await asyncio.to_thread(os.read, 0, 1)
    if how == "clean":
        for child in children:
            await child.end(0.1)
            child.keeper.close()


def end(how: str) -> None:
    match how:
        case "raise":
            raise RuntimeError("as told")
        case "sys.exit":
            sys.exit(3)
        case "os._exit":
            os._exit(4)
        case "null pointer":
            ctypes.string_at(0)
        case "clean":
            pass
        case _:
            os.kill(os.getpid(), signal.Signals[how])


def main() -> None:
    how = sys.argv[1]
    commands = json.loads(
        os.environ.get("COMMANDS", "[]")
    )  # not arguments: the tests look for them in command lines
    line = guardian()
    assert line is not None
    for name in line.secrets:
        assert name not in os.environ
    line.remember(
        resume="h2a-chat -r THIS", session=os.environ.get("SESSION", ""), log=os.environ.get("LOG", "")
    )
    if folder := os.environ.get("FOLDER"):
        line.remove_at_end(Path(folder))
    if how == "deaf":
        for number in (signal.SIGHUP, signal.SIGTERM, signal.SIGINT):
            signal.signal(number, signal.SIG_IGN)
    if stray := os.environ.get("STRAY"):
        subprocess.run(
            ["/bin/sh", "-c", f"setsid {stray} >/dev/null 2>&1 &"], check=True
        )  # past every keeper
    modes = None
    if os.isatty(0) and os.isatty(1):
        line.terminal_taken(True)
        modes = termios.tcgetattr(0)
        tty.setraw(0)
        os.write(1, TAKE)
    asyncio.run(run(how, commands))
    if how == "clean" and modes is not None:
        os.write(1, GIVE_BACK)
        termios.tcsetattr(0, termios.TCSADRAIN, modes)
        line.terminal_taken(False)
    end(how)


main()
