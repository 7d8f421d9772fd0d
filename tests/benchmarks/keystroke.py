"""From the Enter key in a real terminal to the server: how fast a steer acts through the whole program.

The program runs in a pty, the server in this process, both on the same machine and clock. Beside it, in the
same run, a bare socket on the same loopback (see `steering.py`): the least any program could need.
"""

from __future__ import annotations

import asyncio
import os
import sys
import tempfile
import time
from pathlib import Path
from statistics import median, quantiles

from steering import _floor_once

from support.messages_api import Answer, MessagesServer, hold, text, tool
from support.pty_rig import Terminal

__all__ = ["main"]


async def _steer(
    server: MessagesServer, terminal: Terminal, answer: Answer, sign: str
) -> tuple[float, float]:
    """One question, one steer into its answer once `sign` is on screen: ms to the disconnect (0: none), to the request."""
    before = len(server.requests)
    server.script(answer, Answer(text("Fine.")))
    terminal.type_text("question")
    terminal.press("enter")
    await asyncio.to_thread(terminal.wait_for, sign, 20)
    words = f"steer {before}"
    terminal.type_text(words)
    await asyncio.to_thread(terminal.wait_for, f"› {words}", 20)
    started = time.perf_counter()
    terminal.press("enter")
    second = await server.request(before + 2)
    first = server.requests[before]
    await asyncio.to_thread(terminal.wait_for, "ready", 20)
    gone = (first.disconnected_at - started) * 1e3 if first.disconnected else 0.0
    return gone, (second.received_at - started) * 1e3


async def _measure(rounds: int) -> dict[str, list[float]]:
    rows: dict[str, list[float]] = {
        "Enter -> the stream is closed": [],
        "Enter -> next request": [],
        "Enter -> next request, a command runs": [],
        "bare socket: close seen": [],
        "bare socket: request seen": [],
    }
    with tempfile.TemporaryDirectory() as folder:
        async with MessagesServer() as server:
            env = {
                "PATH": os.environ["PATH"],
                "HOME": folder,
                "H2A_HOME": str(Path(folder, "h2a")),
                "TERM": "xterm-256color",
                "LANG": "C.UTF-8",
                "ANTHROPIC_API_KEY": "sk-test",
                "ANTHROPIC_BASE_URL": server.url,
            }
            argv = [sys.executable, "-m", "h2a_tui", "--model", "test-model", "--mode", "full"]
            with Terminal.spawn(argv, env=env, cwd=Path(folder), size=(110, 34)) as terminal:
                await asyncio.to_thread(terminal.wait_for, "ready", 30)
                for n in range(rounds + 1):
                    stream = Answer(text([f"Answer {n} ", f"begins{n}"]), hold())
                    gone, sent = await _steer(server, terminal, stream, f"begins{n}")
                    command = Answer(tool("bash", {"command": f"echo running{n}; sleep 60"}))
                    _, stopped = await _steer(server, terminal, command, f"│ running{n}")
                    floor = await _floor_once(0, 12_000)
                    if n:  # the first round warms everything up
                        for row, value in zip(rows.values(), (gone, sent, stopped, *floor), strict=True):
                            row.append(value)
    return rows


def main(rounds: int = 25) -> None:
    """Print the table."""
    print(f"Steering from the keyboard, {rounds} rounds, real terminal, loopback, ms")
    print(f"{'':40}{'p50':>8}{'p95':>8}")
    for name, values in asyncio.run(_measure(rounds)).items():
        print(f"{name:40}{median(values):8.2f}{quantiles(values, n=20)[-1]:8.2f}")


if __name__ == "__main__":
    main()
